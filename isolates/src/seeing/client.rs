//! Asking another process for its table.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::address::Address;
use super::http;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The text that the process at `address` has at `path`: see [`server`](super::server).
///
/// # Errors
/// When nobody answers there, or has no such text.
pub fn get(address: &Address, path: &str) -> io::Result<String> {
    match address {
        Address::Unix(file) => {
            let mut stream = UnixStream::connect(file)?;
            stream.set_read_timeout(Some(LIMIT))?;
            http::write_request(&mut stream, "localhost", path)?;
            http::read_response(&mut stream)
        }
        Address::Tcp(place) => {
            let mut stream = TcpStream::connect_timeout(place, LIMIT)?;
            stream.set_read_timeout(Some(LIMIT))?;
            http::write_request(&mut stream, &place.to_string(), path)?;
            http::read_response(&mut stream)
        }
    }
}
