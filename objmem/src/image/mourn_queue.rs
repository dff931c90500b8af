//! The mourn queue as an image file has it: a stack of hidden pages, from a slot of the hidden roots.
//!
//! A page is a 64-bit word object: count of entries, its slot in the hidden roots, the next free page,
//! the next page, and the entries. Numbers are plain, and no page is 0. Source: `SpurMemoryManager
//! class>>#initializeObjectHeaderConstants…` (`ObjStack…`), `#ensureRoomOnObjStackAt:`, `#popObjStack:`.

use std::io;

use crate::cage::Memory;
use crate::format::Format;
use crate::header::{Header, OVERFLOW_SLOTS, SLOTS_SHIFT, WORD};
use crate::layout::{CLASS_TABLE_ROOT_SLOTS, WORDS_64_CLASS_INDEX_PUN};
use crate::oop::{ClassIndex, Oop};

/// Slot of the hidden roots that holds the queue.
pub const ROOT_SLOT: usize = CLASS_TABLE_ROOT_SLOTS as usize + 2;
/// Slots of a page.
const PAGE_SLOTS: u64 = 4092;
/// Slots before the entries.
const FIXED_SLOTS: u64 = 4;
const COUNT: usize = 0;
const NEXT_PAGE: usize = 3;
/// Bytes that a page takes, with its overflow word.
const PAGE_BYTES: u64 = (2 + PAGE_SLOTS) * WORD;

/// How many pages hold `count` entries.
pub fn page_count(count: usize) -> u64 {
    (count as u64).div_ceil(PAGE_SLOTS - FIXED_SLOTS)
}

/// Bytes of the pages for `count` entries.
pub fn bytes(count: usize) -> u64 {
    page_count(count) * PAGE_BYTES
}

/// Write the pages for `entries`, the first of which starts (with its overflow word) at `start`.
pub fn write(
    entries: &[u64],
    start: u64,
    word: &mut dyn FnMut(u64) -> io::Result<()>,
) -> io::Result<()> {
    let room = (PAGE_SLOTS - FIXED_SLOTS) as usize;
    let pages = page_count(entries.len());
    for (index, page) in entries.chunks(room).enumerate() {
        let after = index as u64 + 1;
        word(OVERFLOW_SLOTS << SLOTS_SHIFT | PAGE_SLOTS)?;
        word(Header::new(PAGE_SLOTS, Format::WORDS_64, ClassIndex(WORDS_64_CLASS_INDEX_PUN)).0)?;
        word(page.len() as u64)?;
        word(ROOT_SLOT as u64)?;
        word(0)?;
        word(if after < pages { start + after * PAGE_BYTES + WORD } else { 0 })?;
        page.iter().try_for_each(|&entry| word(entry))?;
        (page.len()..room).try_for_each(|_| word(0))?;
    }
    Ok(())
}

/// The entries of the queue that starts at `page`. `object` answers the object that a saved address
/// means, where there is one: entries and pages that mean none are left out.
pub fn read(memory: Memory, page: Oop, object: &dyn Fn(u64) -> Option<Oop>) -> Vec<Oop> {
    let mut entries = Vec::new();
    let mut page = Some(page);
    // More pages than this are a circle.
    for _ in 0..1 << 16 {
        let Some(current) = page.filter(|&page| is_page(memory, page)) else { break };
        let count = memory.fetch_u64(current, COUNT).min(PAGE_SLOTS - FIXED_SLOTS);
        let slots = FIXED_SLOTS as usize..(FIXED_SLOTS + count) as usize;
        entries.extend(slots.filter_map(|slot| object(memory.fetch_u64(current, slot))));
        page = object(memory.fetch_u64(current, NEXT_PAGE));
    }
    entries
}

fn is_page(memory: Memory, page: Oop) -> bool {
    let header = memory.header(page);
    header.class_index().0 == WORDS_64_CLASS_INDEX_PUN
        && header.format() == Format::WORDS_64
        && memory.slot_count(page) == PAGE_SLOTS
}
