//! The numbered primitives of integers and floats: what they answer, and where they fail.

use proptest::prelude::*;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitives::find;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Heap, Oop};

const INFINITY: f64 = f64::INFINITY;
/// 2⁶⁰, the first integer that is not small.
const LARGE: i128 = 1 << 60;

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn apply(vm: &mut Vm, number: u16, receiver: Oop, arguments: &[Oop]) -> Result<Oop, Failure> {
    vm.apply(find(number).expect("in the table"), receiver, arguments)
}

/// The value of an integer of up to 127 bits, which must be as small as it can be.
fn value_of(vm: &Vm, oop: Oop) -> i128 {
    if let Some(value) = oop.as_integer() {
        return i128::from(value);
    }
    let negative = vm.heap.has_class_index(oop, class_index::LARGE_NEGATIVE_INTEGER);
    assert!(negative || vm.heap.has_class_index(oop, class_index::LARGE_POSITIVE_INTEGER));
    let bytes = vm.heap.bytes(oop);
    assert_ne!(bytes.last(), Some(&0), "normalised");
    let mut word = [0; 16];
    word[..bytes.len()].copy_from_slice(bytes);
    let value = i128::from_le_bytes(word);
    let value = if negative { -value } else { value };
    assert!(i64::try_from(value).ok().and_then(Oop::from_integer).is_none(), "not small");
    value
}

/// A binary integer primitive on two integers; `None` where it fails.
fn on_integers(vm: &mut Vm, number: u16, a: i128, b: i128) -> Option<i128> {
    let a = vm.wide_integer_object(a).expect("memory");
    let b = vm.wide_integer_object(b).expect("memory");
    apply(vm, number, a, &[b]).ok().map(|oop| value_of(vm, oop))
}

fn float(vm: &mut Vm, value: f64) -> Oop {
    vm.float_object(value).expect("memory")
}

/// A unary float primitive; `None` where it fails.
fn on_float(vm: &mut Vm, number: u16, value: f64) -> Option<f64> {
    let receiver = float(vm, value);
    let result = apply(vm, number, receiver, &[]).ok()?;
    vm.float_of(result)
}

/// A binary float primitive; `None` where it fails.
fn on_floats(vm: &mut Vm, number: u16, a: f64, b: f64) -> Option<f64> {
    let (a, b) = (float(vm, a), float(vm, b));
    let result = apply(vm, number, a, &[b]).ok()?;
    vm.float_of(result)
}

/// A comparison of any two numbers; `None` where it fails.
fn compared(vm: &mut Vm, number: u16, a: Oop, b: Oop) -> Option<bool> {
    let answer = apply(vm, number, a, &[b]).ok()?;
    assert!(answer == vm.heap.true_object() || answer == vm.heap.false_object());
    Some(answer == vm.heap.true_object())
}

/// Integers around the borders of SmallInteger, of 32 and of 64 bits.
fn integer() -> impl Strategy<Value = i128> {
    let border = prop_oneof![Just(0u32), Just(31), Just(32), Just(60), Just(61), Just(63)];
    let near = (border, -3i128..=3, any::<bool>()).prop_map(|(border, near, negative)| {
        let value = (1i128 << border) + near;
        if negative { -value } else { value }
    });
    let magnitude = any::<u64>().prop_map(i128::from);
    prop_oneof![near, magnitude.clone(), magnitude.prop_map(|value| -value), -9i128..9]
}

proptest! {
    #[test]
    fn sums_differences_products(a in integer(), b in integer()) {
        let mut vm = fresh();
        for first in [1, 21] {
            prop_assert_eq!(on_integers(&mut vm, first, a, b), Some(a + b));
            prop_assert_eq!(on_integers(&mut vm, first + 1, a, b), Some(a - b));
        }
        for number in [9, 29] {
            prop_assert_eq!(on_integers(&mut vm, number, a, b), a.checked_mul(b));
        }
    }

    #[test]
    fn divisions(a in integer(), b in integer()) {
        let mut vm = fresh();
        let remainder = a.checked_rem(b);
        let exact = remainder.filter(|rest| *rest == 0).map(|_| a / b);
        let floored = remainder.map(|_| (a as f64, a.div_euclid(b), a.rem_euclid(b)));
        // Of a negative divisor the floored quotient is one less than Euclid's, unless exact.
        let adjust = |(_, quotient, rest): (f64, i128, i128)| {
            if b < 0 && rest != 0 { (quotient - 1, rest + b) } else { (quotient, rest) }
        };
        let floored = floored.map(adjust);
        prop_assert_eq!(on_integers(&mut vm, 20, a, b), remainder);
        for (divide, modulo, div, quo) in [(10, 11, 12, 13), (30, 31, 32, 33)] {
            prop_assert_eq!(on_integers(&mut vm, divide, a, b), exact);
            prop_assert_eq!(on_integers(&mut vm, div, a, b), floored.map(|pair| pair.0));
            prop_assert_eq!(on_integers(&mut vm, modulo, a, b), floored.map(|pair| pair.1));
            prop_assert_eq!(on_integers(&mut vm, quo, a, b), a.checked_div(b));
        }
    }

    #[test]
    fn bits_and_comparisons(a in integer(), b in integer(), shift in -70i128..70) {
        let mut vm = fresh();
        for (and, or, xor, shifted) in [(14, 15, 16, 17), (34, 35, 36, 37)] {
            prop_assert_eq!(on_integers(&mut vm, and, a, b), Some(a & b));
            prop_assert_eq!(on_integers(&mut vm, or, a, b), Some(a | b));
            prop_assert_eq!(on_integers(&mut vm, xor, a, b), Some(a ^ b));
            let expected = match shift {
                ..0 => Some(a >> -shift),
                0..=62 => Some(a << shift),
                _ => (a == 0).then_some(0),
            };
            prop_assert_eq!(on_integers(&mut vm, shifted, a, shift), expected);
        }
        let (a_oop, b_oop) =
            (vm.wide_integer_object(a).unwrap(), vm.wide_integer_object(b).unwrap());
        for first in [3, 23] {
            let answers = [a < b, a > b, a <= b, a >= b, a == b, a != b];
            for (index, answer) in answers.into_iter().enumerate() {
                let number = first + index as u16;
                prop_assert_eq!(compared(&mut vm, number, a_oop, b_oop), Some(answer));
            }
        }
    }

    #[test]
    fn scaling_is_that_of_ldexp(bits: u64, power in -2300i64..2300) {
        let mut vm = fresh();
        let value = f64::from_bits(bits);
        let receiver = float(&mut vm, value);
        let result = apply(&mut vm, 54, receiver, &[Oop::small_integer(power)]).expect("succeeds");
        let (result, expected) = (vm.float_of(result).unwrap(), libm::ldexp(value, power as i32));
        prop_assert!(result.to_bits() == expected.to_bits() || expected.is_nan());
    }

    #[test]
    fn float_arithmetic_is_that_of_doubles(a in any::<f64>(), b in any::<f64>()) {
        let mut vm = fresh();
        let same = |answer: Option<f64>, expected: f64| {
            answer.is_some_and(|answer| {
                answer.to_bits() == expected.to_bits() || answer.is_nan() && expected.is_nan()
            })
        };
        for first in [41, 541] {
            prop_assert!(same(on_floats(&mut vm, first, a, b), a + b));
            prop_assert!(same(on_floats(&mut vm, first + 1, a, b), a - b));
            prop_assert!(same(on_floats(&mut vm, first + 8, a, b), a * b));
            if b != 0.0 {
                prop_assert!(same(on_floats(&mut vm, first + 9, a, b), a / b));
            }
            let (a_oop, b_oop) = (float(&mut vm, a), float(&mut vm, b));
            let answers = [a < b, a > b, a <= b, a >= b, a == b, a != b];
            for (index, answer) in answers.into_iter().enumerate() {
                let number = first + 2 + index as u16;
                prop_assert_eq!(compared(&mut vm, number, a_oop, b_oop), Some(answer));
            }
        }
    }
}

#[test]
fn integers_take_float_arguments() {
    let mut vm = fresh();
    let (three, half) = (Oop::small_integer(3), Oop::from_float(0.5).expect("small"));
    for (number, expected) in [(1, 3.5), (2, 2.5), (9, 1.5), (10, 6.0)] {
        let result = apply(&mut vm, number, three, &[half]).expect("succeeds");
        assert_eq!(vm.float_of(result), Some(expected));
    }
    for (number, expected) in [(3, false), (4, true), (5, false), (6, true), (7, false), (8, true)]
    {
        assert_eq!(compared(&mut vm, number, three, half), Some(expected));
    }
    let zero = Oop::from_float(-0.0).expect("small");
    assert_eq!(apply(&mut vm, 10, three, &[zero]), Err(Failure::Generic));
    assert_eq!(apply(&mut vm, 12, three, &[half]), Err(Failure::BadArgument));
}

#[test]
fn floats_take_integer_arguments() {
    let mut vm = fresh();
    let (half, three) = (Oop::from_float(0.5).expect("small"), Oop::small_integer(3));
    for (number, expected) in [(541, 3.5), (542, -2.5), (549, 1.5), (550, 0.5 / 3.0)] {
        for number in [number, number - 500] {
            let result = apply(&mut vm, number, half, &[three]).expect("succeeds");
            assert_eq!(vm.float_of(result), Some(expected));
        }
    }
    assert_eq!(compared(&mut vm, 543, half, three), Some(true));
    assert_eq!(apply(&mut vm, 550, half, &[Oop::small_integer(0)]), Err(Failure::Generic));
    let nil = vm.heap.nil();
    assert_eq!(apply(&mut vm, 541, half, &[nil]), Err(Failure::BadArgument));
    assert_eq!(apply(&mut vm, 541, nil, &[half]), Err(Failure::BadReceiver));
}

#[test]
fn comparing_what_no_float_represents_is_left_to_the_image() {
    let mut vm = fresh();
    let float = Oop::from_float(9_007_199_254_740_992.0).expect("small");
    let exact = Oop::small_integer(1 << 53);
    let inexact = Oop::small_integer((1 << 53) + 1);
    assert_eq!(compared(&mut vm, 547, float, exact), Some(true));
    assert_eq!(compared(&mut vm, 7, exact, float), Some(true));
    assert_eq!(compared(&mut vm, 547, float, inexact), None);
    assert_eq!(compared(&mut vm, 7, inexact, float), None);
    let nan = vm.float_object(f64::NAN).expect("memory");
    for (number, expected) in [(3, false), (6, false), (7, false), (8, true)] {
        assert_eq!(compared(&mut vm, number, exact, nan), Some(expected));
        assert_eq!(compared(&mut vm, number + 40, nan, exact), Some(expected));
    }
}

#[test]
fn wrong_operands_and_counts_fail() {
    let mut vm = fresh();
    let (nil, one) = (vm.heap.nil(), Oop::small_integer(1));
    for row in [1, 7, 10, 14, 17, 21, 27, 32] {
        assert_eq!(apply(&mut vm, row, one, &[nil]), Err(Failure::BadArgument));
        assert_eq!(apply(&mut vm, row, nil, &[one]), Err(Failure::BadReceiver));
        assert_eq!(apply(&mut vm, row, one, &[]), Err(Failure::BadNumArgs));
    }
    let huge = vm.large_integer_object(false, &[1; 9]).expect("memory");
    assert_eq!(apply(&mut vm, 1, one, &[huge]), Err(Failure::BadArgument));
    assert_eq!(apply(&mut vm, 54, one, &[]), Err(Failure::BadNumArgs));
    assert_eq!(apply(&mut vm, 39, one, &[]), Err(Failure::BadNumArgs));
}

#[test]
fn large_integers_may_have_high_zero_bytes() {
    let mut vm = fresh();
    let class = class_index::LARGE_POSITIVE_INTEGER;
    let long = vm.byte_object(class, &[7, 0, 0, 0, 0, 0, 0, 0, 0, 0]).expect("memory");
    let short = vm.byte_object(class, &[7]).expect("memory");
    let empty = vm.byte_object(class, &[]).expect("memory");
    assert_eq!(apply(&mut vm, 21, long, &[short]), Ok(Oop::small_integer(14)));
    assert_eq!(apply(&mut vm, 21, empty, &[empty]), Ok(Oop::small_integer(0)));
}

#[test]
fn points_are_made_of_small_integers_and_floats() {
    let mut vm = fresh();
    let (three, nil) = (Oop::small_integer(3), vm.heap.nil());
    let boxed = float(&mut vm, 1e300);
    for y in [three, Oop::from_float(1.5).expect("small"), boxed] {
        let point = apply(&mut vm, 18, three, &[y]).expect("succeeds");
        assert_eq!((vm.heap.fetch(point, 0), vm.heap.fetch(point, 1)), (three, y));
    }
    assert_eq!(apply(&mut vm, 18, three, &[nil]), Err(Failure::BadArgument));
}

#[test]
fn highest_and_lowest_bits_and_hashes() {
    let mut vm = fresh();
    for (value, high, low) in [(0, 0, 0), (1, 1, 1), (12, 4, 3), (1 << 59, 60, 60)] {
        let receiver = Oop::small_integer(value);
        assert_eq!(apply(&mut vm, 575, receiver, &[]), Ok(Oop::small_integer(high)));
        assert_eq!(apply(&mut vm, 576, receiver, &[]), Ok(Oop::small_integer(low)));
    }
    assert_eq!(apply(&mut vm, 575, Oop::small_integer(-1), &[]), Err(Failure::BadReceiver));
    let hash = |value: i128| (value * 1_664_525).rem_euclid(1 << 28);
    for value in [5, -5, LARGE, LARGE - 1] {
        let receiver = vm.wide_integer_object(value).expect("memory");
        let result = apply(&mut vm, 159, receiver, &[]).expect("succeeds");
        assert_eq!(value_of(&vm, result), hash(value));
    }
}

#[test]
fn halves_of_floats() {
    let mut vm = fresh();
    let boxed = vm.float_object(1e300).expect("memory");
    let bits = 1e300f64.to_bits() as i64;
    let (one, two) = (Oop::small_integer(1), Oop::small_integer(2));
    let high = apply(&mut vm, 38, boxed, &[one]).expect("high half");
    let low = apply(&mut vm, 38, boxed, &[two]).expect("low half");
    assert_eq!(high.integer_value() << 32 | low.integer_value(), bits);
    let small = Oop::from_float(-1.5).expect("small");
    assert_eq!(apply(&mut vm, 38, small, &[one]), Ok(Oop::small_integer(0xBFF8_0000)));
    assert_eq!(apply(&mut vm, 38, small, &[Oop::small_integer(3)]), Err(Failure::BadIndex));
    assert_eq!(apply(&mut vm, 38, small, &[small]), Err(Failure::BadArgument));

    let infinity = Oop::small_integer(0x7FF0_0000);
    let zero = Oop::small_integer(0);
    assert_eq!(apply(&mut vm, 39, boxed, &[one, infinity]), Ok(infinity));
    assert_eq!(apply(&mut vm, 39, boxed, &[two, zero]), Ok(zero));
    assert_eq!(vm.float_of(boxed), Some(INFINITY));
    assert_eq!(apply(&mut vm, 39, small, &[one, zero]), Err(Failure::BadReceiver));
    for bad in [Oop::small_integer(1 << 32), Oop::small_integer(-1)] {
        assert_eq!(apply(&mut vm, 39, boxed, &[one, bad]), Err(Failure::BadArgument));
    }
    let header = vm.heap.header(boxed).with_flag(IMMUTABLE_BIT, true);
    vm.heap.set_header(boxed, header);
    assert_eq!(apply(&mut vm, 39, boxed, &[one, zero]), Err(Failure::NoModification));
    assert_eq!(vm.float_of(boxed), Some(INFINITY));
}

#[test]
fn floats_are_truncated_where_a_small_integer_holds_the_result() {
    let mut vm = fresh();
    let limit = 1_152_921_504_606_846_976.0; // 2⁶⁰
    for (value, expected) in [
        (1.9, Some(1)),
        (-1.9, Some(-1)),
        (-0.0, Some(0)),
        (5e-324, Some(0)),
        (-limit, Some(-(1 << 60))),
        (limit, None),
        (limit - 128.0, Some((1 << 60) - 128)),
        (-limit - 256.0, None),
        (INFINITY, None),
        (f64::NAN, None),
    ] {
        let receiver = float(&mut vm, value);
        for number in [51, 551] {
            let answer = apply(&mut vm, number, receiver, &[]).ok();
            assert_eq!(answer.and_then(Oop::as_integer), expected, "{value}");
        }
    }
}

#[test]
fn parts_of_floats() {
    let mut vm = fresh();
    for (value, fraction, exponent) in [
        (-2.75, -0.75, 1),
        (-2.0, -0.0, 1),
        (-0.0, -0.0, -1),
        (INFINITY, 0.0, -1),
        (-INFINITY, -0.0, -1),
        (5e-324, 5e-324, -1074),
        (f64::MAX, 0.0, 1023),
        (2f64.powi(-127), 2f64.powi(-127), -127),
    ] {
        let answer = on_float(&mut vm, 52, value).expect("succeeds");
        assert_eq!(answer.to_bits(), fraction.to_bits(), "{value}");
        let receiver = float(&mut vm, value);
        assert_eq!(apply(&mut vm, 53, receiver, &[]), Ok(Oop::small_integer(exponent)), "{value}");
    }
    assert!(on_float(&mut vm, 52, f64::NAN).is_some_and(f64::is_nan));
}

#[test]
fn floats_are_scaled_by_powers_of_two() {
    let mut vm = fresh();
    let tiny = f64::from_bits(1);
    for (value, power, expected) in [
        (f64::MIN_POSITIVE, -52, tiny),
        (f64::MIN_POSITIVE, -53, 0.0),
        (tiny, 1074, 1.0),
        (-1.0, -4000, -0.0),
        (1.0, i64::from(i32::MAX) * 4, INFINITY),
        (0.0, 5000, 0.0),
        (-INFINITY, -1024, -INFINITY),
    ] {
        let receiver = float(&mut vm, value);
        for number in [54, 554] {
            let result = apply(&mut vm, number, receiver, &[Oop::small_integer(power)]);
            let result = vm.float_of(result.expect("succeeds")).expect("a float");
            assert_eq!(result.to_bits(), expected.to_bits(), "{value} * 2^{power}");
        }
    }
}

#[test]
fn functions_at_their_edges() {
    let mut vm = fresh();
    assert_eq!(on_float(&mut vm, 55, -1.0), None);
    assert_eq!(on_float(&mut vm, 55, f64::NAN), None);
    assert_eq!(on_float(&mut vm, 55, -0.0).map(f64::to_bits), Some((-0.0f64).to_bits()));
    assert_eq!(on_float(&mut vm, 58, 0.0), Some(-INFINITY));
    assert!(on_float(&mut vm, 58, -1.0).is_some_and(f64::is_nan));
    assert_eq!(on_float(&mut vm, 59, -INFINITY), Some(0.0));
    assert_eq!(on_float(&mut vm, 59, 1.0), Some(std::f64::consts::E));
    assert!(on_float(&mut vm, 56, INFINITY).is_some_and(f64::is_nan));
    assert_eq!(on_float(&mut vm, 57, INFINITY), Some(std::f64::consts::FRAC_PI_2));
    for number in [150, 560] {
        assert_eq!(on_float(&mut vm, number, 0.0), Some(1.0));
    }
    assert_eq!(apply(&mut vm, 56, Oop::small_integer(1), &[]), Err(Failure::BadReceiver));
    let rounded = apply(&mut vm, 40, Oop::small_integer((1 << 53) + 1), &[]).expect("succeeds");
    assert_eq!(vm.float_of(rounded), Some(9_007_199_254_740_992.0));
}

#[test]
fn results_are_boxed_only_outside_the_range_of_small_floats() {
    let mut vm = fresh();
    let largest = f64::from_bits(0x47FF_FFFF_FFFF_FFFF); // just below 2¹²⁹
    let (a, b) = (float(&mut vm, largest), float(&mut vm, largest));
    assert!(a.is_small_float());
    let sum = apply(&mut vm, 541, a, &[b]).expect("succeeds");
    assert!(sum.is_pointer());
    assert_eq!(vm.float_of(sum), Some(largest * 2.0));
    let back = apply(&mut vm, 42, sum, &[a]).expect("succeeds");
    assert_eq!(back, a);

    let (least, half) = (2f64.powi(-126), Oop::from_float(0.5).expect("small"));
    let receiver = float(&mut vm, least);
    assert!(receiver.is_small_float());
    let halved = apply(&mut vm, 549, receiver, &[half]).expect("succeeds");
    assert!(halved.is_pointer(), "its SmallFloat would be that of zero");
    assert_eq!(vm.float_of(halved), Some(least / 2.0));
}
