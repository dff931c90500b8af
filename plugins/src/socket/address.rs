//! Addresses of sockets, and the bytes of the image's SocketAddress objects: those of the system's
//! `sockaddr_in`, `sockaddr_in6` and `sockaddr_un` on Linux.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix};

/// Bytes of `sockaddr_in`.
const V4_BYTES: usize = 16;
/// Bytes of `sockaddr_in6`.
const V6_BYTES: usize = 28;

/// Where a socket is bound or connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IPv4 address with a port.
    V4(SocketAddrV4),
    /// An IPv6 address with a port.
    V6(SocketAddrV6),
    /// A path in the file system; a first byte of 0 makes it an abstract name, no bytes no name.
    Local(Vec<u8>),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        match address {
            SocketAddr::V4(address) => Address::V4(address),
            SocketAddr::V6(address) => Address::V6(address),
        }
    }
}

impl Address {
    /// An IPv4 address from its four bytes.
    pub fn v4(octets: [u8; 4], port: u16) -> Address {
        Address::V4(SocketAddrV4::new(octets.into(), port))
    }

    /// The four bytes of an IPv4 address; zeros for other ones.
    pub fn octets(&self) -> [u8; 4] {
        match self {
            Address::V4(address) => address.ip().octets(),
            _ => [0; 4],
        }
    }

    /// The port; `None` where there is no such thing.
    pub fn port(&self) -> Option<u16> {
        match self {
            Address::V4(address) => Some(address.port()),
            Address::V6(address) => Some(address.port()),
            Address::Local(_) => None,
        }
    }

    /// The same with another port.
    pub fn with_port(mut self, port: u16) -> Option<Address> {
        match &mut self {
            Address::V4(address) => address.set_port(port),
            Address::V6(address) => address.set_port(port),
            Address::Local(_) => return None,
        }
        Some(self)
    }

    /// As the standard library has it; `None` for local ones.
    pub fn to_internet(&self) -> Option<SocketAddr> {
        match self {
            Address::V4(address) => Some(SocketAddr::V4(*address)),
            Address::V6(address) => Some(SocketAddr::V6(*address)),
            Address::Local(_) => None,
        }
    }

    /// As system calls take it.
    ///
    /// # Errors
    /// When a local name is too long.
    pub fn to_system(&self) -> Result<SocketAddrAny, Errno> {
        Ok(match self {
            Address::V4(address) => (*address).into(),
            Address::V6(address) => (*address).into(),
            Address::Local(name) => match name.split_first() {
                None => SocketAddrUnix::new_unnamed().into(),
                Some((0, name)) => SocketAddrUnix::new_abstract_name(name)?.into(),
                Some(_) => SocketAddrUnix::new(name.as_slice())?.into(),
            },
        })
    }

    /// What a system call answered; `None` for families that are none of ours.
    pub fn from_system(address: SocketAddrAny) -> Option<Address> {
        match address.address_family() {
            AddressFamily::INET => SocketAddrV4::try_from(address).ok().map(Address::V4),
            AddressFamily::INET6 => SocketAddrV6::try_from(address).ok().map(Address::V6),
            AddressFamily::UNIX => {
                let address = SocketAddrUnix::try_from(address).ok()?;
                let name = match (address.path_bytes(), address.abstract_name()) {
                    (Some(path), _) => path.to_vec(),
                    (None, Some(name)) if !name.is_empty() => {
                        std::iter::once(0).chain(name.iter().copied()).collect()
                    }
                    _ => Vec::new(),
                };
                Some(Address::Local(name))
            }
            _ => None,
        }
    }

    /// The bytes of the system's structure.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(V6_BYTES);
        match self {
            Address::V4(address) => {
                bytes.extend(AddressFamily::INET.as_raw().to_ne_bytes());
                bytes.extend(address.port().to_be_bytes());
                bytes.extend(address.ip().octets());
                bytes.resize(V4_BYTES, 0);
            }
            Address::V6(address) => {
                bytes.extend(AddressFamily::INET6.as_raw().to_ne_bytes());
                bytes.extend(address.port().to_be_bytes());
                bytes.extend(address.flowinfo().to_ne_bytes());
                bytes.extend(address.ip().octets());
                bytes.extend(address.scope_id().to_ne_bytes());
            }
            Address::Local(name) => {
                bytes.extend(AddressFamily::UNIX.as_raw().to_ne_bytes());
                bytes.extend(name);
                if name.first().is_some_and(|first| *first != 0) {
                    bytes.push(0);
                }
            }
        }
        bytes
    }

    /// The address that such bytes hold; `None` when they hold none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Address> {
        let (family, rest) = bytes.split_first_chunk()?;
        let family = AddressFamily::from_raw(u16::from_ne_bytes(*family));
        if family == AddressFamily::UNIX {
            let used = match rest.first() {
                Some(0) => rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1),
                _ => rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len()),
            };
            return Some(Address::Local(rest[..used].to_vec()));
        }
        let (port, rest) = rest.split_first_chunk()?;
        let port = u16::from_be_bytes(*port);
        if family == AddressFamily::INET && bytes.len() >= V4_BYTES {
            let octets: [u8; 4] = *rest.first_chunk()?;
            Some(Address::V4(SocketAddrV4::new(Ipv4Addr::from(octets), port)))
        } else if family == AddressFamily::INET6 && bytes.len() >= V6_BYTES {
            let (flow, rest) = rest.split_first_chunk()?;
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            let (flow, scope) =
                (u32::from_ne_bytes(*flow), u32::from_ne_bytes(*rest.first_chunk()?));
            Some(Address::V6(SocketAddrV6::new(Ipv6Addr::from(*octets), port, flow, scope)))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip_through_bytes_and_the_system() {
        let v6: SocketAddrV6 = "[fe80::1%3]:7777".parse().expect("an address");
        for address in [
            Address::v4([127, 0, 0, 1], 80),
            Address::V6(v6),
            Address::Local(b"/tmp/some socket".to_vec()),
            Address::Local(b"\0abstract".to_vec()),
            Address::Local(Vec::new()),
        ] {
            assert_eq!(Address::from_bytes(&address.to_bytes()), Some(address.clone()));
            let system = address.to_system().expect("short enough");
            assert_eq!(Address::from_system(system), Some(address));
        }
        assert_eq!(
            Address::v4([10, 1, 2, 3], 0x1234).to_bytes()[..8],
            [2, 0, 0x12, 0x34, 10, 1, 2, 3]
        );
    }

    #[test]
    fn short_and_foreign_bytes_are_no_address() {
        assert_eq!(Address::from_bytes(&[]), None);
        assert_eq!(Address::from_bytes(&[2, 0, 0, 80, 127, 0, 0, 1]), None);
        assert_eq!(Address::from_bytes(&[10; 20]), None);
        assert_eq!(Address::from_bytes(&[0xFF; 64]), None);
        assert!(Address::Local(vec![b'x'; 200]).to_system().is_err());
    }
}
