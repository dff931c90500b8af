//! Memory that is nearly used up, and old space growing, shrinking and being compacted.

use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{CollectBoot, Format, Heap, Oop, Roots, verify};

const EDEN: u64 = 1 << 18;
const LIMIT: u64 = 8 << 20;

fn small_heap() -> Heap {
    Heap::bootstrap(BootstrapOptions {
        cage_bytes: 1 << 30,
        stack_bytes: 1 << 16,
        eden_bytes: EDEN,
        survivor_bytes: 1 << 14,
        max_old_bytes: LIMIT,
    })
    .expect("memory")
}

fn array(heap: &mut Heap, slots: u64) -> Option<Oop> {
    heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots)
}

/// Like an image that collects when it is asked to: chains arrays to the first root until there is
/// no memory, and answers how many.
fn fill(heap: &mut Heap, roots: &mut Vec<Oop>, slots: u64) -> usize {
    for count in 0.. {
        if heap.needs_scavenge && heap.scavenge(roots).is_err() {
            assert!(heap.needs_full_collection);
        }
        if heap.needs_full_collection {
            heap.collect_full(roots, CollectBoot::Yes).expect("memory for marks");
        }
        let Some(object) = array(heap, slots) else { return count };
        heap.store(object, 0, roots[0]);
        roots[0] = object;
    }
    unreachable!("memory is never used up");
}

fn length(heap: &Heap, mut object: Oop) -> usize {
    let mut length = 0;
    while object != heap.nil() {
        object = heap.fetch(object, 0);
        length += 1;
    }
    length
}

#[test]
fn memory_is_used_up_and_comes_back() {
    let mut heap = small_heap();
    for slots in [3, 100, 5_000, 50_000] {
        let mut roots = vec![heap.nil(); 2];
        let count = fill(&mut heap, &mut roots, slots);
        let bytes = count as u64 * slots * 8;
        // Scavenges may exceed the limit by a sixteenth and by what the nursery holds.
        let most = LIMIT + LIMIT / 16 + 4 * EDEN;
        assert!(bytes > LIMIT / 2 && bytes < most, "{count} of {slots} slots");
        assert_eq!(length(&heap, roots[0]), count);
        assert_eq!(verify::check(&heap), []);
        assert!(array(&mut heap, 1 << 20).is_none());
        assert!(array(&mut heap, 1 << 60).is_none());
        // A collection now finds nothing, and harms nothing.
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory for marks");
        assert_eq!(length(&heap, roots[0]), count);
        // Half of it goes, and the room is there at once.
        let mut middle = roots[0];
        for _ in 0..count / 2 {
            middle = heap.fetch(middle, 0);
        }
        let nil = heap.nil();
        heap.store(middle, 0, nil);
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory for marks");
        assert_eq!(verify::check(&heap), []);
        assert!(fill(&mut heap, &mut roots, slots) * 3 > count);
        roots[0] = nil;
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory for marks");
        assert_eq!(verify::check(&heap), []);
    }
}

#[test]
fn addresses_are_used_up_and_come_back() {
    let mut heap = Heap::bootstrap(BootstrapOptions {
        cage_bytes: 12 << 20,
        stack_bytes: 1 << 16,
        eden_bytes: EDEN,
        survivor_bytes: 1 << 14,
        max_old_bytes: 1 << 40,
    })
    .expect("memory");
    for slots in [3, 1_000, 60_000] {
        let mut roots = vec![heap.nil()];
        let count = fill(&mut heap, &mut roots, slots);
        assert!(count as u64 * slots * 8 > 4 << 20, "{count} of {slots} slots");
        assert_eq!(length(&heap, roots[0]), count);
        assert_eq!(verify::check(&heap), []);
        roots[0] = heap.nil();
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory for marks");
        assert_eq!(verify::check(&heap), []);
    }
}

#[test]
fn nothing_is_damaged_when_nobody_collects() {
    let mut heap = small_heap();
    let mut roots = vec![heap.nil()];
    let mut count = 0;
    while let Some(object) = array(&mut heap, 10) {
        heap.store(object, 0, roots[0]);
        roots[0] = object;
        count += 1;
    }
    assert!(count * 88 > LIMIT);
    assert_eq!(length(&heap, roots[0]) as u64, count);
    assert_eq!(verify::check(&heap), []);
    let mut refused = 0;
    for _ in 0..3 {
        refused += usize::from(heap.scavenge(&mut roots).is_err());
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory for marks");
        assert_eq!(length(&heap, roots[0]) as u64, count);
    }
    assert!(refused < 3);
    roots[0] = heap.nil();
    heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory for marks");
    assert!(heap.old_bytes_in_use() < 1 << 20);
    assert!(array(&mut heap, 10).is_some());
}

#[test]
fn become_needs_room_for_its_copies() {
    let mut heap = small_heap();
    let mut roots = vec![heap.nil(); 2];
    let big = [0; 2].map(|_| array(&mut heap, 20_000).expect("room"));
    roots[1] = array(&mut heap, 1).expect("room");
    heap.store(roots[1], 0, big[0]);
    roots.push(array(&mut heap, 1).expect("room"));
    heap.store(roots[2], 0, big[1]);
    fill(&mut heap, &mut roots, 1_000);
    let refused = heap.become_forward(roots[1], roots[2], true, false);
    assert_eq!(refused, Err(rowel_objmem::BecomeError::NoMemory));
    assert_eq!(verify::check(&heap), []);
    roots[0] = heap.nil();
    heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory for marks");
    assert_eq!(heap.become_forward(roots[1], roots[2], true, false), Ok(()));
    assert_eq!(verify::check(&heap), []);
}

/// Arrays that live, every `distance`th of those that fill `megabytes` of old space.
fn scattered(heap: &mut Heap, megabytes: u64, distance: u64) -> Vec<Oop> {
    let mut kept = Vec::new();
    for count in 0..megabytes * 1024 {
        let object = heap.allocate_old(class_index::ARRAY, Format::INDEXABLE, 127).expect("room");
        for slot in 0..127 {
            heap.store(object, slot, heap.nil());
        }
        if count % distance == 0 {
            heap.store(object, 1, Oop::small_integer(count as i64));
            kept.push(object);
        }
    }
    kept
}

fn roomy_heap() -> Heap {
    Heap::bootstrap(BootstrapOptions { cage_bytes: 1 << 30, ..BootstrapOptions::default() })
        .expect("memory")
}

fn expect_scattered(heap: &Heap, kept: &[Oop], distance: usize) {
    for (index, &object) in kept.iter().enumerate() {
        assert_eq!(heap.fetch(object, 1), Oop::small_integer((index * distance) as i64));
    }
    assert_eq!(verify::check(heap), []);
}

#[test]
fn sparse_segments_are_emptied_and_given_back() {
    let mut heap = roomy_heap();
    let mut kept = scattered(&mut heap, 40, 50);
    assert!(heap.old.total_bytes() >= 40 << 20);
    let before = kept.clone();
    heap.collect_full(&mut kept, CollectBoot::Yes).expect("memory");
    assert_eq!(heap.gc.compactions, 1);
    assert_ne!(kept, before);
    assert!(heap.old.total_bytes() <= 12 << 20, "{}", heap.old.total_bytes());
    expect_scattered(&heap, &kept, 50);
    // There is nothing to gain now.
    heap.collect_full(&mut kept, CollectBoot::Yes).expect("memory");
    assert_eq!(heap.gc.compactions, 1);
    // Everything goes; the segments below it are found again.
    kept.clear();
    heap.collect_full(&mut kept, CollectBoot::Yes).expect("memory");
    assert!(heap.old.total_bytes() <= 8 << 20);
    let highest = heap.old.frontier;
    let mut kept = scattered(&mut heap, 8, 1);
    expect_scattered(&heap, &kept, 1);
    assert!(heap.old.frontier <= highest + (16 << 20));
    heap.collect_full(&mut kept, CollectBoot::Yes).expect("memory");
    expect_scattered(&heap, &kept, 1);
}

#[test]
fn dense_segments_stay() {
    let mut heap = roomy_heap();
    let mut kept = scattered(&mut heap, 20, 1);
    let before = kept.clone();
    heap.collect_full(&mut kept, CollectBoot::Yes).expect("memory");
    assert_eq!((heap.gc.compactions, kept), (0, before));
}

/// Roots that old objects may not move under.
struct Fixed(Vec<Oop>);

impl Roots for Fixed {
    fn visit(&mut self, f: &mut dyn FnMut(&mut Oop)) {
        self.0.iter_mut().for_each(f);
    }
}

#[test]
fn nothing_moves_unless_roots_allow_it() {
    let mut heap = roomy_heap();
    let mut kept = Fixed(scattered(&mut heap, 40, 50));
    let before = kept.0.clone();
    heap.collect_full(&mut kept, CollectBoot::Yes).expect("memory");
    heap.compact(&mut kept, CollectBoot::Yes).expect("memory");
    assert_eq!((heap.gc.compactions, &kept.0), (0, &before));
    expect_scattered(&heap, &kept.0, 50);
}

#[test]
fn pinned_objects_stay_while_others_move() {
    let mut heap = roomy_heap();
    let mut kept = scattered(&mut heap, 40, 50);
    let pinned: Vec<Oop> = kept.iter().copied().step_by(100).collect();
    for &object in &pinned {
        assert_eq!(heap.pin(object), Some(object));
    }
    heap.collect_full(&mut kept, CollectBoot::Yes).expect("memory");
    assert_eq!(heap.gc.compactions, 1);
    let still: Vec<Oop> = kept.iter().copied().step_by(100).collect();
    assert_eq!(still, pinned);
    expect_scattered(&heap, &kept, 50);
    let in_use = heap.old_bytes_in_use();
    assert!(in_use < 4 << 20, "{in_use}");
}

#[test]
fn pinning_a_young_object_moves_it_out_of_the_nursery() {
    let mut heap = roomy_heap();
    let object = array(&mut heap, 3).expect("room");
    let young = array(&mut heap, 1).expect("room");
    heap.store(object, 2, young);
    let pinned = heap.pin(object).expect("room");
    assert!(!heap.is_young(pinned) && heap.header(pinned).is_pinned());
    let mut roots = vec![object, pinned];
    heap.scavenge(&mut roots).expect("memory");
    assert_eq!(roots, [pinned, pinned]);
    assert_eq!(heap.slot_count(heap.fetch(pinned, 2)), 1);
    assert_eq!(verify::check(&heap), []);
}

#[test]
fn small_objects_are_made_when_large_ones_are_refused() {
    let mut heap = small_heap();
    let mut roots = vec![heap.nil()];
    fill(&mut heap, &mut roots, 1_000);
    // The image has something to say, and to say it with.
    for _ in 0..1_000 {
        assert!(array(&mut heap, 10).is_some());
    }
    assert!(array(&mut heap, 1_000).is_none());
    assert_eq!(verify::check(&heap), []);
}

#[test]
fn arrays_of_every_size_around_a_page_boundary() {
    // Larger than old space usually grows by, so that each needs a segment of its own.
    let mut heap = Heap::bootstrap(BootstrapOptions {
        cage_bytes: 1 << 32,
        stack_bytes: 1 << 16,
        eden_bytes: EDEN,
        survivor_bytes: 1 << 14,
        max_old_bytes: 1 << 31,
    })
    .expect("memory");
    let page_slots = 4096 / 8;
    for slots in 1_100 * page_slots - 8..=1_100 * page_slots + 8 {
        assert!(array(&mut heap, slots).is_some(), "{slots} slots");
    }
    assert_eq!(verify::check(&heap), []);
}
