//! The dispatch loop: one arm an operation, each a call into [`Machine`]'s inlined steps.
//!
//! An arm either runs to its end here or leaves through [`Machine::outside`]. The loop ends only
//! when the VM asks for it ([`Leave`]).

use rowel_objmem::Oop;

use crate::arithmetic;
use crate::machine::Machine;
use crate::operation::{Operation as Op, Word};
use crate::vm::Vm;

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The base frame of the page returned this value to nobody.
    Finished(Oop),
    /// The operation here needs more than the loop does by itself: see [`Vm::registers`].
    Outside(Op),
    /// The stack limit was passed: overflow, or something asks for attention.
    Attention,
}

/// Run until something has to be done outside. The registers of `vm` are up to date afterwards; for
/// [`Leave::Outside`] the program counter is at the operation that could not be finished.
pub fn run(vm: &mut Vm) -> Leave {
    let mut machine = Machine::new(vm);
    let leave = loop {
        let word = machine.ip.word();
        if let Some(leave) = machine.step(word) {
            break leave;
        }
    };
    machine.outside(|_| ());
    leave
}

impl Machine<'_> {
    /// Run the operation `word`, which is at the program counter.
    #[inline(always)]
    fn step(&mut self, word: Word) -> Option<Leave> {
        let operation = Op::from_number(word.op());
        match operation {
            Op::PushReceiverVariable => {
                let value = self.memory.fetch(self.receiver(), word.b() as usize);
                self.push_next(value)
            }
            Op::PushLiteral => {
                let value = self.literal(word.b() as usize);
                self.push_next(value)
            }
            Op::PushTemp => {
                let value = self.temp(u64::from(word.b()));
                self.push_next(value)
            }
            Op::PushReceiver => {
                let value = self.receiver();
                self.push_next(value)
            }
            Op::PushTrue => self.push_next(self.vm.heap.true_object()),
            Op::PushFalse => self.push_next(self.vm.heap.false_object()),
            Op::PushNil => self.push_next(self.vm.heap.nil()),
            Op::PushInteger => self.push_next(Oop::small_integer(i64::from(word.c()))),
            Op::PushCharacter => self.push_next(Oop::character(word.c() as u32)),
            Op::Duplicate => self.push_next(self.peek(0)),
            Op::Pop => {
                self.pop();
                self.next(1)
            }
            Op::StoreTemp => self.store_temp(word),
            Op::StoreReceiverVariable => self.store_receiver_variable(word),
            Op::Jump => self.next(1 + word.c()),
            Op::JumpBack => self.jump_back(word),
            Op::JumpIfTrue => self.jump_if(word, self.vm.heap.true_object(), operation),
            Op::JumpIfFalse => self.jump_if(word, self.vm.heap.false_object(), operation),
            Op::ReturnReceiver => self.method_return(self.receiver(), operation),
            Op::ReturnTrue => self.method_return(self.vm.heap.true_object(), operation),
            Op::ReturnFalse => self.method_return(self.vm.heap.false_object(), operation),
            Op::ReturnNil => self.method_return(self.vm.heap.nil(), operation),
            Op::ReturnTop => self.method_return(self.peek(0), operation),
            Op::Add => self.arithmetic(operation, |a, b| a.checked_add(b)),
            Op::Subtract => self.arithmetic(operation, |a, b| a.checked_sub(b)),
            Op::Multiply => self.arithmetic(operation, |a, b| a.checked_mul(b)),
            Op::Divide => self.arithmetic(operation, arithmetic::divide_exactly),
            Op::Modulo => self.arithmetic(operation, arithmetic::floor_modulo),
            Op::FloorDivide => self.arithmetic(operation, arithmetic::floor_divide),
            Op::BitShift => self.arithmetic(operation, arithmetic::bit_shift),
            Op::BitAnd => self.arithmetic(operation, |a, b| Some(a & b)),
            Op::BitOr => self.arithmetic(operation, |a, b| Some(a | b)),
            Op::Less => self.compare(operation, |a, b| a < b),
            Op::Greater => self.compare(operation, |a, b| a > b),
            Op::LessOrEqual => self.compare(operation, |a, b| a <= b),
            Op::GreaterOrEqual => self.compare(operation, |a, b| a >= b),
            Op::Equal => self.compare(operation, |a, b| a == b),
            Op::NotEqual => self.compare(operation, |a, b| a != b),
            Op::Send | Op::SendSpecial => self.send_cached(word, operation),
            other => Some(Leave::Outside(other)),
        }
    }

    /// Go on `words` words further.
    #[inline(always)]
    fn next(&mut self, words: i32) -> Option<Leave> {
        self.ip = self.ip.advanced(words);
        None
    }

    #[inline(always)]
    fn push_next(&mut self, value: Oop) -> Option<Leave> {
        self.push(value);
        self.next(1)
    }

    #[inline(always)]
    fn store_temp(&mut self, word: Word) -> Option<Leave> {
        let value = self.peek(0);
        self.memory.store(self.temp_address(u64::from(word.b())), value.0);
        if word.a() != 0 {
            self.pop();
        }
        self.next(1)
    }

    #[inline(always)]
    fn store_receiver_variable(&mut self, word: Word) -> Option<Leave> {
        let (receiver, value) = (self.receiver(), self.peek(0));
        if !receiver.is_pointer() || self.memory.header(receiver).is_immutable() {
            return Some(Leave::Outside(Op::StoreReceiverVariable));
        }
        self.vm.heap.store(receiver, word.b() as usize, value);
        if word.a() != 0 {
            self.pop();
        }
        self.next(1)
    }

    #[inline(always)]
    fn jump_back(&mut self, word: Word) -> Option<Leave> {
        self.next(1 - word.c());
        let limit = self.vm.stack_limit.load(std::sync::atomic::Ordering::Relaxed);
        (self.sp.0 > limit).then_some(Leave::Attention)
    }

    /// Take the top; jump when it is `wanted`, go on when it is the other Boolean.
    #[inline(always)]
    fn jump_if(&mut self, word: Word, wanted: Oop, operation: Op) -> Option<Leave> {
        let condition = self.peek(0);
        if condition == wanted {
            self.pop();
            return self.next(1 + word.c());
        }
        if condition == self.vm.heap.true_object() || condition == self.vm.heap.false_object() {
            self.pop();
            return self.next(1);
        }
        Some(Leave::Outside(operation))
    }

    /// `^ value` from a method's own frame; from a block's, the VM unwinds.
    #[inline(always)]
    fn method_return(&mut self, value: Oop, operation: Op) -> Option<Leave> {
        let closure = self.memory.load(self.fp.plus(crate::frame::CLOSURE));
        if closure == 0 && self.return_fast(value) {
            return None;
        }
        let is_base = self.memory.load(self.fp.plus(crate::frame::CALLER_FP)) == 0;
        let married = self.memory.load(self.fp.plus(crate::frame::CONTEXT)) != 0;
        if closure == 0 && is_base && !married {
            return Some(Leave::Finished(value));
        }
        Some(Leave::Outside(operation))
    }

    /// A binary operation of two SmallIntegers; anything else, and overflow, is a send.
    #[inline(always)]
    fn arithmetic(
        &mut self,
        operation: Op,
        compute: impl Fn(i64, i64) -> Option<i64>,
    ) -> Option<Leave> {
        let (a, b) = (self.peek(1), self.peek(0));
        if a.is_small_integer()
            && b.is_small_integer()
            && let Some(result) = compute(a.integer_value(), b.integer_value())
            && let Some(result) = Oop::from_integer(result)
        {
            self.replace(2, result);
            return self.next(3);
        }
        self.send_cached(self.ip.word(), operation)
    }

    /// A comparison of two SmallIntegers; anything else is a send.
    #[inline(always)]
    fn compare(&mut self, operation: Op, test: impl Fn(i64, i64) -> bool) -> Option<Leave> {
        let (a, b) = (self.peek(1), self.peek(0));
        if a.is_small_integer() && b.is_small_integer() {
            let result = self.vm.heap.boolean(test(a.integer_value(), b.integer_value()));
            self.replace(2, result);
            return self.next(3);
        }
        self.send_cached(self.ip.word(), operation)
    }

    /// A send whose inline cache knows the receiver's class and whose method has no primitive.
    #[inline(always)]
    fn send_cached(&mut self, word: Word, operation: Op) -> Option<Leave> {
        let receiver = self.peek(u64::from(word.a()));
        let class = self.memory.class_index(receiver);
        if u64::from(class.0) == self.ip.cached_class()
            && let Some(code) = self.ip.cached_code()
            && code.get().primitive == 0
        {
            let passed = self.activate(code, self.ip.advanced(3));
            return passed.then_some(Leave::Attention);
        }
        Some(Leave::Outside(operation))
    }
}
