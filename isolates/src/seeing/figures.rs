//! What an isolate's thread tells of it: at safepoints, before it sleeps, and at its end.
//!
//! Each word is written by that thread and read by any, relaxed: a reader may find words of two safepoints side
//! by side, but none torn.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rowel_interpreter::vm::Vm;
use rowel_objmem::Address;

use crate::message::Border;

/// The words, written once.
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What was told last.
        #[derive(Debug, Default)]
        pub(crate) struct Figures {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        /// The same at a moment.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Sample {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Figures {
            pub(crate) fn load(&self) -> Sample {
                Sample { $($name: self.$name.load(Relaxed),)* }
            }

            fn store(&self, sample: &Sample) {
                $(self.$name.store(sample.$name, Relaxed);)*
            }
        }
    };
}

figures! {
    /// How often anything was told; 0 before the first time.
    told,
    /// The thread, as the system numbers it.
    thread,
    /// Processor time that the thread had taken before the isolate was on it.
    before_nanoseconds,
    /// Processor time since.
    busy_nanoseconds,
    /// Where the cage begins in the process.
    cage_start,
    /// Where it ends.
    cage_end,
    eden_bytes,
    survivor_bytes,
    old_bytes,
    /// Old space with what is free in it; the boot region is not part of it.
    old_committed_bytes,
    scavenges,
    scavenging_nanoseconds,
    longest_scavenge_nanoseconds,
    full_collections,
    full_nanoseconds,
    longest_full_nanoseconds,
    code_bytes,
    code_budget_bytes,
    code_units,
    code_entries,
    code_leaves,
    code_evictions,
    sent,
    received,
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Figures {
    /// Tell of `vm`, which has been `busy` so long on this thread, which had taken `before` by then.
    pub(crate) fn tell(&self, vm: &Vm, before: Duration, busy: Duration) {
        let (heap, gc) = (&vm.heap, &vm.heap.gc);
        let native = |address: Address| heap.memory().native(address) as u64;
        let cage = heap.cage().range();
        let committed = heap.old.total_bytes();
        let code = vm.tier.as_ref().map(|tier| tier.figures()).unwrap_or_default();
        let ports = vm.modules.existing_state::<Border>().map(|border| &border.ports);
        self.store(&Sample {
            told: self.told.load(Relaxed) + 1,
            thread: rustix::thread::gettid().as_raw_nonzero().get() as u64,
            before_nanoseconds: nanoseconds(before),
            busy_nanoseconds: nanoseconds(busy),
            cage_start: native(cage.start),
            cage_end: native(cage.end),
            eden_bytes: heap.nursery.eden.used(),
            survivor_bytes: heap.nursery.past.used(),
            old_bytes: committed.saturating_sub(heap.old.free_bytes()),
            old_committed_bytes: committed,
            scavenges: gc.scavenges,
            scavenging_nanoseconds: nanoseconds(gc.times.scavenges),
            longest_scavenge_nanoseconds: nanoseconds(gc.times.longest_scavenge),
            full_collections: gc.full_collections,
            full_nanoseconds: nanoseconds(gc.times.full),
            longest_full_nanoseconds: nanoseconds(gc.times.longest_full),
            code_bytes: code.used,
            code_budget_bytes: code.budget,
            code_units: code.units,
            code_entries: vm.native_entries,
            code_leaves: code.leaves,
            code_evictions: code.evictions,
            sent: ports.map_or(0, |ports| ports.sent),
            received: ports.map_or(0, |ports| ports.received),
        });
    }
}
