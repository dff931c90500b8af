//! Where the handler of signals leaves word: places in static memory, as a handler has nothing else.
#![expect(unsafe_code, reason = "sigaction")]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;

/// The greatest number of a signal.
pub(super) const LAST_SIGNAL: i32 = 64;
/// The most catches of a process.
const MOST: usize = 256;

/// What the handler has to tell one thread. Sets of signals have bit `number - 1`.
#[derive(Debug)]
pub(super) struct Told {
    wanted: AtomicU64,
    arrived: AtomicU64,
    /// Counts what the thread sleeps for, modulo 2^32.
    wakes: AtomicU32,
}

static PLACES: [Told; MOST] = [const {
    Told { wanted: AtomicU64::new(0), arrived: AtomicU64::new(0), wakes: AtomicU32::new(0) }
}; MOST];

/// What is caught. Whoever changes it holds the lock; handlers do not look at it.
static REGISTRY: Mutex<Registry> =
    Mutex::new(Registry { taken: [false; MOST], former: BTreeMap::new() });

struct Registry {
    taken: [bool; MOST],
    /// What signals did before they were caught.
    former: BTreeMap<i32, libc::sigaction>,
}

/// The right to change what is caught, kept from all others.
pub(crate) struct Held(MutexGuard<'static, Registry>);

/// Keep all other threads from changing what is caught, as is needed around a fork.
pub(crate) fn hold() -> Held {
    Held(REGISTRY.lock().unwrap_or_else(PoisonError::into_inner))
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The handler.
extern "C" fn tell(signal: libc::c_int) {
    let error = Errno::last_raw();
    for told in &PLACES {
        if told.wanted.load(Ordering::Acquire) & bit(signal) != 0 {
            told.arrived.fetch_or(bit(signal), Ordering::Release);
            told.wake();
        }
    }
    Errno::set_raw(error);
}

impl Told {
    /// Make the thread look.
    pub(super) fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::Release);
        #[cfg(target_os = "linux")]
        {
            use rustix::thread::futex;
            // Nobody may be waiting.
            let _ = futex::wake(&self.wakes, futex::Flags::PRIVATE, 1);
        }
    }

    /// The signals that came since the last call, after a sleep if there are none; none when it was woken
    /// for something else.
    pub(super) fn wait_for_some(&self) -> impl Iterator<Item = i32> + use<> {
        let seen = self.wakes.load(Ordering::Acquire);
        let mut arrived = self.arrived.swap(0, Ordering::Acquire);
        if arrived == 0 {
            self.sleep(seen);
            arrived = self.arrived.swap(0, Ordering::Acquire);
        }
        (1..=LAST_SIGNAL).filter(move |&signal| arrived & bit(signal) != 0)
    }

    #[cfg(target_os = "linux")]
    fn sleep(&self, seen: u32) {
        use rustix::thread::futex;
        // However it ends, the caller looks again.
        let _ = futex::wait(&self.wakes, futex::Flags::PRIVATE, seen, None);
    }

    #[cfg(not(target_os = "linux"))]
    fn sleep(&self, seen: u32) {
        // Other systems let no handler wake a thread by a number.
        while self.wakes.load(Ordering::Acquire) == seen {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// One of the places, taken by a catch.
#[derive(Debug)]
pub(super) struct Place(usize);

impl Place {
    /// Take a place for `signals`, which are from 1 to [`LAST_SIGNAL`].
    ///
    /// # Errors
    /// When all are taken, or the system refuses to have a signal caught.
    pub(super) fn take(signals: &[i32]) -> io::Result<Place> {
        let mut held = hold();
        let registry = &mut *held.0;
        let full = || io::Error::other("too many catches of signals");
        let free = registry.taken.iter().position(|&taken| !taken).ok_or_else(full)?;
        for &signal in signals {
            if let Entry::Vacant(uncaught) = registry.former.entry(signal) {
                let handler = tell as extern "C" fn(_) as libc::sighandler_t;
                uncaught.insert(exchange(signal, &action(handler))?);
            }
        }
        registry.taken[free] = true;
        // What was left by a handler that was late belongs to nobody.
        PLACES[free].arrived.store(0, Ordering::Relaxed);
        let wanted = signals.iter().fold(0, |set, &signal| set | bit(signal));
        PLACES[free].wanted.store(wanted, Ordering::Release);
        Ok(Place(free))
    }

    pub(super) fn told(&self) -> &'static Told {
        &PLACES[self.0]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = hold();
        PLACES[self.0].wanted.store(0, Ordering::Release);
        held.0.taken[self.0] = false;
        let wanted = PLACES.iter().fold(0, |set, told| set | told.wanted.load(Ordering::Relaxed));
        held.0.former.retain(|&signal, former| {
            let still = wanted & bit(signal) != 0;
            // What was there before is put back; the system has taken it once.
            still || exchange(signal, former).is_err()
        });
    }
}

impl Held {
    /// Nobody catches anything, though handlers stay in the place of what was there before.
    pub(super) fn forget_all(&mut self) {
        self.0.taken = [false; MOST];
        for told in &PLACES {
            told.wanted.store(0, Ordering::Release);
        }
    }
}

/// Let a signal do what it does by default, and send it to this process. Returns where that is nothing, or
/// not at once.
///
/// # Errors
/// When the system refuses.
pub fn do_by_default(signal: i32) -> io::Result<()> {
    let _held = hold();
    exchange(signal, &action(libc::SIG_DFL))?;
    // SAFETY: the call touches no memory of ours.
    match unsafe { libc::raise(signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What a signal is to do: `handler`, on the stack for signals where there is one; calls that it interrupts
/// go on.
fn action(handler: libc::sighandler_t) -> libc::sigaction {
    // SAFETY: the structure is made of numbers and pointers, for which zeros are valid: no flags, and no
    // signals blocked.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    action
}

/// Replace what a signal does; what it did before.
fn exchange(signal: i32, action: &libc::sigaction) -> io::Result<libc::sigaction> {
    let mut former = MaybeUninit::uninit();
    // SAFETY: `action` is what the system answered before, the default, or our handler. That one is safe at
    // any time: it only changes atomic numbers in static memory, makes a system call that wakes a thread, and restores the
    // error number. The system writes `former`, which is not read unless it did.
    unsafe {
        match libc::sigaction(signal, action, former.as_mut_ptr()) {
            0 => Ok(former.assume_init()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
