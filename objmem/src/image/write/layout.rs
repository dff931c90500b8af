//! Which objects go into an image file, and where: found without touching the heap.
//!
//! A bit for each word of the objects that go. An object's place is the number of such words below
//! it: a running sum for each 64 words, and a count of bits.

use std::io;

use super::{FREE_LISTS, SAVED_BASE};
use crate::header::WORD;
use crate::heap::Heap;
use crate::image::mourn_queue;
use crate::oop::{Address, Oop};

/// How many objects have a place of their own at the start.
const FIRST: usize = 5;
/// Which of them the free lists stand before.
pub const FREE_LISTS_BEFORE: usize = 3;

/// Where every reachable object goes.
pub struct Layout {
    /// nil, false, true, the hidden roots, the first page of the class table: they come first. Spur
    /// keeps the address of that page and never moves what lies here; a page further on it would move.
    pub first: [Oop; FIRST],
    first_places: [u64; FIRST],
    base: u64,
    /// A bit for each word from `base` on, but for those of the first objects.
    bits: Vec<u64>,
    /// For each word of `bits`, how many bits are set before it.
    sums: Vec<u64>,
    /// The place of the first of the others.
    start: u64,
    /// Where the pages of the mourn queue start: after the last object.
    pub mourn_pages: u64,
    mourn_bytes: u64,
}

impl Layout {
    pub fn of(heap: &Heap) -> Layout {
        let base = heap.stack_zone.end.0;
        let words = (heap.old.frontier.max(heap.boot.end) - base) / WORD / 64 + 1;
        let mut layout = Layout {
            first: [
                heap.nil,
                heap.false_object,
                heap.true_object,
                heap.hidden_roots,
                heap.fetch(heap.hidden_roots, 0),
            ],
            first_places: [0; FIRST],
            base,
            bits: vec![0; words as usize],
            sums: Vec::with_capacity(words as usize),
            start: 0,
            mourn_pages: 0,
            mourn_bytes: mourn_queue::bytes(heap.gc.mourners.len()),
        };
        layout.find(heap);
        layout.sum(heap);
        layout
    }

    /// Set the bits of all that can be reached.
    fn find(&mut self, heap: &Heap) {
        let mut pending = Vec::new();
        let roots = self.first.into_iter().chain([heap.special_objects]);
        for root in roots.chain(heap.gc.mourners.iter().copied()) {
            self.reach(heap, heap.follow(root), &mut pending);
        }
        while let Some(object) = pending.pop() {
            for index in 0..heap.live_references(object) {
                let value = heap.fetch(object, index);
                if value.is_pointer() {
                    self.reach(heap, heap.follow(value), &mut pending);
                }
            }
        }
    }

    #[inline]
    fn reach(&mut self, heap: &Heap, object: Oop, pending: &mut Vec<Oop>) {
        let bit = (object.0.wrapping_sub(self.base)) / WORD;
        if object.is_pointer() && self.bits[(bit / 64) as usize] >> (bit % 64) & 1 == 0 {
            self.fill(heap.start_of(object).0, heap.end_of(object).0, true);
            pending.push(object);
        }
    }

    /// Set or clear the bits of the words from `start` to `end`.
    fn fill(&mut self, start: u64, end: u64, on: bool) {
        let (mut bit, end) = ((start - self.base) / WORD, (end - self.base) / WORD);
        while bit < end {
            let count = (64 - bit % 64).min(end - bit);
            let mask = u64::MAX >> (64 - count) << (bit % 64);
            let word = &mut self.bits[(bit / 64) as usize];
            *word = if on { *word | mask } else { *word & !mask };
            bit += count;
        }
    }

    fn sum(&mut self, heap: &Heap) {
        let mut place = SAVED_BASE;
        for (index, object) in self.first.into_iter().enumerate() {
            if index == FREE_LISTS_BEFORE {
                place += (1 + FREE_LISTS) * WORD;
            }
            let (start, end) = (heap.start_of(object).0, heap.end_of(object).0);
            self.first_places[index] = place + (object.0 - start);
            place += end - start;
            self.fill(start, end, false);
        }
        self.start = place;
        let mut sum = 0;
        for word in &self.bits {
            self.sums.push(sum);
            sum += u64::from(word.count_ones());
        }
        self.mourn_pages = place + sum * WORD;
    }

    /// The saved address of `object`, which is not forwarded and can be reached.
    #[inline]
    pub fn place(&self, object: Oop) -> u64 {
        if let Some(index) = self.first.iter().position(|&first| first == object) {
            return self.first_places[index];
        }
        let bit = (object.0 - self.base) / WORD;
        let (index, bit) = ((bit / 64) as usize, bit % 64);
        let before = self.bits[index] & !(u64::MAX << bit);
        self.start + (self.sums[index] + u64::from(before.count_ones())) * WORD
    }

    /// One past the last object, the mourn queue's pages included.
    pub fn end(&self) -> u64 {
        self.mourn_pages + self.mourn_bytes
    }

    /// Call `f` with each object but the first ones, in the order of the file.
    pub fn each(&self, heap: &Heap, f: &mut dyn FnMut(Oop) -> io::Result<()>) -> io::Result<()> {
        let mut at = 0;
        loop {
            let (mut index, bit) = ((at / 64) as usize, at % 64);
            let Some(&word) = self.bits.get(index) else { return Ok(()) };
            let mut word = word & u64::MAX << bit;
            while word == 0 {
                index += 1;
                let Some(&next) = self.bits.get(index) else { return Ok(()) };
                word = next;
            }
            let start = index as u64 * 64 + u64::from(word.trailing_zeros());
            let object = heap.object_starting_at(Address(self.base + start * WORD));
            at = (heap.end_of(object).0 - self.base) / WORD;
            f(object)?;
        }
    }
}
