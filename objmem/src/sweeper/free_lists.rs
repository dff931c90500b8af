//! Free chunks of old space by size: exact lists for small ones, an ordered set for the rest.
//!
//! Kept beside the heap, so that a collection writes nothing but chunk headers into it. Source of
//! the policy (best fit, no chunk smaller than an object): `SpurMemoryManager>>#allocateOldSpaceChunkOfBytes:`.

use std::collections::BTreeSet;

use crate::header::WORD;

/// Sizes in words that have a list of their own.
const LISTS: usize = 64;
/// Bytes of the smallest object, and so of the smallest chunk.
pub const LEAST_CHUNK: u64 = 16;

/// The free chunks.
#[derive(Debug, Default)]
pub struct FreeLists {
    small: Vec<Vec<u64>>,
    present: u64,
    large: BTreeSet<(u64, u64)>,
    bytes: u64,
}

impl FreeLists {
    /// Bytes of all chunks together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the largest chunk; 0 when there is none.
    pub fn largest(&self) -> u64 {
        match self.large.last() {
            Some(chunk) => chunk.0,
            None => u64::from(self.present.checked_ilog2().unwrap_or(0)) * WORD,
        }
    }

    /// Forget all chunks.
    pub fn clear(&mut self) {
        *self = FreeLists::default();
    }

    /// Add the chunk of `bytes` bytes at `start`.
    pub fn add(&mut self, start: u64, bytes: u64) {
        self.bytes += bytes;
        let words = (bytes / WORD) as usize;
        if words < LISTS {
            self.small.resize_with(LISTS, Vec::new);
            self.small[words].push(start);
            self.present |= 1 << words;
        } else {
            self.large.insert((bytes, start));
        }
    }

    /// Remove the smallest chunk from which `bytes` bytes can be cut so that nothing or another
    /// chunk remains. Answers its start and size.
    pub fn take(&mut self, bytes: u64) -> Option<(u64, u64)> {
        if self.bytes < bytes {
            return None;
        }
        let words = (bytes / WORD) as usize;
        let fitting = |size: u64| size == bytes || size >= bytes + LEAST_CHUNK;
        if words < LISTS {
            let above = if words + 2 < LISTS { u64::MAX << (words + 2) } else { 0 };
            let lists = self.present & (above | 1 << words);
            if lists != 0 {
                return self.pop_small(lists.trailing_zeros() as usize);
            }
        }
        let found = self.large.range((bytes, 0)..).find(|chunk| fitting(chunk.0)).copied()?;
        self.large.remove(&found);
        self.bytes -= found.0;
        Some((found.1, found.0))
    }

    fn pop_small(&mut self, words: usize) -> Option<(u64, u64)> {
        let list = &mut self.small[words];
        let start = list.pop()?;
        if list.is_empty() {
            self.present &= !(1 << words);
        }
        let bytes = words as u64 * WORD;
        self.bytes -= bytes;
        Some((start, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_fit_leaves_no_word_over() {
        let mut lists = FreeLists::default();
        lists.add(1000, 32);
        lists.add(2000, 40);
        lists.add(3000, 4096);
        assert_eq!(lists.take(24), Some((2000, 40)));
        assert_eq!(lists.take(24), Some((3000, 4096)));
        assert_eq!(lists.take(32), Some((1000, 32)));
        assert_eq!(lists.take(16), None);
        assert_eq!(lists.bytes(), 0);
    }
}
