//! Signals of the system, forwarded to external semaphores or taken as a wish to see all stacks.
//!
//! A thread waits for each signal and tells the VM. When a signal is not forwarded any more, what it did
//! before comes back.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::signals::Signaller;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::int_argument;
use crate::signals::Catch;

/// What a signal leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// External semaphore (from 1).
    Semaphore(usize),
    /// All stacks are shown.
    Dump,
}

/// A signal that is being forwarded.
#[derive(Debug)]
struct Forwarding {
    target: Target,
    catch: Catch,
}

/// The signals that are being forwarded.
#[derive(Debug, Default)]
struct Forwarder {
    active: BTreeMap<i32, Forwarding>,
    child_semaphore: i64,
}

impl Forwarder {
    fn start(&mut self, signal: i32, target: Target, signaller: Signaller) -> Result<(), Failure> {
        if self.active.contains_key(&signal) {
            return Err(Failure::Generic);
        }
        let told = move |_| match target {
            Target::Semaphore(index) => signaller.signal(index),
            Target::Dump => signaller.dump(),
        };
        let catch = Catch::start(&[signal], told).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => Failure::Generic,
            _ => Failure::LimitExceeded,
        })?;
        self.active.insert(signal, Forwarding { target, catch });
        Ok(())
    }

    fn stop(&mut self, signal: i32) -> Result<Target, Failure> {
        Ok(self.active.remove(&signal).ok_or(Failure::Generic)?.target)
    }
}

/// Go on in the child of a fork: what was forwarded still is, by new threads.
pub(super) fn after_fork_in_child(vm: &mut Vm) {
    let signaller = vm.signals.signaller();
    let forwarder = vm.modules.state::<Forwarder>();
    for (signal, forwarding) in std::mem::take(&mut forwarder.active) {
        // Its thread is gone, so nobody may wait for that.
        std::mem::forget(forwarding.catch);
        // Without threads the child does without.
        let _ = forwarder.start(signal, forwarding.target, signaller.clone());
    }
}

/// Forward SIGCHLD to the semaphore that an old image named, where that is not so already.
pub(super) fn watch_children(vm: &mut Vm) {
    let signaller = vm.signals.signaller();
    let forwarder = vm.modules.state::<Forwarder>();
    if let Some(index) = usize::try_from(forwarder.child_semaphore).ok().filter(|&n| n > 0) {
        let _ = forwarder.start(libc::SIGCHLD, Target::Semaphore(index), signaller);
    }
}

/// What images get as the handler that was there: as many bytes as a pointer has.
fn handler_object(vm: &mut Vm, was: Option<Target>) -> PrimitiveResult {
    let word = match was {
        None => 0,
        Some(Target::Semaphore(index)) => index as u64,
        Some(Target::Dump) => u64::MAX - 1,
    };
    vm.byte_array_object(&word.to_le_bytes())
}

/// Forward a signal to a semaphore (signal, index), or with nil or 0 no more. Fails when it is
/// forwarded already, or was not.
pub(super) fn forward_to_semaphore(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let signal = int_argument(vm, 0)?;
    let index = if vm.argument(1) == vm.heap.nil() { 0 } else { vm.size_argument(1)? };
    let signaller = vm.signals.signaller();
    let forwarder = vm.modules.state::<Forwarder>();
    let was = match index {
        0 => Some(forwarder.stop(signal)?),
        _ => {
            forwarder.start(signal, Target::Semaphore(index), signaller)?;
            None
        }
    };
    handler_object(vm, was)
}

/// Show all stacks when a signal (number) comes.
pub(super) fn print_stacks_on(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let signal = int_argument(vm, 0)?;
    let signaller = vm.signals.signaller();
    vm.modules.state::<Forwarder>().start(signal, Target::Dump, signaller)?;
    handler_object(vm, None)
}

/// The semaphore that a signal (number) is forwarded to; 0 for none, −1 when it shows all stacks.
pub(super) fn semaphore_for(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let signal = int_argument(vm, 0)?;
    let index = match vm.modules.state::<Forwarder>().active.get(&signal).map(|f| f.target) {
        None => 0,
        Some(Target::Semaphore(index)) => index as i64,
        Some(Target::Dump) => -1,
    };
    Ok(Oop::small_integer(index))
}

/// Old images name the semaphore for ended children so: SIGCHLD is forwarded to it.
pub(super) fn set_child_semaphore(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let index = vm.size_argument(0)?;
    let signaller = vm.signals.signaller();
    let forwarder = vm.modules.state::<Forwarder>();
    let _ = forwarder.stop(libc::SIGCHLD);
    if index > 0 {
        forwarder.start(libc::SIGCHLD, Target::Semaphore(index), signaller)?;
    }
    forwarder.child_semaphore = index as i64;
    Ok(Oop::small_integer(forwarder.child_semaphore))
}
