//! What the tier has done, in figures.
//!
//! Must not know: how the tier works.

use std::time::Duration;

/// Pauses should be shorter.
const LONG: Duration = Duration::from_millis(1);

/// What was compiled so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Units compiled.
    pub compiled: u64,
    /// Units that could not be.
    pub refused: u64,
    /// Methods and blocks inlined into them.
    pub inlined: u64,
    /// Bytes of machine code made.
    pub bytes: u64,
    /// How often native code has left because a guard failed.
    pub leaves: u64,
    /// How often what sends have found was forgotten.
    pub flushes: u64,
    /// How often all code was dropped because the budget was nearly used up.
    pub evictions: u64,
    /// How long that took.
    pub eviction_time: Duration,
    /// How long the isolate was busy with it.
    pub pauses: Duration,
    /// The longest time without a break.
    pub longest_pause: Duration,
    /// How many pauses took longer than a millisecond.
    pub long_pauses: u64,
    /// How long the back end took.
    pub time: Duration,
}

impl Stats {
    /// The isolate was busy with the tier for so long, without a break.
    pub(crate) fn pause(&mut self, time: Duration) {
        self.pauses += time;
        self.longest_pause = self.longest_pause.max(time);
        self.long_pauses += u64::from(time > LONG);
    }
}

impl std::fmt::Display for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "in all {} units of {} bytes, {} inlined; {} refused; left {} times; {} flushes, {} \
             evictions; {:?} of this thread, at most {:?} at a time ({} times over {LONG:?}), and {:?} of the \
             back end",
            self.compiled,
            self.bytes,
            self.inlined,
            self.refused,
            self.leaves,
            self.flushes,
            self.evictions,
            self.pauses,
            self.longest_pause,
            self.long_pauses,
            self.time,
        )
    }
}
