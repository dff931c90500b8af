//! `copyBits`: clips a blit and combines it word by word.
//!
//! Owns clipping and the direction of the walk. It must not know what a rule computes. Facts: `clipRange`, `copyLoop`,
//! `copyLoopPixMap` and `checkSourceOverlap` in VMMaker.

use super::blend::{blend, is_direct};
use super::gather::{Skew, pick};
use super::rules::Rules;
use super::span::Span;
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
        gamma: [p.gamma, p.ungamma],
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
    if let Source::Other(shape, bits) = source
        && is_direct(rules.rule, shape, dest.shape, rules.map.is_some())
    {
        blend(&rules, &area, dest, shape, bits);
        return Ok(area.affected(0));
    }
    match from {
        None => fill(&mut rules, &area, dest, halftone),
        Some(shape) => combine(&mut rules, &area, dest, (shape, source), halftone),
    }
    Ok(area.affected(rules.bit_count))
}

/// The word of the halftone for a row.
fn ink(halftone: Option<&[u32]>, row: i32) -> u32 {
    halftone.map_or(u32::MAX, |words| words[row as usize % words.len()])
}

/// Combines the halftone alone.
fn fill(rules: &mut Rules<'_, '_>, area: &Area, dest: &mut Form<'_>, halftone: Option<&[u32]>) {
    let span = Span::new(dest.shape, area);
    for y in area.y..area.y + area.height {
        let ink = ink(halftone, y);
        let at = y as usize * dest.shape.pitch + span.first;
        let row = &mut dest.bits[at..at + span.words];
        rules.merge_edges(row, &span, |_| ink, false);
        if let Some(inner) = row.get_mut(1..span.words - 1) {
            rules.merge_ink(inner, ink);
        }
    }
}

/// Words that are gathered at once.
const CHUNK: usize = 64;

/// Combines a source.
fn combine(
    rules: &mut Rules<'_, '_>,
    area: &Area,
    dest: &mut Form<'_>,
    (shape, source): (FormShape, Source<'_>),
    halftone: Option<&[u32]>,
) {
    // A form copied onto itself is walked away from what is still to be read.
    let same = matches!(source, Source::Same);
    let upward = same && area.y > area.source_y;
    let leftward = same && area.y == area.source_y && area.x > area.source_x;
    let span = Span::new(dest.shape, area);
    let to = dest.shape;
    let alike = shape.depth == to.depth && shape.msb == to.msb && rules.map.is_none();
    let skew = alike.then(|| Skew::new(to, area, &span, leftward));
    let mut buffer = [0; CHUNK];
    for step in 0..area.height {
        let row = if upward { area.height - 1 - step } else { step };
        let ink = ink(halftone, area.y + row);
        let at = (area.y + row) as usize * to.pitch + span.first;
        let base = (area.source_y + row) as usize * shape.pitch;
        let mut done = 0;
        while done < span.words {
            let count = CHUNK.min(span.words - done);
            let first = if leftward { span.words - done - count } else { done };
            let gathered = &mut buffer[..count];
            let bits = match source {
                Source::Other(_, bits) => bits,
                _ => &*dest.bits,
            };
            match &skew {
                Some(skew) => skew.gather(bits, base, &span, first, gathered),
                None => {
                    pick((shape, bits), to, (area, row), first, rules.map.as_deref(), gathered);
                }
            }
            if ink != u32::MAX {
                gathered.iter_mut().for_each(|word| *word &= ink);
            }
            let words = &mut dest.bits[at + first..at + first + count];
            rules.merge_span(words, gathered, &span, first, skew.is_none());
            done += count;
        }
    }
}

/// Columns of the area in a word, relative to its left edge.
pub(super) fn columns(shape: FormShape, area: &Area, word: usize) -> std::ops::Range<i32> {
    let pixels = shape.pixels_per_word() as i32;
    let start = word as i32 * pixels - area.x;
    start.max(0)..(start + pixels).min(area.width)
}
