//! The compactor: moves the objects of sparse segments elsewhere and gives the segments back.
//!
//! Runs after a sweep, with its mark bits: copies each live object of the chosen segments into free
//! chunks of others (or a fresh segment), leaves a forwarder, then updates every reference and frees
//! the segments. Only private segments are chosen: the boot region stays as the file has it, and its
//! garbage is reused from the free lists. Pinned objects stay, and their segments with them. Must not
//! know how objects were marked. Spur slides objects instead (`SpurPlanningCompactor`); evacuation
//! needs no second pass over what stays.

use rustc_hash::FxHashSet;

use crate::cage::PAGE;
use crate::format::Format;
use crate::heap::Heap;
use crate::layout::FORWARDED_CLASS_INDEX;
use crate::mark_bits::MarkBits;
use crate::old_space::GROWTH_BYTES;
use crate::oop::{Address, ClassIndex, Oop};
use crate::roots::Roots;
use crate::space::Space;

impl Heap {
    /// Compact old space if there is enough to gain, or wherever there is anything with `all`.
    pub(crate) fn compact_old(
        &mut self,
        marks: &mut MarkBits,
        roots: &mut (impl Roots + ?Sized),
        everything: bool,
        all: bool,
    ) {
        let chosen = self.sparse_segments(marks, all);
        if chosen.is_empty() {
            return;
        }
        for segment in &chosen {
            self.old.free.remove_range(&(segment.start..segment.limit));
        }
        let mut pages = FxHashSet::default();
        for segment in &chosen {
            if !self.evacuate_segment(*segment, marks, &mut pages) {
                break;
            }
        }
        if !pages.is_empty() {
            self.gc.compactions += 1;
            self.update_references(marks, roots, everything, &pages);
        }
        for segment in chosen {
            let found = self.old.segments.iter().position(|other| other.start == segment.start);
            if let Some(index) = found {
                self.sweep_segment(index, marks);
            }
        }
    }

    /// The segments to empty: those less than half full, when that gives back a quarter of old
    /// space; with `all`, those with anything free.
    fn sparse_segments(&self, marks: &MarkBits, all: bool) -> Vec<Space> {
        let mut chosen = Vec::new();
        let mut gain = 0;
        for segment in &self.old.segments {
            let size = segment.limit - segment.start;
            let live = self.live_bytes(*segment, marks);
            if if all { live < size } else { live < size / 2 } {
                chosen.push(*segment);
                gain += size - live;
            }
        }
        // What is moved wants a place: one segment to another of its kind is no gain.
        let worthwhile = gain >= self.old.total_bytes() / 4 && gain >= 2 * GROWTH_BYTES;
        if all || worthwhile { chosen } else { Vec::new() }
    }

    fn live_bytes(&self, segment: Space, marks: &MarkBits) -> u64 {
        let (mut at, mut live) = (segment.start, 0);
        while let Some(object) = marks.next_marked(at, segment.limit) {
            at = self.memory.end_of(object).0;
            live += at - self.memory.start_of(object).0;
        }
        live
    }

    /// Copy the live objects of `segment` elsewhere; note the pages that forwarders are on. Answers
    /// false when there is no memory: then the rest stays.
    fn evacuate_segment(
        &mut self,
        segment: Space,
        marks: &mut MarkBits,
        pages: &mut FxHashSet<u64>,
    ) -> bool {
        let mut at = segment.start;
        while let Some(object) = marks.next_marked(at, segment.limit) {
            at = self.memory.end_of(object).0;
            if self.must_stay(object) {
                continue;
            }
            let start = self.memory.start_of(object);
            let bytes = at - start.0;
            let Some(new_start) = self.reserve_old_unbounded(bytes) else { return false };
            self.memory.copy(start, Address(new_start), bytes);
            let new = Oop(new_start + (object.0 - start.0));
            marks.extend(self.old.frontier);
            marks.unmark(object);
            marks.mark(new);
            let forwarder = self.memory.header(object).with_format(Format::FORWARDED);
            let forwarder = forwarder.with_class_index(ClassIndex(FORWARDED_CLASS_INDEX));
            self.memory.set_header(object, forwarder);
            self.memory.store_unchecked(object, 0, new);
            pages.insert(object.0 / PAGE);
            if new.0 < self.boot.end {
                // It went to a hole of the boot region.
                self.note_boot_references(new);
            }
        }
        true
    }

    fn must_stay(&self, object: Oop) -> bool {
        let well_known = [self.nil, self.true_object, self.false_object];
        self.memory.header(object).is_pinned() || well_known.contains(&object)
    }

    fn update_references(
        &mut self,
        marks: &MarkBits,
        roots: &mut (impl Roots + ?Sized),
        everything: bool,
        pages: &FxHashSet<u64>,
    ) {
        let memory = self.memory;
        // The pages as bits from the first one on: asked once for each reference of the heap.
        let first = pages.iter().min().copied().unwrap_or(0);
        let last = pages.iter().max().copied().unwrap_or(0);
        let mut bits = vec![0_u64; ((last - first) / 64 + 1) as usize];
        for page in pages {
            bits[((page - first) / 64) as usize] |= 1 << ((page - first) % 64);
        }
        let moved = |oop: Oop| {
            let page = (oop.0 / PAGE).wrapping_sub(first);
            let near =
                bits.get((page / 64) as usize).is_some_and(|word| word >> (page % 64) & 1 != 0);
            if near && oop.is_pointer() { memory.follow(oop) } else { oop }
        };
        self.each_marked(marks, everything, &mut |heap, object| {
            for index in 0..heap.memory.pointer_slots(object) as usize {
                let old = memory.fetch(object, index);
                let new = moved(old);
                if new != old {
                    memory.store_unchecked(object, index, new);
                }
            }
        });
        self.remembered.iter_mut().for_each(|object| *object = moved(*object));
        let remembered = std::mem::take(&mut self.boot_remembered);
        self.boot_remembered = remembered.into_iter().map(moved).collect();
        self.visit_own_roots(&mut |oop| *oop = moved(*oop));
        roots.visit(&mut |oop| *oop = moved(*oop));
        roots.visit_weak(&mut |oop| {
            *oop = moved(*oop);
            true
        });
    }
}
