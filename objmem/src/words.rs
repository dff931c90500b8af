//! The 32-bit words of objects as slices: forms of pixels, halftones, tables of colours.
//!
//! Owns the argument why several objects may be borrowed at once. It must not know what the words
//! mean. Nothing here allocates or moves an object.

use crate::heap::Heap;
use crate::oop::Oop;

impl Heap {
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
    use crate::{Format, Heap};

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
