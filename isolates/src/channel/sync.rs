//! What channels take from the standard library, or, where every interleaving of threads is tried
//! (`cfg(loom)`), from loom.

#[cfg(not(loom))]
pub(super) use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering, fence},
    },
    thread,
};

#[cfg(loom)]
pub(super) use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering, fence},
    },
    thread,
};

/// What a mutex guards, whether or not somebody panicked with it: nothing here panics half way.
macro_rules! locked {
    ($mutex:expr) => {
        $mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    };
}
pub(super) use locked;
