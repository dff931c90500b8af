//! Sends: through the inline cache where it knows the receiver's class, else outside.

use rowel_objmem::layout::{class_index, special};
use rowel_objmem::{Address, Oop};

use crate::code::{Action, CodeRef, Ip, MethodCode};
use crate::dispatch::Step;
use crate::failure::Failure;
use crate::frame::WORD;
use crate::layout::{closure, context};
use crate::machine::Machine;
use crate::operation::{Word, selector};
use crate::primitive::PrimitiveResult;
use crate::steps::SEND_WORDS;
use crate::vm::Vm;

impl Machine<'_> {
    /// A send, or an operation that turned out to be one: makes a frame when that is all there is to
    /// it and the inline cache knows the method.
    #[inline(always)]
    pub(crate) fn send(&mut self, word: Word) -> Step {
        match self.cached_for(u64::from(word.a())) {
            Some(code) if code.get().is_simple() => {
                let resume = self.ip.advanced(SEND_WORDS);
                if self.activate_simple(code, resume) { Step::Attend } else { Step::Next }
            }
            _ => Step::OtherSend,
        }
    }

    /// What the inline cache here knows for the receiver below `num_args` arguments.
    #[inline(always)]
    fn cached_for(&self, num_args: u64) -> Option<CodeRef> {
        let class = self.memory.class_index(self.peek(num_args));
        if u64::from(class.0) == self.ip.cached_class() { self.ip.cached_code() } else { None }
    }

    /// A send that found a primitive.
    #[inline(always)]
    pub(crate) fn send_primitive(&mut self, word: Word) -> Step {
        let num_args = u64::from(word.a());
        let Some(code) = self.cached_for(num_args) else {
            return Step::OtherSend;
        };
        let Action::Value(function) = code.get().action else {
            return Step::OtherSend;
        };
        self.ip = self.ip.advanced(SEND_WORDS);
        match self.outside(|vm| vm.call_primitive(function, num_args as usize)) {
            Some(value) => {
                self.replace(num_args + 1, value);
                Step::Next
            }
            None => self.failed(code, num_args),
        }
    }

    /// A send that found a method which answers the receiver, a variable of it, or a constant.
    #[inline(always)]
    pub(crate) fn send_quick(&mut self) -> Step {
        let Some(code) = self.cached_for(0) else {
            return Step::OtherSend;
        };
        let heap = &self.vm.heap;
        let value = match code.get().action {
            Action::AnswerReceiver => return self.next(SEND_WORDS),
            Action::AnswerVariable(index) if !self.is_context(self.peek(0)) => {
                self.memory.fetch(self.peek(0), usize::from(index))
            }
            Action::AnswerInteger(value) => Oop::small_integer(i64::from(value)),
            Action::AnswerSpecial(index) => match usize::from(index) {
                special::TRUE => heap.true_object(),
                special::FALSE => heap.false_object(),
                _ => heap.nil(),
            },
            _ => return Step::OtherSend,
        };
        self.replace(1, value);
        self.next(SEND_WORDS)
    }

    /// A send that found the evaluation of a closure.
    #[inline(always)]
    pub(crate) fn send_evaluate(&mut self, word: Word) -> Step {
        let num_args = u64::from(word.a());
        let block = self.peek(num_args);
        if self.cached_for(num_args).is_none() {
            return Step::OtherSend;
        }
        let site = self.ip;
        self.ip = site.advanced(SEND_WORDS);
        match self.evaluate_cached(block, num_args) {
            Some(false) => Step::Next,
            Some(true) => Step::Attend,
            None => {
                self.ip = site;
                Step::OtherSend
            }
        }
    }

    /// Push `value` and do the send that follows, if it is no more than the making of a frame.
    #[inline(always)]
    pub(crate) fn push_and_send(&mut self, value: Oop) -> Step {
        self.push(value);
        self.ip = self.ip.advanced(1);
        match self.send(self.ip.word()) {
            // The send itself sees to that.
            Step::OtherSend => Step::Next,
            step => step,
        }
    }

    /// Any other send: through a primitive, or to be looked up.
    #[inline(always)]
    pub(crate) fn send_otherwise(&mut self, word: Word) -> Step {
        let num_args = u64::from(word.a());
        let Some(code) = self.cached_for(num_args) else {
            return self.send_slowly(word);
        };
        let receiver = self.peek(num_args);
        self.ip = self.ip.advanced(SEND_WORDS);
        match code.get().action {
            Action::Activate => {
                let resume = self.ip;
                if self.activate(code, resume) { Step::Attend } else { Step::Next }
            }
            // The receiver is a context, or another handler would have it.
            Action::AnswerVariable(index) => {
                self.outside(|vm| vm.answer_variable(code, usize::from(index)));
                Step::Next
            }
            Action::Value(function) => {
                match self.outside(|vm| vm.call_primitive(function, num_args as usize)) {
                    Some(value) => {
                        self.replace(num_args + 1, value);
                        Step::Next
                    }
                    None => self.failed(code, num_args),
                }
            }
            Action::Evaluate => match self.evaluate_cached(receiver, num_args) {
                Some(false) => Step::Next,
                Some(true) => Step::Attend,
                None => self.execute_slowly(code, num_args),
            },
            Action::Perform => self.perform(code, num_args),
            Action::Control(function) => {
                if !self.outside(|vm| vm.call_control(function, num_args as usize)) {
                    return self.failed(code, num_args);
                }
                self.leaving()
            }
            _ => self.execute_slowly(code, num_args),
        }
    }

    /// Perform the first argument when the lookup cache knows what that finds.
    #[inline(always)]
    fn perform(&mut self, code: CodeRef, num_args: u64) -> Step {
        let receiver = self.peek(num_args);
        let selector = self.peek(num_args.saturating_sub(1));
        let found = self.vm.cache.get(self.memory.class_index(receiver), selector);
        let Some(found) = found.filter(|f| u64::from(f.get().num_args) + 1 == num_args) else {
            return self.execute_slowly(code, num_args);
        };
        // Take the selector out from below the arguments proper.
        for depth in (0..num_args - 1).rev() {
            let value = self.peek(depth);
            self.memory.store(Address(self.sp.0 - (depth + 2) * WORD), value.0);
        }
        self.pop();
        if matches!(found.get().action, Action::Activate) {
            let resume = self.ip;
            return if self.activate(found, resume) { Step::Attend } else { Step::Next };
        }
        self.execute_slowly(found, num_args - 1)
    }

    /// Evaluate the closure below `num_args` arguments when the cache knows its code and it takes so
    /// many; `None` when not. Answers whether the stack limit was passed.
    #[inline(always)]
    pub(crate) fn evaluate_cached(&mut self, block: Oop, num_args: u64) -> Option<bool> {
        let class = self.memory.class_index(block);
        if class == class_index::BLOCK_CLOSURE {
            self.evaluate_embedded(block, num_args)
        } else if class == class_index::FULL_BLOCK_CLOSURE {
            let method = self.memory.fetch(block, closure::COMPILED_BLOCK);
            let depth = num_args + self.copied_by(block, closure::FULL_FIRST_COPIED);
            let (code, start) = self.vm.blocks.get(method, Oop::ZERO, depth)?;
            if u64::from(code.get().num_args) != num_args {
                return None;
            }
            let receiver = self.followed(self.memory.fetch(block, closure::FULL_RECEIVER));
            Some(self.activate_block(code, block, receiver, closure::FULL_FIRST_COPIED, start))
        } else {
            None
        }
    }

    /// A closure whose code lies in the method around it.
    #[inline(always)]
    fn evaluate_embedded(&mut self, block: Oop, num_args: u64) -> Option<bool> {
        let outer = self.memory.fetch(block, closure::OUTER_CONTEXT);
        let count = self.memory.fetch(block, closure::NUM_ARGS);
        if count != Oop::small_integer(num_args as i64) || !self.is_context(outer) {
            return None;
        }
        let method = self.memory.fetch(outer, context::METHOD);
        let start = self.memory.fetch(block, closure::START_PC);
        let depth = num_args + self.copied_by(block, closure::FIRST_COPIED);
        let (code, start) = self.vm.blocks.get(method, start, depth)?;
        let receiver = self.followed(self.memory.fetch(outer, context::RECEIVER));
        Some(self.activate_block(code, block, receiver, closure::FIRST_COPIED, start))
    }

    /// How many copied values `block` has, the first of which is in slot `first`.
    #[inline(always)]
    fn copied_by(&self, block: Oop, first: usize) -> u64 {
        self.memory.slot_count(block).saturating_sub(first as u64)
    }

    /// Whether `oop` is a context.
    #[inline(always)]
    pub(crate) fn is_context(&self, oop: Oop) -> bool {
        self.memory.class_index(oop) == class_index::METHOD_CONTEXT
    }

    /// The object that `oop` refers to once forwarders are followed.
    #[inline(always)]
    pub(crate) fn followed(&self, oop: Oop) -> Oop {
        if self.vm.heap.has_forwarders { self.memory.follow(oop) } else { oop }
    }

    #[inline(always)]
    fn execute_slowly(&mut self, code: CodeRef, num_args: u64) -> Step {
        self.outside(|vm| vm.execute(code, num_args as usize));
        self.leaving()
    }

    #[inline(always)]
    fn failed(&mut self, code: CodeRef, num_args: u64) -> Step {
        self.outside(|vm| vm.primitive_failed(code, num_args as usize, vm.failure));
        self.leaving()
    }

    #[inline(always)]
    fn send_slowly(&mut self, word: Word) -> Step {
        let site = self.ip;
        self.ip = site.advanced(SEND_WORDS);
        self.outside(|vm| vm.send_from_site(site, word));
        self.leaving()
    }

    /// A send to super of the class on top of the stack. Not cached: the class may be any.
    #[inline(always)]
    pub(crate) fn send_directed_super(&mut self, word: Word) -> Step {
        let site: Ip = self.ip;
        let class = self.pop();
        let selector = self.literal(word.b() as usize);
        self.ip = site.advanced(SEND_WORDS);
        self.outside(|vm| {
            let start = vm.superclass_of(vm.heap.follow(class));
            vm.send_above(start, selector, usize::from(word.a()), None);
        });
        self.leaving()
    }
}

/// Whether a block whose closure has `start` may begin at `word` of `code` with `depth` arguments and copied
/// values.
fn can_start(code: &MethodCode, start: Oop, word: usize, depth: u64) -> bool {
    if start == Oop::ZERO {
        return depth <= u64::from(code.num_temps);
    }
    code.expected_depth(word, depth as usize) == Some(depth as usize)
}

impl Vm {
    /// Call a primitive that answers a value; `None` when it failed, as [`Vm::failure`] says. (Here,
    /// and not in a step, because a result in memory would keep handlers from ending in jumps.)
    #[inline(never)]
    fn call_primitive(
        &mut self,
        function: fn(&mut Vm) -> PrimitiveResult,
        num_args: usize,
    ) -> Option<Oop> {
        self.argument_count = num_args;
        match function(self) {
            Ok(value) => Some(value),
            Err(failure) => {
                self.failure = failure;
                None
            }
        }
    }

    /// Call a primitive that changes the registers; false when it failed, as [`Vm::failure`] says.
    #[inline(always)]
    fn call_control(
        &mut self,
        function: fn(&mut Vm) -> Result<(), Failure>,
        num_args: usize,
    ) -> bool {
        self.argument_count = num_args;
        match function(self) {
            Ok(()) => true,
            Err(failure) => {
                self.failure = failure;
                false
            }
        }
    }

    /// The send `word` at `site`, whose inline cache does not know the receiver's class.
    #[inline(never)]
    pub(crate) fn send_from_site(&mut self, site: Ip, word: Word) {
        let index = usize::from(word.b());
        let num_args = usize::from(word.a());
        match word.c() {
            selector::LITERAL => {
                let selector = self.running_literal(index);
                self.send(selector, num_args, Some(site));
            }
            selector::SUPER => {
                let selector = self.running_literal(index);
                let start = self.class_above_method();
                self.send_above(start, selector, num_args, Some(site));
            }
            _ => {
                let selector = self.special_selector(index);
                self.send(selector, num_args, Some(site));
            }
        }
    }

    /// Literal `index` of the running method.
    fn running_literal(&self, index: usize) -> Oop {
        let method = Oop(self.frame_word(crate::frame::METHOD));
        crate::method::literal(self.heap.memory(), method, index)
    }

    /// The special selector at `index`.
    pub fn special_selector(&self, index: usize) -> Oop {
        let selectors = self.heap.special(special::SPECIAL_SELECTORS);
        self.heap.follow(self.heap.fetch(selectors, 2 * index))
    }

    /// Evaluate the closure below `num_args` arguments.
    ///
    /// # Errors
    /// When it is no closure or takes another number of arguments; nothing has changed then.
    #[inline(never)]
    pub fn evaluate_closure(&mut self, num_args: usize) -> Result<(), Failure> {
        let block = self.stack_value(num_args);
        self.cache_block(block, num_args)?;
        let mut machine = Machine::new(self);
        let passed = machine.evaluate_cached(block, num_args as u64);
        let passed = passed.ok_or(Failure::BadReceiver)?;
        machine.outside(|vm| {
            if passed {
                vm.attend();
            }
        });
        Ok(())
    }

    /// Check a closure that is to take `num_args` arguments, and have its code in the cache.
    fn cache_block(&mut self, block: Oop, num_args: usize) -> Result<(), Failure> {
        let slot = |vm: &Vm, object, index| vm.heap.follow(vm.heap.fetch(object, index));
        let class = self.heap.class_index(block);
        let (method, start) = if class == class_index::BLOCK_CLOSURE {
            let outer = slot(self, block, closure::OUTER_CONTEXT);
            if !self.is_context(outer) {
                return Err(Failure::BadReceiver);
            }
            self.heap.store(block, closure::OUTER_CONTEXT, outer);
            let method = slot(self, outer, context::METHOD);
            self.heap.store(outer, context::METHOD, method);
            (method, self.heap.fetch(block, closure::START_PC))
        } else if class == class_index::FULL_BLOCK_CLOSURE {
            let method = slot(self, block, closure::COMPILED_BLOCK);
            self.heap.store(block, closure::COMPILED_BLOCK, method);
            (method, Oop::ZERO)
        } else {
            return Err(Failure::BadReceiver);
        };
        if !crate::method::is_well_formed(self.heap.memory(), method) {
            return Err(Failure::BadMethod);
        }
        let code = self.code_for(method);
        let (count, word) = if start == Oop::ZERO {
            (i64::from(code.get().num_args), Some(0))
        } else {
            let pc = start.as_integer().and_then(|pc| u32::try_from(pc - 1).ok());
            let count = self.heap.fetch(block, closure::NUM_ARGS).as_integer();
            (count.unwrap_or(-1), pc.and_then(|pc| code.get().word_at(pc)))
        };
        if count != num_args as i64 {
            return Err(Failure::BadNumArgs);
        }
        let word = word.ok_or(Failure::BadReceiver)?;
        let first =
            if start == Oop::ZERO { closure::FULL_FIRST_COPIED } else { closure::FIRST_COPIED };
        let copied = self.heap.slot_count(block).saturating_sub(first as u64);
        let depth = num_args as u64 + copied;
        if !can_start(code.get(), start, word, depth) {
            return Err(Failure::BadReceiver);
        }
        self.blocks.put(method, start, depth, code, word);
        Ok(())
    }
}
