//! Who waits at one end of a channel, and is told when it is worth looking again.
//!
//! Who finds nothing to do [adds](WaitList::add) a waker and looks *again*; who has done something
//! [wakes one](WaitList::wake_one). A fence on either side makes sure that one sees the other. Who was woken
//! is off the list. Who leaves without having looked passes it on (see [`Watch`](super::Watch)), so that no
//! wake-up gets lost with somebody who dies.

use std::collections::VecDeque;
use std::task::Waker;

use super::sync::{AtomicUsize, Mutex, Ordering, fence, locked};

/// Names an entry of a list.
pub(super) type Key = u64;

#[derive(Debug, Default)]
struct Entries {
    waiting: VecDeque<(Key, Waker)>,
    last_key: Key,
}

/// The list, in the order of coming.
#[derive(Debug)]
pub(super) struct WaitList {
    /// How many are on the list: asked without taking the lock.
    count: AtomicUsize,
    entries: Mutex<Entries>,
}

impl WaitList {
    pub(super) fn new() -> WaitList {
        WaitList { count: AtomicUsize::new(0), entries: Mutex::new(Entries::default()) }
    }

    /// Have `waker` woken. The caller looks again after this.
    pub(super) fn add(&self, waker: Waker) -> Key {
        let mut entries = locked!(self.entries);
        entries.last_key += 1;
        let key = entries.last_key;
        entries.waiting.push_back((key, waker));
        self.count.store(entries.waiting.len(), Ordering::Relaxed);
        drop(entries);
        // Before the next look at the ring; see `wake_one`.
        fence(Ordering::SeqCst);
        key
    }

    /// Take an entry off the list. Answers whether it was still there: if not, it was woken.
    pub(super) fn remove(&self, key: Key) -> bool {
        let mut entries = locked!(self.entries);
        let found = entries.waiting.iter().position(|entry| entry.0 == key);
        if let Some(index) = found {
            entries.waiting.remove(index);
            self.count.store(entries.waiting.len(), Ordering::Relaxed);
        }
        found.is_some()
    }

    /// Wake who has waited longest. To be called after the ring was changed.
    #[inline]
    pub(super) fn wake_one(&self) {
        // After the change of the ring: either this sees who was added, or that one sees the change.
        fence(Ordering::SeqCst);
        if self.is_waiting() {
            self.wake_first();
        }
    }

    /// Whether somebody seems to wait.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    #[cold]
    fn wake_first(&self) {
        let mut entries = locked!(self.entries);
        let first = entries.waiting.pop_front();
        self.count.store(entries.waiting.len(), Ordering::Relaxed);
        drop(entries);
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    /// Wake all.
    pub(super) fn wake_all(&self) {
        fence(Ordering::SeqCst);
        let all = {
            let mut entries = locked!(self.entries);
            self.count.store(0, Ordering::Relaxed);
            std::mem::take(&mut entries.waiting)
        };
        for (_, waker) in all {
            waker.wake();
        }
    }
}
