//! Makes a heap from an image file: mapped as it is where the file allows, else copied.
//!
//! A file of one segment saved at 1 GiB or above is mapped copy-on-write at its saved addresses: the
//! cage starts where makes addresses and file offsets agree modulo the page size. Any other file is
//! copied, its segments joined, its references moved. Either way every object is checked first.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use super::check::{Checker, Facts, locate};
use super::format::{ImageError, ImageHeader, ImageProblem};
use super::segments::{Data, Segment, segments};
use crate::cage::{Cage, DEFAULT_CAGE_BYTES, Memory, PAGE};
use crate::header::HASH_MASK;
use crate::heap::{Heap, HeapParts};
use crate::layout::FREE_CHUNK_CLASS_INDEX;
use crate::old_space::OldSpace;
use crate::oop::{Address, Oop, TAG_BITS};
use crate::space::{Nursery, Space};

/// Bytes at the start of a cage that are never usable, so that null pointers fault.
pub const NULL_GUARD_BYTES: u64 = 64 << 10;
/// A file saved below this is copied: a cage that starts so low looks like no address.
const LEAST_MAPPED_BASE: u64 = 1 << 30;
/// Where the cage starts when the file is copied.
const COPIED_LOW: u64 = 1 << 32;

/// How large the parts of a heap are, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeapOptions {
    /// Eden up to its soft limit. A quarter of it is in reserve on top, and each survivor space is
    /// a fifth of it.
    pub eden_bytes: u64,
    /// The VM stack.
    pub stack_bytes: u64,
    /// Private old space may grow to this.
    pub max_old_bytes: u64,
    /// Addresses to reserve for everything together.
    pub cage_bytes: u64,
}

impl Default for HeapOptions {
    fn default() -> HeapOptions {
        HeapOptions {
            eden_bytes: 8 << 20,
            stack_bytes: 2 << 20,
            max_old_bytes: DEFAULT_CAGE_BYTES,
            cage_bytes: DEFAULT_CAGE_BYTES,
        }
    }
}

/// An image file, open and checked.
pub(super) struct CheckedImage {
    file: File,
    /// For checking and copying only: gone before the heap is used, and its pages with it.
    mapping: Mmap,
    pub(super) header: ImageHeader,
    pub(super) segments: Vec<Segment>,
    pub(super) facts: Facts,
}

impl CheckedImage {
    pub(super) fn open(path: &Path) -> Result<CheckedImage, ImageError> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        if bytes == 0 {
            let problem = ImageProblem::Truncated { needed: 128, present: 0 };
            return Err(ImageError::at(0, problem));
        }
        // SAFETY: a private mapping, read only as bytes. A file that somebody shortens meanwhile
        // faults: the same is true of the image mapped for the heap, and of every mapped program.
        let mapping = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file)? };
        let header = ImageHeader::parse(&mapping, bytes)?;
        let data = data_of(&mapping, &header);
        let segments = segments(&header, data)?;
        let facts = Checker::check(&header, data, &segments)?;
        Ok(CheckedImage { file, mapping, header, segments, facts })
    }
}

fn data_of<'a>(mapping: &'a [u8], header: &ImageHeader) -> Data<'a> {
    let start = header.header_bytes as usize;
    let bytes = &mapping[start..start + header.data_bytes as usize];
    Data { bytes, header_bytes: u64::from(header.header_bytes) }
}

/// Check the image file at `path` as [`Heap::open`] does, without making a heap: its header, the
/// number of its segments and of its objects.
///
/// # Errors
/// What is wrong with the file.
pub fn check_file(path: &Path) -> Result<(ImageHeader, usize, u64), ImageError> {
    let image = CheckedImage::open(path)?;
    Ok((image.header, image.segments.len(), image.facts.objects))
}

/// The header of the image file at `path`; nothing after it is looked at.
///
/// # Errors
/// When the file cannot be read or is no image that Rowel reads.
pub fn read_header(path: &Path) -> Result<ImageHeader, ImageError> {
    use std::io::Read;
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut start = Vec::new();
    file.take(super::format::HEADER_BYTES.into()).read_to_end(&mut start)?;
    ImageHeader::parse(&start, bytes)
}

/// Where the regions of a heap go.
struct Plan {
    low: u64,
    stack: Range<u64>,
    nursery: Nursery,
    boot: Range<u64>,
    mapped: bool,
}

fn plan(image: &CheckedImage, options: &HeapOptions) -> Result<Plan, ImageError> {
    let impossible = |what| ImageError::at(0, ImageProblem::Options(what));
    if options.eden_bytes < 64 << 10 || options.eden_bytes > 1 << 34 {
        return Err(impossible("eden must have 64 KiB to 16 GiB"));
    }
    if options.stack_bytes < 16 << 10 || options.stack_bytes > 1 << 30 {
        return Err(impossible("the stack must have 16 KiB to 1 GiB"));
    }
    let stack_bytes = options.stack_bytes.next_multiple_of(PAGE);
    let eden_bytes = options.eden_bytes.next_multiple_of(PAGE);
    let survivor_bytes = (eden_bytes / 5).next_multiple_of(PAGE);
    let reserve_bytes = (eden_bytes / 4).next_multiple_of(PAGE);
    let young_bytes = eden_bytes + reserve_bytes + 2 * survivor_bytes;
    let room = NULL_GUARD_BYTES + stack_bytes + young_bytes;
    let file_header = u64::from(image.header.header_bytes);
    let saved = image.header.saved_base;
    let mapped =
        image.segments.len() == 1 && saved >= LEAST_MAPPED_BASE && saved - file_header > room;
    let (low, boot_start) =
        if mapped { (saved - file_header - room, saved) } else { (COPIED_LOW, COPIED_LOW + room) };
    let boot_bytes: u64 = image.segments.iter().map(|segment| segment.bytes).sum();
    let boot = boot_start..boot_start + boot_bytes;
    if boot.end - low + (16 << 20) > options.cage_bytes {
        return Err(impossible("the cage is too small for this image"));
    }
    let stack = low + NULL_GUARD_BYTES..low + NULL_GUARD_BYTES + stack_bytes;
    // Past the soft limit a quarter more is in reserve.
    let eden = Space::new(stack.end, stack.end + eden_bytes + reserve_bytes);
    let past = Space::new(eden.limit, eden.limit + survivor_bytes);
    let future = Space::new(past.limit, past.limit + survivor_bytes);
    let soft_limit = eden.start + eden_bytes;
    Ok(Plan { low, stack, nursery: Nursery { eden, soft_limit, past, future }, boot, mapped })
}

impl Heap {
    /// The heap that the image file at `path` holds, and the file's header.
    ///
    /// # Errors
    /// What is wrong with the file, or that the system has no memory for it.
    pub fn open(path: &Path, options: &HeapOptions) -> Result<(Heap, ImageHeader), ImageError> {
        let image = CheckedImage::open(path)?;
        let plan = plan(&image, options)?;
        let cage = Cage::reserve(Address(plan.low), options.cage_bytes.next_multiple_of(PAGE))?;
        cage.commit(Address(plan.stack.start)..Address(plan.nursery.future.limit))?;
        let boot = Address(plan.boot.start)..Address(plan.boot.end);
        if plan.mapped {
            cage.map_file(boot, &image.file, image.header.header_bytes.into())?;
        } else {
            cage.commit(boot)?;
            copy_segments(&image, cage.memory(), plan.boot.start);
            relocate(cage.memory(), &image.segments, &plan.boot);
        }
        Ok((around(cage, plan, &image, options), image.header))
    }
}

/// The heap in `cage`, where the image already lies.
fn around(cage: Cage, plan: Plan, image: &CheckedImage, options: &HeapOptions) -> Heap {
    let place = |offset| to_boot(&image.segments, plan.boot.start, offset).oop();
    let special_objects = locate(&image.segments, image.header.special_objects);
    let frontier = cage.page_up(Address(plan.boot.end)).0;
    let limit_bytes = options.max_old_bytes;
    let mut heap = Heap::from_parts(HeapParts {
        cage,
        stack_zone: Address(plan.stack.start)..Address(plan.stack.end),
        nursery: plan.nursery,
        old: OldSpace { frontier, limit_bytes, ..OldSpace::default() },
        old_start: plan.nursery.future.limit,
        boot: plan.boot.clone(),
        special_objects: special_objects.map_or(Oop::ZERO, place),
        hidden_roots: place(image.facts.hidden_roots),
        last_hash: (image.header.last_hash & HASH_MASK) as u32,
    });
    heap.has_forwarders = image.facts.has_forwarders;
    heap.remembered.extend(image.facts.remembered.iter().map(|&at| place(at)));
    for &stale in &image.facts.stale_slots {
        heap.memory.store(place(stale).address(), heap.nil.0);
    }
    heap
}

/// Move every reference of the boot region from saved addresses to where its target is now.
fn relocate(memory: Memory, segments: &[Segment], boot: &Range<u64>) {
    let mut start = boot.start;
    while start < boot.end {
        let object = memory.object_starting_at(Address(start));
        start = memory.end_of(object).0;
        for index in 0..reference_slots(memory, object) {
            let value = memory.fetch(object, index);
            if !value.is_pointer() {
                continue;
            }
            // Slots beyond a context's stack pointer may lead nowhere; they are made nil later.
            if let Some(offset) = locate(segments, value.0) {
                let target = to_boot(segments, boot.start, offset).oop();
                memory.store_unchecked(object, index, target);
            }
        }
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

/// Where the word at `offset` of the data is in a boot region that starts at `start`.
fn to_boot(segments: &[Segment], start: u64, offset: u64) -> Address {
    let index = segments.partition_point(|segment| segment.offset <= offset);
    let joined = index.checked_sub(1).map_or(0, |index| {
        let segment = segments[index];
        segment.joined + offset - segment.offset
    });
    Address(start + joined)
}

fn copy_segments(image: &CheckedImage, memory: Memory, start: u64) {
    let data = data_of(&image.mapping, &image.header);
    for segment in &image.segments {
        let from = segment.offset as usize;
        memory
            .slice_mut(Address(start + segment.joined), segment.bytes)
            .copy_from_slice(&data.bytes[from..from + segment.bytes as usize]);
    }
}
