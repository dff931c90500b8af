//! Making and ending connections: create, bind, listen, connect, accept, close.
//!
//! One difference from Cog: listening on a port that is taken fails, where Cog ignores that and
//! listens on some other port.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect, getpeername, getsockname, ipproto,
    listen, socket_with, sockopt,
};

use super::address::Address;
use super::network::{Network, linger};
use super::watch::{Handler, Watch};
use super::{Kind, Semaphores, Socket, Status};

/// Why an operation on a socket failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It makes no sense for this socket as it is.
    Inappropriate,
    /// The system refused.
    System(Errno),
}

impl From<Errno> for Problem {
    fn from(error: Errno) -> Problem {
        Problem::System(error)
    }
}

/// The result of an operation on a socket.
pub type Outcome<T = ()> = Result<T, Problem>;

/// A fresh descriptor of the image's address family `domain` (0 unspecified, 1 local, 2 IPv4,
/// 3 IPv6), for streams or datagrams.
///
/// # Errors
/// When there is no such thing or the system refuses.
pub fn create(domain: i64, kind: Kind) -> Outcome<OwnedFd> {
    let family = match domain {
        0 | 2 => AddressFamily::INET,
        1 => AddressFamily::UNIX,
        3 => AddressFamily::INET6,
        _ => return Err(Problem::Inappropriate),
    };
    let (kind, protocol) = match kind {
        Kind::Stream => (SocketType::STREAM, None),
        Kind::Datagram => (SocketType::DGRAM, None),
        Kind::Raw => (SocketType::RAW, Some(ipproto::ICMP)),
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(family, kind, flags, protocol)?;
    // Local and raw sockets may not know it; nothing depends on it.
    let _ = sockopt::set_socket_reuseaddr(&fd, true);
    Ok(fd)
}

impl Socket {
    /// The descriptor.
    ///
    /// # Errors
    /// When the socket is closed.
    pub fn open_fd(&self) -> Outcome<&OwnedFd> {
        self.fd.as_ref().ok_or(Problem::Inappropriate)
    }

    /// Note the error of a system call.
    pub fn noting<T>(&mut self, result: Result<T, Errno>) -> Outcome<T> {
        result.map_err(|error| {
            self.error = error.raw_os_error();
            Problem::System(error)
        })
    }

    /// Bind to an address of this machine.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bind(&mut self, address: &Address) -> Outcome {
        let bound = bind(self.open_fd()?, &address.to_system()?);
        self.noting(bound)
    }

    /// Streams: listen for connections. Others: nothing.
    ///
    /// # Errors
    /// When the system refuses, or for a backlog without a stream.
    pub fn listen(&mut self, network: &Network, key: u64, backlog: i64) -> Outcome {
        if self.kind != Kind::Stream {
            let sensible = backlog <= 1;
            return if sensible { Ok(()) } else { Err(Problem::Inappropriate) };
        }
        let queue = backlog.clamp(0, i64::from(u16::MAX)) as i32;
        let listening = listen(self.open_fd()?, queue);
        self.noting(listening)?;
        self.multi_listen = backlog > 1;
        self.status = Status::WaitingForConnection;
        network.watch_read(key, self, Handler::Accept);
        Ok(())
    }

    /// Bind to a port of the interface with address `interface` and [`listen`](Self::listen).
    ///
    /// # Errors
    /// When the port is taken or not allowed, and as for `listen`.
    pub fn listen_on(
        &mut self,
        network: &Network,
        key: u64,
        (interface, port): ([u8; 4], u16),
        backlog: i64,
    ) -> Outcome {
        if backlog > 1 && self.kind != Kind::Stream {
            return Err(Problem::Inappropriate);
        }
        match self.bind(&Address::v4(interface, port)) {
            // Bound before: stay there.
            Err(Problem::System(Errno::INVAL)) => {}
            other => other?,
        }
        self.listen(network, key, backlog)
    }

    /// Streams: start connecting; how it ends is told by the connection semaphore. Others: note
    /// where to send to.
    ///
    /// # Errors
    /// When the socket is closed or the address is none.
    pub fn connect(&mut self, network: &Network, key: u64, address: &Address) -> Outcome {
        let outcome = connect(self.open_fd()?, &address.to_system()?);
        if self.kind != Kind::Stream {
            self.peer = Some(address.clone());
            self.peer_is_news = true;
            if outcome.is_ok() {
                self.status = Status::Connected;
            }
            return Ok(());
        }
        match outcome {
            Ok(()) => {
                self.status = Status::Connected;
                linger(self.open_fd()?, true);
                network.signal(self.semaphores.connection);
            }
            Err(Errno::INPROGRESS) => {
                self.status = Status::WaitingForConnection;
                network.watch_write(key, self, Handler::Connect);
            }
            Err(error) => {
                self.status = Status::Unconnected;
                self.error = error.raw_os_error();
                network.signal(self.semaphores.connection);
            }
        }
        Ok(())
    }

    /// Hand out the connection that a listening socket has taken, and let it take the next one.
    ///
    /// # Errors
    /// When there is none.
    pub fn accept(
        &mut self,
        network: &Network,
        key: u64,
        semaphores: Semaphores,
    ) -> Outcome<Socket> {
        if !self.multi_listen {
            return Err(Problem::Inappropriate);
        }
        let fd = self.accepted.take().ok_or(Problem::Inappropriate)?;
        self.status = Status::WaitingForConnection;
        network.watch_read(key, self, Handler::Accept);
        let mut connection = Socket::new(fd, Kind::Stream, semaphores);
        connection.status = Status::Connected;
        Ok(connection)
    }

    /// Close the descriptor; with `wait`, what is left is sent first, for a second at most.
    /// Answers it, to be dropped where nobody holds a lock.
    pub fn close(&mut self, wait: bool) -> Option<OwnedFd> {
        self.accepted = None;
        let fd = self.fd.take()?;
        if !wait {
            linger(&fd, false);
        }
        self.watch = Watch::default();
        self.status = Status::Unconnected;
        Some(fd)
    }

    /// Where the socket is bound; `None` when it is closed or of another family.
    pub fn local_address(&self) -> Option<Address> {
        Address::from_system(getsockname(self.fd.as_ref()?).ok()?)
    }

    /// The other end: of a stream its peer, else where datagrams go or the last one came from.
    pub fn remote_address(&self) -> Option<Address> {
        if self.kind == Kind::Stream {
            Address::from_system(getpeername(self.fd.as_ref()?).ok()??)
        } else {
            self.peer.clone()
        }
    }
}
