//! The back end of the compiler on a thread of its own: IR goes there, machine code comes back, while the
//! isolate goes on interpreting.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::TargetIsa;

use crate::compiler::CompileError;
use crate::machine::Machine;

/// Units that the thread is given at a time, at most: what waits longer is out of date when it is done.
const MOST_UNDER_WAY: usize = 16;

/// What has become of a unit's IR.
#[derive(Debug)]
pub struct Done {
    /// The number of the unit.
    pub number: u32,
    /// Its machine code.
    pub code: Result<Vec<u8>, CompileError>,
    /// How long that took.
    pub time: Duration,
}

/// What the thread is given.
enum Job {
    /// Make the stubs of the machine.
    Stubs,
    /// Make machine code of a unit, by its number.
    Unit(u32, Box<Context>),
}

/// The thread; it ends with this.
#[derive(Debug)]
pub struct Worker {
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    /// How many units the thread has been given and has not done.
    under_way: usize,
    thread: Option<JoinHandle<()>>,
}

/// Machine code for IR.
///
/// # Errors
/// When Cranelift refuses, or the code refers to other code.
pub fn machine_code(isa: &dyn TargetIsa, context: &mut Context) -> Result<Vec<u8>, CompileError> {
    let compiled = context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| CompileError::Cranelift(format!("{:?}", error.inner)))?;
    if !compiled.buffer.relocs().is_empty() {
        return Err(CompileError::Cranelift("code that refers to other code".into()));
    }
    Ok(compiled.code_buffer().to_vec())
}

impl Worker {
    /// Start the thread.
    pub fn start(machine: Machine) -> Worker {
        let (jobs, waiting) = channel();
        let (ready, done) = channel();
        let thread = std::thread::Builder::new().name("rowel compiler".into()).spawn(move || {
            for job in waiting {
                let Job::Unit(number, mut context) = job else {
                    if let Err(error) = machine.stubs() {
                        tracing::warn!("{error}");
                    }
                    continue;
                };
                let start = Instant::now();
                let code = machine_code(machine.isa(), &mut context);
                if ready.send(Done { number, code, time: start.elapsed() }).is_err() {
                    return;
                }
            }
        });
        Worker { jobs: Some(jobs), done, under_way: 0, thread: thread.ok() }
    }

    /// Whether the thread has enough to do: who comes now had better come again later, when more is known.
    pub fn is_busy(&self) -> bool {
        self.under_way >= MOST_UNDER_WAY
    }

    /// Have the stubs of the machine made.
    pub fn make_stubs(&self) {
        // Without the thread there is no native code.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(Job::Stubs));
    }

    /// Have the IR of unit number `number` made into machine code. Answers whether the thread is there.
    pub fn send(&mut self, number: u32, context: Context) -> bool {
        let job = Job::Unit(number, Box::new(context));
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        self.under_way += usize::from(sent);
        sent
    }

    /// What is done.
    pub fn take(&mut self) -> Option<Done> {
        let done = self.done.try_recv().ok()?;
        self.under_way -= 1;
        Some(done)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It ends after the unit at hand; a panic there is of no interest here.
            let _ = thread.join();
        }
    }
}
