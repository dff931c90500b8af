//! How the tier is asked to work, and how eager it is.
//!
//! Must not know: what has been compiled, and how.

use std::io::Write;
use std::path::PathBuf;

use crate::dump::Dump;
use crate::machine::Host;

/// When methods are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Never.
    #[default]
    Off,
    /// When they were found running often enough.
    On,
    /// At the second call, from what was seen in the first, and at once: as `On`, for tests, in which nothing
    /// becomes hot.
    Early,
    /// At the first call.
    Always,
}

/// Where something for people goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// To the standard output.
    Stdout,
    /// To the standard error.
    Stderr,
}

impl Stream {
    /// Write `text` there; that it cannot be written is no reason to stop.
    pub(crate) fn write(self, text: &str) {
        let _ = match self {
            Stream::Stdout => std::io::stdout().write_all(text.as_bytes()),
            Stream::Stderr => std::io::stderr().write_all(text.as_bytes()),
        };
    }
}

/// How the tier works.
#[derive(Clone, Debug)]
pub struct JitOptions {
    /// When methods are compiled.
    pub when: When,
    /// Bytes of native code, at most.
    pub budget: usize,
    /// Whether a thread asks every millisecond what runs; else the embedder does.
    pub samples: bool,
    /// Whether machine code is made on a thread of its own, where that is not wanted at once.
    pub background: bool,
    /// Whether units are told of on stderr.
    pub log: bool,
    /// Whether `perf` is told where units are.
    pub perf_map: bool,
    /// The directory for a file that tells `perf` of units, their code included.
    pub jitdump: Option<PathBuf>,
    /// Where a table of the units goes in the end. What it tells is recorded then.
    pub table: Option<Stream>,
    /// The file where that goes as JSON.
    pub json: Option<PathBuf>,
    /// The method that is dumped when it is compiled.
    pub dump: Option<Dump>,
    /// What native code is made for. Isolates whose options are clones share what is made once for it.
    pub host: Host,
}

impl JitOptions {
    /// Whether they ask for something to be shown.
    pub fn shows_something(&self) -> bool {
        self.log
            || self.perf_map
            || self.jitdump.is_some()
            || self.table.is_some()
            || self.json.is_some()
            || self.dump.is_some()
    }
}

impl Default for JitOptions {
    fn default() -> Self {
        JitOptions {
            when: When::Off,
            budget: 32 << 20,
            samples: true,
            background: true,
            log: false,
            perf_map: false,
            jitdump: None,
            table: None,
            json: None,
            dump: None,
            host: Host::default(),
        }
    }
}

/// How eager the tier is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thresholds {
    /// So often code has to be found running before it gets entries.
    pub heat: u32,
    /// So often an entry has to be reached before it is compiled: at a start, at a loop.
    pub start: u32,
    pub turns: u32,
    /// So often native code has to leave at one place before it is compiled anew.
    pub leaves: u32,
}

impl Thresholds {
    const ON: Thresholds = Thresholds { heat: 2000, start: 2, turns: 100, leaves: 20 };
    const EARLY: Thresholds = Thresholds { heat: 0, start: 2, turns: 3, leaves: 2 };
    const ALWAYS: Thresholds = Thresholds { heat: 0, start: 1, turns: 2, leaves: 2 };

    /// Those of a tier that compiles `when`.
    pub fn of(when: When) -> Thresholds {
        match when {
            When::Always => Thresholds::ALWAYS,
            When::Early => Thresholds::EARLY,
            _ => Thresholds::ON,
        }
    }

    /// So often a unit may leave after so many compilations.
    pub fn leaves_after(self, compilations: u32) -> u32 {
        self.leaves.saturating_mul(2u32.saturating_pow(compilations.saturating_sub(1)))
    }
}

/// Leaving so often at one place is worth a message.
pub(crate) const OFTEN: u32 = 1000;

/// A unit is compiled so often at most; then it is interpreted.
pub(crate) const MOST_COMPILATIONS: u32 = 12;
