//! Where a compiled tier attaches: native code of methods, and what it may call and read.
//!
//! Native code runs a frame of the VM stack in the one layout of [`crate::frame`]. It answers the
//! value that the frame returns, or 0 for "leave": then the registers in the [`Vm`] say where the
//! interpreter goes on, every frame is complete, and all native callers answer 0 in turn. It is
//! entered at entries only: words that have been made [`EnterNative`](Operation::EnterNative). What it cannot
//! do it has the interpreter do: a single operation through [`Vm::run_operation`], a send by leaving.
//!
//! Objects move only where the interpreter attends to what waits, and no native code is active then.
#![expect(unsafe_code, reason = "calls of native code; argued where they are")]

use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rowel_objmem::{Address, Heap, Oop};

use crate::code::{Action, CodeRef, Ip, MethodCode};
use crate::dispatch::Step;
use crate::frame;
use crate::machine::Machine;
use crate::operation::Operation;
use crate::vm::{Registers, Vm};

/// Native code: runs the frame at `fp` from its entry number `entry`; `base` is the native address of
/// the cage's address 0.
pub type Native = unsafe extern "C" fn(vm: *mut Vm, base: u64, fp: u64, entry: u64) -> u64;

/// The native code of what has none: leaves at its first word.
pub const NOT_COMPILED: Native = not_compiled;

/// A word that enters native code.
#[derive(Clone, Copy, Debug)]
pub struct NativeEntry {
    /// Index of the word.
    pub word: u32,
    /// The operation that was there.
    pub operation: Operation,
}

unsafe extern "C" fn not_compiled(vm: *mut Vm, _base: u64, fp: u64, _entry: u64) -> u64 {
    // SAFETY: native code is called with the VM that runs it, and nobody else uses that meanwhile.
    let vm = unsafe { &mut *vm };
    let fp = Address(fp);
    let code = CodeRef::from_word(vm.heap.load(fp.plus(frame::CODE))).expect("a frame has code");
    let temps = u64::from(code.get().num_temps);
    let sp = fp.plus(frame::FIRST_TEMP + temps * frame::WORD);
    vm.registers.set(code.ip_at(0), sp, fp);
    0
}

/// A compiled tier.
pub trait Tier: std::fmt::Debug + Send {
    /// Code has been translated: it is about to run for the first time.
    fn translated(&mut self, code: CodeRef);

    /// Code was found running by the interpreter.
    fn found_running(&mut self, code: CodeRef);

    /// Native code of `code` leaves often: it was made when less was known. No native code is running.
    fn leaves_often(&mut self, code: CodeRef);

    /// This is the child of a fork, where no other thread is left; `limit` is its stack limit.
    fn forked(&mut self, limit: Arc<AtomicU64>);
}

/// Native code that has left so often is to be made anew: ten times as often each time.
const MANY_LEAVES: u32 = 200;

/// How many callers are looked at for one that has no native code.
const SAMPLED_FRAMES: usize = 8;

impl Vm {
    /// Native code of `code` has left.
    pub(crate) fn note_leave(&mut self, code: CodeRef) {
        let leaves = code.get().leaves.get().saturating_add(1);
        code.get().leaves.set(leaves);
        let many =
            MANY_LEAVES * 10u32.saturating_pow(code.get().compilations.get().saturating_sub(1));
        if leaves == many
            && code.get().is_compiled()
            && let Some(tier) = &mut self.tier
        {
            tier.leaves_often(code);
        }
    }

    /// Tell the tier what is running: of the innermost frames, the first that is interpreted.
    pub(crate) fn sample(&mut self) {
        let Some(tier) = &mut self.tier else { return };
        let mut fp = self.registers.fp;
        for _ in 0..SAMPLED_FRAMES {
            let code = CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
            if let Some(code) = code.filter(|code| !code.get().is_compiled()) {
                return tier.found_running(code);
            }
            fp = Address(self.heap.load(fp.plus(frame::CALLER_FP)));
            if fp == Address(0) {
                return;
            }
        }
    }
}

impl Vm {
    /// Do `work` for native code, which a panic cannot pass: it goes on when native code has left, which
    /// the 0 that is answered then makes it do.
    pub fn guarded(&mut self, work: impl FnOnce(&mut Vm) -> u64) -> u64 {
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(answer) => answer,
            Err(payload) => {
                self.panic = Some(payload);
                0
            }
        }
    }
}

/// What became of a send.
#[derive(Clone, Copy, Debug)]
pub enum Sent {
    /// The interpreter goes on.
    Left,
    /// The value is on top of the stack.
    Answered,
    /// A frame was made, whose native code starts at this entry.
    Entered(usize),
}

/// Byte offsets that native code uses, all from the start of the [`Vm`].
pub mod vm_offset {
    use super::*;

    /// The program counter.
    pub const IP: usize = offset_of!(Vm, registers) + offset_of!(Registers, ip);
    /// The stack pointer.
    pub const SP: usize = offset_of!(Vm, registers) + offset_of!(Registers, sp);
    /// The running frame.
    pub const FP: usize = offset_of!(Vm, registers) + offset_of!(Registers, fp);
    /// The address of the stack limit.
    pub const LIMIT: usize = offset_of!(Vm, limit_address);
    /// The heap, for [`Heap::OFFSETS`].
    pub const HEAP: usize = offset_of!(Vm, heap);
    /// nil.
    pub const NIL: usize = HEAP + Heap::OFFSETS.nil;
    /// true.
    pub const TRUE: usize = HEAP + Heap::OFFSETS.true_object;
    /// false.
    pub const FALSE: usize = HEAP + Heap::OFFSETS.false_object;
    /// Where old objects start.
    pub const OLD_START: usize = HEAP + Heap::OFFSETS.old_start;
    /// Whether there may be forwarders: a byte.
    pub const HAS_FORWARDERS: usize = HEAP + Heap::OFFSETS.has_forwarders;
}

/// Byte offsets in a [`MethodCode`].
pub mod code_offset {
    use super::*;

    /// The compiled method.
    pub const METHOD: usize = offset_of!(MethodCode, method);
    /// The native code.
    pub const NATIVE: usize = offset_of!(MethodCode, native);
    /// Whether it is [simple](MethodCode::is_simple): a byte.
    pub const SIMPLE: usize = MethodCode::SIMPLE_OFFSET;
    /// The primitive number: two bytes.
    pub const PRIMITIVE: usize = offset_of!(MethodCode, primitive);
    /// The number of temporaries: a byte.
    pub const NUM_TEMPS: usize = offset_of!(MethodCode, num_temps);
}

impl Vm {
    /// The code of the running frame.
    pub fn running_code(&self) -> CodeRef {
        CodeRef::from_word(self.frame_word(frame::CODE)).expect("a frame has code")
    }

    /// Call the native code of the running frame at entry number `entry`. Zero when it has left.
    pub(crate) fn call_native(&mut self, code: CodeRef, entry: usize) -> Oop {
        let base = self.heap.memory().native(Address(0)) as u64;
        let fp = self.registers.fp.0;
        let native = code.get().native.get();
        // SAFETY: the tier that made the code has given it for this method and this layout of frames
        // (see the module); the frame is complete, and `self` is lent to the code for the call.
        let value = Oop(unsafe { native(self, base, fp, entry as u64) });
        if let Some(payload) = self.panic.take() {
            resume_unwind(payload);
        }
        value
    }

    /// Run one operation of the frame at `fp`, which is at `ip` with its operands up to `sp`. Answers
    /// whether the frame goes on; else native code has to leave.
    pub fn run_operation(
        &mut self,
        operation: Operation,
        ip: Ip,
        sp: Address,
        fp: Address,
    ) -> bool {
        self.registers.set(ip, sp, fp);
        let mut machine = Machine::new(self);
        let word = ip.word().with_op(operation);
        let step = match machine.step(operation, word) {
            Step::OtherStore => machine.store_otherwise(word),
            step => step,
        };
        let (new_ip, new_sp, new_fp) = (machine.ip, machine.sp, machine.fp);
        match step {
            // A send has changed nothing: the interpreter does it.
            Step::Send | Step::OtherSend | Step::OtherStore | Step::As(_) => false,
            Step::Next | Step::Attend | Step::Leave(_) => {
                self.registers.set(new_ip, new_sp, new_fp);
                matches!(step, Step::Next) && new_fp == fp && !self.leaving
            }
        }
    }
}

impl Vm {
    /// Call the primitive of `code`, which is to answer a value; the registers say where the operands
    /// are and where the frame goes on. `None` when native code has to leave: it failed, and the frame of
    /// its method was made.
    pub fn primitive_from_native(&mut self, code: CodeRef, num_args: usize) -> Option<Oop> {
        let Action::Value(function) = code.get().action else {
            self.execute(code, num_args);
            return None;
        };
        self.argument_count = num_args;
        match function(self) {
            Ok(value) => Some(value),
            Err(failure) => {
                self.primitive_failed(code, num_args, failure);
                None
            }
        }
    }

    /// Make the frame of the closure below `num_args` arguments, whose evaluation is `code`; the registers
    /// say where they are and where the frame goes on. The number of the entry at which the native code of
    /// the block starts; `None` when native code has to leave.
    pub fn evaluate_from_native(&mut self, code: CodeRef, num_args: usize) -> Option<usize> {
        let block = self.stack_value(num_args);
        let mut machine = Machine::new(self);
        let passed = machine.evaluate_cached(block, num_args as u64);
        let (ip, sp, fp) = (machine.ip, machine.sp, machine.fp);
        match passed {
            Some(passed) => {
                self.registers.set(ip, sp, fp);
                let code = self.running_code();
                code.get().entry_at(code.index_of(ip)).filter(|_| !passed)
            }
            None => {
                self.execute(code, num_args);
                None
            }
        }
    }

    /// Do the send at the program counter, whose inline cache does not help.
    pub fn send_from_native(&mut self) -> Sent {
        let site = self.registers.ip;
        let fp = self.registers.fp;
        let word = site.word();
        self.registers.ip = site.advanced(crate::steps::SEND_WORDS);
        let after = self.registers.ip;
        self.send_from_site(site, word);
        if self.leaving {
            return Sent::Left;
        }
        if self.registers.fp == fp && self.registers.ip == after {
            return Sent::Answered;
        }
        let limit = self.stack_limit.load(std::sync::atomic::Ordering::Relaxed);
        let is_callee = self.heap.load(self.registers.fp.plus(frame::CALLER_FP)) == fp.0;
        if limit == 0 || !is_callee {
            return Sent::Left;
        }
        let code = self.running_code();
        match code.get().entry_at(code.index_of(self.registers.ip)) {
            Some(entry) => Sent::Entered(entry),
            None => Sent::Left,
        }
    }

    /// The frame of `context` returns: the context is dead from now on.
    pub fn widow_from_native(&mut self, context: Oop) {
        self.widow(context.0);
    }
}

impl CodeRef {
    /// Have this code run by the native code at `address`, from its entries at `words` on, in ascending
    /// order; entry 0 is word 0. The native code must have been made for this code, for this layout of
    /// frames, and stay where it is as long as the code has it. It holds the addresses of `known` and of
    /// no other code.
    pub fn set_native(self, address: u64, words: &[u32], known: Vec<CodeRef>) {
        // SAFETY: a function of this type is at that address, as the tier says.
        let native = unsafe { std::mem::transmute::<usize, Native>(address as usize) };
        self.get().set_native(native, words, known);
    }
}
