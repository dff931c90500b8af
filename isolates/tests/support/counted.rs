//! What the process has: maps, descriptors, threads, memory.

use std::time::Duration;

/// At a moment.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    maps: usize,
    descriptors: usize,
    threads: usize,
    kilobytes: u64,
}

impl Counted {
    /// Now, when what has ended has gone.
    pub fn now() -> Counted {
        std::thread::sleep(Duration::from_millis(200));
        let maps = std::fs::read_to_string("/proc/self/maps");
        let entries = |path| std::fs::read_dir(path).map_or(0, Iterator::count);
        Counted {
            maps: maps.map_or(0, |maps| maps.lines().count()),
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            kilobytes: kilobytes(),
        }
    }

    /// Check that there is hardly more than there was `before`. (Threads that have ended leave their stacks to those
    /// to come, and what they have allocated to the allocator.)
    ///
    /// A sanitizer has memory of its own, so that under one, as `ROWEL_SANITIZED` tells, that is not looked at.
    pub fn assert_like(&self, before: &Counted, megabytes: u64) {
        assert!(self.descriptors <= before.descriptors, "{before:?} has become {self:?}");
        assert!(self.threads <= before.threads, "{before:?} has become {self:?}");
        if std::env::var_os("ROWEL_SANITIZED").is_some() {
            return;
        }
        assert!(self.maps <= before.maps + 20, "{before:?} has become {self:?}");
        let grown = self.kilobytes.saturating_sub(before.kilobytes);
        assert!(grown < megabytes << 10, "{before:?} has become {self:?}");
    }
}

/// Kilobytes of memory that are this process's.
fn kilobytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Pss:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Whether the tests are to take as long as they need: `ROWEL_STRESS=full`.
pub fn is_full() -> bool {
    std::env::var_os("ROWEL_STRESS").is_some_and(|value| value == "full")
}
