//! Writing of literals and matches with given Huffman trees.
//!
//! Owns the loop of `primitiveZipSendBlock`. Facts: `sendBlock:with:with:with:` and
//! `nextZipBits:put:` of VMMaker's DeflatePlugin. Bits that do not fit into the output stay in
//! the bit buffer.

use super::Malformed;
use super::codes::{MIN_MATCH, distance_code, length_code};

/// A Huffman tree: for each symbol the count of bits and the (bit-reversed) code.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// Counts of bits.
    pub lengths: &'a [u32],
    /// Codes, the first bit lowest.
    pub codes: &'a [u32],
}

/// The output side of an encoder, named after its instance variables.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// The output.
    pub collection: &'a mut [u8],
    /// Count of bytes in it.
    pub position: usize,
    /// Bits not yet put out, the first one lowest.
    pub bit_buffer: u64,
    /// Count of those bits.
    pub bit_count: u32,
}

impl Encoder<'_> {
    /// Writes from `literals` and `distances` as far as there is room. Answers how many entries
    /// and how many bytes of the uncompressed data that was. Does not allocate.
    ///
    /// # Errors
    /// [`Malformed`] if a symbol is not in its tree, a code is wider than its count of bits, or
    /// the distances are fewer than the literals.
    pub fn send_block(
        &mut self,
        literals: &[u8],
        distances: &[u32],
        literal_tree: Tree,
        distance_tree: Tree,
    ) -> Result<(usize, usize), Malformed> {
        if distances.len() < literals.len() {
            return Err(Malformed);
        }
        self.put(0, 0)?;
        let (mut entries, mut bytes) = (0, 0);
        for (&literal, &distance) in literals.iter().zip(distances) {
            if self.position + 4 >= self.collection.len() {
                break;
            }
            entries += 1;
            if distance == 0 {
                bytes += 1;
                self.put_symbol(literal_tree, usize::from(literal))?;
                continue;
            }
            bytes += usize::from(literal) + MIN_MATCH;
            let length = length_code(literal);
            self.put_symbol(literal_tree, length.symbol)?;
            self.put(length.extra_bits, length.extra)?;
            let excess = u16::try_from(distance - 1).map_err(|_| Malformed)?;
            if excess >= 0x8000 {
                return Err(Malformed);
            }
            let distance = distance_code(excess);
            self.put_symbol(distance_tree, distance.symbol)?;
            self.put(distance.extra_bits, distance.extra)?;
        }
        Ok((entries, bytes))
    }

    fn put_symbol(&mut self, tree: Tree, symbol: usize) -> Result<(), Malformed> {
        let length = *tree.lengths.get(symbol).ok_or(Malformed)?;
        let code = *tree.codes.get(symbol).ok_or(Malformed)?;
        self.put(length, code)
    }

    /// Puts out bits, the lowest first, and full bytes of the buffer while there is room.
    fn put(&mut self, count: u32, value: u32) -> Result<(), Malformed> {
        let fits = count < 32 && value >> count == 0;
        if !fits || self.bit_count.saturating_add(count) >= 64 {
            return Err(Malformed);
        }
        self.bit_buffer |= u64::from(value) << self.bit_count;
        self.bit_count += count;
        while self.bit_count >= 8 && self.position < self.collection.len() {
            self.collection[self.position] = self.bit_buffer as u8;
            self.position += 1;
            self.bit_buffer >>= 8;
            self.bit_count -= 8;
        }
        Ok(())
    }
}
