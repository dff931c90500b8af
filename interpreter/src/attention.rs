//! Safepoints: what happens when the stack limit was passed. Collections, external semaphores, timer,
//! finalization, the interrupt key, and, if the stack really is full, another page.
//!
//! Whoever wants the running code to look up zeroes the limit. Objects may move here and nowhere else.
//! Source: `StackInterpreter>>#checkForEventsMayContextSwitch:`, `#handleStackOverflow`.

use rowel_objmem::layout::special;
use rowel_objmem::{Address, Oop};
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use crate::frame::{self, WORD};
use crate::stack::{PAGE_BYTES, PAGE_LIMIT};
use crate::vm::Vm;

/// Who watches over a VM on behalf of its embedder: asked at each safepoint, with the VM at rest.
pub trait Keeper: Send + std::fmt::Debug {
    /// Look at the VM, and have it end if need be ([`Vm::end`]).
    fn attend(&mut self, vm: &mut Vm);

    /// The VM is about to sleep: there may be no safepoint for long.
    fn rest(&mut self, _vm: &mut Vm) {}

    /// The VM goes on in the child of a fork, where its thread is the only one: locks that others held are
    /// held for ever.
    fn forked(&mut self, _vm: &mut Vm) {}
}

/// A VM without anything to do sleeps as long as this, unless something happens.
pub const LONG_SLEEP: Duration = Duration::from_secs(3600);

impl Vm {
    /// The VM is to end now, with this exit code, whatever the image thinks of it.
    pub fn end(&mut self, code: i32) {
        self.host.exit_code = Some(code);
        self.leaving = true;
    }

    /// Do what is waiting to be done. The running frame is complete: its operands are on the stack
    /// and the program counter is where it goes on.
    #[cold]
    #[inline(never)]
    pub fn attend(&mut self) {
        // First, so that a request that comes meanwhile is not lost.
        self.stack_limit.store(PAGE_LIMIT, Ordering::Release);
        // What is asked for below is read after that, or the request is seen here and its zero overwritten.
        fence(Ordering::SeqCst);
        self.highest_ready = usize::MAX;
        self.sample();
        self.with_tier(|tier, vm| tier.attend(vm));
        if self.registers.sp.0 % PAGE_BYTES > PAGE_LIMIT
            || self.frame_end() % PAGE_BYTES > PAGE_LIMIT
        {
            self.grow_stack();
        }
        if let Some(code) = self.signals.end() {
            return self.end(code);
        }
        if self.heap.needs_full_collection {
            self.collect_garbage(true);
        } else if self.heap.needs_scavenge || self.stress_scavenges {
            self.collect_garbage(false);
        }
        if self.signals.take_dump() {
            eprintln!("{}", self.print_all_stacks());
        }
        self.signal_what_happened();
        self.check_low_space();
        self.ask_keeper();
        if self.stress_scavenges {
            self.request_attention();
        }
    }

    /// Native code has been asked to look up: do what can be done while it runs. Most often somebody only wants
    /// to know what is running: `unit` is, by the tier's number, in the frame at `fp`. Answers whether it may go
    /// on; else it has to leave, for [`attend`](Self::attend).
    pub fn glance(&mut self, unit: u32, fp: Address) -> bool {
        // In this order as there.
        self.stack_limit.store(PAGE_LIMIT, Ordering::Release);
        fence(Ordering::SeqCst);
        if !self.wants_rest() {
            self.with_tier(|tier, vm| {
                tier.seen(unit);
                tier.attend(vm);
            });
            self.sample_from(Address(self.heap.load(fp.plus(frame::CALLER_FP))));
            self.ask_keeper();
        }
        let goes_on = !self.wants_rest();
        if !goes_on {
            self.request_attention();
        }
        goes_on
    }

    /// Whether something waits for which no native code may be running.
    fn wants_rest(&self) -> bool {
        let heap = &self.heap;
        let is_due = self.timer.deadline().is_some_and(|deadline| deadline <= Instant::now());
        let collects = heap.needs_full_collection || heap.needs_scavenge || self.stress_scavenges;
        let signals = is_due || self.signals.any() || heap.gc.pending_finalizations > 0;
        collects || signals || self.disturbed || self.leaving || self.is_low_on_space()
    }

    fn ask_keeper(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            keeper.attend(self);
            self.keeper = Some(keeper);
        }
    }

    /// Signal the semaphores of what has happened outside the image.
    fn signal_what_happened(&mut self) {
        if self.signals.take_interrupt() {
            self.signal_special(special::THE_INTERRUPT_SEMAPHORE);
        }
        if self.timer.is_due() {
            self.signal_special(special::THE_TIMER_SEMAPHORE);
        }
        for index in self.signals.take() {
            self.signal_external(index);
        }
        if self.heap.gc.pending_finalizations > 0 {
            self.heap.gc.pending_finalizations = 0;
            self.signal_special(special::THE_FINALIZATION_SEMAPHORE);
        }
    }

    /// No process can run: sleep until something happens that may change that. The running process waits
    /// already. Answers false when the VM is to end instead.
    pub(crate) fn wait_for_work(&mut self) -> bool {
        if self.root_has_ended() {
            self.leaving = true;
            return false;
        }
        // Nothing goes wrong when the sleep ends sooner than something happens.
        self.sleep(self.timer.remaining().map_or(LONG_SLEEP, |left| left.min(LONG_SLEEP)));
        if let Some(code) = self.signals.end() {
            self.end(code);
            return false;
        }
        self.nothing_runs = true;
        self.signal_what_happened();
        self.nothing_runs = false;
        true
    }

    /// Sleep until something is asked for, at most `limit`; counted as idle.
    pub(crate) fn sleep(&mut self, limit: Duration) {
        if let Some(mut keeper) = self.keeper.take() {
            keeper.rest(self);
            self.keeper = Some(keeper);
        }
        let start = Instant::now();
        self.signals.sleep(limit);
        self.idle += start.elapsed();
    }

    /// Where the running frame would end if its operand stack were full.
    pub(crate) fn frame_end(&self) -> u64 {
        let fp = self.registers.fp;
        let code = crate::code::CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
        code.map_or(0, |code| fp.plus(u64::from(code.get().frame_words) * WORD).0)
    }

    /// Signal the semaphore in the special objects array at `index`, if there is one.
    pub(crate) fn signal_special(&mut self, index: usize) {
        let semaphore = self.heap.special(index);
        self.signal_if_semaphore(semaphore);
    }

    /// Signal external semaphore `index` (from 1).
    fn signal_external(&mut self, index: usize) {
        let table = self.heap.special(special::EXTERNAL_OBJECTS_ARRAY);
        let is_there = table.is_pointer()
            && self.heap.format(table).is_indexable_pointers()
            && index >= 1
            && index as u64 <= self.heap.slot_count(table);
        if is_there {
            let semaphore = self.heap.follow(self.heap.fetch(table, index - 1));
            self.signal_if_semaphore(semaphore);
        }
    }

    fn signal_if_semaphore(&mut self, semaphore: Oop) {
        let class = self.heap.special(special::CLASS_SEMAPHORE);
        if semaphore.is_pointer() && self.heap.class_of(semaphore) == class {
            if self.nothing_runs && !self.is_empty_list(semaphore) {
                let woken = self.remove_first(semaphore);
                let now = self.scheduling();
                self.make_ready(now, woken, false);
            } else {
                self.signal_semaphore(semaphore);
            }
        }
    }

    /// Whether the image wants to be told now that memory runs low.
    fn is_low_on_space(&self) -> bool {
        // A scavenge takes old space by the nursery's size at once: tell while that is still there.
        let nursery = &self.heap.nursery;
        let at_once = nursery.eden.limit - nursery.eden.start;
        let enough = self.low_space_threshold.saturating_add(at_once);
        self.low_space_threshold != 0 && self.heap.bytes_left() < enough
    }

    /// Tell the image when memory runs low, once, as it asked to be told.
    fn check_low_space(&mut self) {
        if !self.is_low_on_space() {
            return;
        }
        self.low_space_threshold = 0;
        let running = self.active_process();
        self.heap.set_special(special::PROCESS_SIGNALING_LOW_SPACE, running);
        self.signal_special(special::THE_LOW_SPACE_SEMAPHORE);
    }

    /// The active page is full: go on with the running frame on a page of its own.
    fn grow_stack(&mut self) {
        self.disturb();
        let memory = self.heap.memory();
        let (fp, sp) = (self.registers.fp, self.registers.sp);
        let caller = Address(memory.load(fp.plus(frame::CALLER_FP)));
        if caller == Address(0) {
            // A single frame fits on any page.
            return;
        }
        let sender = self.marry(caller);
        let new = self.claim_page(Some(self.active_page));
        let old = self.zone.page_mut(self.active_page);
        (old.head_fp, old.head_sp) = (caller, fp);
        let base = self.zone.page(new).base;
        memory.copy(fp, base, sp.offset_from(fp));
        memory.store(base.plus(frame::CALLER_FP), 0);
        let context = Oop(memory.load(base.plus(frame::CONTEXT)));
        if context != Oop::ZERO {
            let frame = Oop::small_integer(base.0 as i64);
            self.heap.store(context, crate::layout::context::SENDER, frame);
        }
        let page = self.zone.page_mut(new);
        page.caller_context = sender;
        page.head_fp = base;
        page.head_sp = base.plus(sp.offset_from(fp));
        self.registers.fp = base;
        self.registers.sp = base.plus(sp.offset_from(fp));
        self.active_page = new;
    }
}
