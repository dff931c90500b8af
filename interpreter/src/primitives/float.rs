//! Primitives 38–59, 150, 541–560: floats, boxed and immediate.

use crate::primitive::Row;

/// The rows of this family.
pub const ROWS: &[Row] = &[];
