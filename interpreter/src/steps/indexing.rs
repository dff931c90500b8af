//! `at:`, `at:put:` and `size` of plain Arrays, Strings and ByteArrays; anything else is a send.
//!
//! The inline cache says what the send would find: only where that is the primitive of `Object>>at:`
//! (60), `String>>at:` (63) and so on, may the operation do the primitive's work itself.

use rowel_objmem::{Format, Oop};

use crate::dispatch::Step;
use crate::machine::Machine;
use crate::operation::Word;
use crate::primitive::number::{AT, AT_PUT, SIZE, STRING_AT, STRING_AT_PUT};

impl Machine<'_> {
    /// The primitive number of what the inline cache here finds for `receiver`; 0 when it does not
    /// know.
    #[inline(always)]
    fn cached_primitive(&self, receiver: Oop) -> u16 {
        let class = self.memory.class_index(receiver);
        if u64::from(class.0) != self.ip.cached_class() {
            return 0;
        }
        self.ip.cached_code().map_or(0, |code| code.get().primitive)
    }

    #[inline(always)]
    pub(crate) fn at(&mut self) -> Step {
        let (receiver, index) = (self.peek(1), self.peek(0));
        if receiver.is_pointer() && index.is_small_integer() {
            let primitive = self.cached_primitive(receiver);
            if let Some(value) = self.element(receiver, index.integer_value(), primitive) {
                self.replace(2, value);
                return self.next(3);
            }
        }
        Step::Send
    }

    /// Push temporary b and do the `at:` that follows.
    #[inline(always)]
    pub(crate) fn push_temp_and_at(&mut self, word: Word) -> Step {
        self.push(self.temp(u64::from(word.b())));
        self.ip = self.ip.advanced(1);
        match self.at() {
            // The `at:` itself sees to that.
            Step::Send => Step::Next,
            step => step,
        }
    }

    #[inline(always)]
    fn element(&self, receiver: Oop, index: i64, primitive: u16) -> Option<Oop> {
        let header = self.memory.header(receiver);
        let at = (index as u64).wrapping_sub(1);
        if primitive == AT && header.format() == Format::INDEXABLE {
            return (at < self.memory.slot_count(receiver))
                .then(|| self.memory.fetch(receiver, at as usize));
        }
        if !header.format().is_bytes() || at >= self.memory.byte_size(receiver) {
            return None;
        }
        let byte = self.memory.fetch_byte(receiver, at as usize);
        match primitive {
            AT => Some(Oop::small_integer(i64::from(byte))),
            STRING_AT => Some(Oop::character(u32::from(byte))),
            _ => None,
        }
    }

    #[inline(always)]
    pub(crate) fn at_put(&mut self) -> Step {
        let (receiver, index, value) = (self.peek(2), self.peek(1), self.peek(0));
        if receiver.is_pointer() && index.is_small_integer() {
            let primitive = self.cached_primitive(receiver);
            if self.put_element(receiver, index.integer_value(), value, primitive) {
                self.replace(3, value);
                return self.next(3);
            }
        }
        Step::Send
    }

    #[inline(always)]
    fn put_element(&mut self, receiver: Oop, index: i64, value: Oop, primitive: u16) -> bool {
        let header = self.memory.header(receiver);
        let at = (index as u64).wrapping_sub(1);
        if header.is_immutable() {
            return false;
        }
        if primitive == AT_PUT && header.format() == Format::INDEXABLE {
            let stores = at < self.memory.slot_count(receiver)
                && self.vm.heap.stores_freely(receiver, header, value);
            if stores {
                self.memory.store_unchecked(receiver, at as usize, value);
            }
            return stores;
        }
        if !header.format().is_bytes() || at >= self.memory.byte_size(receiver) {
            return false;
        }
        let byte = match primitive {
            AT_PUT if value.is_small_integer() => value.integer_value(),
            STRING_AT_PUT if value.is_character() => i64::from(value.character_value()),
            _ => return false,
        };
        let fits = (0..256).contains(&byte);
        if fits {
            self.memory.store_byte(receiver, at as usize, byte as u8);
        }
        fits
    }

    #[inline(always)]
    pub(crate) fn size(&mut self) -> Step {
        let receiver = self.peek(0);
        if receiver.is_pointer() && self.cached_primitive(receiver) == SIZE {
            let format = self.memory.format(receiver);
            let size = if format == Format::INDEXABLE {
                Some(self.memory.slot_count(receiver))
            } else if format.is_bytes() {
                Some(self.memory.byte_size(receiver))
            } else {
                None
            };
            if let Some(size) = size {
                self.replace(1, Oop::small_integer(size as i64));
                return self.next(3);
            }
        }
        Step::Send
    }
}
