//! Addresses, ports and names: of sockets, and from the resolver.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{
    ADDRESS_HEADER_BYTES, address_of, expect_arguments, network, octets_argument, size_object,
    state, store_address, with_socket, writable_bytes,
};
use crate::socket::address::Address;
use crate::socket::resolver::{self, AddressInfo, LONGEST_NAME, Wish};
use crate::socket::{Kind, Socket};

/// Flag of the image: hosts and services are numbers.
const NUMERIC: i64 = 1;
/// Flag of the image: the address is to listen on.
const PASSIVE: i64 = 2;

fn octets_object(vm: &mut Vm, address: Option<&Address>) -> PrimitiveResult {
    vm.byte_array_object(&address.map_or([0; 4], Address::octets))
}

fn port_object(address: Option<&Address>) -> Oop {
    Oop::small_integer(address.and_then(Address::port).unwrap_or(0).into())
}

fn address_bytes(address: &Address) -> i64 {
    (ADDRESS_HEADER_BYTES + address.to_bytes().len()) as i64
}

/// The address where the socket of argument 0 is bound.
fn local(vm: &mut Vm, arguments: usize) -> Result<Option<Address>, Failure> {
    expect_arguments(vm, &[arguments])?;
    with_socket(vm, 0, |_, _, socket| socket.local_address())
}

/// The address that the socket of argument 0 talks to.
fn remote(vm: &mut Vm) -> Result<Option<Address>, Failure> {
    expect_arguments(vm, &[1])?;
    with_socket(vm, 0, |_, _, socket| socket.remote_address())
}

pub fn local_address(vm: &mut Vm) -> PrimitiveResult {
    let address = local(vm, 1)?;
    octets_object(vm, address.as_ref())
}

pub fn local_port(vm: &mut Vm) -> PrimitiveResult {
    Ok(port_object(local(vm, 1)?.filter(|address| matches!(address, Address::V4(_))).as_ref()))
}

pub fn local_address_size(vm: &mut Vm) -> PrimitiveResult {
    let size = local(vm, 1)?.as_ref().map_or(0, address_bytes);
    Ok(Oop::small_integer(size))
}

pub fn local_address_result(vm: &mut Vm) -> PrimitiveResult {
    let address = local(vm, 2)?.ok_or(Failure::Generic)?;
    store_address(vm, vm.argument(1), &address, false)
}

pub fn remote_address(vm: &mut Vm) -> PrimitiveResult {
    let address = remote(vm)?;
    octets_object(vm, address.as_ref())
}

pub fn remote_port(vm: &mut Vm) -> PrimitiveResult {
    Ok(port_object(remote(vm)?.filter(|address| matches!(address, Address::V4(_))).as_ref()))
}

/// The size of the SocketAddress that the next primitive fills in; −1 when there is none.
pub fn remote_address_size(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let size = with_socket(vm, 0, |_, _, socket| {
        if socket.kind == Kind::Stream {
            socket.peer = socket.remote_address();
            socket.peer_is_news = socket.peer.is_some();
        }
        news(socket).map_or(-1, address_bytes)
    })?;
    Ok(Oop::small_integer(size))
}

/// The peer, while it may be fetched.
fn news(socket: &Socket) -> Option<&Address> {
    socket.peer.as_ref().filter(|_| socket.peer_is_news)
}

pub fn remote_address_result(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[2])?;
    let address = with_socket(vm, 0, |_, _, socket| news(socket).cloned())?;
    let result = store_address(vm, vm.argument(1), &address.ok_or(Failure::Generic)?, false)?;
    with_socket(vm, 0, |_, _, socket| socket.peer_is_news = false)?;
    Ok(result)
}

pub fn address_get_port(vm: &mut Vm) -> PrimitiveResult {
    let port = address_of(vm, vm.receiver())?.port().ok_or(Failure::Generic)?;
    Ok(Oop::small_integer(port.into()))
}

/// As in Cog, of a number that is too large the low 16 bits count.
pub fn address_set_port(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let port = vm.integer_argument(0)? as u16;
    let receiver = vm.receiver();
    let address = address_of(vm, receiver)?.with_port(port).ok_or(Failure::Generic)?;
    store_address(vm, receiver, &address, true)
}

pub fn resolver_status(vm: &mut Vm) -> PrimitiveResult {
    let state = state(vm);
    let uninitialized = state.session.is_none();
    let status = if uninitialized { 0 } else { state.resolver.status() as i64 };
    Ok(Oop::small_integer(status))
}

pub fn resolver_error(vm: &mut Vm) -> PrimitiveResult {
    let error = state(vm).resolver.lookup().error;
    Ok(Oop::small_integer(error.into()))
}

pub fn abort_lookup(vm: &mut Vm) -> PrimitiveResult {
    state(vm).resolver.abort();
    Ok(vm.receiver())
}

pub fn start_name_lookup(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let name = vm.bytes_argument(0)?.to_vec();
    let network = network(vm)?;
    let started = state(vm).resolver.start_name_lookup(network.signaller(), &name);
    started.map_err(|_| Failure::OsError)?;
    Ok(vm.receiver())
}

pub fn name_lookup_result(vm: &mut Vm) -> PrimitiveResult {
    let address = state(vm).resolver.lookup().address;
    vm.byte_array_object(&address)
}

pub fn start_address_lookup(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let address = octets_argument(vm, 0)?;
    let network = network(vm)?;
    let started = state(vm).resolver.start_address_lookup(network.signaller(), address);
    started.map_err(|_| Failure::OsError)?;
    Ok(vm.receiver())
}

pub fn address_lookup_result(vm: &mut Vm) -> PrimitiveResult {
    let name = state(vm).resolver.lookup().name.clone();
    vm.string_object(&name)
}

pub fn machine_address(vm: &mut Vm) -> PrimitiveResult {
    vm.byte_array_object(&resolver::local_address())
}

/// Fill the String of argument 0, which is long enough, with `name`.
fn store_name(vm: &mut Vm, name: &[u8]) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let bytes = writable_bytes(vm, vm.argument(0))?;
    bytes.get_mut(..name.len()).ok_or(Failure::BadArgument)?.copy_from_slice(name);
    Ok(vm.receiver())
}

pub fn host_name_size(_vm: &mut Vm) -> PrimitiveResult {
    Ok(size_object(resolver::host_name().len()))
}

pub fn host_name_result(vm: &mut Vm) -> PrimitiveResult {
    store_name(vm, &resolver::host_name())
}

/// Host, service, flags, family, type and protocol.
pub fn get_address_info(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[6])?;
    let (host, service) = (vm.bytes_argument(0)?.to_vec(), vm.bytes_argument(1)?.to_vec());
    let number = |index, end| {
        let number = vm.integer_argument(index)?;
        if (0..end).contains(&number) { Ok(number) } else { Err(Failure::BadArgument) }
    };
    let flags = vm.integer_argument(2)?;
    let wish = Wish {
        numeric: flags & NUMERIC != 0,
        passive: flags & PASSIVE != 0,
        family: number(3, 4)?,
        kind: number(4, 3)?,
        protocol: number(5, 3)?,
    };
    if host.len() > LONGEST_NAME || service.len() > LONGEST_NAME {
        return Err(Failure::BadArgument);
    }
    let network = network(vm)?;
    let resolver = &mut state(vm).resolver;
    resolver.get_address_info(&host, &service, wish);
    network.signal(resolver.semaphore);
    Ok(vm.receiver())
}

/// What `getaddrinfo` answered first and was not passed over yet.
fn current(vm: &mut Vm) -> Option<&AddressInfo> {
    state(vm).resolver.infos.last()
}

/// The size of the SocketAddress that the next primitive fills in; −1 when there is none.
pub fn address_info_size(vm: &mut Vm) -> PrimitiveResult {
    let size = current(vm).map_or(-1, |info| address_bytes(&info.address));
    Ok(Oop::small_integer(size))
}

pub fn address_info_result(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let address = current(vm).ok_or(Failure::Generic)?.address.clone();
    store_address(vm, vm.argument(0), &address, true)
}

pub fn address_info_family(vm: &mut Vm) -> PrimitiveResult {
    let info = current(vm).ok_or(Failure::Generic)?;
    Ok(Oop::small_integer(resolver::family_number(&info.address)))
}

pub fn address_info_type(vm: &mut Vm) -> PrimitiveResult {
    let kind = match current(vm).ok_or(Failure::Generic)?.kind {
        Some(Kind::Stream) => 1,
        Some(Kind::Datagram) => 2,
        _ => 0,
    };
    Ok(Oop::small_integer(kind))
}

pub fn address_info_protocol(vm: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(current(vm).ok_or(Failure::Generic)?.protocol))
}

pub fn address_info_next(vm: &mut Vm) -> PrimitiveResult {
    let infos = &mut state(vm).resolver.infos;
    infos.pop();
    let more = !infos.is_empty();
    Ok(vm.heap.boolean(more))
}

/// A SocketAddress and flags.
pub fn get_name_info(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[2])?;
    let numeric = vm.integer_argument(1)? & NUMERIC != 0;
    state(vm).resolver.names = None;
    let address = address_of(vm, vm.argument(0))?;
    let network = network(vm)?;
    let resolver = &mut state(vm).resolver;
    resolver.get_name_info(&address, numeric).map_err(|_| Failure::OperationFailed)?;
    network.signal(resolver.semaphore);
    Ok(vm.receiver())
}

fn names(vm: &mut Vm) -> Result<(String, String), Failure> {
    state(vm).resolver.names.clone().ok_or(Failure::Generic)
}

pub fn name_info_host_size(vm: &mut Vm) -> PrimitiveResult {
    Ok(size_object(names(vm)?.0.len()))
}

pub fn name_info_host_result(vm: &mut Vm) -> PrimitiveResult {
    let (host, _) = names(vm)?;
    store_name(vm, host.as_bytes())
}

pub fn name_info_service_size(vm: &mut Vm) -> PrimitiveResult {
    Ok(size_object(names(vm)?.1.len()))
}

pub fn name_info_service_result(vm: &mut Vm) -> PrimitiveResult {
    let (_, service) = names(vm)?;
    store_name(vm, service.as_bytes())
}
