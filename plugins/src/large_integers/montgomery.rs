//! Montgomery multiplication in base 2^32.
//!
//! Owns the product modulo an odd modulus without division. Facts: `digitMontgomery:times:...` of
//! VMMaker for the base, the precondition on lengths and the single final subtraction. The image
//! computes the inverse digit from the base that `primMontgomeryDigitLength` answers, so the base
//! is part of the interface.

use super::limbs::subtract_from;

/// Bits in a digit of [`montgomery_times_modulo`]; the answer of `primMontgomeryDigitLength`.
pub const MONTGOMERY_DIGIT_BITS: u32 = 32;

/// `first * second * R^-1 modulo modulus`, with R = 2^(32 n) and n the modulus' count of digits. The
/// operands are little-endian bytes, the answer is in limbs.
///
/// `inverse` is the negated inverse of the modulus modulo 2^32; another value gives a meaningless
/// answer. `None` if an operand has more digits than the modulus, or that is empty. Allocates.
pub fn montgomery_times_modulo(
    first: &[u8],
    second: &[u8],
    modulus: &[u8],
    inverse: u32,
) -> Option<Vec<u64>> {
    let count = modulus.len().div_ceil(4);
    let fits = |bytes: &[u8]| bytes.len().div_ceil(4) <= count;
    if count == 0 || !fits(first) || !fits(second) {
        return None;
    }
    let (first, second) = (digits(first, count), digits(second, count));
    let modulus = digits(modulus, count);
    let mut result = vec![0u32; count + 1];
    for digit in first {
        let low = digit.wrapping_mul(second[0]).wrapping_add(result[0]);
        let factor = low.wrapping_mul(inverse);
        accumulate(&mut result, digit, &second, factor, &modulus);
    }
    let mut reduced = limbs(&result);
    if subtract_from(&mut reduced, &limbs(&modulus)) {
        reduced = limbs(&result);
    }
    // The digit above the modulus' is dropped as the reference does; it is zero for a right inverse.
    reduced.truncate(count.div_ceil(2));
    if count % 2 == 1 {
        reduced[count / 2] &= u64::from(u32::MAX);
    }
    Some(reduced)
}

/// `result := (result + digit * second + factor * modulus) / 2^32`.
fn accumulate(result: &mut [u32], digit: u32, second: &[u32], factor: u32, modulus: &[u32]) {
    let count = modulus.len();
    let mut carry = 0u128;
    for place in 0..count {
        carry += u128::from(u64::from(digit) * u64::from(second[place]));
        carry += u128::from(u64::from(factor) * u64::from(modulus[place]));
        carry += u128::from(result[place]);
        if place > 0 {
            result[place - 1] = carry as u32;
        }
        carry >>= 32;
    }
    carry += u128::from(result[count]);
    result[count - 1] = carry as u32;
    result[count] = (carry >> 32) as u32;
}

/// The 32-bit digits of a magnitude, padded with zeros to `count`.
fn digits(bytes: &[u8], count: usize) -> Vec<u32> {
    let mut digits = vec![0; count];
    for (digit, chunk) in digits.iter_mut().zip(bytes.chunks(4)) {
        let mut padded = [0; 4];
        padded[..chunk.len()].copy_from_slice(chunk);
        *digit = u32::from_le_bytes(padded);
    }
    digits
}

/// 32-bit digits as 64-bit limbs.
fn limbs(digits: &[u32]) -> Vec<u64> {
    digits
        .chunks(2)
        .map(|pair| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32)
        .collect()
}
