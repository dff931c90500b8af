//! A copy of the running image in a child process.
//!
//! The child has only the thread that forked. Locks that other threads use are held across the fork, so
//! that what they guard is whole in the child, or what they guard is replaced there by something new.
//! Source: `UnixOSProcessPlugin>>#forkSqueak:`; an image makes its files and displays safe itself.

use std::sync::PoisonError;

use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{processes, signals, sys};
use crate::signals::{after_fork_in_child, hold};
use crate::{aio_plugin, flush_files, socket_plugin};

/// Fork, after seeing to it that the end of children is told: the number of the child, 0 in the child,
/// or −1.
pub(super) fn watching_children(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    signals::watch_children(vm);
    plain(vm)
}

/// Fork: the number of the child, 0 in the child, or −1.
pub(super) fn plain(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    // What waits in buffers would be written twice.
    flush_files(vm);
    // Requests of before are for both.
    let pending = vm.signals.take();
    let pid = fork(vm);
    let signaller = vm.signals.signaller();
    for index in pending {
        signaller.signal(index);
    }
    Ok(Oop::small_integer(i64::from(pid)))
}

fn fork(vm: &mut Vm) -> i32 {
    let network = socket_plugin::network_to_fork(vm);
    let watches = aio_plugin::watches_to_fork(vm);
    let mut sockets = network.as_ref().map(|network| network.table());
    let list = watches.as_ref().map(|w| w.lock().unwrap_or_else(PoisonError::into_inner));
    let mut caught = hold();
    let pid = sys::fork();
    if pid == 0 {
        after_fork_in_child(&mut caught);
        drop(caught);
        let sockets = sockets.as_mut().map(|table| std::mem::take(&mut **table));
        let list = list.as_ref().map(|list| (**list).clone()).unwrap_or_default();
        vm.after_fork_in_child();
        signals::after_fork_in_child(vm);
        processes::after_fork_in_child(vm);
        socket_plugin::after_fork_in_child(vm, sockets);
        aio_plugin::after_fork_in_child(vm, list);
    }
    pid
}
