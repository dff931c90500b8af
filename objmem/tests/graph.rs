//! Random graphs of objects against a model in Rust: whatever collections do to the heap, what the
//! roots reach stays the same.

use std::collections::HashSet;

use proptest::prelude::*;
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::layout::class_index;
use rowel_objmem::{BecomeError, CollectBoot, Format, Heap, Oop};

const ROOTS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Nil,
    Object(usize),
}

/// Objects by number, each with the contents of its slots after the first, which holds the number.
struct Model {
    objects: Vec<Vec<Value>>,
    roots: [Value; ROOTS],
}

#[derive(Clone, Debug)]
enum Step {
    New { root: usize, slots: usize },
    Store { from: usize, slot: usize, to: usize },
    Load { from: usize, slot: usize, to: usize },
    Drop { root: usize },
    Scavenge,
    TenureAll,
    Full,
    Become { from: usize, to: usize, two_way: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let root = 0..ROOTS;
    let slots = prop_oneof![8 => 1usize..8, 1 => 250usize..260, 1 => 9_000usize..9_001];
    let step = prop_oneof![
        6 => (root.clone(), slots).prop_map(|(root, slots)| Step::New { root, slots }),
        8 => (root.clone(), 0usize..300, root.clone())
            .prop_map(|(from, slot, to)| Step::Store { from, slot, to }),
        3 => (root.clone(), 0usize..300, root.clone())
            .prop_map(|(from, slot, to)| Step::Load { from, slot, to }),
        1 => root.prop_map(|root| Step::Drop { root }),
        2 => Just(Step::Scavenge),
        1 => Just(Step::TenureAll),
        1 => Just(Step::Full),
        2 => (0..ROOTS, 0..ROOTS, any::<bool>())
            .prop_map(|(from, to, two_way)| Step::Become { from, to, two_way }),
    ];
    prop::collection::vec(step, 1..120)
}

struct World {
    heap: Heap,
    roots: Vec<Oop>,
    model: Model,
}

fn small_heap() -> Heap {
    Heap::bootstrap(BootstrapOptions {
        cage_bytes: 1 << 30,
        stack_bytes: 1 << 16,
        eden_bytes: 1 << 17,
        survivor_bytes: 1 << 12,
        max_old_bytes: 256 << 20,
    })
    .expect("memory")
}

impl World {
    fn new() -> World {
        let heap = small_heap();
        let roots = vec![heap.nil(); ROOTS];
        let model = Model { objects: Vec::new(), roots: [Value::Nil; ROOTS] };
        World { heap, roots, model }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::New { root, slots } => {
                let id = self.model.objects.len();
                let object = self
                    .heap
                    .allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots as u64 + 1)
                    .expect("memory");
                self.heap.store(object, 0, Oop::small_integer(id as i64));
                self.roots[root] = object;
                self.model.objects.push(vec![Value::Nil; slots]);
                self.model.roots[root] = Value::Object(id);
            }
            Step::Store { from, slot, to } => {
                if let Value::Object(id) = self.model.roots[from] {
                    let slot = slot % self.model.objects[id].len();
                    self.model.objects[id][slot] = self.model.roots[to];
                    let object = self.heap.follow(self.roots[from]);
                    self.heap.store(object, slot + 1, self.roots[to]);
                }
            }
            Step::Load { from, slot, to } => {
                if let Value::Object(id) = self.model.roots[from] {
                    let slot = slot % self.model.objects[id].len();
                    self.model.roots[to] = self.model.objects[id][slot];
                    let object = self.heap.follow(self.roots[from]);
                    self.roots[to] = self.heap.fetch(object, slot + 1);
                }
            }
            Step::Drop { root } => {
                self.model.roots[root] = Value::Nil;
                self.roots[root] = self.heap.nil();
            }
            Step::Scavenge => self.heap.scavenge(&mut self.roots).expect("memory"),
            Step::Become { from, to, two_way } => self.become_step(from, to, two_way),
            Step::Full => {
                self.heap.collect_full(&mut self.roots, CollectBoot::Yes).expect("memory");
            }
            Step::TenureAll => self
                .heap
                .scavenge_with(&mut self.roots, rowel_objmem::scavenger::Tenure::All)
                .expect("memory"),
        }
    }

    fn become_step(&mut self, from: usize, to: usize, two_way: bool) {
        let (Value::Object(one), Value::Object(two)) =
            (self.model.roots[from], self.model.roots[to])
        else {
            return;
        };
        let arrays = [self.roots[from], self.roots[to]].map(|element| {
            let array = self
                .heap
                .allocate_filled(class_index::ARRAY, Format::INDEXABLE, 1)
                .expect("memory");
            self.heap.store(array, 0, element);
            array
        });
        self.heap.become_forward(arrays[0], arrays[1], two_way, false).expect("valid objects");
        let rename = |value: &mut Value| {
            if *value == Value::Object(one) {
                *value = Value::Object(two);
            } else if two_way && *value == Value::Object(two) {
                *value = Value::Object(one);
            }
        };
        self.model.roots.iter_mut().for_each(rename);
        self.model.objects.iter_mut().flatten().for_each(rename);
    }

    /// How many objects the model's roots reach.
    fn reachable(&self) -> usize {
        let mut seen = HashSet::new();
        let mut todo = self.model.roots.to_vec();
        while let Some(value) = todo.pop() {
            if let Value::Object(id) = value
                && seen.insert(id)
            {
                todo.extend(&self.model.objects[id]);
            }
        }
        seen.len()
    }

    fn compare(&self) {
        let mut seen = HashSet::new();
        let mut todo: Vec<(Value, Oop)> =
            self.model.roots.iter().copied().zip(self.roots.iter().copied()).collect();
        while let Some((value, oop)) = todo.pop() {
            let oop = self.heap.follow(oop);
            let Value::Object(id) = value else {
                assert_eq!(oop, self.heap.nil());
                continue;
            };
            if !seen.insert((id, oop)) {
                continue;
            }
            assert_eq!(self.heap.fetch(oop, 0), Oop::small_integer(id as i64));
            let slots = &self.model.objects[id];
            assert_eq!(self.heap.slot_count(oop), slots.len() as u64 + 1);
            assert_eq!(self.heap.class_index(oop), class_index::ARRAY);
            for (index, &slot) in slots.iter().enumerate() {
                todo.push((slot, self.heap.fetch(oop, index + 1)));
            }
        }
        let ids: HashSet<usize> = seen.iter().map(|&(id, _)| id).collect();
        assert_eq!(ids.len(), seen.len(), "an object was duplicated");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn graphs_survive(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.compare();
        world.run(&Step::Scavenge);
        world.compare();
        world.run(&Step::TenureAll);
        world.compare();
        world.run(&Step::Full);
        world.compare();
        let arrays = world.heap.class_at(class_index::ARRAY);
        // The special objects array is the one that the model does not know.
        prop_assert_eq!(world.heap.all_instances(arrays).len(), world.reachable() + 1);
    }
}

/// A weak array and an ephemeron on the same key; answers them.
fn weak_and_ephemeron(heap: &mut Heap, key: Oop) -> (Oop, Oop) {
    let weak = heap.allocate_filled(bootstrap_class::WEAK_ARRAY, Format::WEAK, 2).expect("memory");
    heap.store(weak, 0, key);
    let ephemeron =
        heap.allocate_filled(bootstrap_class::EPHEMERON, Format::EPHEMERON, 2).expect("memory");
    heap.store(ephemeron, 0, key);
    heap.store(ephemeron, 1, key);
    (weak, ephemeron)
}

fn point(heap: &mut Heap) -> Oop {
    heap.allocate_filled(bootstrap_class::POINT, Format::FIXED, 2).expect("memory")
}

#[test]
fn scavenge_keeps_live_weak_referents() {
    let mut heap = small_heap();
    let key = point(&mut heap);
    let (weak, ephemeron) = weak_and_ephemeron(&mut heap, key);
    let mut roots = vec![weak, ephemeron, key];
    heap.scavenge(&mut roots).expect("memory");
    assert_eq!(heap.fetch(roots[0], 0), roots[2]);
    assert_eq!(heap.fetch(roots[1], 0), roots[2]);
    assert!(heap.next_mourner().is_none());
    assert_eq!(heap.gc.pending_finalizations, 0);
}

#[test]
fn scavenge_fires_ephemerons_and_keeps_their_keys_for_the_mourner() {
    let mut heap = small_heap();
    let key = point(&mut heap);
    let (weak, ephemeron) = weak_and_ephemeron(&mut heap, key);
    let mut roots = vec![weak, ephemeron];
    heap.scavenge(&mut roots).expect("memory");
    assert_eq!(heap.next_mourner(), Some(roots[1]));
    assert!(heap.next_mourner().is_none());
    assert_eq!(heap.class_index(heap.fetch(roots[1], 0)), bootstrap_class::POINT);
    assert_eq!(heap.format(roots[1]), Format::FIXED);
    roots.pop();
    heap.scavenge(&mut roots).expect("memory");
    assert_eq!(heap.fetch(roots[0], 0), heap.nil());
    assert_eq!(heap.gc.pending_finalizations, 2);
}

#[test]
fn remembered_weak_and_ephemeron_objects_let_go_of_young_keys() {
    let mut heap = small_heap();
    let nil = heap.nil();
    let (weak, ephemeron) = weak_and_ephemeron(&mut heap, nil);
    let mut roots = vec![weak, ephemeron];
    let all = rowel_objmem::scavenger::Tenure::All;
    heap.scavenge_with(&mut roots, all).expect("memory");
    let key = point(&mut heap);
    heap.store(roots[0], 0, key);
    heap.scavenge(&mut roots).expect("memory");
    assert_eq!(heap.fetch(roots[0], 0), heap.nil());
    let key = point(&mut heap);
    heap.store(roots[1], 0, key);
    heap.scavenge(&mut roots).expect("memory");
    assert_eq!(heap.next_mourner(), Some(roots[1]));
}

#[test]
fn full_collection_treats_weak_objects_and_ephemerons_like_a_scavenge() {
    let mut heap = small_heap();
    let key = point(&mut heap);
    let (weak, ephemeron) = weak_and_ephemeron(&mut heap, key);
    let mut roots = vec![weak, ephemeron, key];
    heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
    assert_eq!(heap.fetch(roots[0], 0), roots[2]);
    assert!(heap.next_mourner().is_none());
    roots.pop();
    heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
    assert_eq!(heap.next_mourner(), Some(roots[1]));
    roots.pop();
    heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
    assert_eq!(heap.fetch(roots[0], 0), heap.nil());
}

#[test]
fn become_refuses_what_spur_refuses() {
    let mut heap = small_heap();
    let array = |heap: &mut Heap, element: Oop| {
        let array = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 1).expect("memory");
        heap.store(array, 0, element);
        array
    };
    let object = point(&mut heap);
    let good = array(&mut heap, object);
    let immediate = array(&mut heap, Oop::small_integer(3));
    assert_eq!(heap.become_forward(object, good, true, false), Err(BecomeError::BadReceiver));
    assert_eq!(heap.become_forward(good, object, true, false), Err(BecomeError::BadArgument));
    assert_eq!(heap.become_forward(good, immediate, true, false), Err(BecomeError::Inappropriate));
    assert_eq!(heap.become_forward(good, immediate, false, true), Err(BecomeError::Inappropriate));
    let header = heap.header(object);
    heap.set_header(object, header.with_flag(rowel_objmem::header::PINNED_BIT, true));
    assert_eq!(heap.become_forward(good, good, true, false), Err(BecomeError::ObjectIsPinned));
    heap.set_header(object, header.with_flag(rowel_objmem::header::IMMUTABLE_BIT, true));
    assert_eq!(heap.become_forward(good, good, true, false), Err(BecomeError::NoModification));
}
