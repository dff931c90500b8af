//! `at:`, `at:put:` and `size` of plain Arrays, Strings and ByteArrays; anything else is a send.
//!
//! The inline cache says what the send would find: only where that is the primitive of `Object>>at:`
//! (60), `String>>at:` (63) and so on, may the operation do the primitive's work itself.

use rowel_objmem::cage::Memory;
use rowel_objmem::{Format, Heap, Oop};

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
            let index = index.integer_value();
            if let Some(value) = element(self.memory, receiver, index, primitive) {
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
    pub(crate) fn at_put(&mut self) -> Step {
        let (receiver, index, value) = (self.peek(2), self.peek(1), self.peek(0));
        if receiver.is_pointer() && index.is_small_integer() {
            let primitive = self.cached_primitive(receiver);
            let index = index.integer_value();
            if put_element(&self.vm.heap, receiver, index, value, primitive) {
                self.replace(3, value);
                return self.next(3);
            }
        }
        Step::Send
    }

    #[inline(always)]
    pub(crate) fn size(&mut self) -> Step {
        let receiver = self.peek(0);
        if receiver.is_pointer()
            && self.cached_primitive(receiver) == SIZE
            && let Some(size) = size(self.memory, receiver)
        {
            self.replace(1, size);
            return self.next(3);
        }
        Step::Send
    }
}

/// Copy elements `first` on of `source` into elements `start` to `stop` of `target` as primitive 105 does, where both
/// are Arrays or both of bytes, not the same, and the write barrier has nothing to note. Answers whether it was done.
pub(crate) fn replace(
    heap: &Heap,
    target: Oop,
    source: Oop,
    (start, stop, first): (i64, i64, i64),
) -> bool {
    let (header, format) = (heap.header(target), heap.header(source).format());
    let (size, other_size, shift) = if header.format().is_bytes() && format.is_bytes() {
        (heap.byte_size(target), heap.byte_size(source), 0)
    } else if header.format() == Format::INDEXABLE
        && format == Format::INDEXABLE
        && heap.is_young(target)
    {
        (heap.slot_count(target), heap.slot_count(source), 3)
    } else {
        return false;
    };
    let Some(more) = stop.checked_sub(start) else { return false };
    let last = first.checked_add(more);
    let fits =
        |start: i64, stop: i64, size: u64| start >= 1 && start - 1 <= stop && stop <= size as i64;
    let may = target != source
        && !header.is_immutable()
        && fits(start, stop, size)
        && last.is_some_and(|last| fits(first, last, other_size));
    if may {
        let at =
            |object, index: i64| heap.slot_address(object, 0).plus((index as u64 - 1) << shift);
        heap.memory().copy(at(source, first), at(target, start), ((more + 1) as u64) << shift);
    }
    may
}

/// What primitive number `primitive` answers for element `index` of an Array or an object of bytes.
#[inline(always)]
pub(crate) fn element(memory: Memory, receiver: Oop, index: i64, primitive: u16) -> Option<Oop> {
    let header = memory.header(receiver);
    let at = (index as u64).wrapping_sub(1);
    if primitive == AT && header.format() == Format::INDEXABLE {
        return (at < memory.slot_count(receiver)).then(|| memory.fetch(receiver, at as usize));
    }
    if !header.format().is_bytes() || at >= memory.byte_size(receiver) {
        return None;
    }
    let byte = memory.fetch_byte(receiver, at as usize);
    match primitive {
        AT => Some(Oop::small_integer(i64::from(byte))),
        STRING_AT => Some(Oop::character(u32::from(byte))),
        _ => None,
    }
}

/// Put `value` into element `index` of an Array or an object of bytes as primitive number `primitive` does,
/// where the write barrier has nothing to note. Answers whether it was done.
#[inline(always)]
pub(crate) fn put_element(
    heap: &Heap,
    receiver: Oop,
    index: i64,
    value: Oop,
    primitive: u16,
) -> bool {
    let header = heap.header(receiver);
    let at = (index as u64).wrapping_sub(1);
    if header.is_immutable() {
        return false;
    }
    if primitive == AT_PUT && header.format() == Format::INDEXABLE {
        let stores = at < heap.slot_count(receiver) && heap.stores_freely(receiver, header, value);
        if stores {
            heap.store_unchecked(receiver, at as usize, value);
        }
        return stores;
    }
    if !header.format().is_bytes() || at >= heap.byte_size(receiver) {
        return false;
    }
    let byte = match primitive {
        AT_PUT if value.is_small_integer() => value.integer_value(),
        STRING_AT_PUT if value.is_character() => i64::from(value.character_value()),
        _ => return false,
    };
    let fits = (0..256).contains(&byte);
    if fits {
        heap.store_byte(receiver, at as usize, byte as u8);
    }
    fits
}

/// How many elements an Array or an object of bytes has.
#[inline(always)]
pub(crate) fn size(memory: Memory, receiver: Oop) -> Option<Oop> {
    let format = memory.format(receiver);
    let size = if format == Format::INDEXABLE {
        memory.slot_count(receiver)
    } else if format.is_bytes() {
        memory.byte_size(receiver)
    } else {
        return None;
    };
    Some(Oop::small_integer(size as i64))
}
