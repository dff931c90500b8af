//! Rowel plugins.

pub mod bitblt;
pub mod digest;
pub mod float_array;
pub mod large_integers;
pub mod matrix2x3;
pub mod misc_primitive;
pub mod zip;
