//! The compiled tier: what it consists of, and what the VM asks of it.
//!
//! Nothing is counted while interpreted code runs: what the interpreter finds running when it attends to what
//! waits, which the tier asks it to do every millisecond, is sampled, and so is what native code calls without
//! finding native code. What was found often enough gets entries: at its start, those of its blocks, and the
//! heads of its loops. Where the interpreter comes to an entry, that unit is compiled.
//!
//! | what the VM tells | what becomes of it |
//! |---|---|
//! | what runs, and which entries are reached | `heat` |
//! | a unit is to be compiled; the other thread is done | `making` |
//! | native code has left | `leaving` |
//! | something is flushed or freed; no native code runs | `going` |
//!
//! Must not know itself: the rules of these.

mod going;
mod heat;
mod leaving;
mod making;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::native::{Flushed, Tier, TierFigures};
use rowel_interpreter::vm::Vm;
use rustc_hash::FxHashMap;

use crate::compiler::{Attempts, Unit};
use crate::dump::Dumping;
use crate::log::Log;
use crate::machine::{Machine, Unsupported};
use crate::memory::CodeMemory;
use crate::policy::{JitOptions, Thresholds, When};
use crate::profile::Profile;
use crate::recording::Recording;
use crate::records::Record;
use crate::sampler::Sampler;
use crate::stats::Stats;
use crate::stubs::StubSet;
use crate::units::Units;
use crate::worker::Worker;

pub use making::NotCompiled;
use making::Waiting;

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

    /// The record of `unit`, if somebody asks for that.
    fn record(&mut self, unit: Unit) -> Option<&mut Record> {
        self.recording.as_mut()?.records.of(unit)
    }
}

impl Tier for Tiered {
    fn translated(&mut self, vm: &mut Vm, code: CodeRef) {
        if let Some(set) = &self.stubs {
            set.stubs.attach(code);
        }
        if matches!(self.when, When::Always | When::Early) {
            self.give_entries(vm, code);
        }
    }

    fn ran(&mut self, vm: &mut Vm, code: CodeRef, weight: u32) {
        self.warm(vm, code, weight);
    }

    fn reached(&mut self, vm: &mut Vm, code: CodeRef, index: usize) -> Option<u64> {
        self.reached_cold(vm, code, index)
    }

    fn left(&mut self, vm: &mut Vm) {
        self.note_exit(vm);
    }

    fn seen(&mut self, unit: u32) {
        self.note_seen(unit);
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
        self.make_room();
    }

    fn flushed(&mut self, what: Flushed) {
        self.flush(what);
    }

    fn retain(&mut self, keep: &mut dyn FnMut(CodeRef) -> bool) {
        self.retain_code(keep);
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
