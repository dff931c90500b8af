//! Words on their way to a file, many at a time.

use std::fs::File;
use std::io::{self, Write};

/// Bytes that are written at once.
const CHUNK: usize = 1 << 20;

/// A file being written.
pub struct Output {
    file: File,
    buffer: Vec<u8>,
}

impl Output {
    pub fn new(file: File) -> Output {
        Output { file, buffer: Vec::with_capacity(CHUNK + 64) }
    }

    /// Write a word, little-endian.
    #[inline]
    pub fn word(&mut self, word: u64) -> io::Result<()> {
        self.buffer.extend_from_slice(&word.to_le_bytes());
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Write bytes as they are.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > CHUNK / 4 {
            self.flush()?;
            return self.file.write_all(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    #[cold]
    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// The file, with everything written to it.
    pub fn finish(mut self) -> io::Result<File> {
        self.flush()?;
        Ok(self.file)
    }
}
