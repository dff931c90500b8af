//! The named primitive modules: what methods ask for by module and name.
//!
//! Each module is a file of bindings (`…_plugin.rs`) with its `MODULE`, on top of computations that
//! know nothing of objects. [`MODULES`] lists them all.

pub mod bitblt;
pub mod digest;
pub mod digest_plugins;
pub mod float_array;
pub mod large_integers;
pub mod matrix2x3;
pub mod misc_primitive;
pub mod misc_primitive_plugin;
mod operands;
pub mod zip;
pub mod zip_plugin;

use rowel_interpreter::primitive::Module;

/// Every module of this crate.
#[rustfmt::skip]
pub const MODULES: &[Module] = &[
    digest_plugins::DSA_PRIMS,
    digest_plugins::MD5,
    digest_plugins::SHA256,
    misc_primitive_plugin::MODULE,
    zip_plugin::MODULE,
];
