//! Arithmetic, comparison and identity: fast for SmallIntegers and floats, else a send.

use rowel_objmem::Oop;

use crate::arithmetic;
use crate::dispatch::Step;
use crate::machine::Machine;

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
        } else if a.is_small_float()
            && b.is_small_float()
            && let Some(result) =
                Oop::from_float(compute_floats(a.small_float_value(), b.small_float_value()))
        {
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
            test_floats(a.small_float_value(), b.small_float_value())
        } else {
            return Step::Send;
        };
        let result = self.vm.heap.boolean(outcome);
        self.replace(2, result);
        self.next(3)
    }

    /// `==`, or `~~` when `wanted` is false.
    #[inline(always)]
    pub(crate) fn identical(&mut self, wanted: bool) -> Step {
        let (a, b) = (self.peek(1), self.peek(0));
        let mut same = a == b;
        if !same && self.vm.heap.has_forwarders {
            same = self.memory.follow(a) == self.memory.follow(b);
        }
        let result = self.vm.heap.boolean(same == wanted);
        self.replace(2, result);
        self.next(1)
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
