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
        self.grow(cage, bytes)?;
        let segment = self.segments.last_mut()?;
        segment.next += bytes;
        Some(segment.start)
    }

    /// Add an empty segment of at least `bytes` bytes. Answers its size.
    fn grow(&mut self, cage: &Cage, bytes: u64) -> Option<u64> {
        let size = bytes.max(GROWTH_BYTES).checked_next_multiple_of(crate::cage::PAGE)?;
        let used: u64 = self.segments.iter().map(|s| s.limit - s.start).sum();
        let start = self.frontier;
        let end = start.checked_add(size)?;
        if used.checked_add(size)? > self.limit_bytes || end > cage.range().end.0 {
            return None;
        }
        cage.commit(Address(start)..Address(end)).ok()?;
        self.frontier = end;
        self.segments.push(Space::new(start, end));
        Some(size)
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
            self.attention.store(0, std::sync::atomic::Ordering::Release);
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

    /// Bytes that can still be allocated before memory is used up.
    pub fn bytes_left(&self) -> u64 {
        let used: u64 = self.old.segments.iter().map(|s| s.limit - s.start).sum();
        let in_segments: u64 = self.old.segments.iter().map(|s| s.limit - s.next).sum();
        let room = self.cage.range().end.0.saturating_sub(self.old.frontier);
        let growth = self.old.limit_bytes.saturating_sub(used).min(room);
        growth + in_segments + self.old.free.bytes()
    }

    /// Grow old space by a segment of at least `bytes` bytes. Answers its size in bytes, or `None`
    /// when memory is used up.
    pub fn grow_old(&mut self, bytes: u64) -> Option<u64> {
        self.old.grow(&self.cage, bytes)
    }

    /// Bytes of old space that are committed and in no object.
    pub fn old_bytes_free(&self) -> u64 {
        let ends: u64 = self.old.segments.iter().map(|s| s.limit - s.next).sum();
        ends + self.old.free.bytes()
    }

    /// Bytes of the largest object that fits old space without growing it, headers included.
    pub fn largest_old_free(&self) -> u64 {
        let ends = self.old.segments.iter().map(|s| s.limit - s.next);
        ends.chain([self.old.free.largest()]).max().unwrap_or(0)
    }

    /// After a full collection: the next one is due when old space grew by a half.
    pub(crate) fn note_live_bytes(&mut self) {
        self.gc.old_allocated = 0;
        self.gc.full_threshold = self.old_bytes_in_use() / 2;
    }
}
