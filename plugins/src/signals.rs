//! Signals of the system, told to a thread by a handler that takes no lock and allocates nothing.
//!
//! A [`Catch`] is a thread that runs something when one of its signals has come. Any number of them may
//! catch the same signal. With the last one the action of before comes back.
//!
//! Written here, and not taken from `signal-hook`, because images fork: its handlers hold a count
//! while they run, and a child that was forked in that moment by another thread waits for ever for that
//! count to fall when it catches a signal itself. Here handlers hold nothing, and [`hold`] keeps all
//! others from changing what is caught while a thread forks.

mod places;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

pub use places::do_by_default;
pub(crate) use places::{Held, hold};
use places::{LAST_SIGNAL, Place};

/// Signals whose handlers cannot return, or that cannot be caught.
const FORBIDDEN: [i32; 5] =
    [libc::SIGKILL, libc::SIGSTOP, libc::SIGILL, libc::SIGFPE, libc::SIGSEGV];

/// A thread that runs something when one of some signals comes.
///
/// Forgotten rather than dropped, it goes on for as long as the process does.
#[derive(Debug)]
pub struct Catch {
    place: Place,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Catch {
    /// Call `run` with the number of a signal, on a thread of its own, each time that one of `signals` has
    /// come; once for several that came before it could.
    ///
    /// # Errors
    /// For a signal that there is not or that cannot be caught, when the process has too many catches
    /// already, and when the system refuses the thread.
    pub fn start(signals: &[i32], run: impl FnMut(i32) + Send + 'static) -> io::Result<Catch> {
        let may = |signal: &i32| (1..=LAST_SIGNAL).contains(signal) && !FORBIDDEN.contains(signal);
        if !signals.iter().all(may) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let place = Place::take(signals)?;
        let mut catch = Catch { place, ends: Arc::default(), thread: None };
        let (told, ends) = (catch.place.told(), catch.ends.clone());
        let thread = Builder::new().name("signals".to_owned());
        let mut run = run;
        catch.thread = Some(thread.spawn(move || {
            while !ends.load(Ordering::Acquire) {
                told.wait_for_some().for_each(&mut run);
            }
        })?);
        Ok(catch)
    }
}

impl Drop for Catch {
    /// Ends the thread, and waits for it.
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        self.place.told().wake();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported by then.
            let _ = thread.join();
        }
    }
}

/// Forget all catches of before, in the child of a fork, where their threads are gone. Their signals have
/// no effect until they are caught again.
pub(crate) fn after_fork_in_child(held: &mut Held) {
    held.forget_all();
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn all_who_catch_a_signal_are_told_until_they_end() {
        let (send, receive) = mpsc::channel();
        let catch = |name: &'static str| {
            let send = send.clone();
            let told = move |signal| send.send((name, signal)).expect("heard");
            Catch::start(&[libc::SIGWINCH, libc::SIGURG], told).expect("may be caught")
        };
        let (one, other) = (catch("one"), catch("other"));
        let told = || receive.recv_timeout(LONG).expect("told");
        kill_process(getpid(), Signal::WINCH).expect("sent");
        let mut both = [told(), told()];
        both.sort_unstable();
        assert_eq!(both, [("one", libc::SIGWINCH), ("other", libc::SIGWINCH)]);
        drop(one);
        kill_process(getpid(), Signal::URG).expect("sent");
        assert_eq!(told(), ("other", libc::SIGURG));
        drop(other);
        // Ignored by default: nobody is told, and nothing ends.
        kill_process(getpid(), Signal::URG).expect("sent");
        assert!(receive.recv_timeout(Duration::from_millis(20)).is_err());
    }

    #[test]
    fn what_cannot_be_caught_is_refused() {
        for signal in FORBIDDEN.into_iter().chain([0, -1, 65, i32::MAX]) {
            assert!(Catch::start(&[signal], |_| ()).is_err(), "signal {signal}");
        }
    }
}
