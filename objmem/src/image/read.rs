//! Makes a heap from an image file, checking every object on the way.
//!
//! Must not know how objects are checked ([`super::check`]) nor where they go ([`super::place`]).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::check::{Facts, check};
use super::format::{HEADER_BYTES, ImageError, ImageHeader};
use super::place::{LEAST_OLD_BYTES, Plan, load, plan};
use super::segments::{BRIDGE_BYTES, Segment, segments};
use crate::cage::{Cage, DEFAULT_CAGE_BYTES, Memory};
use crate::heap::{Heap, HeapParts};
use crate::layout::FREE_CHUNK_CLASS_INDEX;
use crate::memory_file::memory_file;
use crate::old_space::OldSpace;
use crate::oop::{Address, Oop, TAG_BITS};

/// How large the parts of a heap are, in bytes, and how it comes from the file.
#[derive(Clone, Copy, Debug)]
pub struct HeapOptions {
    /// Eden up to its soft limit. A quarter of it is in reserve on top, and each survivor space is
    /// a fifth of it.
    pub eden_bytes: u64,
    /// What eden may grow to where much of it survives.
    pub most_eden_bytes: u64,
    /// The VM stack.
    pub stack_bytes: u64,
    /// Private old space may grow to this.
    pub max_old_bytes: u64,
    /// Addresses to reserve for everything together; fewer where the system does not give so many.
    pub cage_bytes: u64,
    /// Whether the file may be mapped, copy-on-write: fastest, and pages that nobody writes are
    /// shared. The file must then not be shortened or changed in place while the heap is in use;
    /// replacing it by another file of that name, as [`Heap::write_image`] does, is harmless. When
    /// false, all of it is read.
    pub map_file: bool,
}

impl Default for HeapOptions {
    fn default() -> HeapOptions {
        HeapOptions {
            eden_bytes: 8 << 20,
            most_eden_bytes: 32 << 20,
            stack_bytes: 2 << 20,
            max_old_bytes: DEFAULT_CAGE_BYTES,
            cage_bytes: DEFAULT_CAGE_BYTES,
            map_file: true,
        }
    }
}

/// An image file in a cage, checked.
struct Opened {
    cage: Cage,
    header: ImageHeader,
    plan: Plan,
    segments: Vec<Segment>,
    facts: Facts,
}

fn open(file: File, options: &HeapOptions) -> Result<Opened, ImageError> {
    let file = Arc::new(file);
    let header = header_of(&file)?;
    let mut segments = segments(&header, &file)?;
    let plan = plan(&mut segments, options)?;
    let least = plan.boot.end - plan.low + LEAST_OLD_BYTES;
    let mut cage = Cage::reserve_up_to(Address(plan.low), options.cage_bytes, least)?;
    cage.commit(Address(plan.stack.start)..Address(plan.nursery.end))?;
    load(&mut cage, &file, &segments, &plan, options.map_file)?;
    let facts = check(&header, cage.memory(), &segments, plan.in_place)?;
    Ok(Opened { cage, header, plan, segments, facts })
}

/// Check the image file at `path` as [`Heap::open`] does, without making a heap: its header, the
/// number of its segments and of its objects.
///
/// # Errors
/// What is wrong with the file.
pub fn check_file(path: &Path) -> Result<(ImageHeader, usize, u64), ImageError> {
    let image = open(File::open(path)?, &HeapOptions::default())?;
    Ok((image.header, image.segments.len(), image.facts.objects))
}

/// The header of the image file at `path`; nothing after it is looked at.
///
/// # Errors
/// When the file cannot be read or is no image that Rowel reads.
pub fn read_header(path: &Path) -> Result<ImageHeader, ImageError> {
    header_of(&File::open(path)?)
}

fn header_of(mut file: &File) -> Result<ImageHeader, ImageError> {
    let bytes = file.metadata()?.len();
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HEADER_BYTES.into()).read_to_end(&mut start)?;
    ImageHeader::parse(&start, bytes)
}

impl Heap {
    /// The heap that the image file at `path` holds, and the file's header.
    ///
    /// # Errors
    /// What is wrong with the file, or that the system has no memory for it.
    pub fn open(path: &Path, options: &HeapOptions) -> Result<(Heap, ImageHeader), ImageError> {
        Self::open_file(File::open(path)?, options)
    }

    /// Like [`open`](Self::open), for an image that is no file: it becomes one in memory first.
    ///
    /// # Errors
    /// What is wrong with the image, or that the system has no memory for it.
    pub fn open_bytes(
        image: &[u8],
        options: &HeapOptions,
    ) -> Result<(Heap, ImageHeader), ImageError> {
        let mut file = memory_file("rowel image")?;
        file.write_all(image)?;
        Self::open_file(file, options)
    }

    fn open_file(file: File, options: &HeapOptions) -> Result<(Heap, ImageHeader), ImageError> {
        let Opened { cage, header, plan, segments, facts } = open(file, options)?;
        let mut bridges = Vec::new();
        if plan.in_place {
            let between = &segments[..segments.len() - 1];
            let start = |segment: &Segment| Address(segment.end());
            let bridge = |segment| cage.memory().object_starting_at(start(segment));
            bridges.extend(between.iter().map(bridge));
        }
        // An object fits between the boot region and the first segment: walks pass over it.
        let frontier = cage.page_up(Address(plan.boot.end + BRIDGE_BYTES)).0;
        let mut heap = Heap::from_parts(HeapParts {
            cage,
            stack_zone: Address(plan.stack.start)..Address(plan.stack.end),
            nursery: plan.nursery,
            old: OldSpace::new(frontier, options.max_old_bytes),
            old_start: plan.nursery.end,
            boot: plan.boot,
            bridges,
            special_objects: facts.special_objects,
            hidden_roots: facts.hidden_roots,
            last_hash: header.last_hash as u32,
        });
        heap.has_forwarders = facts.has_forwarders;
        heap.remembered = facts.remembered;
        heap.gc.mourners = facts.mourners.into();
        heap.gc.pending_finalizations = heap.gc.mourners.len();
        heap.gc.queue_weak = header.queues_weak();
        Ok((heap, header))
    }
}

/// How many of the first slots of an object hold references (of compiled code: its header, too).
pub(crate) fn reference_slots(memory: Memory, object: Oop) -> usize {
    let header = memory.header(object);
    let format = header.format();
    if header.class_index().0 == FREE_CHUNK_CLASS_INDEX || format.is_bits() {
        0
    } else if format.is_pointers() {
        memory.slot_count(object) as usize
    } else if format.is_compiled_method() {
        1 + (memory.fetch_u64(object, 0) >> TAG_BITS & 0x7FFF) as usize
    } else {
        1
    }
}
