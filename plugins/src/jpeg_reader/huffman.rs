//! Huffman codes from a stream of bytes to the coefficients of a block.

use super::{BLOCK, Malformed};

/// The most bits of a code that a table asks for at once.
const MOST_BITS: i64 = 16;
/// Tables refer to further tables at most so many times.
const DEEPEST: usize = 64;
/// Where the coefficients go in the order in which they come.
#[rustfmt::skip]
const NATURAL_ORDER: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10,
    17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34,
    27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36,
    29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46,
    53, 60, 61, 54, 47, 55, 62, 63,
];

/// A stream of bits: bytes, of which a zero after 255 does not count, and 255 before another byte is
/// the end.
#[derive(Debug)]
pub struct Bits<'a> {
    /// All bytes up to the stream's limit.
    pub bytes: &'a [u8],
    /// Next byte.
    pub position: usize,
    /// Bits that were read and not taken yet, the next one highest.
    pub buffer: u64,
    /// How many there are, at most 31.
    pub count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 16 {
            let Some(byte) = self.bytes.get(self.position) else {
                return;
            };
            if *byte == 0xFF {
                if self.bytes.get(self.position + 1) != Some(&0) {
                    return;
                }
                self.position += 1;
            }
            self.position += 1;
            self.buffer = self.buffer << 8 | u64::from(*byte);
            self.count += 8;
        }
    }

    /// The next `count` bits; -1 if there are not so many.
    fn take(&mut self, count: u32) -> i64 {
        if count > self.count {
            self.fill();
            if count > self.count {
                return -1;
            }
        }
        self.count -= count;
        let value = self.buffer >> self.count;
        self.buffer &= (1 << self.count) - 1;
        value as i64
    }

    /// The value of the next code of `table`: the first word has in its highest byte how many bits to
    /// begin with, and these select a word from the second on. A value has nothing there; a word that has
    /// goes on with so many bits at the place, from 1, in its lower half.
    fn decode(&mut self, table: &[u32]) -> Result<u32, Malformed> {
        let mut needed = *table.first().ok_or(Malformed)? as i32 >> 24;
        let mut base = 2;
        for _ in 0..DEEPEST {
            let needed_bits = u32::try_from(needed).map_err(|_| Malformed)?;
            if i64::from(needed_bits) > MOST_BITS {
                return Err(Malformed);
            }
            let bits = self.take(needed_bits);
            if bits < 0 {
                return Err(Malformed);
            }
            let index = bits.checked_add(base - 1).and_then(|index| usize::try_from(index).ok());
            let word = *index.and_then(|index| table.get(index)).ok_or(Malformed)?;
            if word & 0x3F00_0000 == 0 {
                // The sign of the word says that there is no such code.
                return if word as i32 >= 0 { Ok(word) } else { Err(Malformed) };
            }
            base = i64::from(word & 0xFFFF);
            needed = (word >> 24) as i32;
        }
        Err(Malformed)
    }

    /// A number of `width` bits, of which the lower half stands for negative ones. At the end of the
    /// stream it is one less than the least.
    fn number(&mut self, width: u32) -> Result<i64, Malformed> {
        if width == 0 {
            return Ok(0);
        }
        if width > 31 {
            return Err(Malformed);
        }
        let bits = self.take(width);
        let is_negative = bits < 1 << (width - 1);
        Ok(if is_negative { bits - (1 << width) + 1 } else { bits })
    }

    /// The coefficients of the next block; `prior` is the first one of the block before.
    ///
    /// # Errors
    /// The stream ends, or has no code or a coefficient too many.
    pub fn decode_block(
        &mut self,
        prior: i32,
        dc_table: &[u32],
        ac_table: &[u32],
    ) -> Result<[i32; BLOCK], Malformed> {
        let mut block = [0; BLOCK];
        let width = self.decode(dc_table)?;
        block[0] = prior.wrapping_add(self.number(width)? as i32);
        let mut index = 1;
        while index < BLOCK {
            let code = self.decode(ac_table)?;
            let (zeros, width) = ((code >> 4) as usize, code & 15);
            if width != 0 {
                index += zeros;
                let value = self.number(width)?;
                let place = *NATURAL_ORDER.get(index).ok_or(Malformed)?;
                block[usize::from(place)] = value as i32;
            } else if zeros == 15 {
                index += zeros;
            } else {
                break;
            }
            index += 1;
        }
        Ok(block)
    }
}
