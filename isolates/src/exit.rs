//! Why an isolate ended, and who is told.

use crate::spawner::IsolateId;

/// Why an isolate ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExitReason {
    /// It did what it was to do.
    #[error("it is done")]
    Normal,
    /// Its image quit with this code.
    #[error("its image quit with code {0}")]
    Quit(i32),
    /// Its first process ended without an answer.
    #[error("its process was terminated")]
    Terminated,
    /// Its image gave up, with these words.
    #[error("{0}")]
    Error(String),
    /// It was killed.
    #[error("it was killed")]
    Killed,
    /// Its memory was used up.
    #[error("its memory was used up")]
    OutOfMemory,
    /// Its time was used up.
    #[error("its time was used up")]
    OutOfTime,
    /// Nothing in it can go on, for this reason.
    #[error("nothing can go on: {0}")]
    Fatal(String),
    /// The VM failed, with these words.
    #[error("the VM failed: {0}")]
    Panicked(String),
    /// It could not start.
    #[error("it could not start: {0}")]
    NotStarted(String),
    /// It had ended before anybody asked.
    #[error("it had ended before")]
    Gone,
    /// An isolate that it is linked to ended, for that reason.
    #[error("isolate {0} ended: {1}")]
    Linked(IsolateId, Box<ExitReason>),
}

impl ExitReason {
    /// One word for the kind of reason.
    pub fn kind(&self) -> &'static str {
        match self {
            ExitReason::Normal => "normal",
            ExitReason::Quit(_) => "quit",
            ExitReason::Terminated => "terminated",
            ExitReason::Error(_) => "error",
            ExitReason::Killed => "killed",
            ExitReason::OutOfMemory => "out_of_memory",
            ExitReason::OutOfTime => "out_of_time",
            ExitReason::Fatal(_) => "fatal",
            ExitReason::Panicked(_) => "panicked",
            ExitReason::NotStarted(_) => "not_started",
            ExitReason::Gone => "gone",
            ExitReason::Linked(..) => "linked",
        }
    }

    /// Whether nothing went wrong: then isolates that are linked go on.
    pub fn is_normal(&self) -> bool {
        matches!(self, ExitReason::Normal | ExitReason::Quit(0))
    }
}

/// An isolate has ended: what those are told who monitor it, or are linked to it and trap exits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which one.
    pub isolate: IsolateId,
    /// Why.
    pub reason: ExitReason,
    /// The monitor that this answers; `None` for a link.
    pub monitor: Option<MonitorId>,
}

/// One wish to be told of one isolate's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonitorId(pub u64);
