//! The header word that every object starts with.
//!
//! ```text
//!  63      56 55 54 53          32 31 30 29 28   24 23 22 21          0
//! ┌──────────┬──┬──┬──────────────┬──┬──┬──┬───────┬──┬──┬─────────────┐
//! │ slots    │ m│  │ hash (22)    │ g│ p│ r│ format│ i│  │ class index │
//! └──────────┴──┴──┴──────────────┴──┴──┴──┴───────┴──┴──┴─────────────┘
//!  m marked  g grey  p pinned  r remembered  i immutable
//! ```
//!
//! A slot count of 255 says that the word *before* the header holds the real count in its low 56
//! bits (and 255 in its top byte). Source: `SpurMemoryManager class>>#initialize…`, "header format".

use crate::format::Format;
use crate::oop::ClassIndex;

/// A header word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct Header(pub u64);

/// Shift of the slot count.
pub const SLOTS_SHIFT: u32 = 56;
/// The slot count that says "look in the word before".
pub const OVERFLOW_SLOTS: u64 = 255;
/// Bits of an overflow count word that hold the count.
pub const OVERFLOW_COUNT_MASK: u64 = (1 << SLOTS_SHIFT) - 1;
/// Shift of the identity hash.
pub const HASH_SHIFT: u32 = 32;
/// Mask of an identity hash.
pub const HASH_MASK: u64 = (1 << 22) - 1;
/// Shift of the format.
pub const FORMAT_SHIFT: u32 = 24;
/// Mask of the format.
pub const FORMAT_MASK: u64 = 31;
/// Mask of the class index.
pub const CLASS_INDEX_MASK: u64 = (1 << 22) - 1;
/// Read-only objects have this bit.
pub const IMMUTABLE_BIT: u64 = 1 << 23;
/// Objects in the old → nursery remembered set have this bit.
pub const REMEMBERED_BIT: u64 = 1 << 29;
/// Objects that must not move have this bit.
pub const PINNED_BIT: u64 = 1 << 30;
/// Grey: seen by Spur's own marker, not yet scanned.
pub const GREY_BIT: u64 = 1 << 31;
/// Marked by Spur's own marker. Rowel marks beside the heap and leaves the bit alone.
pub const MARKED_BIT: u64 = 1 << 55;
/// Bytes of a word, of a slot and of a header.
pub const WORD: u64 = 8;

const _: () = assert!(FORMAT_SHIFT + 5 == REMEMBERED_BIT.trailing_zeros());
const _: () = assert!(HASH_SHIFT + 22 == 54 && MARKED_BIT.trailing_zeros() == 55);

impl Header {
    /// A header without hash and flags; `slots` of 255 and more are written as 255.
    #[inline(always)]
    pub const fn new(slots: u64, format: Format, class: ClassIndex) -> Header {
        let slots = if slots >= OVERFLOW_SLOTS { OVERFLOW_SLOTS } else { slots };
        Header(slots << SLOTS_SHIFT | (format.bits() as u64) << FORMAT_SHIFT | class.0 as u64)
    }

    /// The class index.
    #[inline(always)]
    pub const fn class_index(self) -> ClassIndex {
        ClassIndex((self.0 & CLASS_INDEX_MASK) as u32)
    }

    /// The object format.
    #[inline(always)]
    pub const fn format(self) -> Format {
        Format::from_bits((self.0 >> FORMAT_SHIFT & FORMAT_MASK) as u8)
    }

    /// The slot count as written: 255 means overflow.
    #[inline(always)]
    pub const fn raw_slots(self) -> u64 {
        self.0 >> SLOTS_SHIFT
    }

    /// Whether the word before the header holds the slot count.
    #[inline(always)]
    pub const fn has_overflow_slots(self) -> bool {
        self.raw_slots() == OVERFLOW_SLOTS
    }

    /// The identity hash; 0 when none was asked for yet.
    #[inline(always)]
    pub const fn hash(self) -> u32 {
        (self.0 >> HASH_SHIFT & HASH_MASK) as u32
    }

    /// Whether the object is read-only.
    #[inline(always)]
    pub const fn is_immutable(self) -> bool {
        self.0 & IMMUTABLE_BIT != 0
    }

    /// Whether the object must not move.
    #[inline(always)]
    pub const fn is_pinned(self) -> bool {
        self.0 & PINNED_BIT != 0
    }

    /// Whether the object is in the old → nursery remembered set.
    #[inline(always)]
    pub const fn is_remembered(self) -> bool {
        self.0 & REMEMBERED_BIT != 0
    }

    /// Whether the object is a forwarder.
    #[inline(always)]
    pub const fn is_forwarded(self) -> bool {
        self.class_index().0 == crate::layout::FORWARDED_CLASS_INDEX
    }

    /// This header with `hash`.
    #[inline(always)]
    pub const fn with_hash(self, hash: u32) -> Header {
        Header(self.0 & !(HASH_MASK << HASH_SHIFT) | (hash as u64 & HASH_MASK) << HASH_SHIFT)
    }

    /// This header with `format`.
    #[inline(always)]
    pub const fn with_format(self, format: Format) -> Header {
        Header(self.0 & !(FORMAT_MASK << FORMAT_SHIFT) | (format.bits() as u64) << FORMAT_SHIFT)
    }

    /// This header with `class`.
    #[inline(always)]
    pub const fn with_class_index(self, class: ClassIndex) -> Header {
        Header(self.0 & !CLASS_INDEX_MASK | class.0 as u64)
    }

    /// This header with the bits of `flag` set or cleared.
    #[inline(always)]
    pub const fn with_flag(self, flag: u64, on: bool) -> Header {
        if on { Header(self.0 | flag) } else { Header(self.0 & !flag) }
    }
}
