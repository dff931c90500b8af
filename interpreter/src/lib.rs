//! Rowel interpreter.
