//! FileAttributesPlugin: what the system knows about files, and listing directories as a stream.
//!
//! Source: `FileAttributesPlugin.class.st` and `faSupport.c` of the OpenSmalltalk VM. Names are the
//! bytes of the system, as ByteArrays. What is refused is [`Failure::OsError`], with the system's number
//! or one of [`refusal`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{Metadata, ReadDir};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rustix::fs::Access;

use crate::file_plugin::file_time;
use crate::session;

/// The module.
pub const MODULE: Module = Module { name: "FileAttributesPlugin", rows: ROWS };

/// What the module holds.
const ROWS: &[NamedRow] = &[
    ("primitiveChangeMode", Primitive::Value(change_mode)),
    ("primitiveChangeOwner", Primitive::Value(change_owner)),
    ("primitiveClosedir", Primitive::Value(close_directory)),
    ("primitiveFileAttribute", Primitive::Value(file_attribute)),
    ("primitiveFileAttributes", Primitive::Value(file_attributes)),
    ("primitiveFileExists", Primitive::Value(file_exists)),
    ("primitiveFileMasks", Primitive::Value(file_masks)),
    ("primitiveLogicalDrives", Primitive::Value(logical_drives)),
    ("primitiveOpendir", Primitive::Value(open_directory)),
    ("primitivePathMax", Primitive::Value(path_max)),
    ("primitivePlatToStPath", Primitive::Value(convert_path)),
    ("primitiveReaddir", Primitive::Value(read_directory)),
    ("primitiveRewinddir", Primitive::Value(rewind_directory)),
    ("primitiveStToPlatPath", Primitive::Value(convert_path)),
    ("primitiveSymlinkChangeOwner", Primitive::Value(link_change_owner)),
    ("primitiveVersionString", Primitive::Value(version_string)),
];

/// Version that images are told.
const VERSION: &[u8] = b"2.0.8";
/// The kinds of files in a mode: all bits, socket, link, file, block device, directory, character
/// device, pipe.
const MASKS: [i64; 8] = [0xF000, 0xC000, 0xA000, 0x8000, 0x6000, 0x4000, 0x2000, 0x1000];
/// Bits of what to tell: what `stat` does, what may be done, and of a link itself.
const STAT: i64 = 1;
const ACCESS: i64 = 2;
const OF_LINK: i64 = 4;

/// What images get as the number of an error that is the module's own: `faConstants.h`.
mod refusal {
    pub const STRING_TOO_LONG: i64 = -1;
    pub const CANNOT_STAT: i64 = -3;
    pub const INVALID_ARGUMENTS: i64 = -6;
    pub const CORRUPT_VALUE: i64 = -7;
    pub const CANNOT_OPEN_DIRECTORY: i64 = -9;
    pub const CANNOT_READ_DIRECTORY: i64 = -16;
    pub const BAD_SESSION: i64 = -17;
}

/// Directories being listed, by number.
#[derive(Debug)]
struct Directories {
    session: i32,
    next: u64,
    open: BTreeMap<u64, (PathBuf, ReadDir)>,
}

impl Default for Directories {
    fn default() -> Self {
        Directories { session: session::number(), next: 1, open: BTreeMap::new() }
    }
}

/// A path from the bytes of the argument `index`.
fn path_argument(vm: &mut Vm, index: usize) -> Result<PathBuf, Failure> {
    let bytes = vm.bytes_argument(index)?;
    if bytes.len() >= libc::PATH_MAX as usize {
        return Err(vm.os_failure(refusal::STRING_TOO_LONG));
    }
    if bytes.contains(&0) {
        return Err(vm.os_failure(refusal::INVALID_ARGUMENTS));
    }
    Ok(PathBuf::from(OsStr::from_bytes(bytes)))
}

/// The failure with the number that the system gave.
fn refused(vm: &mut Vm, error: &io::Error) -> Failure {
    vm.os_failure(i64::from(error.raw_os_error().unwrap_or(libc::EIO)))
}

fn may(path: &Path, access: Access) -> bool {
    rustix::fs::access(path, access).is_ok()
}

/// The mode of a file (path, mode); nil.
fn change_mode(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let path = path_argument(vm, 0)?;
    let mode = u32::try_from(vm.integer_argument(1)?).map_err(|_| Failure::BadArgument)?;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).map_err(|error| refused(vm, &error))?;
    Ok(vm.heap.nil())
}

/// User and group from arguments 1 and 2; −1 leaves it as it is.
fn owner_arguments(vm: &Vm) -> Result<(Option<u32>, Option<u32>), Failure> {
    let owner = |index| match vm.integer_argument(index)? {
        -1 => Ok(None),
        id => u32::try_from(id).map(Some).map_err(|_| Failure::BadArgument),
    };
    Ok((owner(1)?, owner(2)?))
}

/// The owner of a file (path, user, group); nil.
fn change_owner(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(3)?;
    let path = path_argument(vm, 0)?;
    let (user, group) = owner_arguments(vm)?;
    std::os::unix::fs::chown(path, user, group).map_err(|error| refused(vm, &error))?;
    Ok(vm.heap.nil())
}

/// The owner of a link itself (path, user, group); nil.
fn link_change_owner(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(3)?;
    let path = path_argument(vm, 0)?;
    let (user, group) = owner_arguments(vm)?;
    std::os::unix::fs::lchown(path, user, group).map_err(|error| refused(vm, &error))?;
    Ok(vm.heap.nil())
}

/// Attribute 2 to 11 of what `stat` tells: mode, inode, device, links, user, group, size, times of
/// access, modification and change of status.
fn stat_attribute(vm: &mut Vm, metadata: &Metadata, number: i64) -> PrimitiveResult {
    let value = match number {
        2 => u64::from(metadata.mode()),
        3 => metadata.ino(),
        4 => metadata.dev(),
        5 => metadata.nlink(),
        6 => u64::from(metadata.uid()),
        7 => u64::from(metadata.gid()),
        8 if metadata.is_dir() => 0,
        8 => metadata.len(),
        _ => {
            let time = match number {
                9 => metadata.atime(),
                10 => metadata.mtime(),
                _ => metadata.ctime(),
            };
            let time = file_time(vm, time);
            return vm.integer_object(time);
        }
    };
    vm.unsigned_object(value)
}

/// One attribute of a file (path, number): 1 to 12 from `stat` (1 and 12, name and time of creation,
/// are nil), 13 to 15 whether it may be read, written, run, 16 whether it is a link.
fn file_attribute(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let path = path_argument(vm, 0)?;
    let number = vm.integer_argument(1)?;
    let answer = match number {
        1..=12 => {
            let metadata = path.metadata();
            let metadata = metadata.map_err(|_| vm.os_failure(refusal::CANNOT_STAT))?;
            return match number {
                1 | 12 => Ok(vm.heap.nil()),
                _ => stat_attribute(vm, &metadata, number),
            };
        }
        13 => may(&path, Access::READ_OK),
        14 => may(&path, Access::WRITE_OK),
        15 => may(&path, Access::EXEC_OK),
        16 => {
            let metadata = path.symlink_metadata();
            metadata.map_err(|_| vm.os_failure(refusal::CANNOT_STAT))?.is_symlink()
        }
        _ => return Err(Failure::BadArgument),
    };
    Ok(vm.heap.boolean(answer))
}

/// The thirteen attributes of `stat`: the first is what a link points to.
fn stat_array(vm: &mut Vm, path: &Path, metadata: &Metadata) -> PrimitiveResult {
    let mut values = [vm.heap.nil(); 13];
    if metadata.is_symlink()
        && let Ok(target) = std::fs::read_link(path)
    {
        values[0] = vm.byte_array_object(target.as_os_str().as_bytes())?;
    }
    for number in 2..=11 {
        values[number as usize - 1] = stat_attribute(vm, metadata, number)?;
    }
    vm.array_object(&values)
}

/// The attributes of a file (path, what to tell): an array of `stat`, one of what may be done, or
/// both.
fn file_attributes(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let path = path_argument(vm, 0)?;
    let what = vm.integer_argument(1)?;
    let mut parts = Vec::new();
    if what & STAT != 0 {
        let of_link = what & OF_LINK != 0;
        let metadata = if of_link { path.symlink_metadata() } else { path.metadata() };
        let metadata = metadata.map_err(|_| vm.os_failure(refusal::CANNOT_STAT))?;
        parts.push(stat_array(vm, &path, &metadata)?);
    }
    if what & ACCESS != 0 {
        let access = [Access::READ_OK, Access::WRITE_OK, Access::EXEC_OK];
        let values = access.map(|access| vm.heap.boolean(may(&path, access)));
        parts.push(vm.array_object(&values)?);
    }
    match parts[..] {
        [] => Err(vm.os_failure(refusal::INVALID_ARGUMENTS)),
        [one] => Ok(one),
        _ => vm.array_object(&parts),
    }
}

/// Whether there is a file (path).
fn file_exists(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let path = path_argument(vm, 0)?;
    Ok(vm.heap.boolean(may(&path, Access::EXISTS)))
}

fn file_masks(vm: &mut Vm) -> PrimitiveResult {
    vm.array_object(&MASKS.map(Oop::small_integer))
}

/// Only Windows has drives.
fn logical_drives(_: &mut Vm) -> PrimitiveResult {
    Err(Failure::Generic)
}

fn path_max(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(libc::PATH_MAX)))
}

/// From the image's encoding of a path to the system's and back: both are UTF-8.
fn convert_path(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let bytes = vm.bytes_argument(0)?.to_vec();
    if bytes.len() >= libc::PATH_MAX as usize {
        return Err(vm.os_failure(refusal::STRING_TOO_LONG));
    }
    vm.byte_array_object(&bytes)
}

fn version_string(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(VERSION)
}

/// The number of the directory in the handle of argument 0.
fn directory_number(vm: &mut Vm) -> Result<u64, Failure> {
    let bytes: [u8; 16] = vm.bytes_argument(0)?.try_into().map_err(|_| Failure::BadArgument)?;
    let directories = vm.modules.state::<Directories>();
    if bytes[..4] != directories.session.to_le_bytes() {
        return Err(vm.os_failure(refusal::BAD_SESSION));
    }
    let number = bytes.last_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
    if directories.open.contains_key(&number) {
        Ok(number)
    } else {
        Err(vm.os_failure(refusal::CORRUPT_VALUE))
    }
}

/// The next entry of a directory: an array of name, attributes, and room for the handle; nil at the
/// end.
fn next_entry(vm: &mut Vm, path: &Path, entries: &mut ReadDir) -> PrimitiveResult {
    let Some(entry) = entries.next() else { return Ok(vm.heap.nil()) };
    let entry = entry.map_err(|_| vm.os_failure(refusal::CANNOT_READ_DIRECTORY))?;
    let name = entry.file_name();
    let path = path.join(&name);
    let attributes = match path.metadata() {
        Ok(metadata) => stat_array(vm, &path, &metadata)?,
        Err(_) => vm.heap.nil(),
    };
    let name = vm.byte_array_object(name.as_bytes())?;
    let nil = vm.heap.nil();
    vm.array_object(&[name, attributes, nil])
}

/// Start listing a directory (path): its first entry with a handle for the rest; nil when it is empty.
fn open_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let path = path_argument(vm, 0)?;
    let entries = std::fs::read_dir(&path);
    let mut entries = entries.map_err(|_| vm.os_failure(refusal::CANNOT_OPEN_DIRECTORY))?;
    let entry = next_entry(vm, &path, &mut entries)?;
    if entry == vm.heap.nil() {
        return Ok(entry);
    }
    let directories = vm.modules.state::<Directories>();
    let number = directories.next;
    directories.next += 1;
    let mut record = [0; 16];
    record[..4].copy_from_slice(&directories.session.to_le_bytes());
    record[8..].copy_from_slice(&number.to_le_bytes());
    directories.open.insert(number, (path, entries));
    let handle = vm.byte_array_object(&record)?;
    vm.heap.store(entry, 2, handle);
    Ok(entry)
}

/// The next entry (handle); nil at the end.
fn read_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = directory_number(vm)?;
    let taken = vm.modules.state::<Directories>().open.remove(&number);
    let (path, mut entries) = taken.ok_or_else(|| vm.os_failure(refusal::CORRUPT_VALUE))?;
    let entry = next_entry(vm, &path, &mut entries);
    vm.modules.state::<Directories>().open.insert(number, (path, entries));
    entry
}

/// Start again (handle): the first entry.
fn rewind_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = directory_number(vm)?;
    let taken = vm.modules.state::<Directories>().open.get(&number).map(|(path, _)| path.clone());
    let path = taken.ok_or_else(|| vm.os_failure(refusal::CORRUPT_VALUE))?;
    let entries = std::fs::read_dir(&path);
    let entries = entries.map_err(|_| vm.os_failure(refusal::CANNOT_OPEN_DIRECTORY))?;
    vm.modules.state::<Directories>().open.insert(number, (path, entries));
    read_directory(vm)
}

/// Stop listing (handle): the handle.
fn close_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = directory_number(vm)?;
    vm.modules.state::<Directories>().open.remove(&number);
    let handle = vm.argument(0);
    if let Some(bytes) = vm.bytes_of_mut(handle) {
        bytes.fill(0);
    }
    Ok(handle)
}
