//! Starting a VM at a message that the embedder chooses, in a process of its own, instead of where its image
//! was saved; and handing the heap on to another VM.
//!
//! The *root* is a context below the message, of a method made here: when it returns, the VM ends with what
//! the message answered. No other process is ready then; what waits for a semaphore still does. Must not
//! know why the embedder wants this.

use std::io;

use rowel_objmem::layout::special;
use rowel_objmem::scavenger::Tenure;
use rowel_objmem::{ChildSizes, Format, Heap, Oop, Template};

use crate::dispatch::{self, Leave};
use crate::frame;
use crate::layout::{linked_list, process, scheduler};
use crate::lookup::{Lookup, lookup};
use crate::method;
use crate::primitives::instance_specification;
use crate::vm::Vm;

/// Arguments that a root can send along.
pub const MOST_ARGUMENTS: usize = 7;

/// The VM cannot start with that message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotStart {
    /// The image has no class of that name.
    #[error("the image has no such class")]
    NoClass,
    /// The receiver does not understand the message.
    #[error("the receiver does not understand that message")]
    NotUnderstood,
    /// There are too many arguments.
    #[error("there are too many arguments")]
    TooManyArguments,
    /// The image lacks what a process needs.
    #[error("the image has no scheduler, or no class of processes")]
    NoProcess,
    /// There is no memory for the first objects.
    #[error("there is no memory for the first objects")]
    NoMemory,
}

/// Why a VM ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The message answered this. It is right until the next collection.
    Returned(Oop),
    /// The image quit, or somebody asked the VM to end, with this code.
    Quit(i32),
    /// Its process has ended without an answer.
    Terminated,
}

impl Vm {
    /// Make the registers ready to send `selector` with `arguments` to `receiver` in a new process of
    /// priority `priority`, the only one that is ready. [`run_root`](Self::run_root) does so.
    ///
    /// # Errors
    /// See [`CannotStart`].
    pub fn start(
        &mut self,
        receiver: Oop,
        selector: Oop,
        arguments: &[Oop],
        priority: i64,
    ) -> Result<(), CannotStart> {
        let association = self.heap.special(special::SCHEDULER_ASSOCIATION);
        if !self.heap.has_slot(association, crate::layout::ASSOCIATION_VALUE)
            || !self.heap.has_slot(self.scheduler(), scheduler::ACTIVE_PROCESS)
            || !self.heap.has_slot(self.scheduling().lists, 0)
        {
            return Err(CannotStart::NoProcess);
        }
        if arguments.len() > MOST_ARGUMENTS {
            return Err(CannotStart::TooManyArguments);
        }
        self.forget_ready();
        self.forget_outside();
        let root = self.root_method(receiver, selector, arguments)?;
        let new = self.new_process(priority)?;
        let code = self.code_for(root);
        // Frames of an earlier start are forgotten.
        for page in self.zone.in_use().collect::<Vec<_>>() {
            self.zone.free(page);
        }
        self.enter(code, receiver, &[]);
        let page = self.active_page;
        self.zone.page_mut(page).caller_context = self.heap.nil();
        let scheduler = self.scheduler();
        self.heap.store(scheduler, scheduler::ACTIVE_PROCESS, new);
        self.root = self.marry(self.registers.fp);
        self.root_process = new;
        self.result = self.heap.nil();
        self.sleeps_when_idle = true;
        Ok(())
    }

    /// Whether [`start`](Self::start) was ever called.
    pub fn has_started(&self) -> bool {
        self.root != Oop::ZERO
    }

    /// Run until the message of [`start`](Self::start) is answered or the VM ends otherwise.
    pub fn run_root(&mut self) -> Ended {
        let nil = self.heap.nil();
        self.result = Oop::ZERO;
        self.leaving = false;
        match dispatch::run(self) {
            Leave::Finished(value) => Ended::Returned(value),
            // From within native code, too.
            Leave::Quit | Leave::Landed | Leave::Disturbed => match self.host.exit_code {
                Some(code) => Ended::Quit(code),
                None if self.result == Oop::ZERO => Ended::Terminated,
                None => Ended::Returned(std::mem::replace(&mut self.result, nil)),
            },
        }
    }

    /// Whether the running frame is the root's.
    pub(crate) fn is_root_frame(&self) -> bool {
        self.root != Oop::ZERO && Oop(self.frame_word(frame::CONTEXT)) == self.root
    }

    /// Whether there was a root, and it will not return, as no process can run: it is dead, or its process
    /// waits for nothing, and nothing is due that might resume it.
    pub(crate) fn root_has_ended(&self) -> bool {
        if self.root == Oop::ZERO {
            return false;
        }
        let list = self.heap.follow(self.heap.fetch(self.root_process, process::MY_LIST));
        let is_suspended = list == self.heap.nil() && self.timer.deadline().is_none();
        is_suspended || !self.is_live_context(self.root)
    }

    /// Take all processes out of the ready lists.
    fn forget_ready(&mut self) {
        let nil = self.heap.nil();
        let lists = self.scheduling().lists;
        for index in 0..self.heap.slot_count(lists) as usize {
            let list = self.heap.follow(self.heap.fetch(lists, index));
            if !self.heap.has_slot(list, linked_list::LAST_LINK) {
                continue;
            }
            while !self.is_empty_list(list) {
                let link = self.remove_first(list);
                self.heap.store(link, process::MY_LIST, nil);
            }
        }
        self.highest_ready = usize::MAX;
    }

    /// Nobody outside knows of the semaphores that the image has given out for being signalled.
    fn forget_outside(&mut self) {
        let nil = self.heap.nil();
        let table = self.heap.special(special::EXTERNAL_OBJECTS_ARRAY);
        if self.heap.has_slot(table, 0) {
            for index in 0..self.heap.slot_count(table) as usize {
                if self.heap.fetch(table, index) != nil {
                    self.heap.store(table, index, nil);
                }
            }
        }
    }

    fn new_process(&mut self, priority: i64) -> Result<Oop, CannotStart> {
        let class = self.heap.special(special::CLASS_PROCESS);
        let specification = instance_specification(&self.heap, class);
        let (format, slots) = specification.ok_or(CannotStart::NoProcess)?;
        if slots <= process::MY_LIST as u64 || format > Format::FIXED {
            return Err(CannotStart::NoProcess);
        }
        let index = self.heap.index_of_class(class).ok_or(CannotStart::NoMemory)?;
        let new = self.heap.allocate_filled(index, format, slots).ok_or(CannotStart::NoMemory)?;
        let most = self.heap.slot_count(self.scheduling().lists) as i64;
        let priority = Oop::small_integer(priority.clamp(1, most));
        self.heap.store(new, process::PRIORITY, priority);
        Ok(new)
    }

    /// A method that sends `selector` with `arguments` to its receiver and answers what that answers.
    fn root_method(
        &mut self,
        receiver: Oop,
        selector: Oop,
        arguments: &[Oop],
    ) -> Result<Oop, CannotStart> {
        // SistaV1: push receiver, push literal, send literal (number of arguments in the low three
        // bits), return top; a method without a trailer.
        const PUSH_RECEIVER: u8 = 0x4C;
        const PUSH_LITERAL: u8 = 0x20;
        const SEND: u8 = 0xEA;
        const RETURN_TOP: u8 = 0x5C;
        let class = self.heap.class_of(receiver);
        let Lookup::Found { method: found, .. } = lookup(&self.heap, class, selector) else {
            return Err(CannotStart::NotUnderstood);
        };
        let nil = self.heap.nil();
        let memory = self.heap.memory();
        // What says to which class a method belongs.
        let literals = if method::is_well_formed(memory, found) {
            method::header(memory, found).num_literals()
        } else {
            0
        };
        let class = if literals > 0 { method::literal(memory, found, literals - 1) } else { nil };
        let literals: Vec<Oop> =
            [selector].iter().chain(arguments).chain(&[selector, class]).copied().collect();
        let pushes = (0..arguments.len()).map(|index| PUSH_LITERAL + 1 + index as u8);
        let mut code = vec![PUSH_RECEIVER];
        code.extend(pushes);
        code.extend([SEND, arguments.len() as u8, RETURN_TOP, 0]);
        let bytes = ((1 + literals.len()) * frame::WORD as usize + code.len()) as u64;
        let format = Format::COMPILED_METHOD.for_elements(bytes);
        let class = self.heap.special(special::CLASS_COMPILED_METHOD);
        let index = self.heap.index_of_class(class).ok_or(CannotStart::NoMemory)?;
        let slots = bytes.div_ceil(frame::WORD);
        let new = self.heap.allocate(index, format, slots).ok_or(CannotStart::NoMemory)?;
        let header = i64::MIN >> 3 | literals.len() as i64;
        self.heap.store(new, 0, Oop::small_integer(header));
        for (slot, literal) in literals.iter().enumerate() {
            self.heap.store(new, 1 + slot, *literal);
        }
        let first = (1 + literals.len()) * frame::WORD as usize;
        for (offset, byte) in code.iter().enumerate() {
            self.heap.store_byte(new, first + offset, *byte);
        }
        Ok(new)
    }

    /// A heap for another VM that sees this one's as it stands, its processes suspended where they are. To
    /// be called by a primitive that changes the registers: objects move, so what it knows of objects is
    /// on the operand stack only.
    ///
    /// # Errors
    /// When there is no memory; the image goes on all the same.
    pub fn fork_heap(&mut self, sizes: &ChildSizes) -> io::Result<Heap> {
        self.with_quiet_heap(|heap| heap.fork(sizes))
    }

    /// A template of the heap as it stands, as [`fork_heap`](Self::fork_heap).
    ///
    /// # Errors
    /// As [`fork_heap`](Self::fork_heap).
    pub fn freeze_heap(&mut self) -> io::Result<Template> {
        self.with_quiet_heap(Template::new)
    }

    /// Do `work` on the heap while the nursery is empty and there are no frames.
    fn with_quiet_heap<R>(&mut self, work: impl FnOnce(&Heap) -> io::Result<R>) -> io::Result<R> {
        self.write_back();
        if self.zone.page(self.active_page).is_free() {
            // Nothing runs yet.
            self.scavenge_with(Tenure::All).map_err(io::Error::other)?;
            return work(&self.heap);
        }
        let nil = self.heap.nil();
        let running = self.active_process();
        let top = self.divorce_all();
        self.heap.store(running, process::SUSPENDED_CONTEXT, top);
        let emptied = self.scavenge_with(Tenure::All);
        let running = self.active_process();
        let outcome = match emptied {
            Ok(()) => work(&self.heap),
            Err(error) => Err(io::Error::other(error)),
        };
        let top = self.heap.fetch(running, process::SUSPENDED_CONTEXT);
        self.heap.store(running, process::SUSPENDED_CONTEXT, nil);
        if let Err(error) = self.resume(top) {
            self.fatal(&format!("after handing the heap on: {error}"));
        }
        outcome
    }
}
