//! The codes of match lengths and distances.
//!
//! Owns the numbers of RFC 1951, 3.2.5, computed instead of tabulated. As in the image's tables,
//! the longest match (258) gets code 284 with its extra bits all set, which every decoder reads,
//! and not the shorter code 285.

/// The shortest match.
pub const MIN_MATCH: usize = 3;
/// The longest match.
pub const MAX_MATCH: usize = 258;
/// Count of literal and length codes.
pub const LITERAL_CODES: usize = 286;
/// Count of distance codes.
pub const DISTANCE_CODES: usize = 30;

/// A code with the extra bits that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Index into the Huffman tree.
    pub symbol: usize,
    /// Count of extra bits.
    pub extra_bits: u32,
    /// Value of the extra bits.
    pub extra: u32,
}

/// The code of a match length, given as the length minus [`MIN_MATCH`].
pub fn length_code(excess: u8) -> Code {
    let value = u32::from(excess);
    let (symbol, extra_bits) = split(value, 2);
    Code { symbol: 257 + symbol, extra_bits, extra: value & ((1 << extra_bits) - 1) }
}

/// The code of a distance, given as the distance minus one (below 32768).
pub fn distance_code(excess: u16) -> Code {
    let value = u32::from(excess);
    let (symbol, extra_bits) = split(value, 1);
    Code { symbol, extra_bits, extra: value & ((1 << extra_bits) - 1) }
}

/// The leading one and the `precision` bits after it make the symbol; the rest are extra bits.
fn split(value: u32, precision: u32) -> (usize, u32) {
    if value < 2 << precision {
        return (value as usize, 0);
    }
    let extra_bits = value.ilog2() - precision;
    let symbol = (extra_bits << precision) + (value >> extra_bits);
    (symbol as usize, extra_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(excess: u8) -> (usize, u32, u32) {
        let code = length_code(excess);
        (code.symbol, code.extra_bits, code.extra)
    }

    fn distance(excess: u16) -> (usize, u32, u32) {
        let code = distance_code(excess);
        (code.symbol, code.extra_bits, code.extra)
    }

    #[test]
    fn lengths_of_the_standard() {
        assert_eq!(length(0), (257, 0, 0));
        assert_eq!(length(7), (264, 0, 0));
        assert_eq!(length(8), (265, 1, 0));
        assert_eq!(length(31), (272, 2, 3));
        assert_eq!(length(32), (273, 3, 0));
        assert_eq!(length(254), (284, 5, 30));
        assert_eq!(length(255), (284, 5, 31));
    }

    #[test]
    fn distances_of_the_standard() {
        assert_eq!(distance(0), (0, 0, 0));
        assert_eq!(distance(3), (3, 0, 0));
        assert_eq!(distance(4), (4, 1, 0));
        assert_eq!(distance(256), (16, 7, 0));
        assert_eq!(distance(24576), (29, 13, 0));
        assert_eq!(distance(32767), (29, 13, 8191));
    }
}
