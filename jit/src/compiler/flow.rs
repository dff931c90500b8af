//! Operations one by one; jumps and returns.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use rowel_interpreter::frame;
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::{OPERATIONS, Operation as Op, Word};

use super::state::Slot;
use super::{Compare, Compiler};
use crate::runtime;

/// Whether the operation looks at the top without taking it.
fn looks_at_top(operation: Op) -> bool {
    matches!(
        operation,
        Op::ReturnTop
            | Op::BlockReturnTop
            | Op::Duplicate
            | Op::StoreTemp
            | Op::StoreReceiverVariable
            | Op::StoreRemoteTemp
    )
}

impl Compiler<'_> {
    /// The operation at word `index`.
    pub(super) fn operation(&mut self, index: usize, operation: Op, word: Word) {
        if self.slots.is_empty() && looks_at_top(operation) {
            // What is below the operands only the interpreter finds.
            self.leave(index);
            self.ended = true;
            return;
        }
        match operation {
            Op::Jump => self.go_to((index as i64 + 1 + i64::from(word.c())) as usize),
            Op::JumpBack => self.jump_back(index, word),
            Op::JumpIfTrue => self.jump_if(index, word, vm_offset::TRUE, vm_offset::FALSE),
            Op::JumpIfFalse => self.jump_if(index, word, vm_offset::FALSE, vm_offset::TRUE),
            Op::ReturnReceiver => {
                let value = self.receiver();
                self.return_from_method(index, value);
            }
            Op::ReturnTrue => self.return_constant(index, vm_offset::TRUE),
            Op::ReturnFalse => self.return_constant(index, vm_offset::FALSE),
            Op::ReturnNil => self.return_constant(index, vm_offset::NIL),
            Op::ReturnTop => {
                let value = self.peek(0);
                self.return_from_method(index, value);
            }
            Op::BlockReturnTop => {
                let value = self.peek(0);
                self.return_value(index, value, false);
            }
            Op::BlockReturnNil => {
                let value = self.load(self.vm, vm_offset::NIL);
                self.return_value(index, value, false);
            }
            Op::Illegal | Op::EnterNative | Op::SendDirectedSuper => {
                self.leave(index);
                self.ended = true;
            }
            operation if operation.is_plain_send() => self.send(index, operation, word),
            operation => self.straight(index, operation, word),
        }
    }

    /// An operation that goes on with the next one.
    fn straight(&mut self, index: usize, operation: Op, word: Word) {
        if self.variable(index, operation, word) || self.compute(index, operation) {
            return;
        }
        // Whatever is left the interpreter does, in this frame.
        let next = index + OPERATIONS[operation as usize].1;
        self.interpret(index, operation);
        self.slots = vec![Slot::InFrame; self.depth_at(next).unwrap_or(0)];
        self.receiver = None;
    }

    fn jump_back(&mut self, index: usize, word: Word) {
        let target = (index as i64 + 1 - i64::from(word.c())) as usize;
        self.flush();
        let limit = self.limit();
        let zero = self.constant(0);
        let asked = self.icmp(Compare::Same, limit, zero);
        self.leave_if(asked, target);
        self.go_to(target);
    }

    /// Take the top: jump when it is the object at `wanted` in the VM, go on when it is the one at
    /// `other`; the interpreter sees to anything else.
    fn jump_if(&mut self, index: usize, word: Word, wanted: usize, other: usize) {
        let condition = self.peek(0);
        let (wanted, other) = (self.load(self.vm, wanted), self.load(self.vm, other));
        let jumps = self.icmp(Compare::Same, condition, wanted);
        let stays = self.icmp(Compare::Same, condition, other);
        let boolean = self.builder.ins().bor(jumps, stays);
        let boolean = self.builder.ins().icmp_imm_s(Compare::Same.condition(), boolean, 0);
        self.leave_if(boolean, index);
        self.slots.pop();
        self.branch(index, word, jumps);
    }

    /// Go where the conditional jump at `index` goes when `jumps` holds, else on behind it.
    pub(super) fn branch(&mut self, index: usize, word: Word, jumps: Value) {
        let target = (index as i64 + 1 + i64::from(word.c())) as usize;
        self.flush();
        let (there, here) = (self.blocks[&target], self.blocks[&(index + 1)]);
        self.builder.ins().brif(jumps, there, &[], here, &[]);
        self.ended = true;
    }

    fn return_constant(&mut self, index: usize, offset: usize) {
        let value = self.load(self.vm, offset);
        self.return_from_method(index, value);
    }

    fn return_from_method(&mut self, index: usize, value: Value) {
        self.return_value(index, value, true);
    }

    /// Answer `value` to the caller. The interpreter does it where the frame is the first of its page,
    /// or where a block returns from its method.
    fn return_value(&mut self, index: usize, value: Value, from_method: bool) {
        let caller = self.load(self.frame, frame::CALLER_FP as usize);
        let zero = self.constant(0);
        let is_base = self.icmp(Compare::Same, caller, zero);
        self.leave_if(is_base, index);
        if from_method {
            let closure = self.load(self.frame, frame::CLOSURE as usize);
            let in_block = self.icmp(Compare::Other, closure, zero);
            self.leave_if(in_block, index);
        }
        let context = self.load(self.frame, frame::CONTEXT as usize);
        let married = self.icmp(Compare::Other, context, zero);
        self.unlikely(married, |compiler| {
            compiler.widow(context);
            compiler.builder.ins().return_(&[value]);
        });
        self.builder.ins().return_(&[value]);
        self.ended = true;
    }

    fn widow(&mut self, context: Value) {
        let signature = super::signature(self.convention, 2, false);
        let signature = self.builder.import_signature(signature);
        let function = runtime::widow as *const () as usize;
        let address = self.builder.ins().iconst(types::I64, function as i64);
        self.builder.ins().call_indirect(signature, address, &[self.vm, context]);
    }
}
