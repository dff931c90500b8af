//! The bytecodes of SistaV1 as operations.

use rowel_bytecode::sista_v1::Bytecode as B;

use super::{Flow, Translation};
use crate::operation::{Operation as Op, selector};

/// First byte of the special selector sends.
const FIRST_SPECIAL: u8 = 0x60;

impl Translation {
    /// Translate one bytecode whose last byte is `last`.
    pub(super) fn sista_v1(&mut self, bytecode: B, last: u8) -> Flow {
        match bytecode {
            B::PushReceiverVariable { index } => self.emit(Op::PushReceiverVariable, 0, index, 0),
            B::LongPushReceiverVariable { index } => self.long_push_receiver_variable(index),
            B::PushLiteralVariable { index } | B::LongPushLiteralVariable { index } => {
                self.emit(Op::PushLiteralVariable, 0, index, 0)
            }
            B::PushLiteral { index } | B::LongPushLiteral { index } => {
                self.emit(Op::PushLiteral, 0, index, 0)
            }
            B::PushTemporary { index } | B::LongPushTemporary { index } => {
                self.emit(Op::PushTemp, 0, index, 0)
            }
            B::PushReceiver {} => self.emit(Op::PushReceiver, 0, 0, 0),
            B::PushTrue {} => self.emit(Op::PushTrue, 0, 0, 0),
            B::PushFalse {} => self.emit(Op::PushFalse, 0, 0, 0),
            B::PushNil {} => self.emit(Op::PushNil, 0, 0, 0),
            B::PushZero {} => self.emit(Op::PushInteger, 0, 0, 0),
            B::PushOne {} => self.emit(Op::PushInteger, 0, 0, 1),
            B::PushInteger { value } => self.emit(Op::PushInteger, 0, 0, value),
            B::PushCharacter { value } => self.emit(Op::PushCharacter, 0, 0, value),
            B::PushPseudoVariable { which: 0 } => self.emit(Op::PushThisContext, 0, 0, 0),
            B::PushPseudoVariable { which: 1 } => self.emit(Op::PushThisProcess, 0, 0, 0),
            B::DuplicateTop {} => self.emit(Op::Duplicate, 0, 0, 0),
            B::Pop {} => self.emit(Op::Pop, 0, 0, 0),
            B::Nop { .. } | B::CallPrimitive { inlined: 0, .. } => Flow::Next,
            B::ReturnReceiver {} => self.finish(Op::ReturnReceiver),
            B::ReturnTrue {} => self.finish(Op::ReturnTrue),
            B::ReturnFalse {} => self.finish(Op::ReturnFalse),
            B::ReturnNil {} => self.finish(Op::ReturnNil),
            B::ReturnTop {} => self.finish(Op::ReturnTop),
            B::BlockReturnNil { depth: 0 } => self.finish(Op::BlockReturnNil),
            B::BlockReturnTop { depth: 0 } => self.finish(Op::BlockReturnTop),
            B::Jump { offset } | B::LongJump { offset } => self.jump(Op::Jump, offset),
            B::JumpIfTrue { offset } | B::LongJumpIfTrue { offset } => {
                self.jump(Op::JumpIfTrue, offset)
            }
            B::JumpIfFalse { offset } | B::LongJumpIfFalse { offset } => {
                self.jump(Op::JumpIfFalse, offset)
            }
            B::Send0 { index } => self.send(Op::Send, 0, index, selector::LITERAL),
            B::Send1 { index } => self.send(Op::Send, 1, index, selector::LITERAL),
            B::Send2 { index } => self.send(Op::Send, 2, index, selector::LITERAL),
            B::LongSend { index, num_args } => {
                self.send(Op::Send, num_args, index, selector::LITERAL)
            }
            B::SendSuper { index, num_args, directed: 0 } => {
                self.send(Op::Send, num_args, index, selector::SUPER)
            }
            B::SendSuper { index, num_args, .. } => {
                self.send(Op::SendDirectedSuper, num_args, index, selector::LITERAL)
            }
            other
                if (FIRST_SPECIAL..FIRST_SPECIAL + 32).contains(&last) && other.row().len == 1 =>
            {
                self.special(usize::from(last - FIRST_SPECIAL))
            }
            other => self.sista_v1_store(other),
        }
    }

    /// Stores, arrays and closures.
    fn sista_v1_store(&mut self, bytecode: B) -> Flow {
        match bytecode {
            B::PopIntoReceiverVariable { index } => {
                self.emit(Op::StoreReceiverVariable, 1, index, 0)
            }
            B::LongPopIntoReceiverVariable { index } => self.long_store_receiver_variable(index, 1),
            B::LongStoreIntoReceiverVariable { index } => {
                self.long_store_receiver_variable(index, 0)
            }
            B::LongPopIntoLiteralVariable { index } => {
                self.emit(Op::StoreLiteralVariable, 1, index, 0)
            }
            B::LongStoreIntoLiteralVariable { index } => {
                self.emit(Op::StoreLiteralVariable, 0, index, 0)
            }
            B::PopIntoTemporary { index } | B::LongPopIntoTemporary { index } => {
                self.emit(Op::StoreTemp, 1, index, 0)
            }
            B::LongStoreIntoTemporary { index } => self.emit(Op::StoreTemp, 0, index, 0),
            B::PushRemoteTemporary { index, vector } => {
                self.emit(Op::PushRemoteTemp, 0, index, vector)
            }
            B::StoreIntoRemoteTemporary { index, vector } => {
                self.emit(Op::StoreRemoteTemp, 0, index, vector)
            }
            B::PopIntoRemoteTemporary { index, vector } => {
                self.emit(Op::StoreRemoteTemp, 1, index, vector)
            }
            B::PushNewArray { size, from_stack } => {
                self.emit(Op::PushNewArray, from_stack as u8, size, 0)
            }
            B::PushFullClosure { index, num_copied, ignore_outer, receiver_on_stack } => {
                let flags = ignore_outer | receiver_on_stack << 1;
                self.emit(Op::PushFullClosure, num_copied as u8, index, flags)
            }
            B::PushClosure { num_args, num_copied, size, .. } => {
                self.inline_closure(num_args, num_copied, size)
            }
            _ => Flow::Illegal,
        }
    }

    /// A closure whose body is the `size` bytes that follow: make it, then jump over them.
    pub(super) fn inline_closure(&mut self, num_args: i32, num_copied: i32, size: i32) -> Flow {
        let start = self.next as i32;
        self.emit(Op::PushClosure, num_args as u8, num_copied, start);
        self.jump(Op::Jump, size)
    }
}
