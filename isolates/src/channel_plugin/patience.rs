//! How long it is worth to look again and again before going to sleep.
//!
//! An answer from another core is there within a microsecond; to sleep and be woken takes fifty. So who finds
//! nothing keeps looking for a while: longer when that has helped of late, hardly when it has not. The isolate's
//! other processes wait meanwhile, which is why the longest time is short.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The longest and the shortest time.
const LONGEST: Duration = Duration::from_micros(40);
const SHORTEST: Duration = Duration::from_nanos(500);
/// Looks between two looks at the clock.
const BURST: u32 = 16;

/// What was learnt. To make the first one takes dozens of microseconds, as the system is asked for its cores.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    time: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let alone = available_parallelism().map_or(1, usize::from) == 1;
        Patience { time: if alone { Duration::ZERO } else { LONGEST / 2 } }
    }
}

impl Patience {
    /// `look` until it finds something; not for long, and not when `limit` says that the isolate has something
    /// else to do.
    pub(super) fn wait<T>(
        &mut self,
        limit: &AtomicU64,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if self.time.is_zero() {
            return None;
        }
        let start = Instant::now();
        loop {
            for _ in 0..BURST {
                if let Some(found) = look() {
                    self.time = (self.time * 2).min(LONGEST);
                    return Some(found);
                }
                spin_loop();
            }
            if limit.load(Ordering::Relaxed) == 0 {
                return None;
            }
            if start.elapsed() > self.time {
                self.time = (self.time / 2).max(SHORTEST);
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_success_and_shrinks_without() {
        let mut patience = Patience { time: Duration::from_micros(10) };
        let limit = AtomicU64::new(1);
        assert_eq!(patience.wait(&limit, || Some(1)), Some(1));
        assert_eq!(patience.time, Duration::from_micros(20));
        for _ in 0..10 {
            assert_eq!(patience.wait(&limit, || None::<u32>), None);
        }
        assert_eq!(patience.time, SHORTEST);
        let limit = AtomicU64::new(0);
        assert_eq!(patience.wait(&limit, || None::<u32>), None);
    }
}
