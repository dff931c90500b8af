//! The sweeper: turns what the marker left unmarked into free chunks, neighbours joined, and gives
//! empty segments at the end of old space back.
//!
//! Must not know how marks came about. Source: `SpurMemoryManager>>#initFreeChunkWithBytes:at:`.

pub mod free_lists;

use crate::format::Format;
use crate::header::{Header, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::heap::Heap;
use crate::layout::{BRIDGE_CLASS_INDEX, FREE_CHUNK_CLASS_INDEX};
use crate::marker::MarkBits;
use crate::oop::{Address, ClassIndex};

impl Heap {
    /// Make a free chunk of `bytes` bytes at `start`, and list it. Writes a word only where it
    /// changes, so that untouched boot pages stay shared.
    pub(crate) fn free_chunk(&mut self, start: u64, bytes: u64) {
        let class = ClassIndex(FREE_CHUNK_CLASS_INDEX);
        let mut at = start;
        let mut slots = bytes / WORD - 1;
        if slots >= OVERFLOW_SLOTS {
            slots -= 1;
            self.write_if_changed(at, OVERFLOW_SLOTS << SLOTS_SHIFT | slots & OVERFLOW_COUNT_MASK);
            at += WORD;
        }
        self.write_if_changed(at, Header::new(slots, Format::WORDS_64, class).0);
        self.write_if_changed(at + WORD, 0);
        self.old.free.add(start, bytes);
    }

    fn write_if_changed(&self, at: u64, word: u64) {
        if self.memory.load(Address(at)) != word {
            self.memory.store(Address(at), word);
        }
    }

    /// Sweep private old space, and the boot region when `boot`.
    pub(crate) fn sweep(&mut self, marks: &MarkBits, boot: bool) {
        self.old.free.clear();
        if boot {
            let region = self.boot.clone();
            if let Some(tail) = self.sweep_range(region.start, region.end, marks) {
                self.free_chunk(tail, region.end - tail);
            }
        }
        for index in 0..self.old.segments.len() {
            let segment = self.old.segments[index];
            if let Some(tail) = self.sweep_range(segment.start, segment.next, marks) {
                self.old.segments[index].next = tail;
            }
        }
        self.shrink();
    }

    /// Free what is unmarked in a range; answers where the free run at its end starts.
    fn sweep_range(&mut self, start: u64, end: u64, marks: &MarkBits) -> Option<u64> {
        let memory = self.memory;
        let mut run = None;
        let mut at = start;
        while at < end {
            let object = memory.object_starting_at(Address(at));
            let live = marks.is_marked(object)
                || memory.header(object).class_index().0 == BRIDGE_CLASS_INDEX;
            if live {
                if let Some(free) = run.take() {
                    self.free_chunk(free, at - free);
                }
            } else if run.is_none() {
                run = Some(at);
            }
            at = memory.end_of(object).0;
        }
        run
    }

    /// Give empty segments at the end of old space back to the system.
    fn shrink(&mut self) {
        while let Some(last) = self.old.segments.last().copied() {
            let range = Address(last.start)..Address(last.limit);
            if last.used() != 0 || self.cage.decommit(range).is_err() {
                return;
            }
            self.old.segments.pop();
            self.old.frontier = last.start;
        }
    }
}
