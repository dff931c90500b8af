//! A network session: the table of sockets, and the thread that waits for their events.
//!
//! The thread sleeps in epoll, with one-shot events. It takes the lock of the table, runs the
//! handlers that the events call for and signals the image's semaphores. A descriptor that is
//! closed leaves epoll by itself, and an event that was on its way finds no handler.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rowel_interpreter::signals::Signaller;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags, accept_with, recv, sockopt};

use super::table::Table;
use super::watch::Handler;
use super::{Kind, Semaphores, Socket, Status};

/// The key under which the thread is woken; no socket has it.
const WAKE: u64 = 0;
/// How long closing a connection waits for what is left to be sent.
const LINGER: Duration = Duration::from_secs(1);

/// What the isolate's thread and the waiting thread share.
#[derive(Debug)]
pub struct Network {
    /// Marks handles of this session; not 0.
    pub session: i32,
    epoll: OwnedFd,
    wake: OwnedFd,
    table: Mutex<Table>,
    signaller: Signaller,
    stop: AtomicBool,
}

/// A session with its thread; ends both when dropped.
#[derive(Debug)]
pub struct Session {
    network: Arc<Network>,
    thread: Option<JoinHandle<()>>,
}

impl Session {
    /// Start a session numbered `session`.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start(session: i32, signaller: Signaller) -> io::Result<Session> {
        Session::with_table(session, signaller, Table::default())
    }

    /// Start a session that has sockets already, and wait for what they wait for.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn with_table(session: i32, signaller: Signaller, table: Table) -> io::Result<Session> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        let network = Arc::new(Network {
            session,
            epoll,
            wake,
            table: Mutex::new(table),
            signaller,
            stop: AtomicBool::new(false),
        });
        network.arm_all();
        let shared = network.clone();
        let thread = std::thread::Builder::new()
            .name("rowel-sockets".into())
            .spawn(move || shared.wait_for_events())?;
        Ok(Session { network, thread: Some(thread) })
    }

    /// The shared part.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.network.stop.store(true, Ordering::Release);
        // The count is far from overflow, so this neither blocks nor fails.
        let _ = rustix::io::write(&self.network.wake, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Network {
    /// The sockets.
    pub fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signal the semaphore of this index, if it is one.
    pub fn signal(&self, semaphore: usize) {
        signal(&self.signaller, semaphore);
    }

    /// The way to the image's semaphores.
    pub fn signaller(&self) -> &Signaller {
        &self.signaller
    }

    /// Call `handler` once when the socket can be read.
    pub fn watch_read(&self, key: u64, socket: &mut Socket, handler: Handler) {
        socket.watch.read = Some(handler);
        self.arm(key, socket);
    }

    /// Call `handler` once when the socket can be written or has failed.
    pub fn watch_write(&self, key: u64, socket: &mut Socket, handler: Handler) {
        socket.watch.write = Some(handler);
        self.arm(key, socket);
    }

    /// Tell epoll what the socket waits for.
    fn arm(&self, key: u64, socket: &mut Socket) {
        let Some(fd) = &socket.fd else { return };
        if socket.watch.is_idle() {
            return;
        }
        let (data, flags) = (EventData::new_u64(key), socket.watch.interest());
        let armed = if socket.watch.registered {
            epoll::modify(&self.epoll, fd, data, flags)
        } else {
            epoll::add(&self.epoll, fd, data, flags)
        };
        match armed {
            Ok(()) => socket.watch.registered = true,
            Err(error) => socket.error = error.raw_os_error(),
        }
    }

    /// Tell a fresh epoll what all sockets wait for.
    fn arm_all(&self) {
        let mut table = self.table();
        for key in table.keys() {
            if let Some(socket) = table.get(key) {
                socket.watch.registered = false;
                self.arm(key, socket);
            }
        }
    }

    fn wait_for_events(&self) {
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                // Only a broken descriptor gets here: there is nothing left to wait for.
                Err(_) => return,
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            for event in &events {
                self.handle(event);
            }
        }
    }

    fn handle(&self, event: &Event) {
        let (key, flags) = (event.data.u64(), event.flags);
        let mut table = self.table();
        let Some(socket) = table.get(key) else { return };
        if socket.fd.is_none() {
            return;
        }
        let (read, write) = socket.watch.take(flags);
        for (handler, reading) in [(read, true), (write, false)] {
            match handler {
                None => {}
                Some(Handler::Accept) => self.accept(socket),
                Some(Handler::Connect) => self.connected(socket),
                Some(Handler::Data) => self.data(socket, reading),
            }
        }
        self.arm(key, socket);
    }

    /// Take a connection. Unless the socket hands connections out, it becomes the connection.
    fn accept(&self, socket: &mut Socket) {
        let Some(fd) = &socket.fd else { return };
        match accept_with(fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Err(Errno::CONNABORTED | Errno::AGAIN | Errno::INTR) => {
                socket.watch.read = Some(Handler::Accept);
                return;
            }
            Err(error) => {
                socket.error = error.raw_os_error();
                socket.status = Status::Invalid;
                socket.fd = None;
                socket.watch = Default::default();
            }
            Ok(connection) => {
                linger(&connection, true);
                socket.status = Status::Connected;
                if socket.multi_listen {
                    socket.accepted = Some(connection);
                } else {
                    socket.fd = Some(connection);
                    socket.watch = Default::default();
                }
            }
        }
        self.signal(socket.semaphores.connection);
    }

    /// See how connecting ended.
    fn connected(&self, socket: &mut Socket) {
        match take_error(socket) {
            0 => {
                socket.status = Status::Connected;
                if let Some(fd) = &socket.fd {
                    linger(fd, true);
                }
            }
            error => {
                socket.error = error;
                socket.status = Status::Unconnected;
            }
        }
        self.signal(socket.semaphores.connection);
    }

    fn data(&self, socket: &mut Socket, reading: bool) {
        let Semaphores { read, write, .. } = socket.semaphores;
        if reading {
            if socket.kind == Kind::Stream && readable(socket) == Readable::Closed {
                match take_error(socket) {
                    0 => {}
                    error => socket.error = error,
                }
                socket.status = Status::OtherEndClosed;
            }
            self.signal(read);
        } else {
            self.signal(write);
        }
    }
}

/// Signal the semaphore of this index, if it is one.
pub fn signal(signaller: &Signaller, semaphore: usize) {
    if semaphore != 0 {
        signaller.signal(semaphore);
    }
}

/// Whether a read would give something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// Data is there.
    Yes,
    /// Nothing so far.
    NotYet,
    /// The connection is no more.
    Closed,
}

/// Look for data without taking it.
pub fn readable(socket: &mut Socket) -> Readable {
    let Some(fd) = &socket.fd else { return Readable::Closed };
    let mut byte = [0_u8];
    match recv(fd, &mut byte, RecvFlags::PEEK) {
        Ok((_, length)) if length > 0 || socket.kind != Kind::Stream => Readable::Yes,
        Ok(_) => Readable::Closed,
        Err(Errno::AGAIN | Errno::INTR) => Readable::NotYet,
        Err(error) => {
            socket.error = error.raw_os_error();
            // A refused datagram does not end anything.
            if socket.kind == Kind::Stream { Readable::Closed } else { Readable::NotYet }
        }
    }
}

/// The number of the error that waits at the descriptor, which is thereby cleared; 0 for none.
fn take_error(socket: &Socket) -> i32 {
    match socket.fd.as_ref().map(sockopt::socket_error) {
        Some(Ok(Err(error)) | Err(error)) => error.raw_os_error(),
        _ => 0,
    }
}

/// Whether closing waits, for a second at most, until what is left is sent.
pub fn linger(fd: &OwnedFd, wait: bool) {
    // Sockets that know no lingering close at once either way.
    let _ = sockopt::set_socket_linger(fd, wait.then_some(LINGER));
}
