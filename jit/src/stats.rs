//! What the tier has done, in figures.
//!
//! Must not know: how the tier works.

use std::time::{Duration, Instant};

use rowel_interpreter::clock::thread_time;

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
    /// The same in processor time: when the machine is busy, others may have run in between.
    pub longest_work: Duration,
    /// How many pauses took more than a millisecond of processor time.
    pub long_pauses: u64,
    /// How long the back end took.
    pub time: Duration,
}

/// A time in which the isolate is busy with the tier, without a break.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    start: Instant,
    work: Duration,
}

impl Pause {
    /// It starts now.
    pub fn start() -> Pause {
        Pause { start: Instant::now(), work: thread_time() }
    }
}

impl Stats {
    /// The pause ends now.
    pub(crate) fn end(&mut self, pause: Pause) {
        let (time, work) = (pause.start.elapsed(), thread_time().saturating_sub(pause.work));
        self.pauses += time;
        self.longest_pause = self.longest_pause.max(time);
        self.longest_work = self.longest_work.max(work);
        self.long_pauses += u64::from(work > LONG);
    }
}

impl std::fmt::Display for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "in all {} units of {} bytes, {} inlined; {} refused; left {} times; {} flushes, {} \
             evictions; {:?} of this thread, at most {:?} at a time ({:?} of the processor; {} times over {LONG:?} of that), and {:?} of the \
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
            self.longest_work,
            self.long_pauses,
            self.time,
        )
    }
}
