//! Where the code of the blocks evaluated last starts: what [`CodeStore::of_method`] and
//! [`MethodCode::word_at`] would answer, sooner; and their native code.
//!
//! [`CodeStore::of_method`]: crate::code::CodeStore::of_method
//! [`MethodCode::word_at`]: crate::code::MethodCode::word_at

use std::cell::Cell;

use rowel_objmem::Oop;

use crate::code::{CodeRef, Ip};
use crate::native::EntryKind;

/// The cache.
#[derive(Debug, Default)]
pub struct BlockCache {
    /// Empty until there is something to remember: many isolates evaluate few blocks.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    method: Oop,
    start: Oop,
    depth: u64,
    code: Option<(CodeRef, Ip)>,
    /// Its native code, as long as the entries of the code have been changed so often.
    native: Cell<(u64, u32)>,
}

/// A power of two.
const ENTRIES: usize = 1024;

impl Default for Entry {
    fn default() -> Self {
        Entry {
            method: Oop::ZERO,
            start: Oop::ZERO,
            depth: 0,
            code: None,
            native: Cell::new((0, 0)),
        }
    }
}

impl BlockCache {
    #[inline(always)]
    fn slot(method: Oop, start: Oop) -> usize {
        ((method.0 >> 4) ^ (method.0 >> 14) ^ (start.0 >> 3)) as usize & (ENTRIES - 1)
    }

    #[inline(always)]
    fn entry(&self, method: Oop, start: Oop, depth: u64) -> Option<&Entry> {
        let entry = self.entries.get(Self::slot(method, start))?;
        (entry.method == method && entry.start == start && entry.depth == depth).then_some(entry)
    }

    /// The code cached for a block of `method` that starts at pc `start` (as its closure has it; zero
    /// where the method is the block's own) with `depth` arguments and copied values, and where in it
    /// the block starts.
    #[inline(always)]
    pub fn get(&self, method: Oop, start: Oop, depth: u64) -> Option<(CodeRef, Ip)> {
        self.entry(method, start, depth)?.code
    }

    /// The native code of the block that [`get`](Self::get) finds, and the code that it is of; address 0
    /// when it has none.
    #[inline]
    pub fn native(&self, method: Oop, start: Oop, depth: u64) -> Option<(CodeRef, u64)> {
        let entry = self.entry(method, start, depth)?;
        let (code, ip) = entry.code?;
        let (address, changes) = entry.native.get();
        let now = code.get().native.changes();
        if changes == now {
            return Some((code, address));
        }
        let found = code.get().native.entry_at(code.index_of(ip));
        let found = found.filter(|found| found.kind == EntryKind::Block);
        let found = found.filter(|found| u64::from(found.depth) == depth);
        let address = found.map_or(0, |found| found.address);
        entry.native.set((address, now));
        Some((code, address))
    }

    /// Cache `code` from `word` on for a block of `method` that starts at `start`, which has been seen to
    /// fit with `depth` arguments and copied values.
    pub fn put(&mut self, method: Oop, start: Oop, depth: u64, code: CodeRef, word: usize) {
        if self.entries.is_empty() {
            self.entries.resize_with(ENTRIES, Entry::default);
        }
        let code = Some((code, code.ip_at(word)));
        let entry = Entry { method, start, depth, code, ..Entry::default() };
        self.entries[Self::slot(method, start)] = entry;
    }

    /// Forget everything.
    pub fn flush(&mut self) {
        self.entries.fill(Entry::default());
    }
}
