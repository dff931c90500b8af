//! The module LargeIntegers: what Integer's methods ask for when 64 bits do not do.
//!
//! Owns signs, kinds of arguments, sums and differences, and the making of results; the rest of the
//! arithmetic is in [`crate::large_integers`]. Results, and operands where that needs them in a slice,
//! are limbs on the Rust stack, or in a vector when they are long; the object is made at its exact
//! size. All answers are as small as they can be, also where the reference leaves that to the image
//! (`primDigitDivNegative`, left shifts).
//!
//! Source: `LargeIntegersPlugin` of VMMaker, category "Integer primitives". Bit operations on negative
//! operands, which fail there, are answered as the image's own code does.

mod operand;

use std::cmp::Ordering;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::large_integers::{
    self as magnitude, BitOperation, MONTGOMERY_DIGIT_BITS, Signed, montgomery_times_modulo,
};
use operand::{Operand, is_large_integer};

/// The module.
pub const MODULE: Module = Module {
    name: "LargeIntegers",
    rows: &[
        ("primAnyBitFromTo", Primitive::Value(any_bit_from_to)),
        ("primCheckIfCModuleExists", Primitive::Value(module_exists)),
        ("primDigitAdd", Primitive::Value(digit_add)),
        ("primDigitBitAnd", Primitive::Value(digit_bit_and)),
        ("primDigitBitOr", Primitive::Value(digit_bit_or)),
        ("primDigitBitShiftMagnitude", Primitive::Value(digit_bit_shift_magnitude)),
        ("primDigitBitXor", Primitive::Value(digit_bit_xor)),
        ("primDigitCompare", Primitive::Value(digit_compare)),
        ("primDigitDivNegative", Primitive::Value(digit_divide)),
        ("primDigitMultiplyNegative", Primitive::Value(digit_multiply)),
        ("primDigitSubtract", Primitive::Value(digit_subtract)),
        ("primGetModuleName", Primitive::Value(module_name)),
        ("primMontgomeryDigitLength", Primitive::Value(montgomery_digit_length)),
        ("primMontgomeryTimesModulo", Primitive::Value(montgomery_times)),
        ("primNormalizeNegative", Primitive::Value(normalize_negative)),
        ("primNormalizePositive", Primitive::Value(normalize_positive)),
    ],
};

/// What `primGetModuleName` answers; images look at the version.
const NAME: &[u8] = b"LargeIntegers v2.0 Rowel (i)";
/// Up to this many limbs, operands and results of an operation are on the Rust stack.
const INLINE_LIMBS: usize = 32;
/// Left shifts to more bits than this are refused: 2³³ bits are a gigabyte.
const MAX_SHIFTED_BITS: u64 = 1 << 33;

/// Run `compute` on `count` zero limbs.
#[inline(always)]
fn with_limbs<R>(count: usize, compute: impl FnOnce(&mut [u64]) -> R) -> R {
    if count <= INLINE_LIMBS {
        compute(&mut [0; INLINE_LIMBS][..count])
    } else {
        compute(&mut vec![0; count])
    }
}

/// The receiver, of a primitive with `arguments` arguments.
#[inline(always)]
fn receiver(vm: &Vm, arguments: usize) -> Result<Operand, Failure> {
    if vm.argument_count != arguments {
        return Err(Failure::BadNumArgs);
    }
    Operand::of(vm, vm.receiver()).ok_or(Failure::BadReceiver)
}

/// The integer argument `index` (from 0).
#[inline(always)]
fn argument(vm: &Vm, index: usize) -> Result<Operand, Failure> {
    Operand::of(vm, vm.argument(index)).ok_or(Failure::BadArgument)
}

/// The sum of the magnitudes, with the receiver's sign.
fn digit_add(vm: &mut Vm) -> PrimitiveResult {
    let (a, b) = (receiver(vm, 1)?, argument(vm, 0)?);
    if a.len <= 1 && b.len <= 1 {
        let (sum, carry) = a.top.overflowing_add(b.top);
        return vm.integer_of_words(a.negative, &[sum, u64::from(carry)]);
    }
    let (long, short) = if a.len >= b.len { (a, b) } else { (b, a) };
    with_limbs(long.len + 1, |sum| {
        let mut carry = false;
        for (index, place) in sum[..short.len].iter_mut().enumerate() {
            (*place, carry) = long.limb(vm, index).carrying_add(short.limb(vm, index), carry);
        }
        for (index, place) in sum.iter_mut().enumerate().take(long.len).skip(short.len) {
            (*place, carry) = long.limb(vm, index).overflowing_add(u64::from(carry));
        }
        sum[long.len] = u64::from(carry);
        vm.integer_of_words(a.negative, sum)
    })
}

/// The receiver's magnitude less the argument's, with the receiver's sign.
fn digit_subtract(vm: &mut Vm) -> PrimitiveResult {
    let (a, b) = (receiver(vm, 1)?, argument(vm, 0)?);
    let (larger, smaller, negative) = match compare(vm, &a, &b) {
        Ordering::Less => (b, a, !a.negative),
        _ => (a, b, a.negative),
    };
    with_limbs(larger.len, |difference| {
        let mut borrow = false;
        for (index, place) in difference[..smaller.len].iter_mut().enumerate() {
            let (limb, other) = (larger.limb(vm, index), smaller.limb(vm, index));
            (*place, borrow) = limb.borrowing_sub(other, borrow);
        }
        for (index, place) in difference.iter_mut().enumerate().skip(smaller.len) {
            (*place, borrow) = larger.limb(vm, index).overflowing_sub(u64::from(borrow));
        }
        vm.integer_of_words(negative, difference)
    })
}

/// The product of the magnitudes, with the sign that the second argument says.
fn digit_multiply(vm: &mut Vm) -> PrimitiveResult {
    let (a, b) = (receiver(vm, 2)?, argument(vm, 0)?);
    let negative = vm.boolean_argument(1)?;
    if a.len <= 1 && b.len <= 1 {
        let product = u128::from(a.top) * u128::from(b.top);
        return vm.integer_of_words(negative, &[product as u64, (product >> 64) as u64]);
    }
    with_limbs(2 * (a.len + b.len), |limbs| {
        let (product, operands) = limbs.split_at_mut(a.len + b.len);
        let (first, second) = operands.split_at_mut(a.len);
        a.copy_to(vm, first);
        b.copy_to(vm, second);
        magnitude::multiply(first, second, product);
        vm.integer_of_words(negative, product)
    })
}

/// Quotient, with the sign that the second argument says, and remainder, with the receiver's.
fn digit_divide(vm: &mut Vm) -> PrimitiveResult {
    let (a, b) = (receiver(vm, 2)?, argument(vm, 0)?);
    let negative = vm.boolean_argument(1)?;
    let normalized = is_normalized(vm, vm.receiver()) && is_normalized(vm, vm.argument(0));
    if b.len == 0 || !normalized {
        return Err(Failure::Generic);
    }
    if a.len < b.len {
        return vm.array_object(&[Oop::small_integer(0), vm.receiver()]);
    }
    with_limbs(2 * (a.len + 1), |limbs| {
        let (dividend, rest) = limbs.split_at_mut(a.len + 1);
        let (divisor, quotient) = rest.split_at_mut(b.len);
        a.copy_to(vm, dividend);
        b.copy_to(vm, divisor);
        magnitude::divide(dividend, divisor, quotient);
        let quotient = vm.integer_of_words(negative, quotient)?;
        let remainder = vm.integer_of_words(a.negative, &dividend[..b.len])?;
        vm.array_object(&[quotient, remainder])
    })
}

fn digit_bit_and(vm: &mut Vm) -> PrimitiveResult {
    bit_logic(vm, BitOperation::And)
}

fn digit_bit_or(vm: &mut Vm) -> PrimitiveResult {
    bit_logic(vm, BitOperation::Or)
}

fn digit_bit_xor(vm: &mut Vm) -> PrimitiveResult {
    bit_logic(vm, BitOperation::Xor)
}

#[inline(always)]
fn bit_logic(vm: &mut Vm, operation: BitOperation) -> PrimitiveResult {
    let (a, b) = (receiver(vm, 1)?, argument(vm, 0)?);
    let len = a.len.max(b.len) + 1;
    with_limbs(len + a.len + b.len, |limbs| {
        let (result, operands) = limbs.split_at_mut(len);
        let (first, second) = operands.split_at_mut(a.len);
        a.copy_to(vm, first);
        b.copy_to(vm, second);
        let first = Signed { negative: a.negative, magnitude: first };
        let second = Signed { negative: b.negative, magnitude: second };
        let negative = magnitude::bit_logic(operation, first, second, result);
        vm.integer_of_words(negative, result)
    })
}

/// The magnitude shifted, right by negative counts, with the receiver's sign.
fn digit_bit_shift_magnitude(vm: &mut Vm) -> PrimitiveResult {
    let a = receiver(vm, 1)?;
    let shift = vm.integer_argument(0)?;
    if a.len == 0 {
        return Ok(Oop::small_integer(0));
    }
    if shift < 0 {
        return with_limbs(a.len, |limbs| {
            a.copy_to(vm, limbs);
            let used = magnitude::shift_right(limbs, shift.unsigned_abs());
            vm.integer_of_words(a.negative, &limbs[..used])
        });
    }
    let shift = shift.unsigned_abs();
    if shift > MAX_SHIFTED_BITS || a.len as u64 * 64 + shift > MAX_SHIFTED_BITS {
        return Err(Failure::NoMemory);
    }
    let len = a.len + (shift / 64) as usize + 1;
    with_limbs(len + a.len, |limbs| {
        let (result, operand) = limbs.split_at_mut(len);
        a.copy_to(vm, operand);
        magnitude::shift_left(operand, shift, result);
        vm.integer_of_words(a.negative, result)
    })
}

/// 1, 0 or −1 as the receiver's magnitude is above, equal to or below the argument's.
fn digit_compare(vm: &mut Vm) -> PrimitiveResult {
    let (a, b) = (receiver(vm, 1)?, argument(vm, 0)?);
    Ok(Oop::small_integer(compare(vm, &a, &b) as i64))
}

fn compare(vm: &Vm, a: &Operand, b: &Operand) -> Ordering {
    let limbs = || (0..a.len).rev().map(|index| a.limb(vm, index).cmp(&b.limb(vm, index)));
    a.len.cmp(&b.len).then_with(|| limbs().find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
}

/// Whether a bit of the magnitude from the first argument to the second, from 1, is set.
fn any_bit_from_to(vm: &mut Vm) -> PrimitiveResult {
    let a = receiver(vm, 2)?;
    let (start, stop) = (vm.integer_argument(0)?, vm.integer_argument(1)?);
    let found = with_limbs(a.len, |limbs| {
        a.copy_to(vm, limbs);
        magnitude::any_bit(limbs, start, stop)
    });
    Ok(vm.heap.boolean(found.ok_or(Failure::BadArgument)?))
}

fn normalize_positive(vm: &mut Vm) -> PrimitiveResult {
    normalize(vm, false)
}

fn normalize_negative(vm: &mut Vm) -> PrimitiveResult {
    normalize(vm, true)
}

/// The receiver, a LargeInteger of this sign, as small as it can be: itself where it is so already.
fn normalize(vm: &mut Vm, negative: bool) -> PrimitiveResult {
    let large = vm.receiver();
    if is_large_integer(vm, large) != Some(negative) {
        return Err(Failure::BadReceiver);
    }
    let operand = receiver(vm, 0)?;
    let limit = (1 << 60) - u64::from(!negative);
    if is_normalized(vm, large) && (operand.len > 1 || operand.top > limit) {
        return Ok(large);
    }
    with_limbs(operand.len, |limbs| {
        operand.copy_to(vm, limbs);
        vm.integer_of_words(negative, limbs)
    })
}

/// Whether an integer has no high zero bytes.
fn is_normalized(vm: &Vm, oop: Oop) -> bool {
    oop.is_small_integer() || vm.bytes_of(oop).is_some_and(|bytes| bytes.last() > Some(&0))
}

fn montgomery_digit_length(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(MONTGOMERY_DIGIT_BITS)))
}

/// The receiver times the first argument, reduced modulo the second; the third is the inverse digit.
fn montgomery_times(vm: &mut Vm) -> PrimitiveResult {
    let first = bytes_of(vm, vm.receiver()).ok_or(Failure::BadReceiver)?;
    if vm.argument_count != 3 {
        return Err(Failure::BadNumArgs);
    }
    let second = bytes_of(vm, vm.argument(0)).ok_or(Failure::BadArgument)?;
    let modulus = bytes_of(vm, vm.argument(1)).ok_or(Failure::BadArgument)?;
    let inverse = vm.unsigned_64_of(vm.argument(2)).and_then(|value| u32::try_from(value).ok());
    let inverse = inverse.ok_or(Failure::BadArgument)?;
    let product = montgomery_times_modulo(&first, &second, &modulus, inverse);
    vm.integer_of_words(false, &product.ok_or(Failure::Generic)?)
}

/// The bytes of an integer's magnitude: those of its object, or as few as a SmallInteger needs.
fn bytes_of(vm: &Vm, oop: Oop) -> Option<Vec<u8>> {
    if let Some(value) = oop.as_integer() {
        let magnitude = value.unsigned_abs();
        let bytes = 8 - (magnitude | 1).leading_zeros() as usize / 8;
        return Some(magnitude.to_le_bytes()[..bytes].to_vec());
    }
    is_large_integer(vm, oop)?;
    Some(vm.bytes_of(oop)?.to_vec())
}

fn module_name(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(NAME)
}

fn module_exists(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.true_object())
}
