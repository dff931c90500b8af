//! A verifier of what the compiler makes, independent of it: every path through the code is followed.

use std::collections::HashMap;

use rowel_bytecode::{Bytecode, BytecodeSet, decode, sista_v1, v3};
use rowel_images::compiler::{BlockCode, Literal, MethodCode};
use sista_v1::Bytecode as S;
use v3::Bytecode as V;

/// What an activation may use.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Slots for arguments, copied values and temporaries.
    slots: usize,
    /// Slots and stack that its contexts have room for.
    room: usize,
    is_block: bool,
}

/// Panics with what is wrong with a method.
pub fn verify(code: &MethodCode, set: BytecodeSet) {
    assert!(code.argument_count <= code.temporary_count, "arguments are slots");
    let frame = Frame {
        slots: usize::from(code.temporary_count),
        room: usize::from(code.frame_size),
        is_block: false,
    };
    let deepest = Verifier::new(&code.bytecodes, &code.literals, set).activation(0, frame);
    assert_eq!(deepest, frame.room, "the frame is as large as it has to be");
    for (pc, range) in &code.source_map {
        decode(&code.bytecodes, *pc as usize, set).expect("a bytecode is where the map says");
        assert!(range.start <= range.end, "{range:?}");
    }
}

fn verify_block(code: &BlockCode, set: BytecodeSet) {
    assert!(code.argument_count + code.copied_count <= code.temporary_count);
    let frame = Frame {
        slots: usize::from(code.temporary_count),
        room: usize::from(code.frame_size),
        is_block: true,
    };
    let deepest = Verifier::new(&code.bytecodes, &code.literals, set).activation(0, frame);
    assert_eq!(deepest, frame.room, "the block's frame is as large as it has to be");
}

/// Where control goes after a bytecode.
struct Next {
    falls_through: bool,
    jump: Option<i32>,
}

struct Verifier<'a> {
    bytecodes: &'a [u8],
    literals: &'a [Literal],
    set: BytecodeSet,
}

impl<'a> Verifier<'a> {
    fn new(bytecodes: &'a [u8], literals: &'a [Literal], set: BytecodeSet) -> Self {
        Self { bytecodes, literals, set }
    }

    /// Follow an activation's code from `start`; answers the largest frame, that of embedded blocks included.
    fn activation(&self, start: usize, frame: Frame) -> usize {
        let mut depths: HashMap<usize, i64> = HashMap::new();
        let mut to_do = vec![(start, 0_i64)];
        let mut largest = frame.slots;
        while let Some((pc, depth)) = to_do.pop() {
            if let Some(&known) = depths.get(&pc) {
                assert_eq!(known, depth, "two ways to {pc} differ in depth");
                continue;
            }
            depths.insert(pc, depth);
            let (bytecode, next) = decode(self.bytecodes, pc, self.set).expect("a bytecode");
            self.check_operands(bytecode, frame);
            let effect = bytecode.stack_effect().expect("no inlined primitives");
            if is_error_store(bytecode, pc, frame, self.set, self.bytecodes) {
                to_do.push((next, depth));
                continue;
            }
            assert!(depth >= i64::from(effect.popped), "{bytecode} at {pc} takes too much");
            let after = depth + effect.net();
            largest = largest.max(frame.slots + usize::try_from(after).expect("not negative"));
            let mut next_after = next;
            if let Bytecode::V3(V::PushClosure { num_args, num_copied, size }) = bytecode {
                let (inner, start) = self.embedded(next, num_args, num_copied, frame);
                largest = largest.max(self.activation(start, inner));
                next_after = next + usize::try_from(size).expect("a size");
            }
            let Next { falls_through, jump } = flow(bytecode, frame.is_block);
            if falls_through {
                to_do.push((next_after, after));
            }
            if let Some(offset) = jump {
                let target = i64::try_from(next).expect("small") + i64::from(offset);
                to_do.push((usize::try_from(target).expect("a place"), after));
            }
        }
        largest
    }

    /// The frame of an embedded block, whose temporaries are pushed first, and where its code goes on.
    fn embedded(&self, start: usize, arguments: i32, copied: i32, frame: Frame) -> (Frame, usize) {
        let mut pc = start;
        let mut slots = usize::try_from(arguments + copied).expect("not negative");
        // Pushes of nil that the block begins with are temporaries as far as they are used as such.
        let used = self.highest_slot(start).map_or(0, |slot| slot + 1);
        while slots < used {
            let (bytecode, next) = decode(self.bytecodes, pc, self.set).expect("a bytecode");
            assert_eq!(bytecode, Bytecode::V3(V::PushNil {}), "a temporary is made");
            slots += 1;
            pc = next;
        }
        (Frame { slots, room: frame.room, is_block: true }, pc)
    }

    /// The highest slot that the embedded block at `start` uses.
    fn highest_slot(&self, start: usize) -> Option<usize> {
        let mut pc = start;
        let mut highest = None;
        let end = self.end_of_block(start);
        while pc < end {
            let (bytecode, next) = decode(self.bytecodes, pc, self.set).expect("a bytecode");
            if let Some(slot) = slot_of(bytecode) {
                highest = highest.max(Some(slot));
            }
            pc = match bytecode {
                Bytecode::V3(V::PushClosure { size, .. }) => {
                    next + usize::try_from(size).expect("a size")
                }
                _ => next,
            };
        }
        highest
    }

    fn end_of_block(&self, start: usize) -> usize {
        let (bytecode, _) = decode(self.bytecodes, start - 4, self.set).expect("the closure");
        match bytecode {
            Bytecode::V3(V::PushClosure { size, .. }) => {
                start + usize::try_from(size).expect("a size")
            }
            other => panic!("{other} is no closure"),
        }
    }

    fn literal(&self, index: i32) -> &Literal {
        let index = usize::try_from(index).expect("not negative");
        self.literals.get(index).expect("the literal is there")
    }

    fn check_operands(&self, bytecode: Bytecode, frame: Frame) {
        if let Some(slot) = slot_of(bytecode) {
            assert!(slot < frame.slots, "{bytecode}: there are {} slots", frame.slots);
        }
        match bytecode {
            Bytecode::SistaV1(
                S::Send0 { index }
                | S::Send1 { index }
                | S::Send2 { index }
                | S::LongSend { index, .. }
                | S::SendSuper { index, .. },
            )
            | Bytecode::V3(
                V::Send0 { index }
                | V::Send1 { index }
                | V::Send2 { index }
                | V::ExtendedSend { index, .. }
                | V::SecondExtendedSend { index, .. }
                | V::ExtendedSendSuper { index, .. }
                | V::DoubleExtended { kind: 0 | 1, index, .. },
            ) => assert!(matches!(self.literal(index), Literal::Symbol(_)), "{bytecode}"),
            Bytecode::SistaV1(
                S::PushLiteralVariable { index }
                | S::LongPushLiteralVariable { index }
                | S::LongPopIntoLiteralVariable { index }
                | S::LongStoreIntoLiteralVariable { index },
            )
            | Bytecode::V3(
                V::PushLiteralVariable { index }
                | V::ExtendedPush { kind: 3, index }
                | V::ExtendedStore { kind: 3, index }
                | V::ExtendedPopInto { kind: 3, index },
            ) => assert!(matches!(self.literal(index), Literal::Binding(_)), "{bytecode}"),
            Bytecode::SistaV1(S::PushLiteral { index } | S::LongPushLiteral { index })
            | Bytecode::V3(V::PushLiteral { index } | V::ExtendedPush { kind: 2, index }) => {
                let literal = self.literal(index);
                assert!(!matches!(literal, Literal::Binding(_) | Literal::Block(_)), "{bytecode}");
            }
            Bytecode::SistaV1(S::PushFullClosure { index, num_copied, .. }) => {
                let Literal::Block(block) = self.literal(index) else { panic!("{bytecode}") };
                assert_eq!(i32::from(block.copied_count), num_copied);
                verify_block(block, self.set);
            }
            _ => {}
        }
    }
}

/// The slot that a bytecode uses, the one of a temp vector included.
fn slot_of(bytecode: Bytecode) -> Option<usize> {
    let slot = match bytecode {
        Bytecode::SistaV1(
            S::PushTemporary { index }
            | S::LongPushTemporary { index }
            | S::PopIntoTemporary { index }
            | S::LongPopIntoTemporary { index }
            | S::LongStoreIntoTemporary { index },
        )
        | Bytecode::V3(
            V::PushTemporary { index }
            | V::PopIntoTemporary { index }
            | V::ExtendedPush { kind: 1, index }
            | V::ExtendedStore { kind: 1, index }
            | V::ExtendedPopInto { kind: 1, index },
        ) => index,
        Bytecode::SistaV1(
            S::PushRemoteTemporary { vector, .. }
            | S::StoreIntoRemoteTemporary { vector, .. }
            | S::PopIntoRemoteTemporary { vector, .. },
        )
        | Bytecode::V3(
            V::PushRemoteTemporary { vector, .. }
            | V::StoreIntoRemoteTemporary { vector, .. }
            | V::PopIntoRemoteTemporary { vector, .. },
        ) => vector,
        _ => return None,
    };
    usize::try_from(slot).ok()
}

/// Whether this is the store behind the call of a primitive, which names the last slot.
fn is_error_store(
    bytecode: Bytecode,
    pc: usize,
    frame: Frame,
    set: BytecodeSet,
    bytecodes: &[u8],
) -> bool {
    let is_store = matches!(
        bytecode,
        Bytecode::SistaV1(S::LongStoreIntoTemporary { .. })
            | Bytecode::V3(V::ExtendedStore { kind: 1, .. })
    );
    let calls = matches!(
        decode(bytecodes, 0, set),
        Ok((Bytecode::SistaV1(S::CallPrimitive { .. }) | Bytecode::V3(V::CallPrimitive { .. }), 3))
    );
    let found = is_store && calls && pc == 3 && !frame.is_block;
    if found {
        assert_eq!(slot_of(bytecode), Some(frame.slots - 1), "the error code is in the last slot");
    }
    found
}

fn flow(bytecode: Bytecode, is_block: bool) -> Next {
    let (falls_through, jump) = match bytecode {
        Bytecode::SistaV1(S::Jump { offset } | S::LongJump { offset })
        | Bytecode::V3(V::Jump { offset } | V::LongJump { offset }) => (false, Some(offset)),
        Bytecode::SistaV1(
            S::JumpIfTrue { offset }
            | S::JumpIfFalse { offset }
            | S::LongJumpIfTrue { offset }
            | S::LongJumpIfFalse { offset },
        )
        | Bytecode::V3(
            V::JumpIfFalse { offset }
            | V::LongJumpIfTrue { offset }
            | V::LongJumpIfFalse { offset },
        ) => (true, Some(offset)),
        Bytecode::SistaV1(
            S::ReturnReceiver {}
            | S::ReturnTrue {}
            | S::ReturnFalse {}
            | S::ReturnNil {}
            | S::ReturnTop {},
        )
        | Bytecode::V3(
            V::ReturnReceiver {}
            | V::ReturnTrue {}
            | V::ReturnFalse {}
            | V::ReturnNil {}
            | V::ReturnTop {},
        ) => (false, None),
        Bytecode::SistaV1(S::BlockReturnNil { .. } | S::BlockReturnTop { .. })
        | Bytecode::V3(V::BlockReturnTop {}) => {
            assert!(is_block, "only blocks return to their callers");
            (false, None)
        }
        _ => (true, None),
    };
    Next { falls_through, jump }
}
