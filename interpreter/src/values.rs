//! Between Rust values and objects: what primitives take from their arguments and answer.
//!
//! Readers fail with the code that a bad argument calls for; makers allocate and fail with
//! [`Failure::NoMemory`].

use rowel_objmem::layout::{class_index, special};
use rowel_objmem::{ClassIndex, Format, Oop};

use crate::failure::Failure;
use crate::primitive::PrimitiveResult;
use crate::vm::Vm;

/// Bytes of a slot.
const WORD: u64 = 8;

impl Vm {
    /// The SmallInteger argument `index` (from 0).
    #[inline]
    pub fn integer_argument(&self, index: usize) -> Result<i64, Failure> {
        self.argument(index).as_integer().ok_or(Failure::BadArgument)
    }

    /// The SmallInteger argument `index` (from 0), not negative, as a count or an index.
    #[inline]
    pub fn size_argument(&self, index: usize) -> Result<usize, Failure> {
        usize::try_from(self.integer_argument(index)?).map_err(|_| Failure::BadArgument)
    }

    /// The Boolean argument `index` (from 0).
    pub fn boolean_argument(&self, index: usize) -> Result<bool, Failure> {
        let oop = self.argument(index);
        if oop == self.heap.true_object() {
            Ok(true)
        } else if oop == self.heap.false_object() {
            Ok(false)
        } else {
            Err(Failure::BadArgument)
        }
    }

    /// The bytes of the argument `index` (from 0), which must be a byte object.
    pub fn bytes_argument(&self, index: usize) -> Result<&[u8], Failure> {
        self.bytes_of(self.argument(index)).ok_or(Failure::BadArgument)
    }

    /// The bytes of a byte object (not compiled code); `None` for anything else.
    pub fn bytes_of(&self, oop: Oop) -> Option<&[u8]> {
        self.heap.bytes_of(oop)
    }

    /// The bytes of a byte object, to change; `None` for anything else and for read-only objects.
    pub fn bytes_of_mut(&mut self, oop: Oop) -> Option<&mut [u8]> {
        let is_bytes = oop.is_pointer()
            && self.heap.format(oop).is_bytes()
            && !self.heap.header(oop).is_immutable();
        is_bytes.then(|| self.heap.bytes_mut(oop))
    }

    /// The value of a float, immediate or boxed; `None` for anything else.
    #[inline]
    pub fn float_of(&self, oop: Oop) -> Option<f64> {
        if oop.is_small_float() {
            Some(oop.small_float_value())
        } else if self.heap.has_class_index(oop, class_index::BOXED_FLOAT) {
            Some(self.heap.boxed_float_value(oop))
        } else {
            None
        }
    }

    /// The value of a float or a SmallInteger as a float; `None` for anything else.
    #[inline]
    pub fn number_of(&self, oop: Oop) -> Option<f64> {
        oop.as_integer().map(|value| value as f64).or_else(|| self.float_of(oop))
    }

    /// The value of a SmallInteger or of a LargeInteger that fits; `None` for anything else.
    #[inline]
    pub fn signed_64_of(&self, oop: Oop) -> Option<i64> {
        if let Some(value) = oop.as_integer() {
            return Some(value);
        }
        i64::try_from(self.wide_integer_of(oop)?).ok()
    }

    /// The value of a non-negative integer of up to 64 bits; `None` for anything else.
    #[inline]
    pub fn unsigned_64_of(&self, oop: Oop) -> Option<u64> {
        if let Some(value) = oop.as_integer() {
            return u64::try_from(value).ok();
        }
        let (negative, magnitude) = self.large_integer_of(oop)?;
        (!negative).then_some(magnitude)
    }

    /// The value of an integer whose magnitude has up to 64 bits; `None` for anything else.
    #[inline]
    pub fn wide_integer_of(&self, oop: Oop) -> Option<i128> {
        if let Some(value) = oop.as_integer() {
            return Some(i128::from(value));
        }
        let (negative, magnitude) = self.large_integer_of(oop)?;
        Some(if negative { -i128::from(magnitude) } else { i128::from(magnitude) })
    }

    /// Sign and magnitude of a LargeInteger whose magnitude fits 64 bits.
    fn large_integer_of(&self, oop: Oop) -> Option<(bool, u64)> {
        if !oop.is_pointer() {
            return None;
        }
        let header = self.heap.header(oop);
        let negative = match header.class_index() {
            class_index::LARGE_NEGATIVE_INTEGER => true,
            class_index::LARGE_POSITIVE_INTEGER => false,
            _ => return None,
        };
        if !header.format().is_bytes() {
            return None;
        }
        if header.raw_slots() == 1 {
            let unused_bits = header.format().unused_bytes() * 8;
            return Some((negative, self.heap.fetch_u64(oop, 0) & u64::MAX >> unused_bits));
        }
        let (low, high) = self.heap.bytes(oop).split_first_chunk().unwrap_or((&[0; 8], &[]));
        high.iter().all(|byte| *byte == 0).then_some((negative, u64::from_le_bytes(*low)))
    }

    /// A Float: immediate where its exponent allows, else boxed.
    #[inline]
    pub fn float_object(&mut self, value: f64) -> PrimitiveResult {
        match Oop::from_float(value) {
            Some(oop) => Ok(oop),
            None => self.boxed_float(value),
        }
    }

    #[cold]
    fn boxed_float(&mut self, value: f64) -> PrimitiveResult {
        let float = self.heap.allocate(class_index::BOXED_FLOAT, Format::WORDS_32, 1);
        let float = float.ok_or(Failure::NoMemory)?;
        self.heap.store_u64(float, 0, value.to_bits());
        Ok(float)
    }

    /// An Integer: a SmallInteger where it fits, else a LargeInteger.
    #[inline]
    pub fn integer_object(&mut self, value: i64) -> PrimitiveResult {
        match Oop::from_integer(value) {
            Some(oop) => Ok(oop),
            None => self.large_object(value < 0, u128::from(value.unsigned_abs())),
        }
    }

    /// A non-negative Integer.
    #[inline]
    pub fn unsigned_object(&mut self, value: u64) -> PrimitiveResult {
        self.wide_integer_object(i128::from(value))
    }

    /// An Integer of up to 128 bits.
    #[inline]
    pub fn wide_integer_object(&mut self, value: i128) -> PrimitiveResult {
        match i64::try_from(value).ok().and_then(Oop::from_integer) {
            Some(oop) => Ok(oop),
            None => self.large_object(value < 0, value.unsigned_abs()),
        }
    }

    /// A LargeInteger of this magnitude, which is not a SmallInteger's.
    fn large_object(&mut self, negative: bool, magnitude: u128) -> PrimitiveResult {
        let bytes = u64::from(16 - magnitude.leading_zeros() / 8);
        let object = self.new_large_integer(negative, bytes)?;
        self.heap.store_u64(object, 0, magnitude as u64);
        if bytes > WORD {
            self.heap.store_u64(object, 1, (magnitude >> 64) as u64);
        }
        Ok(object)
    }

    /// A LargeInteger of `bytes` bytes, their contents undefined.
    fn new_large_integer(&mut self, negative: bool, bytes: u64) -> PrimitiveResult {
        let class = if negative {
            class_index::LARGE_NEGATIVE_INTEGER
        } else {
            class_index::LARGE_POSITIVE_INTEGER
        };
        let format = Format::BYTES.for_elements(bytes);
        self.heap.allocate(class, format, bytes.div_ceil(WORD)).ok_or(Failure::NoMemory)
    }

    /// An Integer of any size from sign and little-endian magnitude, as small as it can be.
    pub fn large_integer_object(&mut self, negative: bool, magnitude: &[u8]) -> PrimitiveResult {
        let used = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let magnitude = &magnitude[..used];
        if used <= 8 {
            let mut word = [0; 8];
            word[..used].copy_from_slice(magnitude);
            let value = i128::from(u64::from_le_bytes(word));
            return self.wide_integer_object(if negative { -value } else { value });
        }
        let object = self.new_large_integer(negative, used as u64)?;
        self.heap.bytes_mut(object).copy_from_slice(magnitude);
        Ok(object)
    }

    /// An Integer of any size from sign and magnitude in 64-bit words, least significant first; as
    /// small as it can be.
    #[inline]
    pub fn integer_of_words(&mut self, negative: bool, magnitude: &[u64]) -> PrimitiveResult {
        let used = magnitude.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        let top = match magnitude[..used] {
            [] => return Ok(Oop::small_integer(0)),
            [only] => {
                let value = i128::from(only);
                return self.wide_integer_object(if negative { -value } else { value });
            }
            [.., top] => top,
        };
        let bytes = used as u64 * WORD - u64::from(top.leading_zeros() / 8);
        let object = self.new_large_integer(negative, bytes)?;
        for (index, word) in magnitude[..used].iter().enumerate() {
            self.heap.store_u64(object, index, *word);
        }
        Ok(object)
    }

    /// A byte object of the class with index `class` that holds `bytes`.
    pub fn byte_object(&mut self, class: ClassIndex, bytes: &[u8]) -> PrimitiveResult {
        let object = self.new_bytes(class, bytes.len())?;
        self.heap.bytes_mut(object).copy_from_slice(bytes);
        Ok(object)
    }

    /// A byte object of `size` zero bytes.
    pub fn new_bytes(&mut self, class: ClassIndex, size: usize) -> PrimitiveResult {
        let size = size as u64;
        let format = Format::BYTES.for_elements(size);
        let object = self.heap.allocate_filled(class, format, size.div_ceil(WORD));
        object.ok_or(Failure::NoMemory)
    }

    /// A String (of bytes).
    pub fn string_object(&mut self, bytes: &[u8]) -> PrimitiveResult {
        self.byte_object(class_index::BYTE_STRING, bytes)
    }

    /// A ByteArray.
    pub fn byte_array_object(&mut self, bytes: &[u8]) -> PrimitiveResult {
        self.byte_object(class_index::BYTE_ARRAY, bytes)
    }

    /// An Array of `values`.
    pub fn array_object(&mut self, values: &[Oop]) -> PrimitiveResult {
        let slots = values.len() as u64;
        let array = self.heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots);
        let array = array.ok_or(Failure::NoMemory)?;
        for (index, value) in values.iter().enumerate() {
            self.heap.store(array, index, *value);
        }
        Ok(array)
    }

    /// A Point.
    pub fn point_object(&mut self, x: Oop, y: Oop) -> PrimitiveResult {
        let class = self.heap.special(special::CLASS_POINT);
        let class = self.heap.index_of_class(class).ok_or(Failure::NoMemory)?;
        let point = self.heap.allocate(class, Format::FIXED, 2).ok_or(Failure::NoMemory)?;
        self.heap.store(point, 0, x);
        self.heap.store(point, 1, y);
        Ok(point)
    }
}
