//! Which methods are compiled, and when; what becomes of the code.
//!
//! Nothing is counted while interpreted code runs: what the interpreter finds running when it attends to what
//! waits, which the tier asks it to do every millisecond, is sampled, and so is what native code calls without
//! finding native code. What was found often enough gets entries: at its start, those of its blocks, and the
//! heads of its loops. Where the interpreter comes to an entry, that unit is compiled.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use rowel_interpreter::code::{Action, CodeRef};
use rowel_interpreter::native::{EntryKind, Flushed, NativeEntry, Tier, TierFigures};
use rowel_interpreter::vm::Vm;
use rustc_hash::FxHashMap;

use crate::compiler::{self, Attempts, CompileError, Prepared, Relies, Setting, Unit};
use crate::dump::Dumping;
use crate::entries::entries_of;
use crate::exits::Exits;
use crate::listing;
use crate::log::{Log, name_of};
use crate::machine::{Machine, Unsupported};
use crate::memory::{CodeMemory, NoRoom};
use crate::policy::{JitOptions, MOST_COMPILATIONS, OFTEN, Thresholds, When};
use crate::profile::{Profile, Site};
use crate::recording::Recording;
use crate::records::{Gone, Record};
use crate::sampler::Sampler;
use crate::stats::{Pause, Stats};
use crate::stubs::StubSet;
use crate::units::{Compiled, Units};
use crate::worker::{self, Worker};

/// Why a unit has no native code.
#[derive(Debug, thiserror::Error)]
pub enum NotCompiled {
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// There is no room.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// A unit whose machine code is being made.
#[derive(Debug)]
struct Waiting {
    unit: Unit,
    relies: Relies,
    exits: Box<Exits>,
    inlined: u32,
    /// For people; empty when nobody asks.
    name: String,
}

/// A compiled tier.
pub struct Tiered {
    machine: Machine,
    memory: CodeMemory,
    /// `None` until something is hot.
    stubs: Option<Arc<StubSet>>,
    /// Whether the other thread has been asked for them.
    wants_stubs: bool,
    profile: Profile,
    log: Log,
    units: Units,
    thresholds: Thresholds,
    when: When,
    sampler: Option<Sampler>,
    /// How often entries without native code were reached.
    reached: FxHashMap<(CodeRef, u32), u32>,
    /// Whether a unit found no room.
    is_full: bool,
    worker: Option<Worker>,
    /// Units whose IR the other thread has, by number.
    waiting: FxHashMap<u32, Waiting>,
    /// Units at which attempts have failed so far.
    begun: FxHashMap<Unit, Attempts>,
    dump: Option<Dumping>,
    /// When somebody asks for that.
    recording: Option<Recording>,
    /// What happened so far.
    pub stats: Stats,
}

impl std::fmt::Debug for Tiered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tiered").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl Tiered {
    /// Attach a tier to `vm`, and have it look at what runs.
    ///
    /// # Errors
    /// When Cranelift does not know this machine, or there is no memory.
    pub fn attach(vm: &mut Vm, options: JitOptions) -> Result<(), Unsupported> {
        if options.when == When::Off {
            return Ok(());
        }
        let machine = options.host.machine()?;
        Tiered::attach_for(vm, options, &machine)
    }

    /// Attach a tier to `vm` whose native code is for `machine`.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn attach_for(
        vm: &mut Vm,
        options: JitOptions,
        machine: &Machine,
    ) -> Result<(), Unsupported> {
        let mut tier = Tiered::new(&options, machine)?;
        if options.when == When::On {
            tier.sampler = options.samples.then(|| Sampler::start(vm.stack_limit.clone()));
            tier.worker = options.background.then(|| Worker::start(machine.clone()));
        }
        match tier.worker {
            // They are made when something is hot.
            Some(_) => tier.take_stubs(vm),
            None => tier.adopt(vm, machine.stubs()?),
        }
        vm.tier = Some(Box::new(tier));
        Ok(())
    }

    pub(crate) fn new(options: &JitOptions, machine: &Machine) -> Result<Tiered, Unsupported> {
        let log =
            Log::new(options).map_err(|error| Unsupported(format!("a file for perf: {error}")))?;
        Ok(Tiered {
            machine: machine.clone(),
            memory: CodeMemory::new(options.budget, machine.emulator()),
            stubs: None,
            wants_stubs: false,
            profile: Profile::default(),
            log,
            units: Units::default(),
            thresholds: Thresholds::of(options.when),
            when: options.when,
            sampler: None,
            reached: FxHashMap::default(),
            is_full: false,
            worker: None,
            waiting: FxHashMap::default(),
            begun: FxHashMap::default(),
            dump: options.dump.clone().map(Dumping::new),
            recording: Recording::new(options)?,
            stats: Stats::default(),
        })
    }

    /// Have all code of `vm` call the stubs until it has native code.
    pub(crate) fn adopt(&mut self, vm: &mut Vm, set: Arc<StubSet>) {
        for (name, address, code) in set.pieces() {
            self.log.placed(name, address, code);
        }
        vm.code.iter().for_each(|code| set.stubs.attach(code));
        vm.trampolines = Some(Arc::clone(&set.trampolines));
        self.stubs = Some(set);
    }

    /// Take the stubs if they have been made.
    fn take_stubs(&mut self, vm: &mut Vm) {
        if self.stubs.is_none()
            && let Some(set) = self.machine.made_stubs()
        {
            self.adopt(vm, set);
        }
    }

    /// Compile `unit`; answers its address if it has one at once.
    pub(crate) fn compile(&mut self, vm: &mut Vm, unit: Unit) -> Option<u64> {
        if self.is_full {
            // Room is made as soon as no native code runs.
            vm.request_attention();
            return None;
        }
        let is_busy = self.worker.as_ref().is_some_and(Worker::is_busy);
        if self.stubs.is_none() || is_busy || self.is_waiting(unit) {
            return None;
        }
        let pause = Pause::start();
        let outcome = self.try_compile(vm, unit);
        self.stats.end(pause);
        match outcome {
            Ok(address) => address,
            Err(error) => {
                self.refuse(unit, &error);
                None
            }
        }
    }

    /// Whether the machine code of `unit` is being made.
    fn is_waiting(&self, unit: Unit) -> bool {
        self.waiting.values().any(|waiting| waiting.unit == unit)
    }

    fn refuse(&mut self, unit: Unit, error: &NotCompiled) {
        self.stats.refused += 1;
        if let Some(record) = self.record(unit) {
            record.refused = Some(error.to_string());
        }
        tracing::debug!("a unit is not compiled: {error}");
        let is_refused = matches!(error, NotCompiled::Compile(CompileError::Cranelift(_)));
        debug_assert!(!is_refused, "{error}");
        match error {
            NotCompiled::NoRoom(_) => self.is_full = true,
            NotCompiled::Compile(_) => self.give_up(unit),
        }
    }

    fn try_compile(&mut self, vm: &mut Vm, unit: Unit) -> Result<Option<u64>, NotCompiled> {
        let number = self.units.next_number();
        let start = Instant::now();
        let recording = self.recording.as_mut();
        let counter = recording.map(|it| it.records.begin(unit, || name_of(vm, unit)));
        // What is compiled before anything is known of it will not stay.
        let is_first = self.when == When::Always && self.units.compilations(unit) == 0;
        let machine = self.machine.clone();
        let isa = if is_first { machine.quick_isa() } else { machine.isa() };
        let wants_name = self.log.wants_names() || self.dump.is_some();
        let name = if wants_name { name_of(vm, unit) } else { String::new() };
        let eager = self.when == When::Always;
        let Some(set) = &self.stubs else { return Ok(None) };
        let setting = Setting { isa, stubs: &set.stubs, number, counter, eager };
        let mut attempts = self.begun.remove(&unit).unwrap_or_default();
        let prepared = loop {
            match compiler::prepare(vm, &mut self.profile, unit, setting, &mut attempts) {
                Ok(None) if self.worker.is_none() => {}
                outcome => break outcome,
            }
        };
        if matches!(prepared, Ok(None)) {
            // The isolate goes on for a while first.
            self.begun.insert(unit, attempts);
            return Ok(None);
        }
        if let Some(dump) = self.dump.as_mut().filter(|dump| dump.wants(&name)) {
            dump.source(vm, unit, &name);
            let _ = prepared.as_ref().inspect_err(|error| dump.refused(error));
        }
        let Some(Prepared { mut context, relies, exits, inlined }) = prepared? else {
            return Ok(None);
        };
        if let Some(record) = self.record(unit) {
            record.ir_time += start.elapsed();
        }
        if let Some(recording) = &mut self.recording {
            recording.compiled(number, &self.profile, &exits);
        }
        let waiting = Waiting { unit, relies, exits, inlined, name };
        if let Some(dump) = self.dump.as_ref().filter(|dump| dump.wants(&waiting.name)) {
            let start = Instant::now();
            let code = dump.machine_code((vm, unit), &waiting.relies, isa, &mut context)?;
            let time = start.elapsed();
            return Ok(Some(self.place(number, waiting, &code, time)?));
        }
        if let Some(worker) = &mut self.worker {
            if worker.send(number, context) {
                self.waiting.insert(number, waiting);
            }
            return Ok(None);
        }
        let start = Instant::now();
        let code = worker::machine_code(isa, &mut context)?;
        Ok(Some(self.place(number, waiting, &code, start.elapsed())?))
    }

    /// Machine code has been made: have it run from now on.
    fn place(
        &mut self,
        number: u32,
        waiting: Waiting,
        code: &[u8],
        time: Duration,
    ) -> Result<u64, NotCompiled> {
        let Waiting { unit, relies, exits, inlined, name } = waiting;
        let piece = self.memory.add(code)?;
        self.log.placed(&name, piece.address, code);
        self.log.line(|| {
            let (bytes, exits) = (code.len(), exits.count());
            format!("{name}: {bytes} bytes, {inlined} inlined, {exits} places where it may leave")
        });
        self.stats.compiled += 1;
        self.stats.bytes += code.len() as u64;
        self.stats.inlined += u64::from(inlined);
        self.stats.time += time;
        if let Some(record) = self.record(unit) {
            record.placed(code.len(), inlined, time);
        }
        self.units.add(number, Compiled { unit, piece, relies, exits });
        self.install(unit, piece.address);
        Ok(piece.address)
    }

    /// Take what the other thread has done.
    fn take_done(&mut self) {
        while let Some(done) = self.worker.as_mut().and_then(Worker::take) {
            let pause = Pause::start();
            // It may no longer be wanted.
            let Some(waiting) = self.waiting.remove(&done.number) else {
                self.stats.time += done.time;
                continue;
            };
            let unit = waiting.unit;
            let placed = done.code.map_err(NotCompiled::from);
            let placed = placed.and_then(|code| self.place(done.number, waiting, &code, done.time));
            if let Err(error) = placed {
                self.refuse(unit, &error);
            }
            self.stats.end(pause);
        }
    }

    /// Have `unit` run by the code at `address`; 0 for none.
    fn install(&mut self, unit: Unit, address: u64) {
        let method = unit.code.get();
        let Some(entry) = method.native.entry_at(unit.word) else { return };
        method.add_entry(NativeEntry { address, ..entry });
        // A method with a primitive is called through that; the unit runs what comes after it.
        if unit.kind == EntryKind::Method && matches!(method.action, Action::Activate) {
            match address {
                0 => {
                    if let Some(set) = &self.stubs {
                        set.stubs.detach(unit.code);
                    }
                }
                address => method.native.direct.set(address),
            }
        }
    }

    /// `unit` is interpreted from now on.
    fn give_up(&mut self, unit: Unit) {
        self.units.remove(unit);
        self.install(unit, 0);
        unit.code.get().retain_entries(|entry| entry.word as usize != unit.word);
    }

    /// Give `code` the entries at which it may be compiled.
    fn prepare(&mut self, vm: &Vm, code: CodeRef) {
        for entry in entries_of(vm, code) {
            code.get().add_entry(entry);
        }
    }

    /// Native code has left at `site`: if that is a send, its receiver is of a class that was not expected.
    fn note_receiver(&mut self, vm: &Vm, site: Site) {
        let Some(code) = CodeRef::from_word(site.code) else { return };
        let Some(num_args) = code.get().word(site.word as usize).sent_args() else { return };
        let expected = code.ip_at(site.word as usize).cached_class();
        let class = vm.heap.class_index(vm.stack_value(num_args));
        let pic = self.profile.pic(site);
        for class in [expected, u64::from(class.0)] {
            if class != 0 {
                pic.add(class, 0);
            }
        }
    }

    /// Forget the units that `goes` picks by what they are and what they rely on.
    fn forget(&mut self, why: Gone, mut goes: impl FnMut(Unit, &Relies) -> bool) {
        self.waiting.retain(|_, waiting| !goes(waiting.unit, &waiting.relies));
        for unit in self.units.take(|compiled| goes(compiled.unit, &compiled.relies)) {
            self.install(unit, 0);
            if let Some(recording) = &mut self.recording {
                recording.records.gone(unit, why);
            }
        }
    }

    /// The record of `unit`, if somebody asks for that.
    fn record(&mut self, unit: Unit) -> Option<&mut Record> {
        self.recording.as_mut()?.records.of(unit)
    }

    /// Unit number `number` has left, but no guard has failed: somebody has asked it to look up, most often.
    fn looked_up(&mut self, number: u32) {
        if self.recording.is_none() {
            return;
        }
        let found = self.sampler.as_ref().is_some_and(Sampler::take_tick);
        let Some(unit) = self.units.get(number).map(|compiled| compiled.unit) else { return };
        if let Some(record) = self.record(unit) {
            record.samples += u64::from(found);
            record.others += 1;
        }
    }
}

impl Tier for Tiered {
    fn translated(&mut self, vm: &mut Vm, code: CodeRef) {
        if let Some(set) = &self.stubs {
            set.stubs.attach(code);
        }
        if self.when == When::Always {
            self.prepare(vm, code);
        }
    }

    fn ran(&mut self, vm: &mut Vm, code: CodeRef, weight: u32) {
        let heat = &code.get().native.heat;
        let before = heat.get();
        heat.set(before.saturating_add(weight));
        let hot = match self.when {
            When::Always => true,
            _ => heat.get() >= self.thresholds.heat,
        };
        if hot && !code.get().native.has_entries() {
            self.prepare(vm, code);
            if self.stubs.is_none() && !std::mem::replace(&mut self.wants_stubs, true) {
                let _ = self.worker.as_ref().map(Worker::make_stubs);
            }
        }
    }

    fn reached(&mut self, vm: &mut Vm, code: CodeRef, index: usize) -> Option<u64> {
        let entry = code.get().native.entry_at(index)?;
        let wanted = match entry.kind {
            EntryKind::Loop => self.thresholds.turns,
            _ => self.thresholds.start,
        };
        let times = self.reached.entry((code, index as u32)).or_default();
        *times += 1;
        if *times < wanted {
            return None;
        }
        self.reached.remove(&(code, index as u32));
        let in_block = vm.frame_word(rowel_interpreter::frame::CLOSURE) != 0;
        let in_block = in_block && entry.kind == EntryKind::Loop;
        self.compile(vm, Unit { code, word: index, kind: entry.kind, in_block })
    }

    fn left(&mut self, vm: &mut Vm) {
        let (number, exit) = ((vm.left >> 32) as u32, (vm.left & 0xFFFF_FFFF) as usize);
        let Some(compiled) = self.units.get(number) else { return };
        let Some((site, times)) = compiled.exits.left(exit) else { return self.looked_up(number) };
        let unit = compiled.unit;
        self.stats.leaves += 1;
        let (leaves, compilations) = (compiled.exits.leaves(), self.units.compilations(unit));
        if let Some(recording) = &mut self.recording {
            recording.left(vm, (unit, number), exit, site);
        }
        self.note_receiver(vm, site);
        if times == OFTEN {
            let code = CodeRef::from_word(site.code);
            let name = code.map(|code| vm.name_of_method(code.get().method, false));
            tracing::debug!(
                ?name, word = site.word, operation = ?listing::operation_at(site), compilations,
                "native code leaves here again and again"
            );
        }
        if self.is_waiting(unit) {
            return;
        }
        if times >= self.thresholds.leaves {
            self.profile.left_too_often(site, compilations);
        }
        if leaves < self.thresholds.leaves_after(compilations) {
            return;
        }
        tracing::debug!(
            site = ?site, operation = ?listing::operation_at(site), unit = ?unit, "left too often"
        );
        self.profile.left_too_often(site, compilations);
        self.log.line(|| {
            format!("{} leaves too often, last at {}", name_of(vm, unit), listing::place(vm, site))
        });
        if compilations >= MOST_COMPILATIONS {
            self.give_up(unit);
        } else {
            self.compile(vm, unit);
        }
    }

    fn seen(&mut self, unit: u32) {
        let ticked = self.sampler.as_ref().is_some_and(Sampler::take_tick);
        let Some(unit) = self.units.get(unit).map(|compiled| compiled.unit) else { return };
        if let Some(record) = self.record(unit) {
            record.samples += u64::from(ticked);
        }
    }

    fn attend(&mut self, vm: &mut Vm) {
        self.take_stubs(vm);
        self.take_done();
        if let (Some(recording), Some(sampler)) = (&mut self.recording, &self.sampler) {
            recording.interpreted += u64::from(sampler.take_tick());
        }
        if vm.is_in_native() {
            if self.is_full {
                vm.disturb();
            }
            return;
        }
        if std::mem::take(&mut self.is_full) {
            // What is hot is soon compiled again.
            let (pause, start) = (Pause::start(), Instant::now());
            self.stats.evictions += 1;
            self.forget(Gone::Evicted, |_, _| true);
            self.stats.eviction_time += start.elapsed();
            self.stats.end(pause);
        }
        for piece in self.units.take_gone() {
            self.memory.free(piece);
        }
    }

    fn flushed(&mut self, what: Flushed) {
        let pause = Pause::start();
        tracing::trace!(?what, "flushed");
        self.stats.flushes += 1;
        match what {
            Flushed::All => {
                self.profile.forget_found();
                self.forget(Gone::Flushed, |_, _| true);
            }
            Flushed::Selector(selector) => {
                self.profile.forget_found();
                self.forget(Gone::Flushed, |_, relies| relies.selectors.contains(&selector));
            }
            Flushed::Code(code) => {
                self.profile.forget_found();
                self.forget(Gone::Flushed, |unit, relies| {
                    unit.code == code || relies.codes.contains(&code)
                });
            }
        }
        self.stats.end(pause);
    }

    fn retain(&mut self, keep: &mut dyn FnMut(CodeRef) -> bool) {
        self.forget(Gone::Flushed, |unit, relies| {
            !keep(unit.code) || relies.codes.iter().any(|code| !keep(*code))
        });
        if let Some(recording) = &mut self.recording {
            recording.records.retain(|unit| keep(unit.code));
        }
        self.profile.retain(keep);
        self.reached.retain(|(code, _), _| keep(*code));
        self.begun.retain(|unit, _| keep(unit.code));
        self.units.retain(keep);
    }

    fn forked(&mut self, limit: Arc<AtomicU64>) {
        self.log.forked();
        if let Some(recording) = &mut self.recording {
            recording.forked();
        }
        if let Some(sampler) = self.sampler.take() {
            // Its thread is not in this process: there is nothing to wait for.
            std::mem::forget(sampler);
            self.sampler = Some(Sampler::start(limit));
        }
        if let Some(worker) = self.worker.take() {
            // Nor is its.
            std::mem::forget(worker);
            self.waiting.clear();
            self.wants_stubs = false;
            self.worker = Some(Worker::start(self.machine.clone()));
        }
    }

    fn figures(&self) -> TierFigures {
        TierFigures {
            budget: self.memory.budget() as u64,
            used: self.memory.used() as u64,
            units: self.units.count() as u64,
            leaves: self.stats.leaves,
            evictions: self.stats.evictions,
            eviction_time: self.stats.eviction_time,
        }
    }
}

impl Drop for Tiered {
    fn drop(&mut self) {
        let stats = self.stats;
        tracing::debug!(?stats, "the compiled tier ends");
        self.log.line(|| stats.to_string());
        if let Some(dump) = &self.dump {
            dump.ends();
        }
        if let Some(recording) = self.recording.take() {
            recording.tell(stats);
        }
    }
}
