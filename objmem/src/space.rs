//! The nursery: eden and two survivor spaces, and bump allocation in eden.

use crate::cage::PAGE;
use crate::format::Format;
use crate::header::{Header, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::heap::Heap;
use crate::oop::{Address, ClassIndex, Oop};

/// A contiguous range filled from its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Space {
    /// First byte.
    pub start: u64,
    /// Where the next object goes.
    pub next: u64,
    /// One past the last byte.
    pub limit: u64,
}

/// Eden and the two survivor spaces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nursery {
    /// Where new objects are made.
    pub eden: Space,
    /// Past this address of eden a scavenge is due, though allocation goes on.
    pub soft_limit: u64,
    /// Survivors of the last scavenge.
    pub past: Space,
    /// Empty but during a scavenge.
    pub future: Space,
    /// One past the last byte that belongs to it, however large the spaces are now.
    pub end: u64,
    /// Eden up to the soft limit may grow to so many bytes.
    pub largest: u64,
}

/// What eden has beyond its soft limit, and a survivor space, when it has `eden` bytes up to there.
pub const fn beside(eden: u64) -> (u64, u64) {
    ((eden / 4).next_multiple_of(PAGE), (eden / 5).next_multiple_of(PAGE))
}

impl Nursery {
    /// An empty one whose spaces (eden, past, future) start, and which ends, at `places`: with so many bytes
    /// of eden up to the soft limit, which may become `largest`. The places leave room for that.
    pub fn new(places: [u64; 4], eden: u64, largest: u64) -> Nursery {
        let [start, past, future, end] = places;
        let [eden_space, past, future] = [start, past, future].map(|at| Space::new(at, at));
        let mut nursery = Nursery { eden: eden_space, soft_limit: 0, past, future, end, largest };
        nursery.resize(eden);
        nursery.past.limit = nursery.past.start + beside(eden).1;
        nursery
    }

    /// Bytes of eden up to its soft limit.
    pub const fn eden_bytes(&self) -> u64 {
        self.soft_limit - self.eden.start
    }

    /// Have so many bytes of eden up to the soft limit, at most [`largest`](Self::largest), and in proportion
    /// what is beside it. Eden and the future space are empty; the past space grows when it is empty next.
    pub(crate) fn resize(&mut self, eden: u64) {
        let (reserve, survivors) = beside(eden);
        self.soft_limit = self.eden.start + eden;
        self.eden.limit = self.soft_limit + reserve;
        self.future.limit = self.future.start + survivors;
    }
}

/// Objects of more slots than this go to old space at once.
pub const LARGEST_YOUNG_SLOTS: u64 = 8 << 10;

impl Space {
    /// An empty space.
    pub const fn new(start: u64, limit: u64) -> Space {
        Space { start, next: start, limit }
    }

    /// Bytes in use.
    pub const fn used(&self) -> u64 {
        self.next - self.start
    }

    /// Whether `address` lies in it.
    pub const fn contains(&self, address: u64) -> bool {
        address >= self.start && address < self.limit
    }
}

impl Heap {
    /// An object of `slots` slots, their contents undefined (rubbish: fill them before the next
    /// safepoint). Goes to eden, or to old space when large or when eden is full. `None` when
    /// memory is used up. Never moves an object; may set [`Heap::needs_scavenge`].
    #[inline(always)]
    pub fn allocate(&mut self, class: ClassIndex, format: Format, slots: u64) -> Option<Oop> {
        if slots < OVERFLOW_SLOTS {
            let start = self.nursery.eden.next;
            let end = start + WORD + slots.max(1) * WORD;
            if end <= self.nursery.soft_limit {
                self.nursery.eden.next = end;
                self.memory.store(Address(start), Header::new(slots, format, class).0);
                return Some(Oop(start));
            }
        }
        self.allocate_slowly(class, format, slots)
    }

    #[cold]
    #[inline(never)]
    fn allocate_slowly(&mut self, class: ClassIndex, format: Format, slots: u64) -> Option<Oop> {
        if slots >= OVERFLOW_SLOTS && !self.has_room_for_large(slots) {
            // What is left is for small objects: the image needs them to say that memory is used up.
            self.ask_for_full_collection();
            return None;
        }
        if slots <= LARGEST_YOUNG_SLOTS {
            let overflow = if slots >= OVERFLOW_SLOTS { WORD } else { 0 };
            let start = self.nursery.eden.next;
            let end = start + overflow + WORD + slots.max(1) * WORD;
            if end > self.nursery.soft_limit {
                self.needs_scavenge = true;
                self.attention.store(0, std::sync::atomic::Ordering::Release);
            }
            if end <= self.nursery.eden.limit {
                self.nursery.eden.next = end;
                return Some(self.write_headers(start, class, format, slots));
            }
        }
        let object = self.allocate_old(class, format, slots)?;
        if format.is_pointers() {
            // Its slots may receive young references without the barrier.
            self.remember(object);
        }
        Some(object)
    }

    /// Whether an object of `slots` slots, which is no small one, may be made, wherever that is.
    fn has_room_for_large(&self, slots: u64) -> bool {
        let exhausted = self.gc.usual_soft_limit != 0;
        !exhausted && self.old.may_take(slots.saturating_mul(WORD))
    }

    /// Write overflow word and header of an object at `start`.
    pub(crate) fn write_headers(
        &self,
        start: u64,
        class: ClassIndex,
        format: Format,
        slots: u64,
    ) -> Oop {
        let mut at = Address(start);
        if slots >= OVERFLOW_SLOTS {
            let word = OVERFLOW_SLOTS << SLOTS_SHIFT | slots & OVERFLOW_COUNT_MASK;
            self.memory.store(at, word);
            at = at.plus(WORD);
        }
        self.memory.store(at, Header::new(slots, format, class).0);
        at.oop()
    }

    /// Like [`allocate`](Self::allocate), with every slot nil (references) or zero (bits).
    pub fn allocate_filled(
        &mut self,
        class: ClassIndex,
        format: Format,
        slots: u64,
    ) -> Option<Oop> {
        let object = self.allocate(class, format, slots)?;
        let fill = if format.is_pointers() { self.nil.0 } else { 0 };
        self.memory.fill(self.memory.slot_address(object, 0), slots.max(1), fill);
        Some(object)
    }
}
