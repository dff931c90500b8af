//! Object references (`Oop`), addresses and class indices, and the three immediate encodings.
//!
//! An oop is Spur's 64-bit value. The low three bits say what it is: 0 a pointer, 1 a SmallInteger,
//! 2 a Character, 4 a SmallFloat (`Spur64BitMemoryManager`). A pointer oop is an address relative to
//! the isolate's cage: it means nothing without the [`Cage`](crate::Cage) it belongs to.

use std::fmt;

/// The greatest code of a Character.
pub const MOST_CHARACTER: u32 = 0x3FFF_FFFF;

/// Mask of the tag bits.
pub const TAG_MASK: u64 = 7;
/// Tag of a SmallInteger.
pub const SMALL_INTEGER_TAG: u64 = 1;
/// Tag of a Character.
pub const CHARACTER_TAG: u64 = 2;
/// Tag of a SmallFloat.
pub const SMALL_FLOAT_TAG: u64 = 4;
/// Number of tag bits.
pub const TAG_BITS: u32 = 3;
/// What a SmallFloat's exponent is offset by: 1023 - 127.
const SMALL_FLOAT_EXPONENT_OFFSET: u64 = 896;
/// Bits of the mantissa of an IEEE double, which stay as they are in a SmallFloat.
const MANTISSA_BITS: u32 = 52;

/// Least value of a SmallInteger: −2⁶⁰.
pub const MIN_SMALL_INTEGER: i64 = -(1 << 60);
/// Greatest value of a SmallInteger: 2⁶⁰ − 1.
pub const MAX_SMALL_INTEGER: i64 = (1 << 60) - 1;

/// A reference to an object, or an immediate value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Oop(pub u64);

/// An address in bytes, relative to the cage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Address(pub u64);

/// The 22-bit index of a class in the class table; the value every header carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
#[repr(transparent)]
pub struct ClassIndex(pub u32);

impl Oop {
    /// No object: what an empty slot of a hidden structure holds.
    pub const ZERO: Oop = Oop(0);

    /// The SmallInteger `value`, or `None` when it needs more than 61 bits.
    #[inline(always)]
    pub fn from_integer(value: i64) -> Option<Oop> {
        if Self::is_integer_value(value) { Some(Self::small_integer(value)) } else { None }
    }

    /// The SmallInteger `value`, which must be in range.
    #[inline(always)]
    pub const fn small_integer(value: i64) -> Oop {
        debug_assert!(Self::is_integer_value(value));
        Oop(((value as u64) << TAG_BITS) | SMALL_INTEGER_TAG)
    }

    /// Whether `value` fits a SmallInteger.
    #[inline(always)]
    pub const fn is_integer_value(value: i64) -> bool {
        value >= MIN_SMALL_INTEGER && value <= MAX_SMALL_INTEGER
    }

    /// The Character with code point `code` (30 bits are kept).
    #[inline(always)]
    pub const fn character(code: u32) -> Oop {
        Oop(((code as u64 & MOST_CHARACTER as u64) << TAG_BITS) | CHARACTER_TAG)
    }

    /// The SmallFloat for `value`, or `None` when its exponent is out of a SmallFloat's range.
    #[inline(always)]
    pub fn from_float(value: f64) -> Option<Oop> {
        let rotated = value.to_bits().rotate_left(1);
        let offset = SMALL_FLOAT_EXPONENT_OFFSET << (MANTISSA_BITS + 1);
        if rotated <= 1 {
            // +0.0 and -0.0 keep a zero exponent.
            return Some(Oop(rotated << TAG_BITS | SMALL_FLOAT_TAG));
        }
        let shifted = rotated.wrapping_sub(offset);
        if rotated >= offset && shifted > 1 && shifted >> (64 - TAG_BITS) == 0 {
            Some(Oop(shifted << TAG_BITS | SMALL_FLOAT_TAG))
        } else {
            None
        }
    }

    /// Whether this is a SmallInteger.
    #[inline(always)]
    pub const fn is_small_integer(self) -> bool {
        self.0 & TAG_MASK == SMALL_INTEGER_TAG
    }

    /// Whether this is a Character.
    #[inline(always)]
    pub const fn is_character(self) -> bool {
        self.0 & TAG_MASK == CHARACTER_TAG
    }

    /// Whether this is a SmallFloat.
    #[inline(always)]
    pub const fn is_small_float(self) -> bool {
        self.0 & TAG_MASK == SMALL_FLOAT_TAG
    }

    /// Whether this is a value that has no header.
    #[inline(always)]
    pub const fn is_immediate(self) -> bool {
        self.0 & TAG_MASK != 0
    }

    /// Whether this refers to an object with a header.
    #[inline(always)]
    pub const fn is_pointer(self) -> bool {
        self.0 & TAG_MASK == 0
    }

    /// The value of a SmallInteger; of anything else, rubbish.
    #[inline(always)]
    pub const fn integer_value(self) -> i64 {
        (self.0 as i64) >> TAG_BITS
    }

    /// The value of a SmallInteger, or `None` for anything else.
    #[inline(always)]
    pub fn as_integer(self) -> Option<i64> {
        if self.is_small_integer() { Some(self.integer_value()) } else { None }
    }

    /// The code point of a Character; of anything else, rubbish.
    #[inline(always)]
    pub const fn character_value(self) -> u32 {
        (self.0 >> TAG_BITS) as u32
    }

    /// The value of a SmallFloat; of anything else, rubbish.
    #[inline(always)]
    pub fn small_float_value(self) -> f64 {
        let shifted = self.0 >> TAG_BITS;
        let rotated = if shifted <= 1 {
            shifted
        } else {
            shifted.wrapping_add(SMALL_FLOAT_EXPONENT_OFFSET << (MANTISSA_BITS + 1))
        };
        f64::from_bits(rotated.rotate_right(1))
    }

    /// The address of the header of the object that this refers to.
    #[inline(always)]
    pub const fn address(self) -> Address {
        Address(self.0)
    }
}

impl Address {
    /// The object whose header is here.
    #[inline(always)]
    pub const fn oop(self) -> Oop {
        Oop(self.0)
    }

    /// The address `bytes` further on.
    #[inline(always)]
    pub const fn plus(self, bytes: u64) -> Address {
        Address(self.0.wrapping_add(bytes))
    }

    /// How many bytes this lies above `origin`.
    #[inline(always)]
    pub const fn offset_from(self, origin: Address) -> u64 {
        self.0.wrapping_sub(origin.0)
    }
}

impl fmt::Debug for Oop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 & TAG_MASK {
            0 => write!(f, "@{:x}", self.0),
            SMALL_INTEGER_TAG => write!(f, "{}", self.integer_value()),
            CHARACTER_TAG => write!(f, "$U+{:04X}", self.character_value()),
            SMALL_FLOAT_TAG => write!(f, "{:?}f", self.small_float_value()),
            _ => write!(f, "bad tag {:x}", self.0),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip() {
        for value in [0, 1, -1, MIN_SMALL_INTEGER, MAX_SMALL_INTEGER] {
            assert_eq!(Oop::from_integer(value).and_then(Oop::as_integer), Some(value));
        }
        assert_eq!(Oop::from_integer(MAX_SMALL_INTEGER + 1), None);
        assert_eq!(Oop::from_integer(MIN_SMALL_INTEGER - 1), None);
    }

    #[test]
    fn floats_round_trip_or_are_boxed() {
        for value in [0.0, -0.0, 1.0, -1.5, 1e30, 5.9e-39, 3.4e38, std::f64::consts::PI] {
            let oop = Oop::from_float(value).expect("in range");
            assert_eq!(oop.small_float_value().to_bits(), value.to_bits());
        }
        for value in [1e300, 1e-300, f64::INFINITY, f64::NAN, f64::MIN_POSITIVE] {
            assert_eq!(Oop::from_float(value), None);
        }
    }
}
