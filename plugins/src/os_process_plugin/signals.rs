//! Signals of the system, forwarded to external semaphores or taken as a wish to see all stacks.
//!
//! A thread waits for each signal and tells the VM. When a signal is not forwarded any more, its
//! default action comes back, but for those that the VM itself may be listening to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::signals::Signaller;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use signal_hook::consts::FORBIDDEN;
use signal_hook::iterator::{Handle, Signals};

use super::int_argument;

/// The greatest number of a signal.
const LAST_SIGNAL: i32 = 64;

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
    handle: Handle,
    thread: JoinHandle<()>,
}

impl Forwarding {
    /// End the thread. Waits for it, as it holds a lock of all handlers while it ends, and a fork must
    /// not come then.
    fn end(self) {
        self.handle.close();
        // A panic in it has been reported by then.
        let _ = self.thread.join();
    }
}

/// The signals that are being forwarded, and those whose default action was put back.
#[derive(Debug, Default)]
struct Forwarder {
    active: BTreeMap<i32, Forwarding>,
    defaults: BTreeMap<i32, Arc<AtomicBool>>,
    child_semaphore: i64,
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // Another VM in this process may want the signals.
        for default in self.defaults.values() {
            default.store(false, Ordering::Relaxed);
        }
        for forwarding in std::mem::take(&mut self.active).into_values() {
            forwarding.end();
        }
    }
}

impl Forwarder {
    fn start(&mut self, signal: i32, target: Target, signaller: Signaller) -> Result<(), Failure> {
        let known = (1..=LAST_SIGNAL).contains(&signal) && !FORBIDDEN.contains(&signal);
        if !known || self.active.contains_key(&signal) {
            return Err(Failure::Generic);
        }
        let mut signals = Signals::new([signal]).map_err(|_| Failure::Generic)?;
        let handle = signals.handle();
        let thread = std::thread::Builder::new().name(format!("signal {signal}"));
        let spawned = thread.spawn(move || {
            for _ in signals.forever() {
                match target {
                    Target::Semaphore(index) => signaller.signal(index),
                    Target::Dump => signaller.dump(),
                }
            }
        });
        let thread = spawned.map_err(|_| Failure::LimitExceeded)?;
        if let Some(default) = self.defaults.get(&signal) {
            default.store(false, Ordering::Relaxed);
        }
        self.active.insert(signal, Forwarding { target, handle, thread });
        Ok(())
    }

    fn stop(&mut self, signal: i32) -> Result<Target, Failure> {
        let forwarding = self.active.remove(&signal).ok_or(Failure::Generic)?;
        let target = forwarding.target;
        forwarding.end();
        let belongs_to_vm = [libc::SIGUSR1, libc::SIGINT].contains(&signal);
        if !belongs_to_vm {
            match self.defaults.get(&signal) {
                Some(default) => default.store(true, Ordering::Relaxed),
                None => {
                    let default = Arc::new(AtomicBool::new(true));
                    let flag = default.clone();
                    if signal_hook::flag::register_conditional_default(signal, flag).is_ok() {
                        self.defaults.insert(signal, default);
                    }
                }
            }
        }
        Ok(target)
    }
}

/// Go on in the child of a fork: what was forwarded still is, by new threads. The old handlers stay
/// and reach nobody, as their threads are gone.
pub(super) fn after_fork_in_child(vm: &mut Vm) {
    let signaller = vm.signals.signaller();
    let forwarder = vm.modules.state::<Forwarder>();
    for (signal, forwarding) in std::mem::take(&mut forwarder.active) {
        let target = forwarding.target;
        std::mem::forget(forwarding);
        // Without threads the child does without.
        let _ = forwarder.start(signal, target, signaller.clone());
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
