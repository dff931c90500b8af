//! Starting a VM at a message that the embedder chooses, in a process of its own, instead of where its image
//! was saved; and handing the heap on to another VM.
//!
//! The *root* is a context below the message, of a method made here: when it returns, the VM ends with what
//! the message answered. No other process is ready then; what waits for a semaphore still does. Must not
//! know why the embedder wants this.

use std::io;

use rowel_bytecode::EmitError;
use rowel_bytecode::sista_v1::Bytecode;
use rowel_objmem::layout::special;
use rowel_objmem::scavenger::Tenure;
use rowel_objmem::{ChildSizes, Format, Heap, Oop, Template};

use crate::dispatch::{self, Leave};
use crate::frame;
use crate::layout::{linked_list, process, scheduler};
use crate::lookup::{Lookup, lookup};
use crate::method::{self, BytecodeSet, MethodHeader};
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
        let class = self.heap.class_of(receiver);
        let Lookup::Found { method: found, .. } = lookup(&self.heap, class, selector) else {
            return Err(CannotStart::NotUnderstood);
        };
        let memory = self.heap.memory();
        // What says to which class a method belongs.
        let literals = if method::is_well_formed(memory, found) {
            method::header(memory, found).num_literals()
        } else {
            0
        };
        let class = match literals {
            0 => self.heap.nil(),
            _ => method::literal(memory, found, literals - 1),
        };
        let literals: Vec<Oop> =
            [selector].iter().chain(arguments).chain(&[selector, class]).copied().collect();
        let code = root_code(arguments.len()).map_err(|_| CannotStart::TooManyArguments)?;
        let header = MethodHeader::new(BytecodeSet::SistaV1, literals.len());
        let class = self.heap.special(special::CLASS_COMPILED_METHOD);
        let index = self.heap.index_of_class(class).ok_or(CannotStart::NoMemory)?;
        let new = method::make(&mut self.heap, index, header, &literals, &code);
        new.ok_or(CannotStart::NoMemory)
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

/// Bytecodes that send the first literal to the receiver, with as many arguments as the literals after it, and answer
/// what that answers.
fn root_code(num_args: usize) -> Result<Vec<u8>, EmitError> {
    let mut code = Vec::new();
    Bytecode::PushReceiver {}.emit(&mut code)?;
    for argument in 0..num_args {
        Bytecode::PushLiteral { index: 1 + argument as i32 }.emit(&mut code)?;
    }
    Bytecode::LongSend { index: 0, num_args: num_args as i32 }.emit(&mut code)?;
    Bytecode::ReturnTop {}.emit(&mut code)?;
    // The trailer: there is none.
    code.push(0);
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::root_code;

    #[test]
    fn the_root_sends_and_returns() {
        assert_eq!(root_code(0), Ok(vec![0x4C, 0xEA, 0, 0x5C, 0]));
        assert_eq!(root_code(2), Ok(vec![0x4C, 0x21, 0x22, 0xEA, 2, 0x5C, 0]));
    }
}
