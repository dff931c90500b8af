//! The named primitive modules: what methods ask for by module and name.
//!
//! Each module is a file of bindings (`…_plugin.rs`) with its `MODULE`, on top of computations that
//! know nothing of objects. [`MODULES`] lists them all.

pub mod bitblt;
pub mod bitblt_plugin;
pub mod bmp_read_writer_plugin;
pub mod digest;
pub mod float_array;
pub mod jpeg_read_writer2_plugin;
pub mod large_integers;
pub mod matrix2x3;
pub mod misc_primitive;
pub mod zip;

use rowel_interpreter::primitive::Module;

/// Every module of this crate.
#[rustfmt::skip]
pub const MODULES: &[Module] = &[
    bitblt_plugin::MODULE,
    bmp_read_writer_plugin::MODULE,
    jpeg_read_writer2_plugin::MODULE,
];
