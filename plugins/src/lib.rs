//! Rowel plugins.
