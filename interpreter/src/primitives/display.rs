//! Primitives 90–94, 101–109, 126, 127, 133, 140, 231–233: a screen that is not there.

use crate::primitive::Row;

/// The rows of this family.
pub const ROWS: &[Row] = &[];
