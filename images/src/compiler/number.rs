//! Numbers as they are written.
//!
//! Owns: radix, fraction, exponent, scale, and exact conversion to floats.
//! Facts: Squeak's number syntax: `16rFF`, `1.5e3`, `2r1e4` (the exponent is of the radix), `1e-2` is a fraction,
//! `3.14s2` a scaled decimal; digits above 9 are capitals.

use num_bigint::BigInt;
use num_bigint::Sign;

use super::code::Literal;

/// The largest exponent that a number may have; its value would fill a memory otherwise.
const MAX_EXPONENT: u32 = 100_000;

/// Why there is no number, and where that shows.
type Wrong = (String, usize);

/// The number at `start`, which is a digit, and where it ends.
pub(crate) fn scan(text: &str, start: usize) -> Result<(Literal, usize), Wrong> {
    let bytes = text.as_bytes();
    let mut at = skip_digits(bytes, start, 10);
    let mut radix = 10;
    let mut from = start;
    if bytes.get(at) == Some(&b'r') {
        let written: u32 = text[start..at].parse().unwrap_or(u32::MAX);
        if !(2..=36).contains(&written) {
            return Err((format!("a radix is from 2 to 36, not {}", &text[start..at]), at));
        }
        radix = written;
        from = at + 1;
        at = skip_digits(bytes, from, radix);
        if at == from {
            return Err((format!("a digit of radix {radix} (capitals above 9) is missing"), from));
        }
    }
    let mut digits = text[from..at].to_owned();
    let mut fraction_digits = 0;
    let has_fraction = bytes.get(at) == Some(&b'.') && skip_digits(bytes, at + 1, radix) > at + 1;
    if has_fraction {
        let end = skip_digits(bytes, at + 1, radix);
        digits.push_str(&text[at + 1..end]);
        fraction_digits = end - at - 1;
        at = end;
    }
    if let Some((scale, end)) = scale(bytes, at) {
        return Ok((scaled(&digits, radix, fraction_digits, scale), end));
    }
    let (exponent, end) = exponent(text, at)?;
    let literal = if has_fraction {
        Literal::Float(float(&digits, radix, fraction_digits, exponent))
    } else {
        integer(&digits, radix, exponent)
    };
    Ok((literal, end))
}

fn skip_digits(bytes: &[u8], mut at: usize, radix: u32) -> usize {
    while bytes.get(at).is_some_and(|&byte| is_digit(byte, radix)) {
        at += 1;
    }
    at
}

fn is_digit(byte: u8, radix: u32) -> bool {
    !byte.is_ascii_lowercase() && char::from(byte).is_digit(radix)
}

/// The exponent at `at`: 0 where there is none.
fn exponent(text: &str, at: usize) -> Result<(i32, usize), Wrong> {
    let bytes = text.as_bytes();
    if !matches!(bytes.get(at), Some(b'e' | b'd' | b'q')) {
        return Ok((0, at));
    }
    let negative = bytes.get(at + 1) == Some(&b'-');
    let from = at + 1 + usize::from(negative);
    let end = skip_digits(bytes, from, 10);
    if end == from {
        return Ok((0, at));
    }
    let size: u32 = text[from..end].parse().unwrap_or(u32::MAX);
    if size > MAX_EXPONENT {
        return Err((format!("the exponent is larger than {MAX_EXPONENT}"), end));
    }
    let size = size.cast_signed();
    Ok((if negative { -size } else { size }, end))
}

/// The scale at `at`: `s`, then digits or nothing. `Some(None)` of digits when there are none.
fn scale(bytes: &[u8], at: usize) -> Option<(Option<u32>, usize)> {
    if bytes.get(at) != Some(&b's') {
        return None;
    }
    let end = skip_digits(bytes, at + 1, 10);
    if bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    let written = std::str::from_utf8(&bytes[at + 1..end]).ok().and_then(|text| text.parse().ok());
    Some((written, end))
}

fn value(digits: &str, radix: u32) -> BigInt {
    BigInt::parse_bytes(digits.as_bytes(), radix).unwrap_or_default()
}

fn power(radix: u32, exponent: u32) -> BigInt {
    BigInt::from(radix).pow(exponent)
}

fn integer(digits: &str, radix: u32, exponent: i32) -> Literal {
    let value = value(digits, radix);
    if exponent >= 0 {
        return Literal::Integer(value * power(radix, exponent.unsigned_abs()));
    }
    let (numerator, denominator) = reduced(value, power(radix, exponent.unsigned_abs()));
    if denominator == BigInt::from(1) {
        return Literal::Integer(numerator);
    }
    Literal::Fraction { numerator, denominator }
}

fn scaled(digits: &str, radix: u32, fraction_digits: usize, scale: Option<u32>) -> Literal {
    let places = u32::try_from(fraction_digits).unwrap_or(u32::MAX);
    let (numerator, denominator) = reduced(value(digits, radix), power(radix, places));
    Literal::ScaledDecimal { numerator, denominator, scale: scale.unwrap_or(places) }
}

fn float(digits: &str, radix: u32, fraction_digits: usize, exponent: i32) -> f64 {
    let places = i32::try_from(fraction_digits).unwrap_or(i32::MAX);
    let shift = exponent.saturating_sub(places);
    if radix == 10 {
        // The standard library rounds correctly.
        return format!("{digits}e{shift}").parse().unwrap_or(f64::NAN);
    }
    let value = value(digits, radix);
    let power = power(radix, shift.unsigned_abs());
    if shift >= 0 { rounded(&(value * power), &BigInt::from(1)) } else { rounded(&value, &power) }
}

/// The fraction in lowest terms; the denominator is positive.
fn reduced(numerator: BigInt, denominator: BigInt) -> (BigInt, BigInt) {
    let (mut a, mut b) = (numerator.clone(), denominator.clone());
    while b != BigInt::ZERO {
        (a, b) = (b.clone(), a % b);
    }
    if a.sign() == Sign::Minus {
        a = -a;
    }
    if a == BigInt::ZERO { (numerator, denominator) } else { (numerator / &a, denominator / a) }
}

/// The float nearest to a fraction that is not negative, to even where two are.
fn rounded(numerator: &BigInt, denominator: &BigInt) -> f64 {
    if *numerator == BigInt::ZERO {
        return 0.0;
    }
    let bits = |number: &BigInt| i64::try_from(number.bits()).unwrap_or(i64::MAX);
    // A quotient of 55 or 56 bits, or fewer where the float will be subnormal: the lowest is a sticky bit.
    let shift = (55 - (bits(numerator) - bits(denominator))).min(1074 + 2);
    let (mut top, mut bottom) = (numerator.clone(), denominator.clone());
    if shift >= 0 {
        top <<= shift.unsigned_abs();
    } else {
        bottom <<= shift.unsigned_abs();
    }
    let mut quotient = &top / &bottom;
    let exact = &quotient * &bottom == top;
    // Below two bits of the mantissa's end, what is left over counts as one more bit.
    quotient = (quotient << 1_u32) + BigInt::from(u8::from(!exact));
    let quotient = u64::try_from(quotient).unwrap_or(u64::MAX);
    scale_rounded(quotient, -shift - 1)
}

/// `mantissa * 2^exponent`, rounded once.
fn scale_rounded(mantissa: u64, exponent: i64) -> f64 {
    let length = i64::from(64 - mantissa.leading_zeros());
    // The exponent of the last bit that the float can have.
    let last = (exponent + length - 53).max(-1074);
    let drop = u32::try_from(last - exponent).unwrap_or(0).min(63);
    let kept = mantissa >> drop;
    let rest = mantissa & ((1_u64 << drop) - 1);
    let half = if drop == 0 { 1 } else { 1_u64 << (drop - 1) };
    let up = drop > 0 && (rest > half || (rest == half && kept & 1 == 1));
    let kept = kept + u64::from(up);
    let last = if drop == 0 { exponent } else { last };
    #[expect(clippy::cast_precision_loss, reason = "at most 53 bits are left")]
    let kept = kept as f64;
    // Exact steps: a power of two at a time that is itself a float.
    let mut result = kept;
    let mut left = last;
    while left > 0 {
        let step = left.min(1000);
        result *= 2f64.powi(i32::try_from(step).unwrap_or(1000));
        left -= step;
        if result.is_infinite() {
            break;
        }
    }
    while left < 0 {
        let step = (-left).min(500);
        result /= 2f64.powi(i32::try_from(step).unwrap_or(500));
        left += step;
        if result == 0.0 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float_of(text: &str) -> f64 {
        match scan(text, 0) {
            Ok((Literal::Float(value), end)) if end == text.len() => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn integer_of(text: &str) -> BigInt {
        match scan(text, 0) {
            Ok((Literal::Integer(value), end)) if end == text.len() => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn integers() {
        assert_eq!(integer_of("16rFF"), BigInt::from(255));
        assert_eq!(integer_of("2r1e4"), BigInt::from(16));
        assert_eq!(integer_of("36rZZ"), BigInt::from(1295));
        assert_eq!(integer_of("1e30").to_string(), format!("1{}", "0".repeat(30)));
        assert_eq!(integer_of("300e-2"), BigInt::from(3));
    }

    #[test]
    fn what_is_not_an_integer() {
        let fraction = Literal::Fraction { numerator: 1.into(), denominator: 50.into() };
        assert_eq!(scan("2e-2", 0), Ok((fraction, 4)));
        let scaled =
            Literal::ScaledDecimal { numerator: 157.into(), denominator: 50.into(), scale: 2 };
        assert_eq!(scan("3.14s2", 0), Ok((scaled.clone(), 6)));
        assert_eq!(scan("3.14s", 0), Ok((scaled, 5)));
        assert_eq!(scan("3 sqrt", 0), Ok((Literal::Integer(3.into()), 1)));
        assert_eq!(scan("3sqrt", 0), Ok((Literal::Integer(3.into()), 1)));
        assert_eq!(scan("3.", 0), Ok((Literal::Integer(3.into()), 1)));
        assert_eq!(scan("3e", 0), Ok((Literal::Integer(3.into()), 1)));
    }

    #[test]
    fn wrong_numbers() {
        assert!(scan("1r1", 0).is_err());
        assert!(scan("37r1", 0).is_err());
        assert!(scan("16rxx", 0).is_err());
        assert!(scan("1e1000000000000", 0).is_err());
    }

    #[test]
    fn floats_are_the_nearest() {
        assert_eq!(float_of("0.1").to_bits(), 0.1_f64.to_bits());
        assert_eq!(float_of("1.5e300").to_bits(), 1.5e300_f64.to_bits());
        assert_eq!(float_of("2r0.1"), 0.5);
        assert_eq!(float_of("16rF.8"), 15.5);
        assert_eq!(float_of("2r1.0e-1074").to_bits(), 1);
        assert_eq!(float_of("2r1.0e-1075"), 0.0);
        assert_eq!(float_of("2r1.1e-1075").to_bits(), 1);
        assert_eq!(float_of("2r1.0e1023").to_bits(), 2f64.powi(1023).to_bits());
        assert!(float_of("2r1.0e1024").is_infinite());
    }

    #[test]
    fn rounding_agrees_with_the_standard_library() {
        for text in [
            "1.1",
            "123456789.987654321",
            "0.3",
            "9007199254740993.0",
            "4.9e-324",
            "2.2250738585072011e-308",
        ] {
            let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
            let places = digits.len() - digits.find('.').map_or(digits.len(), |at| at + 1);
            let shift = exponent.parse::<i32>().unwrap_or(0) - i32::try_from(places).unwrap_or(0);
            let whole = value(&digits.replace('.', ""), 10);
            let found = if shift >= 0 {
                rounded(&(whole * power(10, shift.unsigned_abs())), &BigInt::from(1))
            } else {
                rounded(&whole, &power(10, shift.unsigned_abs()))
            };
            assert_eq!(Ok(found), text.parse::<f64>(), "{text}");
        }
    }
}
