//! Making and ending connections.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{
    HANDLE_BYTES, accessible_network, address_of, expect_arguments, failure, key_argument, network,
    octets_argument, port_argument, semaphore_argument, with_socket,
};
use crate::socket::address::Address;
use crate::socket::connection;
use crate::socket::network::Network;
use crate::socket::{Kind, Semaphores, Socket, Status};

/// The image's number of the socket type for RAW sockets, which only handles carry.
const RAW_TYPE: i32 = 2;

/// One semaphore for everything, or three, from argument `index` on.
fn semaphores(vm: &Vm, index: usize, three: bool) -> Result<Semaphores, Failure> {
    let connection = semaphore_argument(vm, index)?;
    let (read, write) = if three {
        (semaphore_argument(vm, index + 1)?, semaphore_argument(vm, index + 2)?)
    } else {
        (connection, connection)
    };
    Ok(Semaphores { connection, read, write })
}

/// Keep `socket` and fill in its handle, an object made before so that nothing can fail now.
fn adopt(vm: &mut Vm, network: &Network, handle: Oop, socket: Socket) -> Oop {
    let kind = match socket.kind {
        Kind::Stream => 0,
        Kind::Datagram => 1,
        Kind::Raw => RAW_TYPE,
    };
    let key = network.table().insert(socket);
    let bytes = vm.heap.bytes_mut(handle);
    bytes[..4].copy_from_slice(&network.session.to_le_bytes());
    bytes[4..8].copy_from_slice(&kind.to_le_bytes());
    bytes[8..].copy_from_slice(&key.to_le_bytes());
    handle
}

fn create_socket(vm: &mut Vm, domain: i64, kind: Kind, three: bool) -> PrimitiveResult {
    vm.integer_argument(2)?;
    vm.integer_argument(3)?;
    let semaphores = semaphores(vm, 4, three)?;
    let network = accessible_network(vm)?;
    let handle = vm.byte_array_object(&[0; HANDLE_BYTES])?;
    let fd = connection::create(domain, kind).map_err(failure)?;
    Ok(adopt(vm, &network, handle, Socket::new(fd, kind, semaphores)))
}

/// Stream or datagram, by the image's number.
fn kind_argument(vm: &Vm, index: usize) -> Result<Kind, Failure> {
    match vm.integer_argument(index)? {
        0 => Ok(Kind::Stream),
        1 => Ok(Kind::Datagram),
        _ => Err(Failure::Unsupported),
    }
}

pub fn create(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[5])?;
    create_socket(vm, vm.integer_argument(0)?, kind_argument(vm, 1)?, false)
}

pub fn create_3_semaphores(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[7])?;
    create_socket(vm, vm.integer_argument(0)?, kind_argument(vm, 1)?, true)
}

/// The network type is not used: raw sockets are IPv4. The only protocol is 1, ICMP.
pub fn create_raw(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[7])?;
    vm.integer_argument(0)?;
    if vm.integer_argument(1)? != 1 {
        return Err(Failure::Unsupported);
    }
    create_socket(vm, 0, Kind::Raw, true)
}

fn accept_connection(vm: &mut Vm, three: bool) -> PrimitiveResult {
    vm.integer_argument(1)?;
    vm.integer_argument(2)?;
    let semaphores = semaphores(vm, 3, three)?;
    let handle = vm.byte_array_object(&[0; HANDLE_BYTES])?;
    let accepted =
        with_socket(vm, 0, |network, key, server| server.accept(network, key, semaphores))?;
    let network = network(vm)?;
    Ok(adopt(vm, &network, handle, accepted.map_err(failure)?))
}

pub fn accept(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[4])?;
    accept_connection(vm, false)
}

pub fn accept_3_semaphores(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[6])?;
    accept_connection(vm, true)
}

/// Socket, port, and perhaps backlog and address of the interface.
pub fn listen_on_port(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[2, 3, 4])?;
    let port = port_argument(vm, 1)?;
    let backlog = if vm.argument_count > 2 { vm.integer_argument(2)? } else { 1 };
    let interface = if vm.argument_count > 3 { octets_argument(vm, 3)? } else { [0; 4] };
    accessible_network(vm)?;
    with_socket(vm, 0, |network, key, socket| {
        socket.listen_on(network, key, (interface, port), backlog)
    })?
    .map_err(failure)?;
    Ok(vm.receiver())
}

pub fn listen(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[2])?;
    let backlog = vm.integer_argument(1)?;
    accessible_network(vm)?;
    with_socket(vm, 0, |network, key, socket| socket.listen(network, key, backlog))?
        .map_err(failure)?;
    Ok(vm.receiver())
}

fn bind_to_address(vm: &mut Vm, address: &Address) -> PrimitiveResult {
    with_socket(vm, 0, |_, _, socket| socket.bind(address))?.map_err(failure)?;
    Ok(vm.receiver())
}

pub fn bind(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[2])?;
    let address = address_of(vm, vm.argument(1))?;
    bind_to_address(vm, &address)
}

pub fn bind_to_port(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[3])?;
    let address = Address::v4(octets_argument(vm, 1)?, port_argument(vm, 2)?);
    bind_to_address(vm, &address)
}

fn connect_to_address(vm: &mut Vm, address: &Address) -> PrimitiveResult {
    accessible_network(vm)?;
    with_socket(vm, 0, |network, key, socket| socket.connect(network, key, address))?
        .map_err(failure)?;
    Ok(vm.receiver())
}

pub fn connect(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[2])?;
    let address = address_of(vm, vm.argument(1))?;
    connect_to_address(vm, &address)
}

pub fn connect_to_port(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[3])?;
    let address = Address::v4(octets_argument(vm, 1)?, port_argument(vm, 2)?);
    connect_to_address(vm, &address)
}

pub fn close(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    // Dropped after the lock is.
    let _fd = with_socket(vm, 0, |_, _, socket| socket.close(true))?;
    Ok(vm.receiver())
}

pub fn abort(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let _fd = with_socket(vm, 0, |_, _, socket| socket.close(false))?;
    Ok(vm.receiver())
}

pub fn destroy(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let (network, key) = key_argument(vm, 0)?;
    let mut socket = network.table().remove(key).ok_or(Failure::Generic)?;
    drop(socket.close(false));
    // As in Cog, the handle leads nowhere from now on. The key does not, either.
    if let Some(bytes) = vm.bytes_of_mut(vm.argument(0)) {
        bytes[8..].fill(0);
    }
    Ok(vm.receiver())
}

pub fn status(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    match with_socket(vm, 0, |_, _, socket| socket.status)? {
        Status::Invalid => Err(Failure::Generic),
        status => Ok(Oop::small_integer(status as i64)),
    }
}

pub fn error(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let error = with_socket(vm, 0, |_, _, socket| socket.error)?;
    Ok(Oop::small_integer(error.into()))
}
