//! The sweeper: turns what the marker left unmarked into free chunks, neighbours joined, and gives
//! empty segments back.
//!
//! Goes by the mark bits: dead objects are not looked at. Must not know how marks came about.
//! Source: `SpurMemoryManager>>#initFreeChunkWithBytes:at:`.

pub mod free_lists;

use crate::format::Format;
use crate::header::{Header, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::heap::Heap;
use crate::layout::FREE_CHUNK_CLASS_INDEX;
use crate::mark_bits::MarkBits;
use crate::oop::{Address, ClassIndex};

impl Heap {
    /// Make a free chunk of `bytes` bytes at `start`, and list it.
    pub(crate) fn free_chunk(&mut self, start: u64, bytes: u64) {
        self.write_chunk_header(start, bytes);
        self.old.free.add(start, bytes);
    }

    /// Write what makes the `bytes` bytes at `start` a free chunk. In the boot region it
    /// writes a word only where that changes, so that untouched pages stay shared.
    pub(crate) fn write_chunk_header(&self, start: u64, bytes: u64) {
        let class = ClassIndex(FREE_CHUNK_CLASS_INDEX);
        let mut at = start;
        let mut slots = bytes / WORD - 1;
        if slots >= OVERFLOW_SLOTS {
            slots -= 1;
            self.write_chunk_word(at, OVERFLOW_SLOTS << SLOTS_SHIFT | slots & OVERFLOW_COUNT_MASK);
            at += WORD;
            if slots < OVERFLOW_SLOTS {
                // The count alone would say that there is no overflow word.
                let header = Header::new(OVERFLOW_SLOTS, Format::WORDS_64, class).0;
                self.write_chunk_word(at, header);
                return;
            }
        }
        self.write_chunk_word(at, Header::new(slots, Format::WORDS_64, class).0);
    }

    fn write_chunk_word(&self, at: u64, word: u64) {
        // A fresh page of private space that is read before it is written has to be given twice, and the
        // second time all processors are told.
        let is_shared = at < self.boot.end;
        if !is_shared || self.memory.load(Address(at)) != word {
            self.memory.store(Address(at), word);
        }
    }

    /// Sweep private old space, and the boot region when `boot`; empty segments go.
    pub(crate) fn sweep(&mut self, marks: &MarkBits, boot: bool) {
        self.old.forget_free();
        if boot {
            self.sweep_range(self.boot.start, self.boot.end, marks);
        }
        for index in (0..self.old.segments.len()).rev() {
            self.sweep_segment(index, marks);
        }
    }

    /// Sweep the segment at `index`, or give it back when it is empty.
    pub(crate) fn sweep_segment(&mut self, index: usize, marks: &MarkBits) {
        let segment = self.old.segments[index];
        let empty = marks.next_marked(segment.start, segment.limit).is_none();
        if !empty || !self.old.release(&self.cage, index) {
            self.sweep_range(segment.start, segment.limit, marks);
        }
    }

    /// Free what is unmarked in a range.
    fn sweep_range(&mut self, start: u64, end: u64, marks: &MarkBits) {
        let memory = self.memory;
        let mut at = start;
        while let Some(object) = marks.next_marked(at, end) {
            let found = memory.start_of(object).0;
            if found != at {
                self.free_chunk(at, found - at);
            }
            at = memory.end_of(object).0;
        }
        if at < end {
            self.free_chunk(at, end - at);
        }
    }

    /// Make dead young objects free chunks on no list, so that walks pass over them: what they
    /// refer to may be gone. Room behind the last live one is free again.
    pub(crate) fn sweep_nursery(&mut self, marks: &MarkBits) {
        let memory = self.memory;
        for space in [self.nursery.eden, self.nursery.past] {
            let mut at = space.start;
            while let Some(object) = marks.next_marked(at, space.next) {
                let found = memory.start_of(object).0;
                if found != at {
                    self.write_chunk_header(at, found - at);
                }
                at = memory.end_of(object).0;
            }
            if space.start == self.nursery.eden.start {
                self.nursery.eden.next = at;
            } else {
                self.nursery.past.next = at;
            }
        }
    }
}
