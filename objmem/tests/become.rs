//! Become: references, hashes and classes, one way and two ways.

use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::image::{HeapOptions, ImageHeader};
use rowel_objmem::layout::{class_index, special};
use rowel_objmem::{ClassIndex, CollectBoot, Format, Heap, Oop, verify};

fn heap() -> Heap {
    Heap::bootstrap(BootstrapOptions { cage_bytes: 1 << 30, ..BootstrapOptions::default() })
        .expect("memory")
}

fn array(heap: &mut Heap, elements: &[Oop]) -> Oop {
    let slots = elements.len() as u64;
    let array = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots).expect("memory");
    for (index, &element) in elements.iter().enumerate() {
        heap.store(array, index, element);
    }
    array
}

fn point(heap: &mut Heap, x: i64) -> Oop {
    let point = heap.allocate_filled(bootstrap_class::POINT, Format::FIXED, 2).expect("memory");
    heap.store(point, 0, Oop::small_integer(x));
    point
}

fn become_other(heap: &mut Heap, one: Oop, two: Oop, two_way: bool, copy_hash: bool) {
    let (from, to) = (array(heap, &[one]), array(heap, &[two]));
    heap.become_forward(from, to, two_way, copy_hash).expect("valid objects");
}

/// Two points and their hashes, after a become of one to the other: where references to the first
/// and the second lead now.
fn after(two_way: bool, copy_hash: bool, full: bool) -> ([i64; 2], [u32; 2], [u32; 2]) {
    let mut heap = heap();
    let (one, two) = (point(&mut heap, 1), point(&mut heap, 2));
    let hashes = [heap.identity_hash(one), heap.identity_hash(two)];
    become_other(&mut heap, one, two, two_way, copy_hash);
    let mut roots = vec![one, two];
    if full {
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
        assert!(!heap.has_forwarders);
    } else {
        heap.scavenge(&mut roots).expect("memory");
    }
    assert_eq!(verify::check(&heap), []);
    let found: Vec<Oop> = roots.iter().map(|&root| heap.follow(root)).collect();
    let contents = [0, 1].map(|index| heap.fetch(found[index], 0).as_integer().expect("a number"));
    (contents, hashes, [0, 1].map(|index| heap.identity_hash(found[index])))
}

#[test]
fn hashes_stay_with_references_or_go_with_contents() {
    for full in [false, true] {
        let (contents, [_, second], now) = after(false, false, full);
        assert_eq!((contents, now), ([2, 2], [second, second]));
        let (contents, [first, _], now) = after(false, true, full);
        assert_eq!((contents, now), ([2, 2], [first, first]));
        let (contents, hashes, now) = after(true, false, full);
        assert_eq!((contents, now), ([2, 1], hashes));
        let (contents, [first, second], now) = after(true, true, full);
        assert_eq!((contents, now), ([2, 1], [second, first]));
    }
}

/// A class with an instance; answers both.
fn class(heap: &mut Heap, mark: i64) -> (Oop, Oop) {
    let class = heap.allocate_filled(bootstrap_class::CLASS, Format::FIXED, 6).expect("memory");
    heap.store(class, 2, Oop::small_integer(1 << 16 | 2));
    heap.store(class, 3, Oop::small_integer(mark));
    (class, instance(heap, class))
}

fn instance(heap: &mut Heap, class: Oop) -> Oop {
    let index = heap.index_of_class(class).expect("room in the class table");
    heap.allocate_filled(index, Format::FIXED, 2).expect("memory")
}

/// The mark of the class of an object.
fn mark_of(heap: &Heap, object: Oop) -> i64 {
    heap.fetch(heap.class_of(heap.follow(object)), 3).as_integer().expect("a mark")
}

/// Each class is in the table where its hash says.
fn expect_consistent(heap: &mut Heap, classes: &[Oop]) {
    for &class in classes {
        let class = heap.follow(class);
        let fresh = instance(heap, class);
        assert_eq!(heap.class_of(fresh), class);
        let index = ClassIndex(heap.header(class).hash());
        assert_eq!(heap.class_at(index), class);
    }
    assert_eq!(verify::check(heap), []);
}

#[test]
fn instances_follow_a_class_that_becomes_another() {
    for copy_hash in [false, true] {
        let mut heap = heap();
        let (old, of_old) = class(&mut heap, 1);
        let (new, of_new) = class(&mut heap, 2);
        become_other(&mut heap, old, new, false, copy_hash);
        assert_eq!([mark_of(&heap, of_old), mark_of(&heap, of_new)], [2, 2]);
        let mut roots = vec![old, new, of_old, of_new];
        heap.scavenge(&mut roots).expect("memory");
        assert_eq!([mark_of(&heap, roots[2]), mark_of(&heap, roots[3])], [2, 2]);
        let classes = [roots[0], roots[1]];
        expect_consistent(&mut heap, &classes);
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
        assert_eq!(roots[0], roots[1]);
        // The same index for all of them now, and no other entry for the class.
        let index = heap.class_index(roots[2]);
        assert_eq!(index, heap.class_index(roots[3]));
        assert_eq!(index.0, heap.header(roots[0]).hash());
        let table = heap.fetch(heap.hidden_roots(), 1);
        let entries = (0..1024).filter(|&entry| heap.fetch(table, entry) == roots[0]).count();
        assert_eq!(entries, 1);
        assert_eq!(heap.all_instances(roots[0]).len(), 2);
        let classes = [roots[0]];
        expect_consistent(&mut heap, &classes);
    }
}

#[test]
fn instances_keep_their_class_when_two_classes_change_places() {
    for copy_hash in [false, true] {
        let mut heap = heap();
        let (one, of_one) = class(&mut heap, 1);
        let (two, of_two) = class(&mut heap, 2);
        become_other(&mut heap, one, two, true, copy_hash);
        let mut roots = vec![one, two, of_one, of_two];
        for full in [false, true] {
            assert_eq!([mark_of(&heap, roots[2]), mark_of(&heap, roots[3])], [1, 2]);
            assert_eq!(heap.class_of(roots[2]), heap.follow(roots[1]));
            let classes = [roots[0], roots[1]];
            expect_consistent(&mut heap, &classes);
            if full {
                heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
            } else {
                heap.scavenge(&mut roots).expect("memory");
            }
        }
        assert_eq!([mark_of(&heap, roots[2]), mark_of(&heap, roots[3])], [1, 2]);
        let classes = [roots[0], roots[1]];
        expect_consistent(&mut heap, &classes);
    }
}

#[test]
fn a_class_changes_places_with_one_that_has_no_instances() {
    for (swapped, copy_hash) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut heap = heap();
        let (used, instance) = class(&mut heap, 1);
        let fresh = heap.allocate_filled(bootstrap_class::CLASS, Format::FIXED, 6).expect("memory");
        heap.store(fresh, 2, Oop::small_integer(1 << 16 | 2));
        heap.store(fresh, 3, Oop::small_integer(2));
        let (one, two) = if swapped { (fresh, used) } else { (used, fresh) };
        become_other(&mut heap, one, two, true, copy_hash);
        // The reference keeps its place in the table, or the contents do.
        let expected = if copy_hash { 1 } else { 2 };
        assert_eq!(mark_of(&heap, instance), expected);
        let mut roots = vec![used, fresh, instance];
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
        assert_eq!(mark_of(&heap, roots[2]), expected);
        let classes = [roots[0], roots[1]];
        expect_consistent(&mut heap, &classes);
    }
}

#[test]
fn elements_named_twice_become_what_came_of_them() {
    let mut heap = heap();
    let [a, b, c] = [1, 2, 3].map(|x| point(&mut heap, x));
    let (from, to) = (array(&mut heap, &[a, b]), array(&mut heap, &[b, c]));
    heap.become_forward(from, to, true, false).expect("valid objects");
    // a and b change places; then what b means now, and c.
    let now = [a, b, c].map(|object| heap.fetch(heap.follow(object), 0).as_integer());
    assert_eq!(now, [Some(2), Some(3), Some(1)]);
    assert_eq!(verify::check(&heap), []);
}

/// A heap opened from a file, with an array of points as a special object in its boot region.
fn booted() -> Heap {
    let mut heap = heap();
    let points = [1, 2, 3].map(|x| point(&mut heap, x));
    let points = array(&mut heap, &points);
    heap.set_special(special::THE_DISPLAY, points);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("an.image");
    let header = ImageHeader { format: 68_021, ..ImageHeader::default() };
    heap.write_image(&path, &header).expect("written");
    Heap::open(&path, &HeapOptions::default()).expect("an image").0
}

#[test]
fn boot_objects_live_and_hold_when_only_the_rest_is_collected() {
    let mut heap = booted();
    let points = heap.special(special::THE_DISPLAY);
    let first = heap.fetch(points, 0);
    let mut roots = vec![];
    let held = point(&mut heap, 10);
    heap.store(first, 1, held);
    heap.set_special(special::THE_DISPLAY, heap.nil());
    // What a boot object refers to lives, though nothing refers to the boot object.
    for _ in 0..2 {
        heap.collect_full(&mut roots, CollectBoot::No).expect("memory");
        assert_eq!(verify::check(&heap), []);
        assert_eq!(heap.fetch(heap.fetch(first, 1), 0), Oop::small_integer(10));
        assert!(!heap.is_boot(heap.fetch(first, 1)) && !heap.is_young(heap.fetch(first, 1)));
        assert_eq!(heap.all_instances(heap.class_of(first)).len(), 4);
    }
    heap.store(first, 1, heap.nil());
    heap.collect_full(&mut roots, CollectBoot::No).expect("memory");
    assert_eq!(heap.all_instances(heap.class_of(first)).len(), 3);
    heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
    let class = heap.class_at(bootstrap_class::POINT);
    assert_eq!(heap.all_instances(class), []);
    assert_eq!(verify::check(&heap), []);
}

#[test]
fn a_boot_object_becomes_a_private_one() {
    for boot in [CollectBoot::No, CollectBoot::Yes] {
        let mut heap = booted();
        let points = heap.special(special::THE_DISPLAY);
        let first = heap.fetch(points, 0);
        let other = point(&mut heap, 10);
        become_other(&mut heap, first, other, false, false);
        for _ in 0..3 {
            heap.collect_full(&mut (), boot).expect("memory");
            assert_eq!(verify::check(&heap), []);
            let points = heap.special(special::THE_DISPLAY);
            let now = heap.follow(heap.fetch(points, 0));
            assert_eq!(heap.fetch(now, 0), Oop::small_integer(10));
        }
        assert_eq!(heap.has_forwarders, boot == CollectBoot::No);
    }
}
