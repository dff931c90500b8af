//! Checks every object of an image before the first one is used: after this, each reference in the
//! heap leads to an object, and each class index to a class.
//!
//! One pass over the objects where they lie in the cage notes where objects start and which addresses
//! references lead to, and moves the references when the segments are not where they were saved. Then
//! the two notes are compared. Must not trust any number it reads. Sources: VMMaker's
//! `SpurMemoryManager` (object format, hidden objects), `checkHeapIntegrity:classIndicesShouldBeValid:`.

use rustc_hash::FxHashSet;

use super::format::{ImageError, ImageHeader};
use super::mourn_queue;
use super::segments::Segment;
use crate::cage::Memory;
use crate::format::Format;
use crate::header::{Header, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::layout::{
    ARRAY_CLASS_INDEX_PUN, CLASS_TABLE_PAGE_SIZE, CLASS_TABLE_ROOT_SLOTS, FORWARDED_CLASS_INDEX,
    FREE_CHUNK_CLASS_INDEX, HIDDEN_ROOT_SLOTS, LAST_CLASS_INDEX_PUN, class_index, special,
};
use crate::oop::{
    Address, CHARACTER_TAG, Oop, SMALL_FLOAT_TAG, SMALL_INTEGER_TAG, TAG_BITS, TAG_MASK,
};

/// Literals of a method: this many low bits of its header's value.
const LITERAL_COUNT_MASK: u64 = 0x7FFF;
/// Slot of a context that holds its stack pointer.
const STACK_POINTER_SLOT: u64 = 2;
/// Slots of a context before its temporaries.
const CONTEXT_FIXED_SLOTS: u64 = 6;
/// Slots of a class that the VM reads: superclass, method dictionary, format.
const CLASS_SLOTS: u64 = 3;
/// A bit for each tag that a reference may have.
const GOOD_TAGS: u64 = 1 | 1 << SMALL_INTEGER_TAG | 1 << CHARACTER_TAG | 1 << SMALL_FLOAT_TAG;

/// What the check found out about an image that is in order.
#[derive(Debug)]
pub struct Facts {
    /// The hidden roots.
    pub hidden_roots: Oop,
    /// The special objects array.
    pub special_objects: Oop,
    /// Objects with the remembered bit.
    pub remembered: Vec<Oop>,
    /// What the mourn queue holds.
    pub mourners: Vec<Oop>,
    /// Whether there are forwarders.
    pub has_forwarders: bool,
    /// How many objects there are, free chunks not counted.
    pub objects: u64,
}

/// How saved addresses become addresses in the cage.
trait Placement {
    /// Whether they differ.
    const MOVES: bool;
    /// The address for a saved one; `None` outside the image.
    fn place(&self, saved: u64) -> Option<u64>;
}

/// Every segment is where it was saved.
struct InPlace {
    start: u64,
    bytes: u64,
}

impl Placement for InPlace {
    const MOVES: bool = false;
    #[inline(always)]
    fn place(&self, saved: u64) -> Option<u64> {
        (saved.wrapping_sub(self.start) < self.bytes).then_some(saved)
    }
}

/// The segments were moved together.
struct Joined<'a>(&'a [Segment]);

impl Placement for Joined<'_> {
    const MOVES: bool = true;
    #[inline(always)]
    fn place(&self, saved: u64) -> Option<u64> {
        let after = match self.0 {
            [_] => 1,
            [_, second] => 1 + usize::from(second.saved <= saved),
            many => many.partition_point(|segment| segment.saved <= saved),
        };
        let segment = self.0.get(after.wrapping_sub(1))?;
        let distance = saved.wrapping_sub(segment.saved);
        (distance < segment.bytes).then(|| segment.place + distance)
    }
}

/// An object.
#[derive(Clone, Copy)]
struct Entity {
    /// Address of the header.
    at: u64,
    header: Header,
    slots: u64,
    /// Address of the object after it.
    end: u64,
}

impl Entity {
    fn slot(&self, index: u64) -> u64 {
        self.at + WORD + index * WORD
    }
}

/// The state of a check.
struct Checker<'a> {
    memory: Memory,
    segments: &'a [Segment],
    /// Address that the first bits of the notes stand for.
    base: u64,
    /// A bit for each word: set where an object's header is.
    starts: Vec<u64>,
    /// A bit for each word: set where a reference leads.
    wanted: Vec<u64>,
    /// A bit for each class index that objects carry.
    used_classes: Vec<u64>,
    /// Headers of forwarders.
    forwarders: Vec<u64>,
    remembered: Vec<Oop>,
    objects: u64,
}

/// Check the whole image, whose segments lie at their places, and move its references there.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(
    header: &ImageHeader,
    memory: Memory,
    segments: &[Segment],
    in_place: bool,
) -> Result<Facts, ImageError> {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(ImageError::bad(72, "the size of the first segment", 0));
    };
    let (base, end) = (first.place, last.end());
    let words = ((end - base) / 512 + 1) as usize;
    let checker = Checker {
        memory,
        segments,
        base,
        starts: vec![0; words],
        wanted: vec![0; words],
        used_classes: vec![0; 1 << (22 - 6)],
        forwarders: Vec::new(),
        remembered: Vec::new(),
        objects: 0,
    };
    if in_place {
        checker.run(header, &InPlace { start: base, bytes: end - base })
    } else {
        checker.run(header, &Joined(segments))
    }
}

impl Checker<'_> {
    fn run(
        mut self,
        header: &ImageHeader,
        placement: &impl Placement,
    ) -> Result<Facts, ImageError> {
        for segment in self.segments {
            self.walk(segment, placement)?;
        }
        if self.starts.iter().zip(&self.wanted).any(|(starts, wanted)| wanted & !starts != 0) {
            return Err(self.blame());
        }
        let special_objects = placement.place(header.special_objects);
        let special_objects =
            special_objects.filter(|&at| self.is_object(at)).ok_or_else(|| {
                ImageError::bad(24, "the special objects array", header.special_objects)
            })?;
        let hidden_roots = self.check_well_known(special_objects)?;
        self.check_class_table(hidden_roots)?;
        self.check_forwarders()?;
        let object = |saved| placement.place(saved).filter(|&at| self.is_object(at)).map(Oop);
        let queue = self.known(hidden_roots).slots > mourn_queue::ROOT_SLOT as u64;
        let queue = queue.then(|| self.memory.fetch(Oop(hidden_roots), mourn_queue::ROOT_SLOT));
        let page = queue.filter(|page| self.is_object(page.0));
        let mourners = page.map(|page| mourn_queue::read(self.memory, page, &object));
        Ok(Facts {
            mourners: mourners.unwrap_or_default(),
            hidden_roots: Oop(hidden_roots),
            special_objects: Oop(special_objects),
            has_forwarders: !self.forwarders.is_empty(),
            remembered: self.remembered,
            objects: self.objects,
        })
    }

    #[inline(always)]
    fn word(&self, at: u64) -> u64 {
        self.memory.load(Address(at))
    }

    /// The error that the number at address `at` is wrong.
    #[cold]
    fn bad(&self, at: u64, what: &'static str, value: u64) -> ImageError {
        let after = self.segments.partition_point(|segment| segment.place <= at);
        let segment = &self.segments[after.saturating_sub(1)];
        ImageError::bad(segment.offset + (at - segment.place), what, value)
    }

    /// Whether an object starts at this address of the image.
    fn is_object(&self, at: u64) -> bool {
        let bit = at.wrapping_sub(self.base) / WORD;
        at & TAG_MASK == 0
            && self.starts.get((bit >> 6) as usize).is_some_and(|word| word >> (bit & 63) & 1 != 0)
    }

    /// The object whose memory starts at `start`, inside a segment that ends at `limit`.
    #[inline(always)]
    fn entity(&self, start: u64, limit: u64) -> Result<Entity, ImageError> {
        let word = self.word(start);
        let mut entity =
            Entity { at: start, header: Header(word), slots: word >> SLOTS_SHIFT, end: 0 };
        if entity.slots == OVERFLOW_SLOTS {
            entity.at = start + WORD;
            entity.slots = word & OVERFLOW_COUNT_MASK;
            let beyond = entity.at >= limit;
            if beyond || !Header(self.word(entity.at)).has_overflow_slots() {
                return Err(self.bad(start, "an overflow slot count", word));
            }
            entity.header = Header(self.word(entity.at));
        }
        if limit - entity.at < 2 * WORD || entity.slots > (limit - entity.at - WORD) / WORD {
            return Err(self.bad(start, "the size of an object", entity.slots));
        }
        entity.end = entity.at + WORD + entity.slots.max(1) * WORD;
        Ok(entity)
    }

    fn walk(&mut self, segment: &Segment, placement: &impl Placement) -> Result<(), ImageError> {
        let limit = segment.end();
        let mut start = segment.place;
        while start < limit {
            let entity = self.entity(start, limit)?;
            start = entity.end;
            let header = entity.header;
            let class = header.class_index();
            if class.0 == FREE_CHUNK_CLASS_INDEX {
                continue;
            }
            self.objects += 1;
            let bit = (entity.at - self.base) / WORD;
            self.starts[(bit >> 6) as usize] |= 1 << (bit & 63);
            self.used_classes[class.0 as usize >> 6] |= 1 << (class.0 & 63);
            if header.is_remembered() {
                self.remembered.push(Oop(entity.at));
            }
            self.check_header(entity)?;
            let format = header.format();
            if class == class_index::METHOD_CONTEXT {
                self.check_context(entity, placement)?;
            } else if format.is_pointers() {
                self.check_slots(entity, 0, entity.slots, placement)?;
            } else if format.is_compiled_method() {
                let literals = self.check_method(entity)?;
                self.check_slots(entity, 1, 1 + literals, placement)?;
            } else if class.0 == FORWARDED_CLASS_INDEX {
                self.forwarders.push(entity.at);
                self.check_slots(entity, 0, 1, placement)?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn check_header(&self, entity: Entity) -> Result<(), ImageError> {
        let format = entity.header.format();
        let empty = entity.slots == 0 && format.unused_bytes() != 0;
        if !format.is_defined() || empty {
            return Err(self.bad(entity.at, "a format", u64::from(format.bits())));
        }
        if (format == Format::FORWARDED) != entity.header.is_forwarded() {
            return Err(self.bad(entity.at, "the header of a forwarder", entity.header.0));
        }
        // Immediates have no header, and bridges lie between segments.
        let class = entity.header.class_index().0;
        if class < ARRAY_CLASS_INDEX_PUN && class != FORWARDED_CLASS_INDEX {
            return Err(self.bad(entity.at, "a class index", u64::from(class)));
        }
        Ok(())
    }

    /// The number of literals of a method.
    fn check_method(&self, entity: Entity) -> Result<u64, ImageError> {
        let header = if entity.slots == 0 { 0 } else { self.word(entity.slot(0)) };
        let literals = header >> TAG_BITS & LITERAL_COUNT_MASK;
        let bytes = entity.slots * WORD - entity.header.format().unused_bytes();
        if header & TAG_MASK != SMALL_INTEGER_TAG || (1 + literals) * WORD > bytes {
            return Err(self.bad(entity.slot(0), "the header of a method", header));
        }
        Ok(literals)
    }

    /// Note where slots lead, and move them there. That objects start there is known later.
    #[inline(always)]
    fn check_slots<P: Placement>(
        &mut self,
        entity: Entity,
        from: u64,
        to: u64,
        placement: &P,
    ) -> Result<(), ImageError> {
        for index in from..to {
            let at = entity.slot(index);
            let value = self.word(at);
            let tag = value & TAG_MASK;
            if tag != 0 {
                if GOOD_TAGS >> tag & 1 == 0 {
                    return Err(self.bad(at, "a reference", value));
                }
                continue;
            }
            let Some(target) = placement.place(value) else {
                return Err(self.bad(at, "a reference", value));
            };
            let bit = (target - self.base) / WORD;
            self.wanted[(bit >> 6) as usize] |= 1 << (bit & 63);
            if P::MOVES {
                self.memory.store(Address(at), target);
            }
        }
        Ok(())
    }

    /// A context's slots beyond its stack pointer may hold rubbish: they become nil, the first
    /// object.
    fn check_context(
        &mut self,
        entity: Entity,
        placement: &impl Placement,
    ) -> Result<(), ImageError> {
        if !entity.header.format().is_pointers() || entity.slots < CONTEXT_FIXED_SLOTS {
            return Err(self.bad(entity.at, "the header of a context", entity.header.0));
        }
        let pointer = self.word(entity.slot(STACK_POINTER_SLOT));
        let depth = if pointer & TAG_MASK == SMALL_INTEGER_TAG { pointer >> TAG_BITS } else { 0 };
        let live = depth.min(entity.slots - CONTEXT_FIXED_SLOTS) + CONTEXT_FIXED_SLOTS;
        self.check_slots(entity, 0, live, placement)?;
        for index in live..entity.slots {
            if self.word(entity.slot(index)) != self.base {
                self.memory.store(Address(entity.slot(index)), self.base);
            }
        }
        Ok(())
    }

    /// The error for the first reference that leads to no object.
    #[cold]
    fn blame(&self) -> ImageError {
        for segment in self.segments {
            let mut start = segment.place;
            while let Ok(entity) = self.entity(start, segment.end()) {
                let object = Oop(entity.at);
                let references = super::read::reference_slots(self.memory, object) as u64;
                let is_method = entity.header.format().is_compiled_method();
                for index in u64::from(is_method)..references.min(entity.slots) {
                    let value = self.word(entity.slot(index));
                    if value & TAG_MASK == 0 && !self.is_object(value) {
                        return self.bad(entity.slot(index), "a reference", value);
                    }
                }
                start = entity.end;
                if start >= segment.end() {
                    break;
                }
            }
        }
        ImageError::bad(0, "a reference", 0)
    }

    /// The object with its header at `at`, known to be one.
    fn known(&self, at: u64) -> Entity {
        let object = Oop(at);
        let slots = self.memory.slot_count(object);
        Entity { at, header: self.memory.header(object), slots, end: self.memory.end_of(object).0 }
    }

    /// Follow slot `index` (from 0) of `entity`, which must refer to an object.
    fn follow(&self, entity: Entity, index: u64, what: &'static str) -> Result<Entity, ImageError> {
        let at = entity.slot(index);
        let value = self.word(at);
        if self.is_object(value) { Ok(self.known(value)) } else { Err(self.bad(at, what, value)) }
    }

    /// nil, false, true, the free lists and the hidden roots come first; special objects agree.
    /// Answers the hidden roots.
    fn check_well_known(&self, special_objects: u64) -> Result<u64, ImageError> {
        let limit = self.segments[0].end();
        let mut start = self.base;
        let mut first = [0; 5];
        for (index, at) in first.iter_mut().enumerate() {
            if start >= limit {
                return Err(self.bad(start, "the number of well-known objects", index as u64));
            }
            let entity = self.entity(start, limit)?;
            if entity.header.class_index().0 == FREE_CHUNK_CLASS_INDEX {
                return Err(self.bad(start, "a well-known object", entity.header.0));
            }
            (*at, start) = (entity.at, entity.end);
        }
        if first[0] != self.base {
            return Err(self.bad(self.base, "the header of nil", self.word(self.base)));
        }
        let special = self.known(special_objects);
        let least = special::SELECTOR_CANNOT_INTERPRET as u64;
        if !special.header.format().is_indexable_pointers() || special.slots < least {
            return Err(self.bad(special.at, "the special objects array", special.header.0));
        }
        let order = [special::NIL, special::FALSE, special::TRUE];
        for (index, at) in order.into_iter().zip(first) {
            let object = self.follow(special, index as u64, "nil, false or true")?;
            if object.at != at {
                return Err(self.bad(at, "the place of nil, false or true", object.at));
            }
        }
        Ok(first[4])
    }

    /// Pages are pages, entries are classes, and objects carry indices of classes.
    fn check_class_table(&self, hidden_roots: u64) -> Result<(), ImageError> {
        let roots = self.known(hidden_roots);
        let slots = u64::from(CLASS_TABLE_ROOT_SLOTS);
        let array = roots.header.class_index().0 == ARRAY_CLASS_INDEX_PUN
            && roots.header.format() == Format::INDEXABLE;
        if !array || roots.slots < slots || roots.slots > slots + u64::from(HIDDEN_ROOT_SLOTS) {
            return Err(self.bad(roots.at, "the header of the class table", roots.header.0));
        }
        let mut pages = FxHashSet::default();
        for index in 0..CLASS_TABLE_ROOT_SLOTS {
            let page = self.follow(roots, u64::from(index), "a class table page")?;
            let first_class = index * CLASS_TABLE_PAGE_SIZE;
            if page.at == self.base {
                let used = &self.used_classes[first_class as usize / 64..][..16];
                if used.iter().any(|&word| word != 0) || index == 0 {
                    let index = u64::from(index);
                    return Err(self.bad(roots.at, "an absent page of the class table", index));
                }
                continue;
            }
            let right_size = page.slots == u64::from(CLASS_TABLE_PAGE_SIZE);
            let array = page.header.class_index().0 == ARRAY_CLASS_INDEX_PUN
                && page.header.format() == Format::INDEXABLE;
            if !right_size || !array || !pages.insert(page.at) {
                return Err(self.bad(page.at, "a class table page", page.header.0));
            }
            self.check_class_table_page(roots, page, first_class)?;
        }
        Ok(())
    }

    fn check_class_table_page(
        &self,
        roots: Entity,
        page: Entity,
        first_class: u32,
    ) -> Result<(), ImageError> {
        for entry in 0..CLASS_TABLE_PAGE_SIZE {
            let class = self.follow(page, u64::from(entry), "an entry of the class table")?;
            let index = first_class + entry;
            let used = self.used_classes[index as usize >> 6] >> (index & 63) & 1 != 0;
            if class.at == self.base {
                // Hidden objects carry indices that no class has.
                if used && index > LAST_CLASS_INDEX_PUN {
                    let index = u64::from(index);
                    return Err(self.bad(page.at, "the index of an absent class", index));
                }
            } else if !class.header.format().is_pointers() || class.slots < CLASS_SLOTS {
                return Err(self.bad(class.at, "the header of a class", class.header.0));
            } else if class.header.hash() != index && !self.is_at_its_hash(roots, class) {
                let hash = class.header.hash().into();
                return Err(self.bad(class.at, "the identity hash of a class", hash));
            }
        }
        Ok(())
    }

    /// Whether the class is in the class table where its identity hash says, if elsewhere, too.
    fn is_at_its_hash(&self, roots: Entity, class: Entity) -> bool {
        let hash = u64::from(class.header.hash());
        let size = u64::from(CLASS_TABLE_PAGE_SIZE);
        let page = self.follow(roots, hash / size, "");
        let page = page.ok().filter(|page| page.slots == size);
        let entry = page.and_then(|page| self.follow(page, hash % size, "").ok());
        entry.is_some_and(|entry| entry.at == class.at)
    }

    /// Forwarders lead to objects that are none.
    fn check_forwarders(&self) -> Result<(), ImageError> {
        for &at in &self.forwarders {
            let target = self.follow(self.known(at), 0, "the target of a forwarder")?;
            if target.header.is_forwarded() {
                return Err(self.bad(at, "a chain of forwarders", target.at));
            }
        }
        Ok(())
    }
}
