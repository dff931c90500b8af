//! An open file with a buffer, behaving as C's `FILE` does for FilePlugin.
//!
//! Reads may run ahead and writes may lag behind on regular files only; the position that the image
//! sees is exact, and switching between reading and writing keeps it. Pipes, devices and the standard
//! streams are written through at once. Must not know objects. Source of the semantics:
//! `sqFilePluginBasicPrims.c` of the OpenSmalltalk VM.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, SeekFrom};
use rustix::io::{DupFlags, Errno};

use super::channel::Channel;

/// Bytes read ahead, and bytes written late at most.
const BUFFER_BYTES: usize = 8 << 10;

/// An open file.
#[derive(Debug)]
pub struct FileStream {
    channel: Channel,
    writable: bool,
    /// A standard stream; of input, only a terminal counts as one.
    standard: bool,
    /// A regular file: buffered for writing.
    regular: bool,
    unbuffered: bool,
    /// Bytes read ahead; those from `read_at` on were not asked for yet.
    ahead: Vec<u8>,
    read_at: usize,
    /// Bytes to be written.
    late: Vec<u8>,
    /// A read met the end since the last change of position.
    met_end: bool,
    /// The last character read from a terminal, which can be put back.
    last: Option<u8>,
}

impl FileStream {
    /// A stream on `channel`.
    pub fn new(channel: Channel, writable: bool) -> FileStream {
        FileStream {
            regular: is_regular(&channel),
            channel,
            writable,
            standard: false,
            unbuffered: false,
            ahead: Vec::new(),
            read_at: 0,
            late: Vec::new(),
            met_end: false,
            last: None,
        }
    }

    /// A standard stream.
    pub fn standard(channel: Channel) -> FileStream {
        let writable = channel.is_standard_output();
        let standard = writable || rustix::termios::isatty(channel.as_fd());
        let mut stream = FileStream::new(channel, writable);
        stream.standard = standard;
        stream
    }

    /// What it reads and writes.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Read and write what `source` does from now on, under the descriptor that the stream has.
    ///
    /// # Errors
    /// When what waits cannot be written or the system refuses.
    pub fn redirect(&mut self, source: &OwnedFd) -> io::Result<()> {
        self.flush()?;
        let Channel::Owned(descriptor) = &mut self.channel else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        rustix::io::dup3(source, descriptor, DupFlags::CLOEXEC)?;
        self.ahead.clear();
        self.read_at = 0;
        self.met_end = false;
        self.regular = is_regular(&self.channel);
        Ok(())
    }

    /// Whether it was opened for writing.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether it is a standard stream.
    pub fn is_standard_stream(&self) -> bool {
        self.standard
    }

    /// From now on read no more than what is asked for, and write at once.
    ///
    /// # Errors
    /// When what waits to be written cannot be.
    pub fn set_unbuffered(&mut self) -> io::Result<()> {
        self.unbuffered = true;
        self.flush()
    }

    /// Whether a read met the end since the last change of position.
    pub fn has_met_end(&self) -> bool {
        self.met_end
    }

    /// Write out what waits.
    ///
    /// # Errors
    /// When the system refuses; the rest is then kept.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            if done == self.late.len() {
                break Ok(());
            }
            match rustix::io::write(self.channel.as_fd(), &self.late[done..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(error) => break Err(error.into()),
            }
        };
        self.late.drain(..done);
        result
    }

    /// Write to the device, past the caches of the system.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&mut self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.channel.as_fd())?)
    }

    /// Give up what was read ahead: the system's position becomes the one that the image sees.
    fn forget_ahead(&mut self) {
        let unread = (self.ahead.len() - self.read_at) as i64;
        if unread > 0 && self.regular {
            let _ = rustix::fs::seek(self.channel.as_fd(), SeekFrom::Current(-unread));
        }
        if self.regular || unread == 0 {
            self.ahead.clear();
            self.read_at = 0;
        }
    }

    /// Read into `target` until it is full, the end is met, or nothing more can be had now. The number
    /// of bytes.
    ///
    /// # Errors
    /// When nothing could be read because of an error; a descriptor without data that does not block
    /// is none.
    pub fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.writable {
            if self.standard {
                return Err(io::ErrorKind::Unsupported.into());
            }
            self.flush()?;
        }
        self.met_end = false;
        // A terminal gives one character at a time: nobody shall wait for more than a line.
        let wanted = if self.standard { target.len().min(1) } else { target.len() };
        let target = &mut target[..wanted];
        let mut done = self.take_ahead(target);
        while done < wanted {
            let count = match self.read_more(&mut target[done..]) {
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error.into()),
            };
            if count == 0 {
                self.met_end = true;
                break;
            }
            done += count;
        }
        if self.standard && done > 0 {
            self.last = Some(target[done - 1]);
        }
        Ok(done)
    }

    /// Bytes from what was read ahead.
    fn take_ahead(&mut self, target: &mut [u8]) -> usize {
        let ahead = &self.ahead[self.read_at..];
        let count = ahead.len().min(target.len());
        target[..count].copy_from_slice(&ahead[..count]);
        self.read_at += count;
        if self.read_at == self.ahead.len() {
            self.ahead.clear();
            self.read_at = 0;
        }
        count
    }

    /// One read of the system, through the buffer when little is wanted.
    fn read_more(&mut self, target: &mut [u8]) -> Result<usize, Errno> {
        let descriptor = self.channel.as_fd();
        if self.unbuffered || self.standard || target.len() >= BUFFER_BYTES {
            return rustix::io::read(descriptor, target);
        }
        self.ahead.resize(BUFFER_BYTES, 0);
        let result = rustix::io::read(descriptor, &mut self.ahead[..]);
        self.ahead.truncate(result.unwrap_or(0));
        self.read_at = 0;
        result?;
        Ok(self.take_ahead(target))
    }

    /// Write all of `source`.
    ///
    /// # Errors
    /// When the file is not open for writing or the system refuses; part may have been written.
    pub fn write(&mut self, source: &[u8]) -> io::Result<()> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.forget_ahead();
        let direct = self.unbuffered || !self.regular;
        if direct || self.late.len() + source.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if !direct && source.len() < BUFFER_BYTES {
            self.late.extend_from_slice(source);
            return Ok(());
        }
        let mut rest = source;
        while !rest.is_empty() {
            match rustix::io::write(self.channel.as_fd(), rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The position of the next byte.
    ///
    /// # Errors
    /// When the file has none.
    pub fn position(&mut self) -> io::Result<u64> {
        if self.standard && !self.writable {
            return Ok(u64::from(self.last.is_some()));
        }
        let at = rustix::fs::tell(self.channel.as_fd())?;
        Ok(at + self.late.len() as u64 - (self.ahead.len() - self.read_at) as u64)
    }

    /// Go to a position. On a pipe this changes nothing; on a terminal the last character can be put
    /// back.
    ///
    /// # Errors
    /// When what waits to be written cannot be, or for a standard stream.
    pub fn set_position(&mut self, position: u64) -> io::Result<()> {
        if self.standard {
            return self.put_back(position);
        }
        self.flush()?;
        if self.regular {
            self.ahead.clear();
            self.read_at = 0;
        }
        self.met_end = false;
        // As in C: that a pipe has no position is no failure.
        let _ = rustix::fs::seek(self.channel.as_fd(), SeekFrom::Start(position));
        Ok(())
    }

    fn put_back(&mut self, position: u64) -> io::Result<()> {
        match (self.last, position) {
            (Some(_), 1) if !self.writable => Ok(()),
            (Some(last), 0) if !self.writable => {
                self.ahead.insert(self.read_at, last);
                self.last = None;
                Ok(())
            }
            _ => Err(io::ErrorKind::NotSeekable.into()),
        }
    }

    /// The size in bytes, with what waits to be written; 0 for a pipe or socket.
    ///
    /// # Errors
    /// For terminals, and when the system refuses.
    pub fn size(&mut self) -> io::Result<u64> {
        if self.standard && rustix::termios::isatty(self.channel.as_fd()) {
            return Err(io::ErrorKind::NotSeekable.into());
        }
        self.flush()?;
        let at = match rustix::fs::tell(self.channel.as_fd()) {
            // An error would look to the image as if the file were closed.
            Err(Errno::SPIPE) => return Ok(0),
            at => at?,
        };
        let size = rustix::fs::seek(self.channel.as_fd(), SeekFrom::End(0))?;
        rustix::fs::seek(self.channel.as_fd(), SeekFrom::Start(at))?;
        Ok(size)
    }

    /// Cut the file off, or extend it with zeros, to `size` bytes. The position stays.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.flush()?;
        self.forget_ahead();
        Ok(rustix::fs::ftruncate(self.channel.as_fd(), size)?)
    }

    /// Whether there is nothing to read any more. Waits for a pipe to tell; a terminal is at its end
    /// only when a read said so.
    pub fn is_at_end(&mut self) -> bool {
        if self.channel.is_standard_output() {
            return false;
        }
        if self.standard || self.met_end {
            return self.met_end;
        }
        if self.read_at < self.ahead.len() || self.flush().is_err() {
            return false;
        }
        let mut byte = [0];
        match self.read(&mut byte) {
            Ok(0) => self.met_end,
            Ok(_) => {
                self.push_back(byte[0]);
                false
            }
            Err(_) => false,
        }
    }

    /// Undo the read of one byte.
    fn push_back(&mut self, byte: u8) {
        if self.read_at > 0 {
            self.read_at -= 1;
        } else {
            self.ahead.insert(0, byte);
        }
    }
}

/// Whether writing to the channel may wait in a buffer.
fn is_regular(channel: &Channel) -> bool {
    let stat = rustix::fs::fstat(channel.as_fd());
    let regular = stat.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile);
    regular && !channel.is_standard_output()
}

impl Drop for FileStream {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}
