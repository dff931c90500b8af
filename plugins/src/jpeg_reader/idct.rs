//! Coefficients to samples: the inverse discrete cosine transform in fixed-point numbers of 13 bits.
//!
//! A column whose only coefficient is its first one is multiplied by the first number of the
//! quantisation table, not by its own: so does the plugin in C.

use std::num::Wrapping;

use super::{BLOCK, MIDDLE, MOST};

type Number = Wrapping<i64>;

/// Bits after the point.
const POINT: usize = 13;
/// Bits that the first pass keeps.
const KEPT: usize = 2;
const FIRST_DIVISOR: i64 = 1 << (POINT - KEPT);
const SECOND_DIVISOR: i64 = 1 << (POINT + KEPT + 3);

/// A constant with [`POINT`] bits after the point.
const fn fixed(value: i64) -> Number {
    Wrapping(value)
}

const F_0_298: Number = fixed(2446);
const F_0_390: Number = fixed(3196);
const F_0_541: Number = fixed(4433);
const F_0_765: Number = fixed(6270);
const F_0_899: Number = fixed(7373);
const F_1_175: Number = fixed(9633);
const F_1_501: Number = fixed(12299);
const F_1_847: Number = fixed(15137);
const F_1_961: Number = fixed(16069);
const F_2_053: Number = fixed(16819);
const F_2_562: Number = fixed(20995);
const F_3_072: Number = fixed(25172);

/// Transform eight numbers; the results are not divided yet.
fn transform(x: [Number; 8]) -> [i64; 8] {
    let common = (x[2] + x[6]) * F_0_541;
    let (low, high) = (common - x[6] * F_1_847, common + x[2] * F_0_765);
    let (sum, difference) = ((x[0] + x[4]) << POINT, (x[0] - x[4]) << POINT);
    let even = [sum + high, difference + low, difference - low, sum - high];

    let (z1, z2) = (-(x[7] + x[1]) * F_0_899, -(x[5] + x[3]) * F_2_562);
    let (z3, z4) = (x[7] + x[3], x[5] + x[1]);
    let z5 = (z3 + z4) * F_1_175;
    let (z3, z4) = (z5 - z3 * F_1_961, z5 - z4 * F_0_390);
    let odd = [
        x[1] * F_1_501 + z1 + z4,
        x[3] * F_3_072 + z2 + z3,
        x[5] * F_2_053 + z2 + z4,
        x[7] * F_0_298 + z1 + z3,
    ];

    let mut result = [0; 8];
    for index in 0..4 {
        result[index] = (even[index] + odd[index]).0;
        result[7 - index] = (even[index] - odd[index]).0;
    }
    result
}

/// The coefficients of a block, to be multiplied by `table`, become samples.
pub fn samples(block: &mut [i32; BLOCK], table: &[i32; BLOCK]) {
    let number = |value: i32| Wrapping(i64::from(value));
    let mut columns = [0; BLOCK];
    for column in 0..8 {
        if (1..8).all(|row| block[row * 8 + column] == 0) {
            let value = (number(block[column]) * number(table[0])) << KEPT;
            for row in 0..8 {
                columns[row * 8 + column] = value.0 as i32;
            }
            continue;
        }
        let input = std::array::from_fn(|row| {
            number(block[row * 8 + column]) * number(table[row * 8 + column])
        });
        for (row, value) in transform(input).into_iter().enumerate() {
            columns[row * 8 + column] = (value / FIRST_DIVISOR) as i32;
        }
    }
    for (input, output) in columns.as_chunks().0.iter().zip(block.as_chunks_mut::<8>().0) {
        let values = transform(input.map(number));
        *output = values.map(|value| (value / SECOND_DIVISOR + MIDDLE).clamp(0, MOST) as i32);
    }
}
