//! Reading a segment's words: which objects there are, and whether each is well formed. Afterwards
//! nothing about them needs to be checked again. Must not trust any number it reads.
//!
//! What an object must be like is what [`image`](crate::image) asks of one in an image file, and
//! that it fits its class, since code reads instance variables without asking.

use rustc_hash::FxHashMap;

use super::{
    FIRST_INSIDE_CLASS, FORMAT_VERSION, FORMAT_VERSION_MASK, OUTSIDE_BIT, OUTSIDE_CLASS_BIT,
    SEVERAL_BYTECODE_SETS, SegmentError,
};
use crate::format::Format;
use crate::header::{Header, MARKED_BIT, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::heap::Heap;
use crate::layout::class_index;
use crate::oop::{
    CHARACTER_TAG, ClassIndex, Oop, SMALL_FLOAT_TAG, SMALL_INTEGER_TAG, TAG_BITS, TAG_MASK,
};

/// Slots of a class that the VM reads: superclass, method dictionary, format.
const CLASS_SLOTS: u64 = 3;
/// The one that holds format and number of fixed slots.
const CLASS_FORMAT_SLOT: usize = 2;
/// Literals of a method: this many low bits of its header's value.
const LITERAL_COUNT_MASK: u64 = 0x7FFF;
/// Slots of a context before its temporaries, and the one that holds its stack pointer.
const CONTEXT_FIXED_SLOTS: u64 = 6;
const STACK_POINTER_SLOT: usize = 2;

/// An object of a segment.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    /// Index of the first slot among the words.
    first: usize,
    pub(super) header: Header,
    pub(super) slots: u64,
    /// How many of the first slots are references.
    pub(super) references: u64,
    pub(super) class: Reference,
    /// Whether it is to have a class index.
    pub(super) is_class: bool,
}

/// What a class index or a slot means.
#[derive(Clone, Copy)]
pub(super) enum Reference {
    /// The object with this number inside.
    Inside(usize),
    /// Something outside, or an immediate.
    Outside(Oop),
}

/// The objects of a segment, which are all well formed.
pub(super) struct Pieces<'a> {
    words: Vec<u64>,
    out_pointers: &'a [Oop],
    /// In the order of the segment.
    pub(super) list: Vec<Piece>,
    /// From the distance to the start, in bytes, to the number.
    numbers: FxHashMap<u64, usize>,
}

impl<'a> Pieces<'a> {
    /// The objects in `words`, of which the first is the version.
    pub(super) fn read(
        heap: &Heap,
        words: Vec<u64>,
        out_pointers: &'a [Oop],
    ) -> Result<Pieces<'a>, SegmentError> {
        let version = *words.first().ok_or(SegmentError::BadArgument)?;
        let own = heap.segment_version();
        let format = version & FORMAT_VERSION_MASK;
        let readable = format == FORMAT_VERSION || format == FORMAT_VERSION | SEVERAL_BYTECODE_SETS;
        if !readable || (version ^ own) >> 24 & 0xFF != 0 {
            return Err(SegmentError::BadArgument);
        }
        let numbers = FxHashMap::default();
        let mut pieces = Pieces { words, out_pointers, list: Vec::new(), numbers };
        pieces.find()?;
        for number in 0..pieces.list.len() {
            pieces.list[number].class = pieces.class_of(heap, pieces.list[number])?;
        }
        pieces.note_classes()?;
        for piece in &pieces.list {
            pieces.check_fits_class(heap, piece)?;
            for index in 0..piece.references {
                pieces.reference(piece, index as usize)?;
            }
        }
        Ok(pieces)
    }

    /// Slot `index` of a piece as it is.
    pub(super) fn word(&self, piece: &Piece, index: usize) -> u64 {
        self.words[piece.first + index]
    }

    /// What slot `index` of a piece refers to.
    pub(super) fn reference(&self, piece: &Piece, index: usize) -> Result<Reference, SegmentError> {
        let word = self.word(piece, index);
        match word & TAG_MASK {
            0 if word & OUTSIDE_BIT != 0 => {
                self.outside((word & !OUTSIDE_BIT) / WORD).map(Reference::Outside)
            }
            0 => self.inside(word).map(Reference::Inside),
            SMALL_INTEGER_TAG | CHARACTER_TAG | SMALL_FLOAT_TAG => {
                Ok(Reference::Outside(Oop(word)))
            }
            _ => Err(SegmentError::Inappropriate),
        }
    }

    fn outside(&self, index: u64) -> Result<Oop, SegmentError> {
        let pointer = usize::try_from(index).ok().and_then(|index| self.out_pointers.get(index));
        pointer.copied().ok_or(SegmentError::BadIndex)
    }

    fn inside(&self, distance: u64) -> Result<usize, SegmentError> {
        if distance >= (self.words.len() as u64 - 1) * WORD {
            return Err(SegmentError::BadIndex);
        }
        self.numbers.get(&distance).copied().ok_or(SegmentError::Inappropriate)
    }

    /// Find the objects, by their sizes.
    fn find(&mut self) -> Result<(), SegmentError> {
        let mut at = 1;
        while at < self.words.len() {
            let word = self.words[at];
            let mut slots = word >> SLOTS_SHIFT;
            if slots == OVERFLOW_SLOTS {
                slots = word & OVERFLOW_COUNT_MASK;
                at += 1;
            }
            let header = Header(*self.words.get(at).ok_or(SegmentError::BadArgument)?);
            if (word >> SLOTS_SHIFT == OVERFLOW_SLOTS) != header.has_overflow_slots() {
                return Err(SegmentError::BadArgument);
            }
            let first = at + 1;
            if slots.max(1) > (self.words.len() - first) as u64 {
                return Err(SegmentError::BadArgument);
            }
            let mut piece = Piece {
                first,
                header,
                slots,
                references: 0,
                class: Reference::Outside(Oop::ZERO),
                is_class: false,
            };
            piece.references = self.reference_count(&piece)?;
            self.numbers.insert((at as u64 - 1) * WORD, self.list.len());
            self.list.push(piece);
            at = first + slots.max(1) as usize;
        }
        if self.list.is_empty() { Err(SegmentError::BadArgument) } else { Ok(()) }
    }

    /// How many slots are references, of an object whose format makes sense.
    fn reference_count(&self, piece: &Piece) -> Result<u64, SegmentError> {
        let format = piece.header.format();
        let empty = piece.slots == 0 && format.unused_bytes() != 0;
        let usual = format.is_defined() && format != Format::FORWARDED && !empty;
        if !usual || piece.header.0 & MARKED_BIT != 0 {
            return Err(SegmentError::Inappropriate);
        }
        if !format.is_compiled_method() {
            return Ok(if format.is_pointers() { piece.slots } else { 0 });
        }
        let header = if piece.slots == 0 { 0 } else { self.word(piece, 0) };
        let references = 1 + (header >> TAG_BITS & LITERAL_COUNT_MASK);
        let bytes = piece.slots * WORD - format.unused_bytes();
        if header & TAG_MASK != SMALL_INTEGER_TAG || references * WORD > bytes {
            return Err(SegmentError::Inappropriate);
        }
        Ok(references)
    }

    /// The class of a piece, which can be one.
    fn class_of(&self, heap: &Heap, piece: Piece) -> Result<Reference, SegmentError> {
        let index = piece.header.class_index().0;
        if index & OUTSIDE_CLASS_BIT != 0 {
            let class = self.outside(u64::from(index & !OUTSIDE_CLASS_BIT))?;
            let may_be_class = class.is_pointer()
                && heap.format(class).is_pointers()
                && heap.slot_count(class) >= CLASS_SLOTS
                && (heap.header(class).hash() == 0 || heap.is_indexed_class(class));
            return may_be_class
                .then_some(Reference::Outside(class))
                .ok_or(SegmentError::Inappropriate);
        }
        let distance = u64::from(index).checked_sub(FIRST_INSIDE_CLASS);
        let number = self.inside(distance.ok_or(SegmentError::Inappropriate)? * WORD)?;
        self.check_is_class(number)?;
        Ok(Reference::Inside(number))
    }

    fn check_is_class(&self, number: usize) -> Result<(), SegmentError> {
        let class = self.list[number];
        let is_class = class.header.format().is_pointers()
            && class.slots >= CLASS_SLOTS
            && class.header.hash() == 0;
        if is_class { Ok(()) } else { Err(SegmentError::Inappropriate) }
    }

    /// Note which objects are to have class indices: those that say so at the front, and those of which
    /// there are instances.
    fn note_classes(&mut self) -> Result<(), SegmentError> {
        let said = self.list.iter().skip(1).take_while(|piece| piece.header.is_remembered());
        for number in 1..=said.count() {
            self.check_is_class(number)?;
            self.list[number].is_class = true;
        }
        for number in 0..self.list.len() {
            if let Reference::Inside(class) = self.list[number].class {
                self.list[class].is_class = true;
            }
        }
        Ok(())
    }

    /// The object has the format that its class gives to instances, and at least its fixed slots.
    fn check_fits_class(&self, heap: &Heap, piece: &Piece) -> Result<(), SegmentError> {
        let (specification, hash) = match piece.class {
            Reference::Inside(number) => (self.word(&self.list[number], CLASS_FORMAT_SLOT), 0),
            Reference::Outside(class) => {
                let word = heap.follow(heap.fetch(class, CLASS_FORMAT_SLOT)).0;
                (word, heap.header(class).hash())
            }
        };
        let specification = Oop(specification).as_integer().ok_or(SegmentError::Inappropriate)?;
        let expected = Format::from_bits((specification >> 16 & 31) as u8);
        let fixed = (specification & 0xFFFF) as u64;
        let kind = |format: Format| (format.is_pointers(), format.is_compiled_method());
        let format = piece.header.format();
        if kind(expected) != kind(format) || piece.slots < fixed {
            return Err(SegmentError::Inappropriate);
        }
        // The class index that contexts have means more than their format.
        if ClassIndex(hash) == class_index::METHOD_CONTEXT {
            self.check_context(piece)?;
        }
        Ok(())
    }

    /// A context that has no frame, and a stack pointer inside.
    fn check_context(&self, piece: &Piece) -> Result<(), SegmentError> {
        let room = piece.slots.checked_sub(CONTEXT_FIXED_SLOTS);
        let room = room.ok_or(SegmentError::Inappropriate)?;
        let is_single = self.word(piece, 0) & TAG_MASK == 0;
        let depth = Oop(self.word(piece, STACK_POINTER_SLOT)).as_integer();
        let fits = depth.is_some_and(|depth| (0..=room as i64).contains(&depth));
        if is_single && fits { Ok(()) } else { Err(SegmentError::Inappropriate) }
    }
}
