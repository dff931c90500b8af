//! The timer behind Delay: one deadline, and a thread that asks for attention when it has come. One thread
//! can serve the timers of many VMs.
//!
//! Knows nothing of semaphores: [`Vm`](crate::vm::Vm) asks whether the deadline has passed. Source of
//! the semantics: `StackInterpreterPrimitives>>#primitiveSignalAtMilliseconds`,
//! `#primitiveSignalAtUTCMicroseconds`.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::signals::Signaller;

/// A deadline among others, and a number that makes it unique.
type Key = (Instant, u64);

#[derive(Debug, Default)]
struct State {
    deadlines: BTreeMap<Key, Signaller>,
    next: u64,
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

/// The deadlines of any number of timers, and the thread that waits for them, which starts with the first.
#[derive(Debug, Default)]
pub struct Alarms {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Alarms {
    fn set(&self, deadline: Instant, signaller: Signaller) -> Key {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = self.shared.clone();
            let builder = std::thread::Builder::new().name("rowel timer".into());
            *thread = builder.spawn(move || watch(&shared)).ok();
        }
        drop(thread);
        let mut state = self.shared.lock();
        state.next += 1;
        let key = (deadline, state.next);
        let is_first = state.deadlines.first_key_value().is_none_or(|(first, _)| key < *first);
        state.deadlines.insert(key, signaller);
        if is_first {
            self.shared.changed.notify_one();
        }
        key
    }

    fn cancel(&self, key: Key) {
        self.shared.lock().deadlines.remove(&key);
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        self.shared.lock().ends = true;
        self.shared.changed.notify_one();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It ends at once, and a panic in it has been reported by then.
            let _ = thread.join();
        }
    }
}

/// One deadline.
#[derive(Debug)]
pub struct Timer {
    /// When the timer semaphore is to be signalled.
    deadline: Option<Instant>,
    /// Those that it is among: its own, made with the first deadline, unless it was given some.
    alarms: Option<Arc<Alarms>>,
    key: Option<Key>,
    signaller: Signaller,
}

impl Timer {
    /// A timer that asks for attention through `signaller`.
    pub fn new(signaller: Signaller) -> Timer {
        Timer { deadline: None, alarms: None, key: None, signaller }
    }

    /// A timer whose deadlines are among `alarms`.
    pub fn among(alarms: Arc<Alarms>, signaller: Signaller) -> Timer {
        Timer { deadline: None, alarms: Some(alarms), key: None, signaller }
    }

    /// Set or cancel the deadline.
    pub fn set(&mut self, deadline: Option<Instant>) {
        self.cancel();
        self.deadline = deadline;
        if let Some(deadline) = deadline {
            let alarms = self.alarms.get_or_insert_default();
            self.key = Some(alarms.set(deadline, self.signaller.clone()));
        }
    }

    fn cancel(&mut self) {
        if let (Some(key), Some(alarms)) = (self.key.take(), &self.alarms) {
            alarms.cancel(key);
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
        self.cancel();
    }
}

/// The thread: sleeps until the first deadline, asks for attention, forgets it.
fn watch(shared: &Shared) {
    let mut state = shared.lock();
    while !state.ends {
        let first = state.deadlines.first_key_value().map(|(key, _)| key.0);
        state = match first.map(|first| first.saturating_duration_since(Instant::now())) {
            None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(left) if !left.is_zero() => {
                let waited = shared.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            Some(_) => {
                let due = state.deadlines.pop_first();
                drop(state);
                if let Some((_, signaller)) = due {
                    signaller.wake();
                }
                shared.lock()
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::signals::Signals;

    #[test]
    fn one_thread_serves_many_timers() {
        let alarms = Arc::new(Alarms::default());
        let limits: Vec<_> = (0..20).map(|_| Arc::new(AtomicU64::new(77))).collect();
        let signals: Vec<_> = limits.iter().map(|limit| Signals::new(limit.clone())).collect();
        let timer = |signals: &Signals| Timer::among(alarms.clone(), signals.signaller());
        let mut timers: Vec<_> = signals.iter().map(timer).collect();
        let now = Instant::now();
        for (index, timer) in timers.iter_mut().enumerate() {
            // Replaced, cancelled, or long from now.
            timer.set(Some(now + Duration::from_secs(1000)));
            match index % 4 {
                0 => timer.set(None),
                1 => {}
                _ => timer.set(Some(now + Duration::from_millis(20 - index as u64))),
            }
        }
        let asked = |index: usize| limits[index].load(Ordering::Acquire) == 0;
        while (0..20).filter(|index| index % 4 > 1).any(|index| !asked(index)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!((0..20).filter(|index| index % 4 < 2).all(|index| !asked(index)));
        assert!(timers[2].is_due() && !timers[2].is_due() && !timers[1].is_due());
        drop(timers);
        assert!(alarms.shared.lock().deadlines.is_empty());
    }
}
