//! A minimal heap made from nothing: the well-known objects, a class table, no code. For tests,
//! and for tools that build objects without an image.
//!
//! Must not know any image. Source of the shape: `SpurBootstrap`, and the lists in
//! [`crate::layout`].

use std::io;

use crate::cage::{Cage, DEFAULT_CAGE_BYTES};
use crate::format::Format;
use crate::heap::{Heap, HeapParts};
use crate::layout::{
    ARRAY_CLASS_INDEX_PUN, CLASS_TABLE_PAGE_SIZE, CLASS_TABLE_ROOT_SLOTS, HIDDEN_ROOT_SLOTS,
    class_index, special,
};
use crate::old_space::OldSpace;
use crate::oop::{Address, ClassIndex, Oop};
use crate::space::{Nursery, Space};

/// Sizes of a fresh heap, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BootstrapOptions {
    /// Addresses to reserve.
    pub cage_bytes: u64,
    /// The zone of the VM stack below the nursery.
    pub stack_bytes: u64,
    /// Eden up to its soft limit; a reserve of a quarter comes on top.
    pub eden_bytes: u64,
    /// Each of the two survivor spaces.
    pub survivor_bytes: u64,
    /// Old space may grow to this.
    pub max_old_bytes: u64,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        BootstrapOptions {
            cage_bytes: DEFAULT_CAGE_BYTES,
            stack_bytes: 1 << 20,
            eden_bytes: 4 << 20,
            survivor_bytes: 1 << 20,
            max_old_bytes: 4 << 30,
        }
    }
}

/// Bytes below the first region, never usable.
const NULL_GUARD: u64 = 1 << 20;
/// Slots of a class that the bootstrap makes: superclass, methods, format, and three more.
const CLASS_SLOTS: u64 = 6;
/// Slot of a class that holds format and number of fixed slots.
const CLASS_FORMAT: usize = 2;

/// Classes of a bootstrapped heap that have no index of their own in Spur.
#[expect(missing_docs, reason = "the names are the image's own")]
pub mod bootstrap_class {
    use crate::oop::ClassIndex;
    pub const UNDEFINED_OBJECT: ClassIndex = ClassIndex(60);
    pub const TRUE: ClassIndex = ClassIndex(61);
    pub const FALSE: ClassIndex = ClassIndex(62);
    pub const CLASS: ClassIndex = ClassIndex(63);
    pub const WEAK_ARRAY: ClassIndex = ClassIndex(64);
    pub const EPHEMERON: ClassIndex = ClassIndex(65);
    pub const POINT: ClassIndex = ClassIndex(66);
    pub const COMPILED_METHOD: ClassIndex = ClassIndex(67);
    pub const SEMAPHORE: ClassIndex = ClassIndex(68);
    pub const PROCESS: ClassIndex = ClassIndex(69);
}

/// Class index, entry of the special objects array if it has one, format, fixed slots.
const CLASSES: &[(ClassIndex, Option<usize>, Format, i64)] = {
    use bootstrap_class as own;
    use class_index as spur;
    &[
        (ClassIndex(1), Some(special::CLASS_SMALL_INTEGER), Format::EMPTY, 0),
        (ClassIndex(2), Some(special::CLASS_CHARACTER), Format::EMPTY, 0),
        (ClassIndex(4), None, Format::EMPTY, 0),
        (
            spur::LARGE_NEGATIVE_INTEGER,
            Some(special::CLASS_LARGE_NEGATIVE_INTEGER),
            Format::BYTES,
            0,
        ),
        (
            spur::LARGE_POSITIVE_INTEGER,
            Some(special::CLASS_LARGE_POSITIVE_INTEGER),
            Format::BYTES,
            0,
        ),
        (spur::BOXED_FLOAT, Some(special::CLASS_FLOAT), Format::WORDS_32, 0),
        (spur::MESSAGE, Some(special::CLASS_MESSAGE), Format::FIXED, 3),
        (spur::METHOD_CONTEXT, Some(special::CLASS_METHOD_CONTEXT), Format::FIXED_INDEXABLE, 6),
        (spur::BLOCK_CLOSURE, Some(special::CLASS_BLOCK_CLOSURE), Format::FIXED_INDEXABLE, 3),
        (
            spur::FULL_BLOCK_CLOSURE,
            Some(special::CLASS_FULL_BLOCK_CLOSURE),
            Format::FIXED_INDEXABLE,
            4,
        ),
        (spur::BYTE_ARRAY, Some(special::CLASS_BYTE_ARRAY), Format::BYTES, 0),
        (spur::ARRAY, Some(special::CLASS_ARRAY), Format::INDEXABLE, 0),
        (spur::BYTE_STRING, Some(special::CLASS_BYTE_STRING), Format::BYTES, 0),
        (spur::BITMAP, Some(special::CLASS_BITMAP), Format::WORDS_32, 0),
        (own::UNDEFINED_OBJECT, None, Format::EMPTY, 0),
        (own::TRUE, None, Format::EMPTY, 0),
        (own::FALSE, None, Format::EMPTY, 0),
        (own::CLASS, None, Format::FIXED, CLASS_SLOTS as i64),
        (own::WEAK_ARRAY, None, Format::WEAK, 0),
        (own::EPHEMERON, None, Format::EPHEMERON, 2),
        (own::POINT, Some(special::CLASS_POINT), Format::FIXED, 2),
        (own::COMPILED_METHOD, Some(special::CLASS_COMPILED_METHOD), Format::COMPILED_METHOD, 0),
        (own::SEMAPHORE, Some(special::CLASS_SEMAPHORE), Format::FIXED, 3),
        (own::PROCESS, Some(special::CLASS_PROCESS), Format::FIXED, 5),
    ]
};

impl Heap {
    /// A fresh heap with nil, true, false, the classes of `CLASSES` and nothing else.
    ///
    /// # Errors
    /// When the system gives no memory.
    pub fn bootstrap(options: BootstrapOptions) -> io::Result<Heap> {
        use bootstrap_class::{FALSE, TRUE, UNDEFINED_OBJECT};
        let mut heap = Heap::bare(options, [UNDEFINED_OBJECT, FALSE, TRUE])?;
        heap.make_classes().ok_or_else(|| io::Error::other("no memory for the first objects"))?;
        Ok(heap)
    }

    /// A fresh heap without classes: nil, false and true, whose classes will have the indices `classes` (in that
    /// order), an empty first page of the class table, and a special objects array that knows those three.
    /// [`enter_class_at`](Self::enter_class_at) and [`index_of_class`](Self::index_of_class) fill the table.
    ///
    /// # Errors
    /// When the system gives no memory.
    pub fn bare(options: BootstrapOptions, classes: [ClassIndex; 3]) -> io::Result<Heap> {
        let cage = Cage::reserve_up_to(
            Address(NULL_GUARD),
            options.cage_bytes,
            options.cage_bytes.min(1 << 30),
        )?;
        let mut at = 2 * NULL_GUARD;
        let mut take = |bytes: u64| {
            let start = at;
            at = (at + bytes).next_multiple_of(crate::cage::PAGE);
            (start, start + bytes)
        };
        let stack = take(options.stack_bytes);
        let past = take(options.survivor_bytes);
        let future = take(options.survivor_bytes);
        let eden = take(options.eden_bytes + options.eden_bytes / 4);
        cage.commit(Address(stack.0)..Address(at))?;
        let mut heap = Heap::from_parts(HeapParts {
            cage,
            stack_zone: Address(stack.0)..Address(stack.1),
            nursery: Nursery {
                eden: Space::new(eden.0, eden.1),
                soft_limit: eden.0 + options.eden_bytes,
                past: Space::new(past.0, past.1),
                future: Space::new(future.0, future.1),
                end: at,
                largest: options.eden_bytes,
            },
            old: OldSpace::new(at, options.max_old_bytes),
            old_start: at,
            boot: at..at,
            bridges: Vec::new(),
            special_objects: Oop::ZERO,
            hidden_roots: Oop::ZERO,
            last_hash: 1,
        });
        heap.make_well_known_objects(classes)
            .ok_or_else(|| io::Error::other("no memory for the first objects"))?;
        Ok(heap)
    }

    fn make_well_known_objects(&mut self, classes: [ClassIndex; 3]) -> Option<()> {
        self.nil = self.allocate_old(classes[0], Format::EMPTY, 0)?;
        self.false_object = self.allocate_old(classes[1], Format::EMPTY, 0)?;
        self.true_object = self.allocate_old(classes[2], Format::EMPTY, 0)?;
        let pun = ClassIndex(ARRAY_CLASS_INDEX_PUN);
        let roots = u64::from(CLASS_TABLE_ROOT_SLOTS + HIDDEN_ROOT_SLOTS);
        self.hidden_roots = self.make_old_array(pun, roots)?;
        let page = self.make_old_array(pun, u64::from(CLASS_TABLE_PAGE_SIZE))?;
        self.store(self.hidden_roots, 0, page);
        let specials =
            self.make_old_array(class_index::ARRAY, special::SELECTOR_SISTA_TRAP as u64 + 1)?;
        for (index, value) in [
            (special::NIL, self.nil),
            (special::FALSE, self.false_object),
            (special::TRUE, self.true_object),
        ] {
            self.store(specials, index, value);
        }
        self.set_special_objects(specials);
        Some(())
    }

    fn make_classes(&mut self) -> Option<()> {
        for &(index, entry, format, fixed) in CLASSES {
            let class = self.make_class(format, fixed)?;
            self.enter_class_at(class, index)?;
            if let Some(entry) = entry {
                self.set_special(entry, class);
            }
        }
        // Both tags of odd value are SmallInteger's in Spur's table.
        let integer = self.class_at(ClassIndex(1));
        let page = self.memory.fetch(self.hidden_roots, 0);
        self.store(page, 3, integer);
        Some(())
    }

    fn make_class(&mut self, format: Format, fixed: i64) -> Option<Oop> {
        let class = self.make_old_array(bootstrap_class::CLASS, CLASS_SLOTS)?;
        let header = self.memory.header(class).with_format(Format::FIXED);
        self.memory.set_header(class, header);
        let format = Oop::small_integer(i64::from(format.bits()) << 16 | fixed);
        self.memory.store_unchecked(class, CLASS_FORMAT, format);
        Some(class)
    }

    fn make_old_array(&mut self, class: ClassIndex, slots: u64) -> Option<Oop> {
        let array = self.allocate_old(class, Format::INDEXABLE, slots)?;
        self.memory.fill(self.memory.slot_address(array, 0), slots, self.nil.0);
        Some(array)
    }
}
