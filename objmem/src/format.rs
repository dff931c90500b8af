//! The 5-bit object format of Spur: which slots hold references, and how wide an element is.
//!
//! Source: `SpurMemoryManager` class comment and `Spur64BitMemoryManager`.

/// A format, 0 to 31. Of the byte-like formats the low bits count the unused bytes of the last slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Format(u8);

impl Format {
    /// No slots: `UndefinedObject`, `True` …
    pub const EMPTY: Format = Format(0);
    /// Named instance variables only.
    pub const FIXED: Format = Format(1);
    /// Indexed references only: `Array`.
    pub const INDEXABLE: Format = Format(2);
    /// Named and indexed references: contexts, closures, additional method state.
    pub const FIXED_INDEXABLE: Format = Format(3);
    /// Strong named and weak indexed references.
    pub const WEAK: Format = Format(4);
    /// An ephemeron: key in slot 0.
    pub const EPHEMERON: Format = Format(5);
    /// A forwarder.
    pub const FORWARDED: Format = Format(7);
    /// 64-bit elements.
    pub const WORDS_64: Format = Format(9);
    /// 32-bit elements (10 and 11).
    pub const WORDS_32: Format = Format(10);
    /// 16-bit elements (12 to 15).
    pub const WORDS_16: Format = Format(12);
    /// 8-bit elements (16 to 23).
    pub const BYTES: Format = Format(16);
    /// Compiled code: a header and literals, then bytes (24 to 31).
    pub const COMPILED_METHOD: Format = Format(24);

    /// The format with these bits; only the low five count.
    #[inline(always)]
    pub const fn from_bits(bits: u8) -> Format {
        Format(bits & 31)
    }

    /// The five bits.
    #[inline(always)]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether Spur defines this format: 6 and 8 are reserved.
    pub const fn is_defined(self) -> bool {
        self.0 != 6 && self.0 != 8
    }

    /// Whether every slot holds a reference (0 to 5).
    #[inline(always)]
    pub const fn is_pointers(self) -> bool {
        self.0 <= 5
    }

    /// Whether the object has indexed references (2 to 4).
    #[inline(always)]
    pub const fn is_indexable_pointers(self) -> bool {
        self.0 >= 2 && self.0 <= 4
    }

    /// Whether the object holds raw bits only (9 to 23).
    #[inline(always)]
    pub const fn is_bits(self) -> bool {
        self.0 >= 9 && self.0 < 24
    }

    /// Whether the elements are bytes, compiled code included (16 and above).
    #[inline(always)]
    pub const fn is_bytes_like(self) -> bool {
        self.0 >= 16
    }

    /// Whether the object is a byte object, compiled code excluded.
    #[inline(always)]
    pub const fn is_bytes(self) -> bool {
        self.0 >= 16 && self.0 < 24
    }

    /// Whether the object is compiled code.
    #[inline(always)]
    pub const fn is_compiled_method(self) -> bool {
        self.0 >= 24
    }

    /// Whether the elements are 16-bit.
    #[inline(always)]
    pub const fn is_words_16(self) -> bool {
        self.0 >= 12 && self.0 < 16
    }

    /// Whether the elements are 32-bit.
    #[inline(always)]
    pub const fn is_words_32(self) -> bool {
        self.0 == 10 || self.0 == 11
    }

    /// Whether the elements are 64-bit.
    #[inline(always)]
    pub const fn is_words_64(self) -> bool {
        self.0 == 9
    }

    /// Whether the indexed references are weak.
    #[inline(always)]
    pub const fn is_weak(self) -> bool {
        self.0 == 4
    }

    /// Whether the object is an ephemeron.
    #[inline(always)]
    pub const fn is_ephemeron(self) -> bool {
        self.0 == 5
    }

    /// log₂ of the bytes of an element: 0 bytes, 1, 2, 3 for 16-, 32- and 64-bit; 3 for references.
    #[inline(always)]
    pub const fn element_shift(self) -> u32 {
        match self.0 {
            16.. => 0,
            12..=15 => 1,
            10 | 11 => 2,
            _ => 3,
        }
    }

    /// How many bytes of the last slot are not part of the object.
    #[inline(always)]
    pub const fn unused_bytes(self) -> u64 {
        match self.0 {
            16.. => (self.0 & 7) as u64,
            12..=15 => ((self.0 & 3) as u64) << 1,
            10 | 11 => ((self.0 & 1) as u64) << 2,
            _ => 0,
        }
    }

    /// The same kind of format for an object of `elements` elements: sets the odd bits.
    #[inline(always)]
    pub const fn for_elements(self, elements: u64) -> Format {
        match self.0 {
            24.. => Format(24 | (elements.wrapping_neg() & 7) as u8),
            16..=23 => Format(16 | (elements.wrapping_neg() & 7) as u8),
            12..=15 => Format(12 | (elements.wrapping_neg() & 3) as u8),
            10 | 11 => Format(10 | (elements.wrapping_neg() & 1) as u8),
            bits => Format(bits),
        }
    }
}
