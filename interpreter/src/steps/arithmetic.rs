//! Arithmetic, comparison and identity: fast for SmallIntegers and floats, else a send.

use rowel_objmem::{Address, Oop};

use crate::arithmetic;
use crate::dispatch::Step;
use crate::frame::WORD;
use crate::machine::Machine;
use crate::operation::{Operation as Op, Word};
use crate::steps::SEND_WORDS;

/// The values of two numbers of which one at least is an immediate float, the other that or a
/// SmallInteger.
#[inline(always)]
pub(crate) fn floats(a: Oop, b: Oop) -> Option<(f64, f64)> {
    let value = |oop: Oop| {
        if oop.is_small_float() {
            Some(oop.small_float_value())
        } else if oop.is_small_integer() {
            Some(oop.integer_value() as f64)
        } else {
            None
        }
    };
    Some((value(a)?, value(b)?))
}

impl Machine<'_> {
    /// Two SmallIntegers with a SmallInteger as result; anything else, and overflow, is a send.
    #[inline(always)]
    pub(crate) fn integers(&mut self, compute: impl Fn(i64, i64) -> Option<i64>) -> Step {
        let (a, b) = (self.peek(1), self.peek(0));
        if a.is_small_integer()
            && b.is_small_integer()
            && let Some(result) = compute(a.integer_value(), b.integer_value())
            && let Some(result) = Oop::from_integer(result)
        {
            self.replace(2, result);
            return self.next(3);
        }
        Step::Send
    }

    /// As [`integers`](Self::integers), and floats.
    #[inline(always)]
    pub(crate) fn arithmetic(
        &mut self,
        compute: impl Fn(i64, i64) -> Option<i64>,
        compute_floats: impl Fn(f64, f64) -> f64,
    ) -> Step {
        let (a, b) = (self.peek(1), self.peek(0));
        if a.is_small_integer() && b.is_small_integer() {
            if let Some(result) = compute(a.integer_value(), b.integer_value())
                && let Some(result) = Oop::from_integer(result)
            {
                self.replace(2, result);
                return self.next(3);
            }
        } else if let Some((a, b)) = floats(a, b)
            && let Some(result) = Oop::from_float(compute_floats(a, b))
        {
            self.ip.note_floats();
            self.replace(2, result);
            return self.next(3);
        }
        Step::Send
    }

    /// `/`: exact for integers, and not by zero.
    #[inline(always)]
    pub(crate) fn divide(&mut self) -> Step {
        let (a, b) = (self.peek(1), self.peek(0));
        if a.is_small_float() && b.is_small_float() && b.small_float_value() != 0.0 {
            let quotient = a.small_float_value() / b.small_float_value();
            if let Some(result) = Oop::from_float(quotient) {
                self.ip.note_floats();
                self.replace(2, result);
                return self.next(3);
            }
            return Step::Send;
        }
        self.integers(arithmetic::divide_exactly)
    }

    /// A comparison of two SmallIntegers or two floats; anything else is a send.
    #[inline(always)]
    pub(crate) fn compare(
        &mut self,
        test: impl Fn(i64, i64) -> bool,
        test_floats: impl Fn(f64, f64) -> bool,
    ) -> Step {
        let (a, b) = (self.peek(1), self.peek(0));
        let outcome = if a.is_small_integer() && b.is_small_integer() {
            test(a.integer_value(), b.integer_value())
        } else if a.is_small_float() && b.is_small_float() {
            self.ip.note_floats();
            test_floats(a.small_float_value(), b.small_float_value())
        } else {
            return Step::Send;
        };
        self.drop_operands(2);
        self.decide(outcome, SEND_WORDS)
    }

    /// The constant of a fused operation, and a SmallInteger under it.
    #[inline(always)]
    pub(crate) fn with_integer(
        &mut self,
        word: Word,
        compute: impl Fn(i64, i64) -> Option<i64>,
    ) -> Step {
        let a = self.peek(0);
        if a.is_small_integer()
            && let Some(result) = compute(a.integer_value(), i64::from(word.c()))
            && let Some(result) = Oop::from_integer(result)
        {
            self.replace(1, result);
            return self.next(1 + SEND_WORDS);
        }
        self.push_next(Oop::small_integer(i64::from(word.c())))
    }

    /// As [`with_integer`](Self::with_integer), for comparisons.
    #[inline(always)]
    pub(crate) fn compare_with_integer(
        &mut self,
        word: Word,
        test: impl Fn(i64, i64) -> bool,
    ) -> Step {
        let a = self.peek(0);
        if a.is_small_integer() {
            self.drop_operands(1);
            return self.decide(test(a.integer_value(), i64::from(word.c())), 1 + SEND_WORDS);
        }
        self.push_next(Oop::small_integer(i64::from(word.c())))
    }

    /// PushTemp, PushInteger, `+`, StoreTemp, and the JumpBack after them if there is one; where the sum is
    /// no SmallInteger, the PushTemp alone.
    #[inline(always)]
    pub(crate) fn increment_temp(&mut self, word: Word) -> Step {
        const STORE: i32 = 2 + SEND_WORDS;
        let value = self.temp(u64::from(word.b()));
        let by = i64::from(self.ip.advanced(1).word().c());
        if !value.is_small_integer() {
            return self.push_next(value);
        }
        // Neither can overflow 64 bits.
        let Some(sum) = Oop::from_integer(value.integer_value() + by) else {
            return self.push_next(value);
        };
        let to = self.ip.advanced(STORE).word();
        self.memory.store(self.temp_address(u64::from(to.b())), sum.0);
        self.ip = self.ip.advanced(STORE + 1);
        let next = self.ip.word();
        if next.op() == Op::JumpBack as u8 { self.jump_back(next) } else { Step::Next }
    }

    /// PushTemp, PushTemp, `<=`, and the conditional jump after them if there is one; where they are no
    /// SmallIntegers, the first PushTemp alone.
    #[inline(always)]
    pub(crate) fn temp_less_or_equal_temp(&mut self, word: Word) -> Step {
        let a = self.temp(u64::from(word.b()));
        let b = self.temp(u64::from(self.ip.advanced(1).word().b()));
        if a.is_small_integer() && b.is_small_integer() {
            return self.decide(a.integer_value() <= b.integer_value(), 2 + SEND_WORDS);
        }
        self.push_next(a)
    }

    /// `== nil`, and the conditional jump after it if there is one.
    #[inline(always)]
    pub(crate) fn is_nil(&mut self) -> Step {
        let value = self.peek(0);
        let nil = self.vm.heap.nil();
        let mut same = value == nil;
        if !same && self.vm.heap.has_forwarders {
            same = self.memory.follow(value) == nil;
        }
        self.drop_operands(1);
        self.decide(same, 2)
    }

    #[inline(always)]
    fn drop_operands(&mut self, count: u64) {
        self.sp = Address(self.sp.0 - count * WORD);
    }

    /// Do the conditional jump that is `words` words further as `outcome` says; if none is there, push
    /// the Boolean.
    #[inline(always)]
    fn decide(&mut self, outcome: bool, words: i32) -> Step {
        let next = self.ip.advanced(words).word();
        if next.op() == Op::JumpIfFalse as u8 {
            return self.next(words + 1 + if outcome { 0 } else { next.c() });
        }
        if next.op() == Op::JumpIfTrue as u8 {
            return self.next(words + 1 + if outcome { next.c() } else { 0 });
        }
        let result = self.vm.heap.boolean(outcome);
        self.push(result);
        self.next(words)
    }

    /// `==`, or `~~` when `wanted` is false.
    #[inline(always)]
    pub(crate) fn identical(&mut self, wanted: bool) -> Step {
        let (a, b) = (self.peek(1), self.peek(0));
        let mut same = a == b;
        if !same && self.vm.heap.has_forwarders {
            same = self.memory.follow(a) == self.memory.follow(b);
        }
        self.drop_operands(2);
        self.decide(same == wanted, 1)
    }

    /// `class`.
    #[inline(always)]
    pub(crate) fn push_class(&mut self) -> Step {
        let object = self.memory.follow(self.peek(0));
        let class = self.vm.heap.class_of(object);
        self.replace(1, class);
        self.next(1)
    }
}
