//! Pipes, descriptors by number, standard streams, locks of file regions, temporary files.
//!
//! The image may use the numbers of descriptors that it was given or that its files have; the VM's own
//! descriptors are out of its reach.

use std::ffi::OsStr;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;

use nix::fcntl::{FcntlArg, fcntl};
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use super::{c_string, int_argument, zero_or_minus_one};
use crate::files::channel::Channel;
use crate::files::stream::FileStream;
use crate::files::{Files, handle_for, plain_standard_handle, with_stream};

/// A pipe: an array of the handles of its reader and its writer.
pub(super) fn create_pipe(vm: &mut Vm) -> PrimitiveResult {
    let (reader, writer) =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|_| Failure::Generic)?;
    let reader = handle_for(vm, FileStream::new(Channel::Owned(reader), false))?;
    let writer = handle_for(vm, FileStream::new(Channel::Owned(writer), true))?;
    vm.array_object(&[reader, writer])
}

/// The session that handles carry, as a ByteArray.
pub(super) fn session(vm: &mut Vm) -> PrimitiveResult {
    let session = vm.modules.state::<Files>().session();
    vm.byte_array_object(&session.to_le_bytes())
}

/// A handle for standard input.
pub(super) fn standard_input(vm: &mut Vm) -> PrimitiveResult {
    plain_standard_handle(vm, Channel::Input)
}

/// A handle for standard output.
pub(super) fn standard_output(vm: &mut Vm) -> PrimitiveResult {
    plain_standard_handle(vm, Channel::Output)
}

/// A handle for standard error.
pub(super) fn standard_error(vm: &mut Vm) -> PrimitiveResult {
    plain_standard_handle(vm, Channel::Error)
}

/// The descriptor of an open file (handle).
pub(super) fn number(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let number = with_stream(vm, handle, |stream| Ok(stream.channel().as_fd().as_raw_fd()))?;
    Ok(Oop::small_integer(i64::from(number)))
}

/// Close a descriptor (number): 0, or −1 when it is not the image's.
pub(super) fn close(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = int_argument(vm, 0)?;
    let closed = vm.modules.state::<Files>().close_descriptor(number);
    Ok(Oop::small_integer(if closed { 0 } else { -1 }))
}

/// Another descriptor (number) of the same file, or −1.
pub(super) fn dup(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = int_argument(vm, 0)?;
    let files = vm.modules.state::<Files>();
    let copy = files.descriptor(number).and_then(|d| d.try_clone_to_owned().ok());
    let number = copy.map_or(-1, |copy| files.adopt(copy));
    Ok(Oop::small_integer(i64::from(number)))
}

/// Make one descriptor mean what another does (old, new): the new one, or −1.
pub(super) fn dup_to(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (old, new) = (int_argument(vm, 0)?, int_argument(vm, 1)?);
    let files = vm.modules.state::<Files>();
    let copy = files.descriptor(old).and_then(|d| d.try_clone_to_owned().ok());
    let done = match copy {
        Some(_) if old == new => true,
        Some(copy) => new >= 0 && files.redirect(new, &copy).is_ok(),
        None => false,
    };
    Ok(Oop::small_integer(if done { i64::from(new) } else { -1 }))
}

/// Write out what waits in the buffer (handle): 0 or −1.
pub(super) fn flush(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let result = with_stream(vm, handle, |stream| Ok(stream.flush()))?;
    zero_or_minus_one(result)
}

/// Buffer nothing from now on (handle): 0 or −1.
pub(super) fn set_unbuffered(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let result = with_stream(vm, handle, |stream| Ok(stream.set_unbuffered()))?;
    zero_or_minus_one(result)
}

fn change_blocking(vm: &mut Vm, blocking: bool) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let result = with_stream(vm, handle, |stream| {
        let descriptor = stream.channel().as_fd();
        Ok(rustix::fs::fcntl_getfl(descriptor).and_then(|flags| {
            let flags = if blocking { flags - OFlags::NONBLOCK } else { flags | OFlags::NONBLOCK };
            rustix::fs::fcntl_setfl(descriptor, flags)
        }))
    })?;
    zero_or_minus_one(result)
}

/// Reading and writing waits (handle): 0 or −1.
pub(super) fn set_blocking(vm: &mut Vm) -> PrimitiveResult {
    change_blocking(vm, true)
}

/// Reading and writing does not wait (handle): 0 or −1.
pub(super) fn set_non_blocking(vm: &mut Vm) -> PrimitiveResult {
    change_blocking(vm, false)
}

/// Whether the last read met the end (handle).
pub(super) fn end_of_file_flag(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let met_end = with_stream(vm, handle, |stream| Ok(stream.has_met_end()))?;
    Ok(vm.heap.boolean(met_end))
}

/// A lock of the region in arguments 1 and 2: offset and length, 0 for all.
fn lock(vm: &Vm, kind: i32) -> Result<libc::flock, Failure> {
    Ok(libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: vm.integer_argument(1)?,
        l_len: vm.integer_argument(2)?,
        l_pid: 0,
    })
}

/// The kind of lock that argument 3 asks for: true for exclusive.
fn lock_kind(vm: &Vm) -> i32 {
    if vm.argument(3) == vm.heap.true_object() { libc::F_WRLCK } else { libc::F_RDLCK }
}

fn set_lock(vm: &mut Vm, lock: libc::flock) -> PrimitiveResult {
    let handle = vm.argument(0);
    let result = with_stream(vm, handle, |stream| {
        Ok(fcntl(stream.channel().as_fd(), FcntlArg::F_SETLK(&lock)))
    })?;
    zero_or_minus_one(result)
}

/// Lock a region (handle, offset, length, exclusive) against other processes: 0 or −1.
pub(super) fn lock_region(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    let lock = lock(vm, lock_kind(vm))?;
    set_lock(vm, lock)
}

/// Unlock a region (handle, offset, length): 0 or −1.
pub(super) fn unlock_region(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(3)?;
    let lock = lock(vm, libc::F_UNLCK)?;
    set_lock(vm, lock)
}

/// Whether a region could be locked (handle, offset, length, exclusive): −1, or an array of the answer
/// and process, kind, origin, start and length of the lock in the way.
pub(super) fn test_lockable(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    let mut lock = lock(vm, lock_kind(vm))?;
    let handle = vm.argument(0);
    let result = with_stream(vm, handle, |stream| {
        Ok(fcntl(stream.channel().as_fd(), FcntlArg::F_GETLK(&mut lock)))
    })?;
    if result.is_err() {
        return Ok(Oop::small_integer(-1));
    }
    let lockable = i32::from(lock.l_type) == libc::F_UNLCK;
    let values = [
        vm.heap.boolean(lockable),
        Oop::small_integer(i64::from(lock.l_pid)),
        Oop::small_integer(i64::from(lock.l_type)),
        Oop::small_integer(i64::from(lock.l_whence)),
        vm.integer_object(lock.l_start)?,
        vm.integer_object(lock.l_len)?,
    ];
    vm.array_object(&values)
}

/// What a template must end with, to be replaced.
const PLACEHOLDER: &[u8] = b"XXXXXX";
/// Names tried before giving up.
const ATTEMPTS: usize = 100;

/// Try names made of the template in argument 0 until one can be made.
fn try_names<T>(
    vm: &Vm,
    make: impl Fn(&OsStr) -> Result<T, Errno>,
) -> Result<(Vec<u8>, T), Failure> {
    let template = c_string(vm, 0)?;
    let stem = template.strip_suffix(PLACEHOLDER).ok_or(Failure::BadArgument)?;
    for _ in 0..ATTEMPTS {
        let mut name = stem.to_vec();
        let mut random = [0; PLACEHOLDER.len()];
        getrandom::fill(&mut random).map_err(|_| Failure::OsError)?;
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ab";
        name.extend(random.map(|byte| letters[usize::from(byte & 63)]));
        match make(OsStr::from_bytes(&name)) {
            Ok(made) => return Ok((name, made)),
            Err(Errno::EXIST) => {}
            Err(_) => return Err(Failure::Generic),
        }
    }
    Err(Failure::LimitExceeded)
}

/// Create a file with a new name (template, which becomes the name): its handle.
pub(super) fn make_temporary_file(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    if vm.heap.header(vm.argument(0)).is_immutable() {
        return Err(Failure::NoModification);
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let (name, descriptor) =
        try_names(vm, |name| rustix::fs::open(name, flags, Mode::RUSR | Mode::WUSR))?;
    let handle = handle_for(vm, FileStream::new(Channel::Owned(descriptor), true))?;
    let template = vm.argument(0);
    if let Some(bytes) = vm.bytes_of_mut(template) {
        bytes[..name.len()].copy_from_slice(&name);
    }
    Ok(handle)
}

/// Create a directory with a new name (template): the name.
pub(super) fn make_temporary_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let (name, ()) = try_names(vm, |name| {
        let made = std::fs::DirBuilder::new().mode(0o700).create(name);
        made.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    })?;
    vm.string_object(&name)
}

/// A name that nothing has yet (template): the name. Somebody else may take it at once.
pub(super) fn temporary_name(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let (name, ()) = try_names(vm, |name| match std::fs::symlink_metadata(name) {
        Ok(_) => Err(Errno::EXIST),
        Err(_) => Ok(()),
    })?;
    vm.string_object(&name)
}
