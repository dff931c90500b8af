//! Sends: through the inline cache where it knows the receiver's class, else outside.

use rowel_objmem::Oop;
use rowel_objmem::layout::{class_index, special};

use crate::code::{Action, CodeRef, Ip};
use crate::dispatch::Step;
use crate::failure::Failure;
use crate::layout::closure;
use crate::machine::Machine;
use crate::operation::{Operation as Op, Word};
use crate::primitive::PrimitiveResult;
use crate::vm::Vm;

/// Words of a send.
const SEND_WORDS: i32 = 3;

impl Machine<'_> {
    /// A send, or an operation that turned out to be one.
    #[inline(always)]
    pub(crate) fn send(&mut self, word: Word) -> Step {
        let receiver = self.peek(u64::from(word.a()));
        let class = self.memory.class_index(receiver);
        if u64::from(class.0) == self.ip.cached_class()
            && let Some(code) = self.ip.cached_code()
        {
            self.ip = self.ip.advanced(SEND_WORDS);
            return self.execute(code, u64::from(word.a()), receiver);
        }
        self.send_slowly(word)
    }

    /// Run what a send found. The program counter is where the sender goes on.
    #[inline(always)]
    fn execute(&mut self, code: CodeRef, num_args: u64, receiver: Oop) -> Step {
        match code.get().action {
            Action::Activate => {
                let resume = self.ip;
                if self.activate(code, resume) { self.attend() } else { Step::Next }
            }
            Action::AnswerReceiver => Step::Next,
            Action::AnswerVariable(index) if !self.vm.is_context(receiver) => {
                let value = self.memory.fetch(receiver, usize::from(index));
                self.replace(1, value);
                Step::Next
            }
            Action::AnswerInteger(value) => {
                self.replace(1, Oop::small_integer(i64::from(value)));
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
            Action::Evaluate => match self.evaluate_full_closure(receiver, num_args) {
                Some(false) => Step::Next,
                Some(true) => self.attend(),
                None => self.execute_slowly(code, num_args),
            },
            _ => self.execute_slowly(code, num_args),
        }
    }

    /// Evaluate the closure below `num_args` arguments when that is the usual kind and takes so many;
    /// `None` when not. Answers whether the stack limit was passed.
    #[inline(always)]
    fn evaluate_full_closure(&mut self, block: Oop, num_args: u64) -> Option<bool> {
        if self.memory.class_index(block) != class_index::FULL_BLOCK_CLOSURE {
            return None;
        }
        let method = self.memory.fetch(block, closure::COMPILED_BLOCK);
        let code = self.vm.blocks.get(method)?;
        if u64::from(code.get().num_args) != num_args {
            return None;
        }
        let receiver = self.memory.follow(self.memory.fetch(block, closure::FULL_RECEIVER));
        Some(self.activate_block(code, block, receiver, closure::FULL_FIRST_COPIED, 0))
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
        let selector = match Op::from_number(word.op()) {
            Op::Send => self.literal(word.b() as usize),
            _ => self.vm.special_selector(special_index(word)),
        };
        self.ip = site.advanced(SEND_WORDS);
        self.outside(|vm| vm.send(selector, usize::from(word.a()), Some(site)));
        self.leaving()
    }

    /// A send to super: the cache knows what instances of the receiver's class get.
    #[inline(always)]
    pub(crate) fn send_super(&mut self, word: Word) -> Step {
        let receiver = self.peek(u64::from(word.a()));
        let class = self.memory.class_index(receiver);
        if u64::from(class.0) == self.ip.cached_class()
            && let Some(code) = self.ip.cached_code()
        {
            self.ip = self.ip.advanced(SEND_WORDS);
            return self.execute(code, u64::from(word.a()), receiver);
        }
        self.send_super_slowly(word)
    }

    #[inline(always)]
    fn send_super_slowly(&mut self, word: Word) -> Step {
        let site = self.ip;
        let selector = self.literal(word.b() as usize);
        self.ip = site.advanced(SEND_WORDS);
        self.outside(|vm| {
            let start = vm.class_above_method();
            vm.send_above(start, selector, usize::from(word.a()), Some(site));
        });
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

    /// Evaluate the closure below `num_args` arguments; the program counter is where its caller goes
    /// on. Answers whether the stack limit was passed.
    #[inline(always)]
    pub(crate) fn evaluate_closure(&mut self, num_args: u64) -> Result<bool, Failure> {
        let block = self.peek(num_args);
        let class = self.memory.class_index(block);
        if class == class_index::FULL_BLOCK_CLOSURE {
            let method = self.memory.fetch(block, closure::COMPILED_BLOCK);
            let code = self.vm.code_of_block(method)?;
            if u64::from(code.get().num_args) != num_args {
                return Err(Failure::BadNumArgs);
            }
            let receiver = self.memory.follow(self.memory.fetch(block, closure::FULL_RECEIVER));
            Ok(self.activate_block(code, block, receiver, closure::FULL_FIRST_COPIED, 0))
        } else if class == class_index::BLOCK_CLOSURE {
            self.evaluate_embedded_closure(block, num_args)
        } else {
            Err(Failure::BadReceiver)
        }
    }

    /// A closure whose code lies in the method around it.
    #[inline(always)]
    fn evaluate_embedded_closure(&mut self, block: Oop, num_args: u64) -> Result<bool, Failure> {
        use crate::layout::context;
        let count = self.memory.fetch(block, closure::NUM_ARGS);
        if count != Oop::small_integer(num_args as i64) {
            return Err(Failure::BadNumArgs);
        }
        let outer = self.memory.follow(self.memory.fetch(block, closure::OUTER_CONTEXT));
        if !self.vm.is_context(outer) {
            return Err(Failure::BadReceiver);
        }
        let method = self.memory.fetch(outer, context::METHOD);
        let code = self.vm.code_of_block(method)?;
        let start = self.memory.fetch(block, closure::START_PC).as_integer();
        let start = start.and_then(|start| u32::try_from(start - 1).ok());
        let word = start.and_then(|start| code.get().word_at(start));
        let word = word.ok_or(Failure::BadReceiver)?;
        let receiver = self.memory.follow(self.memory.fetch(outer, context::RECEIVER));
        Ok(self.activate_block(code, block, receiver, closure::FIRST_COPIED, word))
    }
}

/// Index of the special selector that a send or arithmetic operation stands for.
fn special_index(word: Word) -> usize {
    usize::from(word.b())
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

    /// The special selector at `index`.
    pub fn special_selector(&self, index: usize) -> Oop {
        let selectors = self.heap.special(special::SPECIAL_SELECTORS);
        self.heap.follow(self.heap.fetch(selectors, 2 * index))
    }

    /// Evaluate the closure below `num_args` arguments.
    ///
    /// # Errors
    /// When it is no closure or takes another number of arguments; nothing has changed then.
    pub fn evaluate_closure(&mut self, num_args: usize) -> Result<(), Failure> {
        let mut machine = Machine::new(self);
        let passed = machine.evaluate_closure(num_args as u64)?;
        machine.outside(|vm| {
            if passed {
                vm.attend();
            }
        });
        Ok(())
    }

    /// The code of a block's method.
    ///
    /// # Errors
    /// When that is no compiled code.
    #[inline(always)]
    pub(crate) fn code_of_block(&mut self, method: Oop) -> Result<CodeRef, Failure> {
        match self.blocks.get(method) {
            Some(code) => Ok(code),
            None => self.code_of_new_block(method),
        }
    }

    #[cold]
    #[inline(never)]
    fn code_of_new_block(&mut self, method: Oop) -> Result<CodeRef, Failure> {
        let followed = self.heap.follow(method);
        if !crate::method::is_well_formed(self.heap.memory(), followed) {
            return Err(Failure::BadMethod);
        }
        let code = self.code_for(followed);
        if followed == method {
            self.blocks.put(method, code);
        }
        Ok(code)
    }
}
