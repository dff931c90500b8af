//! The primitives as an image calls them, on real sockets of the loopback interface.

mod connections;
mod datagrams;
mod misuse;
mod names;

use std::time::{Duration, Instant};

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::{Heap, Oop};

use super::MODULE;

/// Semaphore of the resolver.
const RESOLVER: i64 = 9;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

const UNCONNECTED: i64 = 0;
const WAITING: i64 = 1;
const CONNECTED: i64 = 2;
const OTHER_END_CLOSED: i64 = 3;

/// A VM as an image uses it, and the semaphores that were signalled.
struct Image {
    vm: Vm,
    signalled: Vec<usize>,
}

impl Image {
    /// With the network initialized.
    fn new() -> Image {
        let mut image = Image::without_network();
        image.call("primitiveInitializeNetwork", &[int(RESOLVER)]).expect("a network");
        image
    }

    fn without_network() -> Image {
        let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let zone = heap.stack_zone();
        let mut vm = Vm::new(heap, zone);
        vm.modules.add(&[MODULE]);
        Image { vm, signalled: Vec::new() }
    }

    fn call_on(&mut self, receiver: Oop, name: &str, arguments: &[Oop]) -> PrimitiveResult {
        let primitive = self.vm.modules.find(b"SocketPlugin", name.as_bytes());
        self.vm.apply(primitive.expect("a primitive of this name"), receiver, arguments)
    }

    fn call(&mut self, name: &str, arguments: &[Oop]) -> PrimitiveResult {
        self.call_on(self.vm.heap.nil(), name, arguments)
    }

    fn number(&mut self, name: &str, arguments: &[Oop]) -> i64 {
        let result = self.call(name, arguments).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        result.as_integer().expect("a number")
    }

    fn flag(&mut self, name: &str, arguments: &[Oop]) -> bool {
        self.call(name, arguments).expect("a Boolean") == self.vm.heap.true_object()
    }

    fn bytes(&mut self, bytes: &[u8]) -> Oop {
        self.vm.byte_array_object(bytes).expect("memory")
    }

    fn contents(&self, object: Oop) -> Vec<u8> {
        self.vm.bytes_of(object).expect("bytes").to_vec()
    }

    /// A socket of type `kind` with semaphores `first`, `first + 1` and `first + 2`.
    fn socket(&mut self, kind: i64, first: i64) -> Oop {
        let arguments = [0, kind, 8000, 8000, first, first + 1, first + 2].map(int);
        self.call("primitiveSocketCreate3Semaphores", &arguments).expect("a socket")
    }

    fn status(&mut self, socket: Oop) -> i64 {
        self.number("primitiveSocketConnectionStatus", &[socket])
    }

    /// Wait until external semaphore `index` is signalled, and forget that it was.
    fn wait_for_signal(&mut self, index: usize) {
        let start = Instant::now();
        loop {
            self.signalled.extend(self.vm.signals.take());
            if let Some(at) = self.signalled.iter().position(|signal| *signal == index) {
                self.signalled.remove(at);
                return;
            }
            assert!(start.elapsed() < PATIENCE, "semaphore {index}: {:?}", self.signalled);
            self.vm.signals.sleep(Duration::from_millis(200));
        }
    }

    /// Let `socket` listen on a free port of the loopback interface; answers the port.
    fn listen(&mut self, socket: Oop, backlog: i64) -> i64 {
        let loopback = self.bytes(&LOOPBACK);
        let arguments = [socket, int(0), int(backlog), loopback];
        self.call("primitiveSocketListenOnPortBacklogInterface", &arguments).expect("a port");
        let port = self.number("primitiveSocketLocalPort", &[socket]);
        assert!(port > 0);
        port
    }

    fn connect(&mut self, socket: Oop, port: i64) {
        let loopback = self.bytes(&LOOPBACK);
        self.call("primitiveSocketConnectToPort", &[socket, loopback, int(port)]).expect("started");
    }

    /// A listening socket, a client and the server's end of their connection, with semaphores from
    /// 10, 20 and 30.
    fn connection(&mut self) -> (Oop, Oop, Oop) {
        let server = self.socket(0, 10);
        let port = self.listen(server, 5);
        let client = self.socket(0, 20);
        self.connect(client, port);
        self.wait_for_signal(10);
        self.wait_for_signal(20);
        let accepted = self.accept(server).expect("a connection");
        (server, client, accepted)
    }

    fn accept(&mut self, server: Oop) -> PrimitiveResult {
        let arguments = [server, int(8000), int(8000), int(30), int(31), int(32)];
        self.call("primitiveSocketAccept3Semaphores", &arguments)
    }

    fn send(&mut self, socket: Oop, data: &[u8]) -> i64 {
        let data_object = self.bytes(data);
        let arguments = [socket, data_object, int(1), int(data.len() as i64)];
        self.number("primitiveSocketSendDataBufCount", &arguments)
    }

    /// Receive once, waiting for the read semaphore where nothing is there.
    fn receive(&mut self, socket: Oop, read_semaphore: usize) -> Vec<u8> {
        let buffer = self.bytes(&[0; 4096]);
        for _ in 0..100 {
            if self.flag("primitiveSocketReceiveDataAvailable", &[socket]) {
                let arguments = [socket, buffer, int(1), int(4096)];
                let count = self.number("primitiveSocketReceiveDataBufCount", &arguments);
                return self.contents(buffer)[..count as usize].to_vec();
            }
            self.wait_for_signal(read_semaphore);
        }
        panic!("nothing came");
    }
}

fn int(value: i64) -> Oop {
    Oop::small_integer(value)
}

#[test]
fn primitives_before_the_network_is_initialized_fail() {
    let mut image = Image::without_network();
    let arguments = [0, 0, 8000, 8000, 1].map(int);
    assert_eq!(image.call("primitiveSocketCreate", &arguments), Err(Failure::Generic));
    assert_eq!(image.number("primitiveResolverStatus", &[]), 0);
    image.call("primitiveInitializeNetwork", &[int(RESOLVER)]).expect("a network");
    image.call("primitiveInitializeNetwork", &[int(RESOLVER)]).expect("and again");
    assert_eq!(image.number("primitiveResolverStatus", &[]), 1);
    assert!(image.call("primitiveSocketCreate", &arguments).is_ok());
}
