//! What is said when nothing goes on, or when somebody asks: the stacks of all processes, in words.
//!
//! A fatal condition of the image unwinds with [`Fatal`] as its payload, so that the embedder can
//! print stacks and end with a message. Must not allocate in the heap, and must cope with anything.

use std::fmt::Write;

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use crate::context::Place;
use crate::layout::{ASSOCIATION_VALUE, class, process};
use crate::method;
use crate::operation::UNFIT;
use crate::vm::Vm;

/// The image cannot go on; for people.
#[derive(Debug)]
pub struct Fatal(pub String);

/// Frames printed of one process, unless the user says otherwise.
const MOST_FRAMES: usize = 200;
/// Processes printed of one list.
const MOST_PROCESSES: usize = 1000;

impl Vm {
    /// Give up: the image is in a state in which nothing can go on.
    pub fn fatal(&self, why: &str) -> ! {
        std::panic::resume_unwind(Box::new(Fatal(why.to_owned())))
    }

    /// Give up: memory is used up and there is no way to tell the image.
    pub fn out_of_memory(&self, what: &str) -> ! {
        self.memory_used_up.set(true);
        self.fatal(&format!("object memory is used up: there is no room for {what}"))
    }

    /// The stacks of all processes that can be found.
    pub fn print_all_stacks(&mut self) -> String {
        self.write_back();
        let mut out = String::new();
        let running = self.active_process();
        let priority = self.priority_of(running);
        // Writing to a string does not fail.
        let _ = writeln!(out, "running, priority {priority}:");
        self.print_stack(&mut out, Place::Frame(self.registers.fp));
        let lists = self.scheduling().lists;
        for index in (0..self.heap.slot_count(lists) as usize).rev() {
            let list = self.heap.follow(self.heap.fetch(lists, index));
            let mut waiting = self.heap.follow(self.heap.fetch(list, 0));
            for _ in 0..MOST_PROCESSES {
                if waiting == self.heap.nil() || !self.is_process_like(waiting) {
                    break;
                }
                let _ = writeln!(out, "ready, priority {}:", index + 1);
                self.print_process(&mut out, waiting);
                waiting = self.heap.follow(self.heap.fetch(waiting, process::NEXT_LINK));
            }
        }
        self.print_blocked(&mut out);
        out
    }

    /// Processes that wait for something: found by walking the heap.
    fn print_blocked(&self, out: &mut String) {
        let class = self.heap.special(special::CLASS_PROCESS);
        let lists = self.scheduling().lists;
        for waiting in self.heap.all_instances(class) {
            let list = self.heap.follow(self.heap.fetch(waiting, process::MY_LIST));
            let is_ready = (0..self.heap.slot_count(lists) as usize)
                .any(|index| self.heap.follow(self.heap.fetch(lists, index)) == list);
            if list != self.heap.nil() && !is_ready {
                let _ = writeln!(out, "blocked, priority {}:", self.priority_of(waiting));
                self.print_process(out, waiting);
            }
        }
    }

    fn print_process(&self, out: &mut String, waiting: Oop) {
        let context = self.heap.fetch(waiting, process::SUSPENDED_CONTEXT);
        self.print_stack(out, self.place_of(context));
    }

    /// One line an activation, innermost first.
    fn print_stack(&self, out: &mut String, start: Place) {
        let mut place = start;
        for _ in 0..self.host.frames_to_print.unwrap_or(MOST_FRAMES) {
            if place == Place::Nowhere {
                return;
            }
            let _ = writeln!(out, "    {}", self.describe_activation(place));
            place = self.sender_of(place);
        }
        out.push_str("    …\n");
    }

    fn describe_activation(&self, place: Place) -> String {
        let in_block = self.closure_at(place) != self.heap.nil();
        self.name_of_method(self.method_at(place), in_block)
    }

    /// The name of a compiled method or block, as Class>>selector; `in_block` for a block that has no
    /// method of its own.
    pub fn name_of_method(&self, method: Oop, in_block: bool) -> String {
        let mut code = method;
        let memory = self.heap.memory();
        let mut prefix = if in_block { "[] in " } else { "" };
        // A block's last literal is the code around it.
        while method::is_well_formed(memory, code) {
            let literals = method::header(memory, code).num_literals();
            if literals < 2 {
                break;
            }
            let last = self.heap.follow(method::literal(memory, code, literals - 1));
            if !method::is_well_formed(memory, last) {
                let class = self.association_value(last);
                let selector = method::literal(memory, code, literals - 2);
                let class = class.map_or("?".into(), |class| self.class_name(class));
                return format!("{prefix}{class}>>{}", self.selector_name(selector));
            }
            prefix = "[] in ";
            code = last;
        }
        format!("{prefix}a method without a name")
    }

    fn association_value(&self, oop: Oop) -> Option<Oop> {
        self.heap.slot(oop, ASSOCIATION_VALUE)
    }

    /// The name of a selector, or of what a method has in its place.
    pub fn selector_name(&self, oop: Oop) -> String {
        let oop = self.heap.follow(oop);
        if let Some(bytes) = self.bytes_of(oop) {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        // Additional method state: the selector is its second slot.
        match self.association_value(oop) {
            Some(selector) if selector != oop => match self.bytes_of(selector) {
                Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                None => "?".into(),
            },
            _ => "?".into(),
        }
    }

    /// The name of a class, as people write it.
    pub fn class_name(&self, class: Oop) -> String {
        let own_name = |class| self.bytes_of(self.heap.slot(class, class::NAME)?);
        if let Some(name) = own_name(class) {
            return String::from_utf8_lossy(name).into_owned();
        }
        match self.heap.slot(class, class::OF_METACLASS).and_then(own_name) {
            Some(name) => format!("{} class", String::from_utf8_lossy(name)),
            None => "?".into(),
        }
    }

    /// A bytecode that cannot be run: the image decides, if it wants to. `why` is the operand of
    /// [`Illegal`](crate::operation::Operation::Illegal).
    pub(crate) fn illegal_bytecode(&mut self, why: u16) {
        let selector = self.heap.special(special::SELECTOR_UNKNOWN_BYTECODE);
        if selector == self.heap.nil() {
            self.fatal(match why {
                UNFIT => {
                    "a method has a bytecode that does not fit its stack, temporaries or literals"
                }
                _ => "a method has a bytecode that its set does not define",
            });
        }
        // It runs again when the image answers.
        self.need_room("unknownBytecode");
        let this = self.marry(self.registers.fp);
        self.push(this);
        self.send(selector, 0, None);
    }
}
