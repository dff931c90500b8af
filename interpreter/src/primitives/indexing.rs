//! Primitives 60–64, 143, 144, 165, 166, 210–212, 238, 239: indexed access to every format.

use crate::primitive::Row;

/// The rows of this family.
pub const ROWS: &[Row] = &[];
