//! The short ways of rules 34 and 41: a source of 32 bits onto another form, pixel by pixel.
//!
//! Owns dithering to 16 and 8 bits. It must not know halftones, which these ways disregard.
//! Facts: `tryCopyingBitsQuickly`, `alphaSourceBlendBits…`, `rgbComponentAlpha…` and
//! `initDither8Lookup` in VMMaker.

use super::copy::Area;
use super::rules::{Rules, alpha_blend_scaled};
use super::{Form, FormShape};

/// Whether a rule takes a short way from this depth to that.
pub(super) fn is_direct(rule: u32, source: FormShape, dest: FormShape, mapped: bool) -> bool {
    source.depth == 32
        && match (rule, dest.depth) {
            (34 | 41, 16 | 32) | (41, 8) => true,
            (34, 8) => mapped,
            _ => false,
        }
}

/// Blend the area the short way.
pub(super) fn blend(
    rules: &Rules<'_, '_>,
    area: &Area,
    dest: &mut Form<'_>,
    shape: FormShape,
    bits: &[u32],
) {
    let mut noise = if (area.x ^ area.y) & 1 == 0 { NOISE } else { 0 };
    for row in 0..area.height {
        noise ^= NOISE;
        let at = shape.word_index(area.source_x, area.source_y + row);
        let source = &bits[at..at + area.width as usize];
        let y = area.y + row;
        match dest.shape.depth {
            32 => {
                let at = dest.shape.word_index(area.x, y);
                let words = &mut dest.bits[at..at + area.width as usize];
                if rules.rule == 41 {
                    color_row(rules, source, words)
                } else {
                    row_32(source, words)
                }
            }
            16 => row_16(rules, area, source, dest, y),
            _ => noise = row_8(rules, area, source, dest, y, noise),
        }
    }
}

/// Without branches, so that several pixels are blended at once. An opaque pixel blends to itself.
fn row_32(source: &[u32], dest: &mut [u32]) {
    for (d, &s) in dest.iter_mut().zip(source) {
        let blended = alpha_blend_scaled(s, *d);
        *d = if s >> 24 == 0 { *d } else { blended };
    }
}

fn color_row(rules: &Rules<'_, '_>, source: &[u32], dest: &mut [u32]) {
    for (d, &s) in dest.iter_mut().zip(source) {
        if s & 0xFF_FFFF != 0 {
            *d = rules.component_alpha(s, *d);
        }
    }
}

fn row_16(rules: &Rules<'_, '_>, area: &Area, source: &[u32], dest: &mut Form<'_>, y: i32) {
    for (column, &s) in (0..).zip(source) {
        let x = area.x + column;
        let index = dest.shape.word_index(x, y);
        let shift = dest.shape.shift(x);
        let old = || 0xFF00_0000 | widen(dest.bits[index] >> shift);
        let new = match rules.rule {
            41 if s & 0xFF_FFFF == 0 => continue,
            41 => rules.component_alpha(s, old()),
            _ => match s >> 24 {
                0 => continue,
                255 => s,
                _ => alpha_blend_scaled(s, old()),
            },
        };
        let threshold = MATRIX[(y & 3) as usize * 4 + (area.source_x + column) as usize % 4];
        let new = dithered(new, threshold).max(1);
        dest.bits[index] = dest.bits[index] & !(0xFFFF << shift) | new << shift;
    }
}

/// A checkerboard of this is mixed into the components, so that few colours look like more.
const NOISE: u32 = 0x1F1F_1F1F;

fn row_8(
    rules: &Rules<'_, '_>,
    area: &Area,
    source: &[u32],
    dest: &mut Form<'_>,
    y: i32,
    mut noise: u32,
) -> u32 {
    for (x, &s) in (area.x..).zip(source) {
        let s = (s & !noise).wrapping_add(noise);
        noise ^= NOISE;
        let index = dest.shape.word_index(x, y);
        let shift = dest.shape.shift(x);
        let old = || standard_color((dest.bits[index] >> shift & 255) as u8);
        let new = if rules.rule == 41 {
            match ((s >> 16 & 255) + (s >> 8 & 255) + (s & 255)) / 3 {
                0..=31 => continue,
                32..=224 => rules.component_alpha(s, old()),
                _ => rules.component_alpha(u32::MAX, old()),
            }
        } else {
            match s >> 24 {
                0..=31 => continue,
                32..=223 => alpha_blend_scaled(s, old()),
                _ => s,
            }
        };
        let new = rules.map.as_ref().map_or(new, |map| map.map(new)) & 255;
        dest.bits[index] = dest.bits[index] & !(255 << shift) | new << shift;
    }
    noise
}

/// A pixel of 16 bits as one of 32, without alpha.
pub(super) fn widen(pixel: u32) -> u32 {
    (pixel & 31) << 3 | (pixel & 0x3E0) << 6 | (pixel & 0x7C00) << 9
}

const MATRIX: [u32; 16] = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

/// A pixel of 32 bits as one of 16; components are rounded up below the threshold.
fn dithered(pixel: u32, threshold: u32) -> u32 {
    const LIMITS: [u32; 8] = [0, 2, 4, 6, 8, 12, 14, 16];
    let part = |at: u32| {
        let value = pixel >> at & 255;
        (value >> 3).saturating_sub(1) + u32::from(threshold < LIMITS[(value & 7) as usize])
    };
    part(16) << 10 | part(8) << 5 | part(0)
}

/// The colour that Squeak gives to a pixel of 8 bits.
fn standard_color(pixel: u8) -> u32 {
    const FIRST: [u32; 10] = [
        0,
        0xFF00_0001,
        0xFFFF_FFFF,
        0xFF80_8080,
        0xFFFF_0000,
        0xFF00_FF00,
        0xFF00_00FF,
        0xFF00_FFFF,
        0xFFFF_FF00,
        0xFFFF_00FF,
    ];
    const GRAYS: [u8; 30] = [
        0x20, 0x40, 0x60, 0x9F, 0xBF, 0xDF, 0x08, 0x10, 0x18, 0x28, 0x30, 0x38, 0x48, 0x50, 0x58,
        0x68, 0x70, 0x78, 0x87, 0x8F, 0x97, 0xA7, 0xAF, 0xB7, 0xC7, 0xCF, 0xD7, 0xE7, 0xEF, 0xF7,
    ];
    match pixel {
        0..10 => FIRST[usize::from(pixel)],
        10..40 => 0xFF00_0000 | (0x01_0101 * u32::from(GRAYS[usize::from(pixel) - 10])),
        40 => 0xFF00_0001,
        _ => {
            let step = u32::from(pixel) - 40;
            let (red, green, blue) = (step / 36 * 0x33, step % 6 * 0x33, step / 6 % 6 * 0x33);
            0xFF00_0000 | red << 16 | green << 8 | blue
        }
    }
}
