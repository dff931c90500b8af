//! FilePlugin: opening, reading and writing files; in [`directory`] what concerns names.
//!
//! Source: `FilePlugin.class.st` of VMMaker and `sqFilePluginBasicPrims.c`. Like those it fails without
//! a particular reason (code 1) where the system refuses something.

mod directory;

pub(crate) use directory::file_time;

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::files::channel::Channel;
use crate::files::stream::FileStream;
use crate::files::{
    Files, handle_for, names_standard_stream, record_of, standard_handle, with_stream,
};

/// The module.
pub const MODULE: Module = Module { name: "FilePlugin", rows: ROWS };

/// What the module holds.
const ROWS: &[NamedRow] = &[
    ("primitiveConnectToFileDescriptor", Primitive::Value(connect_to_descriptor)),
    ("primitiveDirectoryCreate", Primitive::Value(directory::create)),
    ("primitiveDirectoryDelete", Primitive::Value(directory::delete)),
    ("primitiveDirectoryDelimitor", Primitive::Value(directory::delimitor)),
    ("primitiveDirectoryEntry", Primitive::Value(directory::entry)),
    ("primitiveDirectoryGetMacTypeAndCreator", Primitive::Value(directory::mac_type)),
    ("primitiveDirectoryLookup", Primitive::Value(directory::lookup)),
    ("primitiveDirectorySetMacTypeAndCreator", Primitive::Value(directory::mac_type)),
    ("primitiveFileAtEnd", Primitive::Value(at_end)),
    ("primitiveFileClose", Primitive::Value(close)),
    ("primitiveFileDelete", Primitive::Value(directory::delete_file)),
    ("primitiveFileDescriptorType", Primitive::Value(descriptor_type)),
    ("primitiveFileFlush", Primitive::Value(flush)),
    ("primitiveFileGetPosition", Primitive::Value(get_position)),
    ("primitiveFileOpen", Primitive::Value(open)),
    ("primitiveFileOpenNew", Primitive::Value(open_new)),
    ("primitiveFileRead", Primitive::Value(read)),
    ("primitiveFileRename", Primitive::Value(directory::rename)),
    ("primitiveFileSetPosition", Primitive::Value(set_position)),
    ("primitiveFileSize", Primitive::Value(size)),
    ("primitiveFileStdioHandles", Primitive::Value(stdio_handles)),
    ("primitiveFileSync", Primitive::Value(sync)),
    ("primitiveFileTruncate", Primitive::Value(truncate)),
    ("primitiveFileWrite", Primitive::Value(write)),
    ("primitiveGetWorkingDirectory", Primitive::Value(directory::get_working_directory)),
    ("primitiveHasFileAccess", Primitive::Value(has_file_access)),
    ("primitiveSetWorkingDirectory", Primitive::Value(directory::set_working_directory)),
    ("primitiveWaitForDataWithSemaphore", Primitive::Value(wait_for_data)),
];

/// What a refusal of the system is to the image.
pub(crate) fn refused(_: io::Error) -> Failure {
    Failure::Generic
}

/// A path from the bytes of the argument `index`.
pub(crate) fn path_argument(vm: &Vm, index: usize) -> Result<PathBuf, Failure> {
    let bytes = vm.bytes_of(vm.argument(index)).ok_or(Failure::Generic)?;
    if bytes.contains(&0) || bytes.len() >= libc::PATH_MAX as usize {
        return Err(Failure::Generic);
    }
    Ok(PathBuf::from(OsStr::from_bytes(bytes)))
}

/// Open with the mode that C's `fopen` gives a new file, not to be inherited by other programs.
fn open_path(path: &PathBuf, flags: OFlags, mode: u32) -> Result<OwnedFd, Errno> {
    loop {
        match rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(mode)) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Create a file that must not exist yet, for reading too where the directory lets us.
fn create(path: &PathBuf) -> Result<OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL;
    match open_path(path, flags | OFlags::RDWR, 0o666) {
        Err(Errno::ACCESS) => open_path(path, flags | OFlags::WRONLY, 0o222),
        result => result,
    }
}

/// Open for writing what exists, keeping its contents, or create it.
fn open_for_writing(path: &PathBuf) -> Result<OwnedFd, Errno> {
    let existing = || match open_path(path, OFlags::RDWR, 0) {
        Err(Errno::ACCESS) => open_path(path, OFlags::WRONLY, 0),
        result => result,
    };
    match existing() {
        // Somebody else may create it meanwhile.
        Err(Errno::NOENT) => match create(path) {
            Err(Errno::EXIST) => existing(),
            result => result,
        },
        result => result,
    }
}

/// Open (name, for writing).
fn open(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let path = path_argument(vm, 0)?;
    let writable = vm.boolean_argument(1)?;
    let opened = match writable {
        true => open_for_writing(&path),
        false => open_path(&path, OFlags::RDONLY, 0),
    };
    let descriptor = opened.map_err(|_| Failure::Generic)?;
    handle_for(vm, FileStream::new(Channel::Owned(descriptor), writable))
}

/// Create (name); when it exists already the failure is "inappropriate".
fn open_new(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let path = path_argument(vm, 0)?;
    let descriptor = create(&path).map_err(|error| match error {
        Errno::EXIST => Failure::Inappropriate,
        _ => Failure::Generic,
    })?;
    handle_for(vm, FileStream::new(Channel::Owned(descriptor), true))
}

/// A handle for a descriptor that the image knows by number (number, for writing).
fn connect_to_descriptor(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let number = i32::try_from(vm.integer_argument(0)?).map_err(|_| Failure::BadArgument)?;
    let writable = vm.boolean_argument(1)?;
    let channel = vm.modules.state::<Files>().take_channel(number).ok_or(Failure::Generic)?;
    handle_for(vm, FileStream::new(channel, writable))
}

/// An array of handles for standard input, output and error.
fn stdio_handles(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    let mut handles = [vm.heap.nil(); 3];
    for (handle, channel) in
        handles.iter_mut().zip([Channel::Input, Channel::Output, Channel::Error])
    {
        *handle = standard_handle(vm, channel)?;
    }
    vm.array_object(&handles)
}

/// What kind of thing a descriptor (number) is: 1 terminal, 2 pipe, 3 file, −1 none.
fn descriptor_type(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = i32::try_from(vm.integer_argument(0)?).map_err(|_| Failure::BadArgument)?;
    let kind = match vm.modules.state::<Files>().descriptor(number) {
        None => -1,
        Some(descriptor) if rustix::termios::isatty(descriptor) => 1,
        Some(descriptor) => match rustix::fs::fstat(descriptor) {
            Err(_) => -1,
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Fifo => 2,
            Ok(_) => 3,
        },
    };
    Ok(Oop::small_integer(kind))
}

/// Close (handle).
fn close(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let record = record_of(vm, handle)?;
    let mut stream = vm.modules.state::<Files>().remove(&record)?;
    if let Some(bytes) = vm.bytes_of_mut(handle) {
        bytes.fill(0);
    }
    stream.flush().map_err(refused)?;
    Ok(vm.receiver())
}

/// Whether the end is reached (handle).
fn at_end(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let at_end = with_stream(vm, handle, |stream| Ok(stream.is_at_end()))?;
    Ok(vm.heap.boolean(at_end))
}

/// Write out what waits in the buffer (handle).
fn flush(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    with_stream(vm, handle, |stream| stream.flush().map_err(refused))?;
    Ok(vm.receiver())
}

/// Write what was flushed to the device (handle).
fn sync(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    with_stream(vm, handle, |stream| stream.sync().map_err(refused))?;
    Ok(vm.receiver())
}

/// The position (handle).
fn get_position(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let position = with_stream(vm, handle, |stream| stream.position().map_err(refused))?;
    vm.unsigned_object(position)
}

/// The size (handle).
fn size(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    if names_standard_stream(&record_of(vm, handle)?) {
        return Err(Failure::Generic);
    }
    let size = with_stream(vm, handle, |stream| stream.size().map_err(refused))?;
    vm.unsigned_object(size)
}

/// A file offset from the argument `index`.
fn offset_argument(vm: &Vm, index: usize) -> Result<u64, Failure> {
    let offset = vm.unsigned_64_of(vm.argument(index)).ok_or(Failure::Generic)?;
    if i64::try_from(offset).is_ok() { Ok(offset) } else { Err(Failure::Generic) }
}

/// Go to a position (handle, position).
fn set_position(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (handle, position) = (vm.argument(0), offset_argument(vm, 1)?);
    with_stream(vm, handle, |stream| stream.set_position(position).map_err(refused))?;
    Ok(vm.receiver())
}

/// Cut off or extend (handle, size).
fn truncate(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (handle, size) = (vm.argument(0), offset_argument(vm, 1)?);
    with_stream(vm, handle, |stream| stream.truncate(size).map_err(refused))?;
    Ok(vm.receiver())
}

/// Part of a buffer of bytes or words, in bytes.
struct Part {
    buffer: Oop,
    start: usize,
    end: usize,
    element_bytes: usize,
}

/// The buffer, first index (from 1) and count in the arguments 1 to 3.
fn part_arguments(vm: &Vm) -> Result<Part, Failure> {
    let buffer = vm.argument(1);
    let start = vm.unsigned_64_of(vm.argument(2)).ok_or(Failure::BadArgument)?;
    let count = vm.unsigned_64_of(vm.argument(3)).ok_or(Failure::BadArgument)?;
    if !buffer.is_pointer() || !vm.heap.format(buffer).is_bits() {
        return Err(Failure::BadArgument);
    }
    let elements = vm.heap.element_count(buffer);
    let start = start.checked_sub(1).ok_or(Failure::BadIndex)?;
    let end = start.checked_add(count).filter(|end| *end <= elements).ok_or(Failure::BadIndex)?;
    let shift = vm.heap.format(buffer).element_shift();
    Ok(Part {
        buffer,
        start: (start << shift) as usize,
        end: (end << shift) as usize,
        element_bytes: 1 << shift,
    })
}

/// Read (handle, buffer, first index, count); how many elements.
fn read(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    let part = part_arguments(vm)?;
    if vm.heap.header(part.buffer).is_immutable() {
        return Err(Failure::NoModification);
    }
    let record = record_of(vm, vm.argument(0))?;
    let Vm { heap, modules, .. } = vm;
    let target = &mut heap.bytes_mut(part.buffer)[part.start..part.end];
    let count = modules.state::<Files>().get(&record)?.read(target).map_err(refused)?;
    Ok(Oop::small_integer((count / part.element_bytes) as i64))
}

/// Write (handle, buffer, first index, count); how many elements.
fn write(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    let part = part_arguments(vm)?;
    let record = record_of(vm, vm.argument(0))?;
    let Vm { heap, modules, .. } = vm;
    let source = &heap.bytes(part.buffer)[part.start..part.end];
    modules.state::<Files>().get(&record)?.write(source).map_err(refused)?;
    Ok(Oop::small_integer((source.len() / part.element_bytes) as i64))
}

/// Whether files may be used at all: there is no sandbox.
fn has_file_access(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.true_object())
}

/// Signal an external semaphore when there is something to read (handle, semaphore).
fn wait_for_data(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (handle, semaphore) = (vm.argument(0), vm.size_argument(1)?);
    let number = with_stream(vm, handle, |stream| Ok(stream.channel().as_fd().as_raw_fd()))?;
    crate::aio_plugin::wait_for_data(vm, number, semaphore)?;
    Ok(vm.receiver())
}
