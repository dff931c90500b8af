//! The named primitive modules: what methods ask for by module and name.
//!
//! Each module is a file of bindings (`…_plugin.rs`) with its `MODULE`, on top of computations that
//! know nothing of objects. [`MODULES`] lists them all.

mod aio_plugin;
pub mod bitblt;
pub mod bitblt_plugin;
pub mod bmp_read_writer_plugin;
mod clipboard_extended_plugin;
pub mod digest;
pub mod digest_plugins;
mod file_attributes_plugin;
mod file_plugin;
pub mod files;
pub mod float_array;
pub mod float_array_plugin;
pub mod float_math_plugin;
pub mod jpeg_read_writer2_plugin;
pub mod jpeg_reader;
mod jpeg_reader_plugin;
pub mod large_integers;
pub mod large_integers_plugin;
mod locale_plugin;
pub mod matrix2x3;
pub mod matrix2x3_plugin;
pub mod misc_primitive;
pub mod misc_primitive_plugin;
mod operands;
mod os_process_plugin;
pub mod re;
mod re_plugin;
mod rowel_compiler_plugin;
pub mod security_plugin;
mod session;
pub mod signals;
pub mod socket;
mod socket_plugin;
mod uuid_plugin;
pub mod zip;
pub mod zip_plugin;

use rowel_interpreter::primitive::Module;

/// Every module of this crate, one a line, in the order of their names.
#[rustfmt::skip]
pub const MODULES: &[Module] = &[
    aio_plugin::MODULE,
    bitblt_plugin::MODULE,
    bmp_read_writer_plugin::MODULE,
    clipboard_extended_plugin::MODULE,
    digest_plugins::DSA_PRIMS,
    digest_plugins::MD5,
    digest_plugins::SHA256,
    file_attributes_plugin::MODULE,
    file_plugin::MODULE,
    float_array_plugin::DOUBLES,
    float_array_plugin::SINGLES,
    float_math_plugin::MODULE,
    jpeg_read_writer2_plugin::MODULE,
    jpeg_reader_plugin::MODULE,
    large_integers_plugin::MODULE,
    locale_plugin::MODULE,
    matrix2x3_plugin::MODULE,
    misc_primitive_plugin::MODULE,
    os_process_plugin::MODULE,
    re_plugin::MODULE,
    rowel_compiler_plugin::MODULE,
    security_plugin::MODULE,
    socket_plugin::MODULE,
    uuid_plugin::MODULE,
    zip_plugin::MODULE,
];

/// Write out what the image has written to files and stdout and is still in buffers: at its end.
pub fn flush_files(vm: &mut rowel_interpreter::vm::Vm) {
    vm.modules.state::<files::Files>().flush_all();
}
