//! AioPlugin: a semaphore is signalled when a descriptor becomes ready.
//!
//! One thread waits in `epoll` for all descriptors that the image watches. Each watch is for one event:
//! the image asks again after it. Source: `AioPlugin.c` and `aio.c` of the OpenSmalltalk VM.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::signals::Signaller;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::files::{Files, with_stream};
use crate::socket_plugin;

/// The module.
pub const MODULE: Module = Module { name: "AioPlugin", rows: ROWS };

/// What the module holds.
const ROWS: &[NamedRow] = &[
    ("primitiveAioDisable", Primitive::Value(disable)),
    ("primitiveAioEnable", Primitive::Value(enable)),
    ("primitiveAioHandle", Primitive::Value(handle)),
    ("primitiveAioSuspend", Primitive::Value(suspend)),
    ("primitiveModuleName", Primitive::Value(module_name)),
    ("primitiveOSFileHandle", Primitive::Value(file_handle)),
    ("primitiveOSSocketHandle", Primitive::Value(socket_handle)),
    ("primitiveVersionString", Primitive::Value(version_string)),
];

/// Version that images are told.
const VERSION: &[u8] = b"2.2.6 Rowel";
/// Bits of the events, as images know them: exception, read, write.
const EXCEPTION: i64 = 1;
const READ: i64 = 2;
const WRITE: i64 = 4;
/// What the thread takes for a wish to end; no descriptor has this number.
const END: u64 = u64::MAX;

/// A descriptor that is being watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    /// External semaphore (from 1).
    semaphore: usize,
    /// Events waited for now.
    events: i64,
}

/// All descriptors that are being watched, by number.
pub(crate) type WatchList = BTreeMap<RawFd, Watch>;

/// The list that the threads share.
pub(crate) type Watches = Arc<Mutex<WatchList>>;

/// The thread that waits, and what for.
#[derive(Debug)]
struct Poller {
    epoll: Arc<OwnedFd>,
    wake: OwnedFd,
    watches: Watches,
}

/// Started at the first use.
#[derive(Debug, Default)]
struct AioState {
    poller: Option<Poller>,
}

impl Drop for Poller {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Poller {
    fn start(signaller: Signaller) -> Result<Poller, Errno> {
        let epoll = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
        let wake = eventfd(0, EventfdFlags::CLOEXEC)?;
        epoll::add(&*epoll, &wake, EventData::new_u64(END), EventFlags::IN)?;
        let watches = Watches::default();
        let (thread_epoll, thread_watches) = (epoll.clone(), watches.clone());
        let thread = std::thread::Builder::new().name("aio".to_string());
        let spawned =
            thread.spawn(move || wait_for_events(&thread_epoll, &thread_watches, &signaller));
        spawned.map_err(|_| Errno::AGAIN)?;
        Ok(Poller { epoll, wake, watches })
    }

    /// Wait for the events of `watch` once.
    fn arm(&self, number: RawFd, source: BorrowedFd<'_>, watch: Watch, signaller: &Signaller) {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).insert(number, watch);
        let mut flags = EventFlags::ONESHOT;
        for (bit, flag) in
            [(EXCEPTION, EventFlags::PRI), (READ, EventFlags::IN), (WRITE, EventFlags::OUT)]
        {
            flags.set(flag, watch.events & bit != 0);
        }
        if watch.events == 0 {
            let _ = epoll::delete(&*self.epoll, source);
            return;
        }
        let data = EventData::new_u64(number as u64);
        let result = match epoll::add(&*self.epoll, source, data, flags) {
            Err(Errno::EXIST) => epoll::modify(&*self.epoll, source, data, flags),
            result => result,
        };
        // Files on disk cannot be waited for: they are always ready.
        if result == Err(Errno::PERM) {
            signaller.signal(watch.semaphore);
        }
    }
}

/// What the thread does until it is woken to end.
fn wait_for_events(epoll: &OwnedFd, watches: &Watches, signaller: &Signaller) {
    let mut buffer = [MaybeUninit::uninit(); 16];
    loop {
        let events = match epoll::wait(epoll, &mut buffer[..], None) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        for event in events.iter() {
            let number = event.data.u64();
            if number == END {
                return;
            }
            let mut watches = watches.lock().unwrap_or_else(PoisonError::into_inner);
            let watch = RawFd::try_from(number).ok().and_then(|n| watches.get_mut(&n));
            if let Some(watch) = watch {
                watch.events = 0;
                signaller.signal(watch.semaphore);
            }
        }
    }
}

/// Do something with the poller, the descriptor `number` and the signaller.
fn with_poller<R>(
    vm: &mut Vm,
    number: RawFd,
    action: impl FnOnce(&Poller, BorrowedFd<'_>, &Signaller) -> R,
) -> Result<R, Failure> {
    let signaller = vm.signals.signaller();
    let state = vm.modules.state::<AioState>();
    let poller = match state.poller.take() {
        Some(poller) => poller,
        None => Poller::start(signaller.clone()).map_err(|_| Failure::OsError)?,
    };
    let file = vm.modules.state::<Files>().descriptor(number);
    let result = match file {
        Some(source) => Some(action(&poller, source, &signaller)),
        None => {
            socket_plugin::with_descriptor(vm, number, |source| action(&poller, source, &signaller))
        }
    };
    vm.modules.state::<AioState>().poller = Some(poller);
    result.ok_or(Failure::Generic)
}

/// The descriptor in argument 0.
fn number_argument(vm: &Vm) -> Result<RawFd, Failure> {
    let number = vm.integer_argument(0).map_err(|_| Failure::Generic)?;
    RawFd::try_from(number).ok().filter(|number| *number >= 0).ok_or(Failure::Generic)
}

/// The events in arguments 1 to 3: exception, read, write.
fn events_argument(vm: &Vm) -> i64 {
    let yes = vm.heap.true_object();
    let bits = [EXCEPTION, READ, WRITE].into_iter().enumerate();
    bits.filter(|(index, _)| vm.argument(index + 1) == yes).map(|(_, bit)| bit).sum()
}

/// Prepare a descriptor (number, semaphore, whether it is somebody else's): the semaphore. One that is
/// not somebody else's does not wait from now on.
fn enable(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(3)?;
    let number = number_argument(vm)?;
    let semaphore = vm.size_argument(1)?;
    let external = vm.argument(2) == vm.heap.true_object();
    with_poller(vm, number, |poller, source, signaller| {
        poller.arm(number, source, Watch { semaphore, events: 0 }, signaller);
        if !external && let Ok(flags) = rustix::fs::fcntl_getfl(source) {
            let _ = rustix::fs::fcntl_setfl(source, flags | OFlags::NONBLOCK);
        }
    })?;
    Ok(Oop::small_integer(semaphore as i64))
}

/// Change the events that a prepared descriptor is watched for; the bits of `change`.
fn change(vm: &mut Vm, change: impl FnOnce(i64, i64) -> i64) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    let number = number_argument(vm)?;
    let events = events_argument(vm);
    with_poller(vm, number, |poller, source, signaller| {
        let watches = poller.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = watches.get(&number).copied();
        drop(watches);
        if let Some(watch) = watch {
            let events = change(watch.events, events);
            poller.arm(number, source, Watch { events, ..watch }, signaller);
        }
        watch.is_some()
    })?
    .then(|| Oop::small_integer(events))
    .ok_or(Failure::Generic)
}

/// Signal the semaphore once when an event comes (number, exception, read, write): the events as bits.
fn handle(vm: &mut Vm) -> PrimitiveResult {
    change(vm, |old, new| old | new)
}

/// Do not signal for some events (number, exception, read, write): the events as bits.
fn suspend(vm: &mut Vm) -> PrimitiveResult {
    change(vm, |old, new| old & !new)
}

/// Forget a descriptor (number): the number. It may be closed already.
fn disable(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = number_argument(vm)?;
    // The system forgets a descriptor that is closed by itself.
    let _ =
        with_poller(vm, number, |poller, source, _| epoll::delete(poller.epoll.as_fd(), source));
    if let Some(poller) = &vm.modules.state::<AioState>().poller {
        poller.watches.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
    Ok(Oop::small_integer(i64::from(number)))
}

/// Signal a semaphore once when descriptor `number` has something to read.
///
/// # Errors
/// [`Failure::Generic`] when the image has no such descriptor, [`Failure::OsError`].
pub(crate) fn wait_for_data(vm: &mut Vm, number: RawFd, semaphore: usize) -> Result<(), Failure> {
    with_poller(vm, number, |poller, source, signaller| {
        poller.arm(number, source, Watch { semaphore, events: READ }, signaller);
    })
}

/// What is being watched, if anything: it is locked for a fork.
pub(crate) fn watches_to_fork(vm: &mut Vm) -> Option<Watches> {
    vm.modules.state::<AioState>().poller.as_ref().map(|poller| poller.watches.clone())
}

/// Go on in the child of a fork with the watches of `list`, under a new thread. The old poller is
/// leaked: its end would end the thread of the parent.
pub(crate) fn after_fork_in_child(vm: &mut Vm, list: WatchList) {
    std::mem::forget(vm.modules.state::<AioState>().poller.take());
    for (number, watch) in list {
        // A descriptor that is closed by now is watched no more.
        let _ = with_poller(vm, number, |poller, source, signaller| {
            poller.arm(number, source, watch, signaller);
        });
    }
}

/// The descriptor of an open file (handle).
fn file_handle(vm: &mut Vm) -> PrimitiveResult {
    use std::os::fd::AsRawFd;
    vm.expect_arguments(1)?;
    let handle = vm.argument(0);
    let number = with_stream(vm, handle, |stream| Ok(stream.channel().as_fd().as_raw_fd()))?;
    Ok(Oop::small_integer(i64::from(number)))
}

/// The descriptor of a socket (handle).
fn socket_handle(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let number = socket_plugin::descriptor_argument(vm, 0)?;
    Ok(Oop::small_integer(i64::from(number)))
}

fn module_name(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(MODULE.name.as_bytes())
}

fn version_string(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(VERSION)
}
