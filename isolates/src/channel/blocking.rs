//! Waiting at channels with a thread of one's own: for Rust code outside of isolates, and for threads
//! that have nothing else to do. A Smalltalk process waits in another way, as its isolate goes on.

use std::task::{Wake, Waker};
use std::time::Instant;

use super::sync::thread::{self, Thread};
use super::{Channel, NotReceived, NotSent, Until};

/// Wakes a thread that has parked.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

fn this_thread() -> Waker {
    Waker::from(std::sync::Arc::new(Parked(thread::current())))
}

/// Park this thread until it is woken or `deadline` has come. Answers false when it has.
#[cfg(not(loom))]
fn park(deadline: Option<Instant>) -> bool {
    let Some(deadline) = deadline else {
        thread::park();
        return true;
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return false;
    }
    thread::park_timeout(left);
    true
}

#[cfg(loom)]
fn park(_: Option<Instant>) -> bool {
    thread::park();
    true
}

impl<T> Channel<T> {
    /// Send `value`; wait for room, until `deadline` at most.
    ///
    /// # Errors
    /// The value again: as full when the time is over, or as closed.
    pub fn send(&self, value: T, deadline: Option<Instant>) -> Result<(), NotSent<T>> {
        let mut value = match self.try_send(value) {
            Err(NotSent::Full(value)) => value,
            outcome => return outcome,
        };
        loop {
            let _watch = self.watch(Until::Sendable, this_thread());
            value = match self.try_send(value) {
                Err(NotSent::Full(value)) => value,
                outcome => return outcome,
            };
            if !park(deadline) {
                return Err(NotSent::Full(value));
            }
        }
    }

    /// Receive the next value; wait for it, until `deadline` at most.
    ///
    /// # Errors
    /// That there was none in time, or that there will be none.
    pub fn receive(&self, deadline: Option<Instant>) -> Result<T, NotReceived> {
        match self.try_receive() {
            Err(NotReceived::Empty) => {}
            outcome => return outcome,
        }
        loop {
            let _watch = self.watch(Until::Receivable, this_thread());
            match self.try_receive() {
                Err(NotReceived::Empty) if !park(deadline) => return Err(NotReceived::Empty),
                Err(NotReceived::Empty) => {}
                outcome => return outcome,
            }
        }
    }
}

/// Receive from whichever of `channels` has something first, and answer its index too; wait for that, until
/// `deadline` at most. Where several have something, the one after `last` comes first, so that none is always
/// left for later: give what was answered before.
///
/// # Errors
/// That nothing came in time, or that all are closed.
pub fn select<T>(
    channels: &[&Channel<T>],
    last: usize,
    deadline: Option<Instant>,
) -> Result<(usize, T), NotReceived> {
    let look = || {
        let mut open = false;
        for turn in 1..=channels.len() {
            let index = (last % channels.len() + turn) % channels.len();
            match channels[index].try_receive() {
                Ok(value) => return Ok((index, value)),
                Err(problem) => open |= problem == NotReceived::Empty,
            }
        }
        Err(if open { NotReceived::Empty } else { NotReceived::Closed })
    };
    loop {
        let waker = this_thread();
        let _watches: Vec<_> = channels
            .iter()
            .map(|channel| channel.watch(Until::Receivable, waker.clone()))
            .collect();
        match look() {
            Err(NotReceived::Empty) if !park(deadline) => return Err(NotReceived::Empty),
            Err(NotReceived::Empty) => {}
            outcome => return outcome,
        }
    }
}
