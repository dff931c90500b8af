//! Channels: what goes from one isolate to another, in order, with a bound.
//!
//! Any number of threads may send and receive. Sending to a full channel and receiving from an empty one
//! is told at once ([`Channel::try_send`], [`Channel::try_receive`]); who wants to wait asks to be
//! [watched](Channel::watch) and looks again, or lets the thread wait ([`Channel::send`],
//! [`Channel::receive`], [`select`]). A closed channel takes nothing more; what is in it can still be received.
//! Must not know what it carries: [`message`](crate::message) does, nor who waits: a [`Waker`] does. The tests in
//! `tests/loom.rs` try all interleavings of small cases.

mod blocking;
mod ring;
mod sync;
mod waiting;

use std::fmt;
use std::task::Waker;

pub use self::blocking::select;
use self::ring::Ring;
pub use self::ring::{NotReceived, NotSent};
use self::sync::Arc;
use self::waiting::{Key, WaitList};

/// Most values that a channel can be made for.
pub const MOST_CAPACITY: usize = 1 << 20;

struct Shared<T> {
    ring: Ring<T>,
    /// Who waits for something to receive.
    receivers: WaitList,
    /// Who waits for room.
    senders: WaitList,
}

/// One of the ends of a channel; all ends are alike. A clone is another end of the same channel.
pub struct Channel<T> {
    shared: Arc<Shared<T>>,
}

/// What somebody waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Until {
    /// There is something to receive, or there will be nothing any more.
    Receivable,
    /// There is room, or the channel is closed.
    Sendable,
}

/// Somebody waits at a channel, until this is dropped. Who was woken and goes away all the same has the next
/// one woken: what there was to do is still there to do.
pub struct Watch<T> {
    channel: Channel<T>,
    until: Until,
    key: Key,
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Channel { shared: self.shared.clone() }
    }
}

impl<T> PartialEq for Channel<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Eq for Channel<T> {}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = if self.is_closed() { ", closed" } else { "" };
        write!(f, "Channel({} of {}{closed})", self.len(), self.capacity())
    }
}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({:?} of {:?})", self.until, self.channel)
    }
}

impl<T> Channel<T> {
    /// A channel for up to `capacity` values that were sent and not received yet: at least 1, at most
    /// [`MOST_CAPACITY`].
    pub fn bounded(capacity: usize) -> Channel<T> {
        let shared = Shared {
            ring: Ring::new(capacity.clamp(1, MOST_CAPACITY)),
            receivers: WaitList::new(),
            senders: WaitList::new(),
        };
        Channel { shared: Arc::new(shared) }
    }

    /// Send `value` if there is room.
    ///
    /// # Errors
    /// The value again, when the channel is full or closed.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), NotSent<T>> {
        self.shared.ring.push(value)?;
        self.shared.receivers.wake_one();
        // Whoever was woken for this room may have found that another value came first.
        if self.shared.senders.is_waiting() && !self.is_full() {
            self.shared.senders.wake_one();
        }
        Ok(())
    }

    /// Receive the next value if there is one.
    ///
    /// # Errors
    /// That there is none, or that there will be none.
    #[inline]
    pub fn try_receive(&self) -> Result<T, NotReceived> {
        let receivers = &self.shared.receivers;
        let value = self.shared.ring.pop();
        if value.is_ok() {
            self.shared.senders.wake_one();
        }
        // As above: who was woken may have come before the value that it was woken for was there. And who
        // waits for a value that was on its way when the channel was closed must learn that it has gone.
        if !matches!(value, Err(NotReceived::Empty))
            && receivers.is_waiting()
            && self.is_worth_trying(Until::Receivable)
        {
            receivers.wake_one();
        }
        value
    }

    /// Have `waker` woken, once, when it is worth trying again. Who asks tries again after this, as what it
    /// waits for may have come just before.
    pub fn watch(&self, until: Until, waker: Waker) -> Watch<T> {
        let key = self.list(until).add(waker);
        Watch { channel: self.clone(), until, key }
    }

    /// Let nothing more be sent. What is there can still be received. Answers whether it was open.
    pub fn close(&self) -> bool {
        let was_open = self.shared.ring.close();
        self.shared.receivers.wake_all();
        self.shared.senders.wake_all();
        was_open
    }

    /// Whether nothing more can be sent.
    pub fn is_closed(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// How many values it can hold.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }

    /// How many values are in it. Other threads may change that at once.
    pub fn len(&self) -> usize {
        self.shared.ring.len()
    }

    /// Whether nothing is in it now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room in it now.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// How many values were ever sent and received.
    pub fn counts(&self) -> (usize, usize) {
        self.shared.ring.counts()
    }

    /// A number that tells channels apart as long as they live.
    pub fn identity(&self) -> usize {
        std::ptr::from_ref::<Shared<T>>(&*self.shared).addr()
    }

    fn list(&self, until: Until) -> &WaitList {
        match until {
            Until::Receivable => &self.shared.receivers,
            Until::Sendable => &self.shared.senders,
        }
    }

    /// Whether trying would not be in vain now.
    fn is_worth_trying(&self, until: Until) -> bool {
        self.is_closed()
            || match until {
                Until::Receivable => !self.is_empty(),
                Until::Sendable => !self.is_full(),
            }
    }
}

impl<T> Watch<T> {
    /// The channel.
    pub fn channel(&self) -> &Channel<T> {
        &self.channel
    }

    /// What is waited for.
    pub fn until(&self) -> Until {
        self.until
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        let list = self.channel.list(self.until);
        if !list.remove(self.key) && list.is_waiting() && self.channel.is_worth_trying(self.until) {
            list.wake_one();
        }
    }
}
