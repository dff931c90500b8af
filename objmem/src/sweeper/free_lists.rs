//! Free chunks of old space by size: exact lists for small ones, an ordered set for the rest.
//!
//! Kept beside the heap, so that a collection writes nothing but chunk headers into it. Source of
//! the policy (best fit, no chunk smaller than an object): `SpurMemoryManager>>#allocateOldSpaceChunkOfBytes:`.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::header::WORD;

/// Sizes in words that have a list of their own.
const LISTS: usize = 64;
/// Bytes of the smallest object, and so of the smallest chunk.
pub const LEAST_CHUNK: u64 = 16;
/// Bytes of a chunk that is worth being the buffer, where there is one.
const GOOD_BUFFER: u64 = 4096;

/// The free chunks.
#[derive(Clone, Debug, Default)]
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
        self.small.iter_mut().for_each(Vec::clear);
        self.large.clear();
        self.present = 0;
        self.bytes = 0;
    }

    /// Add the chunk of `bytes` bytes at `start`.
    pub fn add(&mut self, start: u64, bytes: u64) {
        self.bytes += bytes;
        let words = (bytes / WORD) as usize;
        if words < LISTS {
            if self.small.is_empty() {
                self.small.resize_with(LISTS, Vec::new);
            }
            self.small[words].push(start);
            self.present |= 1 << words;
        } else {
            self.large.insert((bytes, start));
        }
    }

    /// Remove a chunk of exactly `bytes` bytes, which have a list: its start.
    #[inline]
    pub fn take_exact(&mut self, bytes: u64) -> Option<u64> {
        let words = (bytes / WORD) as usize;
        if words < LISTS && self.present >> words & 1 != 0 {
            self.pop_small(words).map(|chunk| chunk.0)
        } else {
            None
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
        Some(self.remove_large(found))
    }

    /// Remove a chunk from which many objects of about `bytes` bytes can be cut: the smallest of a
    /// good size, else as [`take`](Self::take) does.
    pub fn take_buffer(&mut self, bytes: u64) -> Option<(u64, u64)> {
        let good = self.large.range((bytes.max(GOOD_BUFFER) + LEAST_CHUNK, 0)..).next().copied();
        match good {
            Some(found) => Some(self.remove_large(found)),
            None => self.take(bytes),
        }
    }

    /// Remove all chunks inside `range`.
    pub fn remove_range(&mut self, range: &Range<u64>) {
        for (words, list) in self.small.iter_mut().enumerate() {
            let before = list.len();
            list.retain(|start| !range.contains(start));
            self.bytes -= (before - list.len()) as u64 * words as u64 * WORD;
            if list.is_empty() {
                self.present &= !(1 << words);
            }
        }
        let mut removed = 0;
        self.large.retain(|&(bytes, start)| {
            let inside = range.contains(&start);
            removed += if inside { bytes } else { 0 };
            !inside
        });
        self.bytes -= removed;
    }

    fn remove_large(&mut self, chunk: (u64, u64)) -> (u64, u64) {
        self.large.remove(&chunk);
        self.bytes -= chunk.0;
        (chunk.1, chunk.0)
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
        assert_eq!(lists.take_exact(24), None);
        assert_eq!(lists.take_exact(32), Some(1000));
        assert_eq!(lists.take(16), None);
        assert_eq!(lists.bytes(), 0);
    }

    #[test]
    fn buffers_are_large_where_possible() {
        let mut lists = FreeLists::default();
        lists.add(1000, 64);
        assert_eq!(lists.take_buffer(24), Some((1000, 64)));
        lists.add(1000, 64);
        lists.add(2000, 1 << 20);
        lists.add(9000, 8192);
        assert_eq!(lists.take_buffer(24), Some((9000, 8192)));
        lists.remove_range(&(0..1500));
        assert_eq!(lists.take_exact(64), None);
        assert_eq!(lists.bytes(), 1 << 20);
        lists.remove_range(&(1500..9000));
        assert_eq!((lists.take(16), lists.bytes()), (None, 0));
    }
}
