//! Numbers of processes, users and groups; signals sent to processes; children that ended.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Format, Oop};
use rustix::process::{self, Pid, Signal, WaitOptions};

use super::int_argument;

/// Processes to end with this one.
#[derive(Debug, Default)]
struct Victims {
    pids: Vec<Pid>,
    signal: Option<Signal>,
}

impl Drop for Victims {
    fn drop(&mut self) {
        for pid in &self.pids {
            let _ = process::kill_process(*pid, self.signal.unwrap_or(Signal::TERM));
        }
    }
}

/// The child of a fork does not end the processes that its parent named.
pub(super) fn after_fork_in_child(vm: &mut Vm) {
    vm.modules.state::<Victims>().pids.clear();
}

fn pid_object(pid: Option<Pid>) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(Pid::as_raw(pid))))
}

/// A process number above zero, or none for zero, which stands for this process.
fn pid_argument(vm: &Vm, index: usize) -> Result<Option<Pid>, Failure> {
    let number = int_argument(vm, index)?;
    if number < 0 {
        return Err(Failure::Generic);
    }
    Ok(Pid::from_raw(number))
}

pub(super) fn id(_: &mut Vm) -> PrimitiveResult {
    pid_object(Some(process::getpid()))
}

pub(super) fn parent(_: &mut Vm) -> PrimitiveResult {
    pid_object(process::getppid())
}

pub(super) fn process_group(_: &mut Vm) -> PrimitiveResult {
    pid_object(Some(process::getpgrp()))
}

/// The process group of a process (number).
pub(super) fn process_group_of(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let pid = pid_argument(vm, 0)?;
    pid_object(Some(process::getpgid(pid).map_err(|_| Failure::Generic)?))
}

/// Put a process into a process group (process, group).
pub(super) fn set_process_group_of(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (pid, group) = (pid_argument(vm, 0)?, pid_argument(vm, 1)?);
    process::setpgid(pid, group).map_err(|_| Failure::Generic)?;
    Ok(vm.receiver())
}

/// Put this process into a group of its own.
pub(super) fn set_process_group(vm: &mut Vm) -> PrimitiveResult {
    process::setpgid(None, None).map_err(|_| Failure::Generic)?;
    Ok(vm.receiver())
}

/// Put this process into a session of its own.
pub(super) fn set_session(_: &mut Vm) -> PrimitiveResult {
    pid_object(Some(process::setsid().map_err(|_| Failure::Generic)?))
}

pub(super) fn user(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(process::getuid().as_raw())))
}

pub(super) fn effective_user(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(process::geteuid().as_raw())))
}

pub(super) fn group(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(process::getgid().as_raw())))
}

pub(super) fn effective_group(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(process::getegid().as_raw())))
}

/// The thread that runs the interpreter, as eight bytes.
pub(super) fn thread(vm: &mut Vm) -> PrimitiveResult {
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    vm.byte_array_object(&i64::from(thread).to_le_bytes())
}

/// Change the priority of this process (increment); the new one.
pub(super) fn nice(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let increment = int_argument(vm, 0)?;
    let nice = process::nice(increment).map_err(|_| Failure::Generic)?;
    Ok(Oop::small_integer(i64::from(nice)))
}

/// Whether a process (number) exists and may be sent signals; anything but a number is none.
pub(super) fn can_receive_signals(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let can = match int_argument(vm, 0) {
        Ok(0) => process::test_kill_current_process_group().is_ok(),
        Ok(number) => match Pid::from_raw(number.saturating_abs()) {
            Some(pid) if number > 0 => process::test_kill_process(pid).is_ok(),
            Some(pid) if number < -1 => process::test_kill_process_group(pid).is_ok(),
            _ => true,
        },
        Err(_) => false,
    };
    Ok(vm.heap.boolean(can))
}

/// Send a signal to a process (number): 0, or −1 when it cannot be. A number below −1 is a process
/// group; all processes at once (−1) are refused.
pub(super) fn send<const SIGNAL: i32>(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let signal = Signal::from_named_raw(SIGNAL).ok_or(Failure::Unsupported)?;
    let sent = match int_argument(vm, 0) {
        Ok(0) => process::kill_current_process_group(signal).is_ok(),
        Ok(number) => match Pid::from_raw(number.saturating_abs()) {
            Some(pid) if number > 0 => process::kill_process(pid, signal).is_ok(),
            Some(pid) if number < -1 => process::kill_process_group(pid, signal).is_ok(),
            _ => false,
        },
        Err(_) => false,
    };
    Ok(Oop::small_integer(if sent { 0 } else { -1 }))
}

/// Ask without waiting whether a child (number; −1 for any) ended: an array of its number and its
/// status as `waitpid` tells it, or nil.
pub(super) fn reap(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = int_argument(vm, 0)?;
    let result = match (number, Pid::from_raw(number.saturating_abs())) {
        (-1, _) => process::wait(WaitOptions::NOHANG),
        (..-1, Some(group)) => process::waitpgid(group, WaitOptions::NOHANG),
        (_, pid) => process::waitpid(pid, WaitOptions::NOHANG),
    };
    match result {
        Ok(Some((pid, status))) => {
            let pid = Oop::small_integer(i64::from(pid.as_raw_nonzero().get()));
            vm.array_object(&[pid, Oop::small_integer(i64::from(status.as_raw()))])
        }
        _ => Ok(vm.heap.nil()),
    }
}

/// Name the processes (array of numbers) to be sent a signal (number, or nil for SIGTERM) when this
/// one ends.
pub(super) fn kill_on_exit(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let array = vm.argument(0);
    if !array.is_pointer() || vm.heap.format(array) != Format::INDEXABLE {
        return Err(Failure::BadArgument);
    }
    let mut pids = Vec::new();
    for index in 0..vm.heap.slot_count(array) as usize {
        let number = vm.heap.fetch(array, index).as_integer();
        let number = number.and_then(|n| i32::try_from(n).ok()).filter(|n| *n > 0);
        pids.push(number.and_then(Pid::from_raw).ok_or(Failure::BadArgument)?);
    }
    let signal = if vm.argument(1) == vm.heap.nil() {
        None
    } else {
        let number = int_argument(vm, 1)?;
        Some(Signal::from_named_raw(number).ok_or(Failure::BadArgument)?)
    };
    let victims = vm.modules.state::<Victims>();
    victims.pids = pids;
    victims.signal = signal;
    Ok(vm.receiver())
}
