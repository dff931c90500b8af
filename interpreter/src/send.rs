//! Sends that an inline cache does not answer: lookup, the caches, primitives, and what happens when
//! nobody understands.
//!
//! While a send is under way the program counter is already where the sender goes on. Source:
//! `StackInterpreter>>#internalFindNewMethodOrdinary`, `#executeNewMethod`,
//! `#createActualMessageTo:`, `#handleMNU`, `#invokeObjectAsMethod…`, `#getErrorObjectFromPrimFailCode`.

use rowel_objmem::layout::{class_index, special};
use rowel_objmem::{ClassIndex, Format, Oop};

use crate::code::{Action, CodeRef, Ip};
use crate::context_access::context_inst_var;
use crate::failure::Failure;
use crate::frame::{self, WORD};
use crate::layout::{class, message};
use crate::lookup::{Lookup, lookup};
use crate::machine::Machine;
use crate::method;
use crate::translate::translate;
use crate::vm::Vm;

/// Class index of forwarders.
const FORWARDER: ClassIndex = ClassIndex(rowel_objmem::layout::FORWARDED_CLASS_INDEX);
/// The number of named primitives.
const NAMED: u16 = 117;
/// Those of primitives that run another one, numbered or named.
const DO_PRIMITIVE: u16 = 118;
const DO_NAMED_PRIMITIVE: u16 = 218;
/// Objects with more slots are not searched for forwarders. Primitives that read the slots of larger
/// ones, of arrays, follow what they find there.
const FOLLOW_SLOTS: u64 = 64;

/// The slot of an error object that takes the number of the system.
const ERROR_NUMBER: usize = 1;

/// Why no method was found.
#[derive(Clone, Copy, Debug)]
pub enum Missing {
    /// doesNotUnderstand:.
    NotUnderstood,
    /// This class has no method dictionary: cannotInterpret:.
    CannotInterpret(Oop),
    /// The method dictionary holds this object instead of a method: run:with:in:.
    Object(Oop),
}

/// How many slots the primitive may go through from receiver or arguments to an object that it looks
/// into: so deep may a forwarder have made it fail. Spur computes this for each primitive (`StackInterpreter
/// class>>#primitiveAccessorDepthTable`, and the numbers in the tables of exports of its plugins). Of those
/// that are named and exist here none goes through more than three, as BitBlt from itself by way of a form to
/// its pixels; all are searched as deep. What is numbered goes through one at most, or follows by itself where
/// it goes further, but for the two that run another primitive on the elements of an Array. To search deeper
/// than need be costs time, and only until the next full collection, after which there are no forwarders.
fn accessor_depth(primitive: u16) -> usize {
    const NUMBERED_DEPTH: usize = 1;
    const NAMED_DEPTH: usize = 3;
    match primitive {
        NAMED => NAMED_DEPTH,
        DO_PRIMITIVE => 1 + NUMBERED_DEPTH,
        DO_NAMED_PRIMITIVE => 1 + NAMED_DEPTH,
        _ => NUMBERED_DEPTH,
    }
}

/// `code` if it takes so many arguments. A frame for another number of them would not fit over what is
/// on the stack.
fn taking(code: CodeRef, num_args: usize) -> Result<CodeRef, Missing> {
    let fits = usize::from(code.get().num_args) == num_args;
    if fits { Ok(code) } else { Err(Missing::NotUnderstood) }
}

impl Vm {
    /// The translation of `method`, which is well formed, made at the first call.
    pub fn code_for(&mut self, method: Oop) -> CodeRef {
        if let Some(code) = self.code.of_method(method) {
            return code;
        }
        let mut code = translate(self.heap.memory(), method);
        code.action = self.action_for(method, code.primitive);
        let young = self.heap.is_young(method);
        let code = self.code.install(code);
        if young {
            self.young_code.push(code);
        }
        self.with_tier(|tier, vm| tier.translated(vm, code));
        code
    }

    fn action_for(&mut self, method: Oop, number: u16) -> Action {
        let takes_arguments = method::header(self.heap.memory(), method).num_args() > 0;
        match number {
            // 198 and 199 mark methods for unwinding and for handlers.
            0 | 198 | 199 => Action::Activate,
            // These leave alone what is above the receiver.
            256..=519 if takes_arguments => Action::Activate,
            83 => Action::Perform,
            201..=205 | 207 | 209 | 221 | 222 => Action::Evaluate,
            NAMED => match self.named_primitive(method) {
                Some(primitive) => primitive.into(),
                None => Action::Fail(Failure::NotFound),
            },
            _ => Action::of_number(number).unwrap_or(Action::Fail(Failure::Unsupported)),
        }
    }

    /// The primitive that the first literal of `method` names: an Array of module and function.
    fn named_primitive(&self, method: Oop) -> Option<crate::primitive::Primitive> {
        let memory = self.heap.memory();
        if method::header(memory, method).num_literals() == 0 {
            return None;
        }
        let spec = self.heap.follow(method::literal(memory, method, 0));
        let is_array = self.heap.has_class_index(spec, class_index::ARRAY);
        if !is_array || self.heap.slot_count(spec) < 2 {
            return None;
        }
        let module = self.heap.follow(self.heap.fetch(spec, 0));
        let module = if module == self.heap.nil() { &[] } else { self.bytes_of(module)? };
        let name = self.bytes_of(self.heap.follow(self.heap.fetch(spec, 1)))?;
        self.modules.find(module, name)
    }

    /// The code that instances of the class with index `class` run for `selector`.
    pub fn find_code(&mut self, class: ClassIndex, selector: Oop) -> Result<CodeRef, Missing> {
        if let Some(code) = self.cache.get(class, selector) {
            return Ok(code);
        }
        let start = self.heap.class_at(class);
        let code = self.look_up(start, selector)?;
        self.cache.put(class, selector, code);
        self.cache_has_young |= self.heap.is_young(selector);
        Ok(code)
    }

    /// The code found for `selector` in `class` and above, the cache left alone.
    fn look_up(&mut self, start: Oop, selector: Oop) -> Result<CodeRef, Missing> {
        match lookup(&self.heap, start, selector) {
            Lookup::Found { method, .. } => {
                if method::is_well_formed(self.heap.memory(), method) {
                    Ok(self.code_for(method))
                } else {
                    Err(Missing::Object(method))
                }
            }
            Lookup::NotUnderstood => Err(Missing::NotUnderstood),
            Lookup::CannotInterpret(class) => Err(Missing::CannotInterpret(class)),
        }
    }

    /// Send `selector` to the receiver below `num_args` arguments. `site` is the send site whose
    /// inline cache is to be filled.
    #[inline(never)]
    pub fn send(&mut self, selector: Oop, num_args: usize, site: Option<Ip>) {
        let selector = self.heap.follow(selector);
        let class = self.receiver_class(num_args);
        match self.find_code(class, selector).and_then(|code| taking(code, num_args)) {
            Ok(code) => {
                if let Some(site) = site {
                    site.set_cache(class, code);
                }
                self.execute(code, num_args);
            }
            Err(missing) => {
                let start = self.heap.class_at(class);
                self.missing(missing, start, selector, num_args);
            }
        }
    }

    /// The class index of the receiver below `num_args` arguments, forwarders followed.
    fn receiver_class(&mut self, num_args: usize) -> ClassIndex {
        let receiver = self.stack_value(num_args);
        let class = self.heap.class_index(receiver);
        if class != FORWARDER {
            return class;
        }
        let receiver = self.heap.follow(receiver);
        self.set_stack_value(num_args, receiver);
        self.heap.class_index(receiver)
    }

    /// Send `selector` with the lookup starting at the class `start`.
    #[inline(never)]
    pub fn send_above(&mut self, start: Oop, selector: Oop, num_args: usize, site: Option<Ip>) {
        let selector = self.heap.follow(selector);
        let class = self.receiver_class(num_args);
        match self.look_up(start, selector).and_then(|code| taking(code, num_args)) {
            Ok(code) => {
                if let Some(site) = site {
                    site.set_cache(class, code);
                }
                self.execute(code, num_args);
            }
            Err(missing) => self.missing(missing, start, selector, num_args),
        }
    }

    /// Send the selector at `index` of the special objects array.
    pub fn send_special(&mut self, index: usize, num_args: usize) {
        let selector = self.heap.special(index);
        self.send(selector, num_args, None);
    }

    /// The superclass of the class that the running method belongs to.
    pub fn class_above_method(&self) -> Oop {
        self.class_above(Oop(self.frame_word(frame::METHOD)))
    }

    /// The superclass of the class that `method`, or the method around that block, belongs to.
    pub fn class_above(&self, method: Oop) -> Oop {
        let mut method = method;
        let memory = self.heap.memory();
        let nil = self.heap.nil();
        // The last literal is the method's class association, or the code around a block.
        while method::is_well_formed(memory, method) {
            let literals = method::header(memory, method).num_literals();
            if literals == 0 {
                return nil;
            }
            method = self.heap.follow(method::literal(memory, method, literals - 1));
        }
        match self.heap.slot(method, crate::layout::ASSOCIATION_VALUE) {
            Some(class) => self.superclass_of(class),
            None => nil,
        }
    }

    /// The superclass of `class`; nil when `class` is no class.
    pub fn superclass_of(&self, class: Oop) -> Oop {
        self.heap.slot(class, class::SUPERCLASS).unwrap_or(self.heap.nil())
    }

    /// Run the primitive of `code`, or activate it.
    #[inline(never)]
    pub fn execute(&mut self, code: CodeRef, num_args: usize) {
        let answer = match code.get().action {
            Action::Activate => return self.activate(code),
            Action::Fail(failure) => return self.primitive_failed(code, num_args, failure),
            Action::AnswerReceiver => self.stack_value(num_args),
            Action::AnswerSpecial(index) => self.heap.special(usize::from(index)),
            Action::AnswerInteger(value) => Oop::small_integer(i64::from(value)),
            Action::AnswerVariable(index) => {
                return self.answer_variable(code, usize::from(index));
            }
            Action::Value(function) => {
                self.argument_count = num_args;
                match function(self) {
                    Ok(value) => value,
                    Err(failure) => return self.primitive_failed(code, num_args, failure),
                }
            }
            Action::Evaluate => {
                self.argument_count = num_args;
                if let Err(failure) = self.evaluate_closure(num_args) {
                    self.primitive_failed(code, num_args, failure);
                }
                return;
            }
            Action::Perform => {
                self.argument_count = num_args;
                if let Err(failure) = crate::primitives::perform(self) {
                    self.primitive_failed(code, num_args, failure);
                }
                return;
            }
            Action::Control(function) => {
                self.argument_count = num_args;
                if let Err(failure) = function(self) {
                    self.primitive_failed(code, num_args, failure);
                }
                return;
            }
        };
        self.pop(num_args + 1);
        self.push(answer);
    }

    /// Replace the receiver on top of the stack by its variable `index`, which `code` answers; should it
    /// have none, that runs.
    pub(crate) fn answer_variable(&mut self, code: CodeRef, index: usize) {
        let receiver = self.stack_value(0);
        let value = if !self.heap.has_slot(receiver, index) {
            return self.activate(code);
        } else if self.is_context(receiver) {
            context_inst_var(self, receiver, index).unwrap_or(self.heap.nil())
        } else {
            self.heap.fetch(receiver, index)
        };
        self.set_stack_value(0, value);
    }

    /// Make a frame for `code` over receiver and arguments and go on in it.
    pub fn activate(&mut self, code: CodeRef) {
        let mut machine = Machine::new(self);
        let resume = machine.ip;
        let passed = machine.activate(code, resume);
        machine.outside(|vm| {
            if passed {
                vm.attend();
            }
        });
    }

    /// The primitive of `code` failed: try again when forwarders were in its way, else run its code.
    #[cold]
    #[inline(never)]
    pub fn primitive_failed(&mut self, code: CodeRef, num_args: usize, failure: Failure) {
        let os_error = self.take_os_error();
        let absent = matches!(code.get().action, Action::Fail(_));
        let depth = accessor_depth(code.get().primitive);
        if self.heap.has_forwarders && !absent && self.follow_arguments(num_args, depth) {
            return self.execute(code, num_args);
        }
        let mut machine = Machine::new(self);
        let resume = machine.ip;
        let passed = machine.activate(code, resume);
        machine.outside(|vm| {
            if code.get().wants_failure_code {
                let reason = vm.failure_object(failure, os_error);
                vm.set_stack_value(0, reason);
            }
            if passed {
                vm.attend();
            }
        });
    }

    /// What the image's table of errors has for `failure`. An error of the system that has a number is
    /// a copy of that with the number in its second slot, if it has one.
    pub fn failure_object(&mut self, failure: Failure, os_error: Option<i64>) -> Oop {
        let table = self.heap.special(special::PRIMITIVE_ERROR_TABLE);
        let index = usize::from(failure.code()) - 1;
        let is_array = self.heap.has_class_index(table, class_index::ARRAY);
        if !is_array || index as u64 >= self.heap.slot_count(table) {
            return Oop::small_integer(i64::from(failure.code()));
        }
        let error = self.heap.follow(self.heap.fetch(table, index));
        let number = os_error.filter(|_| failure == Failure::OsError);
        // Without memory the error goes without its number.
        number.and_then(|number| self.numbered_error(error, number)).unwrap_or(error)
    }

    /// A copy of `error` with `number` in its second slot; `None` when it has no such slot or memory is
    /// used up.
    fn numbered_error(&mut self, error: Oop, number: i64) -> Option<Oop> {
        let fits = error.is_pointer()
            && self.heap.format(error) == Format::FIXED
            && self.heap.slot_count(error) > ERROR_NUMBER as u64;
        if !fits {
            return None;
        }
        let number = self.integer_object(number).ok()?;
        let slots = self.heap.slot_count(error);
        let class = self.heap.header(error).class_index();
        let copy = self.heap.allocate(class, Format::FIXED, slots)?;
        for slot in 0..slots as usize {
            let value = match slot {
                ERROR_NUMBER => number,
                _ => self.heap.follow(self.heap.fetch(error, slot)),
            };
            self.heap.store(copy, slot, value);
        }
        Some(copy)
    }

    /// Follow the forwarders among receiver and arguments and in what they refer to. Answers whether
    /// there was one.
    fn follow_arguments(&mut self, num_args: usize, search: usize) -> bool {
        let mut found = false;
        for depth in 0..=num_args {
            let old = self.stack_value(depth);
            let new = self.heap.follow(old);
            if new != old {
                self.set_stack_value(depth, new);
                found = true;
            }
            found |= self.follow_slots_of(new, search);
        }
        found
    }

    fn follow_slots_of(&mut self, object: Oop, depth: usize) -> bool {
        let searched = object.is_pointer()
            && self.heap.format(object).is_pointers()
            && self.heap.slot_count(object) <= FOLLOW_SLOTS;
        if depth == 0 || !searched {
            return false;
        }
        let mut found = false;
        for index in 0..self.heap.slot_count(object) as usize {
            let old = self.heap.fetch(object, index);
            let new = self.heap.follow(old);
            if new != old {
                self.heap.store(object, index, new);
                found = true;
            }
            found |= self.follow_slots_of(new, depth - 1);
        }
        found
    }

    #[cold]
    fn missing(&mut self, missing: Missing, start: Oop, selector: Oop, num_args: usize) {
        match missing {
            Missing::Object(object) => self.run_object(object, selector, num_args),
            Missing::NotUnderstood => {
                let wanted = self.heap.special(special::SELECTOR_DOES_NOT_UNDERSTAND);
                if selector == wanted {
                    self.fatal("an object does not understand even doesNotUnderstand:");
                }
                self.make_message(start, selector, num_args);
                self.send_above(start, wanted, 1, None);
            }
            Missing::CannotInterpret(class) => {
                let wanted = self.heap.special(special::SELECTOR_CANNOT_INTERPRET);
                let above = self.superclass_of(class);
                if selector == wanted || above == self.heap.nil() {
                    self.fatal("a class without methods cannot even send cannotInterpret:");
                }
                self.make_message(start, selector, num_args);
                self.send_above(above, wanted, 1, None);
            }
        }
    }

    /// Replace the arguments by a Message of them.
    fn make_message(&mut self, start: Oop, selector: Oop, num_args: usize) {
        let arguments = self.take_arguments(num_args);
        let slots = 1 + message::LOOKUP_CLASS as u64;
        let format = rowel_objmem::Format::FIXED;
        let made = self.heap.allocate(class_index::MESSAGE, format, slots);
        let made = made.unwrap_or_else(|| self.out_of_memory("a Message"));
        self.heap.store(made, message::SELECTOR, selector);
        self.heap.store(made, message::ARGUMENTS, arguments);
        self.heap.store(made, message::LOOKUP_CLASS, start);
        self.push(made);
    }

    /// Pop the arguments into an Array.
    fn take_arguments(&mut self, num_args: usize) -> Oop {
        let values: Vec<Oop> = (0..num_args).rev().map(|depth| self.stack_value(depth)).collect();
        let array = self.array_object(&values);
        let array = array.unwrap_or_else(|_| self.out_of_memory("the arguments of a Message"));
        self.pop(num_args);
        array
    }

    /// An object stands in the place of a method: send it run:with:in:.
    fn run_object(&mut self, object: Oop, selector: Oop, num_args: usize) {
        let arguments = self.take_arguments(num_args);
        let receiver = self.stack_value(0);
        self.set_stack_value(0, object);
        for operand in [selector, arguments, receiver] {
            self.push(operand);
        }
        self.send_special(special::SELECTOR_RUN_WITH_IN, 3);
    }

    /// Push an operand of the running frame.
    #[inline]
    pub fn push(&mut self, value: Oop) {
        self.heap.memory().store(self.registers.sp, value.0);
        self.registers.sp = self.registers.sp.plus(WORD);
    }

    /// Drop `count` operands of the running frame.
    #[inline]
    pub fn pop(&mut self, count: usize) {
        self.registers.sp = rowel_objmem::Address(self.registers.sp.0 - count as u64 * WORD);
    }

    /// Replace the operand `depth` words below the top of the stack.
    #[inline]
    pub fn set_stack_value(&mut self, depth: usize, value: Oop) {
        let distance = (depth as u64 + 1) * WORD;
        let at = rowel_objmem::Address(self.registers.sp.0 - distance);
        self.heap.memory().store(at, value.0);
    }
}
