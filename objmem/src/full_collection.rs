//! The full collection: empties the nursery, marks, sweeps, and compacts when it is worth it.
//!
//! When old space cannot take the nursery's survivors, they stay where they are and are marked in
//! place, so that a collection always happens. Must not know how each pass works. Source of the
//! order: `SpurMemoryManager>>#fullGC`.

use std::time::Instant;

use crate::heap::Heap;
use crate::mark_bits::MarkBits;
use crate::marker::mark;
use crate::oop::Oop;
use crate::roots::{MemoryExhausted, Roots};
use crate::scavenger::Tenure;

/// Whether a full collection reclaims the boot region too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CollectBoot {
    /// Yes: for the main image.
    Yes,
    /// No: boot objects all live, and are read only where they refer to private ones.
    No,
}

impl Heap {
    /// Collect everything: marks, nils dead weak references, fires ephemerons, sweeps, and moves old
    /// objects together where much is free and `roots` allow it. The nursery is empty afterwards,
    /// unless old space cannot take what lives there. Forwarders go away.
    ///
    /// # Errors
    /// When the system has no memory for the mark bits. Nothing has happened then, but for a scavenge.
    pub fn collect_full(
        &mut self,
        roots: &mut (impl Roots + ?Sized),
        boot: CollectBoot,
    ) -> Result<(), MemoryExhausted> {
        self.collect(roots, boot, false)
    }

    /// Like [`collect_full`](Self::collect_full), and moves old objects together wherever there is
    /// anything between them, should `roots` allow it.
    ///
    /// # Errors
    /// As [`collect_full`](Self::collect_full).
    pub fn compact(
        &mut self,
        roots: &mut (impl Roots + ?Sized),
        boot: CollectBoot,
    ) -> Result<(), MemoryExhausted> {
        self.collect(roots, boot, true)
    }

    fn collect(
        &mut self,
        roots: &mut (impl Roots + ?Sized),
        boot: CollectBoot,
        compact: bool,
    ) -> Result<(), MemoryExhausted> {
        let start = Instant::now();
        let emptied = self.scavenge_with(roots, Tenure::All).is_ok();
        self.old.drop_reserve(&self.cage);
        let everything = boot == CollectBoot::Yes || self.boot.is_empty();
        let mut marks = MarkBits::new(self.stack_zone.end.0, self.old.frontier)?;
        let marking = Instant::now();
        mark(self, &mut marks, roots, everything);
        self.gc.times.marking += marking.elapsed();
        self.remembered.retain(|&object| {
            marks.is_marked(object) || !everything && self.boot.contains(&object.0)
        });
        if everything {
            self.boot_remembered.retain(|&object| marks.is_marked(object));
            self.boot_recent.fill(Oop::ZERO);
            self.gc.boot_was_swept |= !self.boot.is_empty();
            // Without the boot region, some of its objects may still refer to a forwarder.
            self.has_forwarders = false;
        }
        let sweeping = Instant::now();
        self.sweep(&marks, everything);
        if !emptied {
            self.sweep_nursery(&marks);
        }
        self.gc.times.sweeping += sweeping.elapsed();
        if roots.allows_compaction() {
            let compacting = Instant::now();
            self.compact_old(&mut marks, roots, everything, compact);
            self.gc.times.compacting += compacting.elapsed();
        }
        // With what was reclaimed, there may be room for the nursery now.
        if !emptied && self.scavenge_with(roots, Tenure::ByAge).is_err() {
            self.use_up_eden();
        }
        self.gc.full_collections += 1;
        self.note_live_bytes();
        self.needs_full_collection = false;
        self.gc.eden_after_full = self.nursery.eden.next;
        let taken = self.gc.times.end(start);
        self.gc.times.full += taken;
        self.gc.times.longest_full = self.gc.times.longest_full.max(taken);
        Ok(())
    }

    /// Old space is full of what lives: let the rest of eden be used before a scavenge is tried
    /// again.
    fn use_up_eden(&mut self) {
        if self.gc.usual_soft_limit == 0 {
            self.gc.usual_soft_limit = self.nursery.soft_limit;
        }
        self.nursery.soft_limit = self.nursery.eden.limit;
        self.needs_scavenge = false;
    }

    /// Call `f` with each marked object: young ones, private ones, and with `everything` those of the
    /// boot region, without it those that refer to private ones.
    pub(crate) fn each_marked(
        &self,
        marks: &MarkBits,
        everything: bool,
        f: &mut dyn FnMut(&Heap, Oop),
    ) {
        let mut ranges = vec![
            (self.nursery.eden.start, self.nursery.eden.next),
            (self.nursery.past.start, self.nursery.past.next),
        ];
        ranges.extend(self.old.segments.iter().map(|segment| (segment.start, segment.limit)));
        if everything {
            ranges.push((self.boot.start, self.boot.end));
        } else {
            self.boot_remembered.iter().for_each(|&object| f(self, object));
        }
        for (start, end) in ranges {
            let mut at = start;
            while let Some(object) = marks.next_marked(at, end) {
                f(self, object);
                at = object.0 + crate::header::WORD;
            }
        }
    }
}
