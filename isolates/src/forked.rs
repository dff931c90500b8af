//! An isolate in the child of a fork: its thread is the only one there, so that the process ends with it.
//!
//! It is the first isolate of a spawner of its own. What its parent has of spawners and channels is leaked, as
//! threads that are not there may hold the locks. Must not know who forks, nor how.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use rowel_interpreter::vm::Vm;

use crate::exit::ExitReason;
use crate::isolate::{Isolate, Outcome, Shared};
use crate::message::Border;
use crate::plugin;
use crate::spawner::Spawner;

/// How long isolates may take to end with the process.
pub const LONGEST_END: Duration = Duration::from_secs(2);
/// The exit code of a process whose isolate did not end well.
const ENDED_BADLY: i32 = 1;

/// Make the isolate of `vm`, which others know as `old`, the only one of this process. No channel has another end
/// here.
pub(crate) fn be_alone(vm: &mut Vm, old: &Shared) -> (Spawner, Arc<Shared>) {
    let spawner = Spawner::new();
    let shared = spawner.enter_alone(old, vm.signals.signaller());
    let border = vm.modules.state::<Border>();
    let alone = border.without_channels();
    mem::forget(mem::replace(border, alone));
    plugin::be_alone(vm, spawner.clone(), Isolate::new(Arc::clone(&shared)));
    (spawner, shared)
}

/// The isolate of `vm` has ended as `outcome` says, and the process ends with it: so do others that it has started.
/// Answers how it ended in the end, as others may have ended it.
pub(crate) fn leave(vm: &mut Vm, outcome: Outcome) -> Outcome {
    let Some((spawner, me)) = plugin::isolate_of(vm) else { return outcome };
    let end = spawner.leave(&me, outcome.clone());
    spawner.end_all_within(LONGEST_END);
    end.map_or(outcome, Outcome::without_value)
}

/// End the process, whose isolate has ended for `reason`.
pub(crate) fn end_process(reason: &ExitReason) -> ! {
    let code = match reason {
        ExitReason::Normal => 0,
        ExitReason::Quit(code) => *code,
        reason => {
            tracing::error!("this forked process ends with its isolate: {reason}");
            ENDED_BADLY
        }
    };
    std::process::exit(code)
}
