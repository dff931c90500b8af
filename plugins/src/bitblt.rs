//! The BitBlt engine: copies rectangles of pixels between forms.
//!
//! Owns pixels, combination rules, colour maps and warping. It must not know
//! oops or the interpreter: a binding fills [`BlitParameters`] from the fields
//! of a BitBlt and hands over the words of its forms. Facts: `BitBltSimulation`
//! in VMMaker. No function here allocates.

mod blend;
mod color_map;
mod copy;
mod form;
mod gather;
#[cfg(test)]
mod golden;
mod lines;
mod rules;
mod span;
#[cfg(test)]
mod tests;
mod warp;

pub use color_map::{ColorMap, Components, implied_components};
pub use copy::{Affected, copy_bits, is_empty};
pub use form::{Form, FormShape, Source, pixel_value_at, put_pixel};
pub use lines::{draw_loop, union};
pub use warp::{WarpParameters, warp_bits};

/// Why a blit cannot be done; each is a failure of the primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlitError {
    /// The rule is not 0 to 41.
    BadRule,
    /// The depth is not ±1, ±2, ±4, ±8, ±16 or ±32.
    BadDepth,
    /// The words do not hold width times height pixels.
    BadBits,
    /// The halftone has no word.
    BadHalftone,
    /// The table of the colour map has not a power of two entries, or is too short.
    BadColorMap,
    /// A warp lacks its source or the map of its source.
    NoSource,
}

/// The fields of a BitBlt, under their Smalltalk names; all units are pixels.
#[derive(Debug, Default)]
pub struct BlitParameters<'a> {
    /// `combinationRule`, 0 to 41.
    pub combination_rule: u32,
    /// `destX`.
    pub dest_x: i64,
    /// `destY`.
    pub dest_y: i64,
    /// `width`.
    pub width: i64,
    /// `height`.
    pub height: i64,
    /// `sourceX`.
    pub source_x: i64,
    /// `sourceY`.
    pub source_y: i64,
    /// `clipX`.
    pub clip_x: i64,
    /// `clipY`.
    pub clip_y: i64,
    /// `clipWidth`.
    pub clip_width: i64,
    /// `clipHeight`.
    pub clip_height: i64,
    /// `halftoneForm`: one word for each row, repeated down the destination.
    pub halftone_form: Option<&'a [u32]>,
    /// `colorMap`. Rules 23 and 33 count into its table.
    pub color_map: Option<ColorMap<'a>>,
    /// The argument of `copyBitsTranslucent:`, 0 to 255, for rules 30 and 31.
    pub source_alpha: u32,
    /// The colour that rule 41 paints, as 32-bit ARGB.
    pub component_alpha_color: u32,
    /// Rule 41: the 256 gamma-corrected values of mixed components.
    pub gamma: Option<&'a [u8]>,
    /// Rule 41: the 256 values of components before they are mixed.
    pub ungamma: Option<&'a [u8]>,
}
