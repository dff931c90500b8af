//! Forking the VM, and signals that several VMs of a process forward in turns: in a process of its own, as
//! other tests forward signals too.

mod common;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::processes::{call, file, pipe, read, reap, wait_for_signal, write};
use common::{fresh, int};
use rowel_interpreter::failure::Failure;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rustix::process::{Pid, Signal, getpid, kill_process};

/// What a child checks of its VM; it must not return, as the harness of the tests is not its own.
fn live_as_a_child(vm: &mut Vm, parent: Oop, writer: Oop) -> ! {
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let own = call(vm, "primitiveGetPid", &[]);
        let above = call(vm, "primitiveGetPPid", &[]);
        let is_child = own != Ok(parent) && above == Ok(parent);
        // The threads of timer and signals are new, the deadline of before still holds.
        let end = Instant::now() + Duration::from_secs(20);
        while !vm.timer.is_due() && Instant::now() < end {
            vm.signals.sleep(Duration::from_millis(500));
        }
        let in_time = Instant::now() < end;
        let usr2 = int(i64::from(libc::SIGUSR2));
        let forwarded = call(vm, "primitiveForwardSignalToSemaphore", &[usr2, int(9)]).is_ok()
            && call(vm, "primitiveSendSigusr2To", &[own.unwrap_or(parent)]) == Ok(int(0))
            && wait_for_signal(vm).contains(&9);
        let made = vm.string_object(&[7; 100_000]).is_ok() && vm.check_heap().is_empty();
        let message = format!("{is_child} {in_time} {forwarded} {made}");
        write(vm, writer, message.as_bytes()).is_ok()
            && file(vm, "primitiveFileFlush", &[writer]).is_ok()
    }));
    let signal = if matches!(found, Ok(true)) { Signal::KILL } else { Signal::ABORT };
    let _ = kill_process(getpid(), signal);
    unreachable!("it is gone");
}

/// Abort a child that hangs, so that reading from it ends. It is watched until the result is dropped.
fn kill_if_stuck(pid: i64) -> mpsc::Sender<()> {
    let (watched, watch) = mpsc::channel();
    std::thread::spawn(move || {
        if watch.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            let child = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a child");
            let _ = kill_process(child, Signal::ABORT);
        }
    });
    watched
}

#[test]
fn the_vm_is_forked() {
    for name in ["primitiveForkSqueak", "primitiveForkSqueakWithoutSigHandler"] {
        let mut vm = fresh();
        let (reader, writer) = pipe(&mut vm);
        let parent = call(&mut vm, "primitiveGetPid", &[]).expect("known");
        vm.timer.set(Some(Instant::now() + Duration::from_millis(100)));
        let pid = call(&mut vm, name, &[]).expect("forked").as_integer().expect("a number");
        if pid == 0 {
            live_as_a_child(&mut vm, parent, writer);
        }
        assert!(pid > 0, "{name}");
        let watched = kill_if_stuck(pid);
        file(&mut vm, "primitiveFileClose", &[writer]).expect("open");
        assert_eq!(read(&mut vm, reader, 100), b"true true true true", "{name}");
        assert_eq!(reap(&mut vm, pid), i64::from(libc::SIGKILL), "{name}");
        drop(watched);
        let end = Instant::now() + Duration::from_secs(20);
        while !vm.timer.is_due() {
            assert!(Instant::now() < end, "the parent's timer");
            vm.signals.sleep(Duration::from_millis(500));
        }
        let refused = call(&mut vm, name, &[parent]);
        assert_eq!(refused, Err(Failure::BadNumArgs));
    }
}

#[test]
fn a_signal_is_forwarded_after_a_vm_that_is_gone_had_it() {
    let hup = int(i64::from(libc::SIGHUP));
    for _ in 0..2 {
        let mut vm = fresh();
        let pid = call(&mut vm, "primitiveGetPid", &[]).expect("known");
        call(&mut vm, "primitiveForwardSignalToSemaphore", &[hup, int(4)]).expect("free");
        assert_eq!(call(&mut vm, "primitiveSendSighupTo", &[pid]), Ok(int(0)));
        assert_eq!(wait_for_signal(&vm), [4]);
        let nil = vm.heap.nil();
        call(&mut vm, "primitiveForwardSignalToSemaphore", &[hup, nil]).expect("was forwarded");
    }
}
