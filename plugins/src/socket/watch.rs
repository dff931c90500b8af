//! What a socket waits for, and what to do when it has come.

use rustix::event::epoll::EventFlags;

/// What to do about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// Take the connection of a listening socket.
    Accept,
    /// See how connecting ended.
    Connect,
    /// Tell the image that data may flow.
    Data,
}

/// The events of a socket that are waited for. Each comes once and must then be asked for again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// Data, a connection or an end of file is there to read.
    pub read: Option<Handler>,
    /// There is room to write, or connecting ended.
    pub write: Option<Handler>,
    /// Whether the descriptor is known to epoll.
    pub registered: bool,
}

/// Events that mean that reading will not block.
const READABLE: EventFlags =
    EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::HUP).union(EventFlags::ERR);
/// Events that mean that writing will not block.
const WRITABLE: EventFlags = EventFlags::OUT.union(EventFlags::HUP).union(EventFlags::ERR);

impl Watch {
    /// The events to ask epoll for, once.
    pub fn interest(&self) -> EventFlags {
        let mut flags = EventFlags::ONESHOT;
        if self.read.is_some() {
            flags |= EventFlags::IN | EventFlags::RDHUP;
        }
        if self.write.is_some() {
            flags |= EventFlags::OUT;
        }
        flags
    }

    /// Whether anything is waited for.
    pub fn is_idle(&self) -> bool {
        self.read.is_none() && self.write.is_none()
    }

    /// The handlers that these events call for, reading first; they are not waited for any more.
    pub fn take(&mut self, events: EventFlags) -> (Option<Handler>, Option<Handler>) {
        let read = if events.intersects(READABLE) { self.read.take() } else { None };
        let write = if events.intersects(WRITABLE) { self.write.take() } else { None };
        (read, write)
    }
}
