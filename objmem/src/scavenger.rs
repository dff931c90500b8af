//! The scavenger: copies what lives in eden and past space into future space, or, when it is old
//! enough or future space is full, into old space.
//!
//! A copied object leaves a forwarder behind. Objects copied to future space are scanned in
//! address order (Cheney); those copied to old space wait on a list. Knows nothing of marking.
//! Source: `SpurGenerationScavenger`.

use std::time::Instant;

use crate::cage::Memory;
use crate::format::Format;
use crate::header::{Header, WORD};
use crate::heap::Heap;
use crate::layout::FORWARDED_CLASS_INDEX;
use crate::oop::{Address, ClassIndex, Oop};
use crate::roots::{MemoryExhausted, Roots};
use crate::space::{Nursery, beside};

/// Which objects a scavenge moves to old space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tenure {
    /// Those that survived a scavenge before, when the survivors are many; Spur's `TenureByAge`.
    ByAge,
    /// All: the nursery is empty afterwards.
    All,
}

/// What the words so many bytes further on in future space refer to is brought in while an object is scanned.
const LOOKAHEAD: u64 = 192;

/// Eden grows when one of so many bytes survives.
const GROWING_SURVIVAL: u64 = 8;

struct Scavenger<'h> {
    heap: &'h mut Heap,
    memory: Memory,
    young_end: u64,
    tenure_below: u64,
    has_forwarders: bool,
    scanned: u64,
    tenured_bytes: u64,
    tenured: Vec<Oop>,
    weak: Vec<Oop>,
    ephemerons: Vec<Oop>,
    remembered: Vec<Oop>,
}

impl Heap {
    /// Collect the nursery. Young objects move; old ones stay.
    ///
    /// # Errors
    /// When old space could not take all that may have to be tenured. Nothing has happened then.
    pub fn scavenge(&mut self, roots: &mut (impl Roots + ?Sized)) -> Result<(), MemoryExhausted> {
        let start = Instant::now();
        let outcome = self.scavenge_with(roots, Tenure::ByAge);
        let taken = self.gc.times.end(start);
        self.gc.times.scavenges += taken;
        self.gc.times.longest_scavenge = self.gc.times.longest_scavenge.max(taken);
        outcome
    }

    /// Collect the nursery, tenuring as `tenure` says.
    ///
    /// # Errors
    /// As [`scavenge`](Self::scavenge).
    pub fn scavenge_with(
        &mut self,
        roots: &mut (impl Roots + ?Sized),
        tenure: Tenure,
    ) -> Result<(), MemoryExhausted> {
        if !self.prepare_scavenge() {
            self.ask_for_full_collection();
            return Err(MemoryExhausted);
        }
        let tenure_below = match tenure {
            Tenure::ByAge => self.gc.tenure_threshold,
            Tenure::All => u64::MAX,
        };
        let mut scavenger = Scavenger {
            memory: self.memory,
            young_end: self.old_start,
            tenure_below,
            has_forwarders: self.has_forwarders,
            scanned: self.nursery.future.start,
            tenured_bytes: 0,
            tenured: Vec::new(),
            weak: Vec::new(),
            ephemerons: Vec::new(),
            remembered: std::mem::take(&mut self.remembered),
            heap: self,
        };
        scavenger.run(roots);
        let tenured = scavenger.tenured_bytes;
        self.finish_scavenge();
        if tenure == Tenure::ByAge {
            self.grow_nursery(tenured + self.nursery.past.used());
        }
        Ok(())
    }

    /// Make sure that all young objects could be tenured. The limit of old space may be exceeded by
    /// what the nursery holds.
    fn prepare_scavenge(&mut self) -> bool {
        let Nursery { eden, past, .. } = self.nursery;
        let capacity = eden.limit - eden.start + past.limit - past.start;
        let free = self.old.free_bytes() + capacity + self.old.emergency_bytes();
        let total = self.old.total_bytes();
        total <= self.old.limit_bytes.saturating_add(free)
            && self.old.prepare_reserve(&self.cage, eden.used() + past.used())
    }

    fn finish_scavenge(&mut self) {
        let nursery = &mut self.nursery;
        self.gc.eden_bytes += nursery.eden.used();
        nursery.eden.next = nursery.eden.start;
        nursery.past.next = nursery.past.start;
        std::mem::swap(&mut nursery.past, &mut nursery.future);
        let survivors = nursery.past.used();
        let size = nursery.past.limit - nursery.past.start;
        // When survivors fill the space, the older nine tenths of them go next time.
        self.gc.tenure_threshold =
            if survivors * 10 > size * 9 { nursery.past.start + survivors / 10 * 9 } else { 0 };
        if self.gc.usual_soft_limit != 0 {
            nursery.soft_limit = std::mem::take(&mut self.gc.usual_soft_limit);
        }
        self.gc.scavenges += 1;
        self.needs_scavenge = false;
    }

    /// Double eden when so many bytes survived that it would pay to come round less often. (Of binary trees
    /// that come and go, most of those that survive a scavenge are dead soon after.)
    fn grow_nursery(&mut self, survived: u64) {
        let eden = self.nursery.eden_bytes();
        let wanted = 2 * eden;
        let pays = survived * GROWING_SURVIVAL >= eden;
        if !pays || wanted > self.nursery.largest {
            return;
        }
        let (reserve, survivors) = beside(wanted);
        if self.old.prepare_reserve(&self.cage, wanted + reserve + survivors) {
            self.nursery.resize(wanted);
        }
    }
}

impl Scavenger<'_> {
    fn run(&mut self, roots: &mut (impl Roots + ?Sized)) {
        let memory = self.memory;
        let old_roots = std::mem::take(&mut self.remembered);
        for &object in &old_roots {
            let header = memory.header(object).with_flag(crate::header::REMEMBERED_BIT, false);
            memory.set_header(object, header);
        }
        for object in old_roots {
            self.scan_old(object);
        }
        roots.visit(&mut |oop| *oop = self.evacuate(*oop));
        self.scavenge_own_roots();
        loop {
            self.scan_copies();
            if self.ephemerons.is_empty() {
                break;
            }
            self.process_ephemerons();
        }
        self.process_weaklings();
        roots.visit_weak(&mut |oop| match self.survivor(*oop) {
            Some(survivor) => {
                *oop = survivor;
                true
            }
            None => false,
        });
    }

    fn scavenge_own_roots(&mut self) {
        let mut own = Vec::new();
        self.heap.visit_own_roots(&mut |oop| own.push(*oop));
        let moved: Vec<Oop> = own.into_iter().map(|oop| self.evacuate(oop)).collect();
        let mut moved = moved.into_iter();
        self.heap.visit_own_roots(&mut |oop| {
            if let Some(new) = moved.next() {
                *oop = new;
            }
        });
    }

    /// The place of `oop` after the scavenge, copying the object when nobody did so far.
    #[inline]
    fn evacuate(&mut self, mut oop: Oop) -> Oop {
        loop {
            if !oop.is_pointer() {
                return oop;
            }
            if oop.0 >= self.young_end {
                if self.has_forwarders && self.memory.is_forwarded(oop) {
                    oop = self.memory.fetch(oop, 0);
                    continue;
                }
                return oop;
            }
            if self.heap.nursery.future.contains(oop.0) {
                return oop;
            }
            let header = self.memory.header(oop);
            if !header.is_forwarded() {
                return self.copy(oop, header);
            }
            oop = self.memory.fetch(oop, 0);
        }
    }

    /// Where `oop` lives on, or `None` when it has not been copied.
    fn survivor(&self, oop: Oop) -> Option<Oop> {
        let oop = self.memory.follow(oop);
        let dead =
            oop.is_pointer() && oop.0 < self.young_end && !self.heap.nursery.future.contains(oop.0);
        if dead { None } else { Some(oop) }
    }

    #[inline]
    fn copy(&mut self, object: Oop, header: Header) -> Oop {
        let memory = self.memory;
        let (overflow, bytes) = if header.has_overflow_slots() {
            (WORD, memory.total_bytes(object))
        } else {
            (0, WORD + header.raw_slots().max(1) * WORD)
        };
        let tenured = object.0 < self.tenure_below(object);
        let future = &mut self.heap.nursery.future;
        let new = if !tenured && future.next + bytes <= future.limit {
            let start = future.next;
            future.next += bytes;
            Oop(start + overflow)
        } else {
            let start = self.heap.reserve_old_surely(bytes);
            self.heap.gc.tenured += 1;
            self.tenured_bytes += bytes;
            let new = Oop(start + overflow);
            self.tenured.push(new);
            new
        };
        memory.copy_words(Address(object.0 - overflow), Address(new.0 - overflow), bytes / WORD);
        let corpse = header.with_class_index(ClassIndex(FORWARDED_CLASS_INDEX));
        memory.set_header(object, corpse.with_format(Format::FORWARDED));
        memory.store_unchecked(object, 0, new);
        new
    }

    /// The threshold that applies to `object`: by age it concerns past space only.
    #[inline(always)]
    fn tenure_below(&self, object: Oop) -> u64 {
        if self.tenure_below == u64::MAX || self.heap.nursery.past.contains(object.0) {
            self.tenure_below
        } else {
            0
        }
    }

    fn scan_copies(&mut self) {
        loop {
            while self.scanned < self.heap.nursery.future.next {
                let object = self.memory.object_starting_at(Address(self.scanned));
                let end = self.memory.end_of(object).0;
                self.look_ahead(self.scanned, end);
                self.scanned = end;
                self.scan(object);
            }
            match self.tenured.pop() {
                Some(object) => self.scan_old(object),
                None => return,
            }
        }
    }

    /// Have what will soon be evacuated on the way: what the words refer to that are as far ahead as those from
    /// `start` to `end` are beside it. (A word that is no reference does no harm.)
    #[inline(always)]
    fn look_ahead(&self, start: u64, end: u64) {
        let limit = (end + LOOKAHEAD).min(self.heap.nursery.future.next);
        let mut at = start + LOOKAHEAD;
        while at < limit {
            let oop = Oop(self.memory.load(Address(at)));
            if oop.is_pointer() && oop.0 < self.young_end {
                self.memory.prefetch(oop.address());
            }
            at += WORD;
        }
    }

    /// Evacuate what an old object refers to, and remember it if some of that stays young.
    fn scan_old(&mut self, object: Oop) {
        if self.scan(object) {
            self.heap.remember(object);
        }
        if object.0 < self.heap.boot.end {
            self.heap.note_boot_references(object);
        }
    }

    /// Evacuate what `object` refers to strongly. Answers whether it refers to young objects then.
    /// Weak objects and ephemerons in waiting are put on their lists.
    #[inline]
    fn scan(&mut self, object: Oop) -> bool {
        let header = self.memory.header(object);
        let format = header.format();
        let slots = if format.bits() < Format::WEAK.bits() {
            self.memory.slot_count(object)
        } else if format.is_bits() {
            return false;
        } else if format.is_weak() {
            self.weak.push(object);
            self.heap.strong_slots_of_weak(object)
        } else if format.is_ephemeron() {
            let slots = self.memory.slot_count(object);
            if slots > 0 && self.survivor(self.memory.fetch(object, 0)).is_none() {
                self.ephemerons.push(object);
                return false;
            }
            slots
        } else {
            self.memory.pointer_slots(object)
        };
        self.scan_slots(object, slots)
    }

    #[inline]
    fn scan_slots(&mut self, object: Oop, slots: u64) -> bool {
        let mut refers_to_young = false;
        for index in 0..slots as usize {
            let old = self.memory.fetch(object, index);
            if !old.is_pointer() || (old.0 >= self.young_end && !self.has_forwarders) {
                continue;
            }
            let new = self.evacuate(old);
            if new != old {
                self.memory.store_unchecked(object, index, new);
            }
            refers_to_young |= new.is_pointer() && new.0 < self.young_end;
        }
        refers_to_young
    }

    /// Scan the waiting ephemerons whose keys turned out to live; when there is none, fire all.
    fn process_ephemerons(&mut self) {
        let waiting = std::mem::take(&mut self.ephemerons);
        let lives = |s: &Self, e: Oop| s.survivor(s.memory.fetch(e, 0)).is_some();
        if !waiting.iter().any(|&ephemeron| lives(self, ephemeron)) {
            // All before any is scanned: several may have the same key.
            waiting.iter().for_each(|&ephemeron| self.heap.fire_ephemeron(ephemeron));
        }
        for ephemeron in waiting {
            if ephemeron.0 >= self.young_end {
                self.scan_old(ephemeron);
            } else {
                self.scan(ephemeron);
            }
        }
    }

    fn process_weaklings(&mut self) {
        for object in std::mem::take(&mut self.weak) {
            let strong = self.heap.strong_slots_of_weak(object) as usize;
            let mut died = false;
            let mut refers_to_young = false;
            for index in 0..self.memory.slot_count(object) as usize {
                let old = self.memory.fetch(object, index);
                let new = match self.survivor(old) {
                    Some(survivor) => survivor,
                    None => {
                        debug_assert!(index >= strong, "strong slot {index} of {object:?} died");
                        died = true;
                        self.heap.nil
                    }
                };
                if new != old {
                    self.memory.store_unchecked(object, index, new);
                }
                refers_to_young |= new.is_pointer() && new.0 < self.young_end;
            }
            if died {
                self.heap.note_weak_loss(object);
            }
            if object.0 >= self.young_end {
                if refers_to_young {
                    self.heap.remember(object);
                }
                if object.0 < self.heap.boot.end {
                    self.heap.note_boot_references(object);
                }
            }
        }
    }
}
