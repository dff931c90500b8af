//! What weak objects and ephemerons are, for both collectors: which slots are strong, and firing.
//!
//! Source: `SpurMemoryManager>>#numStrongSlotsOf:format:ephemeronInactiveIf:`,
//! `#numFixedSlotsOf:`, `StackInterpreter>>#fireEphemeron:`.

use crate::cage::Memory;
use crate::format::Format;
use crate::heap::Heap;
use crate::oop::Oop;

/// Slot of a class that holds its format and number of fixed slots.
const CLASS_FORMAT_SLOT: usize = 2;
/// Bits of a class's format that count its fixed slots.
const FIXED_SLOTS_MASK: i64 = 0xFFFF;
/// Slots of a compiled method's header word.
const METHOD_HEADER_SLOTS: u64 = 1;
/// Bits of a compiled method's header that count its literals.
const LITERAL_COUNT_MASK: i64 = 0x7FFF;

impl Memory {
    /// How many slots from the first hold references; of a weak object all of them, of a method
    /// its header and literals, of a forwarder its target.
    #[inline]
    pub fn pointer_slots(self, object: Oop) -> u64 {
        let header = self.header(object);
        if header.is_forwarded() {
            return 1;
        }
        let format = header.format();
        if format.is_pointers() {
            self.slot_count(object)
        } else if format.is_compiled_method() {
            // A header that is no SmallInteger belongs to a method being built.
            let literals = self.fetch(object, 0).as_integer().unwrap_or(0) & LITERAL_COUNT_MASK;
            (METHOD_HEADER_SLOTS + literals as u64).min(self.slot_count(object))
        } else {
            0
        }
    }
}

impl Heap {
    /// How many leading slots of a weak object are strong: those its class names.
    pub(crate) fn strong_slots_of_weak(&self, object: Oop) -> u64 {
        let class = self.memory.follow(self.class_of(object));
        let slots = self.memory.slot_count(object);
        if class == self.nil || self.memory.slot_count(class) <= CLASS_FORMAT_SLOT as u64 {
            return 0;
        }
        let format = self.memory.fetch(class, CLASS_FORMAT_SLOT).as_integer().unwrap_or(0);
        ((format & FIXED_SLOTS_MASK) as u64).min(slots)
    }

    /// Queue an ephemeron whose key is about to die, and make it an ordinary object.
    pub(crate) fn fire_ephemeron(&mut self, ephemeron: Oop) {
        let header = self.memory.header(ephemeron).with_format(Format::FIXED);
        self.memory.set_header(ephemeron, header);
        self.gc.mourners.push_back(ephemeron);
        self.gc.pending_finalizations += 1;
    }

    /// A weak object lost references: the image is told, and may have asked for the object.
    pub(crate) fn note_weak_loss(&mut self, object: Oop) {
        if self.gc.queue_weak {
            self.gc.mourners.push_back(object);
        }
        self.gc.pending_finalizations += 1;
    }
}
