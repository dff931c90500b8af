//! Weak objects, ephemerons and become, case by case, as Spur has them.

use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::layout::class_index;
use rowel_objmem::{BecomeError, CollectBoot, Format, Heap, Oop};

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

/// Two ephemerons on one key that nothing else holds, and how many of them fire at once.
fn fired_together(collect: impl Fn(&mut Heap, &mut Vec<Oop>)) -> usize {
    let mut heap = small_heap();
    let key = point(&mut heap);
    let mut roots: Vec<Oop> = [0; 2]
        .map(|_| {
            let class = bootstrap_class::EPHEMERON;
            let ephemeron = heap.allocate_filled(class, Format::EPHEMERON, 2).expect("memory");
            heap.store(ephemeron, 0, key);
            ephemeron
        })
        .to_vec();
    collect(&mut heap, &mut roots);
    let mut fired = 0;
    while let Some(mourner) = heap.next_mourner() {
        assert!(roots.contains(&mourner));
        assert_eq!(heap.class_index(heap.fetch(mourner, 0)), bootstrap_class::POINT);
        fired += 1;
    }
    assert_eq!(heap.gc.pending_finalizations, fired);
    assert_eq!(heap.fetch(roots[0], 0), heap.fetch(roots[1], 0));
    fired
}

#[test]
fn a_scavenge_fires_all_ephemerons_on_a_key() {
    // As marking does, so that it does not matter which collection finds them. (Spur's scavenger fires
    // one: it copies the key before it looks at the next, which finds that the key survives.)
    assert_eq!(fired_together(|heap, roots| heap.scavenge(roots).expect("memory")), 2);
}

#[test]
fn marking_fires_all_ephemerons_on_a_key() {
    let fired = fired_together(|heap, roots| {
        // In old space, where only marking decides.
        let key = heap.fetch(roots[0], 0);
        roots.push(key);
        let all = rowel_objmem::scavenger::Tenure::All;
        heap.scavenge_with(roots, all).expect("memory");
        roots.pop();
        heap.collect_full(roots, CollectBoot::Yes).expect("memory");
    });
    assert_eq!(fired, 2);
}
