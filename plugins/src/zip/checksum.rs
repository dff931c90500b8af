//! Checksums of RFC 1950 (Adler-32) and RFC 1952 (CRC-32).
//!
//! Both continue from the value so far. Must not know positions in streams.

/// Continues an Adler-32 checksum; a new one starts at 1.
pub fn adler32(adler: u32, bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    /// So many bytes can be summed before 32 bits overflow.
    const BATCH: usize = 5000;
    let (mut low, mut high) = (adler & 0xFFFF, adler >> 16);
    for batch in bytes.chunks(BATCH) {
        for &byte in batch {
            low += u32::from(byte);
            high += low;
        }
        low %= MODULUS;
        high %= MODULUS;
    }
    high << 16 | low
}

/// Continues the register of a CRC-32. As in the image, nothing is inverted here: a new checksum
/// starts at 0xFFFFFFFF and is inverted at the end by the caller.
pub fn crc32(register: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!register);
    hasher.update(bytes);
    !hasher.finalize()
}

/// Moves the positions in a hash table of a deflate stream down by `delta`; none falls below zero.
/// Entries are signed 32-bit numbers.
pub fn update_hash_table(table: &mut [u32], delta: i64) {
    for entry in table {
        let position = i64::from(*entry as i32);
        *entry = if position >= delta { (position - delta) as u32 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checksums() {
        assert_eq!(adler32(1, b"Wikipedia"), 0x11E6_0398);
        assert_eq!(!crc32(!0, b"123456789"), 0xCBF4_3926);
        let register = crc32(!0, b"1234");
        assert_eq!(!crc32(register, b"56789"), 0xCBF4_3926);
        assert_eq!(crc32(5, b""), 5);
    }

    #[test]
    fn long_sums_do_not_overflow() {
        let bytes = vec![255u8; 100_000];
        let slow = bytes.iter().fold((65535u64, 65535u64), |(low, high), &byte| {
            let low = (low + u64::from(byte)) % 65521;
            (low, (high + low) % 65521)
        });
        assert_eq!(u64::from(adler32(u32::MAX, &bytes)), slow.1 << 16 | slow.0);
    }

    #[test]
    fn positions_move_down() {
        let mut table = [0, 5, 10, 15, u32::MAX];
        update_hash_table(&mut table, 10);
        assert_eq!(table, [0, 0, 0, 5, 0]);
    }
}
