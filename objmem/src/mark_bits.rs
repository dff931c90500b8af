//! One bit for each word of a range of the cage: which objects live.
//!
//! Beside the heap, so that marking dirties no page of it. Must not know what an object is.

use crate::header::WORD;
use crate::oop::Oop;
use crate::roots::MemoryExhausted;

/// The bits; an object's is that of its header word.
#[derive(Debug)]
pub struct MarkBits {
    base: u64,
    bits: Vec<u64>,
}

impl MarkBits {
    /// No marks, for addresses from `base` to `end`.
    ///
    /// # Errors
    /// When the system has no memory for them.
    pub fn new(base: u64, end: u64) -> Result<MarkBits, MemoryExhausted> {
        let words = (end.saturating_sub(base) / WORD / 64 + 1) as usize;
        // Not to be had from `vec!`, which aborts the process. Pages come zeroed and untouched.
        Vec::<u64>::new().try_reserve_exact(words).map_err(|_| MemoryExhausted)?;
        Ok(MarkBits { base, bits: vec![0; words] })
    }

    /// Make room for marks up to `end`.
    pub fn extend(&mut self, end: u64) {
        let words = (end.saturating_sub(self.base) / WORD / 64 + 1) as usize;
        if words > self.bits.len() {
            self.bits.resize(words, 0);
        }
    }

    #[inline(always)]
    fn bit(&self, address: u64) -> (usize, u32) {
        let bit = address.wrapping_sub(self.base) / WORD;
        ((bit / 64) as usize, (bit % 64) as u32)
    }

    /// Whether `object` is marked; it lies in the range.
    #[inline(always)]
    pub fn is_marked(&self, object: Oop) -> bool {
        let (word, bit) = self.bit(object.0);
        self.bits[word] >> bit & 1 != 0
    }

    /// Mark `object`; answers whether it was unmarked.
    #[inline(always)]
    pub fn mark(&mut self, object: Oop) -> bool {
        let (word, bit) = self.bit(object.0);
        let word = &mut self.bits[word];
        let mask = 1 << bit;
        let fresh = *word & mask == 0;
        *word |= mask;
        fresh
    }

    /// Take the mark of `object` away.
    pub fn unmark(&mut self, object: Oop) {
        let (word, bit) = self.bit(object.0);
        self.bits[word] &= !(1 << bit);
    }

    /// The first marked object from address `from` on, below `end`.
    #[inline]
    pub fn next_marked(&self, from: u64, end: u64) -> Option<Oop> {
        let (mut index, bit) = self.bit(from);
        let mut word = *self.bits.get(index)? & u64::MAX << bit;
        while word == 0 {
            index += 1;
            word = *self.bits.get(index)?;
            if self.base + index as u64 * 64 * WORD >= end {
                return None;
            }
        }
        let bit = index as u64 * 64 + u64::from(word.trailing_zeros());
        let address = self.base + bit * WORD;
        (address < end).then_some(Oop(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_order() {
        let mut marks = MarkBits::new(1000, 100_000).expect("memory");
        for at in [1000, 1504, 1512, 90_000] {
            assert!(marks.mark(Oop(at)));
            assert!(!marks.mark(Oop(at)));
        }
        let mut found = Vec::new();
        let mut at = 1000;
        while let Some(object) = marks.next_marked(at, 100_000) {
            found.push(object.0);
            at = object.0 + 8;
        }
        assert_eq!(found, [1000, 1504, 1512, 90_000]);
        assert_eq!(marks.next_marked(1520, 90_000), None);
        marks.unmark(Oop(90_000));
        assert_eq!(marks.next_marked(1520, 100_000), None);
        marks.extend(200_000);
        assert!(marks.mark(Oop(199_992)));
        assert_eq!(marks.next_marked(1520, 200_000), Some(Oop(199_992)));
    }
}
