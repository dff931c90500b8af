//! Objects to a segment.

use rustc_hash::FxHashMap;

use super::{FIRST_INSIDE_CLASS, LARGEST_HASH, OUTSIDE_BIT, OUTSIDE_CLASS_BIT, SegmentError};
use crate::format::Format;
use crate::header::{GREY_BIT, Header, MARKED_BIT, REMEMBERED_BIT, WORD};
use crate::heap::Heap;
use crate::layout::LAST_CLASS_INDEX_PUN;
use crate::oop::{ClassIndex, Oop};
use crate::roots::Roots;

/// Bytes that must be left of the words, so that these can be cut.
const LEAST_REST: u64 = 2 * WORD;

/// The words of a segment as they are made.
struct Writer<'h> {
    heap: &'h Heap,
    /// How far the objects inside are from the start.
    inside: FxHashMap<Oop, u64>,
    outside: FxHashMap<Oop, u64>,
    out_pointers: Vec<Oop>,
    most_out_pointers: u64,
    words: Vec<u64>,
}

impl Writer<'_> {
    /// The index of an out pointer, which may be new.
    fn outside(&mut self, oop: Oop) -> Result<u64, SegmentError> {
        if let Some(index) = self.outside.get(&oop) {
            return Ok(*index);
        }
        let index = self.out_pointers.len() as u64;
        if index >= self.most_out_pointers {
            return Err(SegmentError::BadIndex);
        }
        if index >= u64::from(OUTSIDE_CLASS_BIT) {
            return Err(SegmentError::LimitExceeded);
        }
        self.outside.insert(oop, index);
        self.out_pointers.push(oop);
        Ok(index)
    }

    fn class_index(&mut self, object: Oop) -> Result<ClassIndex, SegmentError> {
        let class = self.heap.follow(self.heap.class_of(object));
        let Some(distance) = self.inside.get(&class) else {
            return Ok(ClassIndex(OUTSIDE_CLASS_BIT | self.outside(class)? as u32));
        };
        let index = distance / WORD + FIRST_INSIDE_CLASS;
        if index >= u64::from(OUTSIDE_CLASS_BIT) {
            return Err(SegmentError::LimitExceeded);
        }
        Ok(ClassIndex(index as u32))
    }

    fn reference(&mut self, oop: Oop) -> Result<u64, SegmentError> {
        let oop = self.heap.follow(oop);
        if !oop.is_pointer() {
            return Ok(oop.0);
        }
        match self.inside.get(&oop) {
            Some(distance) => Ok(*distance),
            None => Ok((self.outside(oop)? * WORD) | OUTSIDE_BIT),
        }
    }

    fn write(&mut self, object: Oop) -> Result<(), SegmentError> {
        let heap = self.heap;
        let mut header = heap.header(object);
        if header.has_overflow_slots() {
            self.words.push(heap.load(heap.start_of(object)));
        }
        header = Header(header.0 & !(REMEMBERED_BIT | MARKED_BIT | GREY_BIT));
        if heap.is_indexed_class(object) {
            header = header.with_hash(0).with_flag(REMEMBERED_BIT, true);
        }
        let class = self.class_index(object)?;
        self.words.push(header.with_class_index(class).0);
        let (references, live) = (heap.pointer_slots(object), heap.live_slots(object));
        let slots = heap.slot_count(object);
        for index in 0..slots {
            let word = if index < live {
                self.reference(heap.fetch(object, index as usize))?
            } else if index < references {
                // What a context has above its stack pointer.
                self.reference(heap.nil)?
            } else {
                heap.fetch_u64(object, index as usize)
            };
            self.words.push(word);
        }
        if slots == 0 {
            self.words.push(0);
        }
        Ok(())
    }
}

impl Heap {
    /// Store the Array `roots` and what only its elements reach into the 32-bit words `words`, and what
    /// these refer to elsewhere into the Array `out_pointers`. Both are cut to what is needed: in place,
    /// or they are forwarded to something shorter. `references` and `more` are what the interpreter
    /// holds on to. No object inside may have a frame. Never moves an object; primitive 98.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn store_image_segment(
        &mut self,
        [roots, words, out_pointers]: [Oop; 3],
        references: &mut (impl Roots + ?Sized),
        more: &[Oop],
    ) -> Result<(), SegmentError> {
        let [roots, words, out_pointers] =
            [roots, words, out_pointers].map(|oop| self.memory.follow(oop));
        self.check_kind(words, out_pointers)?;
        if !self.is_plain_array(roots) {
            return Err(SegmentError::WrongKind);
        }
        self.check_may_cut(&[words, out_pointers])?;
        let most_out_pointers = self.memory.slot_count(out_pointers);
        if most_out_pointers > LARGEST_HASH {
            return Err(SegmentError::LimitExceeded);
        }
        let room = self.memory.slot_count(words).checked_sub(1).ok_or(SegmentError::WrongKind)?;
        let mut outside = vec![words, out_pointers];
        outside.extend(more);
        references.visit(&mut |oop| outside.push(*oop));
        let objects = self.reached_only_from(roots, &outside);
        let mut objects = objects.ok_or(SegmentError::NoMemory)?;
        let classes = self.move_classes_forward(&mut objects);
        let inside = self.place_in_segment(&objects, classes, room * WORD)?;
        let mut writer = Writer {
            heap: self,
            inside,
            outside: FxHashMap::default(),
            out_pointers: Vec::new(),
            most_out_pointers,
            words: vec![self.segment_version()],
        };
        for object in objects {
            writer.write(object)?;
        }
        let Writer { words: contents, out_pointers: pointers, .. } = writer;
        self.fill_and_shorten([words, out_pointers], &contents, &pointers)
    }

    /// How far from the start each object will be, in bytes, within `room` bytes.
    fn place_in_segment(
        &self,
        objects: &[Oop],
        classes: usize,
        room: u64,
    ) -> Result<FxHashMap<Oop, u64>, SegmentError> {
        let mut places = FxHashMap::default();
        let mut at = 0;
        for (index, object) in objects.iter().enumerate() {
            let last_class = at / WORD + u64::from(LAST_CLASS_INDEX_PUN);
            if index == classes && last_class >= u64::from(OUTSIDE_CLASS_BIT) {
                return Err(SegmentError::LimitExceeded);
            }
            let before_header = object.0 - self.memory.start_of(*object).0;
            places.insert(*object, at + before_header);
            at += self.memory.total_bytes(*object);
            if at >= room {
                return Err(SegmentError::WritePastObject);
            }
        }
        if room - at < LEAST_REST { Err(SegmentError::WritePastObject) } else { Ok(places) }
    }

    /// Store contents of words and out pointers, which then have the right size.
    fn fill_and_shorten(
        &mut self,
        [words, out_pointers]: [Oop; 2],
        contents: &[u64],
        pointers: &[Oop],
    ) -> Result<(), SegmentError> {
        let (slots, count) = (contents.len() as u64, pointers.len() as u64);
        let words_target = self.prepare_to_shorten(words, slots).ok_or(SegmentError::NoMemory)?;
        let pointers_target = self.prepare_to_shorten(out_pointers, count);
        let pointers_target = pointers_target.ok_or(SegmentError::NoMemory)?;
        for (index, word) in contents.iter().enumerate() {
            self.memory.store_u64(words_target, index, *word);
        }
        for (index, oop) in pointers.iter().enumerate() {
            self.store(pointers_target, index, *oop);
        }
        self.shorten(words, words_target, slots);
        self.shorten(out_pointers, pointers_target, count);
        // Two of them to a word.
        let header = self.memory.header(words_target).with_format(Format::WORDS_32);
        self.memory.set_header(words_target, header);
        Ok(())
    }
}
