//! Rowel plugins.

pub mod large_integers;
pub mod misc_primitive;
