//! Primitive 149: system attributes, strings by number.
//!
//! Source: `GetAttributeString` in `sqUnixMain.c`; the numbers are those of every OpenSmalltalk VM.
//! Attribute 1008, the build of a Cogit, is not there: images take it for the sign of a JIT.

use std::os::unix::ffi::OsStrExt;

use crate::failure::Failure;
use crate::primitive::PrimitiveResult;
use crate::vm::Vm;

/// Version of this VM.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// 149: the attribute with the number given; fails when there is none.
pub(super) fn get_attribute(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let id = vm.integer_argument(0)?;
    let attribute = attribute(vm, id).ok_or(Failure::Generic)?;
    vm.string_object(&attribute)
}

/// The attribute `id`: below zero the VM's own options, 0 and 1 the names of VM and image, then the
/// image's arguments; from 1001 on what the VM is.
fn attribute(vm: &Vm, id: i64) -> Option<Vec<u8>> {
    let text = match id {
        ..=-1 => {
            let index = usize::try_from(id.checked_neg()? - 1).ok()?;
            return Some(vm.host.vm_arguments.get(index)?.clone().into_bytes());
        }
        0 => return Some(vm.host.vm_path.as_os_str().as_bytes().to_vec()),
        1 => return Some(vm.host.image_path.as_os_str().as_bytes().to_vec()),
        1001 => "unix".to_string(),
        1002 => "linux-gnu".to_string(),
        1003 => match std::env::consts::ARCH {
            "x86_64" => "x64".to_string(),
            other => other.to_string(),
        },
        1004 => format!("Rowel[Spur] VM {VERSION}"),
        1005 => "none".to_string(),
        1006 => format!("Rowel {VERSION} {} {}", std::env::consts::OS, std::env::consts::ARCH),
        1007 => format!("Rowel interpreter {VERSION}"),
        1009 => format!("VM: {VERSION} Rowel"),
        _ => {
            let index = usize::try_from(id - 2).ok()?;
            return Some(vm.host.image_arguments.get(index)?.clone().into_bytes());
        }
    };
    Some(text.into_bytes())
}
