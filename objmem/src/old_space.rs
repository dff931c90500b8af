//! Private old space: segments of the cage after the boot region, and allocation in them.

use crate::cage::Cage;
use crate::format::Format;
use crate::header::{OVERFLOW_SLOTS, WORD};
use crate::heap::Heap;
use crate::oop::{Address, ClassIndex, Oop};
use crate::space::Space;
use crate::sweeper::free_lists::FreeLists;

/// Bytes by which old space grows at least.
pub const GROWTH_BYTES: u64 = 4 << 20;

/// Bytes by which old space grows at least before a full collection is due.
const LEAST_FULL_THRESHOLD: u64 = 32 << 20;

/// The private old segments of a heap.
#[derive(Debug, Default)]
pub struct OldSpace {
    /// The segments, in ascending order.
    pub segments: Vec<Space>,
    /// Where the next segment may start.
    pub frontier: u64,
    /// Free chunks inside the segments and the boot region.
    pub free: FreeLists,
    /// Bytes of all segments together may not exceed this.
    pub limit_bytes: u64,
}

impl OldSpace {
    /// Whether `bytes` more bytes fit for sure, whatever objects they come in.
    pub(crate) fn can_take(&self, cage: &Cage, bytes: u64) -> bool {
        let used: u64 = self.segments.iter().map(|s| s.limit - s.start).sum();
        // Each new segment may waste at most one object of the nursery at its end.
        let bytes = (bytes + bytes / 4).max(GROWTH_BYTES) + GROWTH_BYTES;
        used + bytes <= self.limit_bytes && self.frontier + bytes <= cage.range().end.0
    }

    /// Room for `bytes` at the end of some segment, growing by a segment where needed.
    fn reserve(&mut self, cage: &Cage, bytes: u64) -> Option<u64> {
        for segment in self.segments.iter_mut().rev() {
            if segment.next + bytes <= segment.limit {
                let start = segment.next;
                segment.next += bytes;
                return Some(start);
            }
        }
        let size = bytes.max(GROWTH_BYTES).next_multiple_of(crate::cage::PAGE);
        let used: u64 = self.segments.iter().map(|s| s.limit - s.start).sum();
        let start = self.frontier;
        if used + size > self.limit_bytes || start + size > cage.range().end.0 {
            return None;
        }
        cage.commit(Address(start)..Address(start + size)).ok()?;
        self.frontier = start + size;
        self.segments.push(Space { start, next: start + bytes, limit: start + size });
        Some(start)
    }
}

impl Heap {
    /// An object in private old space, its slots undefined. `None` when memory is used up.
    pub fn allocate_old(&mut self, class: ClassIndex, format: Format, slots: u64) -> Option<Oop> {
        let overflow = if slots >= OVERFLOW_SLOTS { WORD } else { 0 };
        let bytes = overflow + WORD + slots.max(1) * WORD;
        let start = self.reserve_old(bytes)?;
        Some(self.write_headers(start, class, format, slots))
    }

    /// Room for `bytes` bytes in old space: its start.
    #[inline]
    pub(crate) fn reserve_old(&mut self, bytes: u64) -> Option<u64> {
        self.gc.old_allocated += bytes;
        if self.gc.old_allocated > self.gc.full_threshold.max(LEAST_FULL_THRESHOLD) {
            self.needs_full_collection = true;
        }
        if let Some((start, size)) = self.old.free.take(bytes) {
            if size > bytes {
                self.free_chunk(start + bytes, size - bytes);
            }
            return Some(start);
        }
        self.old.reserve(&self.cage, bytes)
    }

    /// Bytes that objects take in old space, the boot region included.
    pub fn old_bytes_in_use(&self) -> u64 {
        let private: u64 = self.old.segments.iter().map(Space::used).sum();
        let boot = self.boot.end - self.boot.start - self.boot_gaps;
        (private + boot).saturating_sub(self.old.free.bytes())
    }

    /// After a full collection: the next one is due when old space grew by a half.
    pub(crate) fn note_live_bytes(&mut self) {
        self.gc.old_allocated = 0;
        self.gc.full_threshold = self.old_bytes_in_use() / 2;
    }
}
