//! FilePlugin: directories, names, and the working directory of the process.
//!
//! Source: `FilePlugin.class.st` and `sqUnixFile.c`. An entry is
//! `#(name creationTime modificationTime isDirectory size permissions isSymbolicLink)`; images that
//! know the first five only ignore the rest. Times are seconds since 1901, local unless the image asks
//! for UTC by bit 7 of VM parameter 48; the creation time is that of the last change of status.

use std::fs::ReadDir;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rowel_interpreter::clock;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{path_argument, refused};

/// The directory that is being listed: images ask for one entry after the other by index.
#[derive(Default)]
struct Listing {
    directory: Option<(PathBuf, ReadDir)>,
    /// Index (from 1) of the last entry given.
    last: usize,
}

/// The bit of the image header's flags by which the image asks for file times in UTC.
const TIMES_IN_UTC: u64 = 1 << (7 + 2);

/// A Unix time as images want it: local time, or UTC if the image says so, from 1901.
pub(crate) fn file_time(vm: &Vm, unix_seconds: i64) -> i64 {
    let in_utc = vm.host.header.is_some_and(|header| header.flags & TIMES_IN_UTC != 0);
    let offset = if in_utc { 0 } else { clock::offset_seconds_at(unix_seconds) };
    unix_seconds.saturating_add(clock::EPOCH_SECONDS + offset)
}

/// A new directory (name).
pub(super) fn create(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let path = path_argument(vm, 0)?;
    std::fs::DirBuilder::new().mode(0o777).create(path).map_err(refused)?;
    Ok(vm.receiver())
}

/// Remove an empty directory (name).
pub(super) fn delete(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let path = path_argument(vm, 0)?;
    let listing = vm.modules.state::<Listing>();
    if listing.directory.as_ref().is_some_and(|(listed, _)| *listed == path) {
        *listing = Listing::default();
    }
    std::fs::remove_dir(path).map_err(refused)?;
    Ok(vm.receiver())
}

/// The character between the parts of a path.
pub(super) fn delimitor(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::character(u32::from('/')))
}

/// The path in an argument; the working directory when it is empty.
fn directory_argument(vm: &Vm, index: usize) -> Result<PathBuf, Failure> {
    let path = path_argument(vm, index)?;
    Ok(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
}

/// The entry of a directory by index from 1 (path, index); nil past the last.
pub(super) fn lookup(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let index = vm.size_argument(1).map_err(|_| Failure::Generic)?;
    let path = directory_argument(vm, 0)?;
    if index == 0 {
        return Err(Failure::Generic);
    }
    let name = nth_name(vm.modules.state::<Listing>(), &path, index).map_err(refused)?;
    match name {
        Some(name) => make_entry(vm, &path.join(&name), name.as_os_str().as_bytes()),
        None => Ok(vm.heap.nil()),
    }
}

/// The name of the `index`-th entry (from 1). Goes on where the last call stopped, or starts again.
fn nth_name(listing: &mut Listing, path: &Path, index: usize) -> io::Result<Option<PathBuf>> {
    let goes_on = listing.last.checked_add(1) == Some(index)
        && listing.directory.as_ref().is_some_and(|(listed, _)| listed == path);
    if !goes_on {
        *listing = Listing::default();
        listing.directory = Some((path.to_path_buf(), std::fs::read_dir(path)?));
    }
    let skipped = index - listing.last - 1;
    listing.last = index;
    let Some((_, entries)) = &mut listing.directory else { return Ok(None) };
    match entries.nth(skipped) {
        Some(entry) => Ok(Some(PathBuf::from(entry?.file_name()))),
        None => {
            *listing = Listing::default();
            Ok(None)
        }
    }
}

/// The entry with a name (path, name); nil when there is none.
pub(super) fn entry(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let path = directory_argument(vm, 0)?;
    let name = path_argument(vm, 1)?;
    let mut whole = path.into_os_string();
    whole.push("/");
    whole.push(&name);
    let whole = PathBuf::from(whole);
    if whole.symlink_metadata().is_err() {
        return Ok(vm.heap.nil());
    }
    make_entry(vm, &whole, name.as_os_str().as_bytes())
}

/// The array for the file `path`; all zero but the name when the system tells nothing about it.
fn make_entry(vm: &mut Vm, path: &Path, name: &[u8]) -> PrimitiveResult {
    let metadata = path.metadata().or_else(|_| path.symlink_metadata()).ok();
    let name = vm.string_object(name)?;
    let (mut changed, mut modified, mut size, mut mode) = (0, 0, 0, 0);
    let (mut is_directory, mut is_link) = (false, false);
    if let Some(metadata) = metadata {
        changed = file_time(vm, metadata.ctime());
        modified = file_time(vm, metadata.mtime());
        is_directory = metadata.is_dir();
        is_link = metadata.is_symlink();
        size = if is_directory { 0 } else { metadata.len() };
        mode = i64::from(metadata.mode() & 0o777);
    }
    let values = [
        name,
        vm.integer_object(changed)?,
        vm.integer_object(modified)?,
        vm.heap.boolean(is_directory),
        vm.unsigned_object(size)?,
        Oop::small_integer(mode),
        vm.heap.boolean(is_link),
    ];
    vm.array_object(&values)
}

/// Type and creator of a file, which only a Macintosh has: accepted.
pub(super) fn mac_type(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(3)?;
    path_argument(vm, 0)?;
    for index in 1..3 {
        if vm.bytes_argument(index)?.len() != 4 {
            return Err(Failure::Generic);
        }
    }
    Ok(vm.receiver())
}

/// Remove a file or an empty directory (name), as C's `remove`.
pub(super) fn delete_file(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let path = path_argument(vm, 0)?;
    let is_directory = path.symlink_metadata().map_err(refused)?.is_dir();
    let removed = if is_directory { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
    removed.map_err(refused)?;
    Ok(vm.receiver())
}

/// Rename (old, new).
pub(super) fn rename(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (old, new) = (path_argument(vm, 0)?, path_argument(vm, 1)?);
    std::fs::rename(old, new).map_err(refused)?;
    Ok(vm.receiver())
}

/// The working directory, as a String of the bytes of its path.
pub(super) fn get_working_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    let path = std::env::current_dir().map_err(refused)?.into_os_string().into_vec();
    vm.string_object(&path)
}

/// Change the working directory (path).
pub(super) fn set_working_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let path = path_argument(vm, 0)?;
    std::env::set_current_dir(path).map_err(refused)?;
    Ok(vm.receiver())
}
