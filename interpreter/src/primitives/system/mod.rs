//! Primitives 121, 122, 135, 137, 141, 142, 149, 240, 241, 243–246, 254, 570–573: names, clocks, clipboard,
//! attributes, parameters, modules.
//!
//! Source: `InterpreterPrimitives` (system control), `sqUnixMain.c` and `sqUnixDisplayNull.c` of the
//! OpenSmalltalk VM for what the system answers.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rowel_objmem::Oop;

use crate::clock;
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

mod attributes;
mod parameters;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(121, "ImageName", image_name),
    value(122, "Noop", noop),
    value(135, "MillisecondClock", millisecond_clock),
    value(137, "SecondsClock", seconds_clock),
    value(141, "ClipboardText", clipboard_text),
    value(142, "VMPath", vm_path),
    value(149, "GetAttribute", attributes::get_attribute),
    value(240, "UTCMicrosecondClock", utc_microsecond_clock),
    value(241, "LocalMicrosecondClock", local_microsecond_clock),
    value(243, "UpdateTimezone", noop),
    value(244, "UtcAndTimezoneOffset", utc_and_timezone_offset),
    value(245, "CoarseUTCMicrosecondClock", utc_microsecond_clock),
    value(246, "CoarseLocalMicrosecondClock", local_microsecond_clock),
    value(254, "VMParameter", parameters::vm_parameter),
    value(570, "FlushExternalPrimitives", noop),
    value(571, "UnloadModule", unload_module),
    value(572, "ListBuiltinModule", list_module),
    value(573, "ListExternalModule", list_module),
];

/// What these primitives remember.
#[derive(Debug, Default)]
pub(crate) struct SystemState {
    /// Text of the clipboard: there is no other than this one without a window system.
    clipboard: Vec<u8>,
    /// Parameters that can be set but change nothing here.
    parameters: parameters::Settings,
}

/// Answers the receiver.
fn noop(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.receiver())
}

/// 121: the name of the image file, or with an argument: from now on it is that.
fn image_name(vm: &mut Vm) -> PrimitiveResult {
    match vm.argument_count {
        0 => {
            let name = vm.host.image_path.as_os_str().as_bytes().to_vec();
            vm.string_object(&name)
        }
        1 => {
            let name = vm.bytes_argument(0)?.to_vec();
            vm.host.image_path = PathBuf::from(std::ffi::OsString::from_vec(name));
            Ok(vm.receiver())
        }
        _ => Err(Failure::BadNumArgs),
    }
}

/// 135.
fn millisecond_clock(vm: &mut Vm) -> PrimitiveResult {
    vm.integer_object(clock::milliseconds())
}

/// 137: seconds since 1901, local time, as 32 bits.
fn seconds_clock(vm: &mut Vm) -> PrimitiveResult {
    vm.integer_object((clock::local_microseconds() / 1_000_000) & 0xFFFF_FFFF)
}

/// 141: the text of the clipboard, or with an argument: put that text into it.
fn clipboard_text(vm: &mut Vm) -> PrimitiveResult {
    match vm.argument_count {
        0 => {
            let text = vm.modules.state::<SystemState>().clipboard.clone();
            vm.string_object(&text)
        }
        1 => {
            let text = vm.bytes_argument(0)?.to_vec();
            vm.modules.state::<SystemState>().clipboard = text;
            Ok(vm.receiver())
        }
        _ => Err(Failure::BadNumArgs),
    }
}

/// 142: the directory that the VM is in, with a final slash.
fn vm_path(vm: &mut Vm) -> PrimitiveResult {
    let mut path =
        vm.host.vm_path.parent().map_or(Vec::new(), |p| p.as_os_str().as_bytes().to_vec());
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    vm.string_object(&path)
}

/// 240, 245.
fn utc_microsecond_clock(vm: &mut Vm) -> PrimitiveResult {
    vm.integer_object(clock::utc_microseconds())
}

/// 241, 246.
fn local_microsecond_clock(vm: &mut Vm) -> PrimitiveResult {
    vm.integer_object(clock::local_microseconds())
}

/// 244: an array of UTC microseconds since 1901 and the offset of local time in seconds.
fn utc_and_timezone_offset(vm: &mut Vm) -> PrimitiveResult {
    time_and_offset(vm, clock::utc_microseconds())
}

/// An array of `time` and the offset of local time; the argument, if there is one, is filled instead
/// of a new array.
pub(super) fn time_and_offset(vm: &mut Vm, time: i64) -> PrimitiveResult {
    if vm.argument_count > 1 {
        return Err(Failure::BadNumArgs);
    }
    let given = (vm.argument_count == 1).then(|| vm.argument(0));
    if let Some(array) = given {
        if !vm.heap.has_slot(array, 1) {
            return Err(Failure::BadArgument);
        }
        if vm.heap.header(array).is_immutable() {
            return Err(Failure::NoModification);
        }
    }
    let time = vm.integer_object(time)?;
    let offset = Oop::small_integer(clock::local_offset_seconds());
    let Some(array) = given else { return vm.array_object(&[time, offset]) };
    vm.heap.store(array, 0, time);
    vm.heap.store(array, 1, offset);
    Ok(array)
}

/// 571: no module can be unloaded, they are all part of the VM.
fn unload_module(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    vm.bytes_argument(0)?;
    Err(Failure::Generic)
}

/// 572, 573: the name of the n-th module (from 1), or nil.
fn list_module(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let index = vm.size_argument(0)?.checked_sub(1).ok_or(Failure::BadArgument)?;
    let named = vm.modules.list().iter().filter(|module| !module.name.is_empty());
    match named.map(|module| module.name).nth(index) {
        Some(name) => vm.string_object(name.as_bytes()),
        None => Ok(vm.heap.nil()),
    }
}
