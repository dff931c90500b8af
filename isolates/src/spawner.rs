//! The spawner: starts isolates, knows those that live, and tells those who asked when one has ended.
//!
//! Owns links and monitors. Must not know what an isolate does.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rowel_interpreter::signals::Signaller;
use rowel_interpreter::timer::Alarms;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::body::{self, Job, Source, Start};
use crate::channel_plugin;
use crate::exit::{ExitReason, MonitorId, Notice};
use crate::isolate::{Isolate, Outcome, Shared};
use crate::keeper::Keeper;
use crate::message::{Border, Message, Origin};
use crate::plugin;
use crate::seeing::{IsolateRow, State, Totals};
use crate::settings::Settings;
use crate::template::{About, Entry, Template};
use crate::ticker::Ticker;

/// Bytes of the native stack of an isolate's thread; what is not used takes no memory.
const THREAD_STACK_BYTES: usize = 4 << 20;

/// One isolate; never given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IsolateId(pub u64);

impl fmt::Display for IsolateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An isolate could not be started.
#[derive(Debug, thiserror::Error)]
#[error("an isolate could not be started: {0}")]
pub struct SpawnError(#[from] std::io::Error);

/// Starts isolates. Cheap to clone: all clones know the same isolates.
#[derive(Clone, Debug, Default)]
pub struct Spawner(Arc<Registry>);

/// So many that have ended are remembered.
const MOST_REMEMBERED: usize = 100;

/// What is known of all isolates of a spawner.
#[derive(Debug)]
pub(crate) struct Registry {
    since: Instant,
    living: Mutex<Living>,
    next: AtomicU64,
    pub(crate) ticker: Ticker,
    /// The deadlines of their delays.
    pub(crate) alarms: Arc<Alarms>,
}

#[derive(Debug, Default)]
struct Living {
    isolates: HashMap<IsolateId, Arc<Shared>>,
    links: HashMap<IsolateId, HashSet<IsolateId>>,
    monitors: HashMap<IsolateId, Vec<(MonitorId, Watcher)>>,
    /// Those that have ended last, latest first.
    ended: VecDeque<IsolateRow>,
    /// What those have done that have ended, and how many were started.
    totals: Totals,
}

impl Default for Registry {
    fn default() -> Registry {
        Registry {
            since: Instant::now(),
            living: Mutex::default(),
            next: AtomicU64::default(),
            ticker: Ticker::default(),
            alarms: Arc::default(),
        }
    }
}

impl Living {
    fn start(&mut self, shared: &Arc<Shared>) {
        self.isolates.insert(shared.id, Arc::clone(shared));
        self.totals.started += 1;
    }

    /// Remember one that has ended.
    fn end(&mut self, shared: &Shared, reason: &ExitReason) {
        self.isolates.remove(&shared.id);
        let row = IsolateRow::of(shared, State::Ended(reason.clone()));
        self.totals.add(&row);
        *self.totals.ended.entry(reason.kind()).or_default() += 1;
        self.ended.truncate(MOST_REMEMBERED - 1);
        self.ended.push_front(row);
    }
}

/// Who is told.
#[derive(Debug)]
enum Watcher {
    Isolate(IsolateId),
    Rust(Sender<Notice>),
}

impl Spawner {
    /// One that knows no isolate yet.
    pub fn new() -> Spawner {
        Spawner::default()
    }

    /// Start an isolate from `template`.
    ///
    /// # Errors
    /// When the system gives no thread. What goes wrong later is the isolate's
    /// [`ExitReason`].
    pub fn spawn(
        &self,
        template: &Template,
        entry: Entry,
        settings: Settings,
    ) -> Result<Isolate, SpawnError> {
        self.start_from(template, Start::Entry(entry), settings)
    }

    /// Start an isolate that runs `work` on its thread, which may start and run the VM as it likes.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_with(
        &self,
        template: &Template,
        work: impl FnOnce(&mut Vm) -> Outcome + Send + 'static,
        settings: Settings,
    ) -> Result<Isolate, SpawnError> {
        self.start_from(template, Start::Rust(Box::new(work)), settings)
    }

    /// Start an isolate from `template` that evaluates a block which the frozen heap had, with up to four
    /// arguments.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub(crate) fn spawn_block(
        &self,
        template: &Template,
        block: Oop,
        arguments: Vec<Message>,
        settings: Settings,
    ) -> Result<Isolate, SpawnError> {
        self.start_from(template, Start::Block(block, arguments), settings)
    }

    fn start_from(
        &self,
        template: &Template,
        start: Start,
        settings: Settings,
    ) -> Result<Isolate, SpawnError> {
        let source = Source::Template(template.clone());
        let (template, border) = (Some(template.clone()), template.border());
        self.start(Job { source, start, settings, template, border })
    }

    /// Start an isolate that sees the heap of `vm` as it stands, and evaluates a block of it. To be called
    /// by a primitive that changes the registers: objects move, so `block` answers the block when it is
    /// asked, which is after that.
    ///
    /// # Errors
    /// When there is no memory or no thread; the VM goes on all the same.
    pub fn fork(
        &self,
        vm: &mut Vm,
        block: impl FnOnce(&Vm) -> Oop,
        settings: Settings,
    ) -> Result<Isolate, SpawnError> {
        let heap = vm.fork_heap(&settings.memory)?;
        let start = Start::Block(block(vm), Vec::new());
        let source = Source::Forked(Box::new(heap), Box::new(About::of(vm)));
        let template = plugin::template_of(vm);
        let border = vm.modules.state::<Border>().for_copy();
        self.start(Job { source, start, settings, template, border })
    }

    /// Make `vm`, which the caller runs, an isolate among the others: its image may start others, from
    /// `template` if there is one, and others may kill it. Its end is told by [`leave`](Self::leave).
    pub fn adopt(&self, vm: &mut Vm, template: Option<Template>, settings: &Settings) -> Isolate {
        let shared = Arc::new(Shared::new(self.next_id(), settings));
        self.0.lock().start(&shared);
        shared.runs(vm.signals.signaller());
        let keeper = Keeper::watching(&shared);
        keeper.tell(vm);
        vm.keeper = Some(Box::new(keeper));
        vm.modules.add(&[plugin::MODULE, channel_plugin::MODULE]);
        let border = vm.modules.state::<Border>();
        border.origin = Origin::new();
        grant(border, settings);
        plugin::install(vm, self.clone(), Isolate::new(Arc::clone(&shared)), template, settings);
        Isolate::new(shared)
    }

    /// Know the isolate that others know as `old`, whose VM runs, under a number of its own.
    pub(crate) fn enter_alone(&self, old: &Shared, signaller: Signaller) -> Arc<Shared> {
        let shared = Arc::new(Shared::like(old, self.next_id()));
        self.0.lock().start(&shared);
        shared.runs(signaller);
        shared
    }

    fn next_id(&self) -> IsolateId {
        IsolateId(1 + self.0.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Ask the isolate to look up from time to time.
    pub(crate) fn tick(&self, isolate: IsolateId, signaller: Signaller) {
        self.0.ticker.add(isolate, signaller);
    }

    /// An adopted isolate has ended. Answers why others had it end, if they did: that is told as its reason
    /// then.
    pub fn leave(&self, isolate: &Isolate, outcome: Outcome) -> Option<ExitReason> {
        let shared = isolate.shared();
        let end = shared.take_end();
        let outcome = end.clone().map_or(outcome, Outcome::without_value);
        self.0.ended(shared, outcome);
        end
    }

    pub(crate) fn of(registry: &Arc<Registry>) -> Spawner {
        Spawner(Arc::clone(registry))
    }

    fn start(&self, job: Job) -> Result<Isolate, SpawnError> {
        let id = self.next_id();
        let shared = Arc::new(Shared::new(id, &job.settings));
        self.0.lock().enter(&shared, &job.settings);
        let (registry, mine) = (Arc::clone(&self.0), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name(format!("isolate {id}"))
            .stack_size(THREAD_STACK_BYTES);
        let started = thread.spawn(move || {
            let outcome = body::run(job, &mine, &registry);
            registry.ended(&mine, outcome);
        });
        if let Err(error) = started {
            let reason = ExitReason::NotStarted(error.to_string());
            self.0.ended(&shared, Outcome::without_value(reason));
            return Err(error.into());
        }
        Ok(Isolate::new(shared))
    }

    /// The isolate with this number, if it lives.
    pub fn find(&self, id: IsolateId) -> Option<Isolate> {
        self.0.lock().isolates.get(&id).cloned().map(Isolate::new)
    }

    /// All that live, in the order of their starts.
    pub fn isolates(&self) -> Vec<Isolate> {
        let living = self.0.lock();
        let mut all: Vec<Isolate> = living.isolates.values().cloned().map(Isolate::new).collect();
        drop(living);
        all.sort_by_key(Isolate::id);
        all
    }

    /// All that live.
    pub(crate) fn living(&self) -> Vec<Arc<Shared>> {
        self.0.lock().isolates.values().cloned().collect()
    }

    /// All that live, in the order of their starts; those that have ended last; what those have done that have
    /// ended; and how long the spawner is there.
    pub(crate) fn table(&self) -> (Vec<Arc<Shared>>, Vec<IsolateRow>, Totals, Duration) {
        let living = self.0.lock();
        let mut all: Vec<_> = living.isolates.values().cloned().collect();
        let ended = living.ended.iter().cloned().collect();
        let totals = living.totals.clone();
        drop(living);
        all.sort_by_key(|shared| shared.id);
        (all, ended, totals, self.0.since.elapsed())
    }

    /// Kill all that live, and wait until they have ended.
    pub fn end_all(&self) {
        let all = self.isolates();
        all.iter().for_each(Isolate::kill);
        all.iter().for_each(|isolate| drop(isolate.wait()));
    }

    /// As [`end_all`](Self::end_all), but wait at most so long. Answers how many have not ended by then.
    pub fn end_all_within(&self, limit: Duration) -> usize {
        let deadline = Instant::now() + limit;
        let all = self.isolates();
        all.iter().for_each(Isolate::kill);
        let lives = |isolate: &&Isolate| {
            let left = deadline.saturating_duration_since(Instant::now());
            isolate.wait_for(left).is_none()
        };
        all.iter().filter(lives).count()
    }

    /// Link two isolates: when one of them ends because something went wrong, the other one ends too, or,
    /// if it traps exits, is told.
    pub fn link(&self, one: IsolateId, two: IsolateId) {
        let mut living = self.0.lock();
        let both = [(one, two), (two, one)];
        let gone = both.into_iter().find(|pair| !living.isolates.contains_key(&pair.0));
        if let Some((gone, other)) = gone {
            drop(living);
            return self.0.linked_ended(gone, other, &ExitReason::Gone);
        }
        for (from, to) in both {
            living.links.entry(from).or_default().insert(to);
        }
    }

    /// Take a link away.
    pub fn unlink(&self, one: IsolateId, two: IsolateId) {
        let mut living = self.0.lock();
        for (from, to) in [(one, two), (two, one)] {
            if let Some(links) = living.links.get_mut(&from) {
                links.remove(&to);
            }
        }
    }

    /// Be told when `target` ends; at once, when it has ended.
    pub fn monitor(&self, target: IsolateId) -> Receiver<Notice> {
        let (sender, receiver) = channel();
        self.0.watch(target, Watcher::Rust(sender));
        receiver
    }

    /// Have isolate `watcher` be told when `target` ends: see [`Isolate::next_notice`].
    pub fn monitor_for(&self, watcher: IsolateId, target: IsolateId) -> MonitorId {
        self.0.watch(target, Watcher::Isolate(watcher))
    }

    /// Take a monitor away.
    pub fn demonitor(&self, target: IsolateId, monitor: MonitorId) {
        if let Some(monitors) = self.0.lock().monitors.get_mut(&target) {
            monitors.retain(|(id, _)| *id != monitor);
        }
    }

    /// Wait until `isolate` has ended, at most so long.
    pub fn wait(&self, isolate: IsolateId, limit: Duration) -> Option<Outcome> {
        self.find(isolate)?.wait_for(limit)
    }
}

/// Let the image ask for the channels that it was given.
pub(crate) fn grant(border: &mut Border, settings: &Settings) {
    for (name, channel) in &settings.channels {
        border.ports.grant(name, channel.clone());
    }
}

impl Living {
    /// A new isolate, linked and watched as its settings say before it can end.
    fn enter(&mut self, shared: &Arc<Shared>, settings: &Settings) {
        let id = shared.id;
        self.start(shared);
        if let Some(other) = settings.linked_to
            && self.isolates.contains_key(&other)
        {
            self.links.entry(id).or_default().insert(other);
            self.links.entry(other).or_default().insert(id);
        }
        if let Some(watcher) = settings.watched_by {
            let monitor = (MonitorId(id.0), Watcher::Isolate(watcher));
            self.monitors.entry(id).or_default().push(monitor);
        }
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Living> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, target: IsolateId, watcher: Watcher) -> MonitorId {
        let monitor = MonitorId(1 + self.next.fetch_add(1, Ordering::Relaxed));
        let mut living = self.lock();
        if living.isolates.contains_key(&target) {
            living.monitors.entry(target).or_default().push((monitor, watcher));
        } else {
            drop(living);
            self.tell(
                &watcher,
                Notice { isolate: target, reason: ExitReason::Gone, monitor: Some(monitor) },
            );
        }
        monitor
    }

    fn tell(&self, watcher: &Watcher, notice: Notice) {
        match watcher {
            Watcher::Isolate(id) => {
                let watcher = self.lock().isolates.get(id).cloned();
                if let Some(watcher) = watcher {
                    watcher.note(notice);
                }
            }
            // Nobody may be there to listen any more.
            Watcher::Rust(sender) => drop(sender.send(notice)),
        }
    }

    /// An isolate has ended, and its memory is given back.
    fn ended(&self, shared: &Arc<Shared>, outcome: Outcome) {
        let id = shared.id;
        let reason = outcome.reason.clone();
        let mut living = self.lock();
        living.end(shared, &reason);
        let monitors = living.monitors.remove(&id).unwrap_or_default();
        let links = living.links.remove(&id).unwrap_or_default();
        for link in &links {
            if let Some(back) = living.links.get_mut(link) {
                back.remove(&id);
            }
        }
        drop(living);
        // Who learns of the end may rely on it that the links have done what they do.
        for link in links {
            self.linked_ended(id, link, &reason);
        }
        shared.set_outcome(outcome);
        for (monitor, watcher) in monitors {
            let reason = reason.clone();
            self.tell(&watcher, Notice { isolate: id, reason, monitor: Some(monitor) });
        }
    }

    /// `gone`, which `other` is linked to, has ended.
    fn linked_ended(&self, gone: IsolateId, other: IsolateId, reason: &ExitReason) {
        let other = self.lock().isolates.get(&other).cloned();
        let Some(other) = other else { return };
        if other.traps_exits() {
            other.note(Notice { isolate: gone, reason: reason.clone(), monitor: None });
        } else if !reason.is_normal() {
            // Of a chain of ends the first one tells why.
            let (gone, reason) = match reason.clone() {
                ExitReason::Linked(first, reason) => (first, reason),
                reason => (gone, Box::new(reason)),
            };
            other.end(ExitReason::Linked(gone, reason));
        }
    }
}
