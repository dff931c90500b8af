//! Primitives 1–18 and 20–37: arithmetic of SmallIntegers and of integers up to 64 bits.

use crate::primitive::Row;

/// The rows of this family.
pub const ROWS: &[Row] = &[];
