//! Templates: a heap as it was at one moment, in a file in memory, from which any number of heaps start.
//!
//! Each maps the file copy-on-write into a cage of its own, at the addresses that the objects had in the
//! original: pages that nobody writes are there once. Nothing is walked, copied or relocated when a heap
//! starts. All that the original held, boot region and private segments, is boot region then: a heap does
//! not collect it (unless it is told to), and notes what of it refers to its own objects.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::cage::{Cage, DEFAULT_CAGE_BYTES, PAGE};
use crate::heap::{Heap, HeapParts};
use crate::image::segments::{BRIDGE_BYTES, bridge_words};
use crate::memory_file::{memory_file, seal};
use crate::old_space::OldSpace;
use crate::oop::{Address, Oop};
use crate::space::Nursery;
use crate::young::{ChildSizes, YoungSizes};

/// Least bytes of addresses for private old space.
const LEAST_OLD_BYTES: u64 = 16 << 20;

/// A heap from which others start. Cheap to clone: all clones are the same one.
#[derive(Clone, Debug)]
pub struct Template(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Arc<File>,
    /// All objects.
    boot: Range<u64>,
    /// How far the first one is into its page.
    into_page: u64,
    /// The objects that span gaps.
    bridges: Vec<Oop>,
    shared: Shared,
}

/// What a heap knows beside its objects, and hands on to those that start from it.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    special_objects: Oop,
    hidden_roots: Oop,
    last_hash: u32,
    class_table_hint: u32,
    has_forwarders: bool,
    mourners: Vec<Oop>,
    queue_weak: bool,
}

impl Shared {
    pub(crate) fn of(heap: &Heap) -> Shared {
        Shared {
            special_objects: heap.special_objects,
            hidden_roots: heap.hidden_roots,
            last_hash: heap.last_hash,
            class_table_hint: heap.class_table_hint,
            has_forwarders: heap.has_forwarders,
            mourners: heap.gc.mourners.iter().copied().collect(),
            queue_weak: heap.gc.queue_weak,
        }
    }

    /// A heap of these, whose objects are there already.
    pub(crate) fn heap(&self, parts: Parts, sizes: &ChildSizes) -> Heap {
        let mut heap = Heap::from_parts(HeapParts {
            old_start: parts.nursery.end,
            cage: parts.cage,
            stack_zone: Address(parts.stack.start)..Address(parts.stack.end),
            nursery: parts.nursery,
            old: parts.old,
            boot: parts.boot,
            bridges: parts.bridges,
            special_objects: self.special_objects,
            hidden_roots: self.hidden_roots,
            last_hash: self.last_hash,
        });
        heap.class_table_hint = self.class_table_hint;
        heap.has_forwarders = self.has_forwarders;
        heap.gc.mourners = self.mourners.iter().copied().collect();
        heap.gc.pending_finalizations = self.mourners.len();
        heap.gc.queue_weak = self.queue_weak;
        heap.collects_boot = sizes.collects_boot;
        heap
    }
}

/// A cage with room for stack and nursery, and where the parts of its heap are.
pub(crate) struct Parts {
    pub cage: Cage,
    pub stack: Range<u64>,
    pub nursery: Nursery,
    pub old: OldSpace,
    pub boot: Range<u64>,
    pub bridges: Vec<Oop>,
}

/// A cage for objects whose first page starts at `first_page`, that end at `frontier`, and for private
/// segments after that. Stack and nursery, usable, are before the objects.
pub(crate) fn cage_for(
    first_page: u64,
    frontier: u64,
    sizes: &ChildSizes,
) -> io::Result<(Cage, Range<u64>, Nursery)> {
    let young = YoungSizes::new(sizes.stack_bytes, sizes.eden_bytes, sizes.most_eden_bytes);
    let young = young.map_err(io::Error::other)?.within(first_page);
    let low = first_page.checked_sub(young.room());
    let low = low.ok_or_else(|| io::Error::other("no addresses for so large a nursery"))?;
    // What a scavenge may need on top of the limit, and gaps.
    let slack = 4 * young.room() + (64 << 20);
    let least = (frontier - low) + LEAST_OLD_BYTES + slack;
    let bytes = least.saturating_add(sizes.max_old_bytes.saturating_mul(2)).min(DEFAULT_CAGE_BYTES);
    let cage = Cage::reserve_up_to(Address(low), bytes, least)?;
    let (stack, nursery) = young.place(low);
    cage.commit(Address(stack.start)..Address(nursery.end))?;
    Ok((cage, stack, nursery))
}

/// Where private segments may start behind objects that end at `end`: at a page, and so that an object fits
/// between, where there is anything between. Pages start at multiples of their size from `low` on.
pub(crate) fn first_segment(low: u64, end: u64) -> u64 {
    if (end - low).is_multiple_of(PAGE) {
        end
    } else {
        low + (end + BRIDGE_BYTES - low).next_multiple_of(PAGE)
    }
}

/// Write `bytes` to the fresh `file` at `offset`, and nothing where there are only zeros: what a file does
/// not have takes no memory.
fn write_but_zeros(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    const CHUNK: usize = 64 << 10;
    for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
        if chunk.iter().any(|&byte| byte != 0) {
            file.write_all_at(chunk, offset + (index * CHUNK) as u64)?;
        }
    }
    Ok(())
}

impl Template {
    /// A template of `heap` as it is, which stays what it is. Its nursery must be empty, and nothing of
    /// it be on the VM stack.
    ///
    /// # Errors
    /// When the nursery is not empty, or the system has no memory.
    pub fn new(heap: &Heap) -> io::Result<Template> {
        heap.expect_quiet()?;
        let ranges = heap.old_ranges();
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
            return Err(io::Error::other("a heap without objects"));
        };
        let boot = first.start..last.end;
        let into_page = (boot.start - heap.cage.range().start.0) % PAGE;
        let file = memory_file("rowel template")?;
        file.set_len((boot.end - boot.start + into_page).next_multiple_of(PAGE))?;
        let at = |address: u64| address - boot.start + into_page;
        let mut bridges = heap.bridges.clone();
        for pair in ranges.windows(2) {
            let (end, next) = (pair[0].end, pair[1].start);
            if end != next {
                let (words, bridge) = bridge_words(end, next);
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
                file.write_all_at(&bytes, at(end))?;
                bridges.push(bridge);
            }
        }
        for range in heap.without_gaps(ranges) {
            let bytes = heap.memory.slice(Address(range.start), range.end - range.start);
            write_but_zeros(&file, bytes, at(range.start))?;
        }
        seal(&file)?;
        let shared = Shared::of(heap);
        Ok(Template(Arc::new(Inner { file: Arc::new(file), boot, into_page, bridges, shared })))
    }

    /// Bytes from the first object to the last.
    pub fn bytes(&self) -> u64 {
        self.0.boot.end - self.0.boot.start
    }

    /// A heap that starts as the template is.
    ///
    /// # Errors
    /// When the sizes make no sense, or the system has no memory or addresses left.
    pub fn instantiate(&self, sizes: &ChildSizes) -> io::Result<Heap> {
        let Inner { file, boot, into_page, bridges, shared } = &*self.0;
        let (mut cage, stack, nursery) = cage_for(boot.start - into_page, boot.end, sizes)?;
        cage.map_pages(&(Address(boot.start)..Address(boot.end)), file, *into_page)?;
        let first = first_segment(cage.range().start.0, boot.end);
        let parts = Parts {
            cage,
            stack,
            nursery,
            old: OldSpace::new(first, sizes.max_old_bytes),
            boot: boot.clone(),
            bridges: bridges.clone(),
        };
        Ok(shared.heap(parts, sizes))
    }
}
