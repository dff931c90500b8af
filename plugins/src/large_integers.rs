//! LargeIntegers: arithmetic on the magnitudes of LargePositiveInteger and LargeNegativeInteger.
//!
//! Owns the arithmetic only. A magnitude is a little-endian byte slice, the content of such an
//! object; leading (high) zero bytes are accepted everywhere. Results are freshly allocated byte
//! vectors without high zero bytes (zero is the empty vector). Knows nothing of objects, tags, or
//! the VM: a binding decides on signs, on the SmallInteger range, and on failure codes.
//!
//! Facts: `LargeIntegersPlugin.class.st` of VMMaker (argument order, answers, digit base of the
//! Montgomery primitives); the algorithms are Knuth's (TAOCP vol. 2, 4.3.1), on 64-bit limbs.

mod bits;
mod divide;
mod limbs;
mod montgomery;
#[cfg(test)]
mod tests;

pub use bits::{
    BitOperation, Signed, any_bit, bit_logic, bit_operation, high_bit, shift_left, shift_right,
};
pub use divide::divide;
pub use montgomery::{MONTGOMERY_DIGIT_BITS, montgomery_times_modulo};

use limbs::{from_bytes, into_bytes};
use std::cmp::Ordering;

/// Size in bytes above which a result is refused (the answer is `None`); 1 GiB.
pub const MAX_BYTES: usize = 1 << 30;

/// Count of significant bytes: the length without high zero bytes.
pub fn significant_len(magnitude: &[u8]) -> usize {
    magnitude.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Whether the highest byte is present and not zero, as division demands of its operands.
pub fn is_normalized(magnitude: &[u8]) -> bool {
    magnitude.last().is_some_and(|&byte| byte != 0)
}

/// The little-endian magnitude of an integer and the count of bytes used (at least one).
pub fn magnitude_of(value: i64) -> ([u8; 8], usize) {
    let bytes = value.unsigned_abs().to_le_bytes();
    let len = significant_len(&bytes).max(1);
    (bytes, len)
}

/// The value as a SmallInteger (61 bits, two's complement), if it is in that range.
pub fn small_integer(negative: bool, magnitude: &[u8]) -> Option<i64> {
    let len = significant_len(magnitude);
    if len > 8 {
        return None;
    }
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(&magnitude[..len]);
    let value = u64::from_le_bytes(bytes);
    let limit = 1u64 << 60;
    match negative {
        true if value <= limit => Some(-(value as i64)),
        false if value < limit => Some(value as i64),
        _ => None,
    }
}

/// Compares two magnitudes. (The plugin answers 1, 0, -1.)
pub fn compare(first: &[u8], second: &[u8]) -> Ordering {
    let first = &first[..significant_len(first)];
    let second = &second[..significant_len(second)];
    first.len().cmp(&second.len()).then_with(|| first.iter().rev().cmp(second.iter().rev()))
}

/// The sum of two magnitudes. Allocates the answer.
pub fn add(first: &[u8], second: &[u8]) -> Vec<u8> {
    let (mut sum, mut other) = (from_bytes(first), from_bytes(second));
    if sum.len() < other.len() {
        std::mem::swap(&mut sum, &mut other);
    }
    if limbs::add_into(&mut sum, &other) {
        sum.push(1);
    }
    into_bytes(&sum)
}

/// The difference `first - second` as (negative, magnitude). Zero is never negative. Allocates.
pub fn subtract(first: &[u8], second: &[u8]) -> (bool, Vec<u8>) {
    let negative = compare(first, second) == Ordering::Less;
    let (larger, smaller) = if negative { (second, first) } else { (first, second) };
    let mut difference = from_bytes(larger);
    let smaller = from_bytes(smaller);
    limbs::subtract_from(&mut difference, &smaller);
    (negative, into_bytes(&difference))
}

/// The product of two magnitudes. Allocates the answer.
pub fn multiply(first: &[u8], second: &[u8]) -> Vec<u8> {
    let product = limbs::multiply(&from_bytes(first), &from_bytes(second));
    into_bytes(&product)
}
