//! Sum, difference and product of magnitudes. Must not know signs.
//!
//! Fact: Knuth, TAOCP vol. 2, 4.3.1 (A, S, M) and 4.3.3 (Karatsuba).

/// Operands with at least this many limbs are multiplied by Karatsuba's method.
const KARATSUBA_LIMBS: usize = 40;

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

/// The product into `product`, which is zero and as long as both operands together. Allocates for
/// long operands.
pub fn multiply(first: &[u64], second: &[u64], product: &mut [u64]) {
    let (short, long) = if first.len() <= second.len() { (first, second) } else { (second, first) };
    if short.len() < KARATSUBA_LIMBS {
        return multiply_school(short, long, product);
    }
    // The long operand is cut into pieces of the length of the short one.
    for (index, piece) in long.chunks(short.len()).enumerate() {
        let part = if piece.len() == short.len() {
            karatsuba(short, piece)
        } else {
            product_of(piece, short)
        };
        add_into(&mut product[index * short.len()..], &part);
    }
}

/// The product in a vector of its own.
fn product_of(first: &[u64], second: &[u64]) -> Vec<u64> {
    let mut product = vec![0; first.len() + second.len()];
    multiply(first, second, &mut product);
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
    let low = product_of(first_low, second_low);
    let high = product_of(first_high, second_high);
    let mut middle = product_of(&sum_of(first_high, first_low), &sum_of(second_high, second_low));
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
