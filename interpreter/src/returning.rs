//! Returns that the dispatch loop does not do by itself: from married and base frames, from blocks
//! through their home, and to nowhere.
//!
//! Source: `StackInterpreter>>#commonCallerReturn`, `#baseFrameReturn`, `#returnTopFromMethod`'s
//! block case, `#internalFindUnwindThroughContext:`, `#internalAboutToReturn:through:`,
//! `#internalCannotReturn:`.

use rowel_objmem::layout::special;
use rowel_objmem::{Address, Oop};

use crate::code::Ip;
use crate::context::Place;
use crate::frame;
use crate::layout::{closure, context};
use crate::method;
use crate::vm::{Registers, Vm};

/// Primitive number that marks an unwinding method (`ensure:`, `ifCurtailed:`).
pub const UNWIND_MARK: u16 = 198;
/// Primitive number that marks an exception handler (`on:do:`).
pub const HANDLER_MARK: u16 = 199;
/// Words that the VM pushes to ask the image, at most.
const ASKED_WORDS: u64 = 3;
/// How many outer contexts are followed before a chain counts as circular.
const LONGEST_CHAIN: usize = 100_000_000;

impl Vm {
    /// Return `value` from the running frame to its sender.
    #[inline(never)]
    pub fn return_to_sender(&mut self, value: Oop) {
        if self.leave_frame() {
            self.push(value);
        } else {
            self.cannot_return(value);
        }
    }

    /// Take the running frame away and go on in its sender. False when that is no live activation;
    /// nothing has changed then.
    fn leave_frame(&mut self) -> bool {
        let fp = self.registers.fp;
        let caller = self.heap.load(fp.plus(frame::CALLER_FP));
        let married = self.heap.load(fp.plus(frame::CONTEXT));
        if caller != 0 {
            self.widow(married);
            let ip = Ip::from_word(self.heap.load(Address(caller).plus(frame::SAVED_PC)));
            self.registers = Registers::new(ip, fp, Address(caller));
            return true;
        }
        let to = self.caller_context(self.active_page);
        if !self.is_live_context(to) {
            return false;
        }
        // The page must keep its frame until it is sure that the sender can go on.
        self.write_back();
        let page = self.active_page;
        if self.resume_before(to, 1).is_err() {
            return false;
        }
        self.widow(self.heap.load(fp.plus(frame::CONTEXT)));
        self.zone.free(page);
        true
    }

    /// `^ value` in a block: return from the method that the block was made in.
    #[inline(never)]
    pub fn return_from_home(&mut self, value: Oop) {
        let running = Oop(self.frame_word(frame::CLOSURE));
        let Some(home) = self.home_of(running) else {
            return self.cannot_return(value);
        };
        if self.return_on_page(home, value) {
            return;
        }
        self.write_back();
        let mut place = Place::Frame(self.registers.fp);
        let mut unwind = Place::Nowhere;
        while !self.is_home(place, home) {
            if unwind == Place::Nowhere && self.is_marked(place, UNWIND_MARK) {
                unwind = place;
            }
            place = self.sender_of(place);
            if place == Place::Nowhere {
                return self.cannot_return(value);
            }
        }
        if unwind != Place::Nowhere {
            return self.about_to_return(value, unwind);
        }
        if self.sender_of(place) == Place::Nowhere {
            return self.cannot_return(value);
        }
        self.return_from(place, value);
    }

    /// The usual case: `home` and its sender are on the page, and nothing is to be unwound. False when
    /// not; nothing has changed then.
    fn return_on_page(&mut self, home: Oop, value: Oop) -> bool {
        let memory = self.heap.memory();
        let caller_of = |fp: Address| Address(memory.load(fp.plus(frame::CALLER_FP)));
        let context_of = |fp: Address| memory.load(fp.plus(frame::CONTEXT));
        let mut fp = self.registers.fp;
        while context_of(fp) != home.0 {
            if self.is_marked(Place::Frame(fp), UNWIND_MARK) {
                return false;
            }
            fp = caller_of(fp);
            if fp == Address(0) {
                return false;
            }
        }
        let sender = caller_of(fp);
        if sender == Address(0) {
            return false;
        }
        if self.nested > 0 && sender.0 < self.waiting.0 {
            // The frame whose native code waits is left.
            self.disturb();
        }
        let mut left = self.registers.fp;
        while left != sender {
            self.widow(context_of(left));
            left = caller_of(left);
        }
        let ip = Ip::from_word(memory.load(sender.plus(frame::SAVED_PC)));
        self.registers = Registers::new(ip, fp, sender);
        self.push(value);
        true
    }

    /// Return `value` from the activation at `place`, which is up the sender chain and has a sender.
    fn return_from(&mut self, place: Place, value: Oop) {
        let target = self.context_for(place);
        loop {
            let here = Oop(self.frame_word(frame::CONTEXT));
            let arrived = here == target;
            let before = self.registers.fp;
            if !self.leave_frame() {
                return self.cannot_return(value);
            }
            debug_assert!(before != self.registers.fp, "a frame was left");
            if arrived {
                return self.push(value);
            }
        }
    }

    /// The context of the method that made `block`, directly or in nested blocks.
    pub(crate) fn home_of(&self, block: Oop) -> Option<Oop> {
        let mut block = block;
        for _ in 0..LONGEST_CHAIN {
            let outer = self.heap.follow(self.heap.fetch(block, closure::OUTER_CONTEXT));
            if !self.is_context(outer) {
                return None;
            }
            block = self.heap.follow(self.heap.fetch(outer, context::CLOSURE));
            if !block.is_pointer() || block == self.heap.nil() {
                return Some(outer);
            }
        }
        None
    }

    fn is_home(&self, place: Place, home: Oop) -> bool {
        match place {
            Place::Frame(fp) => self.heap.load(fp.plus(frame::CONTEXT)) == home.0,
            Place::Context(oop) => oop == home,
            Place::Nowhere => false,
        }
    }

    /// Whether the activation at `place` is of a method with primitive number `mark`.
    pub(crate) fn is_marked(&self, place: Place, mark: u16) -> bool {
        let nil = self.heap.nil();
        if place == Place::Nowhere || self.closure_at(place) != nil {
            return false;
        }
        if let Place::Frame(fp) = place {
            let code = crate::code::CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
            return code.is_some_and(|code| code.get().primitive == mark);
        }
        let (memory, method) = (self.heap.memory(), self.method_at(place));
        method::is_well_formed(memory, method) && method::primitive_number(memory, method) == mark
    }

    fn about_to_return(&mut self, value: Oop, unwind: Place) {
        self.need_room("aboutToReturn:through:");
        let this = self.marry(self.registers.fp);
        let unwind = self.context_for(unwind);
        for operand in [this, value, unwind] {
            self.push(operand);
        }
        self.send_special(special::SELECTOR_ABOUT_TO_RETURN, 2);
    }

    /// The VM is about to send `selector` to the running frame's own operands, up to [`ASKED_WORDS`] of
    /// them. Should the image answer, there is one operand more than the code knows of, again and again if
    /// the code comes back here: no further than its frame has room.
    #[cold]
    #[inline(never)]
    pub(crate) fn need_room(&mut self, selector: &str) {
        if self.registers.sp.plus(ASKED_WORDS * frame::WORD).0 > self.frame_end() {
            self.fatal(&format!("{selector} has come back too often"));
        }
    }

    /// There is nobody to return `value` to: the image decides.
    pub(crate) fn cannot_return(&mut self, value: Oop) {
        if self.is_root_frame() {
            self.result = value;
            self.leaving = true;
            return;
        }
        self.need_room("cannotReturn:");
        let this = self.marry(self.registers.fp);
        self.push(this);
        self.push(value);
        self.send_special(special::SELECTOR_CANNOT_RETURN, 1);
    }
}
