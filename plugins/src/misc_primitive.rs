//! MiscPrimitivePlugin: primitives over strings, byte arrays, bitmaps and sound buffers.
//!
//! Owns the loops over bytes. Indices are zero-based here, unlike in Smalltalk; a binding converts.
//! Must not know objects or failure codes: [`Failure`] names the cause, the binding the code.
//! Facts: `MiscPrimitivePlugin.class.st` of VMMaker.

pub mod bitmap;

use std::cmp::Ordering;

/// A table indexed by byte, such as a collation order.
pub type ByteTable = [u8; 256];

/// Why an operation was refused; nothing has been written then, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An index outside the collection (bad index).
    Index,
    /// The destination may be too small (bad argument, or unsupported for compression).
    Space,
    /// Compressed data that ends early (bad argument).
    Truncated,
}

/// The first 256 bytes of a table, or `None` if it is shorter.
pub fn byte_table(table: &[u8]) -> Option<&ByteTable> {
    table.first_chunk()
}

/// Compares two strings by the rank of their bytes. (The primitive answers 1, 2, 3.)
pub fn compare_string(first: &[u8], second: &[u8], order: &ByteTable) -> Ordering {
    for (&one, &other) in first.iter().zip(second) {
        let ordering = order[usize::from(one)].cmp(&order[usize::from(other)]);
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    first.len().cmp(&second.len())
}

/// Replaces the bytes in `range` by their entries in the table.
///
/// # Errors
/// [`Failure::Index`] if the range ends beyond the string. An empty range does nothing.
pub fn translate(
    string: &mut [u8],
    range: std::ops::Range<usize>,
    table: &ByteTable,
) -> Result<(), Failure> {
    if range.end > string.len() {
        return Err(Failure::Index);
    }
    for byte in string.get_mut(range).unwrap_or_default() {
        *byte = table[usize::from(*byte)];
    }
    Ok(())
}

/// Index of the first byte from `start` on whose entry in the inclusion map is not zero.
pub fn find_first_in(string: &[u8], inclusion: &ByteTable, start: usize) -> Option<usize> {
    let rest = string.get(start..)?;
    let found = rest.iter().position(|&byte| inclusion[usize::from(byte)] != 0)?;
    Some(start + found)
}

/// Index of the first byte from `start` on that equals `value`; a value above 255 is never found.
pub fn index_of_byte(string: &[u8], value: i64, start: usize) -> Option<usize> {
    let value = u8::try_from(value).ok()?;
    let found = string.get(start..)?.iter().position(|&byte| byte == value)?;
    Some(start + found)
}

/// Index from `start` on where `key` occurs in `body`, bytes being equal if the table maps them to
/// the same value. An empty key is never found.
pub fn find_substring(key: &[u8], body: &[u8], start: usize, table: &ByteTable) -> Option<usize> {
    if key.is_empty() {
        return None;
    }
    let same = |a: u8, b: u8| table[usize::from(a)] == table[usize::from(b)];
    let found = body.get(start..)?.windows(key.len()).position(|window| {
        let mut pairs = window.iter().zip(key);
        pairs.all(|(&a, &b)| same(a, b))
    })?;
    Some(start + found)
}

/// The 28-bit string hash, starting with a species' hash: each byte is added, then the sum
/// multiplied by 1664525, modulo 2^28.
pub fn string_hash(bytes: &[u8], initial: u32) -> u32 {
    const MULTIPLIER: u32 = 1_664_525;
    const MASK: u32 = 0x0FFF_FFFF;
    let step = |hash: u32, &byte: &u8| hash.wrapping_add(u32::from(byte)).wrapping_mul(MULTIPLIER);
    bytes.iter().fold(initial, step) & MASK
}

/// Widens 8-bit signed samples into 16-bit little-endian ones: each becomes the high byte.
///
/// # Errors
/// [`Failure::Space`] if the buffer has fewer than two bytes for each sample.
pub fn convert_8_bit_signed(samples: &[u8], buffer: &mut [u8]) -> Result<(), Failure> {
    if buffer.len() / 2 < samples.len() {
        return Err(Failure::Space);
    }
    for (pair, &sample) in buffer.chunks_exact_mut(2).zip(samples) {
        pair.copy_from_slice(&[0, sample]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> ByteTable {
        std::array::from_fn(|index| index as u8)
    }

    fn lower_case() -> ByteTable {
        std::array::from_fn(|index| (index as u8).to_ascii_lowercase())
    }

    #[test]
    fn comparison_follows_the_collation_order() {
        assert_eq!(compare_string(b"abc", b"abd", &identity()), Ordering::Less);
        assert_eq!(compare_string(b"ABC", b"abc", &lower_case()), Ordering::Equal);
        assert_eq!(compare_string(b"abc", b"ab", &identity()), Ordering::Greater);
        assert_eq!(compare_string(b"", b"a", &identity()), Ordering::Less);
        assert!(byte_table(&[0; 255]).is_none());
    }

    #[test]
    fn translation_touches_the_range_only() {
        let mut string = *b"HELLO";
        assert_eq!(translate(&mut string, 1..3, &lower_case()), Ok(()));
        assert_eq!(&string, b"HelLO");
        assert_eq!(translate(&mut string, 1..6, &lower_case()), Err(Failure::Index));
        let empty = std::ops::Range { start: 4, end: 2 };
        assert_eq!(translate(&mut string, empty, &lower_case()), Ok(()));
    }

    #[test]
    fn searches_start_where_told() {
        let mut digits = [0; 256];
        digits[usize::from(b'0')..=usize::from(b'9')].fill(1);
        assert_eq!(find_first_in(b"ab1c2", &digits, 0), Some(2));
        assert_eq!(find_first_in(b"ab1c2", &digits, 3), Some(4));
        assert_eq!(find_first_in(b"ab1c2", &digits, 9), None);
        assert_eq!(index_of_byte(b"hello", i64::from(b'l'), 3), Some(3));
        assert_eq!(index_of_byte(b"hello", 300, 0), None);
        assert_eq!(index_of_byte(b"hello", 104, 1), None);
    }

    #[test]
    fn substrings_match_through_the_table() {
        assert_eq!(find_substring(b"LO", b"hello lo", 0, &lower_case()), Some(3));
        assert_eq!(find_substring(b"LO", b"hello lo", 4, &lower_case()), Some(6));
        assert_eq!(find_substring(b"LO", b"hello", 0, &identity()), None);
        assert_eq!(find_substring(b"", b"hello", 0, &identity()), None);
        assert_eq!(find_substring(b"long", b"lo", 0, &identity()), None);
    }

    #[test]
    fn hashes_are_28_bits() {
        assert_eq!(string_hash(b"", 0xFFFF_FFFF), 0x0FFF_FFFF);
        assert_eq!(string_hash(b"\x01", 0), 1_664_525);
        let wide = (97u64 * 1_664_525 + 98) * 1_664_525 % (1 << 28);
        assert_eq!(u64::from(string_hash(b"ab", 0)), wide);
    }

    #[test]
    fn samples_are_widened() {
        let mut buffer = [9; 5];
        assert_eq!(convert_8_bit_signed(&[1, 0x80], &mut buffer), Ok(()));
        assert_eq!(buffer, [0, 1, 0, 0x80, 9]);
        assert_eq!(i16::from_le_bytes([buffer[2], buffer[3]]), -32768);
        assert_eq!(convert_8_bit_signed(&[0; 3], &mut buffer), Err(Failure::Space));
    }
}
