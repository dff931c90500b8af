//! Sends, through the inline caches of the interpreter. What those do not know yet, and what takes
//! more than a frame, a primitive or a variable, the interpreter does: native code leaves, and is entered again
//! after the send.

use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use rowel_interpreter::code::{Action, CodeRef};
use rowel_interpreter::frame;
use rowel_interpreter::native::{code_offset, vm_offset};
use rowel_interpreter::operation::{Operation as Op, Word};
use rowel_objmem::Oop;
use rowel_objmem::header::CLASS_INDEX_MASK;
use rowel_objmem::layout::special;

use super::state::slot_offset;
use super::{Compare, Compiler, SEND_WORDS};
use crate::runtime;

impl Compiler<'_> {
    /// A send: what its inline cache knows now in line, else by a call.
    pub(super) fn send(&mut self, index: usize, operation: Op, word: Word) {
        let num_args = usize::from(word.a());
        let known = self.code.ip_at(index).cached_code();
        let action = known.map(|code| code.get().action);
        for depth in 0..=num_args {
            self.peek(depth);
        }
        // What is known where the paths part.
        let parting = (self.slots.clone(), self.receiver);
        let (slow, join) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(join, types::I64);
        let value = match (operation, known, action) {
            (Op::SendQuick, Some(code), Some(action)) if !self.is_context_class(index) => {
                self.check_code(index, num_args, code, slow);
                let value = self.quick(action);
                // After the other path, everything is in the frame.
                self.flush();
                Some(value)
            }
            (Op::SendPrimitive, Some(code), Some(Action::Value(_))) => {
                self.check_code(index, num_args, code, slow);
                Some(self.primitive(index, num_args, code))
            }
            (Op::SendEvaluate, Some(code), Some(Action::Evaluate)) => {
                self.check_code(index, num_args, code, slow);
                Some(self.evaluate(index, num_args, code))
            }
            (Op::Send, Some(code), Some(Action::Activate)) => {
                self.check_code(index, num_args, code, slow);
                Some(self.method(index, num_args, code))
            }
            _ => {
                self.builder.ins().jump(slow, &[]);
                None
            }
        };
        if let Some(value) = value {
            self.builder.ins().jump(join, &[value.into()]);
        }
        (self.slots, self.receiver) = parting;
        self.aside(slow, |compiler| {
            let value = compiler.send_slowly(index, num_args);
            compiler.builder.ins().jump(join, &[value.into()]);
        });
        self.builder.switch_to_block(join);
        self.slots.truncate(self.slots.len() - 1 - num_args);
        self.forget();
        self.push(result);
    }

    /// The class index of `object`.
    fn class_index(&mut self, object: Value) -> Value {
        let (pointer, join) = (self.builder.create_block(), self.builder.create_block());
        let class = self.builder.append_block_param(join, types::I64);
        let tag = self.builder.ins().band_imm_u(object, 7);
        self.builder.ins().brif(tag, join, &[tag.into()], pointer, &[]);
        self.builder.switch_to_block(pointer);
        let address = self.address(object);
        let header = self.load(address, 0);
        let index = self.builder.ins().band_imm_u(header, CLASS_INDEX_MASK as i64);
        self.builder.ins().jump(join, &[index.into()]);
        self.builder.switch_to_block(join);
        class
    }

    /// Word `offset` of the inline cache of the send at `index`.
    fn cache_word(&mut self, index: usize, offset: usize) -> Value {
        let address = self.ip(index);
        self.load(address, 8 * offset)
    }

    /// What the inline cache at `index` has for the object with `header`; `slow` when it does not know.
    pub(super) fn cached_code(&mut self, index: usize, header: Value, slow: Block) -> Value {
        let class = self.builder.ins().band_imm_u(header, CLASS_INDEX_MASK as i64);
        let cached = self.cache_word(index, 1);
        let other = self.icmp(Compare::Other, class, cached);
        self.branch_to(slow, Compare::Other, other, 0);
        self.cache_word(index, 2)
    }

    /// Go to `slow` unless the inline cache of the send at `index` has `code` for the receiver.
    fn check_code(&mut self, index: usize, num_args: usize, code: CodeRef, slow: Block) {
        self.known.push(code);
        let receiver = self.peek(num_args);
        let class = self.class_index(receiver);
        let cached = self.cache_word(index, 1);
        let other = self.icmp(Compare::Other, class, cached);
        self.branch_to(slow, Compare::Other, other, 0);
        let cached = self.cache_word(index, 2);
        let code = self.constant(code.to_word());
        let other = self.icmp(Compare::Other, cached, code);
        self.branch_to(slow, Compare::Other, other, 0);
    }

    fn quick(&mut self, action: Action) -> Value {
        let receiver = self.peek(0);
        match action {
            Action::AnswerVariable(slot) => self.fetch(receiver, usize::from(slot)),
            Action::AnswerInteger(value) => self.constant(Oop::small_integer(i64::from(value)).0),
            Action::AnswerSpecial(which) => {
                let offset = match usize::from(which) {
                    special::TRUE => vm_offset::TRUE,
                    special::FALSE => vm_offset::FALSE,
                    _ => vm_offset::NIL,
                };
                self.load(self.vm, offset)
            }
            _ => receiver,
        }
    }

    /// Whether the inline cache at `index` knows contexts, whose variables are in frames.
    fn is_context_class(&self, index: usize) -> bool {
        let context = rowel_objmem::layout::class_index::METHOD_CONTEXT;
        self.code.ip_at(index).cached_class() == u64::from(context.0)
    }

    fn primitive(&mut self, index: usize, num_args: usize, code: CodeRef) -> Value {
        self.flush();
        let (ip, sp) = (self.ip(index + SEND_WORDS), self.sp());
        let (code, args) = (self.constant(code.to_word()), self.constant(num_args as u64));
        let function = runtime::primitive as *const () as usize;
        let value = self.call(function, &[self.vm, ip, sp, self.fp, code, args]);
        self.leave_chain(value);
        value
    }

    fn evaluate(&mut self, index: usize, num_args: usize, code: CodeRef) -> Value {
        self.flush();
        let (ip, sp) = (self.ip(index + SEND_WORDS), self.sp());
        let (code, args) = (self.constant(code.to_word()), self.constant(num_args as u64));
        let function = runtime::evaluate as *const () as usize;
        let entry = self.call(function, &[self.vm, ip, sp, self.fp, code, args]);
        self.leave_chain(entry);
        let entry = self.builder.ins().iadd_imm_s(entry, -1);
        self.call_made(entry)
    }

    /// A send that makes a frame of `code`. The native code of what has none leaves.
    fn method(&mut self, index: usize, num_args: usize, code: CodeRef) -> Value {
        let operands: Vec<Value> = (0..=num_args).rev().map(|depth| self.peek(depth)).collect();
        let first = self.slots.len() - 1 - num_args;
        let kept = self.slots.split_off(first);
        self.flush();
        self.slots.extend(kept);
        let fp = self.lay_frame(index, first, code, &operands);
        let zero = self.constant(0);
        let code = self.constant(code.to_word());
        let value = self.call_native(code, fp, zero);
        self.leave_chain(value);
        value
    }

    /// Any send.
    fn send_slowly(&mut self, index: usize, num_args: usize) -> Value {
        self.flush();
        let (ip, sp) = (self.ip(index), self.sp());
        let sent = self.call(runtime::send as *const () as usize, &[self.vm, ip, sp, self.fp]);
        self.leave_chain(sent);
        let (answered, join) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(join, types::I64);
        self.branch_to(answered, Compare::Same, sent, 1);
        let entry = self.builder.ins().iadd_imm_s(sent, -2);
        let value = self.call_made(entry);
        self.builder.ins().jump(join, &[value.into()]);
        self.builder.switch_to_block(answered);
        let first = self.slots.len() - 1 - num_args;
        let value = self.load(self.frame, slot_offset(first));
        self.builder.ins().jump(join, &[value.into()]);
        self.builder.switch_to_block(join);
        result
    }

    /// Call the native code of the frame that the VM's registers tell, from `entry` on.
    fn call_made(&mut self, entry: Value) -> Value {
        let made = self.load(self.vm, vm_offset::FP);
        let address = self.address(made);
        let code = self.load(address, frame::CODE as usize);
        let value = self.call_native(code, made, entry);
        self.leave_chain(value);
        value
    }

    /// Write the frame of `code` over slot `first`, where the receiver is; answers where it is.
    fn lay_frame(
        &mut self,
        index: usize,
        first: usize,
        code: CodeRef,
        operands: &[Value],
    ) -> Value {
        let temps = usize::from(code.get().num_temps).saturating_sub(operands.len() - 1);
        let code = self.constant(code.to_word());
        let resume = self.ip(index + SEND_WORDS);
        self.store(resume, self.frame, frame::SAVED_PC as usize);
        let at = slot_offset(first);
        let method = self.load(code, code_offset::METHOD);
        let (zero, nil) = (self.constant(0), self.load(self.vm, vm_offset::NIL));
        let header = [
            (frame::CALLER_FP, self.fp),
            (frame::METHOD, method),
            (frame::CODE, code),
            (frame::CONTEXT, zero),
            (frame::CLOSURE, zero),
        ];
        for (offset, value) in header {
            self.store(value, self.frame, at + offset as usize);
        }
        for (place, value) in operands.iter().enumerate() {
            self.store(*value, self.frame, at + frame::RECEIVER as usize + 8 * place);
        }
        for place in 0..temps {
            self.store(nil, self.frame, at + slot_offset(operands.len() - 1 + place));
        }
        self.builder.ins().iadd_imm_s(self.fp, at as i64)
    }

    /// Call the native code of `code` for the frame at `fp`.
    fn call_native(&mut self, code: Value, fp: Value, entry: Value) -> Value {
        let native = self.load(code, code_offset::NATIVE);
        let signature = super::signature(self.convention, 4, true);
        let signature = self.builder.import_signature(signature);
        let arguments = [self.vm, self.base, fp, entry];
        let call = self.builder.ins().call_indirect(signature, native, &arguments);
        self.builder.inst_results(call)[0]
    }

    /// Leave when what was called has left.
    fn leave_chain(&mut self, value: Value) {
        let left = self.builder.ins().icmp_imm_u(Compare::Same.condition(), value, 0);
        self.unlikely(left, |compiler| compiler.answer_leaving());
    }
}
