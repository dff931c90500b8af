//! UDP, and options.

use super::*;

#[test]
fn datagrams_carry_their_senders() {
    let mut image = Image::new();
    let (first, second) = (image.socket(1, 10), image.socket(1, 20));
    assert_eq!(image.status(first), CONNECTED, "born connected");
    let ports = [image.listen(first, 0), image.listen(second, 0)];
    let (data, host) = (image.bytes(b"xdatagram"), image.bytes(&LOOPBACK));
    assert!(!image.flag("primitiveSocketReceiveDataAvailable", &[second]));
    let arguments = [first, data, host, int(ports[1]), int(2), int(8)];
    assert_eq!(image.number("primitiveSocketSendUDPDataBufCount", &arguments), 8);
    image.wait_for_signal(21);
    assert!(image.flag("primitiveSocketReceiveDataAvailable", &[second]));
    let buffer = image.bytes(&[b'.'; 10]);
    let arguments = [second, buffer, int(2), int(9)];
    let results = image.call("primitiveSocketReceiveUDPDataBufCount", &arguments).expect("some");
    let heap = &image.vm.heap;
    let result = |index| heap.fetch(results, index);
    assert_eq!((result(0), result(2)), (int(8), int(ports[0])));
    assert_eq!(result(3), heap.false_object());
    assert_eq!(image.contents(result(1)), LOOPBACK);
    assert_eq!(image.contents(buffer), b".datagram.");
    // Nothing more: a count of 0 and no sender.
    let results = image.call("primitiveSocketReceiveUDPDataBufCount", &arguments).expect("none");
    let result = |index| image.vm.heap.fetch(results, index);
    assert_eq!((result(0), result(2)), (int(0), int(0)));
    // The sender is the peer now, also as a socket address, once.
    assert_eq!(image.number("primitiveSocketRemotePort", &[second]), ports[0]);
    let size = image.number("primitiveSocketRemoteAddressSize", &[second]);
    assert_eq!(size, 8 + 16);
    let address = image.bytes(&[0; 24]);
    image.call("primitiveSocketRemoteAddressResult", &[second, address]).expect("news");
    assert_eq!(image.call_on(address, "primitiveSocketAddressGetPort", &[]), Ok(int(ports[0])));
    let again = image.call("primitiveSocketRemoteAddressResult", &[second, address]);
    assert_eq!(again, Err(Failure::Generic));
    assert_eq!(image.number("primitiveSocketRemoteAddressSize", &[second]), -1);
}

#[test]
fn a_connected_datagram_socket_sends_to_its_peer() {
    let mut image = Image::new();
    let (first, second) = (image.socket(1, 10), image.socket(1, 20));
    assert_eq!(image.send(first, b"nowhere"), 0);
    assert_eq!(image.number("primitiveSocketError", &[first]), i64::from(libc::EDESTADDRREQ));
    let port = image.listen(second, 0);
    image.connect(first, port);
    assert_eq!(image.number("primitiveSocketRemotePort", &[first]), port);
    assert_eq!(image.send(first, b"ping"), 4);
    assert_eq!(image.receive(second, 21), b"ping");
    assert_eq!(image.send(second, b"pong"), 4, "to the sender");
    assert_eq!(image.receive(first, 11), b"pong");
}

#[test]
fn datagram_primitives_refuse_streams_and_backlogs() {
    let mut image = Image::new();
    let stream = image.socket(0, 10);
    let (data, host) = (image.bytes(b"data"), image.bytes(&LOOPBACK));
    let arguments = [stream, data, host, int(9), int(1), int(4)];
    let sent = image.call("primitiveSocketSendUDPDataBufCount", &arguments);
    assert_eq!(sent, Err(Failure::Generic));
    let received =
        image.call("primitiveSocketReceiveUDPDataBufCount", &[stream, data, int(1), int(4)]);
    assert_eq!(received, Err(Failure::Generic));
    let datagrams = image.socket(1, 10);
    let arguments = [datagrams, int(0), int(2)];
    let listening = image.call("primitiveSocketListenWithOrWithoutBacklog", &arguments);
    assert_eq!(listening, Err(Failure::Generic));
}

impl Image {
    fn set_option(&mut self, socket: Oop, name: &str, value: &[u8]) -> Result<i64, Failure> {
        let (name, value) = (self.bytes(name.as_bytes()), self.bytes(value));
        let results = self.call("primitiveSocketSetOptions", &[socket, name, value])?;
        assert_eq!(self.vm.heap.fetch(results, 0), int(0));
        Ok(self.vm.heap.fetch(results, 1).as_integer().expect("a number"))
    }

    fn option(&mut self, socket: Oop, name: &str) -> Result<i64, Failure> {
        let name = self.bytes(name.as_bytes());
        let results = self.call("primitiveSocketGetOptions", &[socket, name])?;
        assert_eq!(self.vm.heap.fetch(results, 0), int(0));
        Ok(self.vm.heap.fetch(results, 1).as_integer().expect("a number"))
    }
}

#[test]
fn options_are_set_and_read_back() {
    let mut image = Image::new();
    let stream = image.socket(0, 10);
    let datagrams = image.socket(1, 20);
    assert_eq!(image.option(stream, "SO_REUSEADDR"), Ok(1));
    for (socket, name) in [
        (stream, "TCP_NODELAY"),
        (stream, "TCP_CORK"),
        (stream, "SO_KEEPALIVE"),
        (stream, "SO_OOBINLINE"),
        (stream, "SO_REUSEADDR"),
        (stream, "SO_REUSEPORT"),
        (stream, "SO_DONTROUTE"),
        (datagrams, "SO_BROADCAST"),
        (datagrams, "IP_MULTICAST_LOOP"),
    ] {
        for value in [0, 1, 0] {
            let text = value.to_string();
            assert_eq!(image.set_option(socket, name, text.as_bytes()), Ok(value), "{name}");
            assert_eq!(image.option(socket, name), Ok(value), "{name}");
        }
    }
    assert_eq!(image.set_option(stream, "IP_TTL", b"42"), Ok(42));
    assert_eq!(image.option(stream, "IP_TTL"), Ok(42));
    assert_eq!(image.set_option(datagrams, "IP_MULTICAST_TTL", b"3"), Ok(3));
    assert_eq!(image.option(datagrams, "IP_MULTICAST_TTL"), Ok(3));
    // Linux doubles buffer sizes.
    assert_eq!(image.set_option(stream, "SO_RCVBUF", b"65536"), Ok(65536));
    assert!(image.option(stream, "SO_RCVBUF").is_ok_and(|size| size >= 65536));
    assert_eq!(image.option(stream, "SO_LINGER"), Ok(0));
    assert_eq!(image.set_option(stream, "SO_LINGER", &[1, 0, 0, 0, 5, 0, 0, 0]), Ok(0));
    assert_eq!(image.option(stream, "SO_LINGER"), Ok(1));
    assert_eq!(image.option(stream, "SO_DEBUG"), Ok(0));
    assert!(image.option(stream, "TCP_MAXSEG").is_ok());
}

#[test]
fn options_that_are_none_or_do_not_fit_fail() {
    let mut image = Image::new();
    let stream = image.socket(0, 10);
    assert_eq!(image.option(stream, "SO_NONSENSE"), Err(Failure::NotFound));
    assert_eq!(image.set_option(stream, "SO_NONSENSE", b"1"), Err(Failure::NotFound));
    for (name, value) in [
        ("SO_LINGER", b"1".as_slice()),
        ("SO_KEEPALIVE", b"yes"),
        ("SO_SNDBUF", b"-1"),
        ("IP_TTL", b"70000"),
        ("IP_ADD_MEMBERSHIP", b"short"),
        ("IP_HDRINCL", b"1"),
    ] {
        assert_eq!(image.set_option(stream, name, value), Err(Failure::OsError), "{name}");
    }
    image.call("primitiveSocketCloseConnection", &[stream]).expect("open");
    assert_eq!(image.option(stream, "SO_KEEPALIVE"), Err(Failure::Generic));
}
