//! Sockets without an image: what SocketPlugin knows of each socket, and the thread that waits for
//! them.
//!
//! A [`Network`] is one isolate's session. Its sockets never block. What the image waits for is
//! noted in [`watch::Watch`], and [`network`] runs a handler when it has come, which changes the
//! socket's state and signals the image's semaphores. Must not know objects. Linux only (epoll).
//! Source of states and handlers: `sqUnixSocket.c` of the OpenSmalltalk VM.

pub mod address;
pub mod connection;
pub mod network;
pub mod options;
pub mod resolver;
pub mod table;
pub mod transfer;
pub mod watch;

use std::os::fd::OwnedFd;

use self::address::Address;
use self::watch::Watch;

/// The state of a connection, numbered as the image knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Status {
    /// A listening socket broke down; asking for the status fails.
    Invalid = -1,
    /// Fresh, refused or closed.
    Unconnected = 0,
    /// Connecting or listening.
    WaitingForConnection = 1,
    /// Data may flow.
    Connected = 2,
    /// The peer sends no more.
    OtherEndClosed = 3,
}

/// What travels on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stream: TCP or local.
    Stream,
    /// Datagrams: UDP or local.
    Datagram,
    /// Raw IP packets.
    Raw,
}

/// The image's external semaphores for a socket, by index; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Semaphores {
    /// Connected, refused, accepted, closed by the peer.
    pub connection: usize,
    /// Data may have come.
    pub read: usize,
    /// There may be room to send.
    pub write: usize,
}

/// One socket of the image.
#[derive(Debug)]
pub struct Socket {
    /// The descriptor; `None` once closed.
    pub fd: Option<OwnedFd>,
    /// Stream, datagrams or raw.
    pub kind: Kind,
    /// Whom to tell.
    pub semaphores: Semaphores,
    /// The state that the image sees.
    pub status: Status,
    /// The system's number of the last error, 0 for none.
    pub error: i32,
    /// Where datagrams go and where the last one came from.
    pub peer: Option<Address>,
    /// Whether `peer` may be fetched as a socket address: fetching it once clears this.
    pub peer_is_news: bool,
    /// Whether connections are handed out one by one instead of replacing the listening socket.
    pub multi_listen: bool,
    /// A connection that waits for being handed out.
    pub accepted: Option<OwnedFd>,
    /// What is being waited for.
    pub watch: Watch,
}

impl Socket {
    /// A socket that nothing has happened to.
    pub fn new(fd: OwnedFd, kind: Kind, semaphores: Semaphores) -> Socket {
        // Sockets without connections are born connected.
        let status = if kind == Kind::Stream { Status::Unconnected } else { Status::Connected };
        Socket {
            fd: Some(fd),
            kind,
            semaphores,
            status,
            error: 0,
            peer: None,
            peer_is_news: false,
            multi_listen: false,
            accepted: None,
            watch: Watch::default(),
        }
    }
}
