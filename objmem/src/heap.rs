//! The heap of one isolate: its regions, the write barrier, and the well-known objects.
//!
//! Address order decides what an object is: below `old_start` it is young; from there on it is
//! old: in the boot region when below `boot_end`, private after that. So the write barrier is two
//! compares. Allocation never moves an object; collections happen only when the interpreter asks
//! for one at a safepoint.

use std::ops::{Deref, Range};

use crate::cage::{Cage, Memory};
use crate::header::{Header, REMEMBERED_BIT};
use crate::layout::special;
use crate::old_space::OldSpace;
use crate::oop::{Address, ClassIndex, Oop};
use crate::space::{Nursery, Space};

/// Boot objects that are known to be remembered without asking the set; a power of two.
const RECENT: usize = 64;

/// The object memory of one isolate.
#[derive(Debug)]
pub struct Heap {
    pub(crate) memory: Memory,
    pub(crate) stack_zone: Range<Address>,
    /// Eden and the survivor spaces.
    pub nursery: Nursery,
    /// Everything older.
    pub old: OldSpace,
    /// Where old objects start: the end of the nursery.
    pub(crate) old_start: u64,
    /// The boot region.
    pub(crate) boot: Range<u64>,
    /// The objects that span the gaps between segments in the boot region.
    pub(crate) bridges: Vec<Oop>,
    /// Old objects that may refer to young ones.
    pub(crate) remembered: Vec<Oop>,
    /// Boot objects that may refer to private old ones.
    pub(crate) boot_remembered: rustc_hash::FxHashSet<Oop>,
    /// Some of them, to find quickly that an object is among them.
    pub(crate) boot_recent: [Oop; RECENT],
    /// The image's special objects array.
    pub(crate) special_objects: Oop,
    /// The hidden roots: class table pages and the rest.
    pub(crate) hidden_roots: Oop,
    pub(crate) nil: Oop,
    pub(crate) true_object: Oop,
    pub(crate) false_object: Oop,
    /// What the last identity hash was made of.
    pub(crate) last_hash: u32,
    /// First class table index that may be free.
    pub(crate) class_table_hint: u32,
    /// Whether full collections reclaim the boot region too: not where its pages are shared.
    pub(crate) collects_boot: bool,
    /// Whether a forwarder may be reachable: set by become, cleared by a full collection.
    pub has_forwarders: bool,
    /// Set when eden ran past its soft limit: the interpreter should collect at the next safepoint.
    pub needs_scavenge: bool,
    /// Set when old space grew enough that a full collection is due.
    pub needs_full_collection: bool,
    /// Set to zero when a collection is wanted: the interpreter's stack limit.
    pub attention: std::sync::Arc<std::sync::atomic::AtomicU64>,
    /// What collections carry over from one to the next.
    pub gc: crate::roots::GcState,
    /// The reservation; last, so that it is dropped last.
    pub(crate) cage: Cage,
}

/// What a [`Heap`] is made of.
#[derive(Debug)]
pub struct HeapParts {
    /// The reservation, with nursery and boot region committed.
    pub cage: Cage,
    /// The zone of the VM stack.
    pub stack_zone: Range<Address>,
    /// Eden and the survivor spaces.
    pub nursery: Nursery,
    /// The private segments.
    pub old: OldSpace,
    /// Where old objects start.
    pub old_start: u64,
    /// The boot region; empty when there is none.
    pub boot: Range<u64>,
    /// The bridges inside the boot region.
    pub bridges: Vec<Oop>,
    /// The special objects array; `Oop::ZERO` when it is still to be made.
    pub special_objects: Oop,
    /// The hidden roots object; `Oop::ZERO` when it is still to be made.
    pub hidden_roots: Oop,
    /// What the last identity hash was made of.
    pub last_hash: u32,
}

/// Byte offsets of what native code reads of a [`Heap`].
#[derive(Clone, Copy, Debug)]
pub struct HeapOffsets {
    /// nil.
    pub nil: usize,
    /// true.
    pub true_object: usize,
    /// false.
    pub false_object: usize,
    /// Where old objects start.
    pub old_start: usize,
    /// The hidden roots.
    pub hidden_roots: usize,
    /// Whether there may be forwarders: a byte.
    pub has_forwarders: usize,
    /// Where the next object is made.
    pub eden_next: usize,
    /// Past this address of eden a scavenge is due.
    pub eden_limit: usize,
    /// Where the boot image ends.
    pub boot_end: usize,
}

impl Heap {
    /// Where native code finds what it reads.
    pub const OFFSETS: HeapOffsets = HeapOffsets {
        nil: std::mem::offset_of!(Heap, nil),
        true_object: std::mem::offset_of!(Heap, true_object),
        false_object: std::mem::offset_of!(Heap, false_object),
        old_start: std::mem::offset_of!(Heap, old_start),
        hidden_roots: std::mem::offset_of!(Heap, hidden_roots),
        has_forwarders: std::mem::offset_of!(Heap, has_forwarders),
        eden_next: std::mem::offset_of!(Heap, nursery)
            + std::mem::offset_of!(Nursery, eden)
            + std::mem::offset_of!(Space, next),
        boot_end: std::mem::offset_of!(Heap, boot) + std::mem::offset_of!(Range<u64>, end),
        eden_limit: std::mem::offset_of!(Heap, nursery) + std::mem::offset_of!(Nursery, soft_limit),
    };
}

impl Deref for Heap {
    type Target = Memory;
    #[inline(always)]
    fn deref(&self) -> &Memory {
        &self.memory
    }
}

impl Heap {
    /// A heap of these parts. The well-known objects are read from the special objects array.
    pub fn from_parts(parts: HeapParts) -> Heap {
        let mut heap = Heap {
            memory: parts.cage.memory(),
            stack_zone: parts.stack_zone,
            nursery: parts.nursery,
            old: parts.old,
            old_start: parts.old_start,
            boot: parts.boot,
            bridges: parts.bridges,
            remembered: Vec::new(),
            boot_remembered: rustc_hash::FxHashSet::default(),
            boot_recent: [Oop::ZERO; RECENT],
            special_objects: parts.special_objects,
            hidden_roots: parts.hidden_roots,
            nil: Oop::ZERO,
            true_object: Oop::ZERO,
            false_object: Oop::ZERO,
            last_hash: parts.last_hash,
            class_table_hint: 0,
            collects_boot: true,
            has_forwarders: false,
            needs_scavenge: false,
            needs_full_collection: false,
            attention: std::sync::Arc::default(),
            gc: crate::roots::GcState::default(),
            cage: parts.cage,
        };
        if parts.special_objects != Oop::ZERO {
            heap.set_special_objects(parts.special_objects);
        }
        heap
    }

    /// The zone of the VM stack, below the nursery.
    pub fn stack_zone(&self) -> Range<Address> {
        self.stack_zone.clone()
    }

    /// Raw access, to keep in a register.
    #[inline(always)]
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// The cage.
    pub fn cage(&self) -> &Cage {
        &self.cage
    }

    /// The boot region.
    pub fn boot_region(&self) -> Range<Address> {
        Address(self.boot.start)..Address(self.boot.end)
    }

    /// Whether full collections should reclaim the boot region too.
    pub fn collects_boot(&self) -> bool {
        self.collects_boot
    }

    /// Whether the oop refers to an object in the nursery.
    #[inline(always)]
    pub fn is_young(&self, oop: Oop) -> bool {
        oop.is_pointer() && oop.0 < self.old_start
    }

    /// Whether the oop refers to an object in the boot region.
    #[inline(always)]
    pub fn is_boot(&self, oop: Oop) -> bool {
        oop.is_pointer() && self.boot.contains(&oop.0)
    }

    /// Write a reference into slot `index` (from 0), with the write barrier.
    #[inline(always)]
    pub fn store(&mut self, object: Oop, index: usize, value: Oop) {
        self.memory.store_unchecked(object, index, value);
        if object.0 >= self.old_start && value.is_pointer() {
            self.note_store(object, value);
        }
    }

    /// Whether storing `value` in `object`, which has `header`, needs nothing noted: then it may be
    /// [stored unchecked](Memory::store_unchecked).
    #[inline(always)]
    pub fn stores_freely(&self, object: Oop, header: Header, value: Oop) -> bool {
        if object.0 < self.old_start || !value.is_pointer() {
            true
        } else if value.0 < self.old_start {
            header.is_remembered()
        } else {
            object.0 >= self.boot.end || value.0 < self.boot.end
        }
    }

    /// The slow half of the barrier: `object` is old, `value` a pointer.
    #[inline]
    pub fn note_store(&mut self, object: Oop, value: Oop) {
        if value.0 < self.old_start {
            self.remember(object);
        } else if object.0 < self.boot.end && value.0 >= self.boot.end {
            let recent = (object.0 >> 4) as usize & (RECENT - 1);
            if self.boot_recent[recent] != object {
                self.boot_recent[recent] = object;
                self.boot_remembered.insert(object);
            }
        }
    }

    /// Put an old object into the old → nursery remembered set.
    pub fn remember(&mut self, object: Oop) {
        let header = self.memory.header(object);
        if !header.is_remembered() {
            self.memory.set_header(object, Header(header.0 | REMEMBERED_BIT));
            self.remembered.push(object);
        }
    }

    /// How many old objects are in that set, and for how many there is room before it grows.
    pub fn remembered_count(&self) -> (usize, usize) {
        (self.remembered.len(), self.remembered.capacity())
    }

    /// Note in the boot remembered set that boot object `object` refers to private old objects, if
    /// it does.
    pub(crate) fn note_boot_references(&mut self, object: Oop) {
        let slots = self.memory.pointer_slots(object) as usize;
        let private = |oop: Oop| oop.is_pointer() && oop.0 >= self.boot.end;
        if (0..slots).any(|index| private(self.memory.fetch(object, index))) {
            self.boot_remembered.insert(object);
        }
    }

    /// `nil`.
    #[inline(always)]
    pub fn nil(&self) -> Oop {
        self.nil
    }

    /// `true`.
    #[inline(always)]
    pub fn true_object(&self) -> Oop {
        self.true_object
    }

    /// `false`.
    #[inline(always)]
    pub fn false_object(&self) -> Oop {
        self.false_object
    }

    /// The Boolean for `value`.
    #[inline(always)]
    pub fn boolean(&self, value: bool) -> Oop {
        if value { self.true_object } else { self.false_object }
    }

    /// The special objects array.
    pub fn special_objects(&self) -> Oop {
        self.special_objects
    }

    /// Install another special objects array and read the well-known objects from it.
    pub fn set_special_objects(&mut self, array: Oop) {
        self.special_objects = array;
        self.nil = self.memory.fetch(array, special::NIL);
        self.false_object = self.memory.fetch(array, special::FALSE);
        self.true_object = self.memory.fetch(array, special::TRUE);
    }

    /// Entry `index` (see [`special`]) of the special objects array; nil when the array is shorter.
    pub fn special(&self, index: usize) -> Oop {
        if (index as u64) < self.memory.slot_count(self.special_objects) {
            self.memory.follow(self.memory.fetch(self.special_objects, index))
        } else {
            self.nil
        }
    }

    /// Replace entry `index` of the special objects array.
    pub fn set_special(&mut self, index: usize, value: Oop) {
        self.store(self.special_objects, index, value);
    }

    /// The bytes of a byte-like object, odd bytes excluded; for compiled code these include literals.
    pub fn bytes(&self, object: Oop) -> &[u8] {
        let size = self.memory.byte_size(object);
        self.memory.slice(self.memory.slot_address(object, 0), size)
    }

    /// The bytes of a byte object (not compiled code); `None` for anything else.
    pub fn bytes_of(&self, oop: Oop) -> Option<&[u8]> {
        (oop.is_pointer() && self.memory.format(oop).is_bytes()).then(|| self.bytes(oop))
    }

    /// The bytes of a bits object, to change.
    pub fn bytes_mut(&mut self, object: Oop) -> &mut [u8] {
        let size = self.memory.byte_size(object);
        self.memory.slice_mut(self.memory.slot_address(object, 0), size)
    }

    /// The identity hash of an object that is not a class: made at the first call, never 0. Heaps of the
    /// same image give the same one to the same object of the boot region, so that collections that
    /// hash by identity can go from one to another.
    pub fn identity_hash(&mut self, object: Oop) -> u32 {
        let header = self.memory.header(object);
        if header.hash() != 0 {
            return header.hash();
        }
        let hash = if self.is_boot(object) { hash_of_address(object) } else { self.next_hash() };
        self.memory.set_header(object, header.with_hash(hash));
        hash
    }

    /// A step of a 32-bit linear congruential generator of full period, of which the highest bits are taken:
    /// the low ones repeat soon, and hashed collections, which take the remainder, would form long runs. Not 0.
    fn next_hash(&mut self) -> u32 {
        loop {
            self.last_hash = self.last_hash.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hash = self.last_hash >> (u32::BITS - crate::header::HASH_MASK.count_ones());
            if hash != 0 {
                return hash;
            }
        }
    }

    /// The class of any oop.
    #[inline]
    pub fn class_of(&self, oop: Oop) -> Oop {
        self.class_at(self.memory.class_index(oop))
    }

    /// Whether the oop is an object whose header carries `class`.
    #[inline(always)]
    pub fn has_class_index(&self, oop: Oop, class: ClassIndex) -> bool {
        self.memory.class_index(oop) == class
    }
}

/// A hash, not 0, for an object that never moves.
fn hash_of_address(object: Oop) -> u32 {
    // The highest of the bits that the golden ratio spreads.
    let spread = (object.0 >> 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 42;
    (spread as u32 & crate::header::HASH_MASK as u32).max(1)
}
