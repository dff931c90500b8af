//! TCP and local streams.

use super::*;

#[test]
fn data_go_both_ways_over_tcp() {
    let mut image = Image::new();
    let (server, client, accepted) = image.connection();
    assert_eq!(image.status(server), WAITING, "ready for the next one");
    assert_eq!((image.status(client), image.status(accepted)), (CONNECTED, CONNECTED));
    assert!(image.flag("primitiveSocketSendDone", &[client]));
    assert!(!image.flag("primitiveSocketReceiveDataAvailable", &[accepted]));
    assert_eq!(image.send(client, b"hello there"), 11);
    image.wait_for_signal(31);
    assert_eq!(image.receive(accepted, 31), b"hello there");
    assert_eq!(image.send(accepted, b"echo"), 4);
    assert_eq!(image.receive(client, 21), b"echo");

    let ends = ["primitiveSocketLocalPort", "primitiveSocketRemotePort"];
    assert_eq!(image.number(ends[0], &[client]), image.number(ends[1], &[accepted]));
    assert_eq!(image.number(ends[1], &[client]), image.number(ends[0], &[server]));
    let address = image.call("primitiveSocketRemoteAddress", &[client]).expect("an address");
    assert_eq!(image.contents(address), LOOPBACK);
    let address = image.call("primitiveSocketLocalAddress", &[client]).expect("an address");
    assert_eq!(image.contents(address), LOOPBACK);
}

#[test]
fn parts_of_buffers_and_words_are_moved() {
    let mut image = Image::new();
    let (_, client, accepted) = image.connection();
    let text = image.bytes(b"--middle--");
    let arguments = [client, text, int(3), int(6)];
    assert_eq!(image.number("primitiveSocketSendDataBufCount", &arguments), 6);
    image.receive_into(accepted, b"aa______bb", 3, 6, b"aamiddlebb");
    // Two 32-bit words are eight bytes.
    let class = rowel_objmem::layout::class_index::BITMAP;
    let format = rowel_objmem::Format::WORDS_32.for_elements(3);
    let words = image.vm.heap.allocate_filled(class, format, 2).expect("memory");
    image.vm.heap.bytes_mut(words).copy_from_slice(b"abcdefghijkl");
    let arguments = [client, words, int(2), int(2)];
    assert_eq!(image.number("primitiveSocketSendDataBufCount", &arguments), 2);
    image.receive_into(accepted, b"________", 1, 8, b"efghijkl");
}

impl Image {
    /// Receive `count` bytes at `start` into a buffer that is `before` before and `after` after.
    fn receive_into(&mut self, socket: Oop, before: &[u8], start: i64, count: i64, after: &[u8]) {
        let buffer = self.bytes(before);
        if !self.flag("primitiveSocketReceiveDataAvailable", &[socket]) {
            self.wait_for_signal(31);
        }
        let arguments = [socket, buffer, int(start), int(count)];
        assert_eq!(self.number("primitiveSocketReceiveDataBufCount", &arguments), count);
        assert_eq!(self.contents(buffer), after);
    }
}

#[test]
fn several_connections_are_handed_out_one_by_one() {
    let mut image = Image::new();
    let server = image.socket(0, 10);
    let port = image.listen(server, 5);
    assert_eq!(image.accept(server), Err(Failure::Generic), "nobody is there");
    for _ in 0..3 {
        let client = image.socket(0, 20);
        image.connect(client, port);
        image.wait_for_signal(10);
        assert_eq!(image.status(server), CONNECTED);
        let accepted = image.accept(server).expect("a connection");
        image.wait_for_signal(20);
        assert_eq!(image.send(accepted, b"hi"), 2);
        assert_eq!(image.receive(client, 21), b"hi");
        image.call("primitiveSocketDestroy", &[client]).expect("alive before");
        image.call("primitiveSocketDestroy", &[accepted]).expect("alive before");
    }
}

#[test]
fn without_a_backlog_the_listening_socket_becomes_the_connection() {
    let mut image = Image::new();
    let server = image.socket(0, 10);
    let port = image.listen(server, 1);
    assert_eq!(image.status(server), WAITING);
    let client = image.socket(0, 20);
    image.connect(client, port);
    image.wait_for_signal(10);
    assert_eq!(image.status(server), CONNECTED);
    assert_eq!(image.accept(server), Err(Failure::Generic));
    image.wait_for_signal(20);
    assert_eq!(image.send(client, b"x"), 1);
    assert_eq!(image.receive(server, 11), b"x");
}

#[test]
fn the_other_end_closing_is_noticed_after_the_last_data() {
    let mut image = Image::new();
    let (_, client, accepted) = image.connection();
    assert_eq!(image.send(client, b"last"), 4);
    image.call("primitiveSocketCloseConnection", &[client]).expect("open");
    assert_eq!(image.status(client), UNCONNECTED);
    assert_eq!(image.receive(accepted, 31), b"last");
    for _ in 0..100 {
        assert!(!image.flag("primitiveSocketReceiveDataAvailable", &[accepted]));
        if image.status(accepted) == OTHER_END_CLOSED {
            break;
        }
        image.wait_for_signal(31);
    }
    assert_eq!(image.status(accepted), OTHER_END_CLOSED);
    assert_eq!(image.number("primitiveSocketError", &[accepted]), 0);
}

#[test]
fn the_reader_is_woken_by_the_end_and_reading_it_signals_the_connection() {
    let mut image = Image::new();
    let (_, client, accepted) = image.connection();
    assert!(!image.flag("primitiveSocketReceiveDataAvailable", &[accepted]));
    image.call("primitiveSocketDestroy", &[client]).expect("open");
    image.wait_for_signal(31);
    assert_eq!(image.status(accepted), OTHER_END_CLOSED);
    let buffer = image.bytes(&[0; 8]);
    let arguments = [accepted, buffer, int(1), int(8)];
    assert_eq!(image.number("primitiveSocketReceiveDataBufCount", &arguments), 0);
    image.wait_for_signal(30);
}

#[test]
fn one_side_may_still_be_read_after_the_other_end_shut_down_writing() {
    let mut image = Image::new();
    let server = image.socket(0, 10);
    let port = image.listen(server, 5);
    let mut peer = std::net::TcpStream::connect(("127.0.0.1", port as u16)).expect("a server");
    image.wait_for_signal(10);
    let accepted = image.accept(server).expect("a connection");
    std::io::Write::write_all(&mut peer, b"question").expect("connected");
    peer.shutdown(std::net::Shutdown::Write).expect("connected");
    assert_eq!(image.receive(accepted, 31), b"question");
    assert_eq!(image.send(accepted, b"answer"), 6);
    image.call("primitiveSocketCloseConnection", &[accepted]).expect("open");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut peer, &mut answer).expect("an end");
    assert_eq!(answer, b"answer");
}

#[test]
fn a_refused_connection_signals_and_leaves_the_error() {
    let mut image = Image::new();
    // Bound, so that nobody else takes the port, but not listening.
    let (deaf, loopback) = (image.socket(0, 10), image.bytes(&LOOPBACK));
    image.call("primitiveSocketBindToPort", &[deaf, loopback, int(0)]).expect("a port");
    let port = image.number("primitiveSocketLocalPort", &[deaf]);
    let client = image.socket(0, 20);
    image.connect(client, port);
    image.wait_for_signal(20);
    assert_eq!(image.status(client), UNCONNECTED);
    assert_eq!(image.number("primitiveSocketError", &[client]), i64::from(libc::ECONNREFUSED));
}

#[test]
fn the_writer_is_woken_when_there_is_room_again() {
    let mut image = Image::new();
    let (_, client, accepted) = image.connection();
    let data = image.bytes(&vec![7; 1 << 18]);
    let arguments = [client, data, int(1), int(1 << 18)];
    let mut sent = 0;
    while image.flag("primitiveSocketSendDone", &[client]) {
        sent += image.number("primitiveSocketSendDataBufCount", &arguments);
        assert!(sent < 1 << 30, "no end of buffers");
    }
    let mut received = 0;
    while received < sent {
        received += image.receive(accepted, 31).len() as i64;
    }
    image.wait_for_signal(22);
    assert!(image.flag("primitiveSocketSendDone", &[client]));
    assert_eq!(received, sent);
}

#[test]
fn a_port_that_is_taken_cannot_be_listened_on() {
    let mut image = Image::new();
    let server = image.socket(0, 10);
    let port = image.listen(server, 5);
    let other = image.socket(0, 20);
    let result = image.call("primitiveSocketListenWithOrWithoutBacklog", &[other, int(port)]);
    assert_eq!(result, Err(Failure::OsError));
    assert_eq!(image.number("primitiveSocketError", &[other]), i64::from(libc::EADDRINUSE));
    assert_eq!(image.status(other), UNCONNECTED);
}

#[test]
fn one_semaphore_may_serve_for_everything() {
    let mut image = Image::new();
    let server = image.socket(0, 10);
    let port = image.listen(server, 5);
    let arguments = [0, 0, 8000, 8000, 5].map(int);
    let client = image.call("primitiveSocketCreate", &arguments).expect("a socket");
    image.connect(client, port);
    image.wait_for_signal(5);
    image.wait_for_signal(10);
    let arguments = [server, int(0), int(0), int(6)];
    let accepted = image.call("primitiveSocketAccept", &arguments).expect("a connection");
    assert!(!image.flag("primitiveSocketReceiveDataAvailable", &[client]));
    assert_eq!(image.send(accepted, b"!"), 1);
    image.wait_for_signal(5);
}

#[test]
fn local_streams_connect_by_path() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a local socket");
    let mut image = Image::new();
    let arguments = [1, 0, 0, 0, 20, 21, 22].map(int);
    let client = image.call("primitiveSocketCreate3Semaphores", &arguments).expect("a socket");
    let path = path.to_str().expect("a plain path").to_owned();
    let (host, service) = (image.bytes(b""), image.bytes(path.as_bytes()));
    let address = image.address_info(host, service, [0, 1, 1, 0]).expect("the socket is there");
    image.call("primitiveSocketConnectTo", &[client, address]).expect("started");
    image.wait_for_signal(20);
    assert_eq!(image.status(client), CONNECTED);
    let (mut peer, _) = listener.accept().expect("a client");
    std::io::Write::write_all(&mut peer, b"local").expect("connected");
    assert_eq!(image.receive(client, 21), b"local");
}
