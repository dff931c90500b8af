//! The timer behind Delay: one deadline, and a thread that asks for attention when it has come.
//!
//! Knows nothing of semaphores: [`Vm`](crate::vm::Vm) asks whether the deadline has passed. Source of
//! the semantics: `StackInterpreterPrimitives>>#primitiveSignalAtMilliseconds`,
//! `#primitiveSignalAtUTCMicroseconds`.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::signals::Signaller;

#[derive(Debug, Default)]
struct State {
    deadline: Option<Instant>,
    ends: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One deadline.
#[derive(Debug)]
pub struct Timer {
    /// When the timer semaphore is to be signalled.
    deadline: Option<Instant>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    signaller: Signaller,
}

impl Timer {
    /// A timer that asks for attention through `signaller`. Its thread starts with the first deadline.
    pub fn new(signaller: Signaller) -> Timer {
        Timer { deadline: None, shared: Arc::default(), thread: None, signaller }
    }

    /// Set or cancel the deadline.
    pub fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        self.shared.lock().deadline = deadline;
        self.shared.changed.notify_one();
        if deadline.is_some() && self.thread.is_none() {
            let (shared, signaller) = (self.shared.clone(), self.signaller.clone());
            let thread = std::thread::Builder::new().name("rowel timer".into());
            self.thread = thread.spawn(move || watch(&shared, &signaller)).ok();
        }
    }

    /// When the timer is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the deadline has passed; it is gone then.
    pub fn is_due(&mut self) -> bool {
        let due = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if due {
            self.deadline = None;
        }
        due
    }

    /// How long until the deadline; `None` when there is none.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.lock().ends = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends at once, and a panic in it has been reported by then.
            let _ = thread.join();
        }
    }
}

/// The thread: sleeps until the deadline, asks for attention, forgets it.
fn watch(shared: &Shared, signaller: &Signaller) {
    let mut state = shared.lock();
    while !state.ends {
        let now = Instant::now();
        state = match state.deadline {
            None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) if deadline > now => {
                let waited = shared.changed.wait_timeout(state, deadline - now);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            Some(_) => {
                state.deadline = None;
                drop(state);
                signaller.wake();
                shared.lock()
            }
        };
    }
}
