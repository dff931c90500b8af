//! What watches over an isolate's VM at its safepoints: its budgets, its native code, its figures.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use rowel_interpreter::attention;
use rowel_interpreter::clock::thread_time;
use rowel_interpreter::vm::Vm;
use rowel_jit::{JitOptions, Tiered, When};

use crate::exit::ExitReason;
use crate::forked;
use crate::isolate::{ENDED, Shared};
use crate::settings::Settings;

/// Less than this part of its memory left after a full collection, and the isolate dies.
const LEAST_LEFT_PART: u64 = 16;

#[derive(Debug)]
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    time: Option<Duration>,
    /// How native code is made, once it is time for it.
    jit: Option<(JitOptions, Duration)>,
    /// Processor time that the thread had taken before.
    before: Duration,
    memory: u64,
    full_collections: u64,
}

impl Keeper {
    pub(crate) fn new(shared: &Arc<Shared>, settings: &Settings) -> Keeper {
        let jit =
            (settings.jit.when != When::Off).then(|| (settings.jit.clone(), settings.jit_after));
        // Made before it starts.
        let jit = jit.filter(|(jit, after)| jit.when != When::Always || !after.is_zero());
        Keeper {
            shared: Arc::clone(shared),
            time: settings.time,
            jit,
            before: thread_time(),
            memory: settings.memory.max_old_bytes,
            full_collections: 0,
        }
    }

    /// Whether it wants to be asked though nothing happens.
    pub(crate) fn wants_ticks(&self) -> bool {
        self.time.is_some() || self.jit.is_some()
    }

    fn end(&self, vm: &mut Vm, reason: ExitReason) {
        self.shared.end(reason);
        vm.end(ENDED);
    }

    /// One that watches only: without budgets, and native code is somebody else's business.
    pub(crate) fn watching(shared: &Arc<Shared>) -> Keeper {
        Keeper {
            shared: Arc::clone(shared),
            time: None,
            jit: None,
            before: thread_time(),
            memory: 0,
            full_collections: 0,
        }
    }

    /// Tell how the isolate is. Answers the processor time that it has taken.
    pub(crate) fn tell(&self, vm: &Vm) -> Duration {
        let busy = thread_time().saturating_sub(self.before);
        self.shared.figures.tell(vm, self.before, busy);
        busy
    }
}

impl attention::Keeper for Keeper {
    fn attend(&mut self, vm: &mut Vm) {
        let busy = self.tell(vm);
        if vm.heap.gc.full_collections != self.full_collections {
            self.full_collections = vm.heap.gc.full_collections;
            if vm.heap.bytes_left() < self.memory / LEAST_LEFT_PART {
                return self.end(vm, ExitReason::OutOfMemory);
            }
        }
        if self.time.is_some_and(|limit| busy >= limit) {
            return self.end(vm, ExitReason::OutOfTime);
        }
        if self.jit.as_ref().is_some_and(|(_, after)| busy >= *after)
            && let Some((options, _)) = self.jit.take()
        {
            let options = JitOptions { samples: false, ..options };
            if let Err(error) = Tiered::attach(vm, options) {
                tracing::warn!("isolate {}: {error}", self.shared.id);
            }
        }
    }

    fn rest(&mut self, vm: &mut Vm) {
        self.tell(vm);
    }

    fn forked(&mut self, vm: &mut Vm) {
        // The time of the new thread begins at zero.
        let taken = Duration::from_nanos(self.shared.figures.load().busy_nanoseconds);
        self.time = self.time.map(|limit| limit.saturating_sub(taken));
        self.before = thread_time();
        let (spawner, shared) = forked::be_alone(vm, &self.shared);
        if self.wants_ticks() {
            spawner.tick(shared.id, vm.signals.signaller());
        }
        mem::forget(mem::replace(&mut self.shared, shared));
        self.tell(vm);
    }
}
