//! What does not fit the frame of its method is not run: operands that are not there, too many of them,
//! paths that do not agree, temporaries and literals that do not exist; but whatever no path reaches is.

#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;

use rowel_bytecode::{Bytecode, BytecodeSet, decode};
use rowel_interpreter::code::MethodCode;
use rowel_interpreter::method::{self, MethodHeader, is_well_formed};
use rowel_interpreter::operation::{OPERATIONS, Operation as Op, Word, disassemble};
use rowel_interpreter::translate::translate;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::image::HeapOptions;
use rowel_objmem::{Heap, Oop};

/// A method to be translated.
#[derive(Clone, Copy)]
struct Method {
    literals: usize,
    temporaries: usize,
    is_large: bool,
    set: BytecodeSet,
}

const PLAIN: Method =
    Method { literals: 2, temporaries: 2, is_large: false, set: BytecodeSet::SistaV1 };

impl Method {
    fn translated(self, bytes: &[u8]) -> MethodCode {
        let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let header = MethodHeader::new(self.set, self.literals).with_temps(0, self.temporaries);
        let header = header.with_large_frame(self.is_large);
        let class = bootstrap_class::COMPILED_METHOD;
        let method = method::make(&mut heap, class, header, &[], bytes).expect("memory");
        translate(heap.memory(), method)
    }

    /// Whether all of `bytes` may be run.
    fn fits(self, bytes: &[u8]) -> bool {
        !illegal_words(&self.translated(bytes)).contains(&1)
    }
}

/// Operand b of each illegal operation.
fn illegal_words(code: &MethodCode) -> Vec<u16> {
    let words = code.words();
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(word) = words.get(index) {
        if Op::from_number(word.op()) == Op::Illegal {
            found.push(word.b());
        }
        index += OPERATIONS[usize::from(word.op())].1;
    }
    found
}

// Bytecodes of SistaV1.
const PUSH_TEMP: u8 = 0x40;
const PUSH_NIL: u8 = 0x4F;
const DUPLICATE: u8 = 0x53;
const RETURN_RECEIVER: u8 = 0x58;
const RETURN_TOP: u8 = 0x5C;
const BLOCK_RETURN_TOP: u8 = 0x5E;
const ADD: u8 = 0x60;
const SEND_0: u8 = 0x80;
const JUMP_1: u8 = 0xB0;
const JUMP_IF_TRUE_1: u8 = 0xB8;
const POP_INTO_TEMP: u8 = 0xD0;
const POP: u8 = 0xD8;

#[test]
fn operands_that_are_not_there_are_not_taken() {
    assert!(PLAIN.fits(&[PUSH_NIL, POP, RETURN_RECEIVER]));
    assert!(!PLAIN.fits(&[POP, RETURN_RECEIVER]));
    assert!(!PLAIN.fits(&[PUSH_NIL, ADD, RETURN_TOP]));
    assert!(!PLAIN.fits(&[POP_INTO_TEMP, RETURN_RECEIVER]));
    assert!(!PLAIN.fits(&[JUMP_IF_TRUE_1, PUSH_NIL, RETURN_TOP]));
    // pushNewArray: of five elements from the stack
    let mut array = vec![PUSH_NIL; 4];
    array.extend([0xE7, 0x85, RETURN_TOP]);
    assert!(!PLAIN.fits(&array));
    array.insert(0, PUSH_NIL);
    assert!(PLAIN.fits(&array));
}

#[test]
fn a_bytecode_that_does_not_fit_is_illegal_and_those_before_it_are_not() {
    let words = PLAIN.translated(&[PUSH_NIL, ADD, RETURN_TOP]).words();
    let lines = "   0 PushNil 0 0 0\n   1 Illegal 0 1 0\n   2 Illegal 0 1 0\n   3 Illegal 0 1 0\n   4 ReturnTop 0 0 0\n";
    assert_eq!(disassemble(&words), lines);
}

#[test]
fn a_frame_takes_as_many_slots_as_a_context_has() {
    let pushes = |count: usize| [vec![PUSH_NIL; count], vec![RETURN_TOP]].concat();
    let large = Method { is_large: true, ..PLAIN };
    assert!(PLAIN.fits(&pushes(14)) && !PLAIN.fits(&pushes(15)));
    assert!(large.fits(&pushes(54)) && !large.fits(&pushes(55)));
    // Temporaries that are more than that.
    assert!(!Method { temporaries: 17, ..PLAIN }.fits(&[RETURN_RECEIVER]));
    assert!(Method { temporaries: 17, ..large }.fits(&[RETURN_RECEIVER]));
    // A loop that pushes: pushNil; jump back over both
    assert!(!PLAIN.fits(&[PUSH_NIL, 0xE1, 0xFF, 0xED, 0xFB]));
}

#[test]
fn paths_that_meet_agree() {
    // Pops the condition; one path pushes, the other does not.
    assert!(!PLAIN.fits(&[PUSH_TEMP, JUMP_IF_TRUE_1, PUSH_NIL, RETURN_RECEIVER]));
    // Both push.
    let both = [PUSH_TEMP, JUMP_IF_TRUE_1 + 1, PUSH_NIL, JUMP_1, PUSH_NIL, RETURN_TOP];
    assert!(PLAIN.fits(&both));
    // A loop that keeps its depth: pushTemp; pop; jump back over all
    assert!(PLAIN.fits(&[PUSH_TEMP, POP, 0xE1, 0xFF, 0xED, 0xFA]));
    // A jump into the middle of the loop before it, one operand short.
    assert!(!PLAIN.fits(&[JUMP_1, PUSH_TEMP, POP, 0xE1, 0xFF, 0xED, 0xFA]));
}

#[test]
fn temporaries_and_literals_exist() {
    assert!(PLAIN.fits(&[PUSH_TEMP + 1, RETURN_TOP]) && !PLAIN.fits(&[PUSH_TEMP + 2, RETURN_TOP]));
    // The operands of embedded blocks are their temporaries.
    assert!(PLAIN.fits(&[PUSH_NIL, PUSH_TEMP + 2, RETURN_TOP]));
    assert!(!PLAIN.fits(&[PUSH_NIL, POP_INTO_TEMP + 3, RETURN_RECEIVER]));
    // pushRemoteTemp: 0 of the vector in temporary 9
    assert!(!PLAIN.fits(&[0xFB, 0, 9, RETURN_TOP]));
    // pushLiteral: 2; pushLiteralVariable: 2; send literal 2
    for bytes in [[0x22, RETURN_TOP, 0], [0x12, RETURN_TOP, 0], [PUSH_NIL, SEND_0 + 2, RETURN_TOP]]
    {
        assert!(!PLAIN.fits(&bytes), "{bytes:x?}");
    }
    assert!(PLAIN.fits(&[PUSH_NIL, SEND_0 + 1, RETURN_TOP]));
}

#[test]
fn a_failure_code_is_stored_over_the_last_temporary() {
    // callPrimitive: 1; longStoreIntoTemporary: 1; return
    let header = Method { temporaries: 2, ..PLAIN };
    assert!(header.fits(&[0xF8, 1, 0, 0xF5, 1, RETURN_RECEIVER]));
    assert!(header.fits(&[DUPLICATE, RETURN_TOP]));
}

#[test]
fn what_no_path_reaches_is_left_alone_until_it_is_entered() {
    // A return, and after it what a compiler leaves there: pops of what is not pushed.
    let bytes = [PUSH_TEMP, JUMP_IF_TRUE_1 + 2, RETURN_RECEIVER, POP, POP, RETURN_RECEIVER];
    let code = PLAIN.translated(&bytes);
    assert_eq!(illegal_words(&code), []);
    let dead = code.word_at(24 + 3).expect("a word");
    assert_eq!(code.expected_depth(dead, 99), None);
    assert_eq!(code.expected_depth(dead, 4), Some(4));
    assert_eq!(illegal_words(&code), []);
    // Now it is known.
    assert_eq!(code.expected_depth(dead, 3), Some(4));
    let code = PLAIN.translated(&bytes);
    assert_eq!(code.expected_depth(dead, 1), Some(1));
    assert_eq!(illegal_words(&code), [1]);
}

#[test]
fn an_embedded_block_begins_with_its_arguments_and_copied_values() {
    // pushNil; pushClosure: 1 argument, 1 copied, 3 bytes: t0 + t1, blockReturn; return
    let block = |body: [u8; 4]| {
        let mut bytes = vec![PUSH_NIL, 0xFA, 0b00_001_001, 4];
        bytes.extend(body);
        bytes.push(RETURN_TOP);
        bytes
    };
    let body = [PUSH_TEMP, PUSH_TEMP + 1, ADD, BLOCK_RETURN_TOP];
    assert!(PLAIN.fits(&block(body)));
    assert!(!PLAIN.fits(&block([PUSH_TEMP + 2, PUSH_TEMP, ADD, BLOCK_RETURN_TOP])));
    assert!(!PLAIN.fits(&block([POP, PUSH_TEMP, PUSH_TEMP, BLOCK_RETURN_TOP])));
    let code = PLAIN.translated(&block(body));
    let start = code.word_at(24 + 4).expect("a word");
    assert_eq!(code.expected_depth(start, 7), Some(2));
}

/// The depth before and after the bytecode that follows eight pushes; `None` where nothing goes on.
fn depths_around(set: BytecodeSet, bytes: &[u8]) -> Option<(usize, usize)> {
    let push = if set == BytecodeSet::SistaV1 { PUSH_NIL } else { 0x73 };
    let method = Method { literals: 300, temporaries: 8, is_large: true, set };
    let mut all = vec![push; 8];
    all.extend(bytes);
    all.extend([push, push, push, push]);
    let code = method.translated(&all);
    let first = 8 * 301 + 8;
    let (at, next) = (code.word_at(first)?, code.word_at(first + bytes.len() as u32)?);
    let is_illegal = |index: usize| code.words()[index] == Word::new(Op::Illegal, 0, 1, 0);
    // A depth that is not known is the one that is asked with.
    let depth = code.expected_depth(next, 56)?;
    (depth != 56 && !is_illegal(at)).then_some((16, depth))
}

#[test]
fn depths_agree_with_the_tables_of_bytecodes() {
    for (set, least) in [(BytecodeSet::SistaV1, 700), (BytecodeSet::V3PlusClosures, 700)] {
        let mut compared = 0;
        for byte in 0..=255 {
            for operand in [0x01, 0x03, 0x41, 0x83] {
                let bytes = [byte, operand, operand & 3, 1];
                let Ok((bytecode, length)) = decode(&bytes, 0, set) else { continue };
                let Some(effect) = bytecode.stack_effect() else { continue };
                if bytecode.to_string().starts_with("push_closure") {
                    // What follows is another frame's.
                    continue;
                }
                let Some((before, after)) = depths_around(set, &bytes[..length]) else { continue };
                assert_eq!(after as i64 - before as i64, effect.net(), "{bytecode}");
                compared += 1;
            }
        }
        assert!(compared >= least, "{set:?}: {compared}");
    }
    assert!(matches!(decode(&[POP], 0, BytecodeSet::SistaV1), Ok((Bytecode::SistaV1(_), 1))));
}

#[test]
fn every_method_of_a_real_image_fits_its_frame() {
    // The values that a block copies are among its temporaries.
    let copies_too_much = |vm: &Vm, method: Oop, code: &MethodCode| {
        code.words().iter().any(|word| {
            let literal = usize::from(word.b());
            if Op::from_number(word.op()) != Op::PushFullClosure || literal >= 255 {
                return false;
            }
            let memory = vm.heap.memory();
            let block = rowel_interpreter::method::literal(memory, method, literal);
            let header = rowel_interpreter::method::header(memory, block);
            header.num_args() + usize::from(word.a()) > header.num_temps()
        })
    };
    let Some(image) = real_image::real_image() else { return };
    let vm = Vm::open(image, &HeapOptions::default()).expect("an image");
    let memory = vm.heap.memory();
    let (mut methods, mut wrong) = (0, Vec::new());
    let walk = vm.heap.start_walk();
    let mut last = None;
    while let Some(method) = vm.heap.next_in_walk(walk, last, |it| is_well_formed(memory, it)) {
        last = Some(method);
        methods += 1;
        let code = translate(memory, method);
        // Those that only answer a constant or a variable have no bytecodes.
        let is_quick = code.num_args == 0 && (256..520).contains(&code.primitive);
        if is_quick {
            continue;
        }
        if !illegal_words(&code).is_empty() || copies_too_much(&vm, method, &code) {
            wrong.push(disassemble(&code.words()));
        }
    }
    assert!(methods > 1000, "{methods} methods");
    assert!(wrong.is_empty(), "{} of {methods}: {}", wrong.len(), wrong[0]);
}

/// Numbers that look random, the same ones each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

/// Follow `code`, of these bytes that start at offset `first`, along a random path, with the effects that
/// the table of bytecodes gives. Answers how many bytecodes were done.
fn walk_at_random(
    code: &MethodCode,
    method: Method,
    (bytes, first): (&[u8], u32),
    random: &mut Random,
) -> usize {
    let words = code.words();
    let (mut at, mut depth) = (0, method.temporaries as i64);
    for step in 0..200 {
        let word = words[at];
        let operation = Op::from_number(word.op());
        let size = OPERATIONS[usize::from(word.op())].1;
        let jumps = random.below(2) == 0;
        let ahead = (at as i64 + 1 + i64::from(word.c())) as usize;
        let next = match operation {
            Op::Illegal => return step,
            Op::JumpBack => (at as i64 + 1 - i64::from(word.c())) as usize,
            Op::Jump => ahead,
            Op::JumpIfTrue | Op::JumpIfFalse if jumps => ahead,
            _ => at + size,
        };
        let pc = (code.offset_at(at) - first) as usize;
        // The jump over a block is part of its closure.
        if operation != Op::Jump || code.word_at(code.offset_at(at)) == Some(at) {
            let (bytecode, _) = decode(bytes, pc, method.set).expect("a bytecode");
            let effect = bytecode.stack_effect().expect("known");
            assert!(depth >= i64::from(effect.popped), "{bytecode} of {bytes:x?}");
            depth += effect.net();
            assert!((0..=16).contains(&depth), "{bytecode} of {bytes:x?}");
        }
        if format!("{operation:?}").contains("Return") {
            return step;
        }
        at = next;
    }
    200
}

#[test]
fn no_path_through_random_bytecodes_leaves_the_frame() {
    // Much of what there is, so that paths are not too short.
    let sista =
        [0x40, 0x41, 0x4C, 0x4F, 0x51, 0x53, 0x53, 0x60, 0x71, 0x80, 0x91, 0xB0, 0xB8, 0xD0, 0xD8];
    let v3 =
        [0x10, 0x11, 0x70, 0x73, 0x76, 0x88, 0x88, 0xB0, 0xC1, 0xD0, 0xE1, 0x90, 0x98, 0x68, 0x87];
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut steps = 0;
    for round in 0..20_000 {
        let set = [BytecodeSet::SistaV1, BytecodeSet::V3PlusClosures][round % 2];
        let usual = if round % 2 == 0 { sista } else { v3 };
        let method = Method { set, ..PLAIN };
        let bytes: Vec<u8> = (0..40)
            .map(|_| match random.below(16) {
                0 => random.below(256) as u8,
                _ => usual[random.below(usual.len())],
            })
            .collect();
        let code = method.translated(&bytes);
        for _ in 0..4 {
            steps += walk_at_random(&code, method, (&bytes, 24), &mut random);
        }
    }
    assert!(steps > 200_000, "only {steps} bytecodes were done");
}
