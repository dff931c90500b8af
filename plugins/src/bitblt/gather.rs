//! Gathers the words of a source row, aligned with the words of the destination.
//!
//! Owns shifting of whole words and picking of single pixels. It must not know rules.
//! Facts: `sourceSkewAndPointerInit`, `copyLoop` and `pickSourcePixels:…` in VMMaker.

use super::FormShape;
use super::color_map::ColorMap;
use super::copy::Area;
use super::span::Span;

/// How the words of a source with the same pixels are shifted into place.
#[derive(Clone, Copy)]
pub(super) struct Skew {
    /// Bits to the left, or to the right if negative.
    by: i32,
    /// Whether the first word of the destination needs two words of the source.
    preload: bool,
    /// The word of the source row to begin with.
    start: i64,
    leftward: bool,
}

impl Skew {
    /// For rows walked from the right if `leftward`.
    pub fn new(shape: FormShape, area: &Area, span: &Span, leftward: bool) -> Self {
        let pixels = shape.pixels_per_word() as i32;
        let right = if leftward { area.width - 1 } else { 0 };
        let (from, to) = (area.source_x + right, area.x + right);
        let (from_slot, to_slot) = (from % pixels, to % pixels);
        let depth = shape.depth as i32;
        let mut by = depth * if shape.msb { from_slot - to_slot } else { to_slot - from_slot };
        let held = (if leftward { from_slot + 1 } else { pixels - from_slot }) * depth;
        // The bits that the first word of the source can give.
        let given = if shape.msb != leftward { low(held) } else { high(held) };
        let wanted = if leftward { span.mask(span.words - 1) } else { span.mask(0) };
        let preload = given & wanted != wanted;
        if preload {
            by += if by < 0 { 32 } else { -32 };
        }
        Self { by, preload, start: i64::from(from / pixels), leftward }
    }

    /// Fill `out` with what belongs to the words of the span from `first` on. `base` is where the
    /// row starts in `bits`.
    pub fn gather(&self, bits: &[u32], base: usize, span: &Span, first: usize, out: &mut [u32]) {
        let lead = i64::from(self.preload);
        let (index, back) = if self.leftward {
            let from_right = (span.words - 1 - first) as i64;
            (base as i64 + self.start - lead - from_right, 1)
        } else {
            (base as i64 + self.start + lead + first as i64, -1)
        };
        let count = out.len();
        let begins =
            !self.preload && if self.leftward { first + count == span.words } else { first == 0 };
        if self.by == 0 {
            match window(bits, index, count) {
                Some(words) => out.copy_from_slice(words),
                None => (0..count).for_each(|k| out[k] = word(bits, index + k as i64)),
            }
            return;
        }
        match (window(bits, index, count), window(bits, index + back, count)) {
            (Some(these), Some(those)) => {
                for ((out, this), that) in out.iter_mut().zip(these).zip(those) {
                    *out = self.shift(*this, *that);
                }
            }
            _ => {
                for (k, out) in out.iter_mut().enumerate() {
                    let at = index + k as i64;
                    *out = self.shift(word(bits, at), word(bits, at + back));
                }
            }
        }
        if begins {
            let edge = if self.leftward { count - 1 } else { 0 };
            out[edge] = self.shift(word(bits, index + edge as i64), 0);
        }
    }

    #[inline(always)]
    fn shift(&self, this: u32, before: u32) -> u32 {
        match self.by {
            by if by < 0 => this >> -by | before << (32 + by),
            by => this << by | before >> (32 - by),
        }
    }
}

fn low(bits: i32) -> u32 {
    u32::MAX >> (32 - bits)
}

fn high(bits: i32) -> u32 {
    u32::MAX << (32 - bits)
}

fn word(bits: &[u32], index: i64) -> u32 {
    usize::try_from(index).ok().and_then(|index| bits.get(index)).copied().unwrap_or(0)
}

fn window(bits: &[u32], index: i64, count: usize) -> Option<&[u32]> {
    let index = usize::try_from(index).ok()?;
    bits.get(index..index.checked_add(count)?)
}

/// Pixels of one row of a source, read in order.
struct Reader<'a> {
    bits: &'a [u32],
    index: usize,
    word: u32,
    shift: i32,
    step: i32,
    mask: u32,
}

impl<'a> Reader<'a> {
    fn new(shape: FormShape, bits: &'a [u32], x: i32, y: i32) -> Self {
        let index = shape.word_index(x, y);
        let step = if shape.msb { -(shape.depth as i32) } else { shape.depth as i32 };
        let word = bits.get(index).copied().unwrap_or(0);
        Self { bits, index, word, shift: shape.shift(x) as i32, step, mask: shape.pixel_mask() }
    }

    #[inline(always)]
    fn next(&mut self) -> u32 {
        let pixel = self.word >> self.shift & self.mask;
        self.shift += self.step;
        if self.shift & !31 != 0 {
            self.shift &= 31;
            self.index += 1;
            self.word = self.bits.get(self.index).copied().unwrap_or(0);
        }
        pixel
    }
}

/// Pixels of a source of any depth, mapped, for the words of the span from `first` on.
pub(super) fn pick(
    (shape, bits): (FormShape, &[u32]),
    dest: FormShape,
    (area, row): (&Area, i32),
    first: usize,
    map: Option<&ColorMap<'_>>,
    out: &mut [u32],
) {
    let place = Place { shape, bits, dest, area, y: area.source_y + row, first };
    match map {
        None => place.pick(|pixel| pixel, out),
        Some(ColorMap { components: None, table: None, .. }) => place.pick(|pixel| pixel, out),
        Some(ColorMap { components: None, table: Some(table), .. }) => {
            let last = table.len().wrapping_sub(1);
            place.pick(|pixel| table.get(pixel as usize & last).copied().unwrap_or(0), out);
        }
        Some(map) => place.pick(|pixel| map.map(pixel), out),
    }
}

struct Place<'a> {
    shape: FormShape,
    bits: &'a [u32],
    dest: FormShape,
    area: &'a Area,
    y: i32,
    first: usize,
}

impl Place<'_> {
    #[inline(always)]
    fn pick(&self, map: impl Fn(u32) -> u32, out: &mut [u32]) {
        let (dest, area) = (self.dest, self.area);
        let pixels = dest.pixels_per_word() as i32;
        let skipped = area.x % pixels;
        let mut column = (self.first as i32 * pixels - skipped).max(0);
        let mut reader = Reader::new(self.shape, self.bits, area.source_x + column, self.y);
        if dest.depth == 32 {
            out.iter_mut().for_each(|out| *out = map(reader.next()));
            return;
        }
        let (mask, depth) = (dest.pixel_mask(), dest.depth as i32);
        let step = if dest.msb { -depth } else { depth };
        for out in out {
            let slot = (area.x + column) % pixels;
            let count = (pixels - slot).min(area.width - column);
            let mut shift = dest.shift(area.x + column) as i32;
            let mut word = 0;
            for _ in 0..count {
                word |= (map(reader.next()) & mask) << shift;
                shift += step;
            }
            *out = word;
            column += count;
        }
    }
}
