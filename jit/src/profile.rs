//! What the tier learns about sites while code runs: where guards have failed too often, and which classes
//! sends have seen.

use std::cell::Cell;
use std::collections::BTreeSet;

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::layout::closure;
use rustc_hash::{FxHashMap, FxHashSet};

/// A place in translated code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The address of the code: see [`CodeRef::to_word`].
    pub code: u64,
    /// Index of the word.
    pub word: u32,
}

impl Site {
    /// Word `word` of `code`.
    pub fn new(code: CodeRef, word: usize) -> Site {
        Site { code: code.to_word(), word: word as u32 }
    }
}

/// Entries of a polymorphic inline cache: pairs, of which a class index picks one.
pub const PIC_ENTRIES: usize = 16;

/// A polymorphic inline cache, which native code reads: classes, and what was found for them.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Pic {
    /// Class index and code; 0 for none. Both are 0 where there is none yet.
    entries: [(Cell<u64>, Cell<u64>); PIC_ENTRIES],
    /// How many classes have taken the place of another.
    pub missed: Cell<u64>,
}

impl Pic {
    /// Bits of a class index that pick the pair of entries where it may be.
    pub const PAIR_MASK: u64 = PIC_ENTRIES as u64 / 2 - 1;
    /// Shift from the number of a pair to its byte offset.
    pub const PAIR_SHIFT: u32 = 5;
    /// Byte offset of the second entry of a pair.
    pub const SECOND: usize = 16;
    /// Byte offset of the code in an entry.
    pub const CODE: usize = 8;

    /// The classes that it has.
    pub fn classes(&self) -> impl Iterator<Item = u64> + '_ {
        self.entries.iter().map(|entry| entry.0.get()).filter(|class| *class != 0)
    }

    fn pair(&self, class: u64) -> &[(Cell<u64>, Cell<u64>)] {
        let first = 2 * (class & Self::PAIR_MASK) as usize;
        &self.entries[first..first + 2]
    }

    /// What it has found for `class`.
    pub fn get(&self, class: u64) -> Option<u64> {
        let mut entries = self.pair(class).iter();
        let found = entries.find(|(other, _)| other.get() == class).map(|(_, code)| code.get());
        found.filter(|code| *code != 0)
    }

    /// Have it find `code` for `class` from now on; 0 when only the class is known.
    pub fn add(&self, class: u64, code: u64) {
        let [first, second] = self.pair(class) else { return };
        let place = [first, second].into_iter().find(|entry| [0, class].contains(&entry.0.get()));
        let (known, found) = place.unwrap_or_else(|| {
            self.missed.set(self.missed.get() + 1);
            second.0.set(first.0.get());
            second.1.set(first.1.get());
            first
        });
        if code != 0 || known.get() != class {
            known.set(class);
            found.set(code);
        }
    }

    /// Forget what was found; the classes remain.
    pub fn forget(&self) {
        self.entries.iter().for_each(|(_, code)| code.set(0));
    }
}

/// What a site has found last, which native code reads: for a closure and the slot that tells its code, its
/// native code; for a selector and a class, what performing it runs.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Memo {
    first: Cell<u64>,
    second: Cell<u64>,
    /// The [epoch](rowel_interpreter::vm::Vm::epoch) of the VM at which that was found.
    epoch: Cell<u64>,
    found: Cell<u64>,
}

impl Memo {
    /// Byte offset of what it was found for.
    pub const FIRST: usize = std::mem::offset_of!(Memo, first);
    /// Byte offset of the other thing that it was found for.
    pub const SECOND: usize = std::mem::offset_of!(Memo, second);
    /// Byte offset of the epoch.
    pub const EPOCH: usize = std::mem::offset_of!(Memo, epoch);
    /// Byte offset of what was found.
    pub const FOUND: usize = std::mem::offset_of!(Memo, found);

    /// Take note of what was found for these two.
    pub fn note(&self, (first, second): (u64, u64), epoch: u64, found: u64) {
        self.first.set(first);
        self.second.set(second);
        self.epoch.set(epoch);
        self.found.set(found);
    }
}

/// The slot of a closure that tells its code: where it starts in a method, or a method of its own.
pub const CODE_SLOT: usize = closure::START_PC;

const _: () =
    assert!(CODE_SLOT == closure::COMPILED_BLOCK, "one slot tells the code of all closures");

/// What is known of sites.
#[derive(Debug, Default)]
pub struct Profile {
    /// Sites whose guards have failed too often: they are compiled for any value.
    pub general: FxHashSet<Site>,
    /// Where sends go on that are not inlined, as too much was different in what they run.
    pub called: FxHashSet<Site>,
    /// Sites that units have left at too often once.
    left: FxHashMap<Site, u32>,
    pics: FxHashMap<Site, Box<Pic>>,
    memos: FxHashMap<Site, Box<Memo>>,
}

impl Profile {
    /// The cache of the send at `site`, made when there is none.
    pub fn pic(&mut self, site: Site) -> &Pic {
        self.pics.entry(site).or_default()
    }

    /// What the send at `site` has found last, where that is a closure's code or what is performed.
    pub fn memo(&mut self, site: Site) -> &Memo {
        self.memos.entry(site).or_default()
    }

    /// The cache of the send at `site`.
    pub fn known_pic(&self, site: Site) -> Option<&Pic> {
        self.pics.get(&site).map(|pic| &**pic)
    }

    /// A unit has left at `site` too often: the first time more may be known by now, the second time it is
    /// compiled for any value.
    /// It has been compiled `compilations` times.
    pub fn left_too_often(&mut self, site: Site, compilations: u32) {
        let before = *self.left.entry(site).or_insert(compilations);
        if before != compilations {
            self.general.insert(site);
        }
    }

    /// Forget what sends have found.
    pub fn forget_found(&self) {
        self.pics.values().for_each(|pic| pic.forget());
    }

    /// The code that `keep` refuses is going.
    pub fn retain(&mut self, keep: &mut dyn FnMut(CodeRef) -> bool) {
        let mut kept = |site: &Site| CodeRef::from_word(site.code).is_some_and(&mut *keep);
        self.general.retain(&mut kept);
        self.called.retain(&mut kept);
        self.left.retain(|site, _| kept(site));
        self.pics.retain(|site, _| kept(site));
        self.memos.retain(|site, _| kept(site));
        self.forget_found();
    }
}

/// What a compilation assumes of loops, until it turns out wrong.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Slots that are any oop at the head of a loop.
    pub any: BTreeSet<(Site, usize, usize)>,
    /// Closures that are made at once.
    pub made: BTreeSet<Site>,
    /// Nothing is assumed.
    pub cautious: bool,
}
