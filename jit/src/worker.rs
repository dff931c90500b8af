//! The back end of the compiler on a thread of its own: IR goes there, machine code comes back, while the
//! isolate goes on interpreting.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};

use crate::compiler::CompileError;

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

/// The thread; it ends with this.
#[derive(Debug)]
pub struct Worker {
    jobs: Option<Sender<(u32, Box<Context>)>>,
    done: Receiver<Done>,
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
    pub fn start(isa: OwnedTargetIsa) -> Worker {
        let (jobs, waiting) = channel::<(u32, Box<Context>)>();
        let (ready, done) = channel();
        let thread = std::thread::Builder::new().name("rowel compiler".into()).spawn(move || {
            for (number, mut context) in waiting {
                let start = Instant::now();
                let code = machine_code(&*isa, &mut context);
                if ready.send(Done { number, code, time: start.elapsed() }).is_err() {
                    return;
                }
            }
        });
        Worker { jobs: Some(jobs), done, thread: thread.ok() }
    }

    /// Have the IR of unit number `number` made into machine code. Answers whether the thread is there.
    pub fn send(&self, number: u32, context: Context) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.send((number, Box::new(context))).is_ok())
    }

    /// What is done.
    pub fn take(&self) -> Option<Done> {
        self.done.try_recv().ok()
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
