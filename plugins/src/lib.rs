//! The named primitive modules: what methods ask for by module and name.
//!
//! Each module is a file of bindings (`…_plugin.rs`) with its `MODULE`, on top of computations that
//! know nothing of objects. [`MODULES`] lists them all.

mod aio_plugin;
pub mod bitblt;
pub mod digest;
mod file_attributes_plugin;
mod file_plugin;
pub mod files;
pub mod float_array;
pub mod large_integers;
mod locale_plugin;
pub mod matrix2x3;
pub mod misc_primitive;
mod os_process_plugin;
pub mod security_plugin;
mod uuid_plugin;
pub mod zip;

use rowel_interpreter::primitive::Module;

/// Every module of this crate.
pub const MODULES: &[Module] = &[
    aio_plugin::MODULE,
    file_attributes_plugin::MODULE,
    file_plugin::MODULE,
    locale_plugin::MODULE,
    os_process_plugin::MODULE,
    security_plugin::MODULE,
    uuid_plugin::MODULE,
];
