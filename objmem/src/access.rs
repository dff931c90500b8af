//! Reading and writing objects: header, slots, bytes and wider elements. Nothing here allocates or
//! moves an object; stores that need the write barrier are in [`crate::heap`].

use crate::cage::Memory;
use crate::format::Format;
use crate::header::{Header, OVERFLOW_COUNT_MASK, WORD};
use crate::oop::{Address, ClassIndex, Oop, TAG_MASK};

impl Memory {
    /// The header of an object (not of an immediate).
    #[inline(always)]
    pub fn header(self, object: Oop) -> Header {
        Header(self.load(object.address()))
    }

    /// Replace the header.
    #[inline(always)]
    pub fn set_header(self, object: Oop, header: Header) {
        self.store(object.address(), header.0);
    }

    /// The format of an object.
    #[inline(always)]
    pub fn format(self, object: Oop) -> Format {
        self.header(object).format()
    }

    /// The class index of any oop: of an immediate, its tag.
    #[inline(always)]
    pub fn class_index(self, oop: Oop) -> ClassIndex {
        if oop.is_pointer() { self.header(oop).class_index() } else { immediate_class_index(oop) }
    }

    /// The number of slots of an object.
    #[inline(always)]
    pub fn slot_count(self, object: Oop) -> u64 {
        let header = self.header(object);
        if header.has_overflow_slots() {
            self.load(Address(object.0 - WORD)) & OVERFLOW_COUNT_MASK
        } else {
            header.raw_slots()
        }
    }

    /// Where slot `index` (from 0) of an object is.
    #[inline(always)]
    pub fn slot_address(self, object: Oop, index: usize) -> Address {
        Address(object.0 + WORD + index as u64 * WORD)
    }

    /// The reference in slot `index` (from 0).
    #[inline(always)]
    pub fn fetch(self, object: Oop, index: usize) -> Oop {
        Oop(self.load(self.slot_address(object, index)))
    }

    /// Whether `oop` is an object whose slots are references, slot `index` (from 0) among them. Any oop may be asked.
    #[inline(always)]
    pub fn has_slot(self, oop: Oop, index: usize) -> bool {
        oop.is_pointer() && self.format(oop).is_pointers() && (index as u64) < self.slot_count(oop)
    }

    /// The reference in slot `index` (from 0), forwarders followed, of an object that [has it](Self::has_slot).
    #[inline]
    pub fn slot(self, oop: Oop, index: usize) -> Option<Oop> {
        self.has_slot(oop, index).then(|| self.follow(self.fetch(oop, index)))
    }

    /// Write slot `index` without the write barrier: for immediates, for nil and other old objects,
    /// and for objects just allocated in eden.
    #[inline(always)]
    pub fn store_unchecked(self, object: Oop, index: usize, value: Oop) {
        self.store(self.slot_address(object, index), value.0);
    }

    /// The bytes that an object takes in memory, from its (first) header word to its end.
    #[inline]
    pub fn total_bytes(self, object: Oop) -> u64 {
        let slots = self.slot_count(object);
        let overflow = if self.header(object).has_overflow_slots() { WORD } else { 0 };
        overflow + WORD + slots.max(1) * WORD
    }

    /// Where the object's memory starts: its header, or the overflow word before it.
    #[inline(always)]
    pub fn start_of(self, object: Oop) -> Address {
        if self.header(object).has_overflow_slots() {
            Address(object.0 - WORD)
        } else {
            object.address()
        }
    }

    /// The object whose memory starts at `start`: its header follows an overflow word.
    #[inline(always)]
    pub fn object_starting_at(self, start: Address) -> Oop {
        if Header(self.load(start)).has_overflow_slots() {
            Oop(start.0 + WORD)
        } else {
            start.oop()
        }
    }

    /// The address after an object: where the next one starts.
    #[inline(always)]
    pub fn end_of(self, object: Oop) -> Address {
        Address(object.0 + WORD + self.slot_count(object).max(1) * WORD)
    }

    /// How many bytes the object's indexed part and slots hold, odd bytes excluded.
    #[inline(always)]
    pub fn byte_size(self, object: Oop) -> u64 {
        self.slot_count(object) * WORD - self.format(object).unused_bytes()
    }

    /// How many elements a bits object holds, in units of its format.
    #[inline(always)]
    pub fn element_count(self, object: Oop) -> u64 {
        self.byte_size(object) >> self.format(object).element_shift()
    }

    /// Byte `index` (from 0) of an object.
    #[inline(always)]
    pub fn fetch_byte(self, object: Oop, index: usize) -> u8 {
        self.load_u8(Address(object.0 + WORD + index as u64))
    }

    /// Write byte `index` (from 0).
    #[inline(always)]
    pub fn store_byte(self, object: Oop, index: usize, value: u8) {
        self.store_u8(Address(object.0 + WORD + index as u64), value);
    }

    /// 16-bit element `index` (from 0).
    #[inline(always)]
    pub fn fetch_u16(self, object: Oop, index: usize) -> u16 {
        self.load_u16(Address(object.0 + WORD + index as u64 * 2))
    }

    /// Write 16-bit element `index` (from 0).
    #[inline(always)]
    pub fn store_element_u16(self, object: Oop, index: usize, value: u16) {
        self.store_u16(Address(object.0 + WORD + index as u64 * 2), value);
    }

    /// 32-bit element `index` (from 0).
    #[inline(always)]
    pub fn fetch_u32(self, object: Oop, index: usize) -> u32 {
        self.load_u32(Address(object.0 + WORD + index as u64 * 4))
    }

    /// Write 32-bit element `index` (from 0).
    #[inline(always)]
    pub fn store_element_u32(self, object: Oop, index: usize, value: u32) {
        self.store_u32(Address(object.0 + WORD + index as u64 * 4), value);
    }

    /// 64-bit word `index` (from 0) of an object, whatever it holds.
    #[inline(always)]
    pub fn fetch_u64(self, object: Oop, index: usize) -> u64 {
        self.load(self.slot_address(object, index))
    }

    /// Write raw 64-bit word `index` (from 0).
    #[inline(always)]
    pub fn store_u64(self, object: Oop, index: usize, value: u64) {
        self.store(self.slot_address(object, index), value);
    }

    /// The value of a boxed float.
    #[inline(always)]
    pub fn boxed_float_value(self, object: Oop) -> f64 {
        f64::from_bits(self.fetch_u64(object, 0))
    }

    /// Whether a pointer oop refers to a forwarder.
    #[inline(always)]
    pub fn is_forwarded(self, oop: Oop) -> bool {
        oop.is_pointer() && self.header(oop).is_forwarded()
    }

    /// The object at the end of the chain of forwarders that starts at `oop`.
    #[inline]
    pub fn follow(self, mut oop: Oop) -> Oop {
        while self.is_forwarded(oop) {
            oop = self.fetch(oop, 0);
        }
        oop
    }
}

/// The class index of an immediate: its tag.
#[inline(always)]
fn immediate_class_index(oop: Oop) -> ClassIndex {
    ClassIndex((oop.0 & TAG_MASK) as u32)
}
