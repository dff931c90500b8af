//! The named primitive modules: what methods ask for by module and name.
//!
//! Each module is a file of bindings (`…_plugin.rs`) with its `MODULE`, on top of computations that
//! know nothing of objects. [`MODULES`] lists them all.

pub mod bitblt;
mod clipboard_extended_plugin;
pub mod digest;
pub mod float_array;
pub mod large_integers;
pub mod matrix2x3;
pub mod misc_primitive;
pub mod socket;
mod socket_plugin;
pub mod zip;

use rowel_interpreter::primitive::Module;

/// Every module of this crate.
#[rustfmt::skip]
pub const MODULES: &[Module] = &[
    clipboard_extended_plugin::MODULE,
    socket_plugin::MODULE,
];
