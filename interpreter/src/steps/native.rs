//! From interpreted to native code and back.

use rowel_objmem::Oop;

use crate::dispatch::{Leave, Step};
use crate::frame;
use crate::machine::Machine;
use crate::operation::Operation as Op;
use crate::stack::{PAGE_BYTES, PAGE_LIMIT};
use crate::vm::Vm;

/// How native code ended.
#[derive(Clone, Copy, Debug)]
enum Ran {
    /// The frame that it ran has returned.
    Returned,
    /// The image has quit.
    Quit,
    /// This operation is to be interpreted.
    Left(Op),
}

impl Machine<'_> {
    /// Go on in native code. When that leaves, the operation where it stopped is interpreted.
    #[inline(always)]
    pub(crate) fn enter_native(&mut self) -> Step {
        match self.outside(Vm::run_native) {
            Ran::Returned => Step::Next,
            Ran::Quit => Step::Leave(Leave::Quit),
            Ran::Left(operation) => Step::As(operation),
        }
    }
}

impl Vm {
    /// Run the native code of the running frame, from where that is.
    #[inline(never)]
    fn run_native(&mut self) -> Ran {
        let fp = self.registers.fp;
        let code = self.running_code();
        let index = code.index_of(self.registers.ip);
        let Some(entry) = code.get().entry_at(index) else {
            self.fatal("native code was entered where it has no entry");
        };
        let depth = self.registers.sp.0.wrapping_sub(fp.plus(frame::FIRST_TEMP).0) / frame::WORD;
        if code.get().depths.known(index) != Some(depth as usize) {
            // The image has left operands that the code does not know.
            let operation = code.get().operation_at(index);
            return Ran::Left(operation.unwrap_or(Op::Illegal));
        }
        let value = self.call_native(code, entry);
        if value != Oop::ZERO {
            self.registers.fp = fp;
            self.return_to_sender(value);
            return Ran::Returned;
        }
        if self.leaving {
            return Ran::Quit;
        }
        let limit = self.stack_limit.load(std::sync::atomic::Ordering::Relaxed);
        if limit == 0 || self.frame_end() % PAGE_BYTES > PAGE_LIMIT {
            self.attend();
            if self.leaving {
                return Ran::Quit;
            }
        }
        // Not by native code again at once, or an attention that is asked for always would keep it there.
        let code = self.running_code();
        let word = self.registers.ip.word();
        let operation = code.get().operation_at(code.index_of(self.registers.ip));
        let operation = operation.unwrap_or(Op::from_number(word.op()));
        self.note_leave(code);
        Ran::Left(operation)
    }
}
