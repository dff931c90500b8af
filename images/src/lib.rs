//! Smalltalk in text, compiled and built into Spur images.
//!
//! Owns: what source files hold ([`source`]) and the readers of their formats, and the compiler from a method's text to
//! literals and bytecodes ([`compiler`]).
//! Must not know: the interpreter. A build script uses this crate.

pub mod builder;
pub mod compiler;
pub mod source;
