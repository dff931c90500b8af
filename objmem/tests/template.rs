//! Templates and forks: heaps that start from another one share its pages, and nothing that they write.

#[path = "support/real_image.rs"]
mod support;

use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::image::HeapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::scavenger::Tenure;
use rowel_objmem::{ChildSizes, CollectBoot, Format, Heap, Oop, Template, verify};
use support::real_image;

/// A bootstrapped heap with an old Array, a root, that holds `count` Arrays.
fn sample(count: usize) -> (Heap, Oop) {
    let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let root = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, count as u64);
    let root = root.expect("memory");
    for index in 0..count {
        let array = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 3).expect("memory");
        heap.store(array, 0, Oop::small_integer(index as i64));
        heap.store(root, index, array);
    }
    let mut roots = vec![root];
    heap.scavenge_with(&mut roots, Tenure::All).expect("memory");
    (heap, roots[0])
}

/// All words of the objects of a heap.
fn contents(heap: &Heap) -> Vec<u64> {
    let mut words = Vec::new();
    heap.each_object(|object| {
        words.push(object.0);
        words.push(heap.header(object).0);
        words.extend((0..heap.slot_count(object) as usize).map(|slot| heap.fetch(object, slot).0));
    });
    words
}

/// Overwrite every slot that holds a reference, and every byte, and make new objects.
fn overwrite_everything(heap: &mut Heap) {
    let nil = heap.nil();
    for object in heap.all_objects() {
        let format = heap.format(object);
        if format.is_pointers() {
            let new = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 1);
            let new = new.unwrap_or(nil);
            (0..heap.slot_count(object) as usize).for_each(|slot| heap.store(object, slot, new));
        } else if format.is_bytes() {
            heap.bytes_mut(object).fill(0xAA);
        }
    }
}

fn sizes() -> ChildSizes {
    ChildSizes { eden_bytes: 256 << 10, stack_bytes: 64 << 10, ..ChildSizes::default() }
}

#[test]
fn children_of_a_template_start_alike_and_share_nothing_they_write() {
    let (heap, root) = sample(1000);
    let before = contents(&heap);
    let template = Template::new(&heap).expect("a template");
    let mut one = template.instantiate(&sizes()).expect("a heap");
    let two = template.instantiate(&sizes()).expect("a heap");
    assert_eq!(contents(&one), before);
    assert_eq!(verify::check(&one), []);
    assert_eq!(two.fetch(two.fetch(root, 7), 0), Oop::small_integer(7));
    overwrite_everything(&mut one);
    assert_eq!(contents(&two), before);
    assert_eq!(contents(&heap), before);
    drop((one, two));
    assert_eq!(contents(&template.instantiate(&sizes()).expect("a heap")), before);
}

#[test]
fn a_child_collects_what_is_its_own() {
    let (heap, root) = sample(10);
    let template = Template::new(&heap).expect("a template");
    let mut child = template.instantiate(&sizes()).expect("a heap");
    for round in 0..50 {
        let boot = child.fetch(root, round % 10);
        let array = child.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 20_000);
        let array = array.expect("memory");
        child.store(array, 0, Oop::small_integer(round as i64));
        child.store(boot, 1, array);
        child.collect_full(&mut (), CollectBoot::No).expect("memory");
        assert_eq!(verify::check(&child), []);
        let kept = child.fetch(child.fetch(root, round % 10), 1);
        assert_eq!(child.fetch(kept, 0), Oop::small_integer(round as i64));
    }
    assert!(child.old.total_bytes() < 32 << 20, "{}", child.old.total_bytes());
    assert_eq!(heap.fetch(heap.fetch(root, 3), 1), heap.nil());
}

#[test]
fn a_fork_sees_the_heap_as_it_stands_and_so_does_its_fork() {
    let (mut heap, root) = sample(1000);
    let template = Template::new(&heap).expect("a template");
    let mut parent = template.instantiate(&sizes()).expect("a heap");
    assert!(parent.allocate(bootstrap_class::POINT, Format::FIXED, 2).is_some());
    assert!(parent.fork(&sizes()).is_err(), "the nursery is not empty");
    // What the parent has written, and what is its own.
    let own = parent.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 5000).expect("memory");
    parent.store(own, 4, Oop::small_integer(44));
    parent.store(root, 500, own);
    parent.scavenge_with(&mut (), Tenure::All).expect("memory");
    let before = contents(&parent);
    let mut child = parent.fork(&sizes()).expect("a fork");
    assert_eq!(contents(&child), before);
    assert_eq!(verify::check(&child), []);
    let new = child.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 9).expect("memory");
    child.store(child.fetch(root, 1), 2, new);
    child.scavenge_with(&mut (), Tenure::All).expect("memory");
    let of_child = contents(&child);
    assert_eq!(contents(&parent), before);
    let mut grandchild = child.fork(&sizes()).expect("a fork of a fork");
    assert_eq!(contents(&grandchild), of_child);
    overwrite_everything(&mut grandchild);
    drop(grandchild);
    child.collect_full(&mut (), CollectBoot::No).expect("memory");
    assert_eq!(verify::check(&child), []);
    overwrite_everything(&mut child);
    assert_eq!(contents(&parent), before);
    // Of a running heap, which goes on; and of one that nothing was mapped into.
    let frozen = Template::new(&parent).expect("a template");
    overwrite_everything(&mut parent);
    let thawed = frozen.instantiate(&sizes()).expect("a heap");
    assert_eq!(contents(&thawed), before);
    assert_eq!(verify::check(&thawed), []);
    heap.scavenge_with(&mut (), Tenure::All).expect("memory");
    assert_eq!(contents(&heap.fork(&sizes()).expect("a fork")), contents(&heap));
}

#[test]
fn an_image_can_be_template_and_be_forked() {
    let Some(path) = real_image() else { return };
    let (mut heap, _) = Heap::open(path, &HeapOptions::default()).expect("an image in order");
    heap.scavenge_with(&mut (), Tenure::All).expect("memory");
    let before = contents(&heap);
    let template = Template::new(&heap).expect("a template");
    for mut child in [
        template.instantiate(&ChildSizes::default()).expect("a heap"),
        heap.fork(&ChildSizes::default()).expect("a fork"),
    ] {
        assert!(contents(&child) == before);
        assert_eq!(verify::check(&child), []);
        overwrite_everything(&mut child);
    }
    assert!(contents(&heap) == before);
    assert!(contents(&template.instantiate(&ChildSizes::default()).expect("a heap")) == before);
}

#[test]
fn eden_grows_while_much_survives_up_to_its_limit() {
    let (heap, _) = sample(10);
    let template = Template::new(&heap).expect("a template");
    let sizes = ChildSizes { most_eden_bytes: 1 << 20, ..sizes() };
    for (kept, largest) in [(2, 256 << 10), (400, 1 << 20)] {
        let mut child = template.instantiate(&sizes).expect("a heap");
        let mut roots = vec![child.nil(); kept];
        for round in 0..200_000 {
            let array = child.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 20);
            let array = array.expect("memory");
            child.store(array, 0, Oop::small_integer(round));
            roots[round as usize % kept] = array;
            if child.needs_scavenge {
                child.scavenge(&mut roots).expect("memory");
                assert!(
                    child.nursery.eden.limit <= child.nursery.past.start.min(child.nursery.end)
                );
            }
        }
        assert!(child.gc.scavenges > 20, "{} scavenges", child.gc.scavenges);
        assert_eq!(child.nursery.eden_bytes(), largest, "with {kept} objects alive");
        assert_eq!(verify::check(&child), []);
        let numbers = roots.iter().map(|root| child.fetch(*root, 0).integer_value());
        assert_eq!(numbers.min(), Some(200_000 - kept as i64));
    }
}
