//! Colour maps: from pixels of the source to pixels of the destination.
//!
//! Owns component masks, shifts and the table. It must not know forms.
//! Facts: `loadColorMap`, `mapPixel:flags:` and `rgbMap:from:to:` in VMMaker.

use super::BlitError;

/// Red, green, blue, alpha: mask of the source, then shift (left if positive).
pub type Components = [(u32, i32); 4];

/// A colour map: components moved by masks and shifts, then a table.
#[derive(Debug)]
pub struct ColorMap<'a> {
    /// Red, green, blue, alpha: mask of the source, then shift (left if positive).
    pub components: Option<Components>,
    /// The table, of a power of two entries.
    pub table: Option<&'a mut [u32]>,
    /// Whether it is a ColorMap object rather than a Bitmap.
    pub new_style: bool,
}

impl<'a> ColorMap<'a> {
    /// A map from a plain Bitmap, with the components its size implies.
    pub fn from_table(table: &'a mut [u32], source_depth: u32, dest_depth: u32) -> Self {
        Self {
            components: implied_components(source_depth, dest_depth, table.len()),
            table: Some(table),
            new_style: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), BlitError> {
        match &self.table {
            Some(table) if !table.len().is_power_of_two() => Err(BlitError::BadColorMap),
            _ => Ok(()),
        }
    }

    /// The bits of each colour component in an index of the table, or 0.
    pub(super) fn bits_per_color(&self) -> u32 {
        self.table.as_ref().map_or(0, |table| table_bits(table.len()))
    }

    /// The pixel for the destination. A colour never becomes transparent 0.
    pub fn map(&self, pixel: u32) -> u32 {
        let mut value = pixel;
        if let Some(parts) = &self.components {
            let wide = parts.iter().fold(0, |sum, &(mask, by)| sum | shifted(pixel & mask, by));
            value = if wide == 0 && pixel != 0 { 1 } else { wide as u32 };
        }
        match &self.table {
            Some(table) => {
                table.get(value as usize & (table.len().wrapping_sub(1))).copied().unwrap_or(0)
            }
            None => value,
        }
    }
}

fn table_bits(len: usize) -> u32 {
    match len {
        512 => 3,
        4096 => 4,
        32768 => 5,
        _ => 0,
    }
}

/// Wide enough that what is shifted out still counts as a colour.
fn shifted(value: u32, by: i32) -> u64 {
    let (value, distance) = (u64::from(value), by.unsigned_abs());
    if by < 0 { value.checked_shr(distance) } else { value.checked_shl(distance) }.unwrap_or(0)
}

fn color_bits(depth: u32) -> Option<u32> {
    match depth {
        16 => Some(5),
        32 => Some(8),
        _ => None,
    }
}

/// The conversion that a map without masks implies: from the depth of the source to the components
/// that a table of `entries` has, or to the depth of the destination.
pub fn implied_components(source: u32, dest: u32, entries: usize) -> Option<Components> {
    let from = color_bits(source)?;
    let table_bits = table_bits(entries);
    let to = if table_bits == 0 { color_bits(dest)? } else { table_bits };
    component_shift(from, to)
}

/// Masks and shifts that change the bits of each component; none if they agree.
pub(super) fn component_shift(from: u32, to: u32) -> Option<Components> {
    let delta = to as i32 - from as i32;
    if delta == 0 {
        return None;
    }
    let mask = (1u32 << from.min(to)) - 1;
    let low = from.saturating_sub(to);
    Some([
        (mask << (2 * from + low), delta * 3),
        (mask << (from + low), delta * 2),
        (mask << low, delta),
        (0, 0),
    ])
}

/// Three components of `from` bits as components of `to` bits; black stays
/// visible where bits are lost.
pub(super) fn rgb_map(pixel: u32, from: u32, to: u32) -> u32 {
    if from == to {
        return pixel & ((1 << (3 * from)) - 1);
    }
    if pixel == 0 {
        return 0;
    }
    let part = |index: u32| pixel >> (index * from) & ((1 << from) - 1);
    let resized = |value: u32| if to > from { value << (to - from) } else { value >> (from - to) };
    let result = (0..3).fold(0, |sum, index| sum | resized(part(index)) << (index * to));
    if result == 0 && to < from { 1 } else { result }
}
