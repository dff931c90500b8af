//! Primitives 121, 135–137, 141, 142, 149, 240, 241, 254 …: clocks, names, attributes, parameters.

use crate::primitive::Row;

/// The rows of this family.
pub const ROWS: &[Row] = &[];
