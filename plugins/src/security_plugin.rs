//! SecurityPlugin: whether the image may be written, and directories for what is not trusted.
//!
//! Nothing is forbidden, but an image can give up the right to save itself. Source: `SecurityPlugin.c`, `sqUnixSecurity.c`.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;

/// The module.
pub const MODULE: Module = Module { name: "SecurityPlugin", rows: ROWS };

/// What the module holds.
const ROWS: &[NamedRow] = &[
    ("primitiveCanWriteImage", Primitive::Value(can_write_image)),
    ("primitiveDisableImageWrite", Primitive::Value(disable_image_write)),
    ("primitiveGetSecureUserDirectory", Primitive::Value(secure_directory)),
    ("primitiveGetUntrustedUserDirectory", Primitive::Value(untrusted_directory)),
];

fn can_write_image(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.boolean(!vm.host.image_write_disabled))
}

fn disable_image_write(vm: &mut Vm) -> PrimitiveResult {
    vm.host.image_write_disabled = true;
    Ok(vm.receiver())
}

/// A directory beside the image.
fn beside_image(vm: &mut Vm, name: &str) -> PrimitiveResult {
    let image = vm.host.image_path.parent().ok_or(Failure::Generic)?;
    let path: PathBuf = image.join(name);
    vm.string_object(path.as_os_str().as_bytes())
}

fn secure_directory(vm: &mut Vm) -> PrimitiveResult {
    beside_image(vm, "secure")
}

fn untrusted_directory(vm: &mut Vm) -> PrimitiveResult {
    match std::env::var_os("SQUEAK_USERDIR") {
        Some(path) => vm.string_object(path.as_bytes()),
        None => beside_image(vm, "My Squeak"),
    }
}
