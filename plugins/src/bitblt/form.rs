//! Forms: words of pixels with a width, a height and a depth.
//!
//! Owns where a pixel lies in its word. It must not know rules or colour maps.
//! Facts: `loadBitBltDestForm` and `primitivePixelValueAtX:y:` in VMMaker.

use super::BlitError;

/// The measures of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormShape {
    /// Pixels in a row.
    pub width: i32,
    /// Rows.
    pub height: i32,
    /// Bits of a pixel.
    pub depth: u32,
    /// Whether the leftmost pixel has the highest bits of its word.
    pub msb: bool,
    /// Words in a row.
    pub pitch: usize,
}

impl FormShape {
    /// The shape for a Smalltalk depth, negative when the lowest bits come first.
    ///
    /// # Errors
    /// `BadDepth` for another depth than ±1 to ±32, `BadBits` for a negative extent.
    pub fn new(width: i32, height: i32, depth: i32) -> Result<Self, BlitError> {
        if !matches!(depth.unsigned_abs(), 1 | 2 | 4 | 8 | 16 | 32) {
            return Err(BlitError::BadDepth);
        }
        let columns = usize::try_from(width).map_err(|_| BlitError::BadBits)?;
        if height < 0 {
            return Err(BlitError::BadBits);
        }
        let bits = depth.unsigned_abs();
        Ok(Self {
            width,
            height,
            depth: bits,
            msb: depth > 0,
            pitch: columns.div_ceil((32 / bits) as usize),
        })
    }

    /// Pixels in a word.
    pub fn pixels_per_word(&self) -> u32 {
        32 / self.depth
    }

    /// The bits of one pixel, at the low end.
    pub fn pixel_mask(&self) -> u32 {
        u32::MAX >> (32 - self.depth)
    }

    /// How far up its word the pixel of column `x` lies, in bits.
    pub fn shift(&self, x: i32) -> u32 {
        let slot = x as u32 & (self.pixels_per_word() - 1);
        if self.msb { 32 - self.depth * (slot + 1) } else { self.depth * slot }
    }

    /// The word that holds the pixel, for coordinates inside the form.
    pub(super) fn word_index(&self, x: i32, y: i32) -> usize {
        y as usize * self.pitch + (x as u32 / self.pixels_per_word()) as usize
    }

    /// The pixel, or 0 outside of the form.
    pub fn pixel(&self, bits: &[u32], x: i32, y: i32) -> u32 {
        if x < 0 || y < 0 || x >= self.width || y >= self.height {
            return 0;
        }
        let word = bits.get(self.word_index(x, y)).copied().unwrap_or(0);
        word >> self.shift(x) & self.pixel_mask()
    }

    /// Check that the words hold all pixels.
    ///
    /// # Errors
    /// `BadBits` when they are too few.
    pub fn check(&self, bits: &[u32]) -> Result<(), BlitError> {
        match self.pitch.checked_mul(self.height as usize) {
            Some(words) if words <= bits.len() => Ok(()),
            _ => Err(BlitError::BadBits),
        }
    }
}

/// A destination: the words of a form that may change.
#[derive(Debug)]
pub struct Form<'a> {
    /// Its measures.
    pub shape: FormShape,
    /// Its words, row after row.
    pub bits: &'a mut [u32],
}

/// Where the pixels of a blit come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// `sourceForm` is nil: the halftone alone is combined.
    None,
    /// `sourceForm` is `destForm`; overlapping areas copy as if all was read first.
    Same,
    /// Another form.
    Other(FormShape, &'a [u32]),
}

/// The pixel at a point, 0 outside: `primitivePixelValueAtX:y:`.
///
/// # Errors
/// `BadBits` when the words are fewer than the shape says.
pub fn pixel_value_at(shape: FormShape, bits: &[u32], x: i32, y: i32) -> Result<u32, BlitError> {
    shape.check(bits)?;
    Ok(shape.pixel(bits, x, y))
}

/// Replace the pixel at a point, and answer what it was.
///
/// # Errors
/// `BadBits` when the words are fewer than the shape says, or the point is outside.
pub fn put_pixel(form: &mut Form<'_>, x: i32, y: i32, value: u32) -> Result<u32, BlitError> {
    let shape = form.shape;
    shape.check(form.bits)?;
    if x < 0 || y < 0 || x >= shape.width || y >= shape.height {
        return Err(BlitError::BadBits);
    }
    let old = shape.pixel(form.bits, x, y);
    form.bits[shape.word_index(x, y)] ^= ((old ^ value) & shape.pixel_mask()) << shape.shift(x);
    Ok(old)
}
