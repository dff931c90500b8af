//! Where the segments of an image file lie, and the bridges between them.
//!
//! The last two words of a segment are its bridge. The first is an overflow count word (how many
//! words lie between this segment and the next one's saved address), or has a count of zero; the
//! second is the size of the next segment, zero after the last. In memory a bridge is an object that
//! spans the gap. Sources: `SpurImageReader>>#readSegmentsFromImageFile:header:`,
//! `SpurSegmentManager>>#bridgeFrom:to:`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::format::{ImageError, ImageHeader};
use crate::cage::Memory;
use crate::format::Format;
use crate::header::{Header, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, PINNED_BIT, SLOTS_SHIFT, WORD};
use crate::layout::BRIDGE_CLASS_INDEX;
use crate::oop::{Address, ClassIndex, Oop};

/// Bytes of a bridge.
pub const BRIDGE_BYTES: u64 = 16;

/// One segment of an image file, without its bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The saved address of its first object.
    pub saved: u64,
    /// Where it starts, in bytes from the start of the file.
    pub offset: u64,
    /// The address that its first object gets.
    pub place: u64,
    /// Its bytes, without the bridge.
    pub bytes: u64,
}

impl Segment {
    /// One past its last address, the bridge not counted.
    pub fn end(&self) -> u64 {
        self.place + self.bytes
    }
}

/// The segments of the image, in ascending order of saved addresses; each still placed where it
/// was saved.
///
/// # Errors
/// When the bridges do not lead to exactly the end of the data.
pub fn segments(header: &ImageHeader, file: &File) -> Result<Vec<Segment>, ImageError> {
    let mut segments = Vec::new();
    let (mut offset, mut saved) = (u64::from(header.header_bytes), header.saved_base);
    let mut bytes = header.first_segment_bytes;
    let end = offset + header.data_bytes;
    while bytes != 0 {
        if !bytes.is_multiple_of(8) || bytes < BRIDGE_BYTES || bytes > end - offset {
            return Err(ImageError::bad(offset, "the size of a segment", bytes));
        }
        let bridge = offset + bytes - BRIDGE_BYTES;
        segments.push(Segment { saved, offset, place: saved, bytes: bytes - BRIDGE_BYTES });
        let first = word_at(file, bridge)?;
        let span = if first >> SLOTS_SHIFT == 0 { 0 } else { (first & OVERFLOW_COUNT_MASK) << 3 };
        if span > 1 << 48 || saved > 1 << 57 {
            return Err(ImageError::bad(bridge, "the length of a bridge", span));
        }
        saved += bytes + span;
        offset += bytes;
        bytes = word_at(file, bridge + 8)?;
    }
    if offset == end {
        Ok(segments)
    } else {
        Err(ImageError::bad(offset, "the end of the last segment", offset))
    }
}

fn word_at(file: &File, offset: u64) -> Result<u64, ImageError> {
    let mut word = [0; 8];
    file.read_exact_at(&mut word, offset)?;
    Ok(u64::from_le_bytes(word))
}

/// Write the object that spans from the end of one segment to the `next` address.
pub fn write_bridge(memory: Memory, end: u64, next: u64) {
    let ([first, second], _) = bridge_words(end, next);
    memory.store(Address(end), first);
    memory.store(Address(end + WORD), second);
}

/// The first words of the object that spans from `end` to `next`, at least [`BRIDGE_BYTES`] apart; and the
/// object.
pub fn bridge_words(end: u64, next: u64) -> ([u64; 2], Oop) {
    let slots = (next - end - BRIDGE_BYTES) / WORD;
    let header =
        |slots| Header::new(slots, Format::WORDS_64, ClassIndex(BRIDGE_CLASS_INDEX)).0 | PINNED_BIT;
    if slots == 0 {
        ([header(1), 0], Oop(end))
    } else {
        let count = OVERFLOW_SLOTS << SLOTS_SHIFT | slots & OVERFLOW_COUNT_MASK;
        ([count, header(OVERFLOW_SLOTS)], Oop(end + WORD))
    }
}
