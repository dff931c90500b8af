//! Division with remainder.
//!
//! Owns short division and Knuth's algorithm D (TAOCP vol. 2, 4.3.1) on 64-bit limbs. Must not
//! know signs: the quotient of the magnitudes is the truncated quotient.

use super::limbs::{add_into, from_bytes, into_bytes};

/// Quotient and remainder of two magnitudes, or `None` for a zero divisor. Allocates both.
pub fn divide(dividend: &[u8], divisor: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut dividend, mut divisor) = (from_bytes(dividend), from_bytes(divisor));
    match divisor.len() {
        0 => None,
        1 => {
            let remainder = divide_short(&mut dividend, divisor[0]);
            Some((into_bytes(&dividend), into_bytes(&[remainder])))
        }
        _ if dividend.len() < divisor.len() => Some((Vec::new(), into_bytes(&dividend))),
        _ => {
            let (quotient, remainder) = divide_long(&mut dividend, &mut divisor);
            Some((into_bytes(&quotient), into_bytes(remainder)))
        }
    }
}

/// Divides in place by one limb; answers the remainder.
fn divide_short(limbs: &mut [u64], divisor: u64) -> u64 {
    let mut remainder = 0;
    for limb in limbs.iter_mut().rev() {
        let value = wide(remainder, *limb);
        *limb = (value / u128::from(divisor)) as u64;
        remainder = (value % u128::from(divisor)) as u64;
    }
    remainder
}

/// Algorithm D: the divisor has at least two limbs and the dividend not fewer than the divisor.
fn divide_long<'a>(dividend: &'a mut Vec<u64>, divisor: &mut [u64]) -> (Vec<u64>, &'a [u64]) {
    let count = divisor.len();
    let shift = divisor[count - 1].leading_zeros();
    shift_up(divisor, shift);
    dividend.push(0);
    shift_up(dividend, shift);
    let places = dividend.len() - count;
    let mut quotient = vec![0; places];
    for place in (0..places).rev() {
        let window = &mut dividend[place..=place + count];
        let mut digit = estimate(window, divisor);
        if subtract_multiple(window, divisor, digit) {
            digit -= 1;
            add_into(window, divisor);
        }
        quotient[place] = digit;
    }
    shift_down(&mut dividend[..count], shift);
    (quotient, &dividend[..count])
}

/// The estimated quotient digit; at most one too large.
fn estimate(window: &[u64], divisor: &[u64]) -> u64 {
    let count = divisor.len();
    let (high, next) = (divisor[count - 1], divisor[count - 2]);
    let top = wide(window[count], window[count - 1]);
    let (mut digit, mut rest) = if window[count] >= high {
        let digit = u64::MAX;
        (digit, top - u128::from(digit) * u128::from(high))
    } else {
        ((top / u128::from(high)) as u64, top % u128::from(high))
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
