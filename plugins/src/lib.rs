//! The named primitive modules: what methods ask for by module and name.
//!
//! Each module is a file of bindings (`…_plugin.rs`) with its `MODULE`, on top of computations that
//! know nothing of objects. [`MODULES`] lists them all.

pub mod bitblt;
pub mod digest;
pub mod float_array;
pub mod float_array_plugin;
pub mod float_math_plugin;
pub mod large_integers;
pub mod large_integers_plugin;
pub mod matrix2x3;
pub mod matrix2x3_plugin;
pub mod misc_primitive;
pub mod zip;

use rowel_interpreter::primitive::Module;

/// Every module of this crate.
pub const MODULES: &[Module] = &[
    float_array_plugin::DOUBLES,
    float_array_plugin::SINGLES,
    float_math_plugin::MODULE,
    large_integers_plugin::MODULE,
    matrix2x3_plugin::MODULE,
];
