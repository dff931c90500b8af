//! Primitives 68–75, 79, 105, 115, 132, 145, 148, 168, 170–175, 181 …: making, copying and reading objects.

use crate::primitive::Row;

/// The rows of this family.
pub const ROWS: &[Row] = &[];
