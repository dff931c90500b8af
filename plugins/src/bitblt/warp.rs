//! `warpBits`: fills a rectangle from a quadrilateral of the source.
//!
//! Owns fixed-point sampling, 14 bits after the point, and smoothing. It must
//! not know rules. Facts: `warpLoop` and `warpPickSmoothPixels:…` in VMMaker.

use super::blend::widen;
use super::color_map::component_shift;
use super::copy::{Area, check, clip, columns, rules};
use super::span::Span;
use super::{Affected, BlitError, BlitParameters, Form, FormShape, Source};

/// The fields that a WarpBlt adds.
#[derive(Clone, Copy, Debug)]
pub struct WarpParameters<'a> {
    /// `p1x p1y` to `p4x p4y` (top left, bottom left, bottom right, top right)
    /// with 14 bits after the binary point.
    pub corners: [(i64, i64); 4],
    /// Samples on each side of a pixel, at least 1.
    pub smoothing: u32,
    /// Colours of the source's pixels, needed to smooth depths below 16.
    pub source_map: Option<&'a [u32]>,
}

/// Steps so that `n` of them never pass the second point.
fn delta(from: i64, to: i64, n: i64) -> i64 {
    let step = ((to - from).abs() + (1 << 14)) / (n + 1) + 1;
    step * (to - from).signum()
}

/// Start and step along one edge; falling edges are fixed at their end.
fn edge(from: i64, to: i64, n: i64) -> (i64, i64) {
    let step = delta(from, to, n);
    (if step < 0 { to - n * step } else { from }, step)
}

#[derive(Clone, Copy)]
struct Point {
    x: i64,
    y: i64,
}

struct Sampler<'a> {
    shape: FormShape,
    bits: &'a [u32],
    smoothing: i64,
    source_map: Option<&'a [u32]>,
    paint: bool,
}

impl Sampler<'_> {
    fn pick(&self, at: Point) -> u32 {
        let column = i32::try_from(at.x >> 14).unwrap_or(-1);
        let row = i32::try_from(at.y >> 14).unwrap_or(-1);
        self.shape.pixel(self.bits, column, row)
    }

    fn color(&self, pixel: u32) -> u32 {
        match self.shape.depth {
            32 => pixel,
            16 => widen(pixel),
            _ => self.source_map.and_then(|map| map.get(pixel as usize)).copied().unwrap_or(0),
        }
    }

    /// The mean of the samples of one pixel; none when it is transparent.
    fn smooth(&self, at: Point, across: Point, down: Point) -> Option<u32> {
        let n = self.smoothing;
        let part = |p: Point| Point { x: p.x / n, y: p.y / n };
        let (across, down) = (part(across), part(down));
        let (mut sums, mut count) = ([0u64; 4], 0u64);
        for j in 0..n {
            for k in 0..n {
                let x = at.x + j * down.x + k * across.x;
                let pixel = self.pick(Point { x, y: at.y + j * down.y + k * across.y });
                if self.paint && pixel == 0 {
                    continue;
                }
                count += 1;
                let color = self.color(pixel);
                for (index, sum) in sums.iter_mut().enumerate() {
                    *sum += u64::from(color >> (8 * index) & 255);
                }
            }
        }
        if count == 0 || self.paint && count < (n * n / 2) as u64 {
            return None;
        }
        let part = |index: usize| ((sums[index] / count) as u32) << (8 * index);
        Some(part(0) | part(1) | part(2) | part(3))
    }
}

fn bits_of<'a>(
    source: Source<'a>,
    p: &BlitParameters<'_>,
    w: &WarpParameters<'a>,
) -> Result<Sampler<'a>, BlitError> {
    let Source::Other(shape, bits) = source else { return Err(BlitError::NoSource) };
    if shape.depth < 16 && w.smoothing > 1 {
        let map = w.source_map.ok_or(BlitError::NoSource)?;
        if map.len() < 1 << shape.depth {
            return Err(BlitError::BadColorMap);
        }
    }
    let smoothing = i64::from(w.smoothing.clamp(1, 64));
    let paint = p.combination_rule == 25;
    Ok(Sampler { shape, bits, smoothing, source_map: w.source_map, paint })
}

/// Smoothed pixels have 8 bits for each colour, whatever the source has.
fn widen_map(p: &mut BlitParameters<'_>, depth: u32) -> Option<[(u32, i32); 4]> {
    match &mut p.color_map {
        Some(map) if map.new_style => None,
        Some(map) => {
            let bits = map.bits_per_color();
            if map.table.is_some() {
                map.components = component_shift(8, bits);
            } else if depth == 16 {
                map.components = component_shift(8, 5);
            }
            None
        }
        None if depth == 16 => component_shift(8, 5),
        None => None,
    }
}

/// Fills the destination rectangle from the quadrilateral: `primitiveWarpBits`.
/// The source must be another form.
///
/// # Errors
/// See [`BlitError`]; nothing has been drawn then.
pub fn warp_bits(
    p: &mut BlitParameters<'_>,
    w: &WarpParameters<'_>,
    dest: &mut Form<'_>,
    source: Source<'_>,
) -> Result<Affected, BlitError> {
    check(p, dest, source)?;
    let sampler = bits_of(source, p, w)?;
    let area = clip(p, dest.shape, None);
    if area.width <= 0 || area.height <= 0 {
        return Ok(Affected::default());
    }
    let smooth = sampler.smoothing > 1;
    let extra = if smooth { widen_map(p, dest.shape.depth) } else { None };
    let extra = extra.map(|parts| super::ColorMap {
        components: Some(parts),
        table: None,
        new_style: false,
    });
    let walk = Walk::new(p, w, area);
    let halftone = p.halftone_form;
    let mut rules = rules(p, dest.shape);
    let span = Span::new(dest.shape, &area);
    for row in 0..area.height {
        let (start, across) = walk.row(row);
        let ink = halftone.map_or(u32::MAX, |h| h[(area.y + row) as usize % h.len()]);
        for part in 0..span.words {
            let word = span.first + part;
            let gathered = columns(dest.shape, &area, word).fold(0, |sum, column| {
                let n = i64::from(column);
                let at = Point { x: start.x + n * across.x, y: start.y + n * across.y };
                let pixel = if smooth {
                    sampler.smooth(at, across, walk.down)
                } else {
                    Some(sampler.pick(at))
                };
                let map = rules.map.as_deref().or(extra.as_ref());
                let value = match (pixel, map) {
                    (Some(pixel), Some(map)) => map.map(pixel),
                    (pixel, _) => pixel.unwrap_or(0),
                };
                sum | (value & dest.shape.pixel_mask()) << dest.shape.shift(area.x + column)
            });
            let index = (area.y + row) as usize * dest.shape.pitch + word;
            let (old, mask) = (dest.bits[index], span.mask(part));
            rules.dest_mask = mask;
            dest.bits[index] = rules.merge(gathered & ink, old & mask) & mask | old & !mask;
        }
    }
    Ok(area.affected(rules.bit_count))
}

/// How the sampled point moves through the source.
struct Walk {
    left: Point,
    right: Point,
    down: Point,
    right_down: Point,
    steps: i64,
    skipped: (i64, i64),
}

impl Walk {
    fn new(p: &BlitParameters<'_>, w: &WarpParameters<'_>, area: Area) -> Self {
        let rows = p.height.saturating_sub(1).max(1);
        let steps = p.width.saturating_sub(1).max(1);
        let corner = |index: usize| w.corners[index];
        let (p1, p2, p3, p4) = (corner(0), corner(1), corner(2), corner(3));
        let ((lx, dx), (ly, dy)) = (edge(p1.0, p2.0, rows), edge(p1.1, p2.1, rows));
        let ((rx, ex), (ry, ey)) = (edge(p4.0, p3.0, rows), edge(p4.1, p3.1, rows));
        let skipped = (i64::from(area.x) - p.dest_x, i64::from(area.y) - p.dest_y);
        Self {
            left: Point { x: lx, y: ly },
            right: Point { x: rx, y: ry },
            down: Point { x: dx, y: dy },
            right_down: Point { x: ex, y: ey },
            steps,
            skipped,
        }
    }

    /// The first sample of a row and the step from pixel to pixel.
    fn row(&self, row: i32) -> (Point, Point) {
        let n = i64::from(row) + self.skipped.1;
        let a = Point { x: self.left.x + n * self.down.x, y: self.left.y + n * self.down.y };
        let b = Point {
            x: self.right.x + n * self.right_down.x,
            y: self.right.y + n * self.right_down.y,
        };
        let ((x, dx), (y, dy)) = (edge(a.x, b.x, self.steps), edge(a.y, b.y, self.steps));
        let start = Point { x: x + self.skipped.0 * dx, y: y + self.skipped.0 * dy };
        (start, Point { x: dx, y: dy })
    }
}
