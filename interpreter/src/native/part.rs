//! What the compiled tier keeps with a method's translation: where its native code is, which words
//! enter that, and where native code waits for what it called.

use std::cell::{Cell, OnceCell, RefCell};

use crate::operation::{Operation, Word};

/// How native code is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// At the start of a method, with receiver and arguments.
    Method,
    /// At the start of a block, with closure and arguments.
    Block,
    /// At the head of a loop, with everything in the frame.
    Loop,
}

/// A word that enters native code.
#[derive(Clone, Copy, Debug)]
pub struct NativeEntry {
    /// Index of the word.
    pub word: u32,
    /// The operation that was there.
    pub operation: Operation,
    /// How the code is entered.
    pub kind: EntryKind,
    /// Arguments, copied values and temporaries when it is entered at a start; arguments, temporaries and
    /// operands when at a loop.
    pub depth: u32,
    /// The native code; 0 when there is none yet, and the tier is asked for it.
    pub address: u64,
}

/// What the compiled tier keeps with a translation.
#[derive(Debug, Default)]
pub struct NativePart {
    /// What a call of the method calls; 0 without a tier.
    pub direct: Cell<u64>,
    /// How often it was found running, or called by native code without having any itself.
    pub heat: Cell<u32>,
    /// Whether it is to be interpreted however hot it is, as tests want it that mix tiers.
    pub stays_cold: Cell<bool>,
    pub(crate) entries: RefCell<Vec<NativeEntry>>,
    /// How often the entries have been changed.
    changes: Cell<u32>,
    landings: OnceCell<Box<[Cell<Word>]>>,
}

impl NativePart {
    /// The entry at word `index`.
    pub fn entry_at(&self, index: usize) -> Option<NativeEntry> {
        let entries = self.entries.borrow();
        let place = entries.binary_search_by_key(&(index as u32), |entry| entry.word).ok()?;
        Some(entries[place])
    }

    /// The operation that the entry at word `index` stands for.
    pub fn operation_at(&self, index: usize) -> Option<Operation> {
        self.entry_at(index).map(|entry| entry.operation)
    }

    /// How often the entries have been changed: no two states of them have the same number, and none has 0.
    #[inline]
    pub fn changes(&self) -> u32 {
        self.changes.get() + 1
    }

    /// The entries have been changed.
    pub(crate) fn changed(&self) {
        self.changes.set(self.changes.get().wrapping_add(1) & (u32::MAX >> 1));
    }

    /// Whether any word enters native code.
    pub fn has_entries(&self) -> bool {
        !self.entries.borrow().is_empty()
    }

    /// Put back the operations that entries have taken the place of.
    pub(crate) fn restore(&self, words: &mut [Word]) {
        for entry in self.entries.borrow().iter() {
            let word = &mut words[entry.word as usize];
            *word = word.with_op(entry.operation);
        }
    }

    /// Take note of an entry, in place of another for that word if there is one.
    pub(crate) fn add_entry(&self, entry: NativeEntry) {
        self.changed();
        let mut entries = self.entries.borrow_mut();
        match entries.binary_search_by_key(&entry.word, |other| other.word) {
            Ok(place) => {
                // The word has been one already.
                let operation = entries[place].operation;
                entries[place] = NativeEntry { operation, ..entry };
            }
            Err(place) => entries.insert(place, entry),
        }
    }

    /// A word for each of `count` that native code may wait at.
    pub(crate) fn landings(&self, count: usize) -> &[Cell<Word>] {
        self.landings.get_or_init(|| {
            let word = Word::new(Operation::EnterNative, 0, 0, 0);
            vec![word; count].into_iter().map(Cell::new).collect()
        })
    }
}
