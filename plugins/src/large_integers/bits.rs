//! Bits: logic, shifts, the highest bit, and the test of a range of bits.
//!
//! Owns operations that see a magnitude as a string of bits, and the two's-complement reading of
//! signed operands. Facts: the reference plugin does logic on magnitudes only and fails for
//! negative operands (`digitBitLogic:with:opIndex:`); [`bit_logic`] also serves the callers that
//! want Smalltalk's meaning. Bits are counted from 1, as `anyBitOfMagnitudeFrom:to:` does.

use super::{MAX_BYTES, significant_len};

/// The three bit operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOperation {
    /// Bits set in both operands.
    And,
    /// Bits set in either operand.
    Or,
    /// Bits set in exactly one operand.
    Xor,
}

impl BitOperation {
    fn apply(self, first: u8, second: u8) -> u8 {
        match self {
            BitOperation::And => first & second,
            BitOperation::Or => first | second,
            BitOperation::Xor => first ^ second,
        }
    }
}

/// A signed operand: sign and little-endian magnitude.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Whether the value is below zero.
    pub negative: bool,
    /// The magnitude, little-endian.
    pub magnitude: &'a [u8],
}

impl Signed<'_> {
    /// The bytes of the value in two's complement, sign-extended without end.
    fn complement_bytes(self) -> impl Iterator<Item = u8> {
        let mut carry = self.negative;
        let flip = if self.negative { 0xFF } else { 0 };
        let bytes = self.magnitude.iter().copied().chain(std::iter::repeat(0));
        bytes.map(move |byte| {
            let digit;
            (digit, carry) = (byte ^ flip).overflowing_add(u8::from(carry));
            digit
        })
    }
}

/// A bit operation on two magnitudes (non-negative operands). Allocates the answer.
pub fn bit_operation(operation: BitOperation, first: &[u8], second: &[u8]) -> Vec<u8> {
    let len = first.len().max(second.len());
    let padded = |bytes: &[u8]| {
        let mut padded = bytes.to_vec();
        padded.resize(len, 0);
        padded
    };
    let (mut result, second) = (padded(first), padded(second));
    for (byte, other) in result.iter_mut().zip(second) {
        *byte = operation.apply(*byte, other);
    }
    normalized(result)
}

/// A bit operation with two's-complement meaning, as (negative, magnitude). Allocates the answer.
pub fn bit_logic(operation: BitOperation, first: Signed, second: Signed) -> (bool, Vec<u8>) {
    let len = first.magnitude.len().max(second.magnitude.len()) + 1;
    let mut result: Vec<u8> = first
        .complement_bytes()
        .zip(second.complement_bytes())
        .take(len)
        .map(|(one, other)| operation.apply(one, other))
        .collect();
    let negative = result[len - 1] & 0x80 != 0;
    if negative {
        let value = Signed { negative, magnitude: &result };
        result = value.complement_bytes().take(len).collect();
    }
    (negative, normalized(result))
}

/// The magnitude times two to the power `shift`; `None` if that exceeds [`MAX_BYTES`]. Allocates.
pub fn shift_left(magnitude: &[u8], shift: u64) -> Option<Vec<u8>> {
    let bits = high_bit(magnitude);
    if bits == 0 {
        return Some(Vec::new());
    }
    let len = bits.checked_add(shift)?.div_ceil(8);
    let len = usize::try_from(len).ok().filter(|&len| len <= MAX_BYTES)?;
    let (whole, rest) = ((shift / 8) as usize, shift % 8);
    let mut result = vec![0; len];
    let mut carry = 0u16;
    for (index, place) in result[whole..].iter_mut().enumerate() {
        carry |= u16::from(magnitude.get(index).copied().unwrap_or(0)) << rest;
        *place = carry as u8;
        carry >>= 8;
    }
    Some(result)
}

/// The magnitude divided by two to the power `shift`, rounded towards zero. Allocates.
pub fn shift_right(magnitude: &[u8], shift: u64) -> Vec<u8> {
    let magnitude = &magnitude[..significant_len(magnitude)];
    let Some(high) = usize::try_from(shift / 8).ok().and_then(|whole| magnitude.get(whole..))
    else {
        return Vec::new();
    };
    let rest = shift % 8;
    let next = high.iter().skip(1).copied().chain(std::iter::once(0));
    let result = high
        .iter()
        .zip(next)
        .map(|(&low, high)| (u16::from_le_bytes([low, high]) >> rest) as u8)
        .collect();
    normalized(result)
}

/// The index of the highest bit set, counted from 1; 0 for zero.
pub fn high_bit(magnitude: &[u8]) -> u64 {
    match significant_len(magnitude) {
        0 => 0,
        len => len as u64 * 8 - u64::from(magnitude[len - 1].leading_zeros()),
    }
}

/// Whether any bit from `start` to `stop`, counted from 1, is set; `None` for an index below 1.
pub fn any_bit(magnitude: &[u8], start: i64, stop: i64) -> Option<bool> {
    if start < 1 || stop < 1 {
        return None;
    }
    let (start, stop) = (start as u64, (stop as u64).min(high_bit(magnitude)));
    if start > stop {
        return Some(false);
    }
    let (first, last) = (((start - 1) / 8) as usize, ((stop - 1) / 8) as usize);
    let first_mask = 0xFFu8 << ((start - 1) % 8);
    let last_mask = 0xFFu8 >> (7 - (stop - 1) % 8);
    let found = (first..=last).any(|index| {
        let mut byte = magnitude[index];
        if index == first {
            byte &= first_mask;
        }
        if index == last {
            byte &= last_mask;
        }
        byte != 0
    });
    Some(found)
}

fn normalized(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(significant_len(&bytes));
    bytes
}
