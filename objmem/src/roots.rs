//! Roots: where a collection starts, and the state that collections keep between them.
//!
//! The interpreter implements [`Roots`] for its frames, caches and handles. Must not know what a
//! frame looks like. Sources: `StackInterpreter>>#mapInterpreterOops`, `#fireEphemeron:`,
//! `#signalFinalization:`, `#setCogVMFlags:`; `SpurMemoryManager>>#queueMourner:`, `#dequeueMourner`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::heap::Heap;
use crate::oop::Oop;

/// References outside the heap, which a collection follows and updates.
pub trait Roots {
    /// Call `f` with every strong reference; `f` updates it in place. Immediates are welcome.
    fn visit(&mut self, f: &mut dyn FnMut(&mut Oop));

    /// Call `f` with every weak reference, once all that lives is known. `f` updates it and
    /// answers true, or answers false when the object is gone: then forget the reference.
    fn visit_weak(&mut self, f: &mut dyn FnMut(&mut Oop) -> bool) {
        let _ = f;
    }

    /// Whether old objects may move in a full collection. When they do, `visit` and `visit_weak`
    /// are called once more, for all references that they visit; then [`GcState::compactions`] has
    /// gone up, and any reference kept elsewhere (in a cache, in compiled code) is stale. nil, true,
    /// false, pinned objects and those of the boot region never move.
    fn allows_compaction(&self) -> bool {
        false
    }
}

impl Roots for () {
    fn visit(&mut self, _: &mut dyn FnMut(&mut Oop)) {}

    fn allows_compaction(&self) -> bool {
        true
    }
}

impl Roots for Vec<Oop> {
    fn visit(&mut self, f: &mut dyn FnMut(&mut Oop)) {
        self.iter_mut().for_each(f);
    }

    fn allows_compaction(&self) -> bool {
        true
    }
}

/// Memory is used up: the collection could not start, the heap is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("object memory is used up")]
pub struct MemoryExhausted;

/// What collections carry over from one to the next, and count.
#[derive(Debug, Default)]
pub struct GcState {
    /// Objects of the boot region were freed, and others may be there now.
    pub boot_was_swept: bool,
    /// Ephemerons that fired, oldest first, and with [`queue_weak`](Self::queue_weak) weak objects
    /// that lost references; strong references.
    pub mourners: VecDeque<Oop>,
    /// Whether weak objects that lost references become mourners: bit 6 of an image's header
    /// flags, bit 4 of VM parameter 48 (`newFinalization`).
    pub queue_weak: bool,
    /// Finalizations that happened since the interpreter last signalled its semaphore.
    pub pending_finalizations: usize,
    /// Survivors below this address are tenured by the next scavenge.
    pub(crate) tenure_threshold: u64,
    /// Bytes allocated in old space since the last full collection.
    pub(crate) old_allocated: u64,
    /// How many of them make the next one due.
    pub(crate) full_threshold: u64,
    /// How far eden was filled after the last full collection.
    pub(crate) eden_after_full: u64,
    /// The soft limit of eden that is to come back, while it is raised; else 0.
    pub(crate) usual_soft_limit: u64,
    /// Bytes of eden that were in use when it was scavenged, all together.
    pub eden_bytes: u64,
    /// Scavenges so far.
    pub scavenges: u64,
    /// Class indices that collections have set free so far.
    pub classes_expunged: u64,
    /// Full collections so far.
    pub full_collections: u64,
    /// Full collections that moved old objects.
    pub compactions: u64,
    /// Objects tenured so far.
    pub tenured: u64,
    /// How long all this took.
    pub times: GcTimes,
}

/// How long collections have taken so far, all together.
#[derive(Clone, Copy, Debug, Default)]
pub struct GcTimes {
    /// Scavenges, but for those that are part of a full collection.
    pub scavenges: Duration,
    /// Full collections, with all that is part of them.
    pub full: Duration,
    /// The longest scavenge that was not part of a full collection.
    pub longest_scavenge: Duration,
    /// The longest full collection.
    pub longest_full: Duration,
    /// Marking.
    pub marking: Duration,
    /// Sweeping.
    pub sweeping: Duration,
    /// Moving old objects together.
    pub compacting: Duration,
    /// When the last full collection or scavenge ended.
    pub ended: Option<Instant>,
}

impl GcTimes {
    /// A collection that began at `start` ends; the time since is to be added to one of the above.
    pub(crate) fn end(&mut self, start: Instant) -> Duration {
        let now = Instant::now();
        self.ended = Some(now);
        now - start
    }
}

impl Heap {
    /// Call `f` with the references that the heap itself holds strongly.
    pub(crate) fn visit_own_roots(&mut self, f: &mut dyn FnMut(&mut Oop)) {
        f(&mut self.special_objects);
        f(&mut self.hidden_roots);
        f(&mut self.nil);
        f(&mut self.true_object);
        f(&mut self.false_object);
        self.gc.mourners.iter_mut().for_each(f);
    }

    /// The next mourner (primitive 172), in the order of queueing; Spur promises none.
    pub fn next_mourner(&mut self) -> Option<Oop> {
        self.gc.mourners.pop_front()
    }
}
