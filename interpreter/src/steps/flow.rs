//! Jumps and returns.

use std::sync::atomic::Ordering;

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use crate::dispatch::Leave;
use crate::frame;
use crate::machine::Machine;
use crate::operation::Word;

impl Machine<'_> {
    /// Go on `words` words further.
    #[inline(always)]
    pub(crate) fn next(&mut self, words: i32) -> Option<Leave> {
        self.ip = self.ip.advanced(words);
        None
    }

    /// Leave the loop when the image has quit.
    #[inline(always)]
    pub(crate) fn leaving(&self) -> Option<Leave> {
        if self.vm.leaving { Some(Leave::Quit) } else { None }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn attend(&mut self) -> Option<Leave> {
        self.outside(|vm| vm.attend());
        self.leaving()
    }

    #[inline(always)]
    pub(crate) fn jump_back(&mut self, word: Word) -> Option<Leave> {
        self.ip = self.ip.advanced(1 - word.c());
        if self.sp.0 > self.vm.stack_limit.load(Ordering::Relaxed) {
            return self.attend();
        }
        None
    }

    /// Take the top; jump when it is `wanted`, go on when it is the other Boolean.
    #[inline(always)]
    pub(crate) fn jump_if(&mut self, word: Word, wanted: Oop) -> Option<Leave> {
        let condition = self.pop();
        if condition == wanted {
            return self.next(1 + word.c());
        }
        let heap = &self.vm.heap;
        if condition == heap.true_object() || condition == heap.false_object() {
            return self.next(1);
        }
        self.must_be_boolean(condition)
    }

    /// The condition is no Boolean: the image decides. The jump runs again with what it answers.
    #[cold]
    #[inline(never)]
    fn must_be_boolean(&mut self, condition: Oop) -> Option<Leave> {
        let followed = self.memory.follow(condition);
        self.push(followed);
        if followed != condition {
            return None;
        }
        self.ip = self.ip.advanced(1);
        self.outside(|vm| vm.send_special(special::SELECTOR_MUST_BE_BOOLEAN, 0));
        self.leaving()
    }

    /// `^ value`: from a method to its sender, from a block to the sender of its home.
    #[inline(always)]
    pub(crate) fn method_return(&mut self, value: Oop) -> Option<Leave> {
        let closure = self.memory.load(self.fp.plus(frame::CLOSURE));
        if closure == 0 && self.return_fast(value) {
            return None;
        }
        if closure == 0 { self.slow_return(value) } else { self.return_from_home(value) }
    }

    /// Return from a block to its caller.
    #[inline(always)]
    pub(crate) fn block_return(&mut self, value: Oop) -> Option<Leave> {
        if self.return_fast(value) { None } else { self.slow_return(value) }
    }

    #[inline(never)]
    fn slow_return(&mut self, value: Oop) -> Option<Leave> {
        let is_base = self.memory.load(self.fp.plus(frame::CALLER_FP)) == 0;
        if is_base && self.vm.zone.page(self.vm.active_page).caller_context == Oop::ZERO {
            return Some(Leave::Finished(value));
        }
        self.outside(|vm| vm.return_to_sender(value));
        self.leaving()
    }

    #[inline(never)]
    fn return_from_home(&mut self, value: Oop) -> Option<Leave> {
        self.outside(|vm| vm.return_from_home(value));
        self.leaving()
    }

    /// A bytecode that its set does not define.
    #[cold]
    #[inline(never)]
    pub(crate) fn illegal(&mut self, word: Word) -> Option<Leave> {
        self.outside(|vm| vm.illegal_bytecode(word.b()));
        self.leaving()
    }
}
