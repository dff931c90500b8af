//! The table of a spawner's isolates at a moment.
//!
//! Owns the plain structs that are shown, and how they are gathered. Must not know how they are written down.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rowel_interpreter::attention::LONG_SLEEP;

use super::figures::Sample;
use super::pages::{self, Pages};
use crate::exit::ExitReason;
use crate::isolate::Shared;
use crate::spawner::{IsolateId, Spawner};

/// Busy isolates are asked to tell how they are, and have this long.
const PATIENCE: Duration = Duration::from_millis(5);
/// How often it is looked whether they have.
const PAUSE: Duration = Duration::from_micros(200);

/// What an isolate does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its thread has no VM yet.
    Starting,
    /// It runs, or would if there were a processor for it.
    Running,
    /// It sleeps, until a delay is over or something happens.
    Sleeping,
    /// It sleeps until something happens: a message, a signal, a notice.
    Waiting,
    /// It has ended.
    Ended(ExitReason),
}

impl State {
    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Sleeping => "sleeping",
            State::Waiting => "waiting",
            State::Ended(_) => "ended",
        }
    }
}

/// Memory of objects, in bytes. What the boot region has is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapFigures {
    /// New objects.
    pub eden_bytes: u64,
    /// Young objects that have survived a scavenge.
    pub survivor_bytes: u64,
    /// Old objects.
    pub old_bytes: u64,
    /// Old objects, and what is free between them.
    pub old_committed_bytes: u64,
}

/// Collections of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collections {
    /// How many.
    pub count: u64,
    /// How long the isolate has waited for all of them.
    pub total: Duration,
    /// How long for the longest.
    pub longest: Duration,
}

/// Native code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeFigures {
    /// Bytes of it.
    pub bytes: u64,
    /// How many there may be; 0 while no native code is made.
    pub budget_bytes: u64,
    /// Methods, blocks and loops that have some.
    pub units: u64,
    /// How often the interpreter has gone on in native code: the hits of the cache.
    pub entries: u64,
    /// How often native code was left because a guard failed.
    pub leaves: u64,
    /// How often room was made by dropping some.
    pub evictions: u64,
}

/// Messages that its image has sent and received through channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

/// An isolate at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct IsolateRow {
    /// Its number.
    pub id: IsolateId,
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: State,
    /// How long ago it was started, or how long it lived.
    pub age: Duration,
    /// Processor time of its thread.
    pub processor: Duration,
    /// How long its thread was ready to run while others ran, where the system tells.
    pub queued: Option<Duration>,
    /// Its objects.
    pub heap: HeapFigures,
    /// Scavenges, but for those that are part of a full collection.
    pub scavenges: Collections,
    /// Full collections.
    pub full_collections: Collections,
    /// Its native code.
    pub code: CodeFigures,
    /// Its messages.
    pub messages: Messages,
    /// Its memory, of one that lives, if it was asked for and the system tells.
    pub pages: Option<Pages>,
}

/// What all isolates of a spawner have done, dead or alive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// How many were started.
    pub started: u64,
    /// How many have ended, by the [kind](ExitReason::kind) of reason.
    pub ended: BTreeMap<&'static str, u64>,
    /// Processor time.
    pub processor: Duration,
    /// Scavenges.
    pub scavenges: u64,
    /// Full collections.
    pub full_collections: u64,
    /// Messages.
    pub messages: Messages,
}

/// The table.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// How long the spawner is there.
    pub uptime: Duration,
    /// Those that live, in the order of their starts.
    pub isolates: Vec<IsolateRow>,
    /// Those that have ended last, latest first.
    pub ended: Vec<IsolateRow>,
    /// All together.
    pub totals: Totals,
}

impl Totals {
    /// Add what one has done.
    pub(crate) fn add(&mut self, row: &IsolateRow) {
        self.processor += row.processor;
        self.scavenges += row.scavenges.count;
        self.full_collections += row.full_collections.count;
        self.messages.sent += row.messages.sent;
        self.messages.received += row.messages.received;
    }
}

impl IsolateRow {
    /// The row of `shared`, as it was told last.
    pub(crate) fn of(shared: &Shared, state: State) -> IsolateRow {
        let sample = shared.figures.load();
        let collections = |count, total, longest| Collections {
            count,
            total: Duration::from_nanos(total),
            longest: Duration::from_nanos(longest),
        };
        IsolateRow {
            id: shared.id,
            name: shared.name.clone(),
            state,
            age: shared.started.elapsed(),
            processor: Duration::from_nanos(sample.busy_nanoseconds),
            queued: None,
            heap: HeapFigures {
                eden_bytes: sample.eden_bytes,
                survivor_bytes: sample.survivor_bytes,
                old_bytes: sample.old_bytes,
                old_committed_bytes: sample.old_committed_bytes,
            },
            scavenges: collections(
                sample.scavenges,
                sample.scavenging_nanoseconds,
                sample.longest_scavenge_nanoseconds,
            ),
            full_collections: collections(
                sample.full_collections,
                sample.full_nanoseconds,
                sample.longest_full_nanoseconds,
            ),
            code: CodeFigures {
                bytes: sample.code_bytes,
                budget_bytes: sample.code_budget_bytes,
                units: sample.code_units,
                entries: sample.code_entries,
                leaves: sample.code_leaves,
                evictions: sample.code_evictions,
            },
            messages: Messages { sent: sample.sent, received: sample.received },
            pages: None,
        }
    }

    /// The row of one that may live, with the processor time that the system tells of its thread.
    fn of_living(shared: &Shared) -> IsolateRow {
        let sample = shared.figures.load();
        let times = thread_times(&sample);
        // Asked last: what has not ended by now still had that thread.
        let state = shared.state_now(LONG_SLEEP);
        let mut row = IsolateRow::of(shared, state);
        if let (false, Some((busy, queued))) = (matches!(row.state, State::Ended(_)), times) {
            row.processor = busy.saturating_sub(Duration::from_nanos(sample.before_nanoseconds));
            row.queued = Some(queued);
        }
        row
    }
}

/// How long a thread of this process has run, and waited for a processor. Source: the Linux kernel's
/// `Documentation/scheduler/sched-stats.rst`.
fn thread_times(sample: &Sample) -> Option<(Duration, Duration)> {
    if sample.thread == 0 {
        return None;
    }
    let path = format!("/proc/self/task/{}/schedstat", sample.thread);
    let text = std::fs::read_to_string(path).ok()?;
    let mut words = text.split_whitespace().map(|word| word.parse().map(Duration::from_nanos));
    Some((words.next()?.ok()?, words.next()?.ok()?))
}

/// Ask those that run to tell how they are, and wait a little for it.
fn refresh(living: &[Arc<Shared>]) {
    let runs = |shared: &Shared| shared.state_now(LONG_SLEEP) == State::Running;
    let mut asked: Vec<(&Arc<Shared>, u64)> = Vec::new();
    for shared in living.iter().filter(|shared| runs(shared)) {
        asked.push((shared, shared.figures.told.load(Relaxed)));
        if let Some(signaller) = shared.signaller() {
            signaller.request_attention();
        }
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        asked.retain(|(shared, before)| {
            shared.figures.told.load(Relaxed) == *before && runs(shared)
        });
        if asked.is_empty() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Have the system tell of the memory of all that live.
fn measure_pages(living: &[Arc<Shared>], rows: &mut [IsolateRow]) {
    let cage = |shared: &Arc<Shared>| -> Range<u64> {
        let sample = shared.figures.load();
        sample.cage_start..sample.cage_end
    };
    let ranges: Vec<_> = living.iter().map(cage).collect();
    let Some(pages) = pages::of_process(&ranges) else { return };
    for ((row, range), pages) in rows.iter_mut().zip(&ranges).zip(pages) {
        row.pages = (!range.is_empty()).then_some(pages);
    }
}

impl Spawner {
    /// The table of all isolates as they are now. Those that run are asked to look up, and waited for, but not
    /// longer than 5 ms: figures of one that does not come by, as it waits for the system or is not given a
    /// processor, are those of its last safepoint.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_of(false)
    }

    /// The same with the memory of each. The system walks the page tables of the whole process for that: with a
    /// thousand isolates it takes a tenth of a second.
    pub fn snapshot_with_pages(&self) -> Snapshot {
        self.snapshot_of(true)
    }

    fn snapshot_of(&self, with_pages: bool) -> Snapshot {
        refresh(&self.living());
        let (living, ended, mut totals, uptime) = self.table();
        let mut isolates: Vec<IsolateRow> =
            living.iter().map(|shared| IsolateRow::of_living(shared)).collect();
        isolates.iter().for_each(|row| totals.add(row));
        if with_pages {
            measure_pages(&living, &mut isolates);
        }
        // What has ended meanwhile is told of as such the next time.
        isolates.retain(|row| !matches!(row.state, State::Ended(_)));
        Snapshot { uptime, isolates, ended, totals }
    }
}
