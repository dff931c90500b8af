//! Making an object shorter: in place where what remains is an object of its own, else by a copy that
//! the object is forwarded to.
//!
//! Source: `Spur64BitMemoryManager>>#shorten:toIndexableSize:`.

use crate::header::{OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::heap::Heap;
use crate::oop::{Address, Oop};
use crate::sweeper::free_lists::LEAST_CHUNK;

impl Heap {
    /// Where the first `slots` slots of `object`, which has at least as many, are to be written: the
    /// object itself or a copy without contents. `None` when memory is used up.
    pub(super) fn prepare_to_shorten(&mut self, object: Oop, slots: u64) -> Option<Oop> {
        let header = self.memory.header(object);
        let rest = self.memory.end_of(object).0 - self.end_with(object, slots);
        let keeps_overflow = !header.has_overflow_slots() || slots >= OVERFLOW_SLOTS;
        if keeps_overflow && (rest == 0 || rest >= LEAST_CHUNK) {
            return Some(object);
        }
        let copy = self.allocate_filled(header.class_index(), header.format(), slots)?;
        let header = self.memory.header(copy).with_hash(header.hash());
        self.memory.set_header(copy, header);
        Some(copy)
    }

    /// Cut `object` to `slots` slots, or forward it: `target` is what was prepared for that.
    pub(super) fn shorten(&mut self, object: Oop, target: Oop, slots: u64) {
        if target != object {
            self.forward(object, target);
            return;
        }
        let (cut, end) = (self.end_with(object, slots), self.memory.end_of(object).0);
        let header = self.memory.header(object);
        if header.has_overflow_slots() {
            let count = OVERFLOW_SLOTS << SLOTS_SHIFT | slots & OVERFLOW_COUNT_MASK;
            self.memory.store(Address(object.0 - WORD), count);
        } else {
            let others = header.0 & OVERFLOW_COUNT_MASK;
            self.memory.set_header(object, crate::header::Header(slots << SLOTS_SHIFT | others));
        }
        if cut == end {
        } else if object.0 >= self.old_start {
            self.free_chunk(cut, end - cut);
        } else {
            // Walks over the nursery pass over it.
            self.write_chunk_header(cut, end - cut);
        }
    }

    /// Where `object` would end if it had `slots` slots.
    fn end_with(&self, object: Oop, slots: u64) -> u64 {
        object.0 + WORD + slots.max(1) * WORD
    }
}
