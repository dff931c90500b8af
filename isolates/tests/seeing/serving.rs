//! The server, asked as other processes do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use rowel_isolates::seeing::{Address, Server, client};
use rowel_isolates::{Settings, Spawner};

use crate::exposition::parse;
use crate::rows::{start, template};

/// What comes back for these words.
fn answer(mut stream: impl Read + Write, words: &str) -> String {
    stream.write_all(words.as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[test]
fn a_port_and_a_socket_file_tell_the_same() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("socket");
    let spawner = Spawner::new();
    if template().is_some() {
        start(&spawner, "served", "Semaphore new wait", Settings::default());
    }
    let port = Server::start(&spawner, &":0".parse().expect("an address")).expect("a port");
    let file = Server::start(&spawner, &Address::Unix(path.clone())).expect("a file");
    assert!(port.address().is_local());
    for server in [&port, &file] {
        let metrics = parse(&client::get(server.address(), "/metrics").expect("metrics"));
        let started = metrics["rowel_isolates_started_total"].samples.values().sum::<f64>();
        let table = client::get(server.address(), "/isolates?x=y").expect("a table");
        let table: serde_json::Value = serde_json::from_str(&table).expect("JSON");
        assert_eq!(table["totals"]["started"].as_f64(), Some(started));
        let names: Vec<_> = table["isolates"].as_array().expect("rows").iter().collect();
        assert!(names.iter().all(|row| row["name"] == "served"));
        assert_eq!(names.len() as f64, started);
        let error = client::get(server.address(), "/nothing").expect_err("no text");
        assert_eq!(error.to_string(), "404 Not Found");
    }
    let Address::Tcp(at) = port.address() else { panic!("a port") };
    let refused = answer(TcpStream::connect(at).expect("connected"), "POST / HTTP/1.1\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    // Nonsense, and somebody who says nothing, are let go.
    assert_eq!(answer(UnixStream::connect(&path).expect("connected"), "\u{1}\r\n\r\n"), "");
    drop(UnixStream::connect(&path).expect("connected"));
    client::get(file.address(), "/").expect("it goes on");
    spawner.end_all();
}

#[test]
fn a_socket_file_is_its_owners_and_goes_with_the_server() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("socket");
    let address = Address::Unix(path.clone());
    // One that a process has left behind.
    drop(UnixListener::bind(&path).expect("a socket"));
    let server = Server::start(&Spawner::new(), &address).expect("a server");
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let taken = Server::start(&Spawner::new(), &address).expect_err("somebody is there");
    assert!(taken.to_string().contains("socket"), "{taken}");
    client::get(&address, "/").expect("it is still there");
    drop(server);
    assert!(!path.exists());
    assert!(client::get(&address, "/").is_err());
    // What is no socket is left alone.
    std::fs::write(&path, "mine").expect("a file");
    assert!(Server::start(&Spawner::new(), &address).is_err());
    assert_eq!(std::fs::read(&path).expect("a file"), b"mine");
}
