//! Primitives 1–18, 20–37, 159, 575 and 576: arithmetic of SmallIntegers and of integers up to 64 bits.
//!
//! The two ranges differ in who calls them, not in what they answer, so they share their functions.
//! Where VMMaker's primitives fail and leave the same answer to the image's code, these go further:
//! a sum or product of two 64-bit magnitudes may have 127 bits, the other operand of a SmallInteger
//! may be a LargeInteger, or a Float where the image would convert the integer to a Float. What does
//! not fit, a division by zero and an inexact `/` are left to the image.
//!
//! Source: `InterpreterPrimitives`, categories "arithmetic integer primitives" and "arithmetic
//! largeint primitives".

use std::cmp::Ordering;

use rowel_objmem::Oop;
use rowel_objmem::layout::class_index;

use super::comparing::{Kind, equal, greater, greater_or_equal, less, less_or_equal, not_equal};
use super::float::Floats;
use crate::arithmetic;
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(1, "Add", add),
    value(2, "Subtract", subtract),
    value(3, "LessThan", less::<Integers>),
    value(4, "GreaterThan", greater::<Integers>),
    value(5, "LessOrEqual", less_or_equal::<Integers>),
    value(6, "GreaterOrEqual", greater_or_equal::<Integers>),
    value(7, "Equal", equal::<Integers>),
    value(8, "NotEqual", not_equal::<Integers>),
    value(9, "Multiply", multiply),
    value(10, "Divide", divide),
    value(11, "Mod", modulo),
    value(12, "Div", div),
    value(13, "Quo", quo),
    value(14, "BitAnd", bit_and),
    value(15, "BitOr", bit_or),
    value(16, "BitXor", bit_xor),
    value(17, "BitShift", bit_shift),
    value(18, "MakePoint", make_point),
    value(20, "RemLargeIntegers", rem),
    value(21, "AddLargeIntegers", add),
    value(22, "SubtractLargeIntegers", subtract),
    value(23, "LessThanLargeIntegers", less::<Integers>),
    value(24, "GreaterThanLargeIntegers", greater::<Integers>),
    value(25, "LessOrEqualLargeIntegers", less_or_equal::<Integers>),
    value(26, "GreaterOrEqualLargeIntegers", greater_or_equal::<Integers>),
    value(27, "EqualLargeIntegers", equal::<Integers>),
    value(28, "NotEqualLargeIntegers", not_equal::<Integers>),
    value(29, "MultiplyLargeIntegers", multiply),
    value(30, "DivideLargeIntegers", divide),
    value(31, "ModLargeIntegers", modulo),
    value(32, "DivLargeIntegers", div),
    value(33, "QuoLargeIntegers", quo),
    value(34, "BitAndLargeIntegers", bit_and),
    value(35, "BitOrLargeIntegers", bit_or),
    value(36, "BitXorLargeIntegers", bit_xor),
    value(37, "BitShiftLargeIntegers", bit_shift),
    value(159, "HashMultiply", hash_multiply),
    value(575, "HighBit", high_bit),
    value(576, "LowBit", low_bit),
];

fn add(vm: &mut Vm) -> PrimitiveResult {
    let small = |a: i64, b| a.checked_add(b);
    with_floats(vm, small, |a, b| a.checked_add(b), |a, b| Some(a + b))
}

fn subtract(vm: &mut Vm) -> PrimitiveResult {
    let small = |a: i64, b| a.checked_sub(b);
    with_floats(vm, small, |a, b| a.checked_sub(b), |a, b| Some(a - b))
}

fn multiply(vm: &mut Vm) -> PrimitiveResult {
    let small = |a: i64, b| a.checked_mul(b);
    with_floats(vm, small, |a, b| a.checked_mul(b), |a, b| Some(a * b))
}

fn divide(vm: &mut Vm) -> PrimitiveResult {
    let wide = |a: i128, b| if a.checked_rem(b)? == 0 { Some(a / b) } else { None };
    with_floats(vm, arithmetic::divide_exactly, wide, arithmetic::divide_floats)
}

fn modulo(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, arithmetic::floor_modulo, |a, b| {
        let remainder = a.checked_rem(b)?;
        let opposite = remainder != 0 && (remainder < 0) != (b < 0);
        Some(if opposite { remainder + b } else { remainder })
    })
}

fn div(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, arithmetic::floor_divide, |a, b| {
        let quotient = a.checked_div(b)?;
        Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
    })
}

fn quo(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, arithmetic::truncated_divide, |a, b| a.checked_div(b))
}

fn rem(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, |a, b| a.checked_rem(b), |a, b| a.checked_rem(b))
}

fn bit_and(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, |a, b| Some(a & b), |a, b| Some(a & b))
}

fn bit_or(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, |a, b| Some(a | b), |a, b| Some(a | b))
}

fn bit_xor(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, |a, b| Some(a ^ b), |a, b| Some(a ^ b))
}

/// Right shifts round downwards; left shifts of up to 62 bits keep all bits.
fn bit_shift(vm: &mut Vm) -> PrimitiveResult {
    integers_only(vm, arithmetic::bit_shift, |a, shift| match shift {
        ..0 => Some(a >> shift.unsigned_abs().min(127)),
        0..=62 => Some(a << shift),
        _ => None,
    })
}

/// A Point of receiver and argument, a SmallInteger or a Float; other numbers are the image's.
fn make_point(vm: &mut Vm) -> PrimitiveResult {
    let (x, y) = operands(vm)?;
    if !y.is_small_integer() && vm.float_of(y).is_none() {
        return Err(Failure::BadArgument);
    }
    vm.point_object(x, y)
}

/// The index, from 1, of the highest bit set; 0 for 0. Fails for negative receivers.
fn high_bit(vm: &mut Vm) -> PrimitiveResult {
    let value = vm.receiver().as_integer().ok_or(Failure::BadReceiver)?;
    let value = u64::try_from(value).map_err(|_| Failure::BadReceiver)?;
    Ok(Oop::small_integer(i64::from(u64::BITS - value.leading_zeros())))
}

/// The index, from 1, of the lowest bit set; 0 for 0.
fn low_bit(vm: &mut Vm) -> PrimitiveResult {
    let value = vm.receiver().as_integer().ok_or(Failure::BadReceiver)?;
    let index = if value == 0 { 0 } else { value.trailing_zeros() + 1 };
    Ok(Oop::small_integer(i64::from(index)))
}

/// The product with a constant, its low 28 bits: a step of the image's hashes.
fn hash_multiply(vm: &mut Vm) -> PrimitiveResult {
    const HASH_MULTIPLY: u64 = 1_664_525;
    let receiver = vm.receiver();
    let value = if let Some(value) = receiver.as_integer() {
        value as u64
    } else if vm.heap.has_class_index(receiver, class_index::LARGE_POSITIVE_INTEGER)
        && vm.heap.slot_count(receiver) != 0
    {
        vm.heap.fetch_u64(receiver, 0)
    } else {
        return Err(Failure::BadReceiver);
    };
    Ok(Oop::small_integer((value.wrapping_mul(HASH_MULTIPLY) & 0x0FFF_FFFF) as i64))
}

/// Receiver and argument of a binary primitive.
#[inline(always)]
pub(super) fn operands(vm: &Vm) -> Result<(Oop, Oop), Failure> {
    if vm.argument_count == 1 {
        Ok((vm.receiver(), vm.argument(0)))
    } else {
        Err(Failure::BadNumArgs)
    }
}

/// An operation on SmallIntegers; where it has no SmallInteger result, on wider integers; with a
/// Float argument, on floats.
#[inline(always)]
fn with_floats(
    vm: &mut Vm,
    small: impl Fn(i64, i64) -> Option<i64>,
    wide: impl Fn(i128, i128) -> Option<i128>,
    float: impl Fn(f64, f64) -> Option<f64>,
) -> PrimitiveResult {
    let (a, b) = operands(vm)?;
    if let Some(result) = on_small_integers(a, b, small) {
        return Ok(result);
    }
    match (a.as_integer(), vm.float_of(b)) {
        (Some(a), Some(b)) => {
            let result = float(a as f64, b).ok_or(Failure::Generic)?;
            vm.float_object(result)
        }
        _ => on_wide_integers(vm, a, b, wide),
    }
}

/// An operation on SmallIntegers; where it has no SmallInteger result, on wider integers.
#[inline(always)]
fn integers_only(
    vm: &mut Vm,
    small: impl Fn(i64, i64) -> Option<i64>,
    wide: impl Fn(i128, i128) -> Option<i128>,
) -> PrimitiveResult {
    let (a, b) = operands(vm)?;
    match on_small_integers(a, b, small) {
        Some(result) => Ok(result),
        None => on_wide_integers(vm, a, b, wide),
    }
}

#[inline(always)]
fn on_small_integers(a: Oop, b: Oop, compute: impl Fn(i64, i64) -> Option<i64>) -> Option<Oop> {
    compute(a.as_integer()?, b.as_integer()?).and_then(Oop::from_integer)
}

fn on_wide_integers(
    vm: &mut Vm,
    a: Oop,
    b: Oop,
    compute: impl Fn(i128, i128) -> Option<i128>,
) -> PrimitiveResult {
    let a = vm.wide_integer_of(a).ok_or(Failure::BadReceiver)?;
    let b = vm.wide_integer_of(b).ok_or(Failure::BadArgument)?;
    let result = compute(a, b).ok_or(Failure::Generic)?;
    vm.wide_integer_object(result)
}

/// Integers of up to 64 bits; a Float may be compared with a SmallInteger.
struct Integers;

impl Kind for Integers {
    #[inline(always)]
    fn ordering(vm: &Vm, a: Oop, b: Oop) -> Result<Option<Ordering>, Failure> {
        match (a.as_integer(), b.as_integer()) {
            (Some(a), Some(b)) => Ok(Some(a.cmp(&b))),
            (Some(_), None) if vm.float_of(b).is_some() => Floats::ordering(vm, a, b),
            _ => {
                let a = vm.wide_integer_of(a).ok_or(Failure::BadReceiver)?;
                let b = vm.wide_integer_of(b).ok_or(Failure::BadArgument)?;
                Ok(Some(a.cmp(&b)))
            }
        }
    }
}
