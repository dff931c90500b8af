//! Calls of native code, with all frames in memory, and returns.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::frame;
use rowel_interpreter::layout::context;
use rowel_interpreter::native::{BODY_TAG, code_offset, vm_offset};
use rowel_objmem::Oop;

use super::state::{Def, slot_offset};
use super::values::TAG_MASK;
use super::{Compiler, field};
use crate::profile::{CODE_SLOT, Memo, Pic, Site};
use crate::runtime;

/// Receiver and arguments of a call, taken off the operands.
pub(super) struct Operands {
    pub(super) receiver: Def,
    pub(super) arguments: Vec<Def>,
}

impl Compiler<'_> {
    /// Take receiver and `num_args` arguments.
    pub(super) fn take_operands(&mut self, num_args: usize) -> Operands {
        let arguments = (0..num_args).rev().map(|depth| self.peek(depth)).collect();
        let receiver = self.peek(num_args);
        self.drop_operands(num_args + 1);
        Operands { receiver, arguments }
    }

    /// Make everything ready for a call from the send at `index`, whose operands have been taken: frames
    /// in memory, the place of the callee's frame. Answers operands as oops, and that place.
    fn prepare_call(&mut self, index: usize, operands: &Operands) -> (Vec<Value>, usize) {
        let mut values = vec![self.oop(operands.receiver)];
        for def in &operands.arguments {
            values.push(self.oop(*def));
        }
        self.save_frames();
        let code = self.state.top().code;
        let landing = code.get().landing_at(Self::after_send(index));
        let landing = self.constant(landing);
        let top = self.state.top();
        let (offset, count) = (top.offset, top.slots.len());
        self.store(landing, self.frame, offset + frame::SAVED_PC as usize);
        let callee = offset + slot_offset(count);
        let fp = self.frame_pointer(self.top_level());
        self.store(fp, self.frame, callee + frame::CALLER_FP as usize);
        (values, callee)
    }

    /// Call the native code at `target` for `code`, with the callee's frame at `callee`; push what it
    /// answers.
    fn call_native(&mut self, target: Value, code: Value, callee: usize, values: &[Value]) {
        let value = self.call_at(target, code, callee, values);
        self.called(value);
    }

    /// A call has answered `value`: push it, unless native code has to leave.
    fn called(&mut self, value: Value) {
        let leaves = self.leaves();
        self.go_on_if(value, leaves);
        self.exit_here = None;
        self.state.after_call();
        self.push_oop(value);
    }

    /// Call what `code` does, from the send at `index`.
    pub(super) fn call_code(&mut self, index: usize, code: CodeRef, operands: &Operands) {
        self.rely_on(code);
        let (values, callee) = self.prepare_call(index, operands);
        let code = self.constant(code.to_word());
        let target = self.load(code, code_offset::DIRECT);
        self.call_native(target, code, callee, &values);
    }

    /// Call the primitive of `code`, which answers a value, from the send at `index`, and should it fail what the
    /// method does then.
    pub(super) fn call_primitive(&mut self, index: usize, code: CodeRef, operands: &Operands) {
        self.rely_on(code);
        let (values, first) = self.prepare_call(index, operands);
        for (place, value) in values.iter().enumerate() {
            self.store(*value, self.frame, first + 8 * place);
        }
        let sp = self.b.ins().iadd_imm_s(self.fp, (first + 8 * values.len()) as i64);
        let ip = self.ip(Self::after_send(index));
        let (vm, fp) = (self.vm_value(), self.frame_pointer(self.top_level()));
        self.store(ip, vm, vm_offset::IP);
        self.store(sp, vm, vm_offset::SP);
        self.store(fp, vm, vm_offset::FP);
        let code = self.constant(code.to_word());
        let answer = self.helper(runtime::primitive as *const () as usize, &[vm, code]);
        let (failed, join) = (self.b.create_block(), self.b.create_block());
        let value = self.b.append_block_param(join, types::I64);
        let tag = self.b.ins().band_imm_u(answer, TAG_MASK);
        let has_failed = self.b.ins().icmp_imm_u(IntCC::Equal, tag, BODY_TAG as i64);
        self.b.ins().brif(has_failed, failed, &[], join, &[answer.into()]);
        self.b.switch_to_block(failed);
        // The operands were where the callee's frame has this.
        self.store(fp, self.frame, first + frame::CALLER_FP as usize);
        let body = self.b.ins().band_imm_s(answer, !TAG_MASK);
        let answer = self.call_at(body, code, first, &values);
        self.b.ins().jump(join, &[answer.into()]);
        self.b.switch_to_block(join);
        self.called(value);
    }

    /// Evaluate the closure that is the receiver, from the send at `index`, which has found `code`.
    pub(super) fn call_block(&mut self, index: usize, code: CodeRef, operands: &Operands) {
        self.rely_on(code);
        let memo = self.memo(index);
        let (values, callee) = self.prepare_call(index, operands);
        let count = operands.arguments.len();
        let block = runtime::block as *const () as usize;
        let found = self.remembered(memo, block, values[0], None, count);
        let code = self.constant(code.to_word());
        let otherwise = self.load(code, code_offset::DIRECT);
        let target = self.b.ins().select(found, found, otherwise);
        self.call_native(target, code, callee, &values);
    }

    /// The memo of the send at `index`.
    fn memo(&mut self, index: usize) -> u64 {
        let site = Site::new(self.state.top().code, index);
        self.profile.memo(site) as *const _ as u64
    }

    /// What the memo knows for `object`: where it is a closure, its native code; where it is a selector, what
    /// that finds for `receiver`. What it does not know `function` tells it, which gets the number of arguments.
    fn remembered(
        &mut self,
        memo: u64,
        function: usize,
        object: Value,
        receiver: Option<Value>,
        count: usize,
    ) -> Value {
        let [same, known, asks, join] = std::array::from_fn(|_| self.b.create_block());
        let found = self.b.append_block_param(join, types::I64);
        let memo = self.constant(memo);
        let first = self.load(memo, Memo::FIRST);
        let (then, now) = (self.load(memo, Memo::EPOCH), self.vm_word(vm_offset::EPOCH));
        let is_same = self.b.ins().icmp(IntCC::Equal, first, object);
        let is_fresh = self.b.ins().icmp(IntCC::Equal, then, now);
        let both = self.b.ins().band(is_same, is_fresh);
        self.b.ins().brif(both, same, &[], asks, &[]);
        // As it was noted, a closure is one, in memory.
        self.b.switch_to_block(same);
        let second = match receiver {
            Some(receiver) => self.class_index(receiver),
            None => self.fetch(object, CODE_SLOT),
        };
        let noted = self.load(memo, Memo::SECOND);
        let is_same = self.b.ins().icmp(IntCC::Equal, second, noted);
        self.b.ins().brif(is_same, known, &[], asks, &[]);
        self.b.switch_to_block(known);
        let cached = self.load(memo, Memo::FOUND);
        self.b.ins().jump(join, &[cached.into()]);
        self.b.switch_to_block(asks);
        let mut arguments = vec![self.vm_value(), memo, object];
        arguments.extend(receiver);
        arguments.push(self.constant(count as u64));
        let told = self.helper(function, &arguments);
        self.b.ins().jump(join, &[told.into()]);
        self.b.switch_to_block(join);
        found
    }

    /// Send the selector that is the first argument, from the send at `index`, which has found `code`: what
    /// is found for that is called like that of any send, with the other arguments.
    pub(super) fn call_perform(&mut self, index: usize, code: CodeRef, operands: &Operands) {
        self.rely_on(code);
        let memo = self.memo(index);
        let (values, callee) = self.prepare_call(index, operands);
        let (receiver, selector, count) = (values[0], values[1], values.len() - 2);
        let performed = runtime::performed as *const () as usize;
        let found = self.remembered(memo, performed, selector, Some(receiver), count);
        let (is_found, otherwise, join) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(join, types::I64);
        self.b.ins().brif(found, is_found, &[], otherwise, &[]);
        self.b.switch_to_block(is_found);
        let performed: Vec<Value> = values.iter().take(1).chain(&values[2..]).copied().collect();
        let value = self.call_direct(found, callee, &performed);
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(otherwise);
        self.b.set_cold_block(otherwise);
        let code = self.constant(code.to_word());
        let value = self.call_direct(code, callee, &values);
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(join);
        self.called(result);
    }

    /// Call what `code` does, with the callee's frame at `callee`; the value it answers, or 0.
    fn call_direct(&mut self, code: Value, callee: usize, values: &[Value]) -> Value {
        let target = self.load(code, code_offset::DIRECT);
        self.call_at(target, code, callee, values)
    }

    fn call_at(&mut self, target: Value, code: Value, callee: usize, values: &[Value]) -> Value {
        let fp = self.b.ins().iadd_imm_s(self.fp, callee as i64);
        let mut arguments = vec![fp, code];
        arguments.extend(values);
        let signature = self.signature_of(arguments.len());
        let call = self.b.ins().call_indirect(signature, target, &arguments);
        self.b.inst_results(call)[0]
    }

    /// The send at `index`, of which nothing is known: by its polymorphic cache.
    pub(super) fn call_any(&mut self, index: usize, operands: &Operands) {
        let site = Site::new(self.state.top().code, index);
        let pic = self.profile.pic(site) as *const _ as u64;
        let (values, callee) = self.prepare_call(index, operands);
        let class = self.class_index(values[0]);
        let pic = self.constant(pic);
        let found = self.b.create_block();
        let code = self.b.append_block_param(found, types::I64);
        let place = self.b.ins().band_imm_u(class, Pic::PAIR_MASK as i64);
        let place = self.b.ins().ishl_imm_u(place, i64::from(Pic::PAIR_SHIFT));
        let pair = self.b.ins().iadd(pic, place);
        for entry in [0, Pic::SECOND] {
            let (hit, next) = (self.b.create_block(), self.b.create_block());
            let cached = self.load(pair, entry);
            let is = self.b.ins().icmp(IntCC::Equal, class, cached);
            self.b.ins().brif(is, hit, &[], next, &[]);
            self.b.switch_to_block(hit);
            let cached = self.load(pair, entry + Pic::CODE);
            self.b.ins().brif(cached, found, &[cached.into()], next, &[]);
            self.b.switch_to_block(next);
        }
        let (vm, ip) = (self.vm_value(), self.ip(index));
        let method = self.state.top().code.to_word();
        let method = self.constant(method);
        let function = runtime::find as *const () as usize;
        let looked_up = self.helper(function, &[vm, pic, ip, values[0], method]);
        let missing = self.b.create_block();
        self.b.set_cold_block(missing);
        self.b.ins().brif(looked_up, found, &[looked_up.into()], missing, &[]);
        let join = self.b.create_block();
        let result = self.b.append_block_param(join, types::I64);
        self.b.switch_to_block(missing);
        let value = self.send_in_full(index, callee, &values);
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(found);
        let value = self.call_direct(code, callee, &values);
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(join);
        self.called(result);
    }

    /// The send at `index` with all that may come of it.
    fn send_in_full(&mut self, index: usize, callee: usize, values: &[Value]) -> Value {
        for (place, value) in values.iter().enumerate() {
            self.store(*value, self.frame, callee + 8 * place);
        }
        let end = callee + 8 * values.len();
        let sp = self.b.ins().iadd_imm_s(self.fp, end as i64);
        let fp = self.frame_pointer(self.top_level());
        let (vm, ip) = (self.vm_value(), self.ip(index));
        let count = self.constant(values.len() as u64 - 1);
        self.helper(runtime::send as *const () as usize, &[vm, ip, count, sp, fp])
    }

    /// Return `def` from the frame at `level`, and from all frames in it.
    pub(super) fn return_from(&mut self, level: usize, def: Def) {
        let def = self.escape(def, level);
        // A value in a frame that goes must be out of it.
        let def = match def {
            Def::InFrame(_) => unreachable!("operands are loaded when they are taken"),
            def => def,
        };
        let result = (level == 0).then(|| self.oop(def));
        for frame in (level..self.state.frames.len()).rev() {
            if self.state.frames[frame].laid {
                self.widow(frame);
            }
        }
        if let Some(value) = result {
            self.b.ins().return_(&[value]);
            self.ended = true;
            return;
        }
        self.state.frames.truncate(level);
        self.state.forget_closures(level);
        self.push(def);
        let edge = self.edge();
        self.bodies[level].returns.push(edge);
    }

    /// The context of the frame at `level`, if it has one, is dead from now on.
    fn widow(&mut self, level: usize) {
        let at = self.state.frames[level].offset + frame::CONTEXT as usize;
        let context = self.load(self.frame, at);
        let (married, usual) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(married);
        self.b.ins().brif(context, married, &[], usual, &[]);
        self.b.switch_to_block(married);
        // nil is old: no barrier.
        let (nil, address) = (self.vm_word(vm_offset::NIL), self.address(context));
        self.store(nil, address, field(context::SENDER));
        self.store(nil, address, field(context::PC));
        self.b.ins().jump(usual, &[]);
        self.b.switch_to_block(usual);
    }

    /// The unit holds the address of `code`.
    pub(super) fn rely_on(&mut self, code: CodeRef) {
        if !self.relies.codes.contains(&code) {
            self.relies.codes.push(code);
        }
    }

    /// The unit relies on what was found for `selector`.
    pub(super) fn rely_on_selector(&mut self, selector: Oop) {
        if !self.relies.selectors.contains(&selector) {
            self.relies.selectors.push(selector);
        }
    }
}
