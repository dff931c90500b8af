//! Which methods are compiled, and when; what becomes of the code.
//!
//! Nothing is counted while interpreted code runs: what the interpreter finds running when it attends to what
//! waits, which the tier asks it to do every millisecond, is sampled, and so is what native code calls without
//! finding native code. What was found often enough gets entries: at its start, those of its blocks, and the
//! heads of its loops. Where the interpreter comes to an entry, that unit is compiled.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use rowel_interpreter::code::{Action, CodeRef};
use rowel_interpreter::native::{EntryKind, Flushed, NativeEntry, Tier, TierFigures, Trampolines};
use rowel_interpreter::operation::Operation;
use rowel_interpreter::vm::Vm;
use rustc_hash::FxHashMap;

use crate::compiler::{self, CompileError, Prepared, Relies, Setting, Unit};
use crate::entries::entries_of;
use crate::log::{Log, name_of};
use crate::memory::{CodeMemory, NoRoom};
use crate::profile::{Profile, Site};
use crate::sampler::Sampler;
use crate::stubs::{self, Stubs};
use crate::units::{Compiled, Units};
use crate::worker::{self, Worker};

/// When methods are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Never.
    #[default]
    Off,
    /// When they were found running often enough.
    On,
    /// At the first call.
    Always,
}

/// How the tier works.
#[derive(Clone, Copy, Debug)]
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
        }
    }
}

/// Why there is no tier.
#[derive(Debug, thiserror::Error)]
#[error("no native code on this machine: {0}")]
pub struct Unsupported(String);

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
    /// How long the isolate was busy with it.
    pub pauses: std::time::Duration,
    /// How long the back end took.
    pub time: std::time::Duration,
}

/// How eager the tier is.
#[derive(Clone, Copy, Debug)]
struct Thresholds {
    /// So often code has to be found running before it gets entries.
    heat: u32,
    /// So often an entry has to be reached before it is compiled: at a start, at a loop.
    start: u32,
    turns: u32,
    /// So often native code has to leave at one place before it is compiled anew.
    leaves: u32,
}

impl Thresholds {
    const ON: Thresholds = Thresholds { heat: 2000, start: 2, turns: 100, leaves: 20 };
    const ALWAYS: Thresholds = Thresholds { heat: 0, start: 1, turns: 2, leaves: 2 };

    /// So often a unit may leave after so many compilations.
    fn leaves_after(self, compilations: u32) -> u32 {
        self.leaves.saturating_mul(2u32.saturating_pow(compilations.saturating_sub(1)))
    }
}

/// Leaving so often at one place is worth a message.
const OFTEN: u32 = 1000;

/// A unit is compiled so often at most; then it is interpreted.
const MOST_COMPILATIONS: u32 = 12;

/// A unit whose machine code is being made.
#[derive(Debug)]
struct Waiting {
    unit: Unit,
    relies: Relies,
    exits: Vec<Site>,
    inlined: u32,
    /// For people; empty when nobody asks.
    name: String,
}

/// A compiled tier.
pub struct Tiered {
    isa: OwnedTargetIsa,
    memory: CodeMemory,
    stubs: Stubs,
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
    /// What happened so far.
    pub stats: Stats,
}

impl std::fmt::Debug for Tiered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tiered").field("stats", &self.stats).finish_non_exhaustive()
    }
}

fn machine() -> Result<OwnedTargetIsa, Unsupported> {
    let mut flags = settings::builder();
    let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
    let set = [
        ("opt_level", "speed"),
        ("enable_verifier", verifier),
        ("enable_pinned_reg", "true"),
        ("enable_probestack", "false"),
    ];
    for (name, value) in set {
        flags.set(name, value).map_err(|error| Unsupported(error.to_string()))?;
    }
    let builder = cranelift_native::builder().map_err(|why| Unsupported(why.into()))?;
    let isa = builder.finish(settings::Flags::new(flags));
    isa.map_err(|error| Unsupported(error.to_string()))
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
        let (mut tier, trampolines) = Tiered::new(options)?;
        if options.when == When::On {
            tier.sampler = options.samples.then(|| Sampler::start(vm.stack_limit.clone()));
            tier.worker = options.background.then(|| Worker::start(Arc::clone(&tier.isa)));
        }
        for code in vm.code.iter() {
            tier.stubs.attach(code);
        }
        vm.trampolines = Some(Arc::new(trampolines));
        vm.tier = Some(Box::new(tier));
        Ok(())
    }

    fn new(options: JitOptions) -> Result<(Tiered, Trampolines), Unsupported> {
        let isa = machine()?;
        let mut memory = CodeMemory::new(options.budget);
        let made = stubs::make(&*isa, &mut memory);
        let (stubs, trampolines) = made.map_err(|error| Unsupported(error.to_string()))?;
        let log = Log::new(options.log, options.perf_map)
            .map_err(|error| Unsupported(format!("a map for perf: {error}")))?;
        let thresholds = match options.when {
            When::Always => Thresholds::ALWAYS,
            _ => Thresholds::ON,
        };
        let tier = Tiered {
            isa,
            memory,
            stubs,
            profile: Profile::default(),
            log,
            units: Units::default(),
            thresholds,
            when: options.when,
            sampler: None,
            reached: FxHashMap::default(),
            is_full: false,
            worker: None,
            waiting: FxHashMap::default(),
            stats: Stats::default(),
        };
        Ok((tier, trampolines))
    }

    /// Compile `unit`; answers its address if it has one at once.
    fn compile(&mut self, vm: &mut Vm, unit: Unit) -> Option<u64> {
        if self.waiting.values().any(|waiting| waiting.unit == unit) {
            return None;
        }
        let start = std::time::Instant::now();
        let outcome = self.try_compile(vm, unit);
        self.stats.pauses += start.elapsed();
        match outcome {
            Ok(address) => address,
            Err(error) => {
                self.refuse(unit, &error);
                None
            }
        }
    }

    fn refuse(&mut self, unit: Unit, error: &NotCompiled) {
        self.stats.refused += 1;
        tracing::debug!("a unit is not compiled: {error}");
        match error {
            NotCompiled::NoRoom(_) => self.is_full = true,
            NotCompiled::Compile(_) => self.give_up(unit),
        }
    }

    fn try_compile(&mut self, vm: &mut Vm, unit: Unit) -> Result<Option<u64>, NotCompiled> {
        let number = self.units.next_number();
        let setting = Setting {
            isa: &*self.isa,
            stubs: &self.stubs,
            number,
            eager: self.when == When::Always,
        };
        let prepared = compiler::prepare(vm, &mut self.profile, unit, setting)?;
        let Prepared { mut context, relies, exits, inlined } = prepared;
        let name = if self.log.wants_names() { name_of(vm, unit) } else { String::new() };
        let waiting = Waiting { unit, relies, exits, inlined, name };
        if let Some(worker) = &self.worker {
            if worker.send(number, context) {
                self.waiting.insert(number, waiting);
            }
            return Ok(None);
        }
        let start = std::time::Instant::now();
        let code = worker::machine_code(&*self.isa, &mut context)?;
        self.stats.time += start.elapsed();
        Ok(Some(self.place(number, waiting, &code)?))
    }

    /// Machine code has been made: have it run from now on.
    fn place(&mut self, number: u32, waiting: Waiting, code: &[u8]) -> Result<u64, NotCompiled> {
        let Waiting { unit, relies, exits, inlined, name } = waiting;
        let piece = self.memory.add(code)?;
        self.log.placed(&name, piece);
        self.log.line(|| {
            let (bytes, exits) = (code.len(), exits.len());
            format!("{name}: {bytes} bytes, {inlined} inlined, {exits} places where it may leave")
        });
        self.stats.compiled += 1;
        self.stats.bytes += code.len() as u64;
        self.stats.inlined += u64::from(inlined);
        self.units.add(number, Compiled::new(unit, piece, relies, exits));
        self.install(unit, piece.address);
        Ok(piece.address)
    }

    /// Take what the other thread has done.
    fn take_done(&mut self) {
        while let Some(done) = self.worker.as_ref().and_then(Worker::take) {
            self.stats.time += done.time;
            // It may no longer be wanted.
            let Some(waiting) = self.waiting.remove(&done.number) else { continue };
            let unit = waiting.unit;
            let placed = done.code.map_err(NotCompiled::from);
            let placed = placed.and_then(|code| self.place(done.number, waiting, &code));
            if let Err(error) = placed {
                self.refuse(unit, &error);
            }
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
                0 => self.stubs.detach(unit.code),
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

    /// Forget the units that `goes` picks by what they are and what they rely on.
    fn forget(&mut self, mut goes: impl FnMut(Unit, &Relies) -> bool) {
        self.waiting.retain(|_, waiting| !goes(waiting.unit, &waiting.relies));
        for unit in self.units.take(|compiled| goes(compiled.unit, &compiled.relies)) {
            self.install(unit, 0);
        }
    }
}

impl Tier for Tiered {
    fn translated(&mut self, vm: &mut Vm, code: CodeRef) {
        self.stubs.attach(code);
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
        self.stats.leaves += 1;
        let (number, exit) = ((vm.left >> 32) as u32, (vm.left & 0xFFFF_FFFF) as usize);
        let Some(compiled) = self.units.get(number) else { return };
        let Some((site, times)) = compiled.left(exit) else { return };
        let unit = compiled.unit;
        let compilations = self.units.compilations(unit);
        if times == OFTEN {
            let code = CodeRef::from_word(site.code);
            let name = code.map(|code| vm.name_of_method(code.get().method, false));
            tracing::debug!(
                ?name, word = site.word, operation = ?operation_at(site), compilations,
                "native code leaves here again and again"
            );
        }
        if times >= self.thresholds.leaves {
            self.profile.left_too_often(site, compilations);
        }
        if compiled.leaves() < self.thresholds.leaves_after(compilations) {
            return;
        }
        tracing::debug!(
            site = ?site, operation = ?operation_at(site), unit = ?unit, "left too often"
        );
        self.profile.left_too_often(site, compilations);
        self.log.line(|| {
            let at = operation_at(site).map_or("?".into(), |operation| format!("{operation:?}"));
            format!("{} leaves too often, last at {at} of word {}", name_of(vm, unit), site.word)
        });
        if compilations >= MOST_COMPILATIONS {
            self.give_up(unit);
        } else {
            self.compile(vm, unit);
        }
    }

    fn attend(&mut self, vm: &mut Vm) {
        self.take_done();
        if vm.is_in_native() {
            return;
        }
        if std::mem::take(&mut self.is_full) {
            // What is hot is soon compiled again.
            self.stats.evictions += 1;
            self.forget(|_, _| true);
        }
        for piece in self.units.take_gone() {
            self.memory.free(piece);
        }
    }

    fn flushed(&mut self, what: Flushed) {
        tracing::trace!(?what, "flushed");
        self.stats.flushes += 1;
        match what {
            Flushed::All => {
                self.profile.forget_found();
                self.forget(|_, _| true);
            }
            Flushed::Selector(selector) => {
                self.profile.forget_found();
                self.forget(|_, relies| relies.selectors.contains(&selector));
            }
            Flushed::Code(code) => {
                self.profile.forget_found();
                self.forget(|unit, relies| unit.code == code || relies.codes.contains(&code));
            }
        }
    }

    fn retain(&mut self, keep: &mut dyn FnMut(CodeRef) -> bool) {
        self.forget(|unit, relies| {
            !keep(unit.code) || relies.codes.iter().any(|code| !keep(*code))
        });
        self.profile.retain(keep);
        self.reached.retain(|(code, _), _| keep(*code));
        self.units.retain(keep);
    }

    fn forked(&mut self, limit: Arc<AtomicU64>) {
        self.log.forked();
        if let Some(sampler) = self.sampler.take() {
            // Its thread is not in this process: there is nothing to wait for.
            std::mem::forget(sampler);
            self.sampler = Some(Sampler::start(limit));
        }
        if let Some(worker) = self.worker.take() {
            // Nor is its.
            std::mem::forget(worker);
            self.waiting.clear();
            self.worker = Some(Worker::start(Arc::clone(&self.isa)));
        }
    }

    fn figures(&self) -> TierFigures {
        TierFigures {
            budget: self.memory.budget() as u64,
            used: self.memory.used() as u64,
            units: self.units.count() as u64,
        }
    }
}

impl Drop for Tiered {
    fn drop(&mut self) {
        let stats = self.stats;
        tracing::debug!(?stats, "the compiled tier ends");
        self.log.line(|| {
            format!(
                "in all {} units of {} bytes, {} inlined; {} refused; left {} times; {} flushes, {} \
                 evictions; {:?} of this thread and {:?} of the back end",
                stats.compiled,
                stats.bytes,
                stats.inlined,
                stats.refused,
                stats.leaves,
                stats.flushes,
                stats.evictions,
                stats.pauses,
                stats.time,
            )
        });
    }
}

/// The operation at `site`, for messages.
fn operation_at(site: crate::profile::Site) -> Option<Operation> {
    let code = CodeRef::from_word(site.code)?;
    Some(Operation::from_number(code.get().word(site.word as usize).op()))
}
