//! The marker: finds what lives, in a bitmap beside the heap.
//!
//! Forwarders are followed on the way, and no reference to one remains. Weak references are looked at
//! last; ephemerons fire when nothing else reaches their keys. Sources: `SpurMemoryManager>>
//! #markObjects:`, `#markAndTraceClassOf:`, `#expungeDuplicateAndUnmarkedClasses:`,
//! `#markAndFireEphemerons`.

use crate::cage::Memory;
use crate::heap::Heap;
use crate::layout::{
    CLASS_TABLE_PAGE_SHIFT, CLASS_TABLE_PAGE_SIZE, CLASS_TABLE_ROOT_SLOTS, LAST_CLASS_INDEX_PUN,
};
use crate::mark_bits::MarkBits;
use crate::oop::{ClassIndex, Oop};
use crate::roots::Roots;

/// How many objects are fetched ahead of the one that is scanned.
const PREFETCH_DISTANCE: usize = 8;

struct Marker<'h> {
    heap: &'h mut Heap,
    memory: Memory,
    marks: &'h mut MarkBits,
    /// Objects from here on, as many bytes as `spared_bytes`, live and are not marked.
    spared: u64,
    spared_bytes: u64,
    has_forwarders: bool,
    stack: Vec<Oop>,
    weak: Vec<Oop>,
    ephemerons: Vec<Oop>,
    /// A bit for each class index: whether its class is marked.
    classes: Vec<u64>,
}

/// Mark what lives of the nursery, of private old space, and with `everything` of the boot region;
/// without it, what boot objects refer to lives.
pub(crate) fn mark(
    heap: &mut Heap,
    marks: &mut MarkBits,
    roots: &mut (impl Roots + ?Sized),
    everything: bool,
) {
    let spared = if everything { 0 } else { heap.boot.end - heap.boot.start };
    let mut marker = Marker {
        memory: heap.memory,
        marks,
        spared: heap.boot.start,
        spared_bytes: spared,
        has_forwarders: heap.has_forwarders,
        stack: Vec::with_capacity(1 << 12),
        weak: Vec::new(),
        ephemerons: Vec::new(),
        classes: vec![0; 1 << (22 - 6)],
        heap,
    };
    marker.run(roots, everything);
}

impl Marker<'_> {
    fn run(&mut self, roots: &mut (impl Roots + ?Sized), everything: bool) {
        roots.visit(&mut |oop| *oop = self.mark(*oop));
        if everything {
            for bridge in self.heap.bridges.clone() {
                self.marks.mark(bridge);
            }
            self.mark_class_table();
        } else {
            let boot = self.heap.boot.clone();
            let remembered = self.heap.remembered.iter().filter(|object| boot.contains(&object.0));
            let remembered = remembered.chain(&self.heap.boot_remembered);
            for object in remembered.copied().collect::<Vec<_>>() {
                self.scan(object);
            }
        }
        let mut own = Vec::new();
        self.heap.visit_own_roots(&mut |oop| own.push(*oop));
        let mut own = own.into_iter().map(|oop| self.mark(oop)).collect::<Vec<_>>().into_iter();
        self.heap.visit_own_roots(&mut |oop| *oop = own.next().unwrap_or(*oop));
        loop {
            self.drain();
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

    /// Scan all that is marked and waits. Between stack and scan an object waits in a short queue,
    /// so that its header is there when it is needed.
    fn drain(&mut self) {
        let mut queue = [Oop::ZERO; PREFETCH_DISTANCE];
        let mut waiting = 0;
        let mut turn = 0;
        loop {
            let next = match self.stack.pop() {
                Some(object) => {
                    self.memory.prefetch(object.address());
                    object
                }
                None if waiting == 0 => return,
                None => Oop::ZERO,
            };
            waiting += usize::from(next != Oop::ZERO);
            let object = std::mem::replace(&mut queue[turn % PREFETCH_DISTANCE], next);
            turn += 1;
            if object != Oop::ZERO {
                waiting -= 1;
                self.scan(object);
            }
        }
    }

    /// Mark what `oop` refers to; answers it with forwarders followed.
    #[inline(always)]
    fn mark(&mut self, mut oop: Oop) -> Oop {
        if self.has_forwarders {
            oop = self.memory.follow(oop);
        }
        if oop.is_pointer() && !self.is_spared(oop) && self.marks.mark(oop) {
            self.stack.push(oop);
        }
        oop
    }

    #[inline(always)]
    fn is_spared(&self, oop: Oop) -> bool {
        oop.0.wrapping_sub(self.spared) < self.spared_bytes
    }

    fn lives(&self, oop: Oop) -> bool {
        !oop.is_pointer() || self.is_spared(oop) || self.marks.is_marked(oop)
    }

    #[inline]
    fn scan(&mut self, object: Oop) {
        let header = self.memory.header(object);
        let class = header.class_index().0;
        if class > LAST_CLASS_INDEX_PUN
            && self.classes[class as usize / 64] >> (class % 64) & 1 == 0
        {
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
            self.classes[class as usize / 64] |= 1 << (class % 64);
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
                    self.heap.gc.classes_expunged += 1;
                    self.heap.class_table_hint = self.heap.class_table_hint.min(index);
                }
            }
        }
    }

    /// Scan the waiting ephemerons, those whose keys turned out to live as ordinary objects. When
    /// there is none of these, all of them fire.
    fn process_ephemerons(&mut self) {
        let waiting = std::mem::take(&mut self.ephemerons);
        if !waiting.iter().any(|&ephemeron| self.lives(self.key_of(ephemeron))) {
            // All before any is scanned: several may have the same key.
            waiting.iter().for_each(|&ephemeron| self.heap.fire_ephemeron(ephemeron));
        }
        waiting.into_iter().for_each(|ephemeron| self.scan(ephemeron));
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
            if died {
                self.heap.note_weak_loss(object);
            }
        }
    }
}
