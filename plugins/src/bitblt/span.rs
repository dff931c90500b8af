//! The words of a row that a blit touches, and which of their bits.
//!
//! Must not know sources or rules. Facts: `destMaskAndPointerInit` in VMMaker.

use super::FormShape;
use super::copy::Area;

/// Consecutive words, the outer ones in part.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// The first word, counted from the start of the row.
    pub first: usize,
    /// How many, at least one.
    pub words: usize,
    left: u32,
    right: u32,
}

impl Span {
    pub fn new(shape: FormShape, area: &Area) -> Self {
        let pixels = shape.pixels_per_word() as i32;
        let last = area.x + area.width - 1;
        let before = (area.x % pixels) as u32 * shape.depth;
        let after = 32 - (last % pixels + 1) as u32 * shape.depth;
        let (mut left, mut right) = if shape.msb {
            (u32::MAX >> before, u32::MAX << after)
        } else {
            (u32::MAX << before, u32::MAX >> after)
        };
        let first = area.x / pixels;
        let words = (last / pixels - first + 1) as usize;
        if words == 1 {
            left &= right;
            right = left;
        }
        Self { first: first as usize, words, left, right }
    }

    /// The bits of word `index` of the span that lie in the area.
    pub fn mask(&self, index: usize) -> u32 {
        if index == 0 {
            self.left
        } else if index + 1 == self.words {
            self.right
        } else {
            u32::MAX
        }
    }
}
