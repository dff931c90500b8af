//! Which methods are compiled, and when.
//!
//! Nothing is counted while code runs: what the interpreter finds running when it attends to what waits, which
//! the tier asks it to do every millisecond, is sampled, and what was found often enough is compiled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::native::Tier;
use rowel_interpreter::vm::Vm;

use crate::compiler::{self, CompileError};
use crate::memory::{CodeMemory, NoRoom};

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
}

impl Default for JitOptions {
    fn default() -> Self {
        JitOptions { when: When::Off, budget: 32 << 20 }
    }
}

/// Why there is no tier.
#[derive(Debug, thiserror::Error)]
#[error("no native code on this machine: {0}")]
pub struct Unsupported(String);

/// Why a method has no native code.
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
    /// Methods compiled.
    pub compiled: u64,
    /// Methods that could not be.
    pub refused: u64,
    /// Bytes of machine code made.
    pub bytes: u64,
    /// How long that took.
    pub time: std::time::Duration,
}

/// How often what runs is looked at.
const SAMPLING: Duration = Duration::from_millis(1);
/// So often a method has to be found running before it is compiled.
const HOT: u32 = 8;

/// A method is compiled so often at most: each time more may be known.
const MOST_COMPILATIONS: u32 = 4;

/// A tier, and what decides when it compiles.
#[derive(Debug)]
pub struct Tiered {
    jit: Jit,
    when: When,
    sampler: Option<Sampler>,
}

/// The compiler of an isolate, and the memory of what it made.
pub struct Jit {
    isa: OwnedTargetIsa,
    memory: CodeMemory,
    /// What happened so far.
    pub stats: Stats,
}

impl std::fmt::Debug for Jit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jit").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl Jit {
    /// A tier that makes at most `budget` bytes of native code.
    ///
    /// # Errors
    /// When Cranelift does not know this machine.
    pub fn new(budget: usize) -> Result<Jit, Unsupported> {
        let mut flags = settings::builder();
        let set = [("opt_level", "speed"), ("enable_verifier", verifier())];
        for (name, value) in set {
            flags.set(name, value).map_err(|error| Unsupported(error.to_string()))?;
        }
        let builder = cranelift_native::builder().map_err(|why| Unsupported(why.into()))?;
        let isa = builder.finish(settings::Flags::new(flags));
        let isa = isa.map_err(|error| Unsupported(error.to_string()))?;
        Ok(Jit { isa: Arc::clone(&isa), memory: CodeMemory::new(budget), stats: Stats::default() })
    }

    /// Compile `code`, and have it run from now on. No native code may be running.
    ///
    /// # Errors
    /// When it cannot be compiled, or there is no room.
    pub fn compile(&mut self, code: CodeRef) -> Result<(), NotCompiled> {
        let start = std::time::Instant::now();
        let outcome = self.try_compile(code);
        self.stats.time += start.elapsed();
        match &outcome {
            Ok(()) => self.stats.compiled += 1,
            Err(_) => self.stats.refused += 1,
        }
        outcome
    }

    fn try_compile(&mut self, code: CodeRef) -> Result<(), NotCompiled> {
        let compiled = compiler::compile(&*self.isa, code)?;
        let address = self.memory.add(&compiled.bytes)?;
        self.stats.bytes += compiled.bytes.len() as u64;
        code.set_native(address, &compiled.entries, compiled.known);
        Ok(())
    }
}

impl Tier for Tiered {
    fn translated(&mut self, code: CodeRef) {
        if self.when == When::Always {
            self.compile(code);
        }
    }

    fn found_running(&mut self, code: CodeRef) {
        let samples = code.get().samples.get().saturating_add(1);
        code.get().samples.set(samples);
        if self.when == When::On && samples == HOT {
            self.compile(code);
        }
    }

    fn forked(&mut self, limit: Arc<AtomicU64>) {
        if let Some(sampler) = self.sampler.take() {
            // Its thread is not in this process: there is nothing to wait for.
            std::mem::forget(sampler);
            self.sampler = Some(Sampler::start(limit));
        }
    }

    fn leaves_often(&mut self, code: CodeRef) {
        if code.get().compilations.get() < MOST_COMPILATIONS {
            self.compile(code);
        }
    }
}

impl Tiered {
    /// Attach a tier to `vm`, and have it look at what runs.
    ///
    /// # Errors
    /// When Cranelift does not know this machine.
    pub fn attach(vm: &mut Vm, options: JitOptions) -> Result<(), Unsupported> {
        if options.when == When::Off {
            return Ok(());
        }
        let jit = Jit::new(options.budget)?;
        let sampler = (options.when == When::On).then(|| Sampler::start(vm.stack_limit.clone()));
        vm.tier = Some(Box::new(Tiered { jit, when: options.when, sampler }));
        Ok(())
    }

    fn compile(&mut self, code: CodeRef) {
        if let Err(error) = self.jit.compile(code) {
            tracing::debug!("a method is not compiled: {error}");
        }
    }
}

/// A thread that asks the running code to look up, again and again.
#[derive(Debug)]
struct Sampler {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    fn start(limit: Arc<AtomicU64>) -> Sampler {
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let thread = std::thread::Builder::new().name("rowel sampler".into());
        let thread = thread.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(SAMPLING);
                limit.store(0, Ordering::Release);
            }
        });
        Sampler { ends, thread: thread.ok() }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends at once.
            let _ = thread.join();
        }
    }
}

fn verifier() -> &'static str {
    if cfg!(debug_assertions) { "true" } else { "false" }
}
