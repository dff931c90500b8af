//! Rowel plugins.

pub mod large_integers;
