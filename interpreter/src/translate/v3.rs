//! The bytecodes of V3PlusClosures as operations.

use rowel_bytecode::v3::Bytecode as B;

use super::{Flow, Translation};
use crate::operation::{Operation as Op, selector};

/// First byte of the special selector sends.
const FIRST_SPECIAL: u8 = 0xB0;

impl Translation {
    /// Translate one bytecode whose last byte is `last`.
    pub(super) fn v3(&mut self, bytecode: B, last: u8) -> Flow {
        match bytecode {
            B::PushReceiverVariable { index } => self.emit(Op::PushReceiverVariable, 0, index, 0),
            B::PushTemporary { index } => self.v3_push(1, index),
            B::PushLiteral { index } => self.v3_push(2, index),
            B::PushLiteralVariable { index } => self.v3_push(3, index),
            B::ExtendedPush { index, kind } => self.v3_push(kind, index),
            B::PopIntoReceiverVariable { index } => {
                self.emit(Op::StoreReceiverVariable, 1, index, 0)
            }
            B::PopIntoTemporary { index } => self.v3_store(1, index, 1),
            B::ExtendedStore { index, kind } => self.v3_store(kind, index, 0),
            B::ExtendedPopInto { index, kind } => self.v3_store(kind, index, 1),
            B::PushReceiver {} => self.emit(Op::PushReceiver, 0, 0, 0),
            B::PushTrue {} => self.emit(Op::PushTrue, 0, 0, 0),
            B::PushFalse {} => self.emit(Op::PushFalse, 0, 0, 0),
            B::PushNil {} => self.emit(Op::PushNil, 0, 0, 0),
            B::PushMinusOne {} => self.emit(Op::PushInteger, 0, 0, -1),
            B::PushZero {} => self.emit(Op::PushInteger, 0, 0, 0),
            B::PushOne {} => self.emit(Op::PushInteger, 0, 0, 1),
            B::PushTwo {} => self.emit(Op::PushInteger, 0, 0, 2),
            B::PushThisContext {} => self.emit(Op::PushThisContext, 0, 0, 0),
            B::DuplicateTop {} => self.emit(Op::Duplicate, 0, 0, 0),
            B::Pop {} => self.emit(Op::Pop, 0, 0, 0),
            B::CallPrimitive { .. } => Flow::Next,
            B::ReturnReceiver {} => self.finish(Op::ReturnReceiver),
            B::ReturnTrue {} => self.finish(Op::ReturnTrue),
            B::ReturnFalse {} => self.finish(Op::ReturnFalse),
            B::ReturnNil {} => self.finish(Op::ReturnNil),
            B::ReturnTop {} => self.finish(Op::ReturnTop),
            B::BlockReturnTop {} => self.finish(Op::BlockReturnTop),
            B::Jump { offset } | B::LongJump { offset } => self.jump(Op::Jump, offset),
            B::LongJumpIfTrue { offset } => self.jump(Op::JumpIfTrue, offset),
            B::JumpIfFalse { offset } | B::LongJumpIfFalse { offset } => {
                self.jump(Op::JumpIfFalse, offset)
            }
            B::Send0 { index } => self.send(Op::Send, 0, index, selector::LITERAL),
            B::Send1 { index } => self.send(Op::Send, 1, index, selector::LITERAL),
            B::Send2 { index } => self.send(Op::Send, 2, index, selector::LITERAL),
            B::ExtendedSend { index, num_args } | B::SecondExtendedSend { index, num_args } => {
                self.send(Op::Send, num_args, index, selector::LITERAL)
            }
            B::ExtendedSendSuper { index, num_args } => {
                self.send(Op::Send, num_args, index, selector::SUPER)
            }
            B::DoubleExtended { kind, detail, index } => self.v3_double(kind, detail, index),
            B::PushNewArray { size, from_stack } => {
                self.emit(Op::PushNewArray, from_stack as u8, size, 0)
            }
            B::PushRemoteTemporary { index, vector } => {
                self.emit(Op::PushRemoteTemp, 0, index, vector)
            }
            B::StoreIntoRemoteTemporary { index, vector } => {
                self.emit(Op::StoreRemoteTemp, 0, index, vector)
            }
            B::PopIntoRemoteTemporary { index, vector } => {
                self.emit(Op::StoreRemoteTemp, 1, index, vector)
            }
            B::PushClosure { num_args, num_copied, size } => {
                self.inline_closure(num_args, num_copied, size)
            }
            // All that is left are the special selectors, a byte each.
            _ => self.special(usize::from(last.wrapping_sub(FIRST_SPECIAL))),
        }
    }

    fn v3_push(&mut self, kind: i32, index: i32) -> Flow {
        let operation = match kind {
            0 => return self.long_push_receiver_variable(index),
            1 => Op::PushTemp,
            2 => Op::PushLiteral,
            _ => Op::PushLiteralVariable,
        };
        self.emit(operation, 0, index, 0)
    }

    fn v3_store(&mut self, kind: i32, index: i32, pop: u8) -> Flow {
        let operation = match kind {
            0 => return self.long_store_receiver_variable(index, pop),
            1 => Op::StoreTemp,
            _ => Op::StoreLiteralVariable,
        };
        self.emit(operation, pop, index, 0)
    }

    /// The bytecode with eight meanings.
    fn v3_double(&mut self, kind: i32, detail: i32, index: i32) -> Flow {
        match kind {
            0 => self.send(Op::Send, detail, index, selector::LITERAL),
            1 => self.send(Op::Send, detail, index, selector::SUPER),
            2 => self.v3_push(0, index),
            3 => self.v3_push(2, index),
            4 => self.v3_push(3, index),
            5 => self.v3_store(0, index, 0),
            6 => self.v3_store(0, index, 1),
            _ => self.v3_store(3, index, 0),
        }
    }
}
