//! Primitives 77, 78, 112, 138, 139, 176–178, 180, 183, 184 …: the heap as a whole.

use crate::primitive::Row;

/// The rows of this family.
pub const ROWS: &[Row] = &[];
