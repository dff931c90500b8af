//! Numbers: what the arithmetic bytecodes and primitives of SmallInteger and Float compute.
//!
//! Pure functions on values: they answer `None` where Smalltalk code must decide (overflow into
//! LargeIntegers, division by zero, inexact `/`, mixed kinds). Source: `InterpreterPrimitives`
//! `#primitiveDivide`, `#primitiveMod`, `#primitiveDiv`, `#primitiveQuo`, `#primitiveBitShift`,
//! `#primitiveFloatAdd`, `#primitiveTimesTwoPower`, `#primitiveExponent`, `#primitiveTruncated`.

use rowel_objmem::Oop;

/// `a / b` where it is exact.
pub fn divide_exactly(a: i64, b: i64) -> Option<i64> {
    if b == 0 || a % b != 0 { None } else { Some(a / b) }
}

/// `a // b`: the quotient rounded towards negative infinity.
pub fn floor_divide(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let quotient = a.wrapping_div(b);
    Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// `a \\ b`: the remainder of the floored division; it has the sign of `b`.
pub fn floor_modulo(a: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let remainder = a.wrapping_rem(b);
    Some(if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder })
}

/// `a quo: b`: the quotient rounded towards zero.
pub fn truncated_divide(a: i64, b: i64) -> Option<i64> {
    if b == 0 { None } else { Some(a.wrapping_div(b)) }
}

/// `a bitShift: shift` where the result is a SmallInteger; right shifts round downwards.
pub fn bit_shift(a: i64, shift: i64) -> Option<i64> {
    if shift < 0 {
        return Some(a >> shift.unsigned_abs().min(63));
    }
    if a == 0 {
        return Some(0);
    }
    let shift = u32::try_from(shift).ok().filter(|shift| *shift < 61)?;
    let shifted = a << shift;
    (shifted >> shift == a && Oop::is_integer_value(shifted)).then_some(shifted)
}

/// Compare a SmallInteger with a float exactly, without rounding the integer to a double first.
pub fn compare_integer_with_float(a: i64, b: f64) -> Option<std::cmp::Ordering> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if b.is_nan() {
        return None;
    }
    // Beyond ±2⁶³ the sign of the float decides.
    if b >= 9_223_372_036_854_775_808.0 {
        return Some(Less);
    }
    if b < -9_223_372_036_854_775_808.0 {
        return Some(Greater);
    }
    let whole = b.trunc() as i64;
    Some(match a.cmp(&whole) {
        Equal if b.fract() > 0.0 => Less,
        Equal if b.fract() < 0.0 => Greater,
        other => other,
    })
}

/// `a / b` of floats; division by a zero is the image's.
pub fn divide_floats(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

/// `value fractionPart` with the sign of `value`, zero for infinities: C's `modf`.
pub fn fraction_part(value: f64) -> f64 {
    let fraction = if value.is_infinite() { 0.0 } else { value - value.trunc() };
    fraction.copysign(value)
}

/// `value truncated` where the result is a SmallInteger.
pub fn truncate(value: f64) -> Option<i64> {
    let truncated = value.trunc();
    if truncated.is_finite() && truncated.abs() < 9.3e18 {
        let integer = truncated as i64;
        (integer as f64 == truncated && Oop::is_integer_value(integer)).then_some(integer)
    } else {
        None
    }
}

/// `value exponent`: the power of two of the leading bit. `None` for zero, infinities and NaN.
pub fn exponent(value: f64) -> Option<i64> {
    if value == 0.0 || !value.is_finite() {
        return None;
    }
    let biased = (value.to_bits() >> 52 & 0x7FF) as i64;
    if biased != 0 {
        return Some(biased - 1023);
    }
    let mantissa = value.to_bits() & ((1 << 52) - 1);
    Some(-1011 - i64::from(mantissa.leading_zeros()))
}

/// `value timesTwoPower: power`, rounded once.
pub fn times_two_power(value: f64, power: i64) -> f64 {
    let mut power = power.clamp(-4400, 4400) as i32;
    let mut value = value;
    while power > 1023 {
        value *= f64::from_bits(0x7FE0_0000_0000_0000);
        power -= 1023;
        if !value.is_finite() {
            return value;
        }
    }
    // Scale down in steps that stay normal, so that only the last one can round.
    while power < -1022 {
        if exponent(value).is_none_or(|e| e - 969 < -1022) {
            break;
        }
        value *= f64::from_bits((1023 - 969) << 52);
        power += 969;
    }
    if power >= -1022 {
        value * f64::from_bits(((power + 1023) as u64) << 52)
    } else {
        scale_into_subnormals(value, power)
    }
}

/// `value × 2^power` for a power below any double's, rounding to even once.
fn scale_into_subnormals(value: f64, power: i32) -> f64 {
    let Some(e) = exponent(value) else { return value };
    let result_exponent = e + i64::from(power);
    if result_exponent < -1075 {
        return 0.0_f64.copysign(value);
    }
    // Bring the leading bit to 2⁰ exactly, then make the two factors' product exact but for the end.
    let unit = if e >= -1022 {
        f64::from_bits(value.to_bits() & 0x800F_FFFF_FFFF_FFFF | 1023 << 52)
    } else {
        value
            * f64::from_bits((1023 + 1000) << 52)
            * f64::from_bits(((1023 - 1000 - e) as u64) << 52)
    };
    // 2^(result_exponent) may be subnormal itself: multiply by 2^(result_exponent + 60) first.
    let lifted = unit * f64::from_bits(((result_exponent + 60 + 1023) as u64) << 52);
    lifted * f64::from_bits((1023 - 60) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_round_as_smalltalk_does() {
        assert_eq!(floor_divide(-7, 2), Some(-4));
        assert_eq!(floor_modulo(-7, 2), Some(1));
        assert_eq!(floor_modulo(7, -2), Some(-1));
        assert_eq!(truncated_divide(-7, 2), Some(-3));
        assert_eq!(divide_exactly(7, 2), None);
        assert_eq!(divide_exactly(8, -2), Some(-4));
        assert_eq!(floor_divide(1, 0), None);
    }

    #[test]
    fn shifts_stop_at_the_range_of_small_integers() {
        assert_eq!(bit_shift(1, 59), Some(1 << 59));
        assert_eq!(bit_shift(1, 60), None);
        assert_eq!(bit_shift(-1, 60), Some(-1 << 60));
        assert_eq!(bit_shift(-1, 200), None);
        assert_eq!(bit_shift(0, 200), Some(0));
        assert_eq!(bit_shift(-5, -1), Some(-3));
        assert_eq!(bit_shift(5, -300), Some(0));
    }

    #[test]
    fn integers_compare_exactly_with_floats() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let big = (1 << 53) + 1;
        assert_eq!(compare_integer_with_float(big, 9_007_199_254_740_992.0), Some(Greater));
        assert_eq!(compare_integer_with_float(1, 1.5), Some(Less));
        assert_eq!(compare_integer_with_float(-1, -1.5), Some(Greater));
        assert_eq!(compare_integer_with_float(2, 2.0), Some(Equal));
        assert_eq!(compare_integer_with_float(0, f64::INFINITY), Some(Less));
        assert_eq!(compare_integer_with_float(0, f64::NAN), None);
    }

    #[test]
    fn truncation_answers_small_integers_only() {
        assert_eq!(truncate(-2.9), Some(-2));
        assert_eq!(truncate(1e18), Some(1_000_000_000_000_000_000));
        assert_eq!(truncate(1e19), None);
        assert_eq!(truncate(f64::NAN), None);
    }

    #[test]
    fn exponents_of_normal_and_subnormal_floats() {
        assert_eq!(exponent(1.0), Some(0));
        assert_eq!(exponent(0.75), Some(-1));
        assert_eq!(exponent(f64::from_bits(1)), Some(-1074));
        assert_eq!(exponent(0.0), None);
    }

    #[test]
    fn scaling_by_powers_of_two_rounds_once() {
        assert_eq!(times_two_power(1.5, 4), 24.0);
        assert_eq!(times_two_power(1.0, -1074), f64::from_bits(1));
        assert_eq!(times_two_power(f64::from_bits(1), 1074), 1.0);
        assert_eq!(times_two_power(1.0, 1024), f64::INFINITY);
        assert_eq!(times_two_power(1.0, -1075), 0.0);
        assert_eq!(times_two_power(1.5, -1075), f64::from_bits(1));
        assert_eq!(times_two_power(f64::MAX, -1023), 1.9999999999999998);
        assert_eq!(times_two_power(f64::MAX, -2098), f64::from_bits(1));
    }
}
