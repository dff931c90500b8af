//! What a stream reads from and writes to: a descriptor of its own, or one of the three standard ones,
//! which belong to the process and stay open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

/// A descriptor.
#[derive(Debug)]
pub enum Channel {
    /// One that is closed with the stream.
    Owned(OwnedFd),
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Channel {
    /// The standard channel with descriptor `number`.
    pub fn standard(number: RawFd) -> Option<Channel> {
        match number {
            0 => Some(Channel::Input),
            1 => Some(Channel::Output),
            2 => Some(Channel::Error),
            _ => None,
        }
    }

    /// The descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Channel::Owned(descriptor) => descriptor.as_fd(),
            Channel::Input => rustix::stdio::stdin(),
            Channel::Output => rustix::stdio::stdout(),
            Channel::Error => rustix::stdio::stderr(),
        }
    }

    /// Whether it is standard output or standard error.
    pub fn is_standard_output(&self) -> bool {
        matches!(self, Channel::Output | Channel::Error)
    }
}

/// The standard descriptor `number`.
pub fn standard(number: RawFd) -> Option<BorrowedFd<'static>> {
    match number {
        0 => Some(rustix::stdio::stdin()),
        1 => Some(rustix::stdio::stdout()),
        2 => Some(rustix::stdio::stderr()),
        _ => None,
    }
}
