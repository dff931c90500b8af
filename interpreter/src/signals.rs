//! Requests from other threads: external semaphores to signal, the interrupt key, stack dumps, the
//! end.
//!
//! A [`Signaller`] may be cloned into any thread. It notes the request, makes the running code look
//! up at its next send or back jump, and wakes the VM when it sleeps in primitive 230. Source of the
//! scheme: `sqExternalSemaphores.c` of the OpenSmalltalk VM.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// What is asked of the VM, and a way to wait for it.
#[derive(Debug, Default)]
struct Shared {
    /// Indices of external semaphores (from 1) to signal, in order.
    pending: Mutex<Vec<usize>>,
    woken: Condvar,
    interrupt: AtomicBool,
    dump: AtomicBool,
    /// The exit code with which the VM is to end; 0 for going on.
    end: AtomicI32,
    /// While the VM sleeps, the most nanoseconds that it will; else 0.
    asleep: AtomicU64,
}

/// The VM's end.
#[derive(Debug, Default)]
pub struct Signals {
    shared: Arc<Shared>,
    limit: Arc<AtomicU64>,
}

/// The end of other threads.
#[derive(Clone, Debug)]
pub struct Signaller {
    shared: Arc<Shared>,
    limit: Arc<AtomicU64>,
}

impl Signals {
    /// Signals that ask for attention by zeroing the stack limit `limit`.
    pub fn new(limit: Arc<AtomicU64>) -> Signals {
        Signals { shared: Arc::default(), limit }
    }

    /// A handle for other threads.
    pub fn signaller(&self) -> Signaller {
        Signaller { shared: self.shared.clone(), limit: self.limit.clone() }
    }

    /// The external semaphores to signal now, in the order of the requests.
    pub fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the interrupt key was pressed since the last call.
    pub fn take_interrupt(&self) -> bool {
        self.shared.interrupt.swap(false, Ordering::Relaxed)
    }

    /// Whether somebody asked for a dump of all stacks since the last call.
    pub fn take_dump(&self) -> bool {
        self.shared.dump.swap(false, Ordering::Relaxed)
    }

    /// Whether anything was asked for that waits.
    pub fn any(&self) -> bool {
        let pending = self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner);
        !pending.is_empty()
            || self.shared.interrupt.load(Ordering::Relaxed)
            || self.shared.dump.load(Ordering::Relaxed)
            || self.end().is_some()
    }

    /// The exit code with which somebody asked the VM to end.
    pub fn end(&self) -> Option<i32> {
        Some(self.shared.end.load(Ordering::Relaxed)).filter(|&code| code != 0)
    }

    /// Sleep until something is asked for, at most `limit`.
    pub fn sleep(&self, limit: Duration) {
        let pending = self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let flagged = || {
            self.shared.interrupt.load(Ordering::Relaxed)
                || self.shared.dump.load(Ordering::Relaxed)
                || self.end().is_some()
        };
        if pending.is_empty() && !flagged() {
            let most = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX).max(1);
            self.shared.asleep.store(most, Ordering::Relaxed);
            // A spurious or early wake-up is harmless: the image asks again.
            drop(self.shared.woken.wait_timeout(pending, limit));
            self.shared.asleep.store(0, Ordering::Relaxed);
        }
    }
}

impl Signaller {
    /// Signal the external semaphore `index` (from 1) soon.
    pub fn signal(&self, index: usize) {
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner).push(index);
        self.wake();
    }

    /// The user wants to interrupt the running process.
    pub fn interrupt(&self) {
        self.shared.interrupt.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Somebody wants to see all stacks.
    pub fn dump(&self) {
        self.shared.dump.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// The VM is to end with this exit code, which is not 0, without asking the image.
    pub fn end(&self, code: i32) {
        self.shared.end.store(code, Ordering::Relaxed);
        self.wake();
    }

    /// How long the VM sleeps at most, counted from when it began to; `None` when it does not sleep.
    pub fn asleep(&self) -> Option<Duration> {
        let most = self.shared.asleep.load(Ordering::Relaxed);
        (most != 0).then(|| Duration::from_nanos(most))
    }

    /// Make the VM look up from its work, if it is at work.
    pub fn request_attention(&self) {
        self.limit.store(0, Ordering::Release);
    }

    /// Make the VM look up from its work, and wake it.
    pub fn wake(&self) {
        // After what is asked for, in the order in which the VM looks at both.
        fence(Ordering::SeqCst);
        self.limit.store(0, Ordering::Release);
        let _guard = self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.woken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_from_another_thread_ends_the_sleep_and_zeroes_the_limit() {
        let limit = Arc::new(AtomicU64::new(77));
        let signals = Signals::new(limit.clone());
        let signaller = signals.signaller();
        let thread = std::thread::spawn(move || {
            signaller.signal(3);
            signaller.signal(5);
        });
        while signals.shared.pending.lock().expect("not poisoned").len() < 2 {
            signals.sleep(Duration::from_secs(5));
        }
        thread.join().expect("no panic");
        assert_eq!(signals.take(), [3, 5]);
        assert_eq!(signals.signaller().asleep(), None);
        assert_eq!(limit.load(Ordering::Acquire), 0);
    }

    #[test]
    fn others_see_that_the_vm_sleeps() {
        let signals = Signals::default();
        let signaller = signals.signaller();
        let watcher = std::thread::spawn(move || {
            let most = loop {
                match signaller.asleep() {
                    Some(most) => break most,
                    None => std::thread::yield_now(),
                }
            };
            signaller.signal(1);
            most
        });
        while !watcher.is_finished() {
            signals.sleep(Duration::from_secs(5));
            let _ = signals.take();
        }
        assert_eq!(watcher.join().expect("no panic"), Duration::from_secs(5));
    }
}
