//! Image segments: what goes in, what stays out, what comes back; too little room; damaged words.

#[allow(dead_code, reason = "whole files are not damaged here")]
#[path = "support/damage.rs"]
mod damage;

use damage::{Damage, Random};
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::header::{IMMUTABLE_BIT, PINNED_BIT};
use rowel_objmem::layout::{FREE_CHUNK_CLASS_INDEX, class_index};
use rowel_objmem::{ClassIndex, CollectBoot, Format, Heap, Oop, SegmentError, verify};

fn heap() -> Heap {
    Heap::bootstrap(BootstrapOptions { cage_bytes: 1 << 30, ..BootstrapOptions::default() })
        .expect("memory")
}

fn int(value: i64) -> Oop {
    Oop::small_integer(value)
}

fn array(heap: &mut Heap, elements: &[Oop]) -> Oop {
    let slots = elements.len() as u64;
    let array = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots).expect("memory");
    for (index, &element) in elements.iter().enumerate() {
        heap.store(array, index, element);
    }
    array
}

fn words(heap: &mut Heap, count: u64) -> Oop {
    let format = Format::WORDS_32.for_elements(count);
    heap.allocate_filled(class_index::BITMAP, format, count.div_ceil(2)).expect("memory")
}

fn bytes(heap: &mut Heap, contents: &[u8]) -> Oop {
    let size = contents.len() as u64;
    let format = Format::BYTES.for_elements(size);
    let object = heap.allocate_filled(class_index::BYTE_STRING, format, size.div_ceil(8));
    let object = object.expect("memory");
    heap.bytes_mut(object).copy_from_slice(contents);
    object
}

/// A class with `fixed` instance variables that has its index already.
fn class(heap: &mut Heap, format: Format, fixed: i64) -> Oop {
    let class = heap.allocate_filled(bootstrap_class::CLASS, Format::FIXED, 6).expect("memory");
    heap.store(class, 2, int(i64::from(format.bits()) << 16 | fixed));
    heap.index_of_class(class).expect("room");
    class
}

fn instance(heap: &mut Heap, class: Oop, format: Format, slots: u64) -> Oop {
    let index = heap.index_of_class(class).expect("room");
    heap.allocate_filled(index, format, slots).expect("memory")
}

fn slots(heap: &Heap, object: Oop) -> Vec<Oop> {
    (0..heap.slot_count(object) as usize)
        .map(|index| heap.follow(heap.fetch(object, index)))
        .collect()
}

/// Words and out pointers after storing, followed.
fn store(
    heap: &mut Heap,
    roots: Oop,
    size: u64,
    pointers: usize,
    keep: &[Oop],
) -> Result<(Oop, Oop), SegmentError> {
    let words = words(heap, size);
    let nil = heap.nil();
    let out_pointers = array(heap, &vec![nil; pointers]);
    heap.store_image_segment([roots, words, out_pointers], &mut (), keep)?;
    assert_eq!(verify::check(heap), []);
    Ok((heap.follow(words), heap.follow(out_pointers)))
}

/// A graph of all kinds of objects: its array of roots, and the object outside that it refers to.
fn graph(heap: &mut Heap) -> (Oop, Oop) {
    let outside = bytes(heap, b"outside");
    let own = class(heap, Format::FIXED, 2);
    let one = instance(heap, own, Format::FIXED, 2);
    let two = instance(heap, own, Format::FIXED, 2);
    heap.store(one, 0, two);
    heap.store(one, 1, outside);
    heap.store(two, 0, one);
    let text = bytes(heap, b"hello");
    heap.store(two, 1, text);
    heap.identity_hash(two);
    let method = heap.allocate_filled(bootstrap_class::COMPILED_METHOD, Format::COMPILED_METHOD, 4);
    let method = method.expect("memory");
    heap.store(method, 0, int(2));
    heap.store(method, 1, text);
    heap.store(method, 2, own);
    heap.store_u64(method, 3, 0x0123_4567_89AB_CDEF);
    let nil = heap.nil();
    let large = vec![nil; 300];
    let large = array(heap, &large);
    heap.store(large, 299, method);
    let weak = heap.allocate_filled(bootstrap_class::WEAK_ARRAY, Format::WEAK, 2).expect("memory");
    heap.store(weak, 0, text);
    heap.store(weak, 1, outside);
    let empty = array(heap, &[]);
    let header = heap.header(empty).with_flag(IMMUTABLE_BIT, true);
    heap.set_header(empty, header);
    let float = Oop::from_float(1.5).expect("immediate");
    (array(heap, &[one, large, weak, empty, float, nil, int(-7)]), outside)
}

/// Check what [`graph`] made, after it was loaded.
fn check_graph(heap: &Heap, roots: Oop, outside: Oop, hash: u32) {
    let [one, large, weak, empty, float, nil, number] = slots(heap, roots)[..] else {
        panic!("seven roots")
    };
    let [two, other] = slots(heap, one)[..] else { panic!("two variables") };
    assert_eq!(other, outside);
    let [back, text] = slots(heap, two)[..] else { panic!("two variables") };
    assert_eq!(back, one);
    assert_eq!(heap.header(two).hash(), hash);
    assert_eq!(heap.bytes(text), b"hello");
    assert_eq!(heap.header(text).class_index(), class_index::BYTE_STRING);
    let own = heap.class_of(one);
    assert_eq!(heap.class_of(two), own);
    assert_eq!(heap.fetch(own, 2), int(1 << 16 | 2));
    assert_eq!(heap.class_at(ClassIndex(heap.header(own).hash())), own);
    assert!(!heap.header(own).is_remembered() || !heap.is_young(own));
    assert_eq!(heap.slot_count(large), 300);
    assert_eq!(heap.fetch(large, 0), heap.nil());
    let method = heap.fetch(large, 299);
    assert_eq!(heap.header(method).class_index(), bootstrap_class::COMPILED_METHOD);
    assert_eq!(heap.fetch(method, 0), int(2));
    assert_eq!((heap.fetch(method, 1), heap.fetch(method, 2)), (text, own));
    assert_eq!(heap.fetch_u64(method, 3), 0x0123_4567_89AB_CDEF);
    assert_eq!(slots(heap, weak), [text, outside]);
    assert!(heap.format(weak).is_weak());
    assert_eq!(heap.slot_count(empty), 0);
    assert!(heap.header(empty).is_immutable());
    assert_eq!(float.small_float_value(), 1.5);
    assert_eq!((nil, number), (heap.nil(), int(-7)));
}

#[test]
fn a_graph_goes_out_and_comes_back() {
    let mut heap = heap();
    let (roots, outside) = graph(&mut heap);
    let one = heap.fetch(roots, 0);
    let old_class = heap.class_of(one);
    let hash = heap.header(heap.fetch(one, 0)).hash();
    let before: Vec<Oop> = slots(&heap, roots);
    let (words, out_pointers) = store(&mut heap, roots, 2000, 50, &[outside]).expect("stored");
    assert_eq!(slots(&heap, roots), before, "the originals stay");
    assert_eq!(heap.header(old_class).hash(), heap.header(one).class_index().0);
    assert!(slots(&heap, out_pointers).contains(&outside));
    assert!(slots(&heap, out_pointers).contains(&heap.nil()));
    assert!(!slots(&heap, out_pointers).contains(&old_class), "it is inside");
    let version = heap.fetch_u64(words, 0);
    assert_eq!(version, version.rotate_left(32));
    assert_eq!(version & 0xFF_FFFF, 68021);
    // The first object is the array of roots, of class Array, outside; the class comes next.
    let array_index =
        slots(&heap, out_pointers).iter().position(|&oop| oop == heap.class_at(class_index::ARRAY));
    assert_eq!(heap.fetch_u64(words, 1) & 0x3F_FFFF, 1 << 21 | array_index.expect("there") as u64);
    let class_header = heap.fetch_u64(words, 1 + 8);
    assert_eq!(class_header >> 29 & 1, 1, "says that it is a class");
    assert_eq!(class_header >> 32 & 0x3F_FFFF, 0, "and has no hash");

    let loaded = heap.load_image_segment(words, out_pointers).expect("loaded");
    assert_eq!(verify::check(&heap), []);
    assert_ne!(loaded, roots);
    check_graph(&heap, loaded, outside, hash);
    assert_ne!(heap.class_of(heap.fetch(loaded, 0)), old_class);
    let all = heap.follow(words);
    assert_eq!(heap.fetch(all, 0), loaded);
    assert_eq!(heap.header(all).class_index(), class_index::ARRAY);
    let mut references = vec![loaded, outside, words];
    heap.collect_full(&mut references, CollectBoot::Yes).expect("memory");
    assert_eq!(verify::check(&heap), []);
    check_graph(&heap, references[0], references[1], hash);
}

#[test]
fn a_segment_can_be_loaded_into_another_heap() {
    let mut first = heap();
    let (roots, outside) = graph(&mut first);
    let hash = first.header(first.fetch(first.fetch(roots, 0), 0)).hash();
    let (stored, pointers) = store(&mut first, roots, 2000, 50, &[outside]).expect("stored");
    let mut second = heap();
    let other = bytes(&mut second, b"other");
    // What is outside is found by what it is, as the image does by name.
    let pointers: Vec<Oop> = slots(&first, pointers)
        .into_iter()
        .map(|oop| {
            if oop == outside {
                other
            } else if oop == first.nil() {
                second.nil()
            } else {
                second.class_at(ClassIndex(first.header(oop).hash()))
            }
        })
        .collect();
    let pointers = array(&mut second, &pointers);
    let copy = words(&mut second, first.slot_count(stored) * 2);
    second.bytes_mut(copy).copy_from_slice(first.bytes(stored));
    let loaded = second.load_image_segment(copy, pointers).expect("loaded");
    check_graph(&second, loaded, other, hash);
    assert_eq!(verify::check(&second), []);
}

#[test]
fn what_others_reach_stays_outside() {
    let mut heap = heap();
    let (shared, weakly, own) =
        (array(&mut heap, &[]), array(&mut heap, &[]), array(&mut heap, &[]));
    let root = array(&mut heap, &[shared, weakly, own]);
    let roots = array(&mut heap, &[root, root]);
    let holder = array(&mut heap, &[shared, root]);
    let weak = heap.allocate_filled(bootstrap_class::WEAK_ARRAY, Format::WEAK, 1).expect("memory");
    heap.store(weak, 0, weakly);
    let (_, pointers) = store(&mut heap, roots, 500, 20, &[holder, weak]).expect("stored");
    let pointers = slots(&heap, pointers);
    assert!(pointers.contains(&shared));
    for inside in [weakly, own, root, roots] {
        assert!(!pointers.contains(&inside));
    }
    assert_eq!(heap.fetch(weak, 0), weakly, "a weak reference stays");
}

#[test]
fn forwarders_are_followed() {
    let mut heap = heap();
    let (one, two) = (array(&mut heap, &[]), bytes(&mut heap, b"two"));
    let inner = array(&mut heap, &[one]);
    let roots = array(&mut heap, &[one, inner]);
    let (from, to) = (array(&mut heap, &[one]), array(&mut heap, &[two]));
    heap.become_forward(from, to, false, false).expect("become");
    let (words, pointers) = store(&mut heap, roots, 100, 20, &[]).expect("stored");
    let loaded = heap.load_image_segment(words, pointers).expect("loaded");
    let [text, inner] = slots(&heap, loaded)[..] else { panic!("two") };
    assert_eq!(heap.bytes(text), b"two");
    assert_eq!(slots(&heap, inner), [text]);
}

#[test]
fn contexts_lose_what_is_above_their_stack_pointers() {
    let mut heap = heap();
    let junk = bytes(&mut heap, b"junk");
    let kept = bytes(&mut heap, b"kept");
    let context = class_index::METHOD_CONTEXT;
    let context = heap.allocate_filled(context, Format::FIXED_INDEXABLE, 10).expect("memory");
    heap.store(context, 2, int(1));
    heap.store(context, 6, kept);
    heap.store(context, 7, junk);
    let roots = array(&mut heap, &[context]);
    let (words, pointers) = store(&mut heap, roots, 100, 20, &[]).expect("stored");
    assert!(!slots(&heap, pointers).contains(&junk));
    let loaded = heap.load_image_segment(words, pointers).expect("loaded");
    let loaded = heap.fetch(loaded, 0);
    assert_eq!(heap.bytes(heap.fetch(loaded, 6)), b"kept");
    assert_eq!(heap.fetch(loaded, 7), heap.nil());
    // One with a frame would lead nowhere.
    let roots = array(&mut heap, &[context]);
    heap.store(context, 0, int(4096));
    let (words, pointers) = store(&mut heap, roots, 100, 20, &[]).expect("stored");
    assert_eq!(heap.load_image_segment(words, pointers), Err(SegmentError::Inappropriate));
}

#[test]
fn pinned_objects_come_back_pinned() {
    let mut heap = heap();
    let object = bytes(&mut heap, b"stay");
    let object = heap.pin(object).expect("memory");
    let roots = array(&mut heap, &[object]);
    let (words, pointers) = store(&mut heap, roots, 100, 20, &[]).expect("stored");
    let loaded = heap.load_image_segment(words, pointers).expect("loaded");
    let loaded = heap.fetch(loaded, 0);
    assert!(heap.header(loaded).is_pinned() && !heap.is_young(loaded));
    assert_eq!(heap.bytes(loaded), b"stay");
    assert_eq!(verify::check(&heap), []);
}

#[test]
fn both_arrays_are_cut_wherever_they_are() {
    // Sizes with and without an overflow word, young and old; out pointers with 0, 1 and more too many.
    for size in [60, 62, 64, 400, 600, 2000, 100_000] {
        for too_many in [0, 1, 2, 300] {
            for old in [false, true] {
                let mut heap = heap();
                let text = bytes(&mut heap, b"some text");
                let filler = vec![int(5); 12];
                let filler = array(&mut heap, &filler);
                let roots = array(&mut heap, &[text, filler]);
                let words = words(&mut heap, size);
                let nil = heap.nil();
                // Array and ByteString are outside.
                let pointers = array(&mut heap, &vec![nil; 2 + too_many]);
                let mut references = vec![roots, words, pointers];
                if old {
                    for _ in 0..5 {
                        heap.scavenge(&mut references).expect("memory");
                    }
                    heap.collect_full(&mut references, CollectBoot::Yes).expect("memory");
                    assert!(!heap.is_young(references[1]));
                }
                let [roots, words, pointers] = references[..] else { panic!("three") };
                let hash = heap.identity_hash(pointers);
                let outcome = heap.store_image_segment([roots, words, pointers], &mut (), &[]);
                assert_eq!(outcome, Ok(()), "{size} {too_many} {old}");
                let [words, pointers] = [words, pointers].map(|oop| heap.follow(oop));
                assert_eq!(heap.slot_count(pointers), 2);
                assert_eq!(heap.identity_hash(pointers), hash);
                // Version, roots, filler, text.
                assert_eq!(heap.element_count(words), 2 * (1 + 3 + 13 + 3));
                assert_eq!(verify::check(&heap), []);
                let mut references = vec![words, pointers];
                heap.collect_full(&mut references, CollectBoot::Yes).expect("memory");
                assert_eq!(verify::check(&heap), []);
                let loaded = heap.load_image_segment(references[0], references[1]).expect("loaded");
                assert_eq!(heap.bytes(heap.fetch(loaded, 0)), b"some text");
                assert_eq!(heap.fetch(heap.fetch(loaded, 1), 11), int(5));
            }
        }
    }
}

#[test]
fn too_little_room_is_a_failure_that_changes_nothing() {
    let mut heap = heap();
    let text = bytes(&mut heap, b"some text");
    let roots = array(&mut heap, &[text, text]);
    // The version, the roots, the text, and two words to cut off: 1 + 3 + 3 + 2.
    for (size, pointers, expected) in [
        (18, 2, Ok(())),
        (16, 2, Err(SegmentError::WritePastObject)),
        (14, 2, Err(SegmentError::WritePastObject)),
        (2, 2, Err(SegmentError::WritePastObject)),
        (0, 2, Err(SegmentError::WrongKind)),
        (18, 1, Err(SegmentError::BadIndex)),
        (18, 0, Err(SegmentError::BadIndex)),
    ] {
        let words = words(&mut heap, size);
        let mark = int(77);
        let pointers = array(&mut heap, &vec![mark; pointers]);
        let contents = heap.bytes(words).to_vec();
        let old = slots(&heap, pointers);
        let outcome = heap.store_image_segment([roots, words, pointers], &mut (), &[]);
        assert_eq!(outcome, expected, "{size}");
        if outcome.is_err() {
            assert_eq!(heap.bytes(words), contents);
            assert_eq!(slots(&heap, pointers), old);
        }
        assert_eq!(verify::check(&heap), []);
    }
}

#[test]
fn arguments_of_the_wrong_kind_fail() {
    let mut heap = heap();
    let roots = array(&mut heap, &[]);
    let good_words = words(&mut heap, 100);
    let pointers = array(&mut heap, &[int(1); 9]);
    let text = bytes(&mut heap, b"text");
    for arguments in [
        [text, good_words, pointers],
        [int(1), good_words, pointers],
        [roots, text, pointers],
        [roots, int(1), pointers],
        [roots, good_words, text],
        [roots, good_words, int(1)],
    ] {
        let outcome = heap.store_image_segment(arguments, &mut (), &[]);
        assert_eq!(outcome, Err(SegmentError::WrongKind));
    }
    assert_eq!(heap.load_image_segment(text, pointers), Err(SegmentError::WrongKind));
    assert_eq!(heap.load_image_segment(good_words, text), Err(SegmentError::WrongKind));
    assert_eq!(heap.load_image_segment(good_words, pointers), Err(SegmentError::BadArgument));
    for (flag, error) in
        [(IMMUTABLE_BIT, SegmentError::NoModification), (PINNED_BIT, SegmentError::ObjectIsPinned)]
    {
        for object in [good_words, pointers] {
            let header = heap.header(object);
            heap.set_header(object, header.with_flag(flag, true));
            let outcome = heap.store_image_segment([roots, good_words, pointers], &mut (), &[]);
            assert_eq!(outcome, Err(error));
            heap.set_header(object, header);
        }
    }
}

/// A heap with a segment that can be loaded.
fn with_segment() -> (Heap, Oop, Oop) {
    let mut heap = heap();
    let (roots, outside) = graph(&mut heap);
    let (words, pointers) = store(&mut heap, roots, 2000, 50, &[outside]).expect("stored");
    (heap, words, pointers)
}

#[test]
fn damage_by_hand_is_refused_with_its_code() {
    use SegmentError::*;
    let (mut heap, words, pointers) = with_segment();
    let last = heap.slot_count(words) as usize - 1;
    // The header of the roots is word 1, their first slot word 2.
    let header = heap.fetch_u64(words, 1);
    let class = |index: u64| header & !0x3F_FFFF | index;
    for (index, word, expected) in [
        (0, 0, BadArgument),
        (0, 68020, BadArgument),
        (0, heap.fetch_u64(words, 0) ^ 0xFF00_0000, BadArgument),
        (0, heap.fetch_u64(words, 0).swap_bytes(), BadArgument),
        (1, header | 1 << 55, Inappropriate),
        (1, header & !(31 << 24) | 6 << 24, Inappropriate),
        (1, header & !(31 << 24) | 7 << 24, Inappropriate),
        (1, header & !(31 << 24) | 16 << 24, Inappropriate),
        (1, header & !(31 << 24) | 24 << 24, Inappropriate),
        (1, header | 255 << 56, BadArgument),
        (1, class(1 << 21 | 999), BadIndex),
        (1, class(15), Inappropriate),
        (1, class(17), Inappropriate),
        (1, class(16), Inappropriate),
        (1, class(1 << 20), BadIndex),
        (2, (1 << 63) | (50 * 8), BadIndex),
        (2, !7, BadIndex),
        (2, 8, Inappropriate),
        (2, last as u64 * 8, BadIndex),
        (2, 3, Inappropriate),
        (2, 7, Inappropriate),
    ] {
        let old = heap.fetch_u64(words, index);
        heap.store_u64(words, index, word);
        let outcome = heap.load_image_segment(words, pointers);
        assert_eq!(outcome, Err(expected), "{index} {word:#x}");
        heap.store_u64(words, index, old);
    }
    assert!(heap.load_image_segment(words, pointers).is_ok());
}

#[test]
fn objects_must_fit_their_classes() {
    let mut heap = heap();
    let own = class(&mut heap, Format::FIXED, 2);
    let object = instance(&mut heap, own, Format::FIXED, 2);
    let roots = array(&mut heap, &[object]);
    let (words, pointers) = store(&mut heap, roots, 200, 20, &[own]).expect("stored");
    let small = class(&mut heap, Format::FIXED, 1);
    let large = class(&mut heap, Format::FIXED, 3);
    let bits = class(&mut heap, Format::BYTES, 0);
    let fresh = class(&mut heap, Format::FIXED, 2);
    let header = heap.header(fresh).with_hash(0);
    heap.set_header(fresh, header);
    let none = array(&mut heap, &[int(1); 6]);
    heap.identity_hash(none);
    let index = slots(&heap, pointers).iter().position(|&oop| oop == own).expect("outside");
    let nil = heap.nil();
    for (other, expected) in [
        (large, Err(SegmentError::Inappropriate)),
        (bits, Err(SegmentError::Inappropriate)),
        (none, Err(SegmentError::Inappropriate)),
        (nil, Err(SegmentError::Inappropriate)),
        (int(5), Err(SegmentError::Inappropriate)),
        (small, Ok(())),
        (fresh, Ok(())),
    ] {
        heap.store(pointers, index, other);
        let size = heap.element_count(words);
        let copy = self::words(&mut heap, size);
        let contents = heap.bytes(words).to_vec();
        heap.bytes_mut(copy).copy_from_slice(&contents);
        let outcome = heap.load_image_segment(copy, pointers);
        assert_eq!(outcome.map(|_| ()), expected);
        if let Ok(loaded) = outcome {
            assert_eq!(heap.class_of(heap.fetch(loaded, 0)), other);
        }
        assert_eq!(verify::check(&heap), []);
    }
}

#[test]
fn damaged_words_are_refused_or_loaded_but_do_no_harm() {
    let (mut heap, words, pointers) = with_segment();
    let size = heap.element_count(words);
    let mut references = vec![words, pointers];
    let original = heap.bytes(words).to_vec();
    let (mut refused, mut loaded) = (0, 0);
    let count = std::env::var("ROWEL_CORRUPT_INPUTS").ok().and_then(|count| count.parse().ok());
    for seed in 0..count.unwrap_or(20_000) {
        let mut random = Random::new(seed);
        let mut contents = original.clone();
        for _ in 0..1 + random.below(3) {
            if let Damage::Patch { at, bytes } = Damage::random_in_place(&mut random, &contents) {
                contents[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
        let copy = self::words(&mut heap, size);
        heap.bytes_mut(copy).copy_from_slice(&contents);
        match heap.load_image_segment(copy, references[1]) {
            Ok(_) => loaded += 1,
            Err(_) => refused += 1,
        }
        if seed % 500 == 0 {
            heap.collect_full(&mut references, CollectBoot::Yes).expect("memory");
            assert_eq!(verify::check(&heap), [], "{seed}");
        } else if seed % 20 == 0 {
            heap.scavenge(&mut references).expect("memory");
        }
    }
    assert!(loaded > 100 && refused > 100, "{loaded} {refused}");
    let copy = heap.load_image_segment(references[0], references[1]);
    assert!(copy.is_ok());
}

#[test]
fn what_is_cut_off_is_no_object() {
    let mut heap = heap();
    let roots = array(&mut heap, &[int(1); 300]);
    let words = words(&mut heap, 4000);
    let pointers = array(&mut heap, &[int(1); 9]);
    heap.store_image_segment([roots, words, pointers], &mut (), &[]).expect("stored");
    let after = heap.object_starting_at(heap.end_of(words));
    assert_eq!(heap.header(after).class_index().0, FREE_CHUNK_CLASS_INDEX);
    assert!(!heap.all_objects().contains(&after));
}
