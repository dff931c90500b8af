//! Writes the reachable objects of a heap to an image file, compacted; the heap stays as it is.
//!
//! The order is Spur's: nil, false, true, the free lists, the hidden roots, the first page of the class
//! table, then the rest; one segment that ends in a bridge. The base address is one at which the file
//! can be mapped as it is.
//! Sources: `SpurImageWriter>>#writeImageFile:fromHeader:`, `SpurMemoryManager class` (hidden objects),
//! `SpurMemoryManager>>#ensureRoomOnObjStackAt:` (the mourn queue), `#setHiddenRootsObj:` (the page).
//!
//! Knows nothing of frames: contexts must have been flushed from the VM stack before.

mod layout;
mod output;
mod temporary;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::format::{HEADER_BYTES, ImageHeader};
use super::mourn_queue::{self, page_count};
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
use layout::Layout;
use output::Output;

/// The address of the first object in files written here: the header's size modulo a page.
const SAVED_BASE: u64 = (1 << 32) + HEADER_BYTES as u64;
/// Free lists of 64-bit Spur.
const FREE_LISTS: u64 = 64;
/// Slot of a context that holds its stack pointer.
const STACK_POINTER_SLOT: usize = 2;
/// Slots of a context before its temporaries.
const CONTEXT_FIXED_SLOTS: usize = 6;

impl Heap {
    /// Write the objects reachable from the special objects, the hidden roots and the mourners to
    /// `path`, replacing it only when all is on disk. Sizes, addresses and hash of `header` are the
    /// writer's; the rest goes into the file. Allocates nothing in the heap and moves nothing.
    /// Temporary files that crashed saves left there are removed. Answers the header as written.
    ///
    /// # Errors
    /// When the file cannot be written; then `path` is as it was.
    pub fn write_image(&self, path: &Path, header: &ImageHeader) -> io::Result<ImageHeader> {
        // A link stays one: what it leads to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let layout = Layout::of(self);
        let data_bytes = layout.end() - SAVED_BASE + 2 * WORD;
        let header = ImageHeader {
            header_bytes: HEADER_BYTES,
            data_bytes,
            saved_base: SAVED_BASE,
            special_objects: layout.place(self.special_objects),
            last_hash: u64::from(self.last_hash),
            first_segment_bytes: data_bytes,
            free_bytes: 0,
            ..*header
        };
        temporary::remove_abandoned(&path);
        let temporary = temporary::beside(&path);
        let outcome = self.write_file(&temporary, &path, &header, &layout);
        let outcome = outcome.and_then(|()| fs::rename(&temporary, &path));
        if outcome.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
        }
        outcome?;
        File::open(directory_of(&path))?.sync_all()?;
        Ok(header)
    }

    fn write_file(
        &self,
        temporary: &Path,
        path: &Path,
        header: &ImageHeader,
        layout: &Layout,
    ) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        let mut out = Output::new(file);
        out.bytes(&header.to_bytes())?;
        for (index, object) in layout.first.into_iter().enumerate() {
            if index == layout::FREE_LISTS_BEFORE {
                write_free_lists(&mut out)?;
            }
            self.write_object(&mut out, object, layout)?;
        }
        layout.each(self, &mut |object| self.write_object(&mut out, object, layout))?;
        let mourners = self.gc.mourners.iter().map(|&mourner| layout.place(self.follow(mourner)));
        mourn_queue::write(&mourners.collect::<Vec<_>>(), layout.mourn_pages, &mut |word| {
            out.word(word)
        })?;
        let bridge = Header::new(0, Format::WORDS_64, ClassIndex(BRIDGE_CLASS_INDEX));
        out.word(bridge.0 | MARKED_BIT | PINNED_BIT)?;
        out.word(0)?;
        out.finish()?.sync_all()
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

    fn write_object(&self, out: &mut Output, object: Oop, layout: &Layout) -> io::Result<()> {
        let header = self.header(object);
        let slots = self.slot_count(object);
        if header.has_overflow_slots() {
            out.word(OVERFLOW_SLOTS << SLOTS_SHIFT | slots & OVERFLOW_COUNT_MASK)?;
        }
        out.word(header.0 & !(MARKED_BIT | GREY_BIT | REMEMBERED_BIT))?;
        if slots == 0 {
            return out.word(0);
        }
        let references = reference_slots(self.memory, object);
        let live = self.live_references(object);
        for index in 0..live {
            let value = self.fetch(object, index);
            let written =
                if value.is_pointer() { layout.place(self.follow(value)) } else { value.0 };
            out.word(written)?;
        }
        for index in live..references {
            let is_queue = object == self.hidden_roots && index == mourn_queue::ROOT_SLOT;
            let mourns = is_queue && page_count(self.gc.mourners.len()) != 0;
            // The queue's first page follows its overflow word.
            out.word(if mourns { layout.mourn_pages + WORD } else { SAVED_BASE })?;
        }
        let bits = slots - references as u64;
        out.bytes(self.memory.slice(self.slot_address(object, references), bits * WORD))
    }
}

/// Every list empty.
fn write_free_lists(out: &mut Output) -> io::Result<()> {
    let class = ClassIndex(WORDS_64_CLASS_INDEX_PUN);
    out.word(Header::new(FREE_LISTS, Format::WORDS_64, class).0)?;
    (0..FREE_LISTS).try_for_each(|_| out.word(0))
}

fn directory_of(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}
