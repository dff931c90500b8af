//! Division with remainder.
//!
//! Owns Knuth's algorithm D (TAOCP vol. 2, 4.3.1) with the divisor's top limb divided by through its
//! reciprocal (Möller and Granlund, "Improved division by invariant integers", 2011). Must not know
//! signs: the quotient of the magnitudes is the truncated quotient.

use super::limbs::add_into;

/// Divides in place. The dividend has one more limb, zero, on top; the divisor has at least one limb
/// and no high zero limbs; the quotient has as many limbs as the dividend has more than the divisor.
/// Leaves the remainder in the low limbs of the dividend, as many as the divisor has, and the divisor
/// changed.
pub fn divide(dividend: &mut [u64], divisor: &mut [u64], quotient: &mut [u64]) {
    let count = divisor.len();
    let shift = divisor[count - 1].leading_zeros();
    shift_up(divisor, shift);
    shift_up(dividend, shift);
    let top = Reciprocal::new(divisor[count - 1]);
    if count == 1 {
        divide_short(dividend, &top, quotient);
    } else {
        for (place, digit) in quotient.iter_mut().enumerate().rev() {
            *digit = quotient_digit(&mut dividend[place..=place + count], divisor, &top);
        }
    }
    shift_down(&mut dividend[..count], shift);
}

/// Divides by one limb; the dividend's top limb is below it.
fn divide_short(dividend: &mut [u64], divisor: &Reciprocal, quotient: &mut [u64]) {
    let mut remainder = dividend[quotient.len()];
    for (limb, digit) in dividend.iter().zip(quotient).rev() {
        (*digit, remainder) = divisor.divide(remainder, *limb);
    }
    dividend[0] = remainder;
}

/// A digit of the quotient; subtracts its multiple of the divisor from the window of the dividend.
fn quotient_digit(window: &mut [u64], divisor: &[u64], top: &Reciprocal) -> u64 {
    let mut digit = estimate(window, divisor, top);
    if subtract_multiple(window, divisor, digit) {
        digit -= 1;
        add_into(window, divisor);
    }
    digit
}

/// The estimated quotient digit; at most one too large.
fn estimate(window: &[u64], divisor: &[u64], top: &Reciprocal) -> u64 {
    let count = divisor.len();
    let (high, next) = (divisor[count - 1], divisor[count - 2]);
    let (mut digit, mut rest) = if window[count] >= high {
        let digit = u64::MAX;
        let rest = wide(window[count], window[count - 1]) - u128::from(digit) * u128::from(high);
        (digit, rest)
    } else {
        let (digit, rest) = top.divide(window[count], window[count - 1]);
        (digit, u128::from(rest))
    };
    while let Ok(low) = u64::try_from(rest) {
        if u128::from(digit) * u128::from(next) <= wide(low, window[count - 2]) {
            break;
        }
        digit -= 1;
        rest += u128::from(high);
    }
    digit
}

/// Subtracts `digit * divisor` from the window, one limb longer; answers whether it borrowed.
fn subtract_multiple(window: &mut [u64], divisor: &[u64], digit: u64) -> bool {
    let mut carry = 0;
    let mut borrow = false;
    for (limb, &other) in window.iter_mut().zip(divisor) {
        let product;
        (product, carry) = other.carrying_mul(digit, carry);
        (*limb, borrow) = limb.borrowing_sub(product, borrow);
    }
    let top = &mut window[divisor.len()];
    (*top, borrow) = top.borrowing_sub(carry, borrow);
    borrow
}

/// A divisor with its top bit set, and ⌊(2¹²⁸ − 1) / divisor⌋ − 2⁶⁴.
struct Reciprocal {
    divisor: u64,
    inverse: u64,
}

impl Reciprocal {
    fn new(divisor: u64) -> Reciprocal {
        Reciprocal { divisor, inverse: (u128::MAX / u128::from(divisor)) as u64 }
    }

    /// Quotient and remainder of two limbs; the high one is below the divisor.
    fn divide(&self, high: u64, low: u64) -> (u64, u64) {
        let product = u128::from(self.inverse) * u128::from(high) + wide(high, low);
        let mut quotient = ((product >> 64) as u64).wrapping_add(1);
        let mut remainder = low.wrapping_sub(quotient.wrapping_mul(self.divisor));
        if remainder > product as u64 {
            quotient = quotient.wrapping_sub(1);
            remainder = remainder.wrapping_add(self.divisor);
        }
        if remainder >= self.divisor {
            quotient = quotient.wrapping_add(1);
            remainder -= self.divisor;
        }
        (quotient, remainder)
    }
}

/// Two limbs as one value.
fn wide(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// Shifts left by fewer than 64 bits; the bits shifted out of the top are zero.
fn shift_up(limbs: &mut [u64], shift: u32) {
    if shift == 0 {
        return;
    }
    let mut carry = 0;
    for limb in limbs {
        let out = *limb >> (64 - shift);
        *limb = *limb << shift | carry;
        carry = out;
    }
}

/// Shifts right by fewer than 64 bits.
fn shift_down(limbs: &mut [u64], shift: u32) {
    if shift == 0 {
        return;
    }
    let mut carry = 0;
    for limb in limbs.iter_mut().rev() {
        let out = *limb << (64 - shift);
        *limb = *limb >> shift | carry;
        carry = out;
    }
}
