//! Checks every object of an image file before the first one is used: after this, each reference
//! in the heap leads to an object, and each class index to a class.
//!
//! Two passes: the first walks the headers and notes where objects start, the second looks at every
//! slot that holds a reference. Must not trust any number it reads. Sources: VMMaker's
//! `SpurMemoryManager` (object format, hidden objects), `checkHeapIntegrity:classIndicesShouldBeValid:`.

use rustc_hash::FxHashSet;

use super::format::{ImageError, ImageHeader};
use super::segments::{Data, Segment};
use crate::format::Format;
use crate::header::{Header, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::layout::{
    ARRAY_CLASS_INDEX_PUN, CLASS_TABLE_PAGE_SIZE, CLASS_TABLE_ROOT_SLOTS, FORWARDED_CLASS_INDEX,
    FREE_CHUNK_CLASS_INDEX, HIDDEN_ROOT_SLOTS, LAST_CLASS_INDEX_PUN, class_index, special,
};
use crate::oop::{CHARACTER_TAG, SMALL_FLOAT_TAG, SMALL_INTEGER_TAG, TAG_BITS, TAG_MASK};

/// Literals of a method: this many low bits of its header's value.
const LITERAL_COUNT_MASK: u64 = 0x7FFF;
/// Slot of a context that holds its stack pointer.
const STACK_POINTER_SLOT: u64 = 2;
/// Slots of a context before its temporaries.
const CONTEXT_FIXED_SLOTS: u64 = 6;
/// Slots of a class that the VM reads: superclass, method dictionary, format.
const CLASS_SLOTS: u64 = 3;

/// What the check found out about an image that is in order.
#[derive(Debug, Default)]
pub struct Facts {
    /// The hidden roots, as an offset of the data.
    pub hidden_roots: u64,
    /// Objects with the remembered bit.
    pub remembered: Vec<u64>,
    /// Slots of contexts beyond the stack pointer that hold rubbish: they want to be nil.
    pub stale_slots: Vec<u64>,
    /// Whether there are forwarders.
    pub has_forwarders: bool,
    /// How many objects there are, free chunks not counted.
    pub objects: u64,
}

/// An object in the data.
#[derive(Clone, Copy)]
struct Entity {
    /// Offset of the header.
    at: u64,
    header: Header,
    slots: u64,
    /// Offset of the object after it.
    end: u64,
}

/// The state of a check.
pub struct Checker<'a> {
    data: Data<'a>,
    segments: &'a [Segment],
    /// A bit for each word of the data: set where an object's header is.
    starts: Vec<u64>,
    /// A bit for each class index that objects carry.
    used_classes: Vec<u64>,
    facts: Facts,
}

impl<'a> Checker<'a> {
    /// Check the whole image.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(
        header: &ImageHeader,
        data: Data<'a>,
        segments: &'a [Segment],
    ) -> Result<Facts, ImageError> {
        let mut checker = Checker {
            data,
            segments,
            starts: vec![0; data.bytes.len() / 512 + 1],
            used_classes: vec![0; 1 << (22 - 6)],
            facts: Facts::default(),
        };
        for segment in segments {
            checker.walk_headers(segment)?;
        }
        checker.check_well_known(header)?;
        checker.check_class_table()?;
        for segment in segments {
            checker.walk_slots(segment)?;
        }
        Ok(checker.facts)
    }

    /// The offset in the data for a saved address, when an object starts there.
    #[inline(always)]
    pub fn offset_of(&self, saved: u64) -> Option<u64> {
        let offset = locate(self.segments, saved)?;
        let known = saved & TAG_MASK == 0
            && self.starts[offset as usize >> 9] >> (offset >> 3 & 63) & 1 != 0;
        known.then_some(offset)
    }

    /// The object whose memory starts at `start`, inside a segment that ends at `limit`.
    #[inline(always)]
    fn entity(&self, start: u64, limit: u64) -> Result<Entity, ImageError> {
        let word = self.data.word(start);
        let mut entity =
            Entity { at: start, header: Header(word), slots: word >> SLOTS_SHIFT, end: 0 };
        if entity.slots == OVERFLOW_SLOTS {
            entity.at = start + WORD;
            entity.slots = word & OVERFLOW_COUNT_MASK;
            let beyond = entity.at >= limit;
            if beyond || !Header(self.data.word(entity.at)).has_overflow_slots() {
                return Err(self.data.bad(start, "an overflow slot count", word));
            }
            entity.header = Header(self.data.word(entity.at));
        }
        if entity.slots > (limit - entity.at - WORD) / WORD || limit - entity.at < 2 * WORD {
            return Err(self.data.bad(start, "the size of an object", entity.slots));
        }
        entity.end = entity.at + WORD + entity.slots.max(1) * WORD;
        Ok(entity)
    }

    fn walk_headers(&mut self, segment: &Segment) -> Result<(), ImageError> {
        let limit = segment.offset + segment.bytes;
        let mut start = segment.offset;
        while start < limit {
            let entity = self.entity(start, limit)?;
            let header = entity.header;
            let class = header.class_index().0;
            start = entity.end;
            if class == FREE_CHUNK_CLASS_INDEX {
                continue;
            }
            let format = header.format();
            let empty = entity.slots == 0 && format.unused_bytes() != 0;
            if !format.is_defined() || empty {
                return Err(self.data.bad(entity.at, "a format", u64::from(format.bits())));
            }
            if (format == Format::FORWARDED) != (class == FORWARDED_CLASS_INDEX) {
                return Err(self.data.bad(entity.at, "the header of a forwarder", header.0));
            }
            // Immediates have no header, and bridges lie between segments.
            if class < ARRAY_CLASS_INDEX_PUN && class != FORWARDED_CLASS_INDEX {
                return Err(self.data.bad(entity.at, "a class index", u64::from(class)));
            }
            self.facts.objects += 1;
            self.starts[entity.at as usize >> 9] |= 1 << (entity.at >> 3 & 63);
            self.used_classes[class as usize >> 6] |= 1 << (class & 63);
            if header.is_remembered() {
                self.facts.remembered.push(entity.at);
            }
        }
        Ok(())
    }

    /// The object with its header at `at`, known to be one.
    fn known(&self, at: u64) -> Entity {
        let header = Header(self.data.word(at));
        let slots = if header.has_overflow_slots() {
            self.data.word(at - WORD) & OVERFLOW_COUNT_MASK
        } else {
            header.raw_slots()
        };
        Entity { at, header, slots, end: at + WORD + slots.max(1) * WORD }
    }

    /// Follow slot `index` (from 0) of `entity`, which must refer to an object.
    fn follow(&self, entity: Entity, index: u64, what: &'static str) -> Result<Entity, ImageError> {
        let at = entity.at + WORD + index * WORD;
        let value = self.data.word(at);
        let offset = self.offset_of(value).ok_or_else(|| self.data.bad(at, what, value))?;
        Ok(self.known(offset))
    }

    /// nil, false, true, the free lists and the hidden roots come first; special objects agree.
    fn check_well_known(&mut self, header: &ImageHeader) -> Result<(), ImageError> {
        let limit = self.segments.first().map_or(0, |first| first.bytes);
        let mut start = 0;
        let mut first = [0; 5];
        for (index, at) in first.iter_mut().enumerate() {
            if start >= limit {
                return Err(self.data.bad(start, "the number of well-known objects", index as u64));
            }
            let entity = self.entity(start, limit)?;
            if entity.header.class_index().0 == FREE_CHUNK_CLASS_INDEX {
                return Err(self.data.bad(start, "a well-known object", entity.header.0));
            }
            (*at, start) = (entity.at, entity.end);
        }
        let special = self.offset_of(header.special_objects).ok_or_else(|| {
            ImageError::bad(24, "the special objects array", header.special_objects)
        })?;
        let special = self.known(special);
        let least = special::SELECTOR_CANNOT_INTERPRET as u64;
        if !special.header.format().is_indexable_pointers() || special.slots < least {
            return Err(self.data.bad(special.at, "the special objects array", special.header.0));
        }
        let order = [special::NIL, special::FALSE, special::TRUE];
        for (index, at) in order.into_iter().zip(first) {
            let object = self.follow(special, index as u64, "nil, false or true")?;
            if object.at != at {
                return Err(self.data.bad(at, "the place of nil, false or true", object.at));
            }
        }
        self.facts.hidden_roots = first[4];
        Ok(())
    }

    /// Pages are pages, entries are classes, and objects carry indices of classes.
    fn check_class_table(&self) -> Result<(), ImageError> {
        let roots = self.known(self.facts.hidden_roots);
        let slots = u64::from(CLASS_TABLE_ROOT_SLOTS);
        let array = roots.header.class_index().0 == ARRAY_CLASS_INDEX_PUN
            && roots.header.format() == Format::INDEXABLE;
        if !array || roots.slots < slots || roots.slots > slots + u64::from(HIDDEN_ROOT_SLOTS) {
            return Err(self.data.bad(roots.at, "the header of the class table", roots.header.0));
        }
        let mut pages = FxHashSet::default();
        for index in 0..CLASS_TABLE_ROOT_SLOTS {
            let page = self.follow(roots, u64::from(index), "a class table page")?;
            let first_class = index * CLASS_TABLE_PAGE_SIZE;
            if page.at == 0 {
                let used = &self.used_classes[first_class as usize / 64..][..16];
                if used.iter().any(|&word| word != 0) || index == 0 {
                    return Err(self.data.bad(
                        roots.at,
                        "an absent page of the class table",
                        u64::from(index),
                    ));
                }
                continue;
            }
            let right_size = page.slots == u64::from(CLASS_TABLE_PAGE_SIZE);
            let array = page.header.class_index().0 == ARRAY_CLASS_INDEX_PUN
                && page.header.format() == Format::INDEXABLE;
            if !right_size || !array || !pages.insert(page.at) {
                return Err(self.data.bad(page.at, "a class table page", page.header.0));
            }
            self.check_class_table_page(page, first_class)?;
        }
        Ok(())
    }

    fn check_class_table_page(&self, page: Entity, first_class: u32) -> Result<(), ImageError> {
        for entry in 0..CLASS_TABLE_PAGE_SIZE {
            let class = self.follow(page, u64::from(entry), "an entry of the class table")?;
            let index = first_class + entry;
            let used = self.used_classes[index as usize >> 6] >> (index & 63) & 1 != 0;
            if class.at == 0 {
                // Hidden objects carry indices that no class has.
                if used && index > LAST_CLASS_INDEX_PUN {
                    return Err(self.data.bad(
                        page.at,
                        "the index of an absent class",
                        u64::from(index),
                    ));
                }
            } else if !class.header.format().is_pointers() || class.slots < CLASS_SLOTS {
                return Err(self.data.bad(class.at, "the header of a class", class.header.0));
            } else if class.header.hash() != index && !self.is_at_its_hash(class) {
                let hash = class.header.hash().into();
                return Err(self.data.bad(class.at, "the identity hash of a class", hash));
            }
        }
        Ok(())
    }

    /// Whether the class is in the class table where its identity hash says, if elsewhere, too.
    fn is_at_its_hash(&self, class: Entity) -> bool {
        let hash = u64::from(class.header.hash());
        let size = u64::from(CLASS_TABLE_PAGE_SIZE);
        let roots = self.known(self.facts.hidden_roots);
        let page = self.follow(roots, hash / size, "");
        let entry = page
            .ok()
            .filter(|page| page.slots == size)
            .map(|page| self.follow(page, hash % size, ""));
        entry.is_some_and(|entry| entry.is_ok_and(|entry| entry.at == class.at))
    }

    fn walk_slots(&mut self, segment: &Segment) -> Result<(), ImageError> {
        let limit = segment.offset + segment.bytes;
        let mut start = segment.offset;
        while start < limit {
            let entity = self.entity(start, limit)?;
            start = entity.end;
            let class = entity.header.class_index();
            let format = entity.header.format();
            if class.0 == FREE_CHUNK_CLASS_INDEX || format.is_bits() {
                continue;
            }
            if class == class_index::METHOD_CONTEXT {
                self.check_context(entity)?;
            } else if format.is_pointers() {
                self.check_slots(entity, 0, entity.slots)?;
            } else if class.0 == FORWARDED_CLASS_INDEX {
                let target = self.follow(entity, 0, "the target of a forwarder")?;
                if target.header.is_forwarded() {
                    return Err(self.data.bad(entity.at, "a chain of forwarders", target.at));
                }
                self.facts.has_forwarders = true;
            } else {
                let literals = self.check_method(entity)?;
                self.check_slots(entity, 1, 1 + literals)?;
            }
        }
        Ok(())
    }

    /// The number of literals of a method.
    fn check_method(&self, entity: Entity) -> Result<u64, ImageError> {
        let header = if entity.slots == 0 { 0 } else { self.data.word(entity.at + WORD) };
        let literals = header >> TAG_BITS & LITERAL_COUNT_MASK;
        let bytes = entity.slots * WORD - entity.header.format().unused_bytes();
        if header & TAG_MASK != SMALL_INTEGER_TAG || (1 + literals) * WORD > bytes {
            return Err(self.data.bad(entity.at + WORD, "the header of a method", header));
        }
        Ok(literals)
    }

    #[inline(always)]
    fn slot_is_good(&self, value: u64) -> bool {
        match value & TAG_MASK {
            0 => self.offset_of(value).is_some(),
            tag => matches!(tag, SMALL_INTEGER_TAG | CHARACTER_TAG | SMALL_FLOAT_TAG),
        }
    }

    #[inline(always)]
    fn check_slots(&self, entity: Entity, from: u64, to: u64) -> Result<(), ImageError> {
        for index in from..to {
            let at = entity.at + WORD + index * WORD;
            let value = self.data.word(at);
            if !self.slot_is_good(value) {
                return Err(self.data.bad(at, "a reference", value));
            }
        }
        Ok(())
    }

    /// A context's slots beyond its stack pointer may hold rubbish.
    fn check_context(&mut self, entity: Entity) -> Result<(), ImageError> {
        if !entity.header.format().is_pointers() || entity.slots < CONTEXT_FIXED_SLOTS {
            return Err(self.data.bad(entity.at, "the header of a context", entity.header.0));
        }
        let pointer = self.data.word(entity.at + WORD + STACK_POINTER_SLOT * WORD);
        let depth = if pointer & TAG_MASK == SMALL_INTEGER_TAG { pointer >> TAG_BITS } else { 0 };
        let live = depth.min(entity.slots - CONTEXT_FIXED_SLOTS) + CONTEXT_FIXED_SLOTS;
        self.check_slots(entity, 0, live)?;
        for index in live..entity.slots {
            let at = entity.at + WORD + index * WORD;
            if !self.slot_is_good(self.data.word(at)) {
                self.facts.stale_slots.push(at);
            }
        }
        Ok(())
    }
}

/// The offset in the data for a saved address inside one of `segments`.
#[inline(always)]
pub fn locate(segments: &[Segment], saved: u64) -> Option<u64> {
    for segment in segments {
        let distance = saved.wrapping_sub(segment.saved);
        if distance < segment.bytes {
            return Some(segment.offset + distance);
        }
    }
    None
}
