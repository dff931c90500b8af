//! Bits: logic, shifts, the highest bit, and the test of a range of bits.
//!
//! Owns operations that see a magnitude as a string of bits, and the two's-complement reading of
//! signed operands. Facts: the reference plugin does logic on non-negative operands only and leaves
//! the others to the image's code (`digitBitLogic:with:opIndex:`), whose answers [`bit_logic`] gives.
//! Bits are counted from 1, as `anyBitOfMagnitudeFrom:to:` does.

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
    #[inline(always)]
    fn apply(self, first: u64, second: u64) -> u64 {
        match self {
            BitOperation::And => first & second,
            BitOperation::Or => first | second,
            BitOperation::Xor => first ^ second,
        }
    }
}

/// A signed operand: sign and magnitude.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Whether the value is below zero.
    pub negative: bool,
    /// The magnitude.
    pub magnitude: &'a [u64],
}

impl Signed<'_> {
    /// The limbs of the value in two's complement, sign-extended without end.
    fn complement(self) -> impl Iterator<Item = u64> {
        let mut carry = self.negative;
        let flip = if self.negative { u64::MAX } else { 0 };
        let limbs = self.magnitude.iter().copied().chain(std::iter::repeat(0));
        limbs.map(move |limb| {
            let digit;
            (digit, carry) = (limb ^ flip).overflowing_add(u64::from(carry));
            digit
        })
    }
}

/// A bit operation with two's-complement meaning. The result's magnitude goes into `result`, which
/// has one limb more than the longer operand; answers whether it is negative.
pub fn bit_logic(
    operation: BitOperation,
    first: Signed,
    second: Signed,
    result: &mut [u64],
) -> bool {
    let pairs = first.complement().zip(second.complement());
    for (place, (one, other)) in result.iter_mut().zip(pairs) {
        *place = operation.apply(one, other);
    }
    let negative = result.last().is_some_and(|top| *top >> 63 != 0);
    if negative {
        let mut carry = true;
        for limb in result {
            (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
        }
    }
    negative
}

/// The magnitude times two to the power `shift` into `result`, which is zero and has as many limbs
/// more as `shift` has whole limbs, and one.
pub fn shift_left(magnitude: &[u64], shift: u64, result: &mut [u64]) {
    let (whole, rest) = ((shift / 64) as usize, shift % 64);
    let mut carry = 0;
    for (place, limb) in result[whole..].iter_mut().zip(magnitude) {
        let shifted = u128::from(*limb) << rest | carry;
        *place = shifted as u64;
        carry = shifted >> 64;
    }
    result[whole + magnitude.len()] = carry as u64;
}

/// The magnitude divided by two to the power `shift`, rounded towards zero, in place; answers how
/// many limbs of it hold the result.
pub fn shift_right(magnitude: &mut [u64], shift: u64) -> usize {
    let whole = usize::try_from(shift / 64).unwrap_or(usize::MAX).min(magnitude.len());
    let count = magnitude.len() - whole;
    magnitude.copy_within(whole.., 0);
    let magnitude = &mut magnitude[..count];
    for index in 0..count {
        let high = magnitude.get(index + 1).copied().unwrap_or(0);
        let both = u128::from(high) << 64 | u128::from(magnitude[index]);
        magnitude[index] = (both >> (shift % 64)) as u64;
    }
    count
}

/// The index of the highest bit set, counted from 1; 0 for zero.
fn high_bit(magnitude: &[u64]) -> u64 {
    let magnitude = super::limbs::trimmed(magnitude);
    match magnitude.last() {
        None => 0,
        Some(top) => magnitude.len() as u64 * 64 - u64::from(top.leading_zeros()),
    }
}

/// Whether any bit from `start` to `stop`, counted from 1, is set; `None` for an index below 1.
pub fn any_bit(magnitude: &[u64], start: i64, stop: i64) -> Option<bool> {
    if start < 1 || stop < 1 {
        return None;
    }
    let (start, stop) = (start as u64, (stop as u64).min(high_bit(magnitude)));
    if start > stop {
        return Some(false);
    }
    let (first, last) = (((start - 1) / 64) as usize, ((stop - 1) / 64) as usize);
    let first_mask = u64::MAX << ((start - 1) % 64);
    let last_mask = u64::MAX >> (63 - (stop - 1) % 64);
    let found = (first..=last).any(|index| {
        let mut limb = magnitude[index];
        if index == first {
            limb &= first_mask;
        }
        if index == last {
            limb &= last_mask;
        }
        limb != 0
    });
    Some(found)
}
