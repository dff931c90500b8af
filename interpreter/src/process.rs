//! The process scheduler: ready lists, semaphores, mutexes, switching between processes.
//!
//! A suspended process keeps its innermost context in `suspendedContext`; that is usually married to a
//! frame on a page of its own, so that a switch copies nothing. Source: `StackInterpreter>>#resume:…`,
//! `#transferTo:`, `#wakeHighestPriority`, `#synchronousSignal:`, `#removeProcess:fromList:`.

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use crate::failure::Failure;
use crate::layout::{linked_list, process, scheduler};
use crate::vm::Vm;

/// The scheduler's objects. Fetched once for each step of scheduling: nothing moves meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheduling {
    /// `Processor`.
    scheduler: Oop,
    /// The Array of ready lists.
    pub(crate) lists: Oop,
    /// The running process.
    pub(crate) running: Oop,
}

impl Vm {
    /// The scheduler's objects as they are now.
    #[inline]
    pub(crate) fn scheduling(&self) -> Scheduling {
        let scheduler = self.scheduler();
        Scheduling {
            scheduler,
            lists: self.slot(scheduler, scheduler::PROCESS_LISTS),
            running: self.slot(scheduler, scheduler::ACTIVE_PROCESS),
        }
    }

    /// The process scheduler, `Processor`.
    pub(crate) fn scheduler(&self) -> Oop {
        let association = self.heap.special(special::SCHEDULER_ASSOCIATION);
        self.heap.follow(self.heap.fetch(association, crate::layout::ASSOCIATION_VALUE))
    }

    /// The running process.
    pub fn active_process(&self) -> Oop {
        self.slot(self.scheduler(), scheduler::ACTIVE_PROCESS)
    }

    /// The priority of a process; 0 when it is none.
    pub(crate) fn priority_of(&self, process: Oop) -> i64 {
        self.heap.fetch(process, process::PRIORITY).as_integer().unwrap_or(0)
    }

    /// Whether `oop` has the slots of a process.
    pub(crate) fn is_process_like(&self, oop: Oop) -> bool {
        self.heap.has_slot(oop, process::MY_LIST)
    }

    /// Whether `oop` has the slots of a semaphore or a mutex.
    pub(crate) fn is_list_like(&self, oop: Oop) -> bool {
        self.heap.has_slot(oop, linked_list::EXCESS_SIGNALS)
    }

    #[inline(always)]
    fn slot(&self, object: Oop, index: usize) -> Oop {
        self.heap.follow(self.heap.fetch(object, index))
    }

    /// The ready list of `priority` among `lists`.
    pub(crate) fn ready_list(&self, lists: Oop, priority: i64) -> Option<Oop> {
        let index = usize::try_from(priority - 1).ok()?;
        let inside = (index as u64) < self.heap.slot_count(lists);
        inside.then(|| self.slot(lists, index))
    }

    /// Whether no process is in the list.
    pub(crate) fn is_empty_list(&self, list: Oop) -> bool {
        self.slot(list, linked_list::FIRST_LINK) == self.heap.nil()
    }

    /// Put a process at the end of a list.
    pub(crate) fn add_last(&mut self, link: Oop, list: Oop) {
        let nil = self.heap.nil();
        if self.is_empty_list(list) {
            self.heap.store(list, linked_list::FIRST_LINK, link);
        } else {
            let last = self.slot(list, linked_list::LAST_LINK);
            self.heap.store(last, process::NEXT_LINK, link);
        }
        self.heap.store(list, linked_list::LAST_LINK, link);
        self.heap.store(link, process::NEXT_LINK, nil);
        self.heap.store(link, process::MY_LIST, list);
    }

    fn add_first(&mut self, link: Oop, list: Oop) {
        let first = self.slot(list, linked_list::FIRST_LINK);
        if first == self.heap.nil() {
            return self.add_last(link, list);
        }
        self.heap.store(link, process::NEXT_LINK, first);
        self.heap.store(list, linked_list::FIRST_LINK, link);
        self.heap.store(link, process::MY_LIST, list);
    }

    /// Take the first process out of a list that has one.
    pub(crate) fn remove_first(&mut self, list: Oop) -> Oop {
        let nil = self.heap.nil();
        let first = self.slot(list, linked_list::FIRST_LINK);
        let next = self.slot(first, process::NEXT_LINK);
        self.heap.store(list, linked_list::FIRST_LINK, next);
        if next == nil {
            self.heap.store(list, linked_list::LAST_LINK, nil);
        }
        self.heap.store(first, process::NEXT_LINK, nil);
        first
    }

    /// Take `link` out of `list`. False when it is not there.
    pub(crate) fn remove_from_list(&mut self, link: Oop, list: Oop) -> bool {
        let nil = self.heap.nil();
        let mut before = nil;
        let mut current = self.slot(list, linked_list::FIRST_LINK);
        while current != link {
            if current == nil {
                return false;
            }
            before = current;
            current = self.slot(current, process::NEXT_LINK);
        }
        let next = self.slot(link, process::NEXT_LINK);
        if before == nil {
            self.heap.store(list, linked_list::FIRST_LINK, next);
        } else {
            self.heap.store(before, process::NEXT_LINK, next);
        }
        if next == nil {
            self.heap.store(list, linked_list::LAST_LINK, before);
        }
        self.heap.store(link, process::NEXT_LINK, nil);
        true
    }

    /// Make a process that was preempted or that yields wait on its ready list.
    pub(crate) fn make_ready(&mut self, now: Scheduling, link: Oop, first: bool) {
        let priority = self.priority_of(link);
        self.highest_ready = self.highest_ready.max(priority.max(0) as usize);
        let Some(list) = self.ready_list(now.lists, priority) else {
            self.fatal("a process has a priority that the scheduler does not know");
        };
        if first {
            self.add_first(link, list);
        } else {
            self.add_last(link, list);
        }
    }

    /// Suspend the running process where it is and go on in the ready process with the highest priority.
    /// There must be one.
    pub(crate) fn run_another(&mut self, now: Scheduling) {
        let next = self.wake_highest_priority(now);
        self.transfer_to(now, next);
    }

    /// The ready process with the highest priority, taken from its list. Where there is none, the VM sleeps
    /// until there is, if it may.
    fn wake_highest_priority(&mut self, now: Scheduling) -> Oop {
        let lists = now.lists;
        let count = self.heap.slot_count(lists) as usize;
        // Nobody is known to be ready above; should the image have done what the VM does not know of,
        // the second search finds it.
        let highest = std::mem::replace(&mut self.highest_ready, 0);
        let found = self.first_ready(lists, highest.min(count));
        let mut found = found.or_else(|| self.first_ready(lists, count));
        while found.is_none() {
            if !self.sleeps_when_idle {
                self.fatal("no process can run: the image has neither work nor an idle process")
            }
            if !self.wait_for_work() {
                self.request_attention();
                return now.running;
            }
            found = self.first_ready(lists, count);
        }
        let Some((index, list)) = found else { return now.running };
        self.highest_ready = index + 1;
        self.remove_first(list)
    }

    /// The last of the first `count` ready lists that has a process, with its index.
    fn first_ready(&self, lists: Oop, count: usize) -> Option<(usize, Oop)> {
        let nil = self.heap.nil();
        for index in (0..count).rev() {
            let list = self.heap.fetch(lists, index);
            // A forwarder has its target there, which is not nil.
            if self.heap.fetch(list, linked_list::FIRST_LINK) != nil {
                let list = self.heap.follow(list);
                if !self.is_empty_list(list) {
                    return Some((index, list));
                }
            }
        }
        None
    }

    /// Make `woken` runnable: run it now when its priority is higher than that of the running process.
    pub(crate) fn make_runnable(&mut self, woken: Oop) {
        let now = self.scheduling();
        if self.priority_of(woken) > self.priority_of(now.running) {
            // A preempted process goes to the end of its list, or, where the image says that
            // preemption does not yield, stays first.
            self.make_ready(now, now.running, !self.preemption_yields());
            self.transfer_to(now, woken);
        } else {
            self.make_ready(now, woken, false);
        }
    }

    /// Signal a semaphore. May switch processes.
    pub(crate) fn signal_semaphore(&mut self, semaphore: Oop) {
        if self.is_empty_list(semaphore) {
            let excess = self.heap.fetch(semaphore, linked_list::EXCESS_SIGNALS);
            let excess = excess.as_integer().unwrap_or(0) + 1;
            self.heap.store(semaphore, linked_list::EXCESS_SIGNALS, Oop::small_integer(excess));
            return;
        }
        let woken = self.remove_first(semaphore);
        self.make_runnable(woken);
    }

    /// Suspend the running process where it is and go on in `next`.
    fn transfer_to(&mut self, now: Scheduling, next: Oop) {
        self.write_back();
        let suspended = self.marry(self.registers.fp);
        self.heap.store(now.running, process::SUSPENDED_CONTEXT, suspended);
        let nil = self.heap.nil();
        let context = self.slot(next, process::SUSPENDED_CONTEXT);
        self.heap.store(now.scheduler, scheduler::ACTIVE_PROCESS, next);
        self.heap.store(next, process::SUSPENDED_CONTEXT, nil);
        self.heap.store(next, process::MY_LIST, nil);
        if let Err(error) = self.resume(context) {
            self.fatal(&format!("a process cannot go on: {error}"));
        }
    }

    /// Whether a preempted process goes to the end of its ready list: the image's flag.
    fn preemption_yields(&self) -> bool {
        /// Bit of the image header: preemption does not yield.
        const PREEMPTION_DOES_NOT_YIELD: u64 = 16;
        let flags = self.host.header.map_or(0, |header| header.flags);
        flags & PREEMPTION_DOES_NOT_YIELD == 0
    }

    /// Resume a suspended process (primitive 87).
    pub(crate) fn resume_process(&mut self, woken: Oop) -> Result<(), Failure> {
        if !self.is_process_like(woken) {
            return Err(Failure::BadReceiver);
        }
        let context = self.slot(woken, process::SUSPENDED_CONTEXT);
        if !self.is_context(context) || !self.can_resume(context) {
            return Err(Failure::BadReceiver);
        }
        self.make_runnable(woken);
        Ok(())
    }
}
