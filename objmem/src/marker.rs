//! The full collection: marks what lives in old space, in a bitmap beside the heap, then sweeps.
//!
//! The nursery is emptied first, so that only old objects are marked. Forwarders are followed on
//! the way, and gone afterwards. Source: `SpurMemoryManager>>#fullGC`, `#markObjects:`,
//! `#markAndTraceClassOf:`, `#expungeDuplicateAndUnmarkedClasses:`.

use crate::cage::Memory;
use crate::header::WORD;
use crate::heap::Heap;
use crate::layout::{
    CLASS_TABLE_PAGE_SHIFT, CLASS_TABLE_PAGE_SIZE, CLASS_TABLE_ROOT_SLOTS, LAST_CLASS_INDEX_PUN,
};
use crate::oop::{ClassIndex, Oop};
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

/// One bit for each word of a range of old space.
#[derive(Debug)]
pub struct MarkBits {
    base: u64,
    bits: Vec<u64>,
}

impl MarkBits {
    fn new(base: u64, end: u64) -> MarkBits {
        let words = end.saturating_sub(base) / WORD / 64 + 1;
        MarkBits { base, bits: vec![0; words as usize] }
    }

    /// Whether `object` is marked; it lies in the range.
    #[inline(always)]
    pub fn is_marked(&self, object: Oop) -> bool {
        let bit = (object.0 - self.base) / WORD;
        self.bits[(bit / 64) as usize] >> (bit % 64) & 1 != 0
    }

    /// Mark `object`; answers whether it was unmarked.
    #[inline(always)]
    fn mark(&mut self, object: Oop) -> bool {
        let bit = (object.0 - self.base) / WORD;
        let word = &mut self.bits[(bit / 64) as usize];
        let mask = 1 << (bit % 64);
        let fresh = *word & mask == 0;
        *word |= mask;
        fresh
    }
}

struct Marker<'h> {
    heap: &'h mut Heap,
    memory: Memory,
    marks: MarkBits,
    /// Objects below all live.
    low: u64,
    has_forwarders: bool,
    stack: Vec<Oop>,
    weak: Vec<Oop>,
    ephemerons: Vec<Oop>,
    /// Class indices whose class is marked.
    classes: Vec<bool>,
}

impl Heap {
    /// Collect everything: empties the nursery, marks, nils dead weak references, fires
    /// ephemerons, sweeps. Old objects stay where they are; forwarders go away.
    ///
    /// # Errors
    /// When old space cannot take the nursery's survivors. Nothing has happened then.
    pub fn collect_full(
        &mut self,
        roots: &mut (impl Roots + ?Sized),
        boot: CollectBoot,
    ) -> Result<(), MemoryExhausted> {
        self.scavenge_with(roots, Tenure::All)?;
        let everything = boot == CollectBoot::Yes || self.boot.is_empty();
        let low = if everything { self.boot.start } else { self.boot.end };
        let mut marker = Marker {
            memory: self.memory,
            marks: MarkBits::new(low, self.old.frontier),
            low,
            has_forwarders: self.has_forwarders,
            stack: Vec::new(),
            weak: Vec::new(),
            ephemerons: Vec::new(),
            classes: vec![false; 1 << 22],
            heap: self,
        };
        marker.run(roots, everything);
        let marks = marker.marks;
        if everything {
            self.boot_remembered.retain(|&object| marks.is_marked(object));
            self.has_forwarders = false;
        }
        self.sweep(&marks, everything);
        self.gc.full_collections += 1;
        self.note_live_bytes();
        self.needs_full_collection = false;
        Ok(())
    }
}

impl Marker<'_> {
    fn run(&mut self, roots: &mut (impl Roots + ?Sized), everything: bool) {
        roots.visit(&mut |oop| *oop = self.mark(*oop));
        if everything {
            self.mark_class_table();
        } else {
            for object in self.heap.boot_remembered.iter().copied().collect::<Vec<_>>() {
                self.scan(object);
            }
        }
        let mut own = Vec::new();
        self.heap.visit_own_roots(&mut |oop| own.push(*oop));
        let mut own = own.into_iter().map(|oop| self.mark(oop)).collect::<Vec<_>>().into_iter();
        self.heap.visit_own_roots(&mut |oop| *oop = own.next().unwrap_or(*oop));
        loop {
            while let Some(object) = self.stack.pop() {
                self.scan(object);
            }
            if self.ephemerons.is_empty() {
                break;
            }
            self.process_ephemerons();
        }
        self.process_weaklings();
        if everything {
            self.expunge_classes();
        }
        roots.visit_weak(&mut |oop| {
            *oop = self.memory.follow(*oop);
            self.lives(*oop)
        });
    }

    /// Mark what `oop` refers to; answers it with forwarders followed.
    #[inline(always)]
    fn mark(&mut self, mut oop: Oop) -> Oop {
        if self.has_forwarders {
            oop = self.memory.follow(oop);
        }
        if oop.is_pointer() && oop.0 >= self.low && self.marks.mark(oop) {
            self.stack.push(oop);
        }
        oop
    }

    fn lives(&self, oop: Oop) -> bool {
        !oop.is_pointer() || oop.0 < self.low || self.marks.is_marked(oop)
    }

    #[inline]
    fn scan(&mut self, object: Oop) {
        let header = self.memory.header(object);
        let class = header.class_index().0;
        if class > LAST_CLASS_INDEX_PUN && !self.classes[class as usize] {
            self.mark_class_of(object, class);
        }
        let format = header.format();
        let slots = if format.is_weak() {
            self.weak.push(object);
            self.heap.strong_slots_of_weak(object)
        } else {
            let slots = self.memory.pointer_slots(object);
            if format.is_ephemeron() && slots > 0 && !self.lives(self.key_of(object)) {
                self.ephemerons.push(object);
                return;
            }
            slots
        };
        for index in 0..slots as usize {
            let old = self.memory.fetch(object, index);
            if old.is_pointer() {
                let new = self.mark(old);
                if new != old {
                    self.heap.store(object, index, new);
                }
            }
        }
    }

    fn key_of(&self, ephemeron: Oop) -> Oop {
        self.memory.follow(self.memory.fetch(ephemeron, 0))
    }

    /// Mark the class at index `class`, which `object` carries. After a one-way become a class may
    /// be in the table twice: the object is given the index that is the class's hash.
    #[cold]
    fn mark_class_of(&mut self, object: Oop, class: u32) {
        let found = self.memory.follow(self.heap.class_at(ClassIndex(class)));
        if found == self.heap.nil {
            return;
        }
        self.mark(found);
        let hash = self.memory.header(found).hash();
        let current = self.memory.follow(self.heap.class_at(ClassIndex(hash)));
        if hash == class || current != found {
            self.classes[class as usize] = true;
        } else {
            let header = self.memory.header(object).with_class_index(ClassIndex(hash));
            self.memory.set_header(object, header);
        }
    }

    /// Mark the pages of the class table, the classes of the first one and the other hidden roots.
    fn mark_class_table(&mut self) {
        let table = self.heap.hidden_roots;
        self.marks.mark(table);
        for index in 0..self.memory.slot_count(table) as usize {
            let page = self.memory.fetch(table, index);
            if index == 0 || index >= CLASS_TABLE_ROOT_SLOTS as usize {
                self.mark(page);
            } else if page.is_pointer() && page != self.heap.nil {
                self.marks.mark(page);
            }
        }
    }

    /// Empty the class table entries of dead classes, and those that duplicate another: a class is
    /// in its place where its hash says.
    fn expunge_classes(&mut self) {
        for page_index in 1..CLASS_TABLE_ROOT_SLOTS {
            let page = self.memory.fetch(self.heap.hidden_roots, page_index as usize);
            if page == self.heap.nil {
                continue;
            }
            for entry in 0..CLASS_TABLE_PAGE_SIZE {
                let old = self.memory.fetch(page, entry as usize);
                if old == self.heap.nil {
                    continue;
                }
                let class = self.memory.follow(old);
                let index = page_index << CLASS_TABLE_PAGE_SHIFT | entry;
                let hash = self.memory.header(class).hash();
                let elsewhere = hash != index
                    && self.memory.follow(self.heap.class_at(ClassIndex(hash))) == class;
                if self.lives(class) && !elsewhere {
                    if class != old {
                        self.heap.store(page, entry as usize, class);
                    }
                } else {
                    let nil = self.heap.nil;
                    self.heap.store(page, entry as usize, nil);
                    self.heap.class_table_hint = self.heap.class_table_hint.min(index);
                }
            }
        }
    }

    /// Scan the waiting ephemerons whose keys turned out to live; when there is none, fire all.
    fn process_ephemerons(&mut self) {
        let waiting = std::mem::take(&mut self.ephemerons);
        let fire = !waiting.iter().any(|&ephemeron| self.lives(self.key_of(ephemeron)));
        for ephemeron in waiting {
            if fire && !self.lives(self.key_of(ephemeron)) {
                self.heap.fire_ephemeron(ephemeron);
            }
            self.scan(ephemeron);
        }
    }

    fn process_weaklings(&mut self) {
        for object in std::mem::take(&mut self.weak) {
            let mut died = false;
            for index in 0..self.memory.slot_count(object) as usize {
                let old = self.memory.fetch(object, index);
                let mut new = self.memory.follow(old);
                if !self.lives(new) {
                    died = true;
                    new = self.heap.nil;
                }
                if new != old {
                    self.heap.store(object, index, new);
                }
            }
            self.heap.gc.pending_finalizations += usize::from(died);
        }
    }
}
