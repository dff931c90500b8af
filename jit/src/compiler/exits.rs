//! Frames in memory: their headers, what is in them, and leaving to the interpreter.

use cranelift_codegen::ir::{Block, InstBuilder, Value};
use rowel_interpreter::frame;
use rowel_interpreter::native::{code_offset, vm_offset};

use super::state::{State, slot_offset};
use super::{Compiler, Site};
use crate::runtime;

/// A place where the unit leaves: emitted at the end.
#[derive(Debug)]
pub(super) struct Exit {
    block: Block,
    state: State,
    /// The word where the innermost frame goes on.
    word: usize,
    /// What is noted as having left; 0 for nothing.
    note: u64,
}

impl Compiler<'_> {
    /// A block that leaves before the operation at `word`, whose guard has failed: nothing has happened
    /// yet of what it does.
    pub(super) fn exit(&mut self, word: usize) -> Block {
        if let Some(block) = self.exit_here {
            return block;
        }
        let code = self.state.top().code;
        self.sites.push(Site::new(code, word));
        let note = u64::from(self.setting.number) << 32 | self.sites.len() as u64;
        let block = self.new_exit(word, note);
        self.exit_here = Some(block);
        block
    }

    /// Leave before `word` where `condition` holds, as somebody has asked for it.
    pub(super) fn leave_asked(&mut self, condition: Value, word: usize) {
        // Who counts wants to know which unit it was.
        let counts = self.setting.counter.is_some();
        let note = if counts { u64::from(self.setting.number) << 32 } else { 0 };
        let exit = self.new_exit(word, note);
        self.go_on_unless(condition, exit);
    }

    /// A block that leaves before `word`, with a note of what has left.
    pub(super) fn new_exit(&mut self, word: usize, note: u64) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        self.exits.push(Exit { block, state: self.state.clone(), word, note });
        block
    }

    /// Have the interpreter go on at `word`.
    pub(super) fn leave(&mut self, word: usize) {
        let exit = self.exit(word);
        self.b.ins().jump(exit, &[]);
        self.ended = true;
    }

    pub(super) fn emit_exits(&mut self) {
        let mut next = 0;
        while next < self.exits.len() {
            let Exit { block, ref state, word, note } = self.exits[next];
            self.state = state.clone();
            self.b.switch_to_block(block);
            self.save_frames();
            self.set_registers(word);
            if note != 0 {
                let (vm, note) = (self.vm_value(), self.constant(note));
                self.store(note, vm, vm_offset::LEFT);
            }
            let zero = self.constant(0);
            self.b.ins().return_(&[zero]);
            next += 1;
        }
        if let Some(block) = self.leaves.take() {
            self.b.switch_to_block(block);
            let zero = self.constant(0);
            self.b.ins().return_(&[zero]);
        }
    }

    /// The block that answers 0, for what has left already.
    pub(super) fn leaves(&mut self) -> Block {
        if let Some(block) = self.leaves {
            return block;
        }
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        self.leaves = Some(block);
        block
    }

    /// The VM's registers for the frame under way, at `word`.
    fn set_registers(&mut self, word: usize) {
        let (ip, sp, fp) = (self.ip(word), self.sp(), self.frame_pointer(self.top_level()));
        let vm = self.vm_value();
        self.store(ip, vm, vm_offset::IP);
        self.store(sp, vm, vm_offset::SP);
        self.store(fp, vm, vm_offset::FP);
    }

    /// The program counter for word `index` of what the frame under way runs.
    pub(super) fn ip(&mut self, index: usize) -> Value {
        self.ip_at(self.top_level(), index)
    }

    fn ip_at(&mut self, level: usize, index: usize) -> Value {
        let address = self.state.frames[level].code.ip_at(index).to_word();
        self.constant(address)
    }

    /// Where the operands of the frame under way end.
    pub(super) fn sp(&mut self) -> Value {
        let top = self.state.top();
        let offset = top.offset + slot_offset(top.slots.len());
        self.b.ins().iadd_imm_s(self.fp, offset as i64)
    }

    /// The frame at `level`.
    pub(super) fn frame_pointer(&mut self, level: usize) -> Value {
        let offset = self.state.frames[level].offset;
        if offset == 0 { self.fp } else { self.b.ins().iadd_imm_s(self.fp, offset as i64) }
    }

    /// Write the headers of all frames up to `level` that have none yet.
    pub(super) fn lay_frames(&mut self, level: usize) {
        for index in 0..=level {
            if !self.state.frames[index].laid {
                self.lay(index);
            }
        }
    }

    fn lay(&mut self, level: usize) {
        self.state.frames[level].laid = true;
        let offset = self.state.frames[level].offset;
        if level > 0 {
            let caller = &self.state.frames[level - 1];
            let (caller_offset, resume) = (caller.offset, caller.resume);
            let ip = self.ip_at(level - 1, resume);
            self.store(ip, self.frame, caller_offset + frame::SAVED_PC as usize);
            let caller = self.frame_pointer(level - 1);
            self.store(caller, self.frame, offset + frame::CALLER_FP as usize);
        }
        let closure = match self.state.frames[level].closure {
            Some(def) => self.oop(def),
            None => self.constant(0),
        };
        let code = self.constant(self.state.frames[level].code.to_word());
        let method = self.load(code, code_offset::METHOD);
        let zero = self.constant(0);
        for (at, value) in [
            (frame::METHOD, method),
            (frame::CODE, code),
            (frame::CONTEXT, zero),
            (frame::CLOSURE, closure),
        ] {
            self.store(value, self.frame, offset + at as usize);
        }
        if !self.state.frames[level].receiver.stored {
            let def = self.receiver_at(level);
            let receiver = self.oop(def);
            self.store(receiver, self.frame, offset + frame::RECEIVER as usize);
            self.state.frames[level].receiver.stored = true;
        }
    }

    /// Put everything into the frames.
    pub(super) fn save_frames(&mut self) {
        let top = self.top_level();
        self.lay_frames(top);
        for level in 0..=top {
            for index in 0..self.state.frames[level].slots.len() {
                self.save_slot(level, index);
            }
        }
    }

    /// Put slot `index` of the frame at `level` into the frame.
    pub(super) fn save_slot(&mut self, level: usize, index: usize) {
        let slot = self.state.frames[level].slots[index];
        if slot.stored {
            return;
        }
        let value = self.oop(slot.def);
        let offset = self.state.frames[level].offset + slot_offset(index);
        self.store(value, self.frame, offset);
        self.state.frames[level].slots[index].stored = true;
    }

    /// Have the interpreter run the operation at word `index` of the frame under way, and leave when it
    /// does not go on in this frame. Afterwards `depth` values are there.
    pub(super) fn interpret(
        &mut self,
        index: usize,
        operation: rowel_interpreter::operation::Operation,
        depth: usize,
    ) {
        self.save_frames();
        let (ip, sp) = (self.ip(index), self.sp());
        let fp = self.frame_pointer(self.top_level());
        let (vm, number) = (self.vm_value(), self.constant(operation as u64));
        let function = runtime::run_operation as *const () as usize;
        let done = self.helper(function, &[vm, ip, sp, fp, number]);
        let leaves = self.leaves();
        self.go_on_if(done, leaves);
        let slots = &mut self.state.top().slots;
        slots.truncate(depth);
        slots.resize(depth, super::Slot::IN_FRAME);
        if let Some(top) = slots.last_mut() {
            // It may be what the operation has pushed.
            *top = super::Slot::IN_FRAME;
        }
        self.exit_here = None;
        self.state.after_call();
    }
}
