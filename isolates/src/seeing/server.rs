//! Telling other processes of a spawner's isolates, by HTTP.
//!
//! | path | what |
//! |---|---|
//! | `/metrics` | for Prometheus |
//! | `/isolates` | JSON |
//!
//! One thread takes one request at a time. What can be asked changes nothing. A socket file can be used by its
//! owner alone; it goes with the server.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

use super::address::Address;
use super::{client, http, json, prometheus};
use crate::spawner::Spawner;

/// How long a request may take to come, and an answer to go.
const LIMIT: Duration = Duration::from_secs(2);
/// How many may wait.
const BACKLOG: i32 = 16;
/// After a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";
const INDEX: &str = "/metrics: for Prometheus\n/isolates: as JSON\n";

/// Tells until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: Address,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// A process that was forked has the server of its parent, but not the thread.
    process: u32,
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Server {
    /// Tell of the isolates of `spawner` at `address`. Port 0 is one that is free.
    ///
    /// # Errors
    /// When the address cannot be used, or there is no thread.
    pub fn start(spawner: &Spawner, address: &Address) -> io::Result<Server> {
        let (listener, address) = match address {
            Address::Unix(path) => (Listener::Unix(listen_at(path)?), address.clone()),
            Address::Tcp(place) => {
                let listener = TcpListener::bind(place)?;
                let place = listener.local_addr()?;
                (Listener::Tcp(listener), Address::Tcp(place))
            }
        };
        let ends = Arc::new(AtomicBool::new(false));
        let (spawner, told) = (spawner.clone(), Arc::clone(&ends));
        let thread = Builder::new().name("rowel metrics".into());
        let thread = thread.spawn(move || serve(&listener, &spawner, &told))?;
        Ok(Server { address, ends, thread: Some(thread), process: std::process::id() })
    }

    /// Where it tells.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            return std::mem::forget(self.thread.take());
        }
        self.ends.store(true, Ordering::Release);
        // Whoever asks makes it look up. If nobody can, its thread ends with the process.
        if client::get(&self.address, "/").is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
        if let Address::Unix(path) = &self.address {
            // Somebody may have taken it away.
            let _ = fs::remove_file(path);
        }
    }
}

/// A socket file at `path`, in place of one that a process has left behind that is no more.
fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let at =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if let Ok(about) = fs::symlink_metadata(path)
        && about.file_type().is_socket()
        && UnixStream::connect(path).is_err()
    {
        fs::remove_file(path).map_err(at)?;
    }
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    let place = SocketAddrUnix::new(path)?;
    bind(&socket, &place).map_err(|error| at(error.into()))?;
    // Before anybody can connect.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(at)?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

fn serve(listener: &Listener, spawner: &Spawner, ends: &AtomicBool) {
    while !ends.load(Ordering::Acquire) {
        let answered = match listener {
            Listener::Unix(listener) => listener.accept().and_then(|(mut stream, _)| {
                stream.set_read_timeout(Some(LIMIT))?;
                stream.set_write_timeout(Some(LIMIT))?;
                answer(&mut stream, spawner)
            }),
            Listener::Tcp(listener) => listener.accept().and_then(|(mut stream, _)| {
                stream.set_read_timeout(Some(LIMIT))?;
                stream.set_write_timeout(Some(LIMIT))?;
                answer(&mut stream, spawner)
            }),
        };
        if let Err(error) = answered {
            tracing::debug!("a request for figures: {error}");
            if error.raw_os_error().is_some() {
                // No descriptors, perhaps: that passes.
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// Read a request and answer it.
fn answer(stream: &mut (impl Read + Write), spawner: &Spawner) -> io::Result<()> {
    let (method, path) = http::read_request(stream, LIMIT)?;
    if method != "GET" {
        return http::write_response(stream, "405 Method Not Allowed", TEXT, "only GET\n");
    }
    match path.split('?').next().unwrap_or(&path) {
        "/" => http::write_response(stream, "200 OK", TEXT, INDEX),
        "/metrics" => {
            let text = prometheus::text(&spawner.snapshot_with_pages());
            http::write_response(stream, "200 OK", prometheus::CONTENT_TYPE, &text)
        }
        "/isolates" => {
            let text = json::text(&spawner.snapshot_with_pages());
            http::write_response(stream, "200 OK", "application/json", &text)
        }
        _ => http::write_response(stream, "404 Not Found", TEXT, INDEX),
    }
}
