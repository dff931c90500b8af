//! Rowel bytecode.
