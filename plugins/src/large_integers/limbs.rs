//! Magnitudes as 64-bit limbs, least significant first, without high zero limbs.
//!
//! Owns conversion from and to bytes and the loops for sum, difference and product. Must not know
//! signs. Fact: Knuth, TAOCP vol. 2, 4.3.1 (A, S, M) and 4.3.3 (Karatsuba).

/// Operands with at least this many limbs are multiplied by Karatsuba's method.
const KARATSUBA_LIMBS: usize = 40;

/// The limbs of a little-endian magnitude, trimmed.
pub(super) fn from_bytes(bytes: &[u8]) -> Vec<u64> {
    let bytes = &bytes[..super::significant_len(bytes)];
    let (whole, rest) = bytes.as_chunks::<8>();
    let mut limbs = Vec::with_capacity(whole.len() + 2);
    limbs.extend(whole.iter().map(|chunk| u64::from_le_bytes(*chunk)));
    if !rest.is_empty() {
        let mut chunk = [0; 8];
        chunk[..rest.len()].copy_from_slice(rest);
        limbs.push(u64::from_le_bytes(chunk));
    }
    limbs
}

/// The bytes of limbs, without high zero bytes.
pub(super) fn into_bytes(limbs: &[u64]) -> Vec<u8> {
    let limbs = trimmed(limbs);
    let mut bytes = Vec::with_capacity(limbs.len() * 8);
    for limb in limbs {
        bytes.extend_from_slice(&limb.to_le_bytes());
    }
    bytes.truncate(super::significant_len(&bytes));
    bytes
}

/// The slice without high zero limbs.
pub(super) fn trimmed(limbs: &[u64]) -> &[u64] {
    let len = limbs.iter().rposition(|&limb| limb != 0).map_or(0, |last| last + 1);
    &limbs[..len]
}

/// Adds `addend` to `sum` in place; `addend` is not longer. Answers the carry out of the top.
pub(super) fn add_into(sum: &mut [u64], addend: &[u64]) -> bool {
    let (low, high) = sum.split_at_mut(addend.len());
    let mut carry = false;
    for (limb, &other) in low.iter_mut().zip(addend) {
        (*limb, carry) = limb.carrying_add(other, carry);
    }
    for limb in high {
        if !carry {
            return false;
        }
        (*limb, carry) = limb.overflowing_add(1);
    }
    carry
}

/// Subtracts `subtrahend` from `limbs` in place; it is not longer. Answers the borrow.
pub(super) fn subtract_from(limbs: &mut [u64], subtrahend: &[u64]) -> bool {
    let (low, high) = limbs.split_at_mut(subtrahend.len());
    let mut borrow = false;
    for (limb, &other) in low.iter_mut().zip(subtrahend) {
        (*limb, borrow) = limb.borrowing_sub(other, borrow);
    }
    for limb in high {
        if !borrow {
            return false;
        }
        (*limb, borrow) = limb.overflowing_sub(1);
    }
    borrow
}

/// The product; its length is the sum of the lengths.
pub(super) fn multiply(first: &[u64], second: &[u64]) -> Vec<u64> {
    let (short, long) = if first.len() <= second.len() { (first, second) } else { (second, first) };
    let mut product = vec![0; short.len() + long.len()];
    if short.len() < KARATSUBA_LIMBS {
        multiply_school(short, long, &mut product);
        return product;
    }
    // The long operand is cut into pieces of the length of the short one.
    for (index, piece) in long.chunks(short.len()).enumerate() {
        let part = if piece.len() == short.len() {
            karatsuba(short, piece)
        } else {
            multiply(piece, short)
        };
        add_into(&mut product[index * short.len()..], &part);
    }
    product
}

/// Schoolbook product into `product`, which is zero and as long as both together.
fn multiply_school(short: &[u64], long: &[u64], product: &mut [u64]) {
    for (index, &digit) in short.iter().enumerate() {
        let mut carry = 0;
        let row = &mut product[index..=index + long.len()];
        for (place, &limb) in row.iter_mut().zip(long) {
            (*place, carry) = limb.carrying_mul_add(digit, carry, *place);
        }
        row[long.len()] = carry;
    }
}

/// Product of two operands of equal length by three products of half that length.
fn karatsuba(first: &[u64], second: &[u64]) -> Vec<u64> {
    let half = first.len() / 2;
    let (first_low, first_high) = first.split_at(half);
    let (second_low, second_high) = second.split_at(half);
    let low = multiply(first_low, second_low);
    let high = multiply(first_high, second_high);
    let mut middle = multiply(&sum_of(first_high, first_low), &sum_of(second_high, second_low));
    subtract_from(&mut middle, &low);
    subtract_from(&mut middle, &high);
    let mut product = low;
    product.extend_from_slice(&high);
    add_into(&mut product[half..], trimmed(&middle));
    product
}

/// The sum of two operands, the first being at least as long.
fn sum_of(long: &[u64], short: &[u64]) -> Vec<u64> {
    let mut sum = long.to_vec();
    if add_into(&mut sum, short) {
        sum.push(1);
    }
    sum
}
