//! Where the parts of a heap go that an image file is opened into, and getting the segments there.
//!
//! *In place*: each segment goes where it was saved, with bridges over the gaps, and no reference
//! changes. A segment whose offset in the file agrees with its address modulo the page size is
//! mapped copy-on-write; the cage starts where that is so for the largest one. The others are mapped from a
//! copy in memory, or read.
//! *Joined*: the segments are read to one range, for files whose addresses are too low or lie too far
//! apart. Must not know what a segment holds.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::format::{ImageError, ImageProblem};
use super::read::HeapOptions;
use super::segments::{BRIDGE_BYTES, Segment, write_bridge};
use crate::cage::{Cage, PAGE};
use crate::memory_file::memory_file;
use crate::oop::Address;
use crate::space::Nursery;
use crate::young::YoungSizes;

/// A file saved below this is joined: a cage that starts so low looks like no address.
const LEAST_SAVED_BASE: u64 = 1 << 30;
/// Segments that lie further apart than this, in all, are joined: tables span the gaps.
const MOST_GAP_BYTES: u64 = 1 << 30;
/// Where the cage starts when the segments are joined.
const JOINED_LOW: u64 = 1 << 32;
/// Room for private old space that a cage must have at least.
pub const LEAST_OLD_BYTES: u64 = 16 << 20;

/// Where the regions of a heap go.
#[derive(Debug)]
pub struct Plan {
    /// Where the cage starts.
    pub low: u64,
    /// The VM stack.
    pub stack: Range<u64>,
    /// Eden and the survivor spaces.
    pub nursery: Nursery,
    /// The boot region.
    pub boot: Range<u64>,
    /// Whether every segment is where it was saved.
    pub in_place: bool,
}

/// Decide where everything goes, and write the places into `segments` (at least one).
///
/// # Errors
/// When the options leave no room.
pub fn plan(segments: &mut [Segment], options: &HeapOptions) -> Result<Plan, ImageError> {
    let impossible = |what| Err(ImageError::at(0, ImageProblem::Options(what)));
    let (eden, largest) = (options.eden_bytes, options.most_eden_bytes);
    let young = match YoungSizes::new(options.stack_bytes, eden, largest) {
        Ok(young) => young,
        Err(what) => return impossible(what),
    };
    let room = young.room();
    let cage_bytes = options.cage_bytes.saturating_sub(room + LEAST_OLD_BYTES);
    let in_place = low_in_place(segments, room, cage_bytes);
    let low = in_place.unwrap_or_else(|| join(segments, JOINED_LOW + room));
    let boot = segments[0].place..segments[segments.len() - 1].end();
    if boot.end - low > options.cage_bytes.saturating_sub(LEAST_OLD_BYTES) {
        return impossible("the cage is too small for this image");
    }
    let (stack, nursery) = young.place(low);
    Ok(Plan { low, stack, nursery, boot, in_place: in_place.is_some() })
}

/// Where the cage starts when the segments stay at their saved addresses, `room` bytes below the
/// first one's page; `None` when they cannot.
fn low_in_place(segments: &[Segment], room: u64, cage_bytes: u64) -> Option<u64> {
    let first = segments.first()?;
    let span = segments.last()?.end() - first.saved;
    let held: u64 = segments.iter().map(|segment| segment.bytes).sum();
    if span - held > MOST_GAP_BYTES || span > cage_bytes {
        return None;
    }
    let anchor = segments.iter().max_by_key(|segment| segment.bytes)?;
    // How far the first object is into its page, when the anchor's page starts as in the file.
    let into_page = (first.saved + anchor.offset % PAGE).wrapping_sub(anchor.saved) % PAGE;
    let low = first.saved.checked_sub(into_page + room)?;
    (low >= LEAST_SAVED_BASE).then_some(low)
}

/// Place the segments one after the other from `start` on. Answers where the cage starts.
fn join(segments: &mut [Segment], start: u64) -> u64 {
    let mut place = start;
    for segment in segments {
        segment.place = place;
        place += segment.bytes;
    }
    JOINED_LOW
}

/// Bring the segments of `file` to their places in `cage`.
///
/// # Errors
/// When the file ends early, or the system has no memory for it.
pub fn load(
    cage: &mut Cage,
    file: &Arc<File>,
    segments: &[Segment],
    plan: &Plan,
    map_file: bool,
) -> Result<(), ImageError> {
    let memory = cage.memory();
    // Where the pages start that no segment before has a part of.
    let mut free = plan.boot.start - (plan.boot.start - plan.low) % PAGE;
    for segment in segments {
        let bridge = if plan.in_place { BRIDGE_BYTES } else { 0 };
        let range = Address(segment.place)..Address(segment.end() + bridge);
        let into_page = (segment.place - plan.low) % PAGE;
        if map_file && plan.in_place && segment.place - into_page >= free {
            if segment.offset % PAGE == into_page {
                cage.map_file(range.clone(), file, segment.offset)?;
            } else {
                let copy = Arc::new(copy_of(file, segment, into_page)?);
                cage.map_file(range.clone(), &copy, into_page)?;
            }
        } else {
            cage.commit(range.clone())?;
            let bytes = memory.slice_mut(range.start, segment.bytes);
            file.read_exact_at(bytes, segment.offset)?;
        }
        free = cage.page_up(range.end).0;
    }
    if plan.in_place {
        for pair in segments.windows(2) {
            write_bridge(memory, pair[0].end(), pair[1].place);
        }
    }
    Ok(())
}

/// A memory file that holds the segment, its bridge included, from offset `into_page` on: so that its
/// pages can be shared, like those of a file.
fn copy_of(file: &File, segment: &Segment, into_page: u64) -> io::Result<File> {
    let copy = memory_file("rowel segment")?;
    let bytes = segment.bytes + BRIDGE_BYTES;
    copy.set_len(into_page + bytes)?;
    (&copy).seek(SeekFrom::Start(into_page))?;
    let mut source = file;
    source.seek(SeekFrom::Start(segment.offset))?;
    if io::copy(&mut source.take(bytes), &mut &copy)? != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(copy)
}
