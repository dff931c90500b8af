//! From interpreted to native code and back.
#![expect(unsafe_code, reason = "calls of native code; argued where they are")]

use std::sync::atomic::Ordering;

use rowel_objmem::{Address, Oop};

use crate::code::CodeRef;
use crate::dispatch::{Leave, Step};
use crate::frame::{self, WORD};
use crate::machine::Machine;
use crate::native::{EntryKind, NativeEntry};
use crate::operation::Operation as Op;
use crate::stack::{PAGE_BYTES, PAGE_LIMIT};
use crate::vm::Vm;

/// What became of an entry. (In a register: a result in memory would keep the handler from ending in a
/// jump.)
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ran {
    /// The interpreter goes on with the next word.
    GoesOn,
    /// The image has quit.
    Quit,
    /// The running frame has the value that native code waits for.
    Landed,
    /// Native code that waits must be left.
    Disturbed,
    /// The word here is to be interpreted, as this operation.
    Interpreted(Op),
}

impl Machine<'_> {
    /// Go on in native code, or find that native code waits here.
    #[inline(always)]
    pub(crate) fn enter_native(&mut self) -> Step {
        match self.outside(Vm::run_native) {
            Ran::GoesOn => Step::Next,
            Ran::Quit => Step::Leave(Leave::Quit),
            Ran::Landed => Step::Leave(Leave::Landed),
            Ran::Disturbed => Step::Leave(Leave::Disturbed),
            Ran::Interpreted(operation) => Step::As(operation),
        }
    }
}

impl Vm {
    /// Go on in native code, or find that native code waits here: the registers are at an entry or a landing.
    #[inline(never)]
    pub(crate) fn run_native(&mut self) -> Ran {
        let code = self.running_code();
        let index = code.index_of(self.registers.ip);
        if code.is_landing(self.registers.ip) {
            self.registers.ip = code.ip_at(index);
            let waits = self.nested > 0 && self.waiting == self.registers.fp && !self.disturbed;
            return if waits { Ran::Landed } else { Ran::GoesOn };
        }
        let Some(entry) = code.get().native.entry_at(index) else {
            self.fatal("native code was entered where it has no entry");
        };
        if !self.can_enter(code, &entry) {
            return Ran::Interpreted(entry.operation);
        }
        let address = match entry.address {
            0 => self.with_tier(|tier, vm| tier.reached(vm, code, index)).flatten(),
            address => Some(address),
        };
        match address {
            Some(address) => self.call_entry(code, entry, address),
            None => Ran::Interpreted(entry.operation),
        }
    }

    /// Whether the frame is as native code expects it.
    fn can_enter(&self, code: CodeRef, entry: &NativeEntry) -> bool {
        let (sp, fp) = (self.registers.sp, self.registers.fp);
        let depth = sp.0.wrapping_sub(fp.plus(frame::FIRST_TEMP).0) / WORD;
        if entry.kind == EntryKind::Loop {
            return depth == u64::from(entry.depth);
        }
        // At a start the frame is made anew, which a context of it would not survive.
        if self.frame_word(frame::CONTEXT) != 0 {
            return false;
        }
        let closure = Oop(self.frame_word(frame::CLOSURE));
        if entry.kind == EntryKind::Method {
            return closure == Oop::ZERO && depth == u64::from(entry.depth);
        }
        let args = match entry.word {
            0 => u64::from(code.get().num_args),
            _ => self.block_arguments() as u64,
        };
        closure != Oop::ZERO && self.copied_by_closure(closure) + args == u64::from(entry.depth)
    }

    fn call_entry(&mut self, code: CodeRef, entry: NativeEntry, address: u64) -> Ran {
        let fp = self.registers.fp;
        let Some(trampolines) = self.trampolines.clone() else {
            return Ran::Interpreted(entry.operation);
        };
        let args = match entry.kind {
            EntryKind::Block if entry.word > 0 => self.block_arguments(),
            _ => usize::from(code.get().num_args),
        };
        let Some(trampoline) = trampolines.get(entry.kind, args) else {
            return Ran::Interpreted(entry.operation);
        };
        if self.nested == 0 {
            self.disturbed = false;
        }
        self.native_calls += 1;
        self.native_entries += 1;
        // SAFETY: the tier that made the code has given it for this entry and this layout of frames
        // (see `crate::native`); the frame is complete, and `self` is lent to the code for the call.
        let value = unsafe { trampolines.call(trampoline, self, fp.0, code, address) };
        let value = Oop(value);
        self.native_calls -= 1;
        if let Some(payload) = self.panic.take() {
            std::panic::resume_unwind(payload);
        }
        if value != Oop::ZERO {
            return self.native_returned(fp, value);
        }
        self.native_left()
    }

    /// The number of arguments of the block that runs, as its closure says.
    fn block_arguments(&self) -> usize {
        let closure = Oop(self.frame_word(frame::CLOSURE));
        let count = self.heap.fetch(closure, crate::layout::closure::NUM_ARGS);
        count.as_integer().and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX)
    }

    /// Native code has run the frame at `fp` to its end.
    fn native_returned(&mut self, fp: Address, value: Oop) -> Ran {
        self.registers.fp = fp;
        // Its context is no longer needed: native code has seen to that.
        self.return_to_sender(value);
        if self.leaving { Ran::Quit } else { Ran::GoesOn }
    }

    /// Native code has left: do what it was left for.
    fn native_left(&mut self) -> Ran {
        if self.leaving {
            return Ran::Quit;
        }
        if self.nested > 0 && self.disturbed {
            return Ran::Disturbed;
        }
        if self.left != 0 {
            self.with_tier(|tier, vm| tier.left(vm));
            self.left = 0;
        }
        let limit = self.stack_limit.load(Ordering::Relaxed);
        if limit == 0 || self.frame_end() % PAGE_BYTES > PAGE_LIMIT {
            self.attend();
            if self.leaving {
                return Ran::Quit;
            }
            if self.nested > 0 && self.disturbed {
                return Ran::Disturbed;
            }
        }
        // Not by native code again at once, or an attention that is asked for always would keep it there.
        let code = self.running_code();
        let index = code.index_of(self.registers.ip);
        self.registers.ip = code.ip_at(index);
        let word = code.get().word(index);
        Ran::Interpreted(Op::from_number(word.op()))
    }
}
