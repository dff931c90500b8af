//! Writes the reachable objects of a heap to an image file, compacted; the heap stays as it is.
//!
//! The order is Spur's: nil, false, true, the free lists, the hidden roots, then the rest; one
//! segment that ends in a bridge. The base address is one at which the file can be mapped as it is.
//! Sources: `SpurImageWriter>>#writeImageFile:fromHeader:`, `SpurMemoryManager class` (hidden objects).
//!
//! Knows nothing of frames: contexts must have been flushed from the VM stack before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::format::{HEADER_BYTES, ImageHeader};
use super::read::reference_slots;
use crate::format::Format;
use crate::header::{
    GREY_BIT, Header, MARKED_BIT, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, PINNED_BIT, REMEMBERED_BIT,
    SLOTS_SHIFT, WORD,
};
use crate::heap::Heap;
use crate::layout::{
    BRIDGE_CLASS_INDEX, CLASS_TABLE_ROOT_SLOTS, WORDS_64_CLASS_INDEX_PUN, class_index,
};
use crate::oop::{ClassIndex, Oop};

/// The address of the first object in files written here: the header's size modulo a page.
const SAVED_BASE: u64 = (1 << 32) + HEADER_BYTES as u64;
/// Free lists of 64-bit Spur.
const FREE_LISTS: u64 = 64;
/// Slot of a context that holds its stack pointer.
const STACK_POINTER_SLOT: usize = 2;
/// Slots of a context before its temporaries.
const CONTEXT_FIXED_SLOTS: usize = 6;

/// Where every reachable object goes.
struct Layout {
    /// The objects in the order of the file.
    order: Vec<Oop>,
    /// From object to saved address.
    places: FxHashMap<Oop, u64>,
    /// One past the last object.
    end: u64,
}

impl Heap {
    /// Write the objects reachable from the special objects and the hidden roots to `path`,
    /// replacing it only when all is on disk. Sizes, addresses and hash of `header` are the
    /// writer's; the rest goes into the file. Answers the header as written. Allocates nothing in
    /// the heap and moves nothing.
    ///
    /// # Errors
    /// When the file cannot be written; then `path` is as it was.
    pub fn write_image(&self, path: &Path, header: &ImageHeader) -> io::Result<ImageHeader> {
        let layout = self.plan_image();
        let data_bytes = layout.end - SAVED_BASE + 2 * WORD;
        let header = ImageHeader {
            header_bytes: HEADER_BYTES,
            data_bytes,
            saved_base: SAVED_BASE,
            special_objects: layout.places.get(&self.special_objects).copied().unwrap_or(0),
            last_hash: u64::from(self.last_hash),
            first_segment_bytes: data_bytes,
            free_bytes: 0,
            ..*header
        };
        let temporary = temporary_beside(path);
        let outcome = self.write_file(&temporary, &header, &layout);
        let outcome = outcome.and_then(|()| fs::rename(&temporary, path));
        if outcome.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
        }
        outcome?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(header)
    }

    fn write_file(&self, path: &Path, header: &ImageHeader, layout: &Layout) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&header.to_bytes())?;
        for (index, &object) in layout.order.iter().enumerate() {
            if index == 3 {
                write_free_lists(&mut out)?;
            }
            self.write_object(&mut out, object, layout)?;
        }
        let bridge = Header::new(0, Format::WORDS_64, ClassIndex(BRIDGE_CLASS_INDEX));
        write_word(&mut out, bridge.0 | MARKED_BIT | PINNED_BIT)?;
        write_word(&mut out, 0)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    /// How many of the first slots hold references that count: of a context those in use.
    fn live_references(&self, object: Oop) -> usize {
        let slots = reference_slots(self.memory, object);
        if object == self.hidden_roots {
            // What follows the class table are stacks of Spur's own collector.
            slots.min(CLASS_TABLE_ROOT_SLOTS as usize)
        } else if self.header(object).class_index() == class_index::METHOD_CONTEXT {
            let depth = self.fetch(object, STACK_POINTER_SLOT).as_integer().unwrap_or(0);
            slots.min(CONTEXT_FIXED_SLOTS.saturating_add(depth.max(0) as usize))
        } else {
            slots
        }
    }

    fn plan_image(&self) -> Layout {
        let first = [self.nil, self.false_object, self.true_object, self.hidden_roots];
        let mut pending = first.to_vec();
        pending.push(self.special_objects);
        let mut places: FxHashMap<Oop, u64> = pending.iter().map(|&root| (root, 0)).collect();
        let mut rest = vec![self.special_objects];
        while let Some(object) = pending.pop() {
            for index in 0..self.live_references(object) {
                let target = self.follow(self.fetch(object, index));
                if target.is_pointer() && places.insert(target, 0).is_none() {
                    pending.push(target);
                    rest.push(target);
                }
            }
        }
        rest.sort_unstable();
        let order: Vec<Oop> = first.into_iter().chain(rest).collect();
        let mut end = SAVED_BASE;
        for (index, &object) in order.iter().enumerate() {
            if index == 3 {
                end += (1 + FREE_LISTS) * WORD;
            }
            let overflow = object.0 - self.start_of(object).0;
            places.insert(object, end + overflow);
            end += self.total_bytes(object);
        }
        Layout { order, places, end }
    }

    fn write_object(&self, out: &mut impl Write, object: Oop, layout: &Layout) -> io::Result<()> {
        let header = self.header(object);
        let slots = self.slot_count(object);
        if header.has_overflow_slots() {
            write_word(out, OVERFLOW_SLOTS << SLOTS_SHIFT | slots & OVERFLOW_COUNT_MASK)?;
        }
        write_word(out, header.0 & !(MARKED_BIT | GREY_BIT | REMEMBERED_BIT))?;
        if slots == 0 {
            return write_word(out, 0);
        }
        let references = reference_slots(self.memory, object);
        let live = self.live_references(object);
        let saved_nil = SAVED_BASE;
        for index in 0..references {
            let value = if index < live {
                let value = self.follow(self.fetch(object, index));
                layout.places.get(&value).copied().unwrap_or(value.0)
            } else {
                saved_nil
            };
            write_word(out, value)?;
        }
        let bits = slots - references as u64;
        out.write_all(self.memory.slice(self.slot_address(object, references), bits * WORD))
    }
}

fn write_word(out: &mut impl Write, word: u64) -> io::Result<()> {
    out.write_all(&word.to_le_bytes())
}

/// Every list empty.
fn write_free_lists(out: &mut impl Write) -> io::Result<()> {
    let class = ClassIndex(WORDS_64_CLASS_INDEX_PUN);
    write_word(out, Header::new(FREE_LISTS, Format::WORDS_64, class).0)?;
    (0..FREE_LISTS).try_for_each(|_| write_word(out, 0))
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.saving", std::process::id()));
    path.with_file_name(name)
}
