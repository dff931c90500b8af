//! Become: exchanging the identity of objects, lazily, with forwarders.
//!
//! Nothing is searched for references: the old object turns into a forwarder that readers follow,
//! and collections take away. Must not know the interpreter's caches: it flushes them itself.
//! Source: `SpurMemoryManager>>#become:with:twoWay:copyHash:`,
//! `#containsOnlyValidBecomeObjects:and:twoWay:copyHash:`, `#doBecome:to:copyHash:`, `#pinObject:`.

use crate::header::{Header, PINNED_BIT, REMEMBERED_BIT};
use crate::heap::Heap;
use crate::layout::{CLASS_TABLE_PAGE_SHIFT, CLASS_TABLE_PAGE_SIZE, FORWARDED_CLASS_INDEX};
use crate::oop::{ClassIndex, Oop};

/// Why a become was refused. Nothing has changed then. The codes are Spur's (`VMClass class>>
/// #initializePrimitiveErrorCodes`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BecomeError {
    /// `PrimErrBadReceiver`: the first argument is no array.
    #[error("the objects to replace are not in an array")]
    BadReceiver,
    /// `PrimErrBadArgument`: the second is none, or not of the same size.
    #[error("the replacements are not in an array of the same size")]
    BadArgument,
    /// `PrimErrInappropriate`: an immediate has no identity to give away.
    #[error("an immediate cannot become another object")]
    Inappropriate,
    /// `PrimErrNoModification`: read-only.
    #[error("a read-only object cannot become another")]
    NoModification,
    /// `PrimErrObjectIsPinned`.
    #[error("a pinned object cannot become another")]
    ObjectIsPinned,
    /// `PrimErrNoMemory`: the copies that two-way become needs do not fit.
    #[error("no memory for the copies")]
    NoMemory,
}

impl Heap {
    /// Make every reference to `from[i]` refer to `to[i]`, and with `two_way` the other way round
    /// too. As in Spur, `copy_hash` has `to[i]` take over the hash of `from[i]`; but of a two-way
    /// become, where hashes stay with the references, it says that they go with the contents. Never
    /// moves objects that were not named; allocates copies in old space for two-way become.
    ///
    /// # Errors
    /// See [`BecomeError`].
    pub fn become_forward(
        &mut self,
        from: Oop,
        to: Oop,
        two_way: bool,
        copy_hash: bool,
    ) -> Result<(), BecomeError> {
        let (from, to) = (self.memory.follow(from), self.memory.follow(to));
        if !self.is_plain_array(from) {
            return Err(BecomeError::BadReceiver);
        }
        let count = self.memory.slot_count(from);
        if !self.is_plain_array(to) || self.memory.slot_count(to) != count {
            return Err(BecomeError::BadArgument);
        }
        self.check_become(from, to, two_way, copy_hash)?;
        for index in 0..count as usize {
            let one = self.memory.follow(self.memory.fetch(from, index));
            let two = self.memory.follow(self.memory.fetch(to, index));
            if one != two {
                if two_way {
                    self.exchange(one, two, copy_hash);
                } else {
                    if copy_hash {
                        self.copy_hash(one, two);
                    }
                    self.forward(one, two);
                }
            }
            for array in [from, to] {
                let object = self.memory.follow(self.memory.fetch(array, index));
                self.store(array, index, object);
            }
        }
        self.follow_well_known();
        Ok(())
    }

    /// Follow what the heap itself refers to.
    fn follow_well_known(&mut self) {
        let specials = self.memory.follow(self.special_objects);
        self.follow_slots(specials);
        self.set_special_objects(specials);
        self.follow_class_table();
    }

    /// Pin an object, so that no collection moves it; a young one is moved to old space first, and
    /// leaves a forwarder. Answers the object, or `None` when memory is used up.
    pub fn pin(&mut self, object: Oop) -> Option<Oop> {
        let mut object = self.memory.follow(object);
        if self.is_young(object) {
            let bytes = self.memory.total_bytes(object);
            if !(self.old.may_take(bytes) && self.old.prepare_reserve(&self.cage, bytes)) {
                self.ask_for_full_collection();
                return None;
            }
            let copy = self.copy_to_old(object);
            self.forward(object, copy);
            self.follow_well_known();
            object = copy;
        }
        let header = self.memory.header(object).with_flag(PINNED_BIT, true);
        self.memory.set_header(object, header);
        Some(object)
    }

    /// Whether the oop is an Array, or an object of the same format.
    pub(crate) fn is_plain_array(&self, oop: Oop) -> bool {
        oop.is_pointer() && self.memory.format(oop) == crate::format::Format::INDEXABLE
    }

    fn check_become(
        &mut self,
        from: Oop,
        to: Oop,
        two_way: bool,
        copy_hash: bool,
    ) -> Result<(), BecomeError> {
        let mut bytes = 0;
        for index in 0..self.memory.slot_count(from) as usize {
            let one = self.memory.follow(self.memory.fetch(from, index));
            let two = self.memory.follow(self.memory.fetch(to, index));
            self.check_object(one)?;
            if two_way {
                self.check_object(two)?;
                bytes += self.memory.total_bytes(one) + self.memory.total_bytes(two);
            } else if copy_hash && (!two.is_pointer() || self.memory.header(two).is_immutable()) {
                return Err(BecomeError::Inappropriate);
            }
        }
        if two_way && !(self.old.may_take(bytes) && self.old.prepare_reserve(&self.cage, bytes)) {
            self.ask_for_full_collection();
            return Err(BecomeError::NoMemory);
        }
        Ok(())
    }

    fn check_object(&self, oop: Oop) -> Result<(), BecomeError> {
        if !oop.is_pointer() {
            return Err(BecomeError::Inappropriate);
        }
        let header = self.memory.header(oop);
        if header.is_pinned() {
            Err(BecomeError::ObjectIsPinned)
        } else if header.is_immutable() {
            Err(BecomeError::NoModification)
        } else {
            Ok(())
        }
    }

    fn copy_hash(&mut self, from: Oop, to: Oop) {
        let hash = self.memory.header(from).hash();
        self.memory.set_header(to, self.memory.header(to).with_hash(hash));
    }

    /// Turn `object` into a forwarder to `target`.
    pub(crate) fn forward(&mut self, object: Oop, target: Oop) {
        let header = self.memory.header(object);
        let header = header
            .with_class_index(ClassIndex(FORWARDED_CLASS_INDEX))
            .with_format(crate::format::Format::FORWARDED);
        self.memory.set_header(object, header);
        self.store(object, 0, target);
        self.has_forwarders = true;
    }

    /// Two-way become, by copies of both. The hashes stay with the references, unless `copy_hash`
    /// says that they go with the contents. A class's hash is its index: so that both agree, entries
    /// of the class table go where the hashes go. Of two classes the hashes always go with the
    /// contents, as the instances of both keep their class.
    fn exchange(&mut self, one: Oop, two: Oop, copy_hash: bool) {
        let index_one = self.index_in_class_table(one);
        let index_two = self.index_in_class_table(two);
        let new_one = self.copy_to_old(one);
        let new_two = self.copy_to_old(two);
        // References to `one` reach what was `two`, and so get the copy of `two`.
        self.forward(one, new_two);
        self.forward(two, new_one);
        if copy_hash || index_one.is_some() && index_two.is_some() {
            for (index, class) in [(index_one, new_one), (index_two, new_two)] {
                if let Some(index) = index {
                    self.set_class_at(index, class);
                }
            }
        } else {
            let (first, second) = (self.memory.header(new_one), self.memory.header(new_two));
            self.memory.set_header(new_one, first.with_hash(second.hash()));
            self.memory.set_header(new_two, second.with_hash(first.hash()));
        }
    }

    fn copy_to_old(&mut self, object: Oop) -> Oop {
        let header = self.memory.header(object);
        let slots = self.memory.slot_count(object);
        let bytes = self.memory.total_bytes(object);
        let start = self.reserve_old_surely(bytes);
        let copy = self.write_headers(start, header.class_index(), header.format(), slots);
        self.memory.copy(
            self.memory.slot_address(object, 0),
            self.memory.slot_address(copy, 0),
            slots.max(1) * crate::header::WORD,
        );
        let kept = Header(header.0 & !(REMEMBERED_BIT | PINNED_BIT));
        self.memory.set_header(copy, kept);
        if self.memory.pointer_slots(copy) > 0 {
            // It may refer to young objects; the next scavenge finds out.
            self.remember(copy);
            if copy.0 < self.boot.end {
                self.note_boot_references(copy);
            }
        }
        copy
    }

    fn index_in_class_table(&self, object: Oop) -> Option<u32> {
        let hash = self.memory.header(object).hash();
        (hash != 0 && self.class_at(ClassIndex(hash)) == object).then_some(hash)
    }

    fn set_class_at(&mut self, index: u32, class: Oop) {
        let page = self.memory.fetch(self.hidden_roots, (index >> CLASS_TABLE_PAGE_SHIFT) as usize);
        self.store(page, (index & (CLASS_TABLE_PAGE_SIZE - 1)) as usize, class);
    }

    fn follow_slots(&mut self, object: Oop) {
        for index in 0..self.memory.slot_count(object) as usize {
            let old = self.memory.fetch(object, index);
            if self.memory.is_forwarded(old) {
                self.store(object, index, self.memory.follow(old));
            }
        }
    }

    fn follow_class_table(&mut self) {
        for index in 0..crate::layout::CLASS_TABLE_ROOT_SLOTS as usize {
            let page = self.memory.fetch(self.hidden_roots, index);
            if page != self.nil && page.is_pointer() {
                self.follow_slots(page);
            }
        }
    }
}
