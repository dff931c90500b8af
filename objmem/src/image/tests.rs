//! Reading images: small ones built here, damaged ones, and the real one where it is at hand.

use std::path::{Path, PathBuf};

use super::format::{HEADER_BYTES, ImageHeader, SPUR_64};
use super::read::{HeapOptions, check_file};
use crate::heap::Heap;
use crate::layout::{CLASS_TABLE_ROOT_SLOTS, HIDDEN_ROOT_SLOTS};
use crate::oop::{ClassIndex, Oop};

#[path = "../../tests/support/real_image.rs"]
mod support;
use support::real_image;

/// Words of an image in the making.
struct Builder {
    base: u64,
    words: Vec<u64>,
}

impl Builder {
    /// An object: class index, format and slots; answers its saved address.
    fn add(&mut self, class: u64, format: u64, slots: &[u64]) -> u64 {
        if slots.len() >= 255 {
            self.words.push(255 << 56 | slots.len() as u64);
        }
        let at = self.base + self.words.len() as u64 * 8;
        self.words.push((slots.len() as u64).min(255) << 56 | format << 24 | class);
        self.words.extend(slots);
        if slots.is_empty() {
            self.words.push(0);
        }
        at
    }

    fn set(&mut self, object: u64, slot: u64, value: u64) {
        self.words[((object - self.base) / 8 + 1 + slot) as usize] = value;
    }
}

/// An image of one class, saved at `base`: special object 3 is an Array of three elements. With
/// `gap`, a second segment that many words further on holds the method that is special object 4.
pub(super) fn small_image(base: u64, gap: Option<u64>) -> Vec<u8> {
    let mut image = Builder { base, words: Vec::new() };
    let nil = image.add(1024, 0, &[]);
    let no = image.add(1024, 0, &[]);
    let yes = image.add(1024, 0, &[]);
    image.add(19, 9, &[0; 64]);
    let roots = image.add(16, 2, &[nil; (CLASS_TABLE_ROOT_SLOTS + HIDDEN_ROOT_SLOTS) as usize]);
    // Its identity hash is its class index.
    let class = image.add(1024 << 32 | 1024, 1, &[nil; 3]);
    for index in 0..2 {
        let page = image.add(16, 2, &[nil; 1024]);
        image.set(roots, index, page);
        image.set(page, if index == 0 { 51 } else { 0 }, class);
    }
    let special = image.add(51, 2, &[nil; 60]);
    let array = image.add(51, 2, &[yes, 7 << 3 | 1, special]);
    image.set(special, 1, no);
    image.set(special, 2, yes);
    image.set(special, 3, array);
    let mut first_segment_words = image.words.len() as u64 + 2;
    match gap {
        None => image.words.extend([3, 0]),
        Some(gap) => {
            let bytes = 8 * 6;
            image.words.extend([255 << 56 | gap, bytes]);
            image.base += gap * 8;
            let method = image.add(1024, 24, &[1 << 3 | 1, array, 0]);
            image.base = base;
            image.set(special, 4, method);
            image.words.extend([3, 0]);
        }
    }
    first_segment_words *= 8;
    let header = ImageHeader {
        format: SPUR_64,
        header_bytes: HEADER_BYTES,
        data_bytes: image.words.len() as u64 * 8,
        saved_base: base,
        special_objects: special,
        first_segment_bytes: first_segment_words,
        ..ImageHeader::default()
    };
    let mut bytes = header.to_bytes();
    bytes.extend(image.words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

pub(super) fn written(directory: &Path, bytes: &[u8]) -> PathBuf {
    let path = directory.join("small.image");
    std::fs::write(&path, bytes).expect("a file");
    path
}

fn expect_small(heap: &Heap) {
    assert_eq!(heap.special(0), heap.nil());
    assert_eq!(heap.special(2), heap.true_object());
    let array = heap.special(3);
    assert_eq!(heap.slot_count(array), 3);
    assert_eq!(heap.fetch(array, 0), heap.true_object());
    assert_eq!(heap.fetch(array, 1), Oop::small_integer(7));
    assert_eq!(heap.fetch(array, 2), heap.special_objects());
    assert_eq!(heap.class_of(array), heap.class_at(ClassIndex(1024)));
    assert!(heap.is_boot(array) && !heap.is_young(array));
}

#[test]
fn a_small_image_opens_mapped_and_copied() {
    let directory = tempfile::tempdir().expect("a directory");
    for (base, mapped) in [(0x1_17F8_98E0, true), (0x1_0000_0080, true), (0x10_0000, false)] {
        let path = written(directory.path(), &small_image(base, None));
        let (mut heap, header) = Heap::open(&path, &HeapOptions::default()).expect("an image");
        assert_eq!(heap.boot_region().start.0 == base, mapped);
        assert_eq!(header.saved_base, base);
        expect_small(&heap);
        let class = ClassIndex(51);
        let young = heap.allocate_filled(class, crate::Format::INDEXABLE, 2).expect("room");
        assert!(heap.is_young(young));
        let array = heap.special(3);
        heap.store(array, 0, young);
        assert!(heap.header(array).is_remembered());
        heap.store(heap.stack_zone().start.oop(), 0, Oop::ZERO);
    }
}

#[test]
fn segments_are_joined() {
    let directory = tempfile::tempdir().expect("a directory");
    for base in [0x1_17F8_98E0, 0x10_0000] {
        let path = written(directory.path(), &small_image(base, Some(1000)));
        let (heap, _) = Heap::open(&path, &HeapOptions::default()).expect("an image");
        expect_small(&heap);
        let method = heap.special(4);
        assert!(heap.format(method).is_compiled_method());
        assert_eq!(heap.fetch(method, 1), heap.special(3));
        assert_eq!(heap.end_of(method), heap.boot_region().end);
    }
}

#[test]
fn truncated_files_are_errors() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = small_image(0x1_0000_0080, Some(3));
    for length in (0..bytes.len()).step_by(997).chain([1, 4, 88, 127, bytes.len() - 1]) {
        let path = written(directory.path(), &bytes[..length]);
        assert!(check_file(&path).is_err(), "{length} bytes");
    }
}

#[test]
fn damaged_files_never_panic() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = small_image(0x1_0000_0080, Some(3));
    let mut rejected = 0;
    let mut random = 12345_u64;
    for _ in 0..600 {
        let mut damaged = bytes.clone();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Three of four hit the ends of the file, where the structure is.
        let span = if random & 3 == 0 { bytes.len() } else { 800 };
        let from_end = random & 4 != 0;
        let distance = (random >> 16) as usize % span;
        let at = if from_end { bytes.len() - 1 - distance } else { distance };
        damaged[at] ^= (random >> 8) as u8 | 1;
        let path = written(directory.path(), &damaged);
        if let Ok((heap, _)) = Heap::open(&path, &HeapOptions::default()) {
            assert!(heap.special_objects() != Oop::ZERO);
        } else {
            rejected += 1;
        }
    }
    assert!(rejected > 100, "{rejected} of 600 were rejected");
}

#[test]
fn wild_references_are_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut bytes = small_image(0x1_0000_0080, None);
    // The last slot of the last object before the bridge: into the middle of an object.
    let at = bytes.len() - 24;
    bytes[at] += 8;
    let error = check_file(&written(directory.path(), &bytes)).expect_err("wild");
    assert_eq!(error.offset, at as u64);
    assert!(error.to_string().contains("reference"), "{error}");
}

#[test]
fn the_real_image_opens() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(path) = real_image(directory.path()) else { return };
    let started = std::time::Instant::now();
    let (heap, header) = Heap::open(&path, &HeapOptions::default()).expect("the image");
    println!("opened in {:?}: {header:?}", started.elapsed());
    assert!(heap.slot_count(heap.special_objects()) >= 57);
    assert_eq!(
        heap.class_of(heap.special_objects()),
        heap.special(crate::layout::special::CLASS_ARRAY)
    );
}

/// Write `heap`, read the copy back, and write that again: the two files must be the same.
fn expect_round_trip(heap: &Heap, header: &ImageHeader, directory: &Path) -> Heap {
    let (first, second) = (directory.join("first.image"), directory.join("second.image"));
    heap.write_image(&first, header).expect("written");
    let (copy, header) = Heap::open(&first, &HeapOptions::default()).expect("the copy");
    assert_eq!(copy.boot_region().start.0, header.saved_base, "mapped, not copied");
    copy.write_image(&second, &header).expect("written again");
    let same = std::fs::read(&first).expect("first") == std::fs::read(&second).expect("second");
    assert!(same);
    copy
}

#[test]
fn written_images_read_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = written(directory.path(), &small_image(0x10_0000, Some(9)));
    let (mut heap, header) = Heap::open(&path, &HeapOptions::default()).expect("an image");
    let young = heap.allocate_filled(ClassIndex(51), crate::Format::INDEXABLE, 300).expect("room");
    heap.store(young, 299, heap.true_object());
    heap.set_special(5, young);
    let copy = expect_round_trip(&heap, &header, directory.path());
    expect_small(&copy);
    assert_eq!(copy.slot_count(copy.special(5)), 300);
    assert_eq!(copy.fetch(copy.special(5), 299), copy.true_object());
    assert!(!copy.header(copy.special_objects()).is_remembered());
    assert!(std::fs::read_dir(directory.path()).expect("files").count() == 3);
}

#[test]
fn the_real_image_writes_and_reads_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(path) = real_image(directory.path()) else { return };
    let (heap, header) = Heap::open(&path, &HeapOptions::default()).expect("the image");
    expect_round_trip(&heap, &header, directory.path());
}

#[test]
fn the_real_image_survives_full_collections() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(path) = real_image(directory.path()) else { return };
    let (mut heap, _) = Heap::open(&path, &HeapOptions::default()).expect("the image");
    let before = heap.all_objects().len();
    for _ in 0..3 {
        let started = std::time::Instant::now();
        heap.collect_full(&mut (), crate::CollectBoot::Yes).expect("memory");
        println!("collected in {:?}, {} objects", started.elapsed(), heap.all_objects().len());
    }
    let after = heap.all_objects();
    assert!(after.len() <= before && after.len() * 2 > before);
    for object in after {
        for slot in 0..heap.pointer_slots(object) as usize {
            let referent = heap.fetch(object, slot);
            assert!(!referent.is_pointer() || heap.class_index(referent).0 != 0, "{object:?}");
        }
    }
}
