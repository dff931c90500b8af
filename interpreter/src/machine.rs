//! The registers while running: [`Vm`]'s registers in locals, and the small steps that operations
//! are made of. Everything here is inlined into the dispatch loop; what is slow goes through
//! [`Machine::outside`], which puts the registers back first, so that they never need an address.

use rowel_objmem::cage::Memory;
use rowel_objmem::{Address, Oop};

use crate::code::{CodeRef, Ip};
use crate::frame::{self, WORD};
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
        let Registers { ip, sp, fp } = vm.registers;
        Machine { memory: vm.heap.memory(), vm, ip, sp, fp }
    }

    /// Run something that needs the registers in the VM and may change them.
    #[inline(always)]
    pub(crate) fn outside<R>(&mut self, slow: impl FnOnce(&mut Vm) -> R) -> R {
        self.vm.registers = Registers { ip: self.ip, sp: self.sp, fp: self.fp };
        let result = slow(self.vm);
        Registers { ip: self.ip, sp: self.sp, fp: self.fp } = self.vm.registers;
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
        let memory = self.memory;
        let num_args = u64::from(method.num_args);
        memory.store(self.fp.plus(frame::SAVED_PC), resume.to_word());
        let fp = Address(self.sp.0 - (num_args + 1) * WORD);
        for index in (0..=num_args).rev() {
            let value = memory.load(fp.plus(index * WORD));
            memory.store(fp.plus(frame::RECEIVER + index * WORD), value);
        }
        memory.store(fp.plus(frame::CALLER_FP), self.fp.0);
        memory.store(fp.plus(frame::METHOD), method.method.0);
        memory.store(fp.plus(frame::CODE), code.to_word());
        memory.store(fp.plus(frame::CONTEXT), 0);
        memory.store(fp.plus(frame::CLOSURE), 0);
        self.fp = fp;
        self.sp = fp.plus(frame::FIRST_TEMP + num_args * WORD);
        let nil = self.vm.heap.nil();
        for _ in num_args..u64::from(method.num_temps) {
            self.push(nil);
        }
        self.ip = code.ip_at(0);
        let end = fp.plus(u64::from(method.frame_words) * WORD);
        end.0 > self.vm.stack_limit.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Return `value` to the caller's frame. False when this is the base frame of its page or has a
    /// context: then nothing was done.
    #[inline(always)]
    pub(crate) fn return_fast(&mut self, value: Oop) -> bool {
        let caller = self.memory.load(self.fp.plus(frame::CALLER_FP));
        if caller == 0 || self.memory.load(self.fp.plus(frame::CONTEXT)) != 0 {
            return false;
        }
        self.sp = self.fp;
        self.push(value);
        self.fp = Address(caller);
        self.ip = Ip::from_word(self.memory.load(self.fp.plus(frame::SAVED_PC)));
        true
    }
}
