//! Names and addresses of hosts.
//!
//! A lookup of a name or an address runs on a thread of its own and signals the resolver's
//! semaphore when it is done; the image waits for that. The newer `getaddrinfo` and `getnameinfo`
//! requests are answered at once, as in Cog: the image asks for the result in the next statement.
//! Source: `sqUnixSocket.c`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dns_lookup::{AddrInfoHints, LookupError, getaddrinfo, getnameinfo};
use nix::ifaddrs::getifaddrs;
use rowel_interpreter::signals::Signaller;
use rustix::net::AddressFamily;

use super::Kind;
use super::address::Address;
use super::network::signal;

/// Longest name that is looked up, in bytes.
pub const LONGEST_NAME: usize = 256;

/// What the resolver is doing, numbered as the image knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ResolverStatus {
    /// The last lookup, if any, went well.
    Ready = 1,
    /// A lookup is going on.
    Busy = 2,
    /// The last lookup failed.
    Failed = 3,
}

/// What lookups have brought.
#[derive(Debug, Default)]
pub struct Lookup {
    /// Counts the lookups: one that is not the latest is of no interest.
    latest: u64,
    busy: bool,
    /// Why the last one failed; 0 if it did not.
    pub error: i32,
    /// The name that was looked up or found.
    pub name: Vec<u8>,
    /// The address that was found.
    pub address: [u8; 4],
}

/// An answer of `getaddrinfo`.
#[derive(Clone, Debug)]
pub struct AddressInfo {
    /// The address.
    pub address: Address,
    /// Streams or datagrams; `None` for neither.
    pub kind: Option<Kind>,
    /// The image's number of the protocol: 1 TCP, 2 UDP, 0 another.
    pub protocol: i64,
}

/// The resolver of a session.
#[derive(Debug, Default)]
pub struct Resolver {
    lookup: Arc<Mutex<Lookup>>,
    /// Signalled when a lookup is done.
    pub semaphore: usize,
    /// What `getaddrinfo` answered, the present one last; empty when there is no more.
    pub infos: Vec<AddressInfo>,
    /// Host and service that `getnameinfo` answered.
    pub names: Option<(String, String)>,
}

impl Resolver {
    /// What the last lookup brought.
    pub fn lookup(&self) -> MutexGuard<'_, Lookup> {
        self.lookup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the resolver is doing.
    pub fn status(&self) -> ResolverStatus {
        let lookup = self.lookup();
        match (lookup.busy, lookup.error) {
            (true, _) => ResolverStatus::Busy,
            (false, 0) => ResolverStatus::Ready,
            (false, _) => ResolverStatus::Failed,
        }
    }

    /// Go on in the child of a fork, without the lookup that is going on. What it shares with the
    /// resolver is leaked: the thread that is gone may hold the lock.
    pub fn after_fork_in_child(&mut self) {
        std::mem::forget(std::mem::take(&mut self.lookup));
    }

    /// Forget the lookup that is going on.
    pub fn abort(&self) {
        let mut lookup = self.lookup();
        lookup.latest += 1;
        lookup.busy = false;
    }

    /// Start looking for the IPv4 address of `name`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start_name_lookup(&self, signaller: &Signaller, name: &[u8]) -> std::io::Result<()> {
        let name = name[..name.len().min(LONGEST_NAME)].to_vec();
        self.lookup().name.clone_from(&name);
        self.start(signaller, move || {
            let found = address_of(&String::from_utf8_lossy(&name));
            (found.unwrap_or_default(), name, found.err().unwrap_or(0))
        })
    }

    /// Start looking for the name of the host at an IPv4 address.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start_address_lookup(
        &self,
        signaller: &Signaller,
        address: [u8; 4],
    ) -> std::io::Result<()> {
        self.start(signaller, move || match name_of(address) {
            Ok(name) => (address, name.into_bytes(), 0),
            Err(error) => (address, Vec::new(), error),
        })
    }

    fn start(
        &self,
        signaller: &Signaller,
        work: impl FnOnce() -> ([u8; 4], Vec<u8>, i32) + Send + 'static,
    ) -> std::io::Result<()> {
        let (signaller, shared) = (signaller.clone(), self.lookup.clone());
        let semaphore = self.semaphore;
        let mut lookup = self.lookup();
        lookup.latest += 1;
        lookup.busy = true;
        let number = lookup.latest;
        let done = move || {
            let (address, name, error) = work();
            let mut lookup = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if lookup.latest == number {
                *lookup = Lookup { latest: number, busy: false, error, name, address };
                drop(lookup);
                signal(&signaller, semaphore);
            }
        };
        let thread = std::thread::Builder::new().name("rowel-resolver".into()).spawn(done);
        if thread.is_err() {
            lookup.busy = false;
        }
        thread.map(|_| ())
    }

    /// Ask for the addresses of a host and a service. Impossible wishes give no answer, which is no
    /// error.
    pub fn get_address_info(&mut self, host: &[u8], service: &[u8], wish: Wish) {
        self.infos = address_infos(host, service, wish);
        self.infos.reverse();
    }

    /// Ask for the names of host and service at an address; with `numeric`, as numbers.
    ///
    /// # Errors
    /// When there are none; the error is noted.
    pub fn get_name_info(&mut self, address: &Address, numeric: bool) -> Result<(), i32> {
        self.names = None;
        let mut flags = libc::NI_NOFQDN;
        if numeric {
            flags |= libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
        }
        let result = match address.to_internet() {
            Some(address) => getnameinfo(&address, flags).map_err(|error| error.error_num()),
            None => Err(libc::EAI_FAMILY),
        };
        match result {
            Ok(names) => {
                self.names = Some(names);
                Ok(())
            }
            Err(error) => {
                self.lookup().error = error;
                Err(error)
            }
        }
    }
}

/// What the image wants to know of `getaddrinfo`, in its own numbers; each is in range.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// The host is given as a number.
    pub numeric: bool,
    /// The address is to listen on.
    pub passive: bool,
    /// 0 any, 1 local, 2 IPv4, 3 IPv6.
    pub family: i64,
    /// 0 any, 1 stream, 2 datagrams.
    pub kind: i64,
    /// 0 any, 1 TCP, 2 UDP.
    pub protocol: i64,
}

/// An address family of the image, by its number.
const FAMILIES: [AddressFamily; 4] =
    [AddressFamily::UNSPEC, AddressFamily::UNIX, AddressFamily::INET, AddressFamily::INET6];

/// The image's number of an address's family.
pub fn family_number(address: &Address) -> i64 {
    match address {
        Address::Local(_) => 1,
        Address::V4(_) => 2,
        Address::V6(_) => 3,
    }
}

fn address_infos(host: &[u8], service: &[u8], wish: Wish) -> Vec<AddressInfo> {
    if wish.family == 1 && !wish.numeric && is_local_socket(service) {
        let address = Address::Local(service.to_vec());
        return vec![AddressInfo { address, kind: Some(Kind::Stream), protocol: 0 }];
    }
    let (Ok(host), Ok(service)) = (std::str::from_utf8(host), std::str::from_utf8(service)) else {
        return Vec::new();
    };
    let mut flags = 0;
    if wish.numeric {
        flags |= libc::AI_NUMERICHOST;
    }
    if wish.passive {
        flags |= libc::AI_PASSIVE;
    }
    let family = FAMILIES.get(wish.family as usize).copied().unwrap_or(AddressFamily::UNSPEC);
    let hints = AddrInfoHints {
        flags,
        address: family.as_raw().into(),
        socktype: [0, libc::SOCK_STREAM, libc::SOCK_DGRAM]
            .get(wish.kind as usize)
            .map_or(0, |k| *k),
        protocol: [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP]
            .get(wish.protocol as usize)
            .map_or(0, |protocol| *protocol),
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let answers = getaddrinfo(given(host).as_deref(), given(service).as_deref(), Some(hints));
    let answers = answers.into_iter().flatten().filter_map(Result::ok);
    answers
        .map(|info| AddressInfo {
            address: info.sockaddr.into(),
            kind: match info.socktype {
                libc::SOCK_STREAM => Some(Kind::Stream),
                libc::SOCK_DGRAM => Some(Kind::Datagram),
                _ => None,
            },
            protocol: match info.protocol {
                libc::IPPROTO_TCP => 1,
                libc::IPPROTO_UDP => 2,
                _ => 0,
            },
        })
        .collect()
}

/// Whether a path names a local socket that is there.
fn is_local_socket(path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::FileTypeExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path));
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// The first IPv4 address of a host, or the number of the error as the older calls have it.
fn address_of(host: &str) -> Result<[u8; 4], i32> {
    let hints = AddrInfoHints {
        address: libc::AF_INET,
        socktype: libc::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    let infos = getaddrinfo(Some(host), None, Some(hints)).map_err(host_error)?;
    let first = infos.filter_map(Result::ok).map(|info| Address::from(info.sockaddr).octets());
    // No data of the requested type.
    first.into_iter().next().ok_or(4)
}

fn name_of(address: [u8; 4]) -> Result<String, i32> {
    let address = (address, 0).into();
    getnameinfo(&address, libc::NI_NAMEREQD).map(|(host, _)| host).map_err(host_error)
}

/// The numbers of `h_errno` for those of `getaddrinfo`.
fn host_error(error: LookupError) -> i32 {
    match error.error_num() {
        libc::EAI_NONAME => 1,
        libc::EAI_AGAIN => 2,
        _ => 3,
    }
}

/// The IPv4 address of this machine: of `eth0` or `wlan0`, else of another interface that leads
/// outside, else the loopback address.
pub fn local_address() -> [u8; 4] {
    let mut best = (0, [127, 0, 0, 1]);
    for interface in getifaddrs().into_iter().flatten() {
        let Some(address) = interface.address.and_then(|a| a.as_sockaddr_in().map(|v4| v4.ip()))
        else {
            continue;
        };
        let rank = match interface.interface_name.as_str() {
            "eth0" | "wlan0" => 2,
            _ if !address.is_loopback() => 1,
            _ => 0,
        };
        if rank > best.0 {
            best = (rank, address.octets());
        }
    }
    best.1
}

/// The name of this machine.
pub fn host_name() -> Vec<u8> {
    rustix::system::uname().nodename().to_bytes().to_vec()
}
