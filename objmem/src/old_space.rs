//! Private old space: segments of the cage after the boot region, and allocation in them.
//!
//! Every byte of a segment belongs to an object or to a free chunk, always, so that the heap can be
//! walked at any time. Small objects are cut from the *buffer*, a free chunk that is on no list. The
//! *reserve* is memory that a scavenge or a become may fall back on, so that it never fails half way.
//! Source of the policy: `SpurMemoryManager>>#allocateOldSpaceChunkOfBytes:`, `SpurSegmentManager`.

use std::ops::Range;

use crate::cage::{Cage, PAGE};
use crate::format::Format;
use crate::header::{OVERFLOW_SLOTS, WORD};
use crate::heap::Heap;
use crate::oop::{Address, ClassIndex, Oop};
use crate::space::{LARGEST_YOUNG_SLOTS, Space};
use crate::sweeper::free_lists::{FreeLists, LEAST_CHUNK};

/// Bytes by which old space grows at least.
pub const GROWTH_BYTES: u64 = 4 << 20;
/// Bytes by which old space grows at most, unless one object needs more.
const MOST_GROWTH_BYTES: u64 = 64 << 20;
/// Bytes by which old space grows at least before a full collection is due, unless its limit is low.
const LEAST_FULL_THRESHOLD: u64 = 64 << 20;
/// Where the limit is low, it is this part of it.
const FULL_THRESHOLD_PART: u64 = 8;
/// Objects of fewer bytes are cut from the buffer.
const SMALL_BYTES: u64 = 512;
/// Most bytes that old space may take beyond its limit in an emergency.
const EMERGENCY_BYTES: u64 = 16 << 20;
/// What the reserve has on top, so that a rest too small for a chunk never matters.
const RESERVE_SLACK: u64 = 2 * LARGEST_YOUNG_SLOTS * WORD;

/// The private old segments of a heap.
#[derive(Debug, Default)]
pub struct OldSpace {
    /// The segments, in ascending order; each is in use up to its limit.
    pub segments: Vec<Space>,
    /// Where private old space starts.
    start: u64,
    /// One past the last segment, and the reserve.
    pub frontier: u64,
    /// Free chunks inside the segments and the boot region, but for the buffer.
    pub free: FreeLists,
    /// Bytes of all segments together may not exceed this, but for what a scavenge must tenure.
    pub limit_bytes: u64,
    /// Where small objects are made next.
    buffer: Space,
    /// Usable memory that belongs to no segment yet; empty when there is none.
    reserve: Space,
    /// Bytes of all segments together.
    total: u64,
}

impl OldSpace {
    /// No segments; the first one will be at `start`.
    pub fn new(start: u64, limit_bytes: u64) -> OldSpace {
        OldSpace { start, frontier: start, limit_bytes, ..OldSpace::default() }
    }

    /// The same segments, and the same free chunks but for those in `boot`, for another heap which may
    /// take `more` bytes on top.
    pub(crate) fn fork(&self, boot: &Range<u64>, more: u64) -> OldSpace {
        let mut free = self.free.clone();
        free.remove_range(boot);
        let buffer = if boot.contains(&self.buffer.start) { Space::default() } else { self.buffer };
        let last = self.segments.last().map_or(self.start, |segment| segment.limit);
        OldSpace {
            segments: self.segments.clone(),
            start: self.start,
            frontier: last,
            free,
            limit_bytes: self.total.saturating_add(more),
            buffer,
            reserve: Space::default(),
            total: self.total,
        }
    }

    /// Bytes of all segments together.
    pub fn total_bytes(&self) -> u64 {
        self.total
    }

    /// Free bytes of the segments and of the boot region.
    pub fn free_bytes(&self) -> u64 {
        self.free.bytes() + (self.buffer.limit - self.buffer.next)
    }

    /// Whether `bytes` more may be in use.
    pub(crate) fn may_take(&self, bytes: u64) -> bool {
        self.total.saturating_add(bytes) <= self.limit_bytes.saturating_add(self.free_bytes())
    }

    /// Bytes by which scavenges may exceed the limit, beside what the nursery holds, so that the image
    /// can still make small objects when it is told that memory is used up.
    pub(crate) fn emergency_bytes(&self) -> u64 {
        EMERGENCY_BYTES.min(self.limit_bytes / 16)
    }

    /// Forget the free chunks, before a sweep finds them anew.
    pub(crate) fn forget_free(&mut self) {
        self.free.clear();
        self.buffer = Space::default();
    }

    /// The lowest address from which on `bytes` bytes belong to no segment, nor to the reserve.
    fn place_for(&self, cage: &Cage, bytes: u64) -> Option<u64> {
        let mut at = self.start;
        let mut taken: Vec<Space> = self.segments.clone();
        if self.reserve.limit != 0 {
            taken.push(self.reserve);
            taken.sort_unstable_by_key(|space| space.start);
        }
        for space in taken {
            if space.start - at >= bytes {
                return Some(at);
            }
            at = space.limit;
        }
        (at.checked_add(bytes)? <= cage.range().end.0).then_some(at)
    }

    fn update_frontier(&mut self) {
        let last = self.segments.last().map_or(self.start, |segment| segment.limit);
        self.frontier = last.max(self.reserve.limit);
    }

    /// Add a segment that covers `range`, whose pages are usable.
    fn insert(&mut self, start: u64, limit: u64) {
        let index = self.segments.partition_point(|segment| segment.start < start);
        self.segments.insert(index, Space { start, next: limit, limit });
        self.total += limit - start;
        self.update_frontier();
    }

    /// Make segments of at least `bytes` bytes usable. `bounded` means within the limit.
    fn grow(&mut self, cage: &Cage, bytes: u64, bounded: bool) -> Option<Space> {
        let bytes = bytes.checked_next_multiple_of(PAGE)?;
        let wanted = (self.total / 32).clamp(GROWTH_BYTES, MOST_GROWTH_BYTES);
        let wanted = bytes.max(wanted.next_multiple_of(PAGE));
        let allowed = if bounded { self.limit_bytes.saturating_sub(self.total) } else { u64::MAX };
        let size = wanted.min(allowed / PAGE * PAGE);
        if size < bytes {
            return None;
        }
        let start = self.place_for(cage, size)?;
        cage.commit(Address(start)..Address(start + size)).ok()?;
        self.insert(start, start + size);
        Some(Space::new(start, start + size))
    }

    /// Give segment `index` back to the system. Nothing in it is on the free lists. Answers whether
    /// the system took it.
    pub(crate) fn release(&mut self, cage: &Cage, index: usize) -> bool {
        let segment = self.segments[index];
        if cage.decommit(Address(segment.start)..Address(segment.limit)).is_err() {
            return false;
        }
        self.segments.remove(index);
        self.total -= segment.limit - segment.start;
        self.update_frontier();
        true
    }

    /// Have a reserve of at least `bytes` bytes.
    pub(crate) fn prepare_reserve(&mut self, cage: &Cage, bytes: u64) -> bool {
        let Some(size) = bytes.checked_add(RESERVE_SLACK + PAGE) else { return false };
        if self.reserve.limit - self.reserve.start >= size - PAGE {
            return true;
        }
        self.drop_reserve(cage);
        let size = size / PAGE * PAGE;
        let Some(start) = self.place_for(cage, size) else { return false };
        if cage.commit(Address(start)..Address(start + size)).is_err() {
            return false;
        }
        self.reserve = Space::new(start, start + size);
        self.update_frontier();
        true
    }

    /// Give the reserve back to the system.
    pub(crate) fn drop_reserve(&mut self, cage: &Cage) {
        let range = Address(self.reserve.start)..Address(self.reserve.limit);
        // Should the system refuse, the pages stay usable, which harms nobody.
        if self.reserve.limit != 0 && cage.decommit(range).is_ok() {
            self.reserve = Space::default();
            self.update_frontier();
        }
    }
}

impl Heap {
    /// An object in private old space, its slots undefined. `None` when memory is used up.
    pub fn allocate_old(&mut self, class: ClassIndex, format: Format, slots: u64) -> Option<Oop> {
        if slots > 1 << 48 {
            return None;
        }
        let overflow = if slots >= OVERFLOW_SLOTS { WORD } else { 0 };
        let bytes = overflow + WORD + slots.max(1) * WORD;
        let start = self.reserve_old(bytes)?;
        Some(self.write_headers(start, class, format, slots))
    }

    /// Room for `bytes` bytes in old space, within its limit: its start. When there is none, a full
    /// collection is due.
    #[inline]
    pub(crate) fn reserve_old(&mut self, bytes: u64) -> Option<u64> {
        // When the nursery cannot be emptied, what is left of old space is for that.
        let exhausted = self.gc.usual_soft_limit != 0;
        let found =
            if !exhausted && self.old.may_take(bytes) { self.take_old(bytes, true) } else { None };
        if found.is_some() {
            self.note_old_allocation(bytes);
        } else {
            self.ask_for_full_collection();
        }
        found
    }

    #[inline]
    fn note_old_allocation(&mut self, bytes: u64) {
        self.gc.old_allocated += bytes;
        let least = LEAST_FULL_THRESHOLD.min(self.old.limit_bytes / FULL_THRESHOLD_PART);
        if self.gc.old_allocated > self.gc.full_threshold.max(least) {
            self.want_full_collection();
        }
    }

    /// There is no memory: a full collection is due, unless nothing was allocated since the last one.
    #[cold]
    pub(crate) fn ask_for_full_collection(&mut self) {
        if self.gc.old_allocated != 0 || self.nursery.eden.next != self.gc.eden_after_full {
            self.want_full_collection();
        }
    }

    /// Have the interpreter collect everything at its next safepoint.
    #[cold]
    fn want_full_collection(&mut self) {
        self.needs_full_collection = true;
        self.attention.store(0, std::sync::atomic::Ordering::Release);
    }

    /// Room for `bytes` bytes in old space, from the reserve at last: the caller has prepared it.
    #[inline]
    pub(crate) fn reserve_old_surely(&mut self, bytes: u64) -> u64 {
        self.note_old_allocation(bytes);
        if let Some(start) = self.take_old(bytes, true) {
            return start;
        }
        let reserve = std::mem::take(&mut self.old.reserve);
        if reserve.limit != 0 {
            self.old.insert(reserve.start, reserve.limit);
            self.start_segment(Space::new(reserve.start, reserve.limit));
        }
        self.want_full_collection();
        self.bump(bytes).expect("the reserve holds what it was prepared for")
    }

    #[inline]
    fn take_old(&mut self, bytes: u64, bounded: bool) -> Option<u64> {
        let small = bytes < SMALL_BYTES;
        if small && let Some(start) = self.old.free.take_exact(bytes) {
            return Some(start);
        }
        if let Some(start) = self.bump_small(small, bytes) {
            return Some(start);
        }
        self.take_chunk(small, bytes, bounded)
    }

    #[inline]
    fn bump_small(&mut self, small: bool, bytes: u64) -> Option<u64> {
        if small { self.bump(bytes) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn take_chunk(&mut self, small: bool, bytes: u64, bounded: bool) -> Option<u64> {
        if small {
            if let Some((start, size)) = self.old.free.take_buffer(bytes) {
                self.set_buffer(Space::new(start, start + size));
                return self.bump(bytes);
            }
        } else {
            if let Some((start, size)) = self.old.free.take(bytes) {
                if size > bytes {
                    self.free_chunk(start + bytes, size - bytes);
                }
                return Some(start);
            }
            if let Some(start) = self.bump(bytes) {
                return Some(start);
            }
        }
        // A rest of a segment that is too small for a chunk must not remain.
        let room = if bytes.is_multiple_of(PAGE) { bytes } else { bytes + LEAST_CHUNK };
        let segment = self.old.grow(&self.cage, room, bounded)?;
        self.start_segment(segment);
        self.bump(bytes)
    }

    /// Cut `bytes` bytes from the buffer, unless a rest too small for a chunk would remain.
    #[inline]
    fn bump(&mut self, bytes: u64) -> Option<u64> {
        let start = self.old.buffer.next;
        let rest = self.old.buffer.limit - start;
        if rest >= bytes + LEAST_CHUNK {
            self.old.buffer.next = start + bytes;
            self.write_chunk_header(start + bytes, rest - bytes);
            Some(start)
        } else if rest == bytes {
            self.old.buffer = Space::default();
            Some(start)
        } else {
            None
        }
    }

    /// A fresh segment is the buffer.
    fn start_segment(&mut self, segment: Space) {
        self.write_chunk_header(segment.start, segment.limit - segment.start);
        self.set_buffer(segment);
    }

    fn set_buffer(&mut self, buffer: Space) {
        let old = std::mem::replace(&mut self.old.buffer, buffer);
        if old.next != old.limit {
            self.old.free.add(old.next, old.limit - old.next);
        }
    }

    /// Room for `bytes` bytes while compacting: the limit does not count, as more is given back soon.
    pub(crate) fn reserve_old_unbounded(&mut self, bytes: u64) -> Option<u64> {
        self.take_old(bytes, false)
    }

    /// Bytes that objects take in old space, the boot region included.
    pub fn old_bytes_in_use(&self) -> u64 {
        (self.old.total + self.boot_bytes()).saturating_sub(self.old.free_bytes())
    }

    /// Bytes of the boot region, gaps not counted.
    fn boot_bytes(&self) -> u64 {
        let gaps: u64 = self.bridges.iter().map(|&bridge| self.memory.total_bytes(bridge)).sum();
        self.boot.end - self.boot.start - gaps
    }

    /// Bytes that can still be allocated before memory is used up.
    pub fn bytes_left(&self) -> u64 {
        let free = self.old.free_bytes();
        let room = self.cage.range().end.0.saturating_sub(self.old.frontier);
        // Scavenges may have exceeded the limit: then what is free is not to be had.
        let allowed = self.old.limit_bytes.saturating_add(free).saturating_sub(self.old.total);
        allowed.min(room + free)
    }

    /// Grow old space by a segment of at least `bytes` bytes. Answers its size in bytes, or `None`
    /// when memory is used up.
    pub fn grow_old(&mut self, bytes: u64) -> Option<u64> {
        let segment = self.old.grow(&self.cage, bytes, true)?;
        self.start_segment(segment);
        Some(segment.limit - segment.start)
    }

    /// Bytes of the largest object that fits old space without growing it, headers included.
    pub fn largest_old_free(&self) -> u64 {
        self.old.free.largest().max(self.old.buffer.limit - self.old.buffer.next)
    }

    /// After a full collection: the next one is due when old space grew by a half.
    pub(crate) fn note_live_bytes(&mut self) {
        self.gc.old_allocated = 0;
        let shared = if self.collects_boot { 0 } else { self.boot_bytes() };
        self.gc.full_threshold = self.old_bytes_in_use().saturating_sub(shared) / 2;
    }
}
