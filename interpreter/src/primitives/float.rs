//! Primitives 38–59, 150, 541–560: floats, boxed and immediate.
//!
//! A SmallFloat's primitives are those of a boxed Float: receiver and argument may be either. The
//! argument of arithmetic may also be a SmallInteger, which is converted to the nearest float, as the
//! image's own code does. This is what bit 64 of VM parameter 48 says of these primitives. Comparing
//! an integer that no float represents exactly is left to the image, as dialects disagree about it
//! (Squeak compares exactly, Cuis rounds the integer first): bit 512 of that parameter is clear.
//!
//! Source: `InterpreterPrimitives`, category "arithmetic float primitives";
//! `Spur64BitMemoryManager>>#loadFloatOrIntFrom:`. 150 and 560, the cosine, are OpenSmalltalk's.

use std::cmp::Ordering;

use rowel_objmem::Oop;
use rowel_objmem::layout::class_index;

use super::comparing::{Kind, equal, greater, greater_or_equal, less, less_or_equal, not_equal};
use super::integer::operands;
use crate::arithmetic;
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(38, "FloatAt", float_at),
    value(39, "FloatAtPut", float_at_put),
    value(40, "AsFloat", as_float),
    value(41, "FloatAdd", add),
    value(42, "FloatSubtract", subtract),
    value(43, "FloatLessThan", less::<Floats>),
    value(44, "FloatGreaterThan", greater::<Floats>),
    value(45, "FloatLessOrEqual", less_or_equal::<Floats>),
    value(46, "FloatGreaterOrEqual", greater_or_equal::<Floats>),
    value(47, "FloatEqual", equal::<Floats>),
    value(48, "FloatNotEqual", not_equal::<Floats>),
    value(49, "FloatMultiply", multiply),
    value(50, "FloatDivide", divide),
    value(51, "Truncated", truncated),
    value(52, "FractionalPart", fraction_part),
    value(53, "Exponent", exponent),
    value(54, "TimesTwoPower", times_two_power),
    value(55, "SquareRoot", square_root),
    value(56, "Sine", sine),
    value(57, "Arctan", arc_tangent),
    value(58, "LogN", natural_logarithm),
    value(59, "Exp", exponential),
    value(150, "Cosine", cosine),
    value(541, "SmallFloatAdd", add),
    value(542, "SmallFloatSubtract", subtract),
    value(543, "SmallFloatLessThan", less::<Floats>),
    value(544, "SmallFloatGreaterThan", greater::<Floats>),
    value(545, "SmallFloatLessOrEqual", less_or_equal::<Floats>),
    value(546, "SmallFloatGreaterOrEqual", greater_or_equal::<Floats>),
    value(547, "SmallFloatEqual", equal::<Floats>),
    value(548, "SmallFloatNotEqual", not_equal::<Floats>),
    value(549, "SmallFloatMultiply", multiply),
    value(550, "SmallFloatDivide", divide),
    value(551, "SmallFloatTruncated", truncated),
    value(552, "SmallFloatFractionalPart", fraction_part),
    value(553, "SmallFloatExponent", exponent),
    value(554, "SmallFloatTimesTwoPower", times_two_power),
    value(555, "SmallFloatSquareRoot", square_root),
    value(556, "SmallFloatSine", sine),
    value(557, "SmallFloatArctan", arc_tangent),
    value(558, "SmallFloatLogN", natural_logarithm),
    value(559, "SmallFloatExp", exponential),
    value(560, "SmallFloatCosine", cosine),
];

/// Integers up to this magnitude are floats exactly: 2⁵³.
const EXACT_LIMIT: u64 = 1 << f64::MANTISSA_DIGITS;

fn add(vm: &mut Vm) -> PrimitiveResult {
    binary(vm, |a, b| Some(a + b))
}

fn subtract(vm: &mut Vm) -> PrimitiveResult {
    binary(vm, |a, b| Some(a - b))
}

fn multiply(vm: &mut Vm) -> PrimitiveResult {
    binary(vm, |a, b| Some(a * b))
}

fn divide(vm: &mut Vm) -> PrimitiveResult {
    binary(vm, arithmetic::divide_floats)
}

fn fraction_part(vm: &mut Vm) -> PrimitiveResult {
    unary(vm, |value| Some(arithmetic::fraction_part(value)))
}

fn square_root(vm: &mut Vm) -> PrimitiveResult {
    unary(vm, |value| (value >= 0.0).then(|| value.sqrt()))
}

fn sine(vm: &mut Vm) -> PrimitiveResult {
    unary(vm, |value| Some(value.sin()))
}

fn cosine(vm: &mut Vm) -> PrimitiveResult {
    unary(vm, |value| Some(value.cos()))
}

fn arc_tangent(vm: &mut Vm) -> PrimitiveResult {
    unary(vm, |value| Some(value.atan()))
}

fn natural_logarithm(vm: &mut Vm) -> PrimitiveResult {
    unary(vm, |value| Some(value.ln()))
}

fn exponential(vm: &mut Vm) -> PrimitiveResult {
    unary(vm, |value| Some(value.exp()))
}

/// The float nearest to a SmallInteger.
fn as_float(vm: &mut Vm) -> PrimitiveResult {
    let value = vm.receiver().as_integer().ok_or(Failure::BadReceiver)?;
    vm.float_object(value as f64)
}

/// The integer part, where it is a SmallInteger.
fn truncated(vm: &mut Vm) -> PrimitiveResult {
    let value = arithmetic::truncate(receiver(vm)?).ok_or(Failure::Generic)?;
    Oop::from_integer(value).ok_or(Failure::Generic)
}

/// The power of two of the leading bit; −1 where there is none, as C's `frexp` has it.
fn exponent(vm: &mut Vm) -> PrimitiveResult {
    let exponent = arithmetic::exponent(receiver(vm)?).unwrap_or(-1);
    Ok(Oop::small_integer(exponent))
}

fn times_two_power(vm: &mut Vm) -> PrimitiveResult {
    let (_, power) = operands(vm)?;
    let power = power.as_integer().ok_or(Failure::BadArgument)?;
    let result = arithmetic::times_two_power(receiver(vm)?, power);
    vm.float_object(result)
}

/// One 32-bit half of the IEEE bits: the high one at index 1, the low one at 2.
fn float_at(vm: &mut Vm) -> PrimitiveResult {
    let (_, index) = operands(vm)?;
    let bits = receiver(vm)?.to_bits();
    let half = bits >> half_shift(index)? & u64::from(u32::MAX);
    vm.unsigned_object(half)
}

/// Replace one half of the IEEE bits of a boxed Float; answers the argument.
fn float_at_put(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count != 2 {
        return Err(Failure::BadNumArgs);
    }
    let (float, stored) = (vm.receiver(), vm.argument(1));
    let half = vm.unsigned_64_of(stored).and_then(|half| u32::try_from(half).ok());
    let half = u64::from(half.ok_or(Failure::BadArgument)?);
    if !vm.heap.has_class_index(float, class_index::BOXED_FLOAT) {
        return Err(Failure::BadReceiver);
    }
    if vm.heap.header(float).is_immutable() {
        return Err(Failure::NoModification);
    }
    let shift = half_shift(vm.argument(0))?;
    let kept = vm.heap.fetch_u64(float, 0) & !(u64::from(u32::MAX) << shift);
    vm.heap.store_u64(float, 0, kept | half << shift);
    Ok(stored)
}

/// How far up the half with this index is.
fn half_shift(index: Oop) -> Result<u32, Failure> {
    match index.as_integer().ok_or(Failure::BadArgument)? {
        1 => Ok(32),
        2 => Ok(0),
        _ => Err(Failure::BadIndex),
    }
}

/// The receiver's value.
#[inline(always)]
fn receiver(vm: &Vm) -> Result<f64, Failure> {
    vm.float_of(vm.receiver()).ok_or(Failure::BadReceiver)
}

#[inline(always)]
fn unary(vm: &mut Vm, compute: impl Fn(f64) -> Option<f64>) -> PrimitiveResult {
    let result = compute(receiver(vm)?).ok_or(Failure::Generic)?;
    vm.float_object(result)
}

#[inline(always)]
fn binary(vm: &mut Vm, compute: impl Fn(f64, f64) -> Option<f64>) -> PrimitiveResult {
    let (a, b) = operands(vm)?;
    let a = vm.number_of(a).ok_or(Failure::BadReceiver)?;
    let b = vm.number_of(b).ok_or(Failure::BadArgument)?;
    let result = compute(a, b).ok_or(Failure::Generic)?;
    vm.float_object(result)
}

/// Floats, and SmallIntegers that are floats exactly.
pub(super) struct Floats;

impl Kind for Floats {
    #[inline(always)]
    fn ordering(vm: &Vm, a: Oop, b: Oop) -> Result<Option<Ordering>, Failure> {
        let a = exact_number(vm, a).ok_or(Failure::BadReceiver)?;
        let b = exact_number(vm, b).ok_or(Failure::BadArgument)?;
        Ok(a.partial_cmp(&b))
    }
}

#[inline(always)]
fn exact_number(vm: &Vm, oop: Oop) -> Option<f64> {
    match oop.as_integer() {
        Some(value) if value.unsigned_abs() <= EXACT_LIMIT => Some(value as f64),
        Some(_) => None,
        None => vm.float_of(oop),
    }
}
