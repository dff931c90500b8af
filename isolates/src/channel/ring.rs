//! A bounded queue between threads that can be closed: a ring of places, each with a turn.
//!
//! Nobody waits here; who finds it full or empty is told so. Positions count up for ever. A place's turn
//! says which position may be written or read there next: `2 * lap` when it may be written in that lap,
//! `2 * lap + 1` when it may be read. The lowest bit of the tail says that the ring is closed, so that no
//! value gets in after that. The scheme is Dmitry Vyukov's bounded queue; a place's value lies behind a
//! mutex that never has two who want it, as the turn gives it to one thread at a time.

use super::sync::{AtomicUsize, Mutex, Ordering, locked};

/// Set in the tail when nothing may be added any more.
const CLOSED: usize = 1;
/// What the tail goes up by.
const STEP: usize = 2;

#[derive(Debug)]
struct Place<T> {
    turn: AtomicUsize,
    value: Mutex<Option<T>>,
}

/// Apart from what lies before and after it, so that writers and readers do not share a cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Alone(AtomicUsize);

/// The queue.
#[derive(Debug)]
pub(super) struct Ring<T> {
    /// Next position to read.
    head: Alone,
    /// Next position to write, times [`STEP`], and [`CLOSED`].
    tail: Alone,
    places: Box<[Place<T>]>,
}

/// Why a value was not added; it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotSent<T> {
    /// There is no room now.
    Full(T),
    /// The channel is closed.
    Closed(T),
}

/// Why there is no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotReceived {
    /// None is there now.
    #[error("the channel is empty")]
    Empty,
    /// None is there, and none will come.
    #[error("the channel is closed")]
    Closed,
}

/// Whether turn `turn` comes before turn `other`; both may have wrapped.
fn before(turn: usize, other: usize) -> bool {
    (turn.wrapping_sub(other) as isize) < 0
}

impl<T> Ring<T> {
    /// A ring of `capacity` places, at least one.
    pub(super) fn new(capacity: usize) -> Ring<T> {
        let place = |_| Place { turn: AtomicUsize::new(0), value: Mutex::new(None) };
        Ring {
            head: Alone(AtomicUsize::new(0)),
            tail: Alone(AtomicUsize::new(0)),
            places: (0..capacity.max(1)).map(place).collect(),
        }
    }

    /// Where `position` is, and the turn in which it may be written there.
    fn place(&self, position: usize) -> (&Place<T>, usize) {
        let (lap, index) = (position / self.places.len(), position % self.places.len());
        (&self.places[index], lap * 2)
    }

    /// Add `value` at the end.
    pub(super) fn push(&self, value: T) -> Result<(), NotSent<T>> {
        let mut tail = self.tail.0.load(Ordering::Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(NotSent::Closed(value));
            }
            let (place, writable) = self.place(tail / STEP);
            let turn = place.turn.load(Ordering::Acquire);
            if turn == writable {
                let next = tail.wrapping_add(STEP);
                let swap = self.tail.0.compare_exchange_weak(
                    tail,
                    next,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
                match swap {
                    Ok(_) => {
                        *locked!(place.value) = Some(value);
                        place.turn.store(writable + 1, Ordering::Release);
                        return Ok(());
                    }
                    Err(now) => tail = now,
                }
            } else if before(turn, writable) {
                return Err(NotSent::Full(value));
            } else {
                tail = self.tail.0.load(Ordering::Relaxed);
            }
        }
    }

    /// Take the first value.
    pub(super) fn pop(&self) -> Result<T, NotReceived> {
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            let (place, writable) = self.place(head);
            let turn = place.turn.load(Ordering::Acquire);
            let readable = writable + 1;
            if turn == readable {
                let next = head.wrapping_add(1);
                let swap = self.head.0.compare_exchange_weak(
                    head,
                    next,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
                match swap {
                    Ok(_) => {
                        let value = locked!(place.value).take();
                        place.turn.store(writable + 2, Ordering::Release);
                        return value.ok_or(NotReceived::Empty);
                    }
                    Err(now) => head = now,
                }
            } else if before(turn, readable) {
                // Nothing there; or somebody is about to put it there and will tell.
                let tail = self.tail.0.load(Ordering::Acquire);
                if tail == head.wrapping_mul(STEP) | CLOSED {
                    return Err(NotReceived::Closed);
                }
                return Err(NotReceived::Empty);
            } else {
                head = self.head.0.load(Ordering::Relaxed);
            }
        }
    }

    /// Let nothing in any more. Answers whether it was open.
    pub(super) fn close(&self) -> bool {
        self.tail.0.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED == 0
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tail.0.load(Ordering::Acquire) & CLOSED != 0
    }

    pub(super) fn capacity(&self) -> usize {
        self.places.len()
    }

    /// How many values were ever added, and taken.
    pub(super) fn counts(&self) -> (usize, usize) {
        let taken = self.head.0.load(Ordering::Acquire);
        (self.tail.0.load(Ordering::Acquire) / STEP, taken)
    }

    /// How many values are there, or about to be; others may change that at once.
    pub(super) fn len(&self) -> usize {
        let (added, taken) = self.counts();
        added.saturating_sub(taken).min(self.places.len())
    }
}
