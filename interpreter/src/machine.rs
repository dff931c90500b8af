//! The registers while running: [`Vm`]'s registers in locals, and the small steps that operations
//! are made of. Everything here is inlined into the dispatch loop; what is slow goes through
//! [`Machine::outside`], which puts the registers back first, so that they never need an address.

use rowel_objmem::cage::Memory;
use rowel_objmem::{Address, Oop};

use std::sync::atomic::Ordering;

use crate::code::{CodeRef, Ip, MethodCode, SIMPLE_ARGS, SIMPLE_TEMPS};
use crate::frame::{self, WORD};
use crate::layout::{closure, context};
use crate::stack::PAGE_BYTES;
use crate::vm::{Registers, Vm};

/// A VM with its registers taken out.
pub(crate) struct Machine<'v> {
    pub(crate) vm: &'v mut Vm,
    pub(crate) memory: Memory,
    pub(crate) ip: Ip,
    pub(crate) sp: Address,
    pub(crate) fp: Address,
}

impl<'v> Machine<'v> {
    /// Take the registers out of `vm`.
    #[inline(always)]
    pub(crate) fn new(vm: &'v mut Vm) -> Self {
        let Registers { ip, sp, fp, .. } = vm.registers;
        Machine { memory: vm.heap.memory(), vm, ip, sp, fp }
    }

    /// Run something that needs the registers in the VM and may change them.
    #[inline(always)]
    pub(crate) fn outside<R>(&mut self, slow: impl FnOnce(&mut Vm) -> R) -> R {
        self.vm.registers.set(self.ip, self.sp, self.fp);
        let result = slow(self.vm);
        Registers { ip: self.ip, sp: self.sp, fp: self.fp, .. } = self.vm.registers;
        result
    }

    /// Push an operand.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: Oop) {
        self.memory.store(self.sp, value.0);
        self.sp = self.sp.plus(WORD);
    }

    /// Take the top operand.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Oop {
        self.sp = Address(self.sp.0 - WORD);
        Oop(self.memory.load(self.sp))
    }

    /// The operand `depth` below the top.
    #[inline(always)]
    pub(crate) fn peek(&self, depth: u64) -> Oop {
        Oop(self.memory.load(Address(self.sp.0 - (depth + 1) * WORD)))
    }

    /// Drop `count` operands and push `value`.
    #[inline(always)]
    pub(crate) fn replace(&mut self, count: u64, value: Oop) {
        self.sp = Address(self.sp.0 - count * WORD);
        self.push(value);
    }

    /// The receiver of the running frame.
    #[inline(always)]
    pub(crate) fn receiver(&self) -> Oop {
        Oop(self.memory.load(self.fp.plus(frame::RECEIVER)))
    }

    /// The method of the running frame.
    #[inline(always)]
    pub(crate) fn method(&self) -> Oop {
        Oop(self.memory.load(self.fp.plus(frame::METHOD)))
    }

    /// Where argument or temporary `index` of the running frame is.
    #[inline(always)]
    pub(crate) fn temp_address(&self, index: u64) -> Address {
        self.fp.plus(frame::FIRST_TEMP + index * WORD)
    }

    /// Argument or temporary `index` of the running frame.
    #[inline(always)]
    pub(crate) fn temp(&self, index: u64) -> Oop {
        Oop(self.memory.load(self.temp_address(index)))
    }

    /// Literal `index` of the running method.
    #[inline(always)]
    pub(crate) fn literal(&self, index: usize) -> Oop {
        crate::method::literal(self.memory, self.method(), index)
    }

    /// Lay a frame for `code` over the receiver and arguments on the operand stack and go on in it.
    /// `resume` is where the caller goes on. Answers whether the stack limit was passed.
    #[inline(always)]
    pub(crate) fn activate(&mut self, code: CodeRef, resume: Ip) -> bool {
        let method = code.get();
        let num_args = u64::from(method.num_args);
        self.memory.store(self.fp.plus(frame::SAVED_PC), resume.to_word());
        self.lay_frame(code, num_args, 0);
        self.push_nils(u64::from(method.num_temps) - num_args);
        self.ip = code.ip_at(0);
        self.is_past_limit(method)
    }

    /// As [`activate`](Self::activate), of [simple](MethodCode::is_simple) code.
    #[inline(always)]
    pub(crate) fn activate_simple(&mut self, code: CodeRef, resume: Ip) -> bool {
        let method = code.get();
        let num_args = u64::from(method.num_args);
        self.memory.store(self.fp.plus(frame::SAVED_PC), resume.to_word());
        let fp = Address(self.sp.0 - (num_args + 1) * WORD);
        // With fewer arguments this moves words that are not in use, which is cheaper than tests.
        for index in (0..=u64::from(SIMPLE_ARGS)).rev() {
            self.move_up(fp, index);
        }
        self.write_header(fp, code, 0);
        self.sp = fp.plus(frame::FIRST_TEMP + num_args * WORD);
        let nil = self.vm.heap.nil().0;
        // Here too.
        for index in 0..u64::from(SIMPLE_TEMPS) {
            self.memory.store(self.sp.plus(index * WORD), nil);
        }
        self.sp = fp.plus(frame::FIRST_TEMP + u64::from(method.num_temps) * WORD);
        self.ip = code.ip_at(0);
        self.is_past_limit(method)
    }

    /// Lay a frame for the closure `block` over it and its arguments; the program counter is where
    /// the caller goes on. The copied values start at slot `first_copied`; its code at `start`.
    /// Answers whether the stack limit was passed.
    #[inline(always)]
    pub(crate) fn activate_block(
        &mut self,
        code: CodeRef,
        block: Oop,
        receiver: Oop,
        first_copied: usize,
        start: Ip,
    ) -> bool {
        let method = code.get();
        self.memory.store(self.fp.plus(frame::SAVED_PC), self.ip.to_word());
        let copied = (self.memory.slot_count(block) as usize).saturating_sub(first_copied);
        let is_full = first_copied == closure::FULL_FIRST_COPIED;
        let num_args = if is_full {
            u64::from(method.num_args)
        } else {
            self.memory.fetch(block, closure::NUM_ARGS).integer_value() as u64
        };
        self.lay_frame(code, num_args, block.0);
        self.memory.store(self.fp.plus(frame::RECEIVER), receiver.0);
        for index in 0..copied {
            self.push(self.memory.fetch(block, first_copied + index));
        }
        if is_full {
            self.push_nils(u64::from(method.num_temps).saturating_sub(num_args + copied as u64));
        }
        self.ip = start;
        self.is_past_limit(method)
    }

    /// Move receiver and arguments up and write the header of their frame under them.
    #[inline(always)]
    fn lay_frame(&mut self, code: CodeRef, num_args: u64, closure: u64) {
        let fp = Address(self.sp.0 - (num_args + 1) * WORD);
        for index in (2..=num_args).rev() {
            self.move_up(fp, index);
        }
        // Without an argument this moves a word that is not in use, which is cheaper than a test.
        self.move_up(fp, 1);
        self.move_up(fp, 0);
        self.write_header(fp, code, closure);
        self.sp = fp.plus(frame::FIRST_TEMP + num_args * WORD);
    }

    /// Move operand `index` of those at `fp` (0 is the receiver) to its place in the frame there.
    #[inline(always)]
    fn move_up(&self, fp: Address, index: u64) {
        let value = self.memory.load_alone(fp.plus(index * WORD));
        self.memory.store(fp.plus(frame::RECEIVER + index * WORD), value);
    }

    /// Write the header of a frame for `code` at `fp`, and go over to it.
    #[inline(always)]
    fn write_header(&mut self, fp: Address, code: CodeRef, closure: u64) {
        let memory = self.memory;
        memory.store(fp.plus(frame::CALLER_FP), self.fp.0);
        memory.store(fp.plus(frame::METHOD), code.get().method.0);
        memory.store(fp.plus(frame::CODE), code.to_word());
        memory.store(fp.plus(frame::CONTEXT), 0);
        memory.store(fp.plus(frame::CLOSURE), closure);
        self.fp = fp;
    }

    #[inline(always)]
    fn push_nils(&mut self, count: u64) {
        let nil = self.vm.heap.nil().0;
        // Here too: the words beyond are not in use.
        self.memory.store(self.sp, nil);
        self.memory.store(self.sp.plus(WORD), nil);
        for index in 2..count {
            self.memory.store(self.sp.plus(index * WORD), nil);
        }
        self.sp = self.sp.plus(count * WORD);
    }

    #[inline(always)]
    fn is_past_limit(&self, method: &MethodCode) -> bool {
        let end = self.fp.plus(u64::from(method.frame_words) * WORD);
        end.0 % PAGE_BYTES > self.vm.stack_limit.load(Ordering::Relaxed)
    }

    /// Return `value` to the caller's frame. False when this is the base frame of its page or has a
    /// context that is old: then nothing was done.
    #[inline(always)]
    pub(crate) fn return_fast(&mut self, value: Oop) -> bool {
        let caller = self.memory.load(self.fp.plus(frame::CALLER_FP));
        let married = Oop(self.memory.load(self.fp.plus(frame::CONTEXT)));
        if caller == 0 {
            return false;
        }
        if married != Oop::ZERO {
            if !self.vm.heap.is_young(married) {
                return false;
            }
            // The context is dead from now on. It is young: no barrier.
            let nil = self.vm.heap.nil();
            self.memory.store_unchecked(married, context::SENDER, nil);
            self.memory.store_unchecked(married, context::PC, nil);
        }
        self.sp = self.fp;
        self.push(value);
        self.fp = Address(caller);
        self.ip = Ip::from_word(self.memory.load(self.fp.plus(frame::SAVED_PC)));
        true
    }
}
