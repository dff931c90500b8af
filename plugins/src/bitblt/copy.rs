//! `copyBits`: clips a blit and combines it word by word.
//!
//! Owns clipping, direction, masks and the gathering of source words. It must
//! not know what a rule computes. Facts: `clipRange`, `copyLoop`,
//! `copyLoopPixMap` and `checkSourceOverlap` in VMMaker.

use super::color_map::ColorMap;
use super::rules::Rules;
use super::{BlitError, BlitParameters, Form, FormShape, Source};

/// What a blit did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// First column changed.
    pub left: i32,
    /// First row changed.
    pub top: i32,
    /// The column after the last changed.
    pub right: i32,
    /// The row after the last changed.
    pub bottom: i32,
    /// What rules 22 and 32 counted, which the primitive answers.
    pub bit_count: u64,
}

/// The clipped area: destination corner, extent and source corner.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    pub source_x: i32,
    pub source_y: i32,
}

impl Area {
    pub fn affected(&self, bit_count: u64) -> Affected {
        if self.width <= 0 || self.height <= 0 {
            return Affected::default();
        }
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        Affected { left: self.x, top: self.y, right, bottom, bit_count }
    }
}

/// Clips one axis: (destination, source, extent), `limit` being the source's.
fn clip_axis(
    dest: i64,
    source: i64,
    extent: i64,
    clip: (i64, i64),
    form: i32,
    limit: Option<i32>,
) -> (i32, i32, i32) {
    let end = clip.0.saturating_add(clip.1).min(i64::from(form));
    let offset = source.saturating_sub(dest);
    let mut low = dest.max(clip.0).max(0);
    let mut high = dest.saturating_add(extent).min(end);
    if let Some(limit) = limit {
        low = low.max(offset.saturating_neg());
        high = high.min(i64::from(limit).saturating_sub(offset));
    }
    if high <= low {
        return (0, 0, 0);
    }
    let from = i32::try_from(low.saturating_add(offset)).unwrap_or(0);
    (low as i32, from, (high - low) as i32)
}

/// Whether clipping leaves nothing to draw.
pub fn is_empty(p: &BlitParameters<'_>, dest: FormShape, source: Option<FormShape>) -> bool {
    let area = clip(p, dest, source);
    area.width <= 0 || area.height <= 0
}

pub(super) fn clip(p: &BlitParameters<'_>, dest: FormShape, source: Option<FormShape>) -> Area {
    let columns = (p.clip_x, p.clip_width);
    let rows = (p.clip_y, p.clip_height);
    let (x, source_x, width) =
        clip_axis(p.dest_x, p.source_x, p.width, columns, dest.width, source.map(|s| s.width));
    let (y, source_y, height) =
        clip_axis(p.dest_y, p.source_y, p.height, rows, dest.height, source.map(|s| s.height));
    Area { x, y, width, height, source_x, source_y }
}

pub(super) fn check(
    p: &BlitParameters<'_>,
    dest: &Form<'_>,
    source: Source<'_>,
) -> Result<(), BlitError> {
    if p.combination_rule > 41 {
        return Err(BlitError::BadRule);
    }
    if p.halftone_form.is_some_and(<[u32]>::is_empty) {
        return Err(BlitError::BadHalftone);
    }
    if let Some(map) = &p.color_map {
        map.check()?;
    }
    if matches!(p.combination_rule, 34 | 41) && dest.shape.depth < 32 {
        return Err(BlitError::UnsupportedDepth);
    }
    if let Source::Other(shape, bits) = source {
        shape.check(bits)?;
    }
    dest.shape.check(dest.bits)
}

/// Makes the combiner of a blit, borrowing its colour map.
pub(super) fn rules<'p, 'm>(p: &'p mut BlitParameters<'m>, dest: FormShape) -> Rules<'p, 'm> {
    Rules {
        rule: p.combination_rule,
        depth: dest.depth,
        dest_mask: 0,
        source_alpha: p.source_alpha,
        component_color: p.component_alpha_color,
        bit_count: 0,
        map: p.color_map.as_mut(),
    }
}

/// Copies the rectangle that the parameters describe: `primitiveCopyBits`.
///
/// # Errors
/// See [`BlitError`]; nothing has been drawn then.
pub fn copy_bits(
    p: &mut BlitParameters<'_>,
    dest: &mut Form<'_>,
    source: Source<'_>,
) -> Result<Affected, BlitError> {
    check(p, dest, source)?;
    let constant = matches!(p.combination_rule, 0 | 5 | 10 | 15);
    let source = if constant { Source::None } else { source };
    let from = match source {
        Source::None => None,
        Source::Same => Some(dest.shape),
        Source::Other(shape, _) => Some(shape),
    };
    let area = clip(p, dest.shape, from);
    if area.width <= 0 || area.height <= 0 {
        return Ok(Affected::default());
    }
    let halftone = p.halftone_form.filter(|_| !constant);
    let mut rules = rules(p, dest.shape);
    let (first, last) = word_range(dest.shape, area);
    // A form copied onto itself is walked away from what is still to be read.
    let same = matches!(source, Source::Same);
    let upward = same && area.y > area.source_y;
    let leftward = same && area.y == area.source_y && area.x > area.source_x;
    let direct = Direct::of(rules.rule, dest.shape, source, &rules.map);
    for step in 0..area.height {
        let row = if upward { area.height - 1 - step } else { step };
        let ink = halftone.map_or(u32::MAX, |h| h[(area.y + row) as usize % h.len()]);
        for column in 0..=last - first {
            let word = if leftward { last - column } else { first + column };
            let index = (area.y + row) as usize * dest.shape.pitch + word;
            let old = dest.bits[index];
            let gathered = match source {
                Source::None => u32::MAX,
                Source::Same => {
                    gather(&area, row, word, dest.shape, dest.shape, dest.bits, &rules.map)
                }
                Source::Other(shape, bits) => {
                    gather(&area, row, word, dest.shape, shape, bits, &rules.map)
                }
            };
            let mask = word_mask(dest.shape, &area, word);
            rules.dest_mask = mask;
            let ink = if direct.0 { u32::MAX } else { ink };
            let skipped = direct.0 && gathered >> 24 == 0;
            let new = if skipped { old } else { rules.merge(gathered & ink, old) };
            dest.bits[index] = new & mask | old & !mask;
        }
    }
    Ok(area.affected(rules.bit_count))
}

/// Whether rule 34 takes its short way, which knows neither halftone nor map
/// and leaves the destination where the source is transparent.
struct Direct(bool);

impl Direct {
    fn of(rule: u32, dest: FormShape, source: Source<'_>, map: &Option<&mut ColorMap<'_>>) -> Self {
        let deep = matches!(source, Source::Other(shape, _) if shape.depth == 32);
        Self(rule == 34 && dest.depth == 32 && deep && map.is_none())
    }
}

/// The first and the last word of a row that the area touches.
pub(super) fn word_range(shape: FormShape, area: Area) -> (usize, usize) {
    let pixels = shape.pixels_per_word() as i32;
    ((area.x / pixels) as usize, ((area.x + area.width - 1) / pixels) as usize)
}

/// Columns of the area in a word, relative to its left edge.
pub(super) fn columns(shape: FormShape, area: &Area, word: usize) -> std::ops::Range<i32> {
    let pixels = shape.pixels_per_word() as i32;
    let start = word as i32 * pixels - area.x;
    start.max(0)..(start + pixels).min(area.width)
}

/// The bits of a word that lie in the area.
pub(super) fn word_mask(shape: FormShape, area: &Area, word: usize) -> u32 {
    let inside = columns(shape, area, word);
    if inside.len() == shape.pixels_per_word() as usize {
        return u32::MAX;
    }
    inside.fold(0, |mask, column| mask | shape.pixel_mask() << shape.shift(area.x + column))
}

/// The source pixels that belong to one word of the destination, mapped.
fn gather(
    area: &Area,
    row: i32,
    word: usize,
    dest: FormShape,
    shape: FormShape,
    bits: &[u32],
    map: &Option<&mut ColorMap<'_>>,
) -> u32 {
    let y = area.source_y + row;
    let inside = columns(dest, area, word);
    let aligned = (area.x - area.source_x) % shape.pixels_per_word() as i32 == 0;
    if map.is_none() && aligned && shape.depth == dest.depth && shape.msb == dest.msb {
        return bits[shape.word_index(area.source_x + inside.start, y)];
    }
    inside.fold(0, |sum, column| {
        let pixel = shape.pixel(bits, area.source_x + column, y);
        let value = map.as_ref().map_or(pixel, |map| map.map(pixel));
        sum | (value & dest.pixel_mask()) << dest.shift(area.x + column)
    })
}
