//! A heap and what ought to be in it.

use std::collections::HashSet;

use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::image::{HeapOptions, ImageHeader};
use rowel_objmem::layout::{class_index, special};
use rowel_objmem::scavenger::Tenure;
use rowel_objmem::{ClassIndex, CollectBoot, Format, Heap, Oop, verify};

pub const ROOTS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Nil,
    Object(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Strong,
    Weak,
    /// Two slots: key and value.
    Ephemeron,
    /// An ephemeron that has fired: an ordinary object in all but its layout.
    Fired,
}

/// An object: its slots, but for the one that holds its number: an ephemeron's comes last, that of
/// others first.
#[derive(Clone)]
struct Entry {
    kind: Kind,
    slots: Vec<Value>,
    pinned: bool,
}

#[derive(Clone, Debug)]
pub enum Step {
    New {
        root: usize,
        kind: Kind,
        slots: usize,
    },
    Store {
        from: usize,
        slot: usize,
        to: usize,
    },
    Load {
        from: usize,
        slot: usize,
        to: usize,
    },
    Drop {
        root: usize,
    },
    Scavenge,
    TenureAll,
    Full,
    FullSparingBoot,
    Compact,
    CompactSparingBoot,
    Pin {
        root: usize,
    },
    /// Old objects that die at once, so that segments become sparse.
    Litter {
        root: usize,
    },
    /// A chain of objects that takes much memory.
    Hoard {
        root: usize,
    },
    Become {
        from: usize,
        to: usize,
        two_way: bool,
    },
}

pub struct World {
    heap: Heap,
    roots: Vec<Oop>,
    objects: Vec<Entry>,
    model_roots: [Value; ROOTS],
    /// Objects made for a purpose of the test that are garbage by now, but may be in the boot
    /// region, which is not always collected.
    max_old_bytes: u64,
}

const PLENTY: u64 = 256 << 20;

fn bootstrap(max_old_bytes: u64) -> Heap {
    Heap::bootstrap(BootstrapOptions {
        cage_bytes: 1 << 30,
        stack_bytes: 1 << 16,
        eden_bytes: 1 << 17,
        survivor_bytes: 1 << 12,
        max_old_bytes,
    })
    .expect("memory")
}

impl World {
    pub fn fresh() -> World {
        World::around(bootstrap(PLENTY), PLENTY)
    }

    /// Old space may hardly grow: much of the time there is no memory.
    pub fn cramped() -> World {
        World::around(bootstrap(1 << 19), 1 << 19)
    }

    fn around(heap: Heap, max_old_bytes: u64) -> World {
        let roots = vec![heap.nil(); ROOTS];
        let model_roots = [Value::Nil; ROOTS];
        World { heap, roots, objects: Vec::new(), model_roots, max_old_bytes }
    }

    /// A world that has gone through `steps`, and then through an image file.
    pub fn from_image(steps: &[Step]) -> World {
        let mut world = World::fresh();
        steps.iter().for_each(|step| world.run(step));
        world.run(&Step::Full);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("graph.image");
        let header = ImageHeader { format: 68_021, ..ImageHeader::default() };
        let array = world
            .heap
            .allocate_filled(class_index::ARRAY, Format::INDEXABLE, ROOTS as u64)
            .expect("memory");
        for (index, &root) in world.roots.iter().enumerate() {
            world.heap.store(array, index, root);
        }
        world.heap.set_special(special::THE_DISPLAY, array);
        world.heap.write_image(&path, &header).expect("written");
        let options = HeapOptions {
            eden_bytes: 128 << 10,
            stack_bytes: 64 << 10,
            max_old_bytes: PLENTY,
            cage_bytes: 1 << 30,
            ..HeapOptions::default()
        };
        let (mut heap, _) = Heap::open(&path, &options).expect("an image");
        let array = heap.special(special::THE_DISPLAY);
        world.roots = (0..ROOTS).map(|index| heap.fetch(array, index)).collect();
        heap.set_special(special::THE_DISPLAY, heap.nil());
        world.heap = heap;
        world.compare();
        world
    }

    pub fn run(&mut self, step: &Step) {
        match *step {
            Step::New { root, kind, slots } => self.make(root, kind, slots),
            Step::Store { from, slot, to } => self.store(from, slot, to),
            Step::Load { from, slot, to } => {
                if let Value::Object(id) = self.model_roots[from] {
                    let slot = slot % self.objects[id].slots.len();
                    self.model_roots[to] = self.objects[id].slots[slot];
                    let object = self.heap.follow(self.roots[from]);
                    self.roots[to] = self.heap.fetch(object, self.heap_slot(id, slot));
                }
            }
            Step::Drop { root } => {
                self.model_roots[root] = Value::Nil;
                self.roots[root] = self.heap.nil();
            }
            Step::Scavenge => self.scavenge(Tenure::ByAge),
            Step::TenureAll => self.scavenge(Tenure::All),
            Step::Full => self.collect(|heap, roots| heap.collect_full(roots, CollectBoot::Yes)),
            Step::FullSparingBoot => {
                self.collect_private(|heap, roots| heap.collect_full(roots, CollectBoot::No));
            }
            Step::Compact => self.collect(|heap, roots| heap.compact(roots, CollectBoot::Yes)),
            Step::CompactSparingBoot => {
                self.collect_private(|heap, roots| heap.compact(roots, CollectBoot::No));
            }
            Step::Hoard { root } => self.hoard(root),
            Step::Pin { root } => self.pin(root),
            Step::Litter { root } => self.litter(root),
            Step::Become { from, to, two_way } => self.become_step(from, to, two_way),
        }
    }

    fn make(&mut self, root: usize, kind: Kind, slots: usize) {
        let id = self.objects.len();
        let (class, format): (ClassIndex, _) = match kind {
            Kind::Weak => (bootstrap_class::WEAK_ARRAY, Format::WEAK),
            Kind::Ephemeron => (bootstrap_class::EPHEMERON, Format::EPHEMERON),
            _ => (class_index::ARRAY, Format::INDEXABLE),
        };
        let Some(object) = self.heap.allocate_filled(class, format, slots as u64 + 1) else {
            assert!(self.max_old_bytes < PLENTY);
            return;
        };
        self.objects.push(Entry { kind, slots: vec![Value::Nil; slots], pinned: false });
        let number = if kind == Kind::Ephemeron { slots } else { 0 };
        self.heap.store(object, number, Oop::small_integer(id as i64));
        self.roots[root] = object;
        self.model_roots[root] = Value::Object(id);
    }

    /// Where the heap has slot `slot` of object `id`.
    fn heap_slot(&self, id: usize, slot: usize) -> usize {
        let ephemeron = matches!(self.objects[id].kind, Kind::Ephemeron | Kind::Fired);
        slot + usize::from(!ephemeron)
    }

    fn store(&mut self, from: usize, slot: usize, to: usize) {
        if let Value::Object(id) = self.model_roots[from] {
            let slot = slot % self.objects[id].slots.len();
            self.objects[id].slots[slot] = self.model_roots[to];
            let object = self.heap.follow(self.roots[from]);
            self.heap.store(object, self.heap_slot(id, slot), self.roots[to]);
        }
    }

    fn pin(&mut self, root: usize) {
        if let Value::Object(id) = self.model_roots[root]
            && let Some(object) = self.heap.pin(self.roots[root])
        {
            assert!(!self.heap.is_young(object));
            self.objects[id].pinned = true;
            self.roots[root] = object;
        }
    }

    fn litter(&mut self, root: usize) {
        for count in 0..200 {
            let class = class_index::ARRAY;
            let Some(array) = self.heap.allocate_old(class, Format::INDEXABLE, 20) else { return };
            for slot in 0..20 {
                self.heap.store(array, slot, self.heap.nil());
            }
            if count == 0 {
                self.heap.store(array, 0, self.roots[root]);
            }
        }
    }

    fn become_step(&mut self, from: usize, to: usize, two_way: bool) {
        let (Value::Object(one), Value::Object(two)) =
            (self.model_roots[from], self.model_roots[to])
        else {
            return;
        };
        if self.objects[one].pinned || self.objects[two].pinned {
            return;
        }
        let array = |heap: &mut Heap, element| {
            let array = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 1)?;
            heap.store(array, 0, element);
            Some(array)
        };
        let first = array(&mut self.heap, self.roots[from]);
        let second = array(&mut self.heap, self.roots[to]);
        let (Some(first), Some(second)) = (first, second) else { return };
        if let Err(error) = self.heap.become_forward(first, second, two_way, false) {
            assert!(self.max_old_bytes < PLENTY, "{error}");
            return;
        }
        let rename = |value: &mut Value| {
            if *value == Value::Object(one) {
                *value = Value::Object(two);
            } else if two_way && *value == Value::Object(two) {
                *value = Value::Object(one);
            }
        };
        self.model_roots.iter_mut().for_each(rename);
        self.objects.iter_mut().flat_map(|entry| &mut entry.slots).for_each(rename);
    }

    fn scavenge(&mut self, tenure: Tenure) {
        let (before, _) = self.before();
        match self.heap.scavenge_with(&mut self.roots, tenure) {
            Ok(()) => self.after(&before, None),
            Err(_) => assert!(self.max_old_bytes < PLENTY),
        }
    }

    fn collect_private(
        &mut self,
        collect: impl Fn(&mut Heap, &mut Vec<Oop>) -> Result<(), rowel_objmem::MemoryExhausted>,
    ) {
        let spared = !self.heap.boot_region().is_empty();
        let (before, fired) = self.before();
        collect(&mut self.heap, &mut self.roots).expect("memory");
        self.after(&before, if spared { None } else { Some(&fired) });
    }

    fn hoard(&mut self, root: usize) {
        for _ in 0..50 {
            let (before, next) = (self.model_roots[root], self.objects.len());
            let rest = self.roots[root];
            self.make(root, Kind::Strong, 700);
            if self.objects.len() == next {
                return;
            }
            self.objects[next].slots[0] = before;
            self.heap.store(self.roots[root], 1, rest);
        }
    }

    fn collect(
        &mut self,
        collect: impl Fn(&mut Heap, &mut Vec<Oop>) -> Result<(), rowel_objmem::MemoryExhausted>,
    ) {
        let (before, fired) = self.before();
        let pinned = self.pinned_places();
        collect(&mut self.heap, &mut self.roots).expect("memory");
        self.after(&before, Some(&fired));
        let now = self.pinned_places();
        assert!(pinned.iter().all(|place| now.contains(place) || !self.lives(place.0)));
    }

    fn lives(&self, id: usize) -> bool {
        self.reachable(&HashSet::new()).contains(&id)
    }

    /// Where the pinned objects among the roots are.
    fn pinned_places(&self) -> Vec<(usize, Oop)> {
        let both = self.model_roots.iter().zip(&self.roots);
        let pinned = both.filter_map(|(value, &oop)| match *value {
            Value::Object(id) if self.objects[id].pinned => Some((id, self.heap.follow(oop))),
            _ => None,
        });
        pinned.collect()
    }

    /// What the roots reach strongly, and what it would be once everything fired that a full
    /// collection fires.
    fn before(&self) -> (HashSet<usize>, HashSet<usize>) {
        let before = self.reachable(&HashSet::new());
        let mut fired = HashSet::new();
        loop {
            let reached = self.reachable(&fired);
            let fresh: Vec<usize> = reached
                .iter()
                .copied()
                .filter(|&id| self.objects[id].kind == Kind::Ephemeron && !fired.contains(&id))
                .filter(|&id| match self.objects[id].slots[0] {
                    Value::Object(key) => !reached.contains(&key),
                    Value::Nil => false,
                })
                .collect();
            if fresh.is_empty() {
                return (before, fired);
            }
            fired.extend(fresh);
        }
    }

    /// The numbers of the objects that the roots reach strongly, when these ephemerons had fired.
    fn reachable(&self, fired: &HashSet<usize>) -> HashSet<usize> {
        let mut seen = HashSet::new();
        loop {
            let known = seen.len();
            let mut todo = self.model_roots.to_vec();
            let mut visited = HashSet::new();
            while let Some(value) = todo.pop() {
                let Value::Object(id) = value else { continue };
                if !visited.insert(id) {
                    continue;
                }
                seen.insert(id);
                let entry = &self.objects[id];
                let holds = match entry.kind {
                    Kind::Weak => false,
                    Kind::Ephemeron if !fired.contains(&id) => match entry.slots[0] {
                        Value::Object(key) => seen.contains(&key),
                        Value::Nil => true,
                    },
                    _ => true,
                };
                if holds {
                    todo.extend(&entry.slots);
                }
            }
            if seen.len() == known {
                return seen;
            }
        }
    }

    /// Let the model follow what a collection did: which ephemerons fired, which weak references
    /// went. `fired` says which had to fire, where that is known.
    fn after(&mut self, before: &HashSet<usize>, expected: Option<&HashSet<usize>>) {
        assert_eq!(verify::check(&self.heap), []);
        let mut fired = HashSet::new();
        while let Some(mourner) = self.heap.next_mourner() {
            let number = self.heap.fetch(mourner, 2).as_integer().expect("an ephemeron") as usize;
            assert!(fired.insert(number), "{number} fired twice");
            assert_eq!(self.objects[number].kind, Kind::Ephemeron);
            let Value::Object(key) = self.objects[number].slots[0] else {
                panic!("{number} fired without a key");
            };
            assert!(!before.contains(&key), "{number} fired while {key} lives");
        }
        // A scavenge takes old objects to live, so an old ephemeron may fire that nothing reaches;
        // what it holds then lives with it.
        let all_reachable = fired.is_subset(before);
        let expected = expected.filter(|_| all_reachable);
        if let Some(expected) = expected {
            assert_eq!(fired, *expected);
        }
        for id in fired {
            self.objects[id].kind = Kind::Fired;
        }
        let reached = self.reachable(&HashSet::new());
        for (id, oop) in self.pairs() {
            if self.objects[id].kind != Kind::Weak {
                continue;
            }
            for slot in 0..self.objects[id].slots.len() {
                let Value::Object(target) = self.objects[id].slots[slot] else { continue };
                if self.heap.fetch(oop, slot + 1) == self.heap.nil() {
                    assert!(!reached.contains(&target), "{target} lives, {id} has lost it");
                    self.objects[id].slots[slot] = Value::Nil;
                } else {
                    let dead = expected.is_some() && !reached.contains(&target);
                    assert!(!dead, "{target} is dead, {id} still has it");
                }
            }
        }
    }

    /// Each object that the roots reach, with where it is: by strong references, and by weak ones to
    /// objects that still are there.
    fn pairs(&self) -> HashSet<(usize, Oop)> {
        let mut seen = HashSet::new();
        let both = self.model_roots.iter().copied().zip(self.roots.iter().copied());
        let mut todo: Vec<(Value, Oop)> = both.collect();
        while let Some((value, oop)) = todo.pop() {
            let oop = self.heap.follow(oop);
            let Value::Object(id) = value else {
                assert_eq!(oop, self.heap.nil());
                continue;
            };
            if !seen.insert((id, oop)) {
                continue;
            }
            for (slot, &value) in self.objects[id].slots.iter().enumerate() {
                let found = self.heap.fetch(oop, self.heap_slot(id, slot));
                let gone = self.objects[id].kind == Kind::Weak && found == self.heap.nil();
                if !gone {
                    todo.push((value, found));
                }
            }
        }
        seen
    }

    pub fn compare(&self) {
        let pairs = self.pairs();
        for &(id, oop) in &pairs {
            let entry = &self.objects[id];
            let (class, format, number) = match entry.kind {
                Kind::Strong => (class_index::ARRAY, Format::INDEXABLE, 0),
                Kind::Weak => (bootstrap_class::WEAK_ARRAY, Format::WEAK, 0),
                Kind::Ephemeron => (bootstrap_class::EPHEMERON, Format::EPHEMERON, 2),
                Kind::Fired => (bootstrap_class::EPHEMERON, Format::FIXED, 2),
            };
            assert_eq!(self.heap.class_index(oop), class);
            assert_eq!(self.heap.format(oop), format);
            assert_eq!(self.heap.slot_count(oop), entry.slots.len() as u64 + 1);
            assert_eq!(self.heap.fetch(oop, number), Oop::small_integer(id as i64));
        }
        let ids: HashSet<usize> = pairs.iter().map(|&(id, _)| id).collect();
        assert_eq!(ids.len(), pairs.len(), "an object was duplicated");
    }

    /// After a full collection nothing is left of those that cannot be reached.
    pub fn expect_nothing_else(&self) {
        let count = |index| self.heap.all_instances(self.heap.class_at(index)).len();
        let found = count(class_index::ARRAY)
            + count(bootstrap_class::WEAK_ARRAY)
            + count(bootstrap_class::EPHEMERON);
        // The special objects array is the one that the model does not know.
        assert_eq!(found, self.reachable(&HashSet::new()).len() + 1);
    }
}
