//! Reading and writing images: small ones built here, and damaged ones.

use std::path::{Path, PathBuf};

use super::format::{HEADER_BYTES, ImageHeader, SPUR_64};
use super::read::{HeapOptions, check_file};
use crate::heap::Heap;
use crate::layout::{CLASS_TABLE_ROOT_SLOTS, HIDDEN_ROOT_SLOTS};
use crate::oop::{ClassIndex, Oop};
use crate::verify;

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

/// Each way in which the segments of a file can come to lie in the cage.
fn ways() -> impl Iterator<Item = (u64, u64, HeapOptions)> {
    // Saved high or low; with no gap, in the same page, on another, beyond what tables may span.
    let bases = [0x1_17F8_98E0, 0x1_0000_0080, 0x10_0000];
    let gaps = [0, 1, 3, 498, 1000, 100_000, 1 << 28];
    let both = bases.into_iter().flat_map(move |base| gaps.into_iter().map(move |gap| (base, gap)));
    both.flat_map(|(base, gap)| {
        [true, false].map(|map_file| (base, gap, HeapOptions { map_file, ..Default::default() }))
    })
}

#[test]
fn segments_stay_in_place_or_are_joined() {
    let directory = tempfile::tempdir().expect("a directory");
    for (base, gap, options) in ways() {
        let path = written(directory.path(), &small_image(base, Some(gap)));
        let (mut heap, _) = Heap::open(&path, &options).expect("an image");
        expect_small(&heap);
        let method = heap.special(4);
        assert!(heap.format(method).is_compiled_method());
        assert_eq!(heap.fetch(method, 1), heap.special(3));
        assert_eq!(heap.end_of(method), heap.boot_region().end);
        let in_place = base >= 1 << 30 && gap < 1 << 27;
        assert_eq!(heap.boot_region().start.0 == base, in_place, "{base:x} {gap}");
        assert_eq!(verify::check(&heap), []);
        let objects = heap.all_objects();
        assert_eq!(objects.len(), 7, "{base:x} {gap}");
        assert_eq!(objects.last(), Some(&method));
        let used = heap.old_bytes_in_use();
        heap.collect_full(&mut (), crate::CollectBoot::Yes).expect("memory");
        assert_eq!(verify::check(&heap), []);
        assert_eq!(heap.all_objects().len(), 7);
        assert!(heap.old_bytes_in_use() <= used && used < 1 << 20);
    }
}

#[test]
fn rubbish_beyond_a_stack_pointer_becomes_nil() {
    let directory = tempfile::tempdir().expect("a directory");
    for base in [0x1_0000_0080, 0x10_0000] {
        let mut image = small_image(base, None);
        // The array of three that is special object 3 becomes a context with two stale slots.
        let words = [8_u64 << 56 | 1 << 24 | 1024, 1, 1, 1, 1, 1, 1, 0xDEAD_BEE8, 7];
        let at = image.len() - 16;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        image.splice(at..at, bytes);
        let grown = |image: &[u8], at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&image[at..at + 8]);
            (u64::from_le_bytes(word) + 72).to_le_bytes()
        };
        for field in [8, 72] {
            let word = grown(&image, field);
            image[field..field + 8].copy_from_slice(&word);
        }
        let path = written(directory.path(), &image);
        assert!(check_file(&path).is_err());
        // Now with the class index of a context, for which the table has an entry.
        image[at..at + 8].copy_from_slice(&(8_u64 << 56 | 1 << 24 | 36).to_le_bytes());
        let entry = class_table_entry(&image, 36);
        let class = class_table_entry(&image, 51);
        let class: Vec<u8> = image[class..class + 8].to_vec();
        image[entry..entry + 8].copy_from_slice(&class);
        let path = written(directory.path(), &image);
        let (heap, _) = Heap::open(&path, &HeapOptions::default()).expect("an image");
        let context = *heap.all_objects().last().expect("objects");
        assert_eq!(heap.slot_count(context), 8);
        assert_eq!([heap.fetch(context, 6), heap.fetch(context, 7)], [heap.nil(); 2]);
        assert_eq!(verify::check(&heap), []);
    }
}

/// Where the file holds entry `index` of the first class table page of [`small_image`].
fn class_table_entry(image: &[u8], index: usize) -> usize {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&image[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let header = HEADER_BYTES as usize;
    // Three objects without slots, the free lists, then the overflow word and header of the roots.
    let roots = header + 3 * 16 + 65 * 8 + 8;
    let page = word(roots + 8) - word(16);
    header + page as usize + 8 + index * 8
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
    let images = [small_image(0x1_0000_0080, Some(3)), small_image(0x10_0000, Some(3))];
    let mut rejected = 0;
    let mut random = 12345_u64;
    for round in 0..800 {
        let mut damaged = images[round % 2].clone();
        let bytes = damaged.len();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Three of four hit the ends of the file, where the structure is.
        let span = if random & 3 == 0 { bytes } else { 800 };
        let from_end = random & 4 != 0;
        let distance = (random >> 16) as usize % span;
        let at = if from_end { bytes - 1 - distance } else { distance };
        damaged[at] ^= (random >> 8) as u8 | 1;
        let path = written(directory.path(), &damaged);
        if let Ok((mut heap, _)) = Heap::open(&path, &HeapOptions::default()) {
            assert!(heap.special_objects() != Oop::ZERO);
            assert_eq!(verify::check(&heap), []);
            heap.collect_full(&mut (), crate::CollectBoot::Yes).expect("memory");
            assert_eq!(verify::check(&heap), []);
        } else {
            rejected += 1;
        }
    }
    assert!(rejected > 100, "{rejected} of 800 were rejected");
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

/// Spur remembers where that page is when it opens an image, and slides objects over dead ones that
/// lie before it.
#[test]
fn the_first_page_of_the_class_table_is_written_right_after_the_hidden_roots() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = written(directory.path(), &small_image(0x1_0000_0080, None));
    let (mut heap, header) = Heap::open(&path, &HeapOptions::default()).expect("an image");
    let young = heap.allocate_filled(ClassIndex(51), crate::Format::INDEXABLE, 2).expect("room");
    heap.set_special(3, young);
    heap.write_image(&path, &header).expect("written");
    let (heap, _) = Heap::open(&path, &HeapOptions::default()).expect("the image written");
    let page = heap.fetch(heap.hidden_roots, 0);
    assert_eq!(heap.start_of(page), heap.end_of(heap.hidden_roots));
}
