//! Options of sockets by the names that the image uses.
//!
//! Values come as text: a number, or else the bytes of the system's structure. Source of the names:
//! `sqUnixSocket.c`. Unlike there, a number may have any number of digits, not four at most.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::socket::{getsockopt, setsockopt, sockopt::DontRoute};
use rustix::io::Errno;
use rustix::net::sockopt;
use socket2::SockRef;

/// The value of an option to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(i32),
    /// A structure of the system.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// What the image's text means.
    pub fn parse(text: &[u8]) -> Value<'_> {
        let number = std::str::from_utf8(text).ok().and_then(parse_number);
        number.map_or(Value::Bytes(text), Value::Number)
    }

    /// As a number: of a structure, its first four bytes.
    fn number(self) -> Result<i32, Errno> {
        match self {
            Value::Number(number) => Ok(number),
            Value::Bytes(bytes) => {
                bytes.first_chunk().map(|word| i32::from_ne_bytes(*word)).ok_or(Errno::INVAL)
            }
        }
    }

    fn flag(self) -> Result<bool, Errno> {
        Ok(self.number()? != 0)
    }

    fn size(self) -> Result<u32, Errno> {
        u32::try_from(self.number()?).map_err(|_| Errno::INVAL)
    }

    /// Two IPv4 addresses: a group, and the interface to join it at.
    fn membership(self) -> Result<(Ipv4Addr, Ipv4Addr), Errno> {
        let Value::Bytes(bytes) = self else { return Err(Errno::INVAL) };
        let octets: &[u8; 8] = bytes.first_chunk().ok_or(Errno::INVAL)?;
        let [a, b, c, d, e, f, g, h] = *octets;
        Ok((Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h)))
    }
}

/// A number as C's `strtol` reads it with base 0: decimal, 0x… or 0….
fn parse_number(text: &str) -> Option<i32> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        None => (10, digits),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let value = i64::from_str_radix(digits, radix).ok()?;
    i32::try_from(if negative { -value } else { value }).ok()
}

fn from_io(error: std::io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
}

fn from_nix(error: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(error as i32)
}

/// Sizes are far below 2 GiB; what is not reads as the largest number.
fn as_number(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// The value of option `name`; `None` when there is no such option.
pub fn get(fd: &OwnedFd, name: &[u8]) -> Option<Result<i32, Errno>> {
    let flag = |result: Result<bool, Errno>| result.map(i32::from);
    Some(match name {
        // Only a privileged process may set it, and this one does not.
        b"SO_DEBUG" => Ok(0),
        b"SO_REUSEADDR" => flag(sockopt::socket_reuseaddr(fd)),
        b"SO_REUSEPORT" => flag(sockopt::socket_reuseport(fd)),
        b"SO_DONTROUTE" => flag(getsockopt(fd, DontRoute).map_err(from_nix)),
        b"SO_BROADCAST" => flag(sockopt::socket_broadcast(fd)),
        b"SO_SNDBUF" => sockopt::socket_send_buffer_size(fd).map(as_number),
        b"SO_RCVBUF" => sockopt::socket_recv_buffer_size(fd).map(as_number),
        b"SO_KEEPALIVE" => flag(sockopt::socket_keepalive(fd)),
        b"SO_OOBINLINE" => flag(sockopt::socket_oobinline(fd)),
        b"SO_LINGER" => flag(sockopt::socket_linger(fd).map(|time| time.is_some())),
        b"IP_TTL" => sockopt::ip_ttl(fd).map(|hops| as_number(hops as usize)),
        b"IP_HDRINCL" => flag(SockRef::from(fd).header_included_v4().map_err(from_io)),
        b"IP_MULTICAST_IF" => {
            let interface = SockRef::from(fd).multicast_if_v4().map_err(from_io);
            interface.map(|address| i32::from_ne_bytes(address.octets()))
        }
        b"IP_MULTICAST_TTL" => sockopt::ip_multicast_ttl(fd).map(|hops| as_number(hops as usize)),
        b"IP_MULTICAST_LOOP" => flag(sockopt::ip_multicast_loop(fd)),
        b"IP_ADD_MEMBERSHIP" | b"IP_DROP_MEMBERSHIP" => Err(Errno::NOPROTOOPT),
        b"TCP_MAXSEG" => {
            SockRef::from(fd).tcp_mss().map(|bytes| as_number(bytes as usize)).map_err(from_io)
        }
        b"TCP_NODELAY" => flag(sockopt::tcp_nodelay(fd)),
        b"TCP_CORK" => flag(sockopt::tcp_cork(fd)),
        _ => return None,
    })
}

/// Set option `name`; `None` when there is no such option.
pub fn set(fd: &OwnedFd, name: &[u8], value: Value) -> Option<Result<(), Errno>> {
    apply(fd, name, value).transpose()
}

fn apply(fd: &OwnedFd, name: &[u8], value: Value) -> Result<Option<()>, Errno> {
    match name {
        b"SO_DEBUG" => {
            if value.flag()? {
                return Err(Errno::ACCESS);
            }
        }
        b"SO_REUSEADDR" => sockopt::set_socket_reuseaddr(fd, value.flag()?)?,
        b"SO_REUSEPORT" => sockopt::set_socket_reuseport(fd, value.flag()?)?,
        b"SO_DONTROUTE" => setsockopt(fd, DontRoute, &value.flag()?).map_err(from_nix)?,
        b"SO_BROADCAST" => sockopt::set_socket_broadcast(fd, value.flag()?)?,
        b"SO_SNDBUF" => sockopt::set_socket_send_buffer_size(fd, value.size()? as usize)?,
        b"SO_RCVBUF" => sockopt::set_socket_recv_buffer_size(fd, value.size()? as usize)?,
        b"SO_KEEPALIVE" => sockopt::set_socket_keepalive(fd, value.flag()?)?,
        b"SO_OOBINLINE" => sockopt::set_socket_oobinline(fd, value.flag()?)?,
        b"SO_LINGER" => sockopt::set_socket_linger(fd, linger_time(value)?)?,
        b"IP_TTL" => sockopt::set_ip_ttl(fd, value.size()?)?,
        b"IP_HDRINCL" => {
            SockRef::from(fd).set_header_included_v4(value.flag()?).map_err(from_io)?;
        }
        b"IP_MULTICAST_IF" => {
            let interface = Ipv4Addr::from(value.number()?.to_ne_bytes());
            SockRef::from(fd).set_multicast_if_v4(&interface).map_err(from_io)?;
        }
        b"IP_MULTICAST_TTL" => sockopt::set_ip_multicast_ttl(fd, value.size()?)?,
        b"IP_MULTICAST_LOOP" => sockopt::set_ip_multicast_loop(fd, value.flag()?)?,
        b"IP_ADD_MEMBERSHIP" => {
            let (group, interface) = value.membership()?;
            sockopt::set_ip_add_membership(fd, &group, &interface)?;
        }
        b"IP_DROP_MEMBERSHIP" => {
            let (group, interface) = value.membership()?;
            sockopt::set_ip_drop_membership(fd, &group, &interface)?;
        }
        b"TCP_MAXSEG" => SockRef::from(fd).set_tcp_mss(value.size()?).map_err(from_io)?,
        b"TCP_NODELAY" => sockopt::set_tcp_nodelay(fd, value.flag()?)?,
        b"TCP_CORK" => sockopt::set_tcp_cork(fd, value.flag()?)?,
        _ => return Ok(None),
    }
    Ok(Some(()))
}

/// The system's structure for SO_LINGER: whether to linger, and seconds, in two words.
fn linger_time(value: Value) -> Result<Option<Duration>, Errno> {
    let Value::Bytes(bytes) = value else { return Err(Errno::INVAL) };
    let (on, rest) = bytes.split_first_chunk().ok_or(Errno::INVAL)?;
    let seconds = i32::from_ne_bytes(*rest.first_chunk().ok_or(Errno::INVAL)?);
    let seconds = u64::try_from(seconds).map_err(|_| Errno::INVAL)?;
    Ok((i32::from_ne_bytes(*on) != 0).then_some(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_does() {
        for (text, number) in
            [("1", 1), ("0", 0), ("-5", -5), ("65536", 65536), ("0x10", 16), ("010", 8), (" 7", 7)]
        {
            assert_eq!(Value::parse(text.as_bytes()), Value::Number(number), "{text}");
        }
        for text in ["", "12a", "--1", "0x", "99999999999", "-+1", "\u{ff}"] {
            assert_eq!(Value::parse(text.as_bytes()), Value::Bytes(text.as_bytes()), "{text}");
        }
    }
}
