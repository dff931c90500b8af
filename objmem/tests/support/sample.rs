//! A small valid image, and what must work with whatever opens.

use std::path::Path;

use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::image::format::SPUR_64;
use rowel_objmem::image::{HeapOptions, ImageHeader};
use rowel_objmem::layout::class_index;
use rowel_objmem::{CollectBoot, Format, Heap, Oop, verify};

/// Small heaps open fast.
const OPTIONS: HeapOptions = HeapOptions {
    map_file: false,
    eden_bytes: 64 << 10,
    most_eden_bytes: 64 << 10,
    stack_bytes: 16 << 10,
    max_old_bytes: 16 << 20,
    cage_bytes: 1 << 30,
};

/// An image with an object of every kind that the reader looks at.
pub fn valid_image(directory: &Path) -> Vec<u8> {
    let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let mut make = |class, format: Format, elements| {
        let slots = if format.is_bits() { elements * (1 << format.element_shift()) / 8 } else { 0 };
        let slots = if format.is_bits() { slots.max(1) } else { elements };
        heap.allocate_filled(class, format, slots).expect("memory")
    };
    let kinds = [
        make(class_index::ARRAY, Format::INDEXABLE, 5),
        make(class_index::ARRAY, Format::INDEXABLE, 300),
        make(class_index::ARRAY, Format::INDEXABLE, 0),
        make(class_index::BYTE_STRING, Format::BYTES.for_elements(13), 16),
        make(class_index::BITMAP, Format::WORDS_32.for_elements(3), 4),
        make(class_index::BOXED_FLOAT, Format::WORDS_64, 1),
        make(class_index::METHOD_CONTEXT, Format::FIXED_INDEXABLE, 16),
        make(class_index::FULL_BLOCK_CLOSURE, Format::FIXED_INDEXABLE, 5),
        make(bootstrap_class::COMPILED_METHOD, Format::COMPILED_METHOD.for_elements(37), 40),
        make(bootstrap_class::WEAK_ARRAY, Format::WEAK, 4),
        make(bootstrap_class::EPHEMERON, Format::EPHEMERON, 2),
        make(bootstrap_class::POINT, Format::FIXED, 2),
    ];
    let [array, large, _, string, _, _, context, closure, method, weak, ephemeron, point] = kinds;
    for (index, kind) in kinds.into_iter().enumerate() {
        heap.store(large, index * 20, kind);
    }
    // A method of two literals, a context of three temporaries.
    heap.store_unchecked(method, 0, Oop::small_integer(2));
    heap.store(method, 1, string);
    heap.store(method, 2, array);
    heap.store_unchecked(context, 2, Oop::small_integer(3));
    heap.store(context, 3, method);
    heap.store(context, 7, closure);
    heap.store(weak, 1, point);
    heap.store(ephemeron, 0, string);
    heap.store(ephemeron, 1, weak);
    heap.store_unchecked(point, 0, Oop::small_integer(-7));
    heap.store(array, 0, large);
    heap.set_special(8, large);
    // A class of the image's own, in a page of the class table that collections tidy.
    let class = heap.allocate_filled(bootstrap_class::CLASS, Format::FIXED, 3).expect("memory");
    let index = heap.index_of_class(class).expect("room in the table");
    let instance = heap.allocate_filled(index, Format::FIXED, 1).expect("memory");
    heap.store(large, 299, instance);
    let header = ImageHeader { format: SPUR_64, ..ImageHeader::default() };
    let path = directory.join("valid.image");
    heap.write_image(&path, &header).expect("written");
    std::fs::read(path).expect("the image")
}

/// The image with a second segment, which starts `gap` words after the first one and holds an
/// Array that is a special object.
pub fn two_segments(image: &[u8], gap: u64) -> Vec<u8> {
    let mut bytes = image.to_vec();
    let word = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().expect("eight bytes"));
    let (data, base, special) = (word(8), word(16), word(24));
    let tail: [u64; 6] = [
        3 << 56 | 2 << 24 | u64::from(class_index::ARRAY.0),
        base,
        5 << 3 | 1,
        special,
        3 << 24 | 3,
        0,
    ];
    let bridge = image.len() - 16;
    bytes[bridge..bridge + 8].copy_from_slice(&(255 << 56 | gap).to_le_bytes());
    bytes[bridge + 8..].copy_from_slice(&(tail.len() as u64 * 8).to_le_bytes());
    bytes.extend(tail.iter().flat_map(|word| word.to_le_bytes()));
    bytes[8..16].copy_from_slice(&(data + tail.len() as u64 * 8).to_le_bytes());
    let slot = 128 + (special - base) as usize + 8 * 9;
    bytes[slot..slot + 8].copy_from_slice(&(base + data + gap * 8).to_le_bytes());
    bytes
}

/// Open the file, and put the heap to use when there is one. Whether there was.
pub fn put_to_use(path: &Path) -> bool {
    let (mut heap, header) = match Heap::open(path, &OPTIONS) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    assert_eq!(verify::check(&heap), []);
    for object in heap.all_objects() {
        heap.class_of(object);
    }
    let copy = path.with_extension("copy");
    heap.write_image(&copy, &header).expect("written");
    let reopened = Heap::open(&copy, &OPTIONS);
    assert!(reopened.is_ok(), "what was written: {:?}", reopened.err());
    heap.collect_full(&mut (), CollectBoot::Yes).expect("memory");
    assert_eq!(verify::check(&heap), []);
    true
}
