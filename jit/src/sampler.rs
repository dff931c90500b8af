//! A thread that asks the running code to look up, again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often what runs is looked at.
const SAMPLING: Duration = Duration::from_millis(1);

/// The thread; it ends with this.
#[derive(Debug)]
pub struct Sampler {
    ends: Arc<AtomicBool>,
    ticked: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Zero `limit` from time to time.
    pub fn start(limit: Arc<AtomicU64>) -> Sampler {
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let ticked = Arc::new(AtomicBool::new(false));
        let ticks = Arc::clone(&ticked);
        let thread = std::thread::Builder::new().name("rowel sampler".into());
        let thread = thread.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(SAMPLING);
                ticks.store(true, Ordering::Relaxed);
                limit.store(0, Ordering::Release);
            }
        });
        Sampler { ends, ticked, thread: thread.ok() }
    }

    /// Whether it has asked since this was asked last.
    pub fn take_tick(&self) -> bool {
        self.ticked.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends at once.
            let _ = thread.join();
        }
    }
}
