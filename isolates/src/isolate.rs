//! One isolate as others see it: its state, its end, what waits for it.
//!
//! Must not know how it runs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rowel_interpreter::signals::Signaller;

use crate::exit::{ExitReason, Notice};
use crate::message::{CannotTravel, Message, NotAValue, Value};
use crate::seeing::{Figures, State as Seen};
use crate::settings::{Permissions, Settings};
use crate::spawner::IsolateId;

/// The exit code with which a VM is made to end from outside; the reason says why.
pub(crate) const ENDED: i32 = 1;

/// How an isolate ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Why.
    pub reason: ExitReason,
    /// What its entry point answered, to be sent on or [read](Self::value); nil where it did not answer.
    pub answer: Result<Message, CannotTravel>,
}

impl Outcome {
    /// An end without an answer.
    pub fn without_value(reason: ExitReason) -> Outcome {
        Outcome { reason, answer: Ok(Value::Nil.into()) }
    }

    /// A good end.
    pub fn normal(answer: impl Into<Message>) -> Outcome {
        Outcome { reason: ExitReason::Normal, answer: Ok(answer.into()) }
    }

    /// The answer, where Rust has something like it.
    ///
    /// # Errors
    /// What there is instead.
    pub fn value(&self) -> Result<Value, NotAValue> {
        Value::try_from(self.answer.as_ref().map_err(Clone::clone)?)
    }
}

/// A handle of an isolate. The isolate lives on without it.
#[derive(Clone, Debug)]
pub struct Isolate(Arc<Shared>);

/// What the threads share that have to do with one isolate.
#[derive(Debug)]
pub(crate) struct Shared {
    pub id: IsolateId,
    pub name: String,
    pub permissions: Permissions,
    pub figures: Figures,
    pub started: Instant,
    traps_exits: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How its VM is told something; `None` before it runs, and after.
    signaller: Option<Signaller>,
    /// Why it is to end.
    end: Option<ExitReason>,
    outcome: Option<Outcome>,
    notices: VecDeque<Notice>,
    /// The external semaphore to signal when there is a notice.
    notice_semaphore: Option<usize>,
}

/// What is known of an isolate at a moment; of one that runs, as of its last safepoint.
#[derive(Clone, Debug)]
pub struct Info {
    /// Its number.
    pub id: IsolateId,
    /// Its name.
    pub name: String,
    /// How long ago it was started.
    pub age: Duration,
    /// Whether it lives.
    pub lives: bool,
    /// Bytes of its own old space in use.
    pub old_bytes: u64,
    /// Scavenges so far.
    pub scavenges: u64,
    /// Full collections so far.
    pub full_collections: u64,
    /// How long both have taken.
    pub collecting: Duration,
    /// Processor time that it has taken.
    pub busy: Duration,
    /// Bytes of native code.
    pub code_bytes: u64,
}

impl Shared {
    pub(crate) fn new(id: IsolateId, settings: &Settings) -> Shared {
        Shared {
            id,
            name: settings.name.clone(),
            permissions: settings.permissions,
            figures: Figures::default(),
            started: Instant::now(),
            traps_exits: AtomicBool::new(settings.traps_exits),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The same isolate as another one is, under the number `id`.
    pub(crate) fn like(other: &Shared, id: IsolateId) -> Shared {
        let settings = Settings {
            name: other.name.clone(),
            permissions: other.permissions,
            traps_exits: other.traps_exits(),
            ..Settings::default()
        };
        Shared::new(id, &settings)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its VM is there, and may be told something from now on.
    pub(crate) fn runs(&self, signaller: Signaller) {
        let mut state = self.lock();
        if state.end.is_some() {
            signaller.end(ENDED);
        }
        if let Some(index) = state.notice_semaphore
            && !state.notices.is_empty()
        {
            signaller.signal(index);
        }
        state.signaller = Some(signaller);
    }

    /// Have it end, for `reason`; the first one counts.
    pub(crate) fn end(&self, reason: ExitReason) {
        let mut state = self.lock();
        if state.end.is_none() && state.outcome.is_none() {
            state.end = Some(reason);
            if let Some(signaller) = &state.signaller {
                signaller.end(ENDED);
            }
        }
    }

    /// Why it was to end, if it was. Nobody can end it from now on.
    pub(crate) fn take_end(&self) -> Option<ExitReason> {
        let mut state = self.lock();
        state.signaller = None;
        state.end.take()
    }

    pub(crate) fn set_outcome(&self, outcome: Outcome) {
        self.lock().outcome = Some(outcome);
        self.changed.notify_all();
    }

    /// How its VM is told something; `None` when it does not run yet or any more.
    pub(crate) fn signaller(&self) -> Option<Signaller> {
        self.lock().signaller.clone()
    }

    /// What it does now. Sleeps as `long` as this have no end of their own.
    pub(crate) fn state_now(&self, long: Duration) -> Seen {
        let state = self.lock();
        match (&state.outcome, &state.signaller) {
            (Some(outcome), _) => Seen::Ended(outcome.reason.clone()),
            (None, None) => Seen::Starting,
            (None, Some(signaller)) => match signaller.asleep() {
                None => Seen::Running,
                Some(most) if most < long => Seen::Sleeping,
                Some(_) => Seen::Waiting,
            },
        }
    }

    pub(crate) fn traps_exits(&self) -> bool {
        self.traps_exits.load(Relaxed)
    }

    /// Somebody that it watches has ended.
    pub(crate) fn note(&self, notice: Notice) {
        let mut state = self.lock();
        state.notices.push_back(notice);
        if let (Some(signaller), Some(index)) = (&state.signaller, state.notice_semaphore) {
            signaller.signal(index);
        }
    }
}

impl Isolate {
    pub(crate) fn new(shared: Arc<Shared>) -> Isolate {
        Isolate(shared)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Its number.
    pub fn id(&self) -> IsolateId {
        self.0.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it may do.
    pub fn permissions(&self) -> Permissions {
        self.0.permissions
    }

    /// Have it end as soon as its running code looks up: at the next send or jump back. It may have ended by
    /// then for another reason.
    pub fn kill(&self) {
        self.0.end(ExitReason::Killed);
    }

    /// Have it end for `reason`, as [`kill`](Self::kill) does.
    pub fn end(&self, reason: ExitReason) {
        self.0.end(reason);
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.0.lock().outcome.is_none()
    }

    /// Wait for its end.
    pub fn wait(&self) -> Outcome {
        let mut state = self.0.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wait for its end, at most so long.
    pub fn wait_for(&self, limit: Duration) -> Option<Outcome> {
        let until = Instant::now().checked_add(limit)?;
        let mut state = self.0.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return Some(outcome.clone());
            }
            let left = until.checked_duration_since(Instant::now())?;
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How other threads tell its VM something; `None` when it does not run yet or any more.
    pub fn signaller(&self) -> Option<Signaller> {
        self.0.signaller()
    }

    /// Whether it is told of the ends of those that it is linked to, instead of ending with them.
    pub fn set_traps_exits(&self, traps: bool) {
        self.0.traps_exits.store(traps, Relaxed);
    }

    /// The external semaphore of its image to signal when there is a notice for it.
    pub fn set_notice_semaphore(&self, index: Option<usize>) {
        let mut state = self.0.lock();
        state.notice_semaphore = index;
        if let (Some(signaller), Some(index)) = (&state.signaller, index)
            && !state.notices.is_empty()
        {
            signaller.signal(index);
        }
    }

    /// The next notice for it that nobody has taken.
    pub fn next_notice(&self) -> Option<Notice> {
        self.0.lock().notices.pop_front()
    }

    /// What is known of it.
    pub fn info(&self) -> Info {
        let figures = self.0.figures.load();
        let collecting = figures.scavenging_nanoseconds + figures.full_nanoseconds;
        Info {
            id: self.0.id,
            name: self.0.name.clone(),
            age: self.0.started.elapsed(),
            lives: self.is_alive(),
            old_bytes: figures.old_bytes,
            scavenges: figures.scavenges,
            full_collections: figures.full_collections,
            collecting: Duration::from_nanos(collecting),
            busy: Duration::from_nanos(figures.busy_nanoseconds),
            code_bytes: figures.code_bytes,
        }
    }
}
