//! UUIDPlugin: random universally unique identifiers (version 4).
//!
//! Source: `UUIDPlugin.c`, RFC 9562 for the fixed bits.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;

/// The module.
pub const MODULE: Module =
    Module { name: "UUIDPlugin", rows: &[("primitiveMakeUUID", Primitive::Value(make))] };

/// Fill the receiver, an object of 16 bytes.
fn make(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    let receiver = vm.receiver();
    if vm.bytes_of(receiver).is_none_or(|bytes| bytes.len() != 16) {
        return Err(Failure::Generic);
    }
    let mut uuid = [0; 16];
    getrandom::fill(&mut uuid).map_err(|_| Failure::OsError)?;
    uuid[6] = uuid[6] & 0x0F | 0x40;
    uuid[8] = uuid[8] & 0x3F | 0x80;
    let bytes = vm.bytes_of_mut(receiver).ok_or(Failure::NoModification)?;
    bytes.copy_from_slice(&uuid);
    Ok(receiver)
}
