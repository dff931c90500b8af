//! The resolver and SocketAddress objects. Names are looked up without a network: only numbers,
//! `localhost`, and names that cannot be.

use super::*;

impl Image {
    /// The SocketAddress of the first answer for flags, family, type and protocol.
    pub(super) fn address_info(&mut self, host: Oop, service: Oop, wish: [i64; 4]) -> Option<Oop> {
        let [flags, family, kind, protocol] = wish.map(int);
        let arguments = [host, service, flags, family, kind, protocol];
        self.call("primitiveResolverGetAddressInfo", &arguments).expect("sensible numbers");
        self.wait_for_signal(RESOLVER as usize);
        let size = self.number("primitiveResolverGetAddressInfoSize", &[]);
        if size < 0 {
            return None;
        }
        let address = self.bytes(&vec![0; size as usize]);
        self.call("primitiveResolverGetAddressInfoResult", &[address]).expect("room");
        Some(address)
    }

    /// The name that `family` of primitives (`Host`, `Service`) gives.
    fn name_info(&mut self, part: &str) -> Vec<u8> {
        let size = self.number(&format!("primitiveResolverGetNameInfo{part}Size"), &[]);
        let name = self.bytes(&vec![0; size as usize]);
        self.call(&format!("primitiveResolverGetNameInfo{part}Result"), &[name]).expect("room");
        self.contents(name)
    }
}

#[test]
fn localhost_is_found_in_the_background() {
    let mut image = Image::new();
    let name = image.bytes(b"localhost");
    image.call("primitiveResolverStartNameLookup", &[name]).expect("started");
    image.wait_for_signal(RESOLVER as usize);
    assert_eq!(image.number("primitiveResolverStatus", &[]), 1);
    assert_eq!(image.number("primitiveResolverError", &[]), 0);
    let address = image.call("primitiveResolverNameLookupResult", &[]).expect("an address");
    assert_eq!(image.contents(address), LOOPBACK);
    image.call("primitiveResolverStartAddressLookup", &[address]).expect("started");
    image.wait_for_signal(RESOLVER as usize);
    let name = image.call("primitiveResolverAddressLookupResult", &[]).expect("a name");
    let found = image.contents(name);
    match image.number("primitiveResolverStatus", &[]) {
        1 => assert!(!found.is_empty()),
        status => assert_eq!((status, found.len()), (3, 0), "a machine without a hosts file"),
    }
}

#[test]
fn names_that_cannot_be_leave_an_error() {
    let mut image = Image::new();
    // No part of a name is longer than 63.
    let name = image.bytes(&[b'a'; 64]);
    image.call("primitiveResolverStartNameLookup", &[name]).expect("started");
    image.wait_for_signal(RESOLVER as usize);
    assert_eq!(image.number("primitiveResolverStatus", &[]), 3);
    assert_ne!(image.number("primitiveResolverError", &[]), 0);
}

#[test]
fn an_aborted_lookup_is_forgotten() {
    let mut image = Image::new();
    let name = image.bytes(b"localhost");
    for _ in 0..20 {
        image.call("primitiveResolverStartNameLookup", &[name]).expect("started");
        image.call("primitiveResolverAbortLookup", &[]).expect("no matter what");
        assert_eq!(image.number("primitiveResolverStatus", &[]), 1);
    }
}

#[test]
fn socket_addresses_lead_to_a_connection() {
    let mut image = Image::new();
    for (family, host, arguments) in
        [(2, b"127.0.0.1".as_slice(), [2, 0, 0, 0]), (3, b"::1", [3, 0, 0, 0])]
    {
        let (host, service) = (image.bytes(host), image.bytes(b"0"));
        let address = image.address_info(host, service, [1, family, 1, 1]).expect("an address");
        assert_eq!(image.number("primitiveResolverGetAddressInfoFamily", &[]), family);
        assert_eq!(image.number("primitiveResolverGetAddressInfoType", &[]), 1);
        assert_eq!(image.number("primitiveResolverGetAddressInfoProtocol", &[]), 1);
        assert!(!image.flag("primitiveResolverGetAddressInfoNext", &[]));
        let create = |first| [arguments[0], 0, 0, 0, first, first + 1, first + 2].map(int);
        let name = "primitiveSocketCreate3Semaphores";
        let (server, client) = (image.call(name, &create(10)), image.call(name, &create(20)));
        let (server, client) = (server.expect("a socket"), client.expect("a socket"));
        if image.call("primitiveSocketBindTo", &[server, address]).is_err() {
            assert_eq!(family, 3, "machines without IPv6 exist");
            continue;
        }
        image.call("primitiveSocketListenWithBacklog", &[server, int(5)]).expect("bound");
        let size = image.number("primitiveSocketLocalAddressSize", &[server]);
        let bound = image.bytes(&vec![0; size as usize]);
        image.call("primitiveSocketLocalAddressResult", &[server, bound]).expect("room");
        let port = image.call_on(bound, "primitiveSocketAddressGetPort", &[]).expect("a port");
        assert_ne!(port, int(0));
        image.call_on(address, "primitiveSocketAddressSetPort", &[port]).expect("an address");
        assert_eq!(image.contents(address), image.contents(bound));
        image.call("primitiveSocketConnectTo", &[client, address]).expect("started");
        image.wait_for_signal(20);
        assert_eq!(image.status(client), CONNECTED);
        let size = image.number("primitiveSocketRemoteAddressSize", &[client]);
        let remote = image.bytes(&vec![0; size as usize]);
        image.call("primitiveSocketRemoteAddressResult", &[client, remote]).expect("news");
        assert_eq!(image.contents(remote), image.contents(address));
    }
}

#[test]
fn addresses_have_names_and_numbers() {
    let mut image = Image::new();
    let (host, service) = (image.bytes(b"127.0.0.1"), image.bytes(b"7777"));
    let address = image.address_info(host, service, [1, 2, 1, 0]).expect("an address");
    image.call("primitiveResolverGetNameInfo", &[address, int(1)]).expect("numbers");
    assert_eq!(image.name_info("Host"), b"127.0.0.1");
    assert_eq!(image.name_info("Service"), b"7777");
    let short = image.bytes(b"");
    let result = image.call("primitiveResolverGetNameInfoHostResult", &[short]);
    assert_eq!(result, Err(Failure::BadArgument));
}

#[test]
fn impossible_wishes_have_no_answer() {
    let mut image = Image::new();
    let (host, service) = (image.bytes(b"::1"), image.bytes(b"80"));
    assert_eq!(image.address_info(host, service, [1, 2, 1, 1]), None);
    for part in ["Family", "Type", "Protocol"] {
        let result = image.call(&format!("primitiveResolverGetAddressInfo{part}"), &[]);
        assert_eq!(result, Err(Failure::Generic));
    }
    assert!(!image.flag("primitiveResolverGetAddressInfoNext", &[]));
    for wish in [[0, 4, 0, 0], [0, -1, 0, 0], [0, 0, 3, 0], [0, 0, 0, 3]] {
        let [flags, family, kind, protocol] = wish.map(int);
        let arguments = [host, service, flags, family, kind, protocol];
        let result = image.call("primitiveResolverGetAddressInfo", &arguments);
        assert_eq!(result, Err(Failure::BadArgument));
    }
}

#[test]
fn the_machine_has_an_address_and_a_name() {
    let mut image = Image::new();
    let address = image.call("primitiveResolverLocalAddress", &[]).expect("an address");
    assert_ne!(image.contents(address), [0; 4]);
    let size = image.number("primitiveResolverHostNameSize", &[]);
    let name = image.bytes(&vec![0; size as usize]);
    image.call("primitiveResolverHostNameResult", &[name]).expect("room");
    assert!(!image.contents(name).contains(&0));
}
