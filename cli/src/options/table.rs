//! The one table of options: their names, how many words they take, what they mean, and what the help says of them.
//!
//! Must not know: how a command line is read, nor what an option changes.

/// How many further words an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// A flag.
    None,
    /// One value: the next word, or behind an equals sign.
    One,
    /// Two values, in the next two words.
    Two,
    /// A flag that may carry a value behind an equals sign.
    MaybeEquals,
}

/// What an option does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Accepted so that launchers work; no effect beyond what the image sees of it.
    Accepted,
    Help,
    Version,
    Eden,
    MaxOldSpace,
    StackPages,
    ExternalSemaphores,
    WorkingDirectory,
    Interactive,
    LogLevel,
    MaxFrames,
    LeakCheck,
    StressScavenge,
    Jit,
    JitLog,
    PerfMap,
    JitDump,
    JitStats,
    DumpMethod,
    CodeSize,
    Metrics,
}

impl Meaning {
    /// What stands for its value in the help, and what it does; `None` for what has no meaning here.
    fn help(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Accepted => return None,
            Meaning::Help => ("", "Print this help"),
            Meaning::Version => ("", "Print the version"),
            Meaning::Eden => (
                "SIZE",
                "Size of eden, where new objects are made (512k to 4g); it grows where much survives, but not with this",
            ),
            Meaning::MaxOldSpace => {
                ("SIZE", "Upper limit of the old objects, the image included; 0 for none")
            }
            Meaning::StackPages => ("N", "Pages of the stack, 32 kB each (4 to 1024)"),
            Meaning::ExternalSemaphores => {
                ("N", "Size of the table of external semaphores, for the image to ask (1 to 65535)")
            }
            Meaning::WorkingDirectory => ("DIR", "Change to this directory first"),
            Meaning::Interactive => ("", "Handed on to the image as its first argument"),
            Meaning::LogLevel => {
                ("LEVEL", "What is logged on stderr: 0 nothing to 5 all; 2, warnings, is usual")
            }
            Meaning::MaxFrames => ("N", "Frames to print of each stack"),
            Meaning::LeakCheck => (
                "BITS",
                "Check the heap: 1 after full collections, 2 after scavenges, 3 after both",
            ),
            Meaning::Jit => (
                "WHEN",
                "Native code: on (for hot methods, as by default), always (for all that runs) or off",
            ),
            Meaning::CodeSize => ("SIZE", "Native code at most (1m to 1g; 32m is usual)"),
            Meaning::JitLog => {
                ("", "Tell on stderr what is compiled, what leaves, and how much it was")
            }
            Meaning::PerfMap => ("", "Tell perf(1) where native code is, in /tmp/perf-PID.map"),
            Meaning::JitDump => {
                ("[=DIR]", "Write DIR/jit-PID.dump, which perf-inject(1) takes names and code from")
            }
            Meaning::JitStats => (
                "[=FILE]",
                "Tell in the end what became of each unit of native code: a table on stderr, or JSON in FILE",
            ),
            Meaning::DumpMethod => (
                "CLASS>>SELECTOR",
                "Print the method on stderr when it is compiled: bytecode, operations, IR, machine code",
            ),
            Meaning::Metrics => (
                "[=ADDRESS]",
                "Tell of isolates by HTTP, for `rowel top` and Prometheus: at a socket file of its own, unix:FILE, :PORT or ADDRESS:PORT",
            ),
            Meaning::StressScavenge => ("", "Scavenge wherever that may happen: slow, for testing"),
        })
    }
}

use Arity::{MaybeEquals, None as Flag, One, Two};
use Meaning::Accepted;

/// Every option, without its dashes, in the order of the peers' help texts.
pub const OPTIONS: &[(&str, Arity, Meaning)] = &[
    // General
    ("help", Flag, Meaning::Help),
    ("h", Flag, Meaning::Help),
    ("version", Flag, Meaning::Version),
    ("V", Flag, Meaning::Version),
    ("plugins", One, Accepted),
    ("noevents", Flag, Accepted),
    ("notimer", Flag, Accepted),
    ("single", Flag, Accepted),
    // Display and sound
    ("vm", One, Accepted),
    ("headless", Flag, Accepted),
    ("nodisplay", Flag, Accepted),
    ("nosound", Flag, Accepted),
    ("nomixer", Flag, Accepted),
    ("quartz", Flag, Accepted),
    ("display", One, Accepted),
    ("fullscreen", Flag, Accepted),
    ("fullscreenDirect", Flag, Accepted),
    ("title", One, Accepted),
    ("notitle", Flag, Accepted),
    ("iconic", Flag, Accepted),
    ("lazy", Flag, Accepted),
    ("xshm", Flag, Accepted),
    ("xasync", Flag, Accepted),
    ("swapbtn", Flag, Accepted),
    ("mapdelbs", Flag, Accepted),
    ("optmod", One, Accepted),
    ("cmdmod", One, Accepted),
    ("nointl", Flag, Accepted),
    ("compositioninput", Flag, Accepted),
    ("xicfont", One, Accepted),
    ("noxdnd", Flag, Accepted),
    ("ldtoms", One, Accepted),
    ("glxdebug", One, Accepted),
    ("closequit", Flag, Accepted),
    ("browserWindow", One, Accepted),
    ("browserPipes", Two, Accepted),
    ("sugarBundleId", One, Accepted),
    ("sugarActivityId", One, Accepted),
    // Memory
    ("memory", One, Accepted),
    ("mmap", One, Accepted),
    ("maxoldspace", One, Meaning::MaxOldSpace),
    ("maxOldSpaceSize", One, Meaning::MaxOldSpace),
    ("eden", One, Meaning::Eden),
    ("edenSize", One, Meaning::Eden),
    ("minPermSpaceSize", One, Accepted),
    ("codesize", One, Meaning::CodeSize),
    ("codeSize", One, Meaning::CodeSize),
    ("stackpages", One, Meaning::StackPages),
    ("numextsems", One, Meaning::ExternalSemaphores),
    ("leakcheck", One, Meaning::LeakCheck),
    ("logscavenge", Flag, Accepted),
    ("checkpluginwrites", Flag, Accepted),
    ("avoidSearchingSegmentsWithPinnedObjects", Flag, Accepted),
    // Encodings
    ("encoding", One, Accepted),
    ("pathenc", One, Accepted),
    ("textenc", One, Accepted),
    // Compiler and debugging
    ("cogmaxlits", One, Accepted),
    ("cogminjumps", One, Accepted),
    ("trace", MaybeEquals, Accepted),
    ("sendtrace", Flag, Accepted),
    ("tracestores", Flag, Accepted),
    ("breaksel", One, Accepted),
    ("breakmnu", One, Accepted),
    ("blockonerror", Flag, Accepted),
    ("blockonwarn", Flag, Accepted),
    ("exitonwarn", Flag, Accepted),
    ("failonffiexception", Flag, Accepted),
    ("nofailonffiexception", Flag, Accepted),
    ("nohandlers", Flag, Accepted),
    ("noheartbeat", Flag, Accepted),
    ("pollpip", One, Accepted),
    ("warnpid", Flag, Accepted),
    ("timephases", Flag, Accepted),
    ("reportheadroom", Flag, Accepted),
    ("rh", Flag, Accepted),
    // Pharo VM
    ("interactive", Flag, Meaning::Interactive),
    ("worker", Flag, Accepted),
    ("logLevel", One, Meaning::LogLevel),
    ("maxFramesToLog", One, Meaning::MaxFrames),
    ("workingDirectory", One, Meaning::WorkingDirectory),
    // Only here
    ("stress-scavenge", Flag, Meaning::StressScavenge),
    ("jit", One, Meaning::Jit),
    ("jit-log", Flag, Meaning::JitLog),
    ("perf-map", Flag, Meaning::PerfMap),
    ("jitdump", MaybeEquals, Meaning::JitDump),
    ("jit-stats", MaybeEquals, Meaning::JitStats),
    ("jit-dump", One, Meaning::DumpMethod),
    ("metrics", MaybeEquals, Meaning::Metrics),
];

/// Beginnings of options whose rest is free: driver names, and what the macOS Finder adds.
const PREFIXES: &[&str] = &["vm-display-", "vm-sound-", "psn_"];

/// The meaning of an option, the value attached to it, and how many further words it takes.
pub fn find(name: &str) -> Option<(Meaning, Option<&str>, usize)> {
    if PREFIXES.iter().any(|prefix| name.len() > prefix.len() && name.starts_with(prefix)) {
        return Some((Accepted, None, 0));
    }
    let (bare, attached) = match name.split_once('=') {
        Some((bare, value)) => (bare, Some(value)),
        None => (name, None),
    };
    let &(_, arity, meaning) = OPTIONS.iter().find(|row| row.0 == bare)?;
    match (arity, attached) {
        (Arity::None, None) => Some((meaning, None, 0)),
        (Arity::MaybeEquals, _) => Some((meaning, attached, 0)),
        (Arity::One, None) => Some((meaning, None, 1)),
        (Arity::One, Some(_)) => Some((meaning, attached, 0)),
        (Arity::Two, None) => Some((meaning, None, 2)),
        (Arity::None | Arity::Two, Some(_)) => None,
    }
}

/// The options that mean something here, with their values: one entry an option, names first.
pub fn described() -> Vec<(String, &'static str)> {
    let mut rows: Vec<(Meaning, Vec<&str>)> = Vec::new();
    for &(name, _, meaning) in OPTIONS {
        match rows.iter_mut().find(|row| row.0 == meaning) {
            Some(row) => row.1.push(name),
            None => rows.push((meaning, vec![name])),
        }
    }
    let describe = |(meaning, names): (Meaning, Vec<&str>)| {
        let (value, text) = meaning.help()?;
        let names = names.iter().map(|name| format!("-{name}")).collect::<Vec<_>>().join(", ");
        let gap = if value.is_empty() || value.starts_with('[') { "" } else { " " };
        Some((format!("{names}{gap}{value}"), text))
    };
    rows.into_iter().filter_map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (index, row) in OPTIONS.iter().enumerate() {
            assert!(OPTIONS[index + 1..].iter().all(|other| other.0 != row.0), "{}", row.0);
        }
    }

    #[test]
    fn what_means_something_is_described() {
        let described = described();
        let eden = described.iter().find(|row| row.0.starts_with("-eden, -edenSize SIZE"));
        assert!(eden.is_some(), "{described:?}");
        assert!(described.iter().all(|row| !row.0.contains("nosound")));
    }
}
