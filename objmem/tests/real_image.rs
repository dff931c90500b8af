//! A real image, opened, checked, collected, compacted and written.

#[path = "support/real_image.rs"]
mod support;

use std::path::Path;

use rowel_objmem::image::read::check_file;
use rowel_objmem::image::{HeapOptions, ImageHeader};
use rowel_objmem::layout::special;
use rowel_objmem::{CollectBoot, Heap, Oop, verify};
use support::real_image;

fn open(path: &Path) -> (Heap, ImageHeader) {
    Heap::open(path, &HeapOptions::default()).expect("an image in order")
}

#[test]
fn it_opens_and_is_in_order() {
    let Some(path) = real_image() else { return };
    let (_, _, objects) = check_file(path).expect("an image in order");
    for map_file in [true, false] {
        let options = HeapOptions { map_file, ..HeapOptions::default() };
        let (heap, _) = Heap::open(path, &options).expect("an image in order");
        assert_eq!(verify::check(&heap), []);
        assert!(heap.slot_count(heap.special_objects()) >= 57);
        assert_eq!(heap.class_of(heap.special_objects()), heap.special(special::CLASS_ARRAY));
        let walked = heap.all_objects().len() as u64;
        assert!(walked <= objects && walked + 100 > objects, "{walked} of {objects}");
    }
}

#[test]
fn it_survives_collections() {
    let Some(path) = real_image() else { return };
    let (mut heap, _) = open(path);
    let before = heap.all_objects().len();
    for boot in [CollectBoot::No, CollectBoot::Yes, CollectBoot::Yes] {
        heap.collect_full(&mut (), boot).expect("memory");
        assert_eq!(verify::check(&heap), []);
    }
    heap.compact(&mut (), CollectBoot::Yes).expect("memory");
    assert_eq!(verify::check(&heap), []);
    let after = heap.all_objects().len();
    assert!(after <= before && after * 2 > before, "{after} of {before}");
}

/// Write `heap`, read the copy back, and write that again: the two files must be the same.
fn expect_round_trip(heap: &Heap, header: &ImageHeader) -> Heap {
    let directory = tempfile::tempdir().expect("a directory");
    let [first, second] = ["1", "2"].map(|name| directory.path().join(name));
    let written = heap.write_image(&first, header).expect("written");
    assert_eq!((written.flags, written.screen_size), (header.flags, header.screen_size));
    let (copy, header) = open(&first);
    assert_eq!(header, written);
    assert_eq!(copy.boot_region().start.0, header.saved_base, "in place");
    assert_eq!(verify::check(&copy), []);
    copy.write_image(&second, &header).expect("written again");
    let same = std::fs::read(&first).expect("first") == std::fs::read(&second).expect("second");
    assert!(same, "the second copy differs");
    copy
}

#[test]
fn it_writes_and_reads_back() {
    let Some(path) = real_image() else { return };
    let (mut heap, header) = open(path);
    let copy = expect_round_trip(&heap, &header);
    // What is written is what lives.
    heap.collect_full(&mut (), CollectBoot::Yes).expect("memory");
    let classes = |heap: &Heap| {
        let objects = heap.all_objects().into_iter();
        let mut found: Vec<u32> = objects.map(|object| heap.class_index(object).0).collect();
        found.sort_unstable();
        found
    };
    assert!(classes(&heap) == classes(&copy), "other objects");
}

#[test]
fn it_keeps_what_is_made_in_it() {
    let Some(path) = real_image() else { return };
    let (mut heap, header) = open(path);
    let class = rowel_objmem::layout::class_index::ARRAY;
    let format = rowel_objmem::Format::INDEXABLE;
    let mut last = heap.nil();
    let mut roots: Vec<Oop> = Vec::new();
    for count in 0..100_000 {
        let array = heap.allocate_filled(class, format, 2 + count % 300).expect("memory");
        heap.store(array, 0, last);
        heap.store(array, 1, Oop::small_integer(count as i64));
        if count % 10 == 0 {
            last = array;
        }
        if heap.needs_scavenge {
            roots.push(last);
            heap.scavenge(&mut roots).expect("memory");
            last = roots.pop().expect("the root");
        }
    }
    heap.set_special(special::THE_DISPLAY, last);
    heap.compact(&mut (), CollectBoot::Yes).expect("memory");
    assert_eq!(verify::check(&heap), []);
    let copy = expect_round_trip(&heap, &header);
    let mut object = copy.special(special::THE_DISPLAY);
    for count in (0..100_000).rev().filter(|count| count % 10 == 0) {
        assert_eq!(copy.fetch(object, 1), Oop::small_integer(count));
        object = copy.fetch(object, 0);
    }
    assert_eq!(object, copy.nil());
}
