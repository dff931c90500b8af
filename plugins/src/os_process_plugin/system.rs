//! Paths, the protection of files, error messages, and what the system can do.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{c_string, int_argument, sys};
use crate::files::with_stream;

fn path_argument(vm: &Vm, index: usize) -> Result<PathBuf, Failure> {
    Ok(PathBuf::from(OsString::from_vec(c_string(vm, index)?)))
}

/// The number of a system error.
fn error_number(error: &std::io::Error) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(error.raw_os_error().unwrap_or(libc::EINVAL))))
}

/// Change the working directory (path): nil, or the number of the error.
pub(super) fn chdir(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    match std::env::set_current_dir(path_argument(vm, 0)?) {
        Ok(()) => Ok(vm.heap.nil()),
        Err(error) => error_number(&error),
    }
}

fn current_directory() -> Result<Vec<u8>, Failure> {
    let path = std::env::current_dir().map_err(|_| Failure::Generic)?;
    Ok(path.into_os_string().into_vec())
}

/// The working directory as a String.
pub(super) fn working_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(&current_directory()?)
}

/// The working directory as a ByteArray.
pub(super) fn working_directory_as_bytes(vm: &mut Vm) -> PrimitiveResult {
    vm.byte_array_object(&current_directory()?)
}

fn canonical(vm: &Vm) -> Result<Vec<u8>, Failure> {
    vm.expect_arguments(1)?;
    let path = std::fs::canonicalize(path_argument(vm, 0)?).map_err(|_| Failure::Generic)?;
    Ok(path.into_os_string().into_vec())
}

/// A path (path) without links and dots, as a String.
pub(super) fn real_path(vm: &mut Vm) -> PrimitiveResult {
    let path = canonical(vm)?;
    vm.string_object(&path)
}

/// A path without links and dots, as a ByteArray.
pub(super) fn real_path_as_bytes(vm: &mut Vm) -> PrimitiveResult {
    let path = canonical(vm)?;
    vm.byte_array_object(&path)
}

/// The message of a system error (number).
pub(super) fn error_message(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = int_argument(vm, 0)?;
    if number == 0 {
        return vm.string_object(b"Success");
    }
    let message = std::io::Error::from_raw_os_error(number).to_string();
    // Rust adds the number.
    let end = message.find(" (os error").unwrap_or(message.len());
    vm.string_object(&message.as_bytes()[..end])
}

/// Protection as four octal digits: special bits, user, group, others.
fn mask_object(vm: &mut Vm, mode: u32) -> PrimitiveResult {
    let digit = |shift: u32| Oop::small_integer(i64::from(mode >> shift & 7));
    vm.array_object(&[digit(9), digit(6), digit(3), digit(0)])
}

/// The protection of a file (path), or the number of the error.
pub(super) fn protection_mask(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    match std::fs::metadata(path_argument(vm, 0)?) {
        Ok(metadata) => mask_object(vm, metadata.mode()),
        Err(error) => error_number(&error),
    }
}

/// User, group and protection of a file (path), or the number of the error.
pub(super) fn file_stat(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    match std::fs::metadata(path_argument(vm, 0)?) {
        Ok(metadata) => {
            let mask = mask_object(vm, metadata.mode())?;
            let user = Oop::small_integer(i64::from(metadata.uid()));
            let group = Oop::small_integer(i64::from(metadata.gid()));
            vm.array_object(&[user, group, mask])
        }
        Err(error) => error_number(&error),
    }
}

/// Whether the file system of a directory has room (bytes, path); not when there is no such
/// directory.
pub(super) fn has_space(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let bytes = vm.unsigned_64_of(vm.argument(0)).ok_or(Failure::BadArgument)?;
    let path = c_string(vm, 1)?;
    let free = rustix::fs::statvfs(OsStr::from_bytes(&path));
    let free = free.map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    Ok(vm.heap.boolean(free > 0 && free >= bytes))
}

/// `sysconf` (number).
pub(super) fn sysconf(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let value = sys::sysconf(int_argument(vm, 0)?);
    vm.integer_object(value)
}

/// `confstr` (number); nil when there is no such string.
pub(super) fn confstr(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    match sys::confstr(int_argument(vm, 0)?) {
        Some(value) => vm.string_object(&value),
        None => Ok(vm.heap.nil()),
    }
}

/// `fpathconf` (handle, number).
pub(super) fn fpathconf(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (handle, name) = (vm.argument(0), int_argument(vm, 1)?);
    let value = with_stream(vm, handle, |s| Ok(sys::fpathconf(s.channel().as_fd(), name)))?;
    vm.integer_object(value)
}

/// `pathconf` (path, number).
pub(super) fn pathconf(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let value = sys::pathconf(c_string(vm, 0)?, int_argument(vm, 1)?);
    vm.integer_object(value)
}
