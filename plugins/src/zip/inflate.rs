//! Decoding of one block with given Huffman tables.
//!
//! Owns the loop of `primitiveInflateDecompressBlock`. Facts: `zipDecompressBlock`,
//! `zipDecodeValueFrom:size:` of VMMaker's InflatePlugin. A table is an array of words: the high
//! byte of word 0 is the count of bits to look up first, the first subtable follows at word 1.
//! A word is a leaf if bits 24..30 are zero; else its low 16 bits are the one-based place of a
//! subtable and its high byte is the count of bits to look up there. A leaf is a literal below
//! 256, the end of the block (256), a length with `extra bits + 1` in the high half, or a distance
//! with its extra bits in the high half.

use super::Malformed;

const MAX_BITS: u32 = 16;
const END_OF_BLOCK: u32 = 256;
const STATE_NO_MORE_DATA: i64 = 1;

/// The state of an inflate stream, named after its instance variables.
#[derive(Debug)]
pub struct Inflater<'a> {
    /// The output; only bytes below `read_limit` are valid.
    pub collection: &'a mut [u8],
    /// Count of bytes in the output (instance variable `readLimit`).
    pub read_limit: usize,
    /// State of the stream; the end of a block leaves its lowest bit only.
    pub state: i64,
    /// Bits read ahead, the next one lowest.
    pub bit_buffer: u64,
    /// Count of those bits.
    pub bit_count: u32,
    /// The input.
    pub source: &'a [u8],
    /// Index of the next input byte (instance variable `sourcePos`).
    pub source_position: usize,
    /// Where the input ends (instance variable `sourceLimit`).
    pub source_limit: usize,
}

impl Inflater<'_> {
    /// Decodes until the end of the block, of the input, or of the room in the output. Does not
    /// allocate.
    ///
    /// # Errors
    /// [`Malformed`] for a table that leads outside itself, a distance before the output, or input
    /// that ends within a code. The output may have been written then.
    pub fn decompress_block(
        &mut self,
        literals: &[u32],
        distances: &[u32],
    ) -> Result<(), Malformed> {
        if self.bit_count > 40 {
            return Err(Malformed);
        }
        while self.read_limit < self.collection.len() && self.source_position <= self.source_limit {
            let backup = (self.bit_buffer, self.bit_count, self.source_position);
            let value = self.decode(literals)?;
            if let Ok(literal) = u8::try_from(value) {
                self.collection[self.read_limit] = literal;
                self.read_limit += 1;
                continue;
            }
            if value == END_OF_BLOCK {
                self.state &= STATE_NO_MORE_DATA;
                return Ok(());
            }
            let length = self.extended(value, (value >> 16).saturating_sub(1))?;
            let value = self.decode(distances)?;
            let distance = self.extended(value, value >> 16)?;
            if self.read_limit + length >= self.collection.len() {
                (self.bit_buffer, self.bit_count, self.source_position) = backup;
                return Ok(());
            }
            self.copy_match(length, distance)?;
        }
        Ok(())
    }

    /// The low half of a leaf plus its extra bits.
    fn extended(&mut self, leaf: u32, extra_bits: u32) -> Result<usize, Malformed> {
        let extra = self.next_bits(extra_bits)?;
        Ok((leaf & 0xFFFF) as usize + extra)
    }

    /// Repeats what was put out `distance` bytes ago; there is room for it.
    fn copy_match(&mut self, length: usize, distance: usize) -> Result<(), Malformed> {
        if distance == 0 || distance > self.read_limit {
            return Err(Malformed);
        }
        let end = self.read_limit + length;
        if distance >= length {
            let start = self.read_limit - distance;
            self.collection.copy_within(start..start + length, self.read_limit);
        } else {
            for index in self.read_limit..end {
                self.collection[index] = self.collection[index - distance];
            }
        }
        self.read_limit = end;
        Ok(())
    }

    /// The next leaf.
    fn decode(&mut self, table: &[u32]) -> Result<u32, Malformed> {
        let mut bits_needed = table.first().ok_or(Malformed)? >> 24;
        let mut place = 2;
        loop {
            let index = (place + self.next_bits(bits_needed)?).checked_sub(1);
            let value = *index.and_then(|index| table.get(index)).ok_or(Malformed)?;
            if value & 0x3F00_0000 == 0 {
                return Ok(value);
            }
            place = (value & 0xFFFF) as usize;
            bits_needed = value >> 24;
        }
    }

    fn next_bits(&mut self, count: u32) -> Result<usize, Malformed> {
        if count > MAX_BITS {
            return Err(Malformed);
        }
        while self.bit_count < count {
            let byte = *self.source.get(self.source_position).ok_or(Malformed)?;
            self.source_position += 1;
            self.bit_buffer |= u64::from(byte) << self.bit_count;
            self.bit_count += 8;
        }
        let bits = self.bit_buffer & ((1 << count) - 1);
        self.bit_buffer >>= count;
        self.bit_count -= count;
        Ok(bits as usize)
    }
}
