//! Each operation against num-bigint on random operands, and known values at the edges.

use super::*;
use num_bigint::{BigInt, BigUint, Sign};
use proptest::collection::vec;
use proptest::prelude::*;

fn big(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_le(bytes)
}

fn bytes(value: &BigUint) -> Vec<u8> {
    let mut bytes = value.to_bytes_le();
    bytes.truncate(significant_len(&bytes));
    bytes
}

fn signed(negative: bool, magnitude: &[u8]) -> BigInt {
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    BigInt::from_bytes_le(sign, magnitude)
}

/// Magnitudes with many bytes 0 and 255, which provoke carries and wrong estimates.
fn magnitude() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0u8), Just(255u8), Just(128u8), any::<u8>()];
    vec(byte, 0..80)
}

proptest! {
    #[test]
    fn sums_and_differences(a in magnitude(), b in magnitude()) {
        prop_assert_eq!(add(&a, &b), bytes(&(big(&a) + big(&b))));
        let (negative, difference) = subtract(&a, &b);
        prop_assert_eq!(signed(negative, &difference), signed(false, &a) - signed(false, &b));
        prop_assert!(is_normalized(&difference) || difference.is_empty());
        prop_assert_eq!(compare(&a, &b), big(&a).cmp(&big(&b)));
    }

    #[test]
    fn products(a in magnitude(), b in magnitude()) {
        prop_assert_eq!(multiply(&a, &b), bytes(&(big(&a) * big(&b))));
    }

    #[test]
    fn large_products(a in vec(any::<u8>(), 300..1500), b in vec(any::<u8>(), 300..1500)) {
        prop_assert_eq!(multiply(&a, &b), bytes(&(big(&a) * big(&b))));
    }

    #[test]
    fn quotients(a in magnitude(), b in magnitude()) {
        match divide(&a, &b) {
            None => prop_assert_eq!(significant_len(&b), 0),
            Some((quotient, remainder)) => {
                prop_assert_eq!(quotient, bytes(&(big(&a) / big(&b))));
                prop_assert_eq!(remainder, bytes(&(big(&a) % big(&b))));
            }
        }
    }

    #[test]
    fn logic(a in magnitude(), b in magnitude(), signs in any::<(bool, bool)>()) {
        prop_assert_eq!(bit_operation(BitOperation::Xor, &a, &b), bytes(&(big(&a) ^ big(&b))));
        let first = Signed { negative: signs.0, magnitude: &a };
        let second = Signed { negative: signs.1, magnitude: &b };
        let (x, y) = (signed(signs.0, &a), signed(signs.1, &b));
        for (operation, expected) in [
            (BitOperation::And, &x & &y),
            (BitOperation::Or, &x | &y),
            (BitOperation::Xor, &x ^ &y),
        ] {
            let (negative, result) = bit_logic(operation, first, second);
            prop_assert_eq!(signed(negative, &result), expected);
            prop_assert_eq!(significant_len(&result), result.len());
        }
    }

    #[test]
    fn shifts(a in magnitude(), shift in 0u64..200) {
        prop_assert_eq!(shift_left(&a, shift).unwrap(), bytes(&(big(&a) << shift)));
        prop_assert_eq!(shift_right(&a, shift), bytes(&(big(&a) >> shift)));
        prop_assert_eq!(high_bit(&a), big(&a).bits());
    }

    #[test]
    fn ranges_of_bits(a in magnitude(), start in 1i64..700, stop in 1i64..700) {
        let expected = (start..=stop).any(|index| big(&a).bit(index as u64 - 1));
        prop_assert_eq!(any_bit(&a, start, stop), Some(expected));
    }

    #[test]
    fn montgomery(a in magnitude(), b in magnitude(), mut m in magnitude()) {
        m.push(1);
        m[0] |= 1;
        let modulus = big(&m);
        let (a, b) = (bytes(&(big(&a) % &modulus)), bytes(&(big(&b) % &modulus)));
        let base = BigUint::from(1u64 << MONTGOMERY_DIGIT_BITS);
        let inverse = &base - (&modulus % &base).modinv(&base).unwrap();
        let inverse = u32::try_from(&inverse).unwrap();
        let r = BigUint::from(1u32) << (32 * m.len().div_ceil(4));
        let expected = big(&a) * big(&b) * r.modinv(&modulus).unwrap_or_default() % &modulus;
        let result = montgomery_times_modulo(&a, &b, &m, inverse);
        prop_assert_eq!(result, Some(bytes(&expected)));
    }

    #[test]
    fn montgomery_with_a_wrong_inverse_answers_something(
        a in magnitude(), b in magnitude(), m in magnitude(), inverse in any::<u32>(),
    ) {
        if let Some(result) = montgomery_times_modulo(&a, &b, &m, inverse) {
            prop_assert!(result.len() <= m.len().next_multiple_of(4));
        }
    }
}

#[test]
fn a_full_range_of_carries() {
    let ones = [255; 16];
    assert_eq!(add(&ones, &[1]), [vec![0; 16], vec![1]].concat());
    assert_eq!(subtract(&[1], &ones), (true, [vec![254], vec![255; 15]].concat()));
    assert_eq!(subtract(&ones, &ones), (false, vec![]));
}

#[test]
fn zero_divisors_and_huge_shifts_are_refused() {
    assert_eq!(divide(&[5], &[0, 0]), None);
    assert_eq!(divide(&[5], &[]), None);
    assert_eq!(shift_left(&[1], u64::MAX), None);
    assert_eq!(shift_left(&[0], u64::MAX), Some(vec![]));
    assert_eq!(shift_right(&[1, 2, 3], u64::MAX), Vec::<u8>::new());
    assert_eq!(any_bit(&[1], 0, 5), None);
    assert_eq!(any_bit(&[1], 1, i64::MAX), Some(true));
}

#[test]
fn the_range_of_small_integers() {
    let limit = (1u64 << 60).to_le_bytes();
    assert_eq!(small_integer(true, &limit), Some(-(1 << 60)));
    assert_eq!(small_integer(false, &limit), None);
    assert_eq!(small_integer(false, &((1u64 << 60) - 1).to_le_bytes()), Some((1 << 60) - 1));
    assert_eq!(small_integer(true, &[7, 0, 0, 0, 0, 0, 0, 0, 0]), Some(-7));
    assert_eq!(small_integer(true, &[]), Some(0));
    assert_eq!(magnitude_of(-258), ([2, 1, 0, 0, 0, 0, 0, 0], 2));
    assert_eq!(magnitude_of(0).1, 1);
    assert_eq!(magnitude_of(i64::MIN), ([0, 0, 0, 0, 0, 0, 0, 128], 8));
}
