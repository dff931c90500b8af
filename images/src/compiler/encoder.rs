//! The bytecode for each thing that code does, in the set that is asked for.
//!
//! Must not know: when to do them. Facts: the tables of the `bytecode` crate. Bytecodes that may meet a context's
//! variables are the long ones.

use rowel_bytecode::{Bytecode, BytecodeSet, SPECIAL_SELECTORS, decode, sista_v1, v3};
use sista_v1::Bytecode as S;
use v3::Bytecode as V;

/// Makes bytecodes of a set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoder {
    set: BytecodeSet,
    /// Whether variables of the receiver may be a context's.
    contexts: bool,
}

/// A push of something that needs no literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    Receiver,
    True,
    False,
    Nil,
}

// What the `kind` of the extended bytecodes of V3PlusClosures means.
const KIND_RECEIVER: i32 = 0;
const KIND_TEMPORARY: i32 = 1;
const KIND_LITERAL: i32 = 2;
const KIND_BINDING: i32 = 3;

impl Encoder {
    pub fn new(set: BytecodeSet, contexts: bool) -> Self {
        Self { set, contexts }
    }

    pub fn set(self) -> BytecodeSet {
        self.set
    }

    fn is_sista(self) -> bool {
        self.set == BytecodeSet::SistaV1
    }

    fn choose(self, sista: S, v3: V) -> Bytecode {
        if self.is_sista() { Bytecode::SistaV1(sista) } else { Bytecode::V3(v3) }
    }

    pub fn constant(self, constant: Constant) -> Bytecode {
        match constant {
            Constant::Receiver => self.choose(S::PushReceiver {}, V::PushReceiver {}),
            Constant::True => self.choose(S::PushTrue {}, V::PushTrue {}),
            Constant::False => self.choose(S::PushFalse {}, V::PushFalse {}),
            Constant::Nil => self.choose(S::PushNil {}, V::PushNil {}),
        }
    }

    /// The push of a small integer, where the set has one.
    pub fn integer(self, value: i32) -> Option<Bytecode> {
        match (self.set, value) {
            (BytecodeSet::SistaV1, 0) => Some(Bytecode::SistaV1(S::PushZero {})),
            (BytecodeSet::SistaV1, 1) => Some(Bytecode::SistaV1(S::PushOne {})),
            (BytecodeSet::SistaV1, value) if i16::try_from(value).is_ok() => {
                Some(Bytecode::SistaV1(S::PushInteger { value }))
            }
            (BytecodeSet::V3PlusClosures, -1) => Some(Bytecode::V3(V::PushMinusOne {})),
            (BytecodeSet::V3PlusClosures, 0) => Some(Bytecode::V3(V::PushZero {})),
            (BytecodeSet::V3PlusClosures, 1) => Some(Bytecode::V3(V::PushOne {})),
            (BytecodeSet::V3PlusClosures, 2) => Some(Bytecode::V3(V::PushTwo {})),
            _ => None,
        }
    }

    /// The push of a character, where the set has one. (Above 255 VMs differ in which prefix extends it.)
    pub fn character(self, value: char) -> Option<Bytecode> {
        let value = u32::from(value).cast_signed();
        (self.is_sista() && value < 256).then_some(Bytecode::SistaV1(S::PushCharacter { value }))
    }

    pub fn push_literal(self, index: i32) -> Bytecode {
        let sista =
            if index < 32 { S::PushLiteral { index } } else { S::LongPushLiteral { index } };
        let v3 = match index {
            0..32 => V::PushLiteral { index },
            32..64 => V::ExtendedPush { index, kind: KIND_LITERAL },
            _ => V::DoubleExtended { kind: 3, detail: 0, index },
        };
        self.choose(sista, v3)
    }

    pub fn push_binding(self, index: i32) -> Bytecode {
        let sista = match index {
            0..16 => S::PushLiteralVariable { index },
            _ => S::LongPushLiteralVariable { index },
        };
        let v3 = match index {
            0..32 => V::PushLiteralVariable { index },
            32..64 => V::ExtendedPush { index, kind: KIND_BINDING },
            _ => V::DoubleExtended { kind: 4, detail: 0, index },
        };
        self.choose(sista, v3)
    }

    pub fn store_binding(self, index: i32) -> Bytecode {
        let v3 = match index {
            0..64 => V::ExtendedStore { index, kind: KIND_BINDING },
            _ => V::DoubleExtended { kind: 7, detail: 0, index },
        };
        self.choose(S::LongStoreIntoLiteralVariable { index }, v3)
    }

    /// Nothing where it takes a store and a pop.
    pub fn pop_into_binding(self, index: i32) -> Option<Bytecode> {
        if self.is_sista() {
            return Some(Bytecode::SistaV1(S::LongPopIntoLiteralVariable { index }));
        }
        (index < 64).then_some(Bytecode::V3(V::ExtendedPopInto { index, kind: KIND_BINDING }))
    }

    pub fn push_instance(self, index: i32) -> Bytecode {
        let sista = match index {
            0..16 if !self.contexts => S::PushReceiverVariable { index },
            _ => S::LongPushReceiverVariable { index },
        };
        let v3 = match index {
            _ if self.contexts => V::DoubleExtended { kind: 2, detail: 0, index },
            0..16 => V::PushReceiverVariable { index },
            16..64 => V::ExtendedPush { index, kind: KIND_RECEIVER },
            _ => V::DoubleExtended { kind: 2, detail: 0, index },
        };
        self.choose(sista, v3)
    }

    pub fn store_instance(self, index: i32) -> Bytecode {
        let v3 = match index {
            0..64 if !self.contexts => V::ExtendedStore { index, kind: KIND_RECEIVER },
            _ => V::DoubleExtended { kind: 5, detail: 0, index },
        };
        self.choose(S::LongStoreIntoReceiverVariable { index }, v3)
    }

    pub fn pop_into_instance(self, index: i32) -> Bytecode {
        let sista = match index {
            0..8 if !self.contexts => S::PopIntoReceiverVariable { index },
            _ => S::LongPopIntoReceiverVariable { index },
        };
        let v3 = match index {
            _ if self.contexts => V::DoubleExtended { kind: 6, detail: 0, index },
            0..8 => V::PopIntoReceiverVariable { index },
            8..64 => V::ExtendedPopInto { index, kind: KIND_RECEIVER },
            _ => V::DoubleExtended { kind: 6, detail: 0, index },
        };
        self.choose(sista, v3)
    }

    pub fn push_temporary(self, index: i32) -> Bytecode {
        let sista = match index {
            0..12 => S::PushTemporary { index },
            _ => S::LongPushTemporary { index },
        };
        let v3 = match index {
            0..16 => V::PushTemporary { index },
            _ => V::ExtendedPush { index, kind: KIND_TEMPORARY },
        };
        self.choose(sista, v3)
    }

    pub fn store_temporary(self, index: i32) -> Bytecode {
        self.choose(
            S::LongStoreIntoTemporary { index },
            V::ExtendedStore { index, kind: KIND_TEMPORARY },
        )
    }

    pub fn pop_into_temporary(self, index: i32) -> Bytecode {
        let sista = match index {
            0..8 => S::PopIntoTemporary { index },
            _ => S::LongPopIntoTemporary { index },
        };
        let v3 = match index {
            0..8 => V::PopIntoTemporary { index },
            _ => V::ExtendedPopInto { index, kind: KIND_TEMPORARY },
        };
        self.choose(sista, v3)
    }

    pub fn push_remote(self, index: i32, vector: i32) -> Bytecode {
        self.choose(
            S::PushRemoteTemporary { index, vector },
            V::PushRemoteTemporary { index, vector },
        )
    }

    pub fn store_remote(self, index: i32, vector: i32) -> Bytecode {
        self.choose(
            S::StoreIntoRemoteTemporary { index, vector },
            V::StoreIntoRemoteTemporary { index, vector },
        )
    }

    pub fn pop_into_remote(self, index: i32, vector: i32) -> Bytecode {
        self.choose(
            S::PopIntoRemoteTemporary { index, vector },
            V::PopIntoRemoteTemporary { index, vector },
        )
    }

    pub fn new_array(self, size: i32, from_stack: bool) -> Bytecode {
        let from_stack = i32::from(from_stack);
        self.choose(S::PushNewArray { size, from_stack }, V::PushNewArray { size, from_stack })
    }

    pub fn this_context(self) -> Bytecode {
        self.choose(S::PushPseudoVariable { which: 0 }, V::PushThisContext {})
    }

    pub fn duplicate(self) -> Bytecode {
        self.choose(S::DuplicateTop {}, V::DuplicateTop {})
    }

    pub fn pop(self) -> Bytecode {
        self.choose(S::Pop {}, V::Pop {})
    }

    pub fn return_top(self) -> Bytecode {
        self.choose(S::ReturnTop {}, V::ReturnTop {})
    }

    pub fn return_constant(self, constant: Constant) -> Bytecode {
        match constant {
            Constant::Receiver => self.choose(S::ReturnReceiver {}, V::ReturnReceiver {}),
            Constant::True => self.choose(S::ReturnTrue {}, V::ReturnTrue {}),
            Constant::False => self.choose(S::ReturnFalse {}, V::ReturnFalse {}),
            Constant::Nil => self.choose(S::ReturnNil {}, V::ReturnNil {}),
        }
    }

    pub fn block_return_top(self) -> Bytecode {
        self.choose(S::BlockReturnTop { depth: 0 }, V::BlockReturnTop {})
    }

    /// The return of nil from a block, where the set has one.
    pub fn block_return_nil(self) -> Option<Bytecode> {
        self.is_sista().then_some(Bytecode::SistaV1(S::BlockReturnNil { depth: 0 }))
    }

    pub fn call_primitive(self, index: u16) -> Bytecode {
        let index = i32::from(index);
        self.choose(S::CallPrimitive { index, inlined: 0 }, V::CallPrimitive { index })
    }

    /// The bytecode that a selector has of its own.
    pub fn special_send(self, selector: &str) -> Option<Bytecode> {
        let index = SPECIAL_SELECTORS.iter().position(|special| special.name == selector)?;
        // Images may have another selector there in V3PlusClosures.
        if selector == "~~" && !self.is_sista() {
            return None;
        }
        let first = if self.is_sista() { 0x60 } else { 0xB0 };
        let byte = u8::try_from(first + index).ok()?;
        decode(&[byte], 0, self.set).ok().map(|(bytecode, _)| bytecode)
    }

    pub fn send(self, index: i32, arguments: i32) -> Bytecode {
        let num_args = arguments;
        let sista = match (index, arguments) {
            (0..16, 0) => S::Send0 { index },
            (0..16, 1) => S::Send1 { index },
            (0..16, 2) => S::Send2 { index },
            _ => S::LongSend { index, num_args },
        };
        let v3 = match (index, arguments) {
            (0..16, 0) => V::Send0 { index },
            (0..16, 1) => V::Send1 { index },
            (0..16, 2) => V::Send2 { index },
            (0..32, 0..8) => V::ExtendedSend { index, num_args },
            (0..64, 0..4) => V::SecondExtendedSend { index, num_args },
            _ => V::DoubleExtended { kind: 0, detail: num_args, index },
        };
        self.choose(sista, v3)
    }

    pub fn send_super(self, index: i32, arguments: i32) -> Bytecode {
        let num_args = arguments;
        let v3 = match (index, arguments) {
            (0..32, 0..8) => V::ExtendedSendSuper { index, num_args },
            _ => V::DoubleExtended { kind: 1, detail: num_args, index },
        };
        self.choose(S::SendSuper { index, num_args, directed: 0 }, v3)
    }

    /// A super send that takes the class from above the arguments: in a full block the VMs do not look for the method's.
    pub fn send_directed_super(self, index: i32, arguments: i32) -> Bytecode {
        Bytecode::SistaV1(S::SendSuper { index, num_args: arguments, directed: 1 })
    }

    pub fn full_closure(self, index: i32, num_copied: i32) -> Bytecode {
        Bytecode::SistaV1(S::PushFullClosure {
            index,
            num_copied,
            ignore_outer: 0,
            receiver_on_stack: 0,
        })
    }

    pub fn embedded_closure(self, num_args: i32, num_copied: i32, size: i32) -> Bytecode {
        Bytecode::V3(V::PushClosure { num_args, num_copied, size })
    }

    /// A jump in as few bytes as `room`; `on` is the value that it is taken on, or nothing when it is always taken.
    pub fn jump(self, on: Option<bool>, offset: i32, room: usize) -> Bytecode {
        let short = room == 1;
        match on {
            None if short => self.choose(S::Jump { offset }, V::Jump { offset }),
            None => self.choose(S::LongJump { offset }, V::LongJump { offset }),
            Some(true) if short && self.is_sista() => Bytecode::SistaV1(S::JumpIfTrue { offset }),
            Some(true) => self.choose(S::LongJumpIfTrue { offset }, V::LongJumpIfTrue { offset }),
            Some(false) if short => {
                self.choose(S::JumpIfFalse { offset }, V::JumpIfFalse { offset })
            }
            Some(false) => {
                self.choose(S::LongJumpIfFalse { offset }, V::LongJumpIfFalse { offset })
            }
        }
    }

    /// How many bytes such a jump takes.
    pub fn jump_size(self, on: Option<bool>, offset: i32) -> usize {
        let has_short = self.is_sista() || on != Some(true);
        if has_short && (1..=8).contains(&offset) {
            return 1;
        }
        let mut out = Vec::new();
        // What cannot be encoded is found when it is emitted.
        self.jump(on, offset, 2).emit(&mut out).map_or(2, |()| out.len())
    }
}
