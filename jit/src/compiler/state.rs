//! What is known of the frame where the code under way stands: which slots are in SSA values.

use cranelift_codegen::ir::{Block, InstBuilder, Value};
use rowel_interpreter::frame::{self, WORD};
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::Operation as Op;

use super::{Compare, Compiler};
use crate::runtime;

/// Where the value of an argument, temporary or operand is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// In the frame only.
    InFrame,
    /// In the frame, and known.
    Both(Value),
    /// Known, and not in the frame yet.
    Value(Value),
}

/// Byte offset of slot `index` in a frame.
pub(super) fn slot_offset(index: usize) -> usize {
    (frame::FIRST_TEMP + index as u64 * WORD) as usize
}

impl Compiler<'_> {
    /// The value of slot `index`.
    pub(super) fn slot(&mut self, index: usize) -> Value {
        match self.slots[index] {
            Slot::Both(value) | Slot::Value(value) => value,
            Slot::InFrame => {
                let value = self.load(self.frame, slot_offset(index));
                self.slots[index] = Slot::Both(value);
                value
            }
        }
    }

    pub(super) fn push(&mut self, value: Value) {
        self.slots.push(Slot::Value(value));
    }

    /// The operand `depth` below the top.
    pub(super) fn peek(&mut self, depth: usize) -> Value {
        self.slot(self.slots.len() - 1 - depth)
    }

    pub(super) fn receiver(&mut self) -> Value {
        match self.receiver {
            Some(value) => value,
            None => {
                let value = self.load(self.frame, frame::RECEIVER as usize);
                self.receiver = Some(value);
                value
            }
        }
    }

    /// Put everything into the frame.
    pub(super) fn flush(&mut self) {
        for index in 0..self.slots.len() {
            if let Slot::Value(value) = self.slots[index] {
                self.store(value, self.frame, slot_offset(index));
                self.slots[index] = Slot::Both(value);
            }
        }
    }

    /// Objects may have moved, and temporaries may have changed.
    pub(super) fn forget(&mut self) {
        self.slots.fill(Slot::InFrame);
        self.receiver = None;
    }

    /// Emit code for what rarely happens into a block of its own; what is known stays as it is. The block
    /// before is complete, and the caller begins another one.
    pub(super) fn aside(&mut self, block: Block, emit: impl FnOnce(&mut Self)) {
        let (slots, receiver) = (self.slots.clone(), self.receiver);
        self.builder.switch_to_block(block);
        self.builder.set_cold_block(block);
        emit(self);
        (self.slots, self.receiver) = (slots, receiver);
    }

    /// Go on in a new block unless `condition` holds; then in one that `emit` fills.
    pub(super) fn unlikely(&mut self, condition: Value, emit: impl FnOnce(&mut Self)) {
        let (rare, usual) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(condition, rare, &[], usual, &[]);
        self.aside(rare, emit);
        self.builder.switch_to_block(usual);
    }

    /// Leave before word `index` when `condition` holds.
    pub(super) fn leave_if(&mut self, condition: Value, index: usize) {
        self.unlikely(condition, |compiler| compiler.leave(index));
    }

    /// Have the interpreter go on at word `index`, where everything is as is known here.
    pub(super) fn leave(&mut self, index: usize) {
        self.flush();
        let (ip, sp) = (self.ip(index), self.sp());
        self.store(ip, self.vm, vm_offset::IP);
        self.store(sp, self.vm, vm_offset::SP);
        self.store(self.fp, self.vm, vm_offset::FP);
        self.answer_leaving();
    }

    /// Leave, the registers saying where the interpreter goes on.
    pub(super) fn answer_leaving(&mut self) {
        let zero = self.constant(0);
        self.builder.ins().return_(&[zero]);
    }

    /// Where the operands end.
    pub(super) fn sp(&mut self) -> Value {
        let offset = slot_offset(self.slots.len());
        self.builder.ins().iadd_imm_s(self.fp, offset as i64)
    }

    /// Have the interpreter run the operation at word `index`, and leave when it does not go on in this
    /// frame. Everything is in the frame afterwards.
    pub(super) fn interpret(&mut self, index: usize, operation: Op) {
        self.flush();
        let (ip, sp) = (self.ip(index), self.sp());
        let number = self.constant(operation as u64);
        let function = runtime::run_operation as *const () as usize;
        let done = self.call(function, &[self.vm, ip, sp, self.fp, number]);
        let zero = self.constant(0);
        let left = self.icmp(Compare::Same, done, zero);
        self.unlikely(left, |compiler| compiler.answer_leaving());
    }
}
