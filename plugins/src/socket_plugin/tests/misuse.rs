//! What an image may get wrong.

use rowel_objmem::Header;
use rowel_objmem::header::IMMUTABLE_BIT;

use super::*;

#[test]
fn destroyed_sockets_and_foreign_handles_are_refused() {
    let mut image = Image::new();
    let socket = image.socket(0, 10);
    let handle = image.contents(socket);
    let copy = image.bytes(&handle);
    image.call("primitiveSocketDestroy", &[socket]).expect("alive");
    for handle in [socket, copy] {
        for name in ["primitiveSocketConnectionStatus", "primitiveSocketDestroy"] {
            assert_eq!(image.call(name, &[handle]), Err(Failure::Generic));
        }
    }
    let mut other = Image::new();
    let foreign = other.bytes(&handle);
    assert_eq!(other.call("primitiveSocketError", &[foreign]), Err(Failure::Generic));
    for bytes in [&[0_u8; 16][..], &[0xFF; 16]] {
        let handle = other.bytes(bytes);
        assert_eq!(other.call("primitiveSocketError", &[handle]), Err(Failure::Generic));
    }
    let short = other.bytes(&[0; 15]);
    for no_handle in [int(3), other.vm.heap.nil(), short] {
        let result = other.call("primitiveSocketError", &[no_handle]);
        assert_eq!(result, Err(Failure::BadArgument));
    }
}

#[test]
fn ranges_outside_the_buffer_are_refused() {
    let mut image = Image::new();
    let (_, client, _) = image.connection();
    let buffer = image.bytes(b"12345678");
    for (start, count) in [(0, 1), (1, 9), (9, 1), (i64::MAX >> 3, i64::MAX >> 3), (10, 0)] {
        for name in ["primitiveSocketSendDataBufCount", "primitiveSocketReceiveDataBufCount"] {
            let result = image.call(name, &[client, buffer, int(start), int(count)]);
            assert_eq!(result, Err(Failure::BadIndex), "{start} {count}");
        }
    }
    let nil = image.vm.heap.nil();
    for (buffer, start, count) in [(buffer, -1, 1), (buffer, 1, -1), (int(3), 1, 1), (nil, 1, 0)] {
        let arguments = [client, buffer, int(start), int(count)];
        let result = image.call("primitiveSocketSendDataBufCount", &arguments);
        assert_eq!(result, Err(Failure::BadArgument));
    }
    // Nothing to read into, or nothing to send: that is no end of the connection.
    for name in ["primitiveSocketSendDataBufCount", "primitiveSocketReceiveDataBufCount"] {
        assert_eq!(image.number(name, &[client, buffer, int(9), int(0)]), 0);
    }
    assert_eq!(image.status(client), CONNECTED);
}

#[test]
fn read_only_buffers_are_left_alone() {
    let mut image = Image::new();
    let (_, client, accepted) = image.connection();
    assert_eq!(image.send(client, b"data"), 4);
    let buffer = image.bytes(b"....");
    let header = image.vm.heap.header(buffer);
    image.vm.heap.set_header(buffer, Header(header.0 | IMMUTABLE_BIT));
    let arguments = [accepted, buffer, int(1), int(4)];
    let result = image.call("primitiveSocketReceiveDataBufCount", &arguments);
    assert_eq!(result, Err(Failure::NoModification));
    assert_eq!(image.contents(buffer), b"....");
    assert_eq!(image.receive(accepted, 31), b"data", "still there");
}

#[test]
fn any_primitive_survives_any_arguments() {
    let mut image = Image::new();
    let live = image.socket(1, 10);
    let bytes = image.bytes(&[0; 24]);
    let nil = image.vm.heap.nil();
    let values = [nil, int(0), int(-1), int(i64::MAX >> 3), live, bytes];
    for (name, _) in MODULE.rows {
        if matches!(*name, "primitiveDisableSocketAccess" | "primitiveResolverStartAddressLookup") {
            continue;
        }
        for count in 0..9 {
            for seed in 0..40_usize {
                let pick = |index: usize| values[(seed * 7 + index * index + seed / 6) % 6];
                let arguments: Vec<Oop> = (0..count).map(pick).collect();
                // Whatever it answers: it must not panic.
                let _ = image.call_on(pick(11), name, &arguments);
            }
        }
    }
}

#[test]
fn without_access_no_sockets_are_made() {
    let mut image = Image::new();
    assert!(image.flag("primitiveHasSocketAccess", &[]));
    image.call("primitiveDisableSocketAccess", &[]).expect("always");
    assert!(!image.flag("primitiveHasSocketAccess", &[]));
    let arguments = [0, 0, 0, 0, 1].map(int);
    let created = image.call("primitiveSocketCreate", &arguments);
    assert_eq!(created, Err(Failure::Inappropriate));
}

#[test]
fn unknown_kinds_of_sockets_are_refused() {
    let mut image = Image::new();
    for (domain, kind) in [(0, 2), (0, -1), (0, 65536), (4, 0), (-1, 1), (i64::MAX >> 3, 0)] {
        let arguments = [domain, kind, 0, 0, 1].map(int);
        assert!(image.call("primitiveSocketCreate", &arguments).is_err());
    }
    // Protocol 1, ICMP, needs privileges: it may fail, too.
    let arguments = [0, 6, 0, 0, 1, 1, 1].map(int);
    let created = image.call("primitiveSocketCreateRAW", &arguments);
    assert_eq!(created, Err(Failure::Unsupported));
}
