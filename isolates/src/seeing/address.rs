//! Where a process tells of its isolates: a socket file, or a port.
//!
//! Owns how addresses are spelled, and which socket file a process has that was not told another one. Must not
//! know what is told.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket file.
    Unix(PathBuf),
    /// A port.
    Tcp(SocketAddr),
}

/// It is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: unix:FILE, :PORT (of this machine alone), or ADDRESS:PORT")]
pub struct NoAddress(String);

impl FromStr for Address {
    type Err = NoAddress;

    /// `unix:FILE`, a FILE with a slash in it, `:PORT` on the loopback interface, `ADDRESS:PORT`, `NAME:PORT`; the
    /// last three also behind `http://`.
    fn from_str(text: &str) -> Result<Address, NoAddress> {
        let none = || NoAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Address::Unix(path.into()));
        }
        let place = text.strip_prefix("http://");
        if place.is_none() && text.contains('/') {
            return Ok(Address::Unix(text.into()));
        }
        let place = place.map_or(text, |rest| rest.split('/').next().unwrap_or(rest));
        if let Some(port) = place.strip_prefix(':') {
            let port = port.parse().map_err(|_| none())?;
            return Ok(Address::Tcp((Ipv4Addr::LOCALHOST, port).into()));
        }
        let found = place.to_socket_addrs().ok().and_then(|mut found| found.next());
        found.map(Address::Tcp).ok_or_else(none)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Tcp(address) => write!(f, "http://{address}"),
        }
    }
}

impl Address {
    /// Whether only processes of this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Tcp(address) => address.ip().is_loopback(),
        }
    }

    /// The socket file that the process of this number has, if it was told none.
    pub fn of_process(process: u32) -> Address {
        Address::Unix(directory().join(format!("{process}.sock")))
    }

    /// The socket file that this process may use. Its directory is made if need be.
    ///
    /// # Errors
    /// When the directory cannot be made, or is somebody else's.
    pub fn of_this_process() -> io::Result<Address> {
        make_own_directory(&directory())?;
        Ok(Address::of_process(std::process::id()))
    }

    /// The numbers of the processes that have such a file, ascending. They need not live any more.
    pub fn processes() -> Vec<u32> {
        let files = fs::read_dir(directory()).into_iter().flatten().flatten();
        let number = |name: &str| name.strip_suffix(".sock")?.parse().ok();
        let mut numbers: Vec<u32> =
            files.filter_map(|file| number(file.file_name().to_str()?)).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Where the socket files of a user's processes are.
fn directory() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()) {
        Some(path) => Path::new(&path).join("rowel"),
        None => std::env::temp_dir().join(format!("rowel-{user}")),
    }
}

/// Make a directory that others cannot look into; who came first to a place that all may write must be us.
fn make_own_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let about = fs::symlink_metadata(path)?;
    let ours = about.uid() == rustix::process::getuid().as_raw() && about.mode() & 0o077 == 0;
    if about.is_dir() && ours {
        return Ok(());
    }
    let problem = format!("{}: somebody else may write there", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Address, NoAddress> {
        text.parse()
    }

    #[test]
    fn addresses_are_spelled_in_several_ways() {
        let port = |text: &str| Ok(Address::Tcp(text.parse().expect("an address")));
        assert_eq!(parsed("unix:here"), Ok(Address::Unix("here".into())));
        assert_eq!(parsed("/a/b"), Ok(Address::Unix("/a/b".into())));
        assert_eq!(parsed(":80"), port("127.0.0.1:80"));
        assert_eq!(parsed("http://127.0.0.1:80/metrics"), port("127.0.0.1:80"));
        assert_eq!(parsed("[::1]:9"), port("[::1]:9"));
        for text in ["", "80", "unix:", ":", ":x", "1.2.3.4", "http://"] {
            assert_eq!(parsed(text), Err(NoAddress(text.to_owned())));
        }
        for text in ["/a/b", ":80", "[::1]:9"] {
            let address = parsed(text).expect("an address");
            assert_eq!(parsed(&address.to_string()), Ok(address.clone()));
            assert!(address.is_local());
        }
        assert!(!parsed("0.0.0.0:80").expect("an address").is_local());
    }

    #[test]
    fn a_directory_of_others_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("rowel");
        make_own_directory(&path).expect("made");
        make_own_directory(&path).expect("made before");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("changed");
        assert!(make_own_directory(&path).is_err());
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).expect("a link");
        assert!(make_own_directory(&link).is_err());
    }
}
