//! Files that the image has open: the table behind the handles of FilePlugin, and what OSProcess and
//! Aio ask of them.
//!
//! A handle is a ByteArray of [`RECORD_BYTES`] bytes, laid out as the record of the OpenSmalltalk VM
//! (`FilePlugin.h`), because images look inside: the session, then where C has a pointer the number of
//! an entry of [`Files`]. A handle that was saved in an image, closed, or made up finds no entry and
//! fails.
//!
//! ```text
//!  0 session i32     4 zero     8 file number u64
//! 16 writable u8    17 last operation u8    18 last character u8    19 standard stream u8    20 zero
//! ```

pub mod channel;
pub mod stream;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rustix::io::DupFlags;

use self::channel::Channel;
use self::stream::FileStream;
use crate::session;

/// Bytes of a file handle.
pub const RECORD_BYTES: usize = 24;
/// Bytes of the session in it.
pub const SESSION_BYTES: usize = 4;

const NUMBER_AT: usize = 8;
const WRITABLE_AT: usize = 16;
const STANDARD_STREAM_AT: usize = 19;

/// The open files of an isolate.
#[derive(Debug)]
pub struct Files {
    session: i32,
    next_number: u64,
    open: BTreeMap<u64, FileStream>,
    /// The numbers of the standard streams, once somebody asked for them.
    standard: [Option<u64>; 3],
    /// Descriptors that the image knows by number, and owns.
    descriptors: BTreeMap<RawFd, OwnedFd>,
}

impl Default for Files {
    fn default() -> Self {
        Files {
            session: session::number(),
            next_number: 1,
            open: BTreeMap::new(),
            standard: [None; 3],
            descriptors: BTreeMap::new(),
        }
    }
}

impl Files {
    /// The session that handles made now belong to.
    pub fn session(&self) -> i32 {
        self.session
    }

    /// Add an open file; the record of its handle.
    pub fn add(&mut self, stream: FileStream) -> [u8; RECORD_BYTES] {
        let number = self.next_number;
        self.next_number += 1;
        let record = self.record(number, &stream);
        self.open.insert(number, stream);
        record
    }

    /// The record of a handle for a standard stream. All handles of one stream share its buffer.
    pub fn standard(&mut self, channel: Channel) -> [u8; RECORD_BYTES] {
        let index = match channel {
            Channel::Output => 1,
            Channel::Error => 2,
            _ => 0,
        };
        let known = self.standard[index];
        if let Some(number) = known
            && let Some(stream) = self.open.get(&number)
        {
            return self.record(number, stream);
        }
        self.standard[index] = Some(self.next_number);
        self.add(FileStream::standard(channel))
    }

    fn record(&self, number: u64, stream: &FileStream) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[..SESSION_BYTES].copy_from_slice(&self.session.to_le_bytes());
        record[NUMBER_AT..NUMBER_AT + 8].copy_from_slice(&number.to_le_bytes());
        record[WRITABLE_AT] = u8::from(stream.is_writable());
        record[STANDARD_STREAM_AT] = u8::from(stream.is_standard_stream());
        record
    }

    /// The number in a record of this session.
    fn number(&self, record: &[u8]) -> Result<u64, Failure> {
        let session = record.first_chunk().map(|bytes| i32::from_le_bytes(*bytes));
        if record.len() != RECORD_BYTES || session != Some(self.session) {
            return Err(Failure::Generic);
        }
        let number = record[NUMBER_AT..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        number.ok_or(Failure::Generic)
    }

    /// The open file of a handle with this record.
    ///
    /// # Errors
    /// [`Failure::Generic`] when it is none.
    pub fn get(&mut self, record: &[u8]) -> Result<&mut FileStream, Failure> {
        let number = self.number(record)?;
        self.open.get_mut(&number).ok_or(Failure::Generic)
    }

    /// Take the file of a handle out of the table.
    ///
    /// # Errors
    /// [`Failure::Generic`] when it is none.
    pub fn remove(&mut self, record: &[u8]) -> Result<FileStream, Failure> {
        let number = self.number(record)?;
        self.open.remove(&number).ok_or(Failure::Generic)
    }

    /// Write out everything that is still in buffers. Errors are dropped: there is nobody left to tell.
    pub fn flush_all(&mut self) {
        for stream in self.open.values_mut() {
            let _ = stream.flush();
        }
    }

    /// Give a descriptor to the image; its number.
    pub fn adopt(&mut self, descriptor: OwnedFd) -> RawFd {
        let number = descriptor.as_raw_fd();
        self.descriptors.insert(number, descriptor);
        number
    }

    /// A descriptor that the image knows by number: its own, an open file's, or a standard one.
    pub fn descriptor(&self, number: RawFd) -> Option<BorrowedFd<'_>> {
        if let Some(descriptor) = self.descriptors.get(&number) {
            return Some(descriptor.as_fd());
        }
        let mut channels = self.open.values().map(FileStream::channel);
        let channel = channels.find(|channel| channel.as_fd().as_raw_fd() == number);
        channel.map(Channel::as_fd).or_else(|| channel::standard(number))
    }

    /// Make what the image knows as descriptor `number` another name of `source`, as `dup2` does.
    ///
    /// # Errors
    /// When the system refuses or the number belongs to somebody else.
    pub fn redirect(&mut self, number: RawFd, source: &OwnedFd) -> io::Result<()> {
        match number {
            0 => return Ok(rustix::stdio::dup2_stdin(source)?),
            1 => return Ok(rustix::stdio::dup2_stdout(source)?),
            2 => return Ok(rustix::stdio::dup2_stderr(source)?),
            _ => {}
        }
        if let Some(descriptor) = self.descriptors.get_mut(&number) {
            return Ok(rustix::io::dup3(source, descriptor, DupFlags::CLOEXEC)?);
        }
        let mut open = self.open.values_mut();
        let stream = open.find(|s| s.channel().as_fd().as_raw_fd() == number);
        if let Some(stream) = stream {
            return stream.redirect(source);
        }
        // A number that is free can be had, one of somebody else cannot.
        let new = rustix::io::fcntl_dupfd_cloexec(source, number)?;
        if new.as_raw_fd() != number {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.adopt(new);
        Ok(())
    }

    /// Turn a descriptor that the image knows by number into what a stream reads and writes.
    pub fn take_channel(&mut self, number: RawFd) -> Option<Channel> {
        match self.descriptors.remove(&number) {
            Some(descriptor) => Some(Channel::Owned(descriptor)),
            None => Channel::standard(number),
        }
    }

    /// Close what the image knows by number. Whether there was anything. A file or standard stream with
    /// that descriptor keeps the number and stays open, as a C `FILE` would, though it reads and writes
    /// nothing: OSProcess closes a descriptor to give its number to another file.
    pub fn close_descriptor(&mut self, number: RawFd) -> bool {
        if self.descriptors.remove(&number).is_some() {
            return true;
        }
        let is_known = channel::standard(number).is_some()
            || self.open.values().any(|stream| stream.channel().as_fd().as_raw_fd() == number);
        let nothing = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
        is_known && nothing.is_ok_and(|nothing| self.redirect(number, &nothing.into()).is_ok())
    }
}

/// Do something with the open file of the handle `handle`.
///
/// # Errors
/// [`Failure::Generic`] when it is no handle of an open file, and what `action` says.
pub fn with_stream<R>(
    vm: &mut Vm,
    handle: Oop,
    action: impl FnOnce(&mut FileStream) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let record = record_of(vm, handle)?;
    action(vm.modules.state::<Files>().get(&record)?)
}

/// The record in a handle.
///
/// # Errors
/// [`Failure::Generic`] when it is no byte object of the right size.
pub fn record_of(vm: &Vm, handle: Oop) -> Result<[u8; RECORD_BYTES], Failure> {
    let bytes = vm.bytes_of(handle).ok_or(Failure::Generic)?;
    bytes.try_into().map_err(|_| Failure::Generic)
}

/// A handle for an open file, as a ByteArray.
///
/// # Errors
/// [`Failure::NoMemory`].
pub fn handle_for(vm: &mut Vm, stream: FileStream) -> PrimitiveResult {
    let handle = vm.byte_array_object(&[0; RECORD_BYTES])?;
    let record = vm.modules.state::<Files>().add(stream);
    vm.heap.bytes_mut(handle).copy_from_slice(&record);
    Ok(handle)
}

/// Whether a record names a standard stream as such.
pub fn names_standard_stream(record: &[u8; RECORD_BYTES]) -> bool {
    record[STANDARD_STREAM_AT] != 0
}

/// A handle for a standard stream that looks like one of any file, as OSProcess makes them: images
/// may ask for its size.
///
/// # Errors
/// [`Failure::NoMemory`].
pub fn plain_standard_handle(vm: &mut Vm, channel: Channel) -> PrimitiveResult {
    let mut record = vm.modules.state::<Files>().standard(channel);
    record[STANDARD_STREAM_AT] = 0;
    vm.byte_array_object(&record)
}

/// A handle for a standard stream.
///
/// # Errors
/// [`Failure::NoMemory`].
pub fn standard_handle(vm: &mut Vm, channel: Channel) -> PrimitiveResult {
    let record = vm.modules.state::<Files>().standard(channel);
    vm.byte_array_object(&record)
}
