//! Where a compiled tier attaches: native code of methods, and what it may call and read.
//!
//! Native code runs frames of the VM stack in the one layout of [`crate::frame`]. It answers the
//! value that its frame returns, or 0 for "leave": then the registers in the [`Vm`] say where the
//! interpreter goes on, every frame is complete, and all native callers answer 0 in turn.
//!
//! The interpreter enters native code at words that have been made
//! [`EnterNative`](crate::operation::Operation::EnterNative). Native code that calls what has none runs the
//! interpreter in turn, which comes back when the frame has returned to where native code waits: its
//! caller's saved pc is a [landing](MethodCode::landing_at) then.
//!
//! What native code holds in registers is right as long as the VM is not [disturbed](Vm::disturb): by a
//! collection, `become:`, a change of process, a write to a frame from outside, a change of methods.
//! After that all native code that waits is left.
#![expect(unsafe_code, reason = "calls of native code; argued where they are")]

use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rowel_objmem::{Heap, Oop};

use crate::code::{CodeRef, MethodCode};
use crate::frame;
use crate::vm::{Registers, Vm};

mod calls;
mod part;

pub use part::{EntryKind, NativeEntry, NativePart};

/// Functions that the tier has made to be called from here: `(vm, fp, code, target)` call `target`, which
/// is native code for the frame at `fp` of `code`, and answer what that answers.
type Trampoline = unsafe extern "C" fn(vm: *mut Vm, fp: u64, code: u64, target: u64) -> u64;

/// Runs native code that is not for the processor of this machine.
pub trait Emulator: std::fmt::Debug + Send + Sync {
    /// Call the function at `address` with these arguments, in the way that C has on the emulated machine;
    /// answers what it answers. Code that waits for what the emulator called may be called again.
    fn call(&self, address: u64, arguments: [u64; 4]) -> u64;

    /// There is new code in so many bytes at `address`.
    fn code_changed(&self, address: u64, bytes: usize);
}

/// How native code is called from here.
#[derive(Clone, Debug)]
pub struct Trampolines {
    methods: Vec<u64>,
    blocks: Vec<u64>,
    loops: u64,
    emulator: Option<Arc<dyn Emulator>>,
}

impl Trampolines {
    /// Trampolines at these addresses: for methods, by number of arguments, for blocks, likewise, and for
    /// loops. What runs them is `emulator`, or this machine.
    ///
    /// # Safety
    /// A function of this kind, `extern "C" fn(vm: *mut Vm, fp: u64, code: u64, target: u64) -> u64`, must be
    /// at each address as long as this is used, for the machine that runs it.
    pub unsafe fn new(
        methods: Vec<u64>,
        blocks: Vec<u64>,
        loops: u64,
        emulator: Option<Arc<dyn Emulator>>,
    ) -> Trampolines {
        Trampolines { methods, blocks, loops, emulator }
    }

    /// The trampoline for what is entered so, with so many arguments.
    pub(crate) fn get(&self, kind: EntryKind, args: usize) -> Option<u64> {
        match kind {
            EntryKind::Method => self.methods.get(args).copied(),
            EntryKind::Block => self.blocks.get(args).copied(),
            EntryKind::Loop => Some(self.loops),
        }
    }

    /// Call `target` through `trampoline`, one of these.
    ///
    /// # Safety
    /// `target` must be native code for the frame at `fp` of `code`, for the machine that runs this.
    pub(crate) unsafe fn call(
        &self,
        trampoline: u64,
        vm: &mut Vm,
        fp: u64,
        code: CodeRef,
        target: u64,
    ) -> u64 {
        if let Some(emulator) = &self.emulator {
            return emulator.call(trampoline, [vm as *mut Vm as u64, fp, code.to_word(), target]);
        }
        // SAFETY: a trampoline is there, as `new` demands, and it is for this machine.
        let function = unsafe { std::mem::transmute::<usize, Trampoline>(trampoline as usize) };
        // SAFETY: `target` is as the trampoline expects it, and `vm` is lent to it for the call.
        unsafe { function(vm, fp, code.to_word(), target) }
    }
}

/// What is forgotten.
#[derive(Clone, Copy, Debug)]
pub enum Flushed {
    /// What was found for any selector.
    All,
    /// What was found for this selector.
    Selector(Oop),
    /// This method, which has changed.
    Code(CodeRef),
}

/// A compiled tier.
pub trait Tier: std::any::Any + std::fmt::Debug + Send {
    /// Code has been translated: it is about to run for the first time.
    fn translated(&mut self, vm: &mut Vm, code: CodeRef);

    /// Code was found running by the interpreter, or native code has called it: something of this
    /// [`weight`].
    fn ran(&mut self, vm: &mut Vm, code: CodeRef, weight: u32);

    /// The word of `code` at `index`, an entry without native code, was reached. Answers the address of
    /// native code for it when there is some now.
    fn reached(&mut self, vm: &mut Vm, code: CodeRef, index: usize) -> Option<u64>;

    /// Native code has left, as [`Vm::left`] says. No native code is running.
    fn left(&mut self, vm: &mut Vm);

    /// Unit number `unit` was found running, in its native code, which goes on.
    fn seen(&mut self, unit: u32);

    /// A safepoint, or native code has looked up and goes on after it.
    fn attend(&mut self, vm: &mut Vm);

    /// What was found for sends may no longer be so. Native code may be running, and will be left.
    fn flushed(&mut self, what: Flushed);

    /// The code that `keep` refuses is about to be freed.
    fn retain(&mut self, keep: &mut dyn FnMut(CodeRef) -> bool);

    /// This is the child of a fork, where no other thread is left; `limit` is its stack limit.
    fn forked(&mut self, limit: Arc<AtomicU64>);

    /// What the image can ask about it: see [`TierFigures`].
    fn figures(&self) -> TierFigures;
}

/// What vmParameters tell the image about the tier.
#[derive(Clone, Copy, Debug, Default)]
pub struct TierFigures {
    /// Bytes for native code, at most.
    pub budget: u64,
    /// Bytes of it in use.
    pub used: u64,
    /// Units that have native code.
    pub units: u64,
    /// How often native code has left because a guard failed.
    pub leaves: u64,
    /// How often room was made by dropping native code.
    pub evictions: u64,
    /// How long that took.
    pub eviction_time: std::time::Duration,
}

/// What weighs how much of what is seen of code without native code.
pub mod weight {
    /// A call by native code.
    pub const CALL: u32 = 1;
    /// It was found running when somebody looked.
    pub const SAMPLE: u32 = 400;
    /// Somebody says that it is worth it.
    pub const ENOUGH: u32 = 1 << 20;
}

/// Values that native code may note when it leaves.
pub const MOST_NOTED: usize = 256;

/// Tag of the address of native code, in the place of an oop, that is to be called because a primitive has failed.
/// No oop has it.
pub const BODY_TAG: u64 = rowel_objmem::oop::TAG_MASK;

/// How many callers are looked at for one that has no native code.
const SAMPLED_FRAMES: usize = 8;

impl Vm {
    /// What native code holds in registers is no longer right: it is left as soon as it is reached.
    #[inline]
    pub fn disturb(&mut self) {
        self.disturbed = true;
        self.epoch += 1;
    }

    /// Whether native code runs, or waits for what runs now.
    pub fn is_in_native(&self) -> bool {
        self.native_calls > 0
    }

    /// Tell the tier, if there is one, that `code` is worth compiling.
    pub fn compile_soon(&mut self, code: CodeRef) {
        self.with_tier(|tier, vm| tier.ran(vm, code, weight::ENOUGH));
    }

    /// Have the tier do something with this VM.
    pub(crate) fn with_tier<R>(
        &mut self,
        work: impl FnOnce(&mut dyn Tier, &mut Vm) -> R,
    ) -> Option<R> {
        let mut tier = self.tier.take()?;
        self.epoch += 1;
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut *tier, self)));
        // Even after a panic: its code may be running.
        self.tier = Some(tier);
        Some(result.unwrap_or_else(|payload| resume_unwind(payload)))
    }

    /// Tell the tier that sends may find something else from now on.
    pub(crate) fn tell_flushed(&mut self, what: Flushed) {
        self.disturb();
        if let Some(tier) = &mut self.tier {
            tier.flushed(what);
        }
    }

    /// Tell the tier what is running: of the innermost frames, the first that has no native code.
    pub(crate) fn sample(&mut self) {
        if self.tier.is_none() {
            return;
        }
        self.sample_from(self.registers.fp);
    }

    /// The same, where the frame at `fp` is the innermost that may have none.
    pub(crate) fn sample_from(&mut self, mut fp: rowel_objmem::Address) {
        for _ in 0..SAMPLED_FRAMES {
            if fp == rowel_objmem::Address(0) {
                return;
            }
            let code = CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
            if let Some(code) = code.filter(|code| !code.get().native.has_entries()) {
                // The tier looks at the running frame; the register is behind where native code runs.
                let running = std::mem::replace(&mut self.registers.fp, fp);
                self.with_tier(|tier, vm| tier.ran(vm, code, weight::SAMPLE));
                self.registers.fp = running;
                return;
            }
            fp = rowel_objmem::Address(self.heap.load(fp.plus(frame::CALLER_FP)));
        }
    }

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

/// Byte offsets that native code uses, all from the start of the [`Vm`].
pub mod vm_offset {
    use super::*;

    /// The program counter.
    pub const IP: usize = offset_of!(Vm, registers) + offset_of!(Registers, ip);
    /// The stack pointer.
    pub const SP: usize = offset_of!(Vm, registers) + offset_of!(Registers, sp);
    /// The running frame.
    pub const FP: usize = offset_of!(Vm, registers) + offset_of!(Registers, fp);
    /// The native address of the cage's address 0.
    pub const BASE: usize = offset_of!(Vm, base);
    /// The address of the stack limit.
    pub const LIMIT: usize = offset_of!(Vm, limit_address);
    /// Which native code left, and where: a word that the tier chose.
    pub const LEFT: usize = offset_of!(Vm, left);
    /// What has to be as it was for oops and addresses that are noted to be right: see [`Vm::epoch`].
    pub const EPOCH: usize = offset_of!(Vm, epoch);
    /// What it has noted then.
    pub const NOTED: usize = offset_of!(Vm, noted);
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
    /// The hidden roots: the pages of the class table.
    pub const HIDDEN_ROOTS: usize = HEAP + Heap::OFFSETS.hidden_roots;
    /// Whether there may be forwarders: a byte.
    pub const HAS_FORWARDERS: usize = HEAP + Heap::OFFSETS.has_forwarders;
    /// Where the next object is made.
    pub const EDEN_NEXT: usize = HEAP + Heap::OFFSETS.eden_next;
    /// Where the boot image ends.
    pub const BOOT_END: usize = HEAP + Heap::OFFSETS.boot_end;
    /// Past this a scavenge is due.
    pub const EDEN_LIMIT: usize = HEAP + Heap::OFFSETS.eden_limit;
}

/// Byte offsets in a [`MethodCode`].
pub mod code_offset {
    use super::*;

    /// The compiled method.
    pub const METHOD: usize = offset_of!(MethodCode, method);
    /// The primitive number: a half word.
    pub const PRIMITIVE: usize = offset_of!(MethodCode, primitive);
    /// What a call of the method calls.
    pub const DIRECT: usize = offset_of!(MethodCode, native) + offset_of!(NativePart, direct);
}
