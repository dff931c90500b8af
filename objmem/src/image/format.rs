//! The header of a 64-bit Spur image file, and what may be wrong with such a file.
//!
//! ```text
//!  0 format u32      4 header size u32   8 data bytes      16 saved base     24 special objects
//! 32 last hash      40 screen size      48 flags           56 extra memory u32
//! 60 stack pages u16  62 code KiB u16   64 eden bytes u32  68 semaphores u16  70 version u16
//! 72 first segment bytes                80 free bytes      88 … zero
//! ```
//!
//! All little-endian. Sources: `SpurImageReader>>#readHeaderFrom…`, `SpurImageWriter>>#writeHeader:
//! toFile:`. Knows nothing of what the data hold.

use std::io;

use thiserror::Error;

/// Format number of a 64-bit Spur image.
pub const SPUR_64: u32 = 68_021;
/// Format number of a 64-bit Spur image that may use the Sista bytecodes.
pub const SPUR_64_SISTA: u32 = 68_533;
/// Bytes of a header as Spur and Rowel write it.
pub const HEADER_BYTES: u32 = 128;
/// Bytes of a header that carry something.
pub const HEADER_BYTES_USED: usize = 88;

/// What the header of an image says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImageHeader {
    /// [`SPUR_64`] or [`SPUR_64_SISTA`].
    pub format: u32,
    /// Bytes of the header: the data start here.
    pub header_bytes: u32,
    /// Bytes of all segments together.
    pub data_bytes: u64,
    /// The address that the first object had when the image was saved.
    pub saved_base: u64,
    /// The special objects array, as a saved address.
    pub special_objects: u64,
    /// The last identity hash handed out.
    pub last_hash: u64,
    /// Width (high 16 bits) and height (low 16 bits) of the window.
    pub screen_size: u64,
    /// Flags for the interpreter, uninterpreted here.
    pub flags: u64,
    /// Extra memory asked for, in bytes.
    pub extra_memory: u32,
    /// Stack pages that the image asks for; 0 for the VM's own choice.
    pub stack_pages: u16,
    /// Machine code zone that the image asks for; 0 for the VM's own choice.
    pub code_size: u16,
    /// Bytes of eden that the image asks for; 0 for the VM's own choice.
    pub eden_bytes: u32,
    /// Size of the table of external semaphores; 0 for the VM's own choice.
    pub max_semaphores: u16,
    /// The image's own version number, 0 for most.
    pub image_version: u16,
    /// Bytes of the first segment, its bridge included.
    pub first_segment_bytes: u64,
    /// Free bytes among the data.
    pub free_bytes: u64,
}

/// What is wrong with an image file, and where.
#[derive(Debug, Error)]
#[error("{problem} (at byte {offset} of the image file)")]
pub struct ImageError {
    /// Offset in the file.
    pub offset: u64,
    /// What is wrong.
    pub problem: ImageProblem,
}

/// The kinds of trouble with an image file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageProblem {
    /// No format number of any Smalltalk image.
    #[error("this is not a Smalltalk image (it starts with {0:#x})")]
    NotAnImage(u32),
    /// A 32-bit Spur image.
    #[error("this is a 32-bit image (format {0}); Rowel runs 64-bit Spur images only")]
    ThirtyTwoBit(u32),
    /// An image older than Spur.
    #[error("this image is older than Spur (format {0}); convert it to 64-bit Spur first")]
    BeforeSpur(u32),
    /// A big-endian image.
    #[error("this image was saved on a machine with the other byte order (format {0})")]
    ByteSwapped(u32),
    /// The file ends early.
    #[error("the file is truncated: {needed} bytes are needed, it has {present}")]
    Truncated {
        /// Bytes that the header asks for.
        needed: u64,
        /// Bytes of the file.
        present: u64,
    },
    /// A number that cannot be right.
    #[error("the image is damaged: {what} is {value:#x}")]
    Bad {
        /// What the number means.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// The options leave no room.
    #[error("the options are impossible: {0}")]
    Options(&'static str),
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl ImageError {
    /// `problem` at `offset` of the file.
    pub fn at(offset: u64, problem: ImageProblem) -> ImageError {
        ImageError { offset, problem }
    }

    /// A number at `offset` that cannot be right.
    pub fn bad(offset: u64, what: &'static str, value: u64) -> ImageError {
        ImageError { offset, problem: ImageProblem::Bad { what, value } }
    }
}

impl From<io::Error> for ImageError {
    fn from(error: io::Error) -> ImageError {
        ImageError { offset: 0, problem: ImageProblem::Io(error) }
    }
}

/// The little-endian integer of `N` bytes at `offset` of `bytes`, which are long enough.
fn integer<const N: usize>(bytes: &[u8; HEADER_BYTES_USED], offset: usize) -> u64 {
    bytes[offset..offset + N].iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// The bit of the flags that has weak objects queued as mourners.
const QUEUE_WEAK_FLAG: u64 = 1 << 6;

impl ImageHeader {
    /// Whether weak objects that lose references become mourners.
    #[must_use]
    pub fn queues_weak(&self) -> bool {
        self.flags & QUEUE_WEAK_FLAG != 0
    }

    /// The header at the start of `bytes`, of a file of `file_bytes` bytes.
    ///
    /// # Errors
    /// When it is none of a 64-bit Spur image, or its sizes do not fit the file.
    pub fn parse(bytes: &[u8], file_bytes: u64) -> Result<ImageHeader, ImageError> {
        let truncated = |needed| {
            ImageError::at(file_bytes, ImageProblem::Truncated { needed, present: file_bytes })
        };
        let Some(format) = bytes.first_chunk().map(|word| u32::from_le_bytes(*word)) else {
            return Err(truncated(u64::from(HEADER_BYTES)));
        };
        check_format(format).map_err(|problem| ImageError::at(0, problem))?;
        let Some(used) = bytes.first_chunk() else {
            return Err(truncated(u64::from(HEADER_BYTES)));
        };
        let header = Self::decode(used);
        header.check_sizes()?;
        let needed = u64::from(header.header_bytes) + header.data_bytes;
        if needed > file_bytes { Err(truncated(needed)) } else { Ok(header) }
    }

    fn decode(b: &[u8; HEADER_BYTES_USED]) -> ImageHeader {
        ImageHeader {
            format: integer::<4>(b, 0) as u32,
            header_bytes: integer::<4>(b, 4) as u32,
            data_bytes: integer::<8>(b, 8),
            saved_base: integer::<8>(b, 16),
            special_objects: integer::<8>(b, 24),
            last_hash: integer::<8>(b, 32),
            screen_size: integer::<8>(b, 40),
            flags: integer::<8>(b, 48),
            extra_memory: integer::<4>(b, 56) as u32,
            stack_pages: integer::<2>(b, 60) as u16,
            code_size: integer::<2>(b, 62) as u16,
            eden_bytes: integer::<4>(b, 64) as u32,
            max_semaphores: integer::<2>(b, 68) as u16,
            image_version: integer::<2>(b, 70) as u16,
            first_segment_bytes: integer::<8>(b, 72),
            free_bytes: integer::<8>(b, 80),
        }
    }

    fn check_sizes(&self) -> Result<(), ImageError> {
        let header_bytes = u64::from(self.header_bytes);
        let least = HEADER_BYTES_USED as u64;
        if header_bytes < least || header_bytes > 1 << 16 || !header_bytes.is_multiple_of(8) {
            return Err(ImageError::bad(4, "the size of the header", header_bytes));
        }
        if !self.data_bytes.is_multiple_of(8) || self.data_bytes < 16 || self.data_bytes > 1 << 40 {
            return Err(ImageError::bad(8, "the size of the data", self.data_bytes));
        }
        if !self.saved_base.is_multiple_of(8) || self.saved_base > 1 << 56 {
            return Err(ImageError::bad(16, "the saved base address", self.saved_base));
        }
        let first = self.first_segment_bytes;
        if !first.is_multiple_of(8) || first < 16 || first > self.data_bytes {
            return Err(ImageError::bad(72, "the size of the first segment", first));
        }
        Ok(())
    }

    /// The header as it stands in a file, [`header_bytes`](Self::header_bytes) long (at least 88).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.header_bytes as usize);
        bytes.extend(self.format.to_le_bytes());
        bytes.extend(self.header_bytes.to_le_bytes());
        for word in [
            self.data_bytes,
            self.saved_base,
            self.special_objects,
            self.last_hash,
            self.screen_size,
            self.flags,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.extra_memory.to_le_bytes());
        bytes.extend(self.stack_pages.to_le_bytes());
        bytes.extend(self.code_size.to_le_bytes());
        bytes.extend(self.eden_bytes.to_le_bytes());
        bytes.extend(self.max_semaphores.to_le_bytes());
        bytes.extend(self.image_version.to_le_bytes());
        bytes.extend(self.first_segment_bytes.to_le_bytes());
        bytes.extend(self.free_bytes.to_le_bytes());
        let bytes_in_all = (self.header_bytes as usize).max(HEADER_BYTES_USED);
        bytes.resize(bytes_in_all, 0);
        bytes
    }
}

fn check_format(format: u32) -> Result<(), ImageProblem> {
    let kind = |number| match number {
        SPUR_64 | SPUR_64_SISTA => Some(ImageProblem::ByteSwapped(number)),
        6521 | 7033 => Some(ImageProblem::ThirtyTwoBit(number)),
        6502 | 6504 | 6505 | 68_000 | 68_002 | 68_003 => Some(ImageProblem::BeforeSpur(number)),
        _ => None,
    };
    let swapped = format.swap_bytes();
    match format {
        SPUR_64 | SPUR_64_SISTA => Ok(()),
        _ => Err(kind(format)
            .or_else(|| kind(swapped).map(|_| ImageProblem::ByteSwapped(swapped)))
            .unwrap_or(ImageProblem::NotAnImage(format))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> ImageHeader {
        ImageHeader {
            format: SPUR_64,
            header_bytes: HEADER_BYTES,
            data_bytes: 64,
            saved_base: 0x1_0000_0080,
            screen_size: 0x0400_0300,
            eden_bytes: 1 << 20,
            image_version: 7,
            first_segment_bytes: 64,
            free_bytes: 8,
            ..ImageHeader::default()
        }
    }

    #[test]
    fn headers_round_trip() {
        let bytes = header().to_bytes();
        assert_eq!(bytes.len(), 128);
        assert_eq!(ImageHeader::parse(&bytes, 192).expect("a header"), header());
        assert!(ImageHeader::parse(&bytes, 191).is_err());
        for length in 0..HEADER_BYTES_USED {
            assert!(ImageHeader::parse(&bytes[..length], length as u64).is_err());
        }
    }

    #[test]
    fn other_formats_are_named() {
        let message = |format: u32| {
            let bytes = ImageHeader { format, ..header() }.to_bytes();
            ImageHeader::parse(&bytes, 192).expect_err("foreign").to_string()
        };
        assert!(message(6521).contains("32-bit"));
        assert!(message(6505).contains("older than Spur"));
        assert!(message(SPUR_64.swap_bytes()).contains("byte order"));
        assert!(message(0x464C_457F).contains("not a Smalltalk image"));
    }
}
