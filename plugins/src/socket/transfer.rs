//! Moving data: nothing here waits. What cannot be done now answers 0, and the image waits for a
//! semaphore.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, recvfrom, send, sendto};

use super::address::Address;
use super::connection::{Outcome, Problem};
use super::network::{Network, Readable, readable};
use super::watch::Handler;
use super::{Kind, Socket, Status};

impl Socket {
    /// Whether data can be read. If not, the read semaphore is signalled once when that changes.
    pub fn data_available(&mut self, network: &Network, key: u64) -> bool {
        if self.status == Status::Connected {
            match readable(self) {
                Readable::Yes => return true,
                Readable::NotYet => {}
                Readable::Closed => self.status = Status::OtherEndClosed,
            }
        }
        network.watch_read(key, self, Handler::Data);
        false
    }

    /// Whether data can be sent. If not, the write semaphore is signalled once when that changes.
    pub fn send_done(&mut self, network: &Network, key: u64) -> bool {
        if self.status != Status::Connected {
            return false;
        }
        let Some(fd) = &self.fd else { return false };
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut [PollFd::new(fd, PollFlags::OUT)], Some(&now)).is_ok_and(|ready| ready > 0) {
            return true;
        }
        network.watch_write(key, self, Handler::Data);
        false
    }

    /// Read into `buffer`; answers the number of bytes. At the end of a stream the state changes
    /// and the connection semaphore is signalled. Of a datagram, its sender becomes the peer.
    ///
    /// # Errors
    /// When the socket is closed.
    pub fn receive(&mut self, network: &Network, buffer: &mut [u8]) -> Outcome<usize> {
        self.peer_is_news = false;
        if self.kind != Kind::Stream {
            return Ok(match self.receive_datagram(buffer)? {
                Ok((count, _)) => count,
                Err(_) => 0,
            });
        }
        let fd = self.open_fd()?;
        if buffer.is_empty() {
            return Ok(0);
        }
        let error = match recv(fd, buffer, RecvFlags::empty()) {
            Ok((count, _)) if count > 0 => return Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(0),
            Ok(_) => 0,
            Err(error) => error.raw_os_error(),
        };
        self.status = Status::OtherEndClosed;
        self.error = error;
        network.signal(self.semaphores.connection);
        Ok(0)
    }

    /// Receive a datagram; answers its size and its sender, who becomes the peer. The inner error is
    /// the system's; nothing there yet is a size of 0 without a sender.
    ///
    /// # Errors
    /// When the socket is closed or a stream.
    pub fn receive_datagram(
        &mut self,
        buffer: &mut [u8],
    ) -> Outcome<Result<(usize, Option<Address>), Errno>> {
        if self.kind == Kind::Stream {
            return Err(Problem::Inappropriate);
        }
        Ok(match recvfrom(self.open_fd()?, buffer, RecvFlags::empty()) {
            Ok((count, _, sender)) => {
                let sender = sender.and_then(Address::from_system);
                if sender.is_some() {
                    self.peer.clone_from(&sender);
                    self.peer_is_news = true;
                }
                Ok((count, sender))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok((0, None)),
            Err(error) => {
                self.error = error.raw_os_error();
                Err(error)
            }
        })
    }

    /// Send what fits now of `data`; answers the number of bytes. A datagram goes to the peer.
    ///
    /// # Errors
    /// When the socket is closed.
    pub fn send(&mut self, data: &[u8]) -> Outcome<usize> {
        if self.kind != Kind::Stream {
            let Some(peer) = self.peer.clone() else {
                self.error = Errno::DESTADDRREQ.raw_os_error();
                return Ok(0);
            };
            return match self.send_datagram(data, &peer) {
                Err(Problem::System(_)) => Ok(0),
                other => other,
            };
        }
        match send(self.open_fd()?, data, SendFlags::NOSIGNAL) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => {
                self.status = Status::OtherEndClosed;
                self.error = error.raw_os_error();
                Ok(0)
            }
        }
    }

    /// Send a datagram to `address`; answers its size, or 0 when it cannot be sent now.
    ///
    /// # Errors
    /// When the socket is closed or a stream, or the system refuses.
    pub fn send_datagram(&mut self, data: &[u8], address: &Address) -> Outcome<usize> {
        if self.kind == Kind::Stream {
            return Err(Problem::Inappropriate);
        }
        match sendto(self.open_fd()?, data, SendFlags::NOSIGNAL, &address.to_system()?) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            other => self.noting(other),
        }
    }
}
