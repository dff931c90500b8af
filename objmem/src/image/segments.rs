//! Where the segments of an image file lie, and the bridges between them.
//!
//! The last two words of a segment are its bridge. The first is an overflow count word (how many
//! words lie between this segment and the next one's saved address), or has a count of zero; the
//! second is the size of the next segment, zero after the last. Source:
//! `SpurImageReader>>#readSegmentsFromImageFile:header:`.

use super::format::{ImageError, ImageHeader};
use crate::header::{OVERFLOW_COUNT_MASK, SLOTS_SHIFT};

/// Bytes of a bridge.
pub const BRIDGE_BYTES: u64 = 16;

/// One segment of an image file, without its bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The saved address of its first object.
    pub saved: u64,
    /// Where it starts, in bytes from the start of the data.
    pub offset: u64,
    /// Where it goes when segments are joined, in bytes from the start of the boot region.
    pub joined: u64,
    /// Its bytes, without the bridge.
    pub bytes: u64,
}

/// The data of an image file as words.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// The bytes after the header; a multiple of eight.
    pub bytes: &'a [u8],
    /// Bytes of the header, for the positions that errors carry.
    pub header_bytes: u64,
}

impl Data<'_> {
    /// The word at `offset`, which lies inside.
    #[inline(always)]
    pub fn word(&self, offset: u64) -> u64 {
        let at = offset as usize;
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes[at..at + 8]);
        u64::from_le_bytes(word)
    }

    /// The error that the number at `offset` of the data is wrong.
    #[cold]
    pub fn bad(&self, offset: u64, what: &'static str, value: u64) -> ImageError {
        ImageError::bad(self.header_bytes + offset, what, value)
    }
}

/// The segments of the image, in ascending order of saved addresses.
///
/// # Errors
/// When the bridges do not lead to exactly the end of the data.
pub fn segments(header: &ImageHeader, data: Data) -> Result<Vec<Segment>, ImageError> {
    let mut segments = Vec::new();
    let (mut offset, mut saved, mut joined) = (0, header.saved_base, 0);
    let mut bytes = header.first_segment_bytes;
    let data_bytes = data.bytes.len() as u64;
    while bytes != 0 {
        if !bytes.is_multiple_of(8) || bytes < BRIDGE_BYTES || bytes > data_bytes - offset {
            return Err(data.bad(offset, "the size of a segment", bytes));
        }
        let bridge = offset + bytes - BRIDGE_BYTES;
        segments.push(Segment { saved, offset, joined, bytes: bytes - BRIDGE_BYTES });
        let first = data.word(bridge);
        let span = if first >> SLOTS_SHIFT == 0 { 0 } else { (first & OVERFLOW_COUNT_MASK) << 3 };
        if span > 1 << 48 || saved > 1 << 57 {
            return Err(data.bad(bridge, "the length of a bridge", span));
        }
        saved += bytes + span;
        joined += bytes - BRIDGE_BYTES;
        offset += bytes;
        bytes = data.word(bridge + 8);
    }
    if offset == data_bytes {
        Ok(segments)
    } else {
        Err(data.bad(offset, "the end of the last segment", offset))
    }
}
