//! The words of objects as slices: forms of pixels, halftones, tables of colours; all slots of an object.
//!
//! Owns the argument why several objects may be borrowed at once. It must not know what the words
//! mean. Nothing here allocates or moves an object.

use crate::heap::Heap;
use crate::oop::Oop;

impl Heap {
    /// All slots of an object (not of an immediate) as they lie in memory, whatever they hold.
    #[inline]
    pub fn slots(&self, object: Oop) -> &[u64] {
        let words = self.native(self.slot_address(object, 0)).cast::<u64>();
        debug_assert!(words.is_aligned(), "objects start at multiples of 8");
        // SAFETY: the slots lie inside the object, any word is a valid u64, and the borrow of the heap
        // keeps the object there.
        unsafe { std::slice::from_raw_parts(words, self.slot_count(object) as usize) }
    }

    /// Fill the slots of an object that was just allocated with `words`, of which none may be a reference
    /// to a young object if the object is old: there is no write barrier.
    ///
    /// # Panics
    /// When there are not as many words as slots.
    #[inline]
    pub fn fill_slots(&mut self, object: Oop, words: &[u64]) {
        let slots = self.slot_count(object) as usize;
        let first = self.native(self.slot_address(object, 0)).cast::<u64>();
        assert_eq!(words.len(), slots, "{object:?} has as many slots as there are words for");
        // SAFETY: the slots lie inside the object, and the exclusive borrow of the heap keeps the object
        // there and everybody else out.
        unsafe { std::slice::from_raw_parts_mut(first, slots) }.copy_from_slice(words);
    }

    /// The 32-bit words of an object of raw bits; `None` for anything else.
    #[inline]
    pub fn words_32(&self, object: Oop) -> Option<&[u32]> {
        let (words, count) = self.words_32_at(object)?;
        // SAFETY: the elements lie inside the object, and the borrow of the heap keeps them there.
        Some(unsafe { std::slice::from_raw_parts(words, count) })
    }

    /// The elements of several objects of 32-bit words, to change all at once; no object gives no
    /// words. `None` if one of them is anything else, or if two are the same.
    #[inline]
    pub fn words_32_mut<const N: usize>(
        &mut self,
        objects: [Option<Oop>; N],
    ) -> Option<[&mut [u32]; N]> {
        let mut all: [&mut [u32]; N] = std::array::from_fn(|_| Default::default());
        for (index, object) in objects.iter().enumerate() {
            let Some(object) = object else { continue };
            if objects[..index].contains(&Some(*object)) {
                return None;
            }
            let (words, count) = self.words_32_at(*object)?;
            // SAFETY: the elements lie inside the object. The objects differ from each other, so
            // their elements do not overlap, and the exclusive borrow of the heap keeps them in
            // place and everybody else out.
            all[index] = unsafe { std::slice::from_raw_parts_mut(words, count) };
        }
        Some(all)
    }

    /// Start and number of the whole 32-bit words of an object of raw bits.
    #[inline]
    fn words_32_at(&self, object: Oop) -> Option<(*mut u32, usize)> {
        if !object.is_pointer() || !self.format(object).is_bits() {
            return None;
        }
        let words = self.native(self.slot_address(object, 0)).cast::<u32>();
        debug_assert!(words.is_aligned(), "objects start at multiples of 8");
        Some((words, (self.byte_size(object) / 4) as usize))
    }
}

#[cfg(test)]
mod tests {
    use crate::bootstrap::BootstrapOptions;
    use crate::layout::class_index;
    use crate::{Format, Heap, Oop};

    #[test]
    fn slots_are_read_and_filled_as_words() {
        let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        for slots in [0, 1, 300, 20_000] {
            let object = heap.allocate(class_index::ARRAY, Format::INDEXABLE, slots);
            let object = object.expect("memory");
            let words: Vec<u64> = (0..slots).map(|n| Oop::small_integer(n as i64).0).collect();
            heap.fill_slots(object, &words);
            assert_eq!(heap.slots(object), words);
        }
    }

    #[test]
    fn distinct_objects_are_borrowed_at_once() {
        let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let format = Format::WORDS_32.for_elements(3);
        let a = heap.allocate_filled(class_index::BITMAP, format, 2).expect("room");
        let b = heap.allocate_filled(class_index::BITMAP, format, 2).expect("room");
        let [first, none, second] = heap.words_32_mut([Some(a), None, Some(b)]).expect("words");
        assert!(none.is_empty());
        first.copy_from_slice(&[1, 2, 3]);
        second[2] = first[1];
        assert_eq!(heap.words_32(a), Some(&[1, 2, 3][..]));
        assert_eq!(heap.words_32(b).map(|words| words[2]), Some(2));
        assert!(heap.words_32_mut([Some(a), Some(a)]).is_none());
        let nil = heap.nil();
        assert!(heap.words_32(nil).is_none());
    }
}
