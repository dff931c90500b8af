//! The search for matches in what a deflate stream has buffered.
//!
//! Owns the loop of `primitiveDeflateBlock`: literals and matches are noted and their frequencies
//! counted, until a block should be flushed. Facts: `deflateBlock:chainLength:goodMatch:` and
//! the methods it sends, VMMaker's DeflatePlugin. Reading beyond the buffer gives zero bytes.

use super::Malformed;
use super::codes::{
    DISTANCE_CODES, LITERAL_CODES, MAX_MATCH, MIN_MATCH, distance_code, length_code,
};

/// Size of the window, and of both hash tables.
pub const WINDOW_SIZE: usize = 1 << 15;
const WINDOW_MASK: usize = WINDOW_SIZE - 1;
const HASH_SHIFT: u32 = 5;

/// The state of a deflate stream, named after its instance variables.
#[derive(Debug)]
pub struct Deflater<'a> {
    /// The input buffer.
    pub collection: &'a [u8],
    /// Count of bytes in it.
    pub position: usize,
    /// For each hash the last position with it.
    pub hash_head: &'a mut [u32; WINDOW_SIZE],
    /// For each position the one before it with the same hash.
    pub hash_tail: &'a mut [u32; WINDOW_SIZE],
    /// The running hash.
    pub hash_value: usize,
    /// Where to go on.
    pub block_position: usize,
    /// Literals, and lengths of matches less [`MIN_MATCH`].
    pub literals: &'a mut [u8],
    /// Distances of the matches, 0 for a literal; not shorter than `literals`.
    pub distances: &'a mut [u32],
    /// How often each literal or length code was used.
    pub literal_frequencies: &'a mut [u32; LITERAL_CODES],
    /// How often each distance code was used.
    pub distance_frequencies: &'a mut [u32; DISTANCE_CODES],
    /// Count of literals and matches.
    pub literal_count: usize,
    /// Count of matches.
    pub match_count: usize,
}

/// How hard to search.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many positions of a hash chain to try.
    pub chain_length: i64,
    /// A match longer than this ends the search.
    pub good_match: i64,
}

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    position: usize,
}

impl Deflater<'_> {
    /// Goes on up to `last_index`; answers whether the block must be flushed. Does not allocate.
    ///
    /// # Errors
    /// [`Malformed`], with nothing changed, if an index is outside its collection.
    pub fn deflate_block(&mut self, last_index: usize, effort: Effort) -> Result<bool, Malformed> {
        if self.block_position > last_index {
            return Ok(false);
        }
        if self.literal_count >= self.literals.len() {
            return Ok(true);
        }
        if last_index >= self.collection.len() || self.distances.len() < self.literals.len() {
            return Err(Malformed);
        }
        let mut here = self.block_position;
        let mut flush = false;
        let mut known: Option<Match> = None;
        while here <= last_index && !flush {
            let current = known.take().unwrap_or_else(|| self.first_match(here, effort));
            let next = self.find_match(here + 1, current, effort);
            if current.length >= next.length && current.length >= MIN_MATCH {
                flush = self.encode_match(current.length, here - current.position);
                for index in here + 1..here + current.length {
                    self.insert_string(index);
                }
                here += current.length;
            } else {
                flush = self.encode_literal(self.collection[here]);
                here += 1;
                if here <= last_index && !flush {
                    self.insert_string(here);
                    known = Some(next);
                }
            }
        }
        self.block_position = here;
        Ok(flush)
    }

    /// Searches at `here` with nothing found before, and enters `here` into the tables.
    fn first_match(&mut self, here: usize, effort: Effort) -> Match {
        let nothing = Match { length: MIN_MATCH - 1, position: here };
        let found = self.find_match(here, nothing, effort);
        self.insert_string(here);
        found
    }

    /// The longest match at `here` that is longer than `best`, else `best`.
    fn find_match(&self, here: usize, mut best: Match, effort: Effort) -> Match {
        if best.length >= MAX_MATCH {
            return best;
        }
        let mut position = self.hash_head[self.hash_at(here)] as usize;
        if position >= here || here - position >= WINDOW_SIZE {
            return best;
        }
        let limit = here.saturating_sub(WINDOW_SIZE);
        let mut chain_length = effort.chain_length;
        loop {
            let length = self.match_length(here, position, best.length);
            if length > best.length {
                best = Match { length, position };
                if length >= MAX_MATCH || length as i64 > effort.good_match {
                    return best;
                }
            }
            chain_length = chain_length.saturating_sub(1);
            if chain_length <= 0 {
                return best;
            }
            position = self.hash_tail[position & WINDOW_MASK] as usize;
            if position <= limit || position >= here {
                return best;
            }
        }
    }

    /// The usable length of the match, or less than the minimum if it cannot exceed that.
    fn match_length(&self, here: usize, position: usize, minimum: usize) -> usize {
        let same = |offset| self.byte(here + offset) == self.byte(position + offset);
        if !same(minimum) || !same(minimum - 1) {
            return 0;
        }
        let length = (0..MAX_MATCH)
            .position(|offset| !same(offset))
            .unwrap_or(MAX_MATCH)
            .min(self.position.saturating_sub(here));
        if length == MIN_MATCH && here - position > WINDOW_SIZE / 4 {
            return MIN_MATCH - 1;
        }
        length
    }

    fn byte(&self, index: usize) -> u8 {
        self.collection.get(index).copied().unwrap_or(0)
    }

    /// The hash of the string at `here`, of which all but the last byte is in the running hash.
    fn hash_at(&self, here: usize) -> usize {
        let next = self.byte(here + MIN_MATCH - 1);
        ((self.hash_value << HASH_SHIFT) ^ usize::from(next)) & WINDOW_MASK
    }

    fn insert_string(&mut self, here: usize) {
        self.hash_value = self.hash_at(here);
        let head = &mut self.hash_head[self.hash_value];
        self.hash_tail[here & WINDOW_MASK] = *head;
        *head = here as u32;
    }

    /// Notes a literal; answers whether to flush.
    fn encode_literal(&mut self, literal: u8) -> bool {
        let frequency = &mut self.literal_frequencies[usize::from(literal)];
        *frequency = frequency.wrapping_add(1);
        self.note(literal, 0)
    }

    /// Notes a match; answers whether to flush.
    fn encode_match(&mut self, length: usize, distance: usize) -> bool {
        let excess = (length - MIN_MATCH) as u8;
        let frequency = &mut self.literal_frequencies[length_code(excess).symbol];
        *frequency = frequency.wrapping_add(1);
        let code = distance_code((distance - 1) as u16);
        let frequency = &mut self.distance_frequencies[code.symbol];
        *frequency = frequency.wrapping_add(1);
        self.match_count += 1;
        self.note(excess, distance as u32)
    }

    fn note(&mut self, literal: u8, distance: u32) -> bool {
        self.literals[self.literal_count] = literal;
        self.distances[self.literal_count] = distance;
        self.literal_count += 1;
        self.should_flush()
    }

    /// Whether the block is full, or, looked at every 4096 literals, its character has changed.
    fn should_flush(&self) -> bool {
        let (all, matches) = (self.literal_count, self.match_count);
        if all == self.literals.len() {
            return true;
        }
        if all & 0xFFF != 0 || matches.saturating_mul(10) <= all {
            return false;
        }
        let literals = all.saturating_sub(matches);
        literals > matches && literals.saturating_mul(4) <= matches
    }
}
