//! Contexts and frames: marrying a context to a frame, widowing it when the frame returns, moving
//! frames into heap contexts and back.
//!
//! A married context's sender slot holds its frame's address as a SmallInteger; its other slots, but
//! method, closure and receiver, are out of date until it is divorced. A context whose frame returned
//! is dead: sender and pc are nil. Source of the scheme: `StackInterpreter` "frame access" and
//! "context access"; here a frame's context is widowed at its return, so that the sender slot alone
//! tells whether a context is married.

use rowel_objmem::layout::class_index;
use rowel_objmem::{Address, Format, Oop};

use crate::code::{CodeRef, Ip};
use crate::frame::{self, WORD};
use crate::layout::{closure, context};
use crate::method;
use crate::stack::PageIndex;
use crate::vm::{Registers, Vm};

/// Where an activation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the VM stack.
    Frame(Address),
    /// In the heap.
    Context(Oop),
    /// Nowhere: the end of a sender chain.
    Nowhere,
}

/// A context that cannot go on running: it is dead, or its method, pc or stack pointer is rubbish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a context that can go on")]
pub struct NotResumable(pub Oop);

impl Vm {
    /// Whether `oop` is a context.
    #[inline]
    pub fn is_context(&self, oop: Oop) -> bool {
        self.heap.has_class_index(oop, class_index::METHOD_CONTEXT)
    }

    /// Where the activation is that `oop` stands for.
    pub fn place_of(&self, oop: Oop) -> Place {
        // Zero is what is below the frame that the embedder entered.
        if oop == Oop::ZERO {
            return Place::Nowhere;
        }
        let oop = self.heap.follow(oop);
        if !self.is_context(oop) {
            return Place::Nowhere;
        }
        match self.heap.fetch(oop, context::SENDER).as_integer() {
            Some(fp) => Place::Frame(Address(fp as u64)),
            None => Place::Context(oop),
        }
    }

    /// Where the sender of the activation at `place` is.
    pub fn sender_of(&self, place: Place) -> Place {
        match place {
            Place::Frame(fp) => match self.heap.load(fp.plus(frame::CALLER_FP)) {
                0 => self.place_of(self.page_holding(fp).caller_context),
                caller => Place::Frame(Address(caller)),
            },
            Place::Context(oop) => self.place_of(self.heap.fetch(oop, context::SENDER)),
            Place::Nowhere => Place::Nowhere,
        }
    }

    /// The method of the activation at `place`; nil for nowhere.
    pub fn method_at(&self, place: Place) -> Oop {
        match place {
            Place::Frame(fp) => Oop(self.heap.load(fp.plus(frame::METHOD))),
            Place::Context(oop) => self.heap.follow(self.heap.fetch(oop, context::METHOD)),
            Place::Nowhere => self.heap.nil(),
        }
    }

    /// The closure of the activation at `place`; nil when there is none.
    pub fn closure_at(&self, place: Place) -> Oop {
        let closure = match place {
            Place::Frame(fp) => Oop(self.heap.load(fp.plus(frame::CLOSURE))),
            Place::Context(oop) => self.heap.follow(self.heap.fetch(oop, context::CLOSURE)),
            Place::Nowhere => Oop::ZERO,
        };
        if closure == Oop::ZERO { self.heap.nil() } else { closure }
    }

    /// The context for `place`, made if it is a frame without one; nil for nowhere.
    pub fn context_for(&mut self, place: Place) -> Oop {
        match place {
            Place::Frame(fp) => self.marry(fp),
            Place::Context(oop) => oop,
            Place::Nowhere => self.heap.nil(),
        }
    }

    /// Argument, temporary or operand `index` (from 0) at `place`, which must have that many.
    pub fn value_at(&self, place: Place, index: usize) -> Oop {
        match place {
            Place::Frame(fp) => {
                Oop(self.heap.load(fp.plus(frame::FIRST_TEMP + index as u64 * WORD)))
            }
            Place::Context(oop) => self.heap.fetch(oop, context::FIRST_TEMP + index),
            Place::Nowhere => self.heap.nil(),
        }
    }

    /// The page that `fp` is on.
    pub(crate) fn page_holding(&self, fp: Address) -> &crate::stack::StackPage {
        let index = self.zone.page_of(fp).expect("a frame is on the VM stack");
        self.zone.page(index)
    }

    /// Put the registers where others look for them: into the active page and the running frame.
    pub fn write_back(&mut self) {
        let Registers { ip, sp, fp, .. } = self.registers;
        let page = self.zone.page_mut(self.active_page);
        if page.is_free() {
            // Nothing runs yet.
            return;
        }
        page.head_fp = fp;
        page.head_sp = sp;
        self.heap.memory().store(fp.plus(frame::SAVED_PC), ip.to_word());
    }

    /// The context of the frame at `fp`, made if it has none. Allocates; never collects.
    #[inline(always)]
    pub fn marry(&mut self, fp: Address) -> Oop {
        match self.heap.load(fp.plus(frame::CONTEXT)) {
            0 => self.make_context(fp),
            existing => Oop(existing),
        }
    }

    #[inline(never)]
    fn make_context(&mut self, fp: Address) -> Oop {
        self.try_to_marry(fp).unwrap_or_else(|| self.out_of_memory("a context"))
    }

    /// A context for the frame at `fp`, which has none; `None` when memory is used up.
    #[inline]
    pub fn try_to_marry(&mut self, fp: Address) -> Option<Oop> {
        let memory = self.heap.memory();
        let word = |at: u64| Oop(memory.load(fp.plus(at)));
        let (method, closure) = (word(frame::METHOD), word(frame::CLOSURE));
        let slots = method::header(memory, method).context_slots();
        let class = class_index::METHOD_CONTEXT;
        let new = self.heap.allocate(class, Format::FIXED_INDEXABLE, slots as u64)?;
        let nil = self.heap.nil();
        let set = |slot, value| memory.store_unchecked(new, slot, value);
        set(context::SENDER, Oop::small_integer(fp.0 as i64));
        set(context::PC, nil);
        set(context::STACK_POINTER, Oop::small_integer(0));
        set(context::METHOD, method);
        set(context::CLOSURE, if closure == Oop::ZERO { nil } else { closure });
        set(context::RECEIVER, word(frame::RECEIVER));
        let first = memory.slot_address(new, context::FIRST_TEMP);
        memory.fill(first, (slots - context::FIRST_TEMP) as u64, nil.0);
        memory.store(fp.plus(frame::CONTEXT), new.0);
        Some(new)
    }

    /// The frame of context `word` (0 for none) returns: the context is dead from now on.
    #[inline]
    pub(crate) fn widow(&mut self, word: u64) {
        if word != 0 {
            let nil = self.heap.nil();
            self.heap.store(Oop(word), context::SENDER, nil);
            self.heap.store(Oop(word), context::PC, nil);
        }
    }

    /// The frames of `page`, innermost first, each with the end of its operand stack.
    pub(crate) fn frames_of(&self, page: PageIndex) -> Vec<(Address, Address)> {
        let page = self.zone.page(page);
        let (mut fp, mut sp) = (page.head_fp, page.head_sp);
        let mut frames = Vec::new();
        while fp != Address(0) {
            frames.push((fp, sp));
            sp = fp;
            fp = Address(self.heap.load(fp.plus(frame::CALLER_FP)));
        }
        frames
    }

    /// The end of the operand stack of the frame at `fp`. The active page must be written back.
    pub(crate) fn sp_of(&self, fp: Address) -> Address {
        let page = self.page_holding(fp);
        let mut callee = page.head_fp;
        if callee == fp {
            return page.head_sp;
        }
        loop {
            let caller = Address(self.heap.load(callee.plus(frame::CALLER_FP)));
            if caller == fp || caller == Address(0) {
                return callee;
            }
            callee = caller;
        }
    }

    /// The pc of the frame at `fp` as contexts count: the byte index, from 1, of the next bytecode.
    /// The active page must be written back.
    pub(crate) fn pc_of(&self, fp: Address) -> i64 {
        let memory = self.heap.memory();
        let ip = Ip::from_word(memory.load(fp.plus(frame::SAVED_PC)));
        let code = CodeRef::from_word(memory.load(fp.plus(frame::CODE)));
        let code = code.expect("a frame has code");
        i64::from(code.get().offset_at(code.index_of(ip))) + 1
    }

    /// Move all frames of `page` into heap contexts and free the page. Answers the context of the
    /// innermost one. When it is the active page (written back), the caller resumes something else.
    pub fn divorce_page(&mut self, page: PageIndex) -> Oop {
        self.disturb();
        let frames = self.frames_of(page);
        let contexts: Vec<Oop> = frames.iter().map(|frame| self.marry(frame.0)).collect();
        let mut sender = self.caller_context(page);
        for (&(fp, sp), &context) in frames.iter().zip(&contexts).rev() {
            self.divorce(fp, sp, context, sender);
            sender = context;
        }
        self.zone.free(page);
        sender
    }

    /// The context that the base frame of `page` returns to, or nil.
    pub(crate) fn caller_context(&self, page: PageIndex) -> Oop {
        match self.zone.page(page).caller_context {
            Oop::ZERO => self.heap.nil(),
            context => context,
        }
    }

    fn divorce(&mut self, fp: Address, sp: Address, to: Oop, sender: Oop) {
        let pc = Oop::small_integer(self.pc_of(fp));
        let room = self.heap.slot_count(to) as usize - context::FIRST_TEMP;
        let depth = sp.offset_from(fp.plus(frame::FIRST_TEMP)) / WORD;
        let depth = (depth as usize).min(room);
        let nil = self.heap.nil();
        self.heap.store(to, context::SENDER, sender);
        self.heap.store(to, context::PC, pc);
        self.heap.store(to, context::STACK_POINTER, Oop::small_integer(depth as i64));
        for index in 0..room {
            let value = if index < depth { self.value_at(Place::Frame(fp), index) } else { nil };
            self.heap.store(to, context::FIRST_TEMP + index, value);
        }
    }

    /// A free page, made so by moving the frames of another one to the heap if need be.
    pub(crate) fn claim_page(&mut self, keep: Option<PageIndex>) -> PageIndex {
        loop {
            match self.zone.claim(keep) {
                Ok(page) => return page,
                Err(victim) => {
                    self.divorce_page(victim);
                }
            }
        }
    }

    /// Make the page the active one and load the registers from it.
    pub(crate) fn activate_page(&mut self, index: PageIndex) {
        self.disturb();
        self.active_page = index;
        self.zone.touch(index);
        let page = *self.zone.page(index);
        let ip = Ip::from_word(self.heap.load(page.head_fp.plus(frame::SAVED_PC)));
        self.registers = Registers::new(ip, page.head_sp, page.head_fp);
    }

    /// Go on in `context`, wherever it is. The page active so far has been written back or freed.
    ///
    /// # Errors
    /// When the context cannot go on; then nothing has changed.
    pub fn resume(&mut self, to: Oop) -> Result<(), NotResumable> {
        self.resume_before(to, 0)
    }

    /// As [`resume`](Self::resume), for a caller that then pushes `pushed` values which the code there
    /// waits for.
    pub(crate) fn resume_before(&mut self, to: Oop, pushed: usize) -> Result<(), NotResumable> {
        match self.place_of(to) {
            Place::Frame(fp) => {
                let index = self.zone.page_of(fp).expect("a frame is on the VM stack");
                if self.zone.page(index).head_fp == fp {
                    self.activate_page(index);
                    return Ok(());
                }
                self.divorce_page(index);
                self.resume_from_heap(self.heap.follow(to), pushed)
            }
            Place::Context(context) => self.resume_from_heap(context, pushed),
            Place::Nowhere => Err(NotResumable(to)),
        }
    }

    /// Make a base frame for a heap context on a page of its own and go on in it.
    fn resume_from_heap(&mut self, from: Oop, pushed: usize) -> Result<(), NotResumable> {
        let (code, word, depth) = self.resumable(from, pushed).ok_or(NotResumable(from))?;
        let index = self.claim_page(Some(self.active_page));
        let base = self.zone.page(index).base;
        let memory = self.heap.memory();
        let slot = |slot| self.heap.follow(self.heap.fetch(from, slot));
        let nil = self.heap.nil();
        let (sender, closure) = (slot(context::SENDER), slot(context::CLOSURE));
        let words = [
            (frame::CALLER_FP, 0),
            (frame::SAVED_PC, code.ip_at(word).to_word()),
            (frame::METHOD, code.get().method.0),
            (frame::CODE, code.to_word()),
            (frame::CONTEXT, from.0),
            (frame::CLOSURE, if closure == nil { 0 } else { closure.0 }),
            (frame::RECEIVER, slot(context::RECEIVER).0),
        ];
        for (at, word) in words {
            memory.store(base.plus(at), word);
        }
        let mut sp = base.plus(frame::FIRST_TEMP);
        let held = self.heap.fetch(from, context::STACK_POINTER).as_integer().unwrap_or(0) as usize;
        for index in 0..depth {
            let slot = context::FIRST_TEMP + index;
            let value = if index < held { self.heap.fetch(from, slot) } else { nil };
            memory.store(sp, value.0);
            sp = sp.plus(WORD);
        }
        let page = self.zone.page_mut(index);
        page.caller_context = sender;
        page.head_fp = base;
        page.head_sp = sp;
        self.heap.store(from, context::SENDER, Oop::small_integer(base.0 as i64));
        self.activate_page(index);
        Ok(())
    }

    /// What is needed to go on in a heap context: its code, the word to go on at, the depth of its
    /// stack. `None` when it cannot go on. `pushed` more values will be pushed; where the stack lacks
    /// what the code there takes even then, the depth is one with nils on it: images resume contexts
    /// whose sends were abandoned, without a value. More than the code takes is harmless.
    fn resumable(&mut self, from: Oop, pushed: usize) -> Option<(CodeRef, usize, usize)> {
        let method = self.heap.follow(self.heap.fetch(from, context::METHOD));
        if !method::is_well_formed(self.heap.memory(), method) {
            return None;
        }
        let closure = self.heap.follow(self.heap.fetch(from, context::CLOSURE));
        if closure != self.heap.nil() && !self.heap.has_slot(closure, closure::NUM_ARGS) {
            return None;
        }
        let pc = self.heap.fetch(from, context::PC).as_integer()?;
        let depth = self.heap.fetch(from, context::STACK_POINTER).as_integer()?;
        let depth = usize::try_from(depth).ok()?;
        let room = (self.heap.slot_count(from) as usize).checked_sub(context::FIRST_TEMP)?;
        let code = self.code_for(method);
        let word = code.get().word_at(u32::try_from(pc - 1).ok()?)?;
        let fits = depth <= room && depth <= context::LARGE_SLOTS - context::FIRST_TEMP;
        let expected = code.get().expected_depth(word, depth + pushed)?;
        fits.then_some((code, word, depth.max(expected.saturating_sub(pushed))))
    }

    /// Whether `context` can go on: it is on the stack, or in the heap and not dead.
    pub fn is_live_context(&self, oop: Oop) -> bool {
        match self.place_of(oop) {
            Place::Frame(_) => true,
            Place::Context(oop) => self.heap.fetch(oop, context::PC).is_small_integer(),
            Place::Nowhere => false,
        }
    }

    /// Whether a process can go on in `context`.
    pub(crate) fn can_resume(&mut self, context: Oop) -> bool {
        match self.place_of(context) {
            Place::Frame(fp) => self.can_go_on(fp),
            Place::Context(oop) => self.resumable(oop, 0).is_some(),
            Place::Nowhere => false,
        }
    }

    /// Whether the frame at `fp` waits for nothing: it was suspended, or what it sent has been forgotten
    /// and left a value.
    fn can_go_on(&mut self, fp: Address) -> bool {
        self.write_back();
        let memory = self.heap.memory();
        let depth = self.sp_of(fp).offset_from(fp.plus(frame::FIRST_TEMP)) / WORD;
        let ip = Ip::from_word(memory.load(fp.plus(frame::SAVED_PC)));
        let code = CodeRef::from_word(memory.load(fp.plus(frame::CODE))).expect("a frame has code");
        let expected = code.get().expected_depth(code.index_of(ip), depth as usize);
        expected.is_some_and(|expected| expected <= depth as usize)
    }
}
