//! Jumps and returns.

use std::sync::atomic::Ordering;

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use crate::dispatch::{Leave, Step};
use crate::frame;
use crate::machine::Machine;
use crate::operation::Word;
use crate::vm::Vm;

impl Machine<'_> {
    /// Go on `words` words further.
    #[inline(always)]
    pub(crate) fn next(&mut self, words: i32) -> Step {
        self.ip = self.ip.advanced(words);
        Step::Next
    }

    /// Leave the loop when the image has quit, or native code that waits for it must be left.
    #[inline(always)]
    pub(crate) fn leaving(&self) -> Step {
        if self.vm.leaving {
            Step::Leave(Leave::Quit)
        } else if self.vm.disturbed && self.vm.nested > 0 {
            Step::Leave(Leave::Disturbed)
        } else {
            Step::Next
        }
    }

    #[inline(always)]
    pub(crate) fn jump_back(&mut self, word: Word) -> Step {
        self.ip = self.ip.advanced(1 - word.c());
        if self.vm.stack_limit.load(Ordering::Relaxed) == 0 { Step::Attend } else { Step::Next }
    }

    /// Take the top; jump when it is `wanted`, go on when it is the other Boolean.
    #[inline(always)]
    pub(crate) fn jump_if(&mut self, word: Word, wanted: Oop) -> Step {
        let condition = self.pop();
        if condition == wanted {
            return self.next(1 + word.c());
        }
        let heap = &self.vm.heap;
        if condition == heap.true_object() || condition == heap.false_object() {
            return self.next(1);
        }
        self.must_be_boolean(word, condition)
    }

    /// The condition is no Boolean: the image decides. What it answers is on the stack after the jump.
    #[inline(always)]
    fn must_be_boolean(&mut self, word: Word, condition: Oop) -> Step {
        let followed = self.memory.follow(condition);
        self.push(followed);
        if followed != condition {
            return Step::Next;
        }
        self.ip = self.ip.advanced(1 + i32::from(word.a()));
        self.outside(Vm::send_must_be_boolean);
        self.leaving()
    }

    /// `^ value`: from a method to its sender, from a block to the sender of its home.
    #[inline(always)]
    pub(crate) fn method_return(&mut self, value: Oop) -> Step {
        let closure = self.memory.load(self.fp.plus(frame::CLOSURE));
        if closure == 0 && self.return_fast(value) {
            return Step::Next;
        }
        if closure == 0 { self.slow_return(value) } else { self.return_from_home(value) }
    }

    /// Return from a block to its caller.
    #[inline(always)]
    pub(crate) fn block_return(&mut self, value: Oop) -> Step {
        if self.return_fast(value) { Step::Next } else { self.slow_return(value) }
    }

    #[inline(always)]
    fn slow_return(&mut self, value: Oop) -> Step {
        let is_base = self.memory.load(self.fp.plus(frame::CALLER_FP)) == 0;
        if is_base && self.vm.zone.page(self.vm.active_page).caller_context == Oop::ZERO {
            return Step::Leave(Leave::Finished(value));
        }
        self.outside(|vm| vm.return_to_sender(value));
        self.leaving()
    }

    #[inline(always)]
    fn return_from_home(&mut self, value: Oop) -> Step {
        self.outside(|vm| vm.return_from_home(value));
        self.leaving()
    }

    /// A bytecode that its set does not define.
    #[inline(always)]
    pub(crate) fn illegal(&mut self, word: Word) -> Step {
        self.outside(|vm| vm.illegal_bytecode(word.b()));
        self.leaving()
    }
}

impl Vm {
    #[cold]
    #[inline(never)]
    fn send_must_be_boolean(&mut self) {
        self.need_room("mustBeBoolean");
        self.send_special(special::SELECTOR_MUST_BE_BOOLEAN, 0);
    }
}
