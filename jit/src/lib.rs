//! The compiled tier: hot methods as native code, by Cranelift.
//!
//! | concept | where |
//! |---|---|
//! | which methods are compiled, and when | [`tier`] |
//! | from operations to Cranelift's IR | [`compiler`] |
//! | what native code calls | `runtime` |
//! | the memory that holds it | [`memory`] |
//!
//! Native code runs the frames of the interpreter in the interpreter's layout, so that it can leave to
//! it at any operation: see [`rowel_interpreter::native`]. It holds nothing of the heap: what it knows of
//! classes and methods it reads from the inline caches of the interpreter.

pub mod compiler;
mod entries;
mod log;
pub mod memory;
pub mod profile;
mod runtime;
mod sampler;
pub mod stubs;
pub mod tier;
mod units;
mod worker;

pub use tier::{JitOptions, Tiered, When};
