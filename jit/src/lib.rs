//! The compiled tier: hot methods as native code, by Cranelift.
//!
//! | concept | where |
//! |---|---|
//! | which methods are compiled, and when | [`tier`] |
//! | when, as it was asked for | `policy` |
//! | from operations to Cranelift's IR | [`compiler`] |
//! | what native code calls | `runtime` |
//! | the machine that it is for | [`machine`] |
//! | figures of units, and why they are left | `records`, `reasons`, `report` |
//! | dumps; files for `perf` | `dump`, `cold`, `log`, `jitdump` |
//! | the memory that holds it | [`memory`] |
//!
//! Native code runs the frames of the interpreter in the interpreter's layout, so that it can leave to
//! it at any operation: see [`rowel_interpreter::native`]. It holds nothing of the heap: what it knows of
//! classes and methods it reads from the inline caches of the interpreter.

mod cold;
pub mod compiler;
mod dump;
mod entries;
mod exits;
mod jitdump;
mod listing;
mod log;
pub mod machine;
pub mod memory;
mod policy;
pub mod profile;
mod reasons;
mod recording;
mod records;
mod report;
mod runtime;
mod sampler;
mod stats;
pub mod stubs;
pub mod tier;
mod units;
mod worker;

pub use dump::{Dump, Parts};
pub use machine::{Host, Machine, Unsupported};
pub use policy::{JitOptions, Stream, When};
pub use runtime::{Helper, MOST_ARGUMENTS, helpers};
pub use stats::Stats;
pub use tier::Tiered;
