//! SocketPlugin: sockets and name resolution for the image, on top of [`crate::socket`].
//!
//! A socket handle is a ByteArray of 16 bytes, as in Cog: session, type, and the key of the socket
//! in the session's table where Cog has a pointer. A SocketAddress holds session, size and the bytes
//! of the system's structure. Sources: VMMaker's `SocketPlugin`, `SocketPlugin.h`, `sqUnixSocket.c`.

mod connection;
mod naming;
#[cfg(test)]
mod tests;
mod transfer;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::session;
use crate::socket::Socket;
use crate::socket::address::Address;
use crate::socket::connection::Problem;
use crate::socket::network::{Network, Session};
use crate::socket::resolver::Resolver;
use crate::socket::table::Table;

/// Bytes of a socket handle.
const HANDLE_BYTES: usize = 16;
/// Bytes of a SocketAddress before the system's structure.
const ADDRESS_HEADER_BYTES: usize = 8;

type Function = fn(&mut Vm) -> PrimitiveResult;

const fn row(name: &'static str, function: Function) -> NamedRow {
    (name, Primitive::Value(function))
}

/// The module.
pub const MODULE: Module = Module {
    name: "SocketPlugin",
    rows: &[
        row("primitiveInitializeNetwork", initialize_network),
        row("primitiveHasSocketAccess", has_socket_access),
        row("primitiveDisableSocketAccess", disable_socket_access),
        row("primitiveSocketCreate", connection::create),
        row("primitiveSocketCreate3Semaphores", connection::create_3_semaphores),
        row("primitiveSocketCreateRAW", connection::create_raw),
        row("primitiveSocketAccept", connection::accept),
        row("primitiveSocketAccept3Semaphores", connection::accept_3_semaphores),
        row("primitiveSocketListenOnPort", connection::listen_on_port),
        row("primitiveSocketListenOnPortBacklog", connection::listen_on_port),
        row("primitiveSocketListenWithOrWithoutBacklog", connection::listen_on_port),
        row("primitiveSocketListenOnPortBacklogInterface", connection::listen_on_port),
        row("primitiveSocketListenWithBacklog", connection::listen),
        row("primitiveSocketBindTo", connection::bind),
        row("primitiveSocketBindToPort", connection::bind_to_port),
        row("primitiveSocketConnectTo", connection::connect),
        row("primitiveSocketConnectToPort", connection::connect_to_port),
        row("primitiveSocketCloseConnection", connection::close),
        row("primitiveSocketAbortConnection", connection::abort),
        row("primitiveSocketDestroy", connection::destroy),
        row("primitiveSocketConnectionStatus", connection::status),
        row("primitiveSocketError", connection::error),
        row("primitiveSocketLocalAddress", naming::local_address),
        row("primitiveSocketLocalPort", naming::local_port),
        row("primitiveSocketLocalAddressSize", naming::local_address_size),
        row("primitiveSocketLocalAddressResult", naming::local_address_result),
        row("primitiveSocketRemoteAddress", naming::remote_address),
        row("primitiveSocketRemotePort", naming::remote_port),
        row("primitiveSocketRemoteAddressSize", naming::remote_address_size),
        row("primitiveSocketRemoteAddressResult", naming::remote_address_result),
        row("primitiveSocketAddressGetPort", naming::address_get_port),
        row("primitiveSocketAddressSetPort", naming::address_set_port),
        row("primitiveSocketReceiveDataAvailable", transfer::data_available),
        row("primitiveSocketReceiveDataBufCount", transfer::receive),
        row("primitiveSocketReceiveUDPDataBufCount", transfer::receive_datagram),
        row("primitiveSocketSendDone", transfer::send_done),
        row("primitiveSocketSendDataBufCount", transfer::send),
        row("primitiveSocketSendUDPDataBufCount", transfer::send_datagram),
        row("primitiveSocketGetOptions", transfer::get_options),
        row("primitiveSocketSetOptions", transfer::set_options),
        row("primitiveResolverStatus", naming::resolver_status),
        row("primitiveResolverError", naming::resolver_error),
        row("primitiveResolverAbortLookup", naming::abort_lookup),
        row("primitiveResolverStartNameLookup", naming::start_name_lookup),
        row("primitiveResolverNameLookupResult", naming::name_lookup_result),
        row("primitiveResolverStartAddressLookup", naming::start_address_lookup),
        row("primitiveResolverAddressLookupResult", naming::address_lookup_result),
        row("primitiveResolverLocalAddress", naming::machine_address),
        row("primitiveResolverHostNameSize", naming::host_name_size),
        row("primitiveResolverHostNameResult", naming::host_name_result),
        row("primitiveResolverGetAddressInfo", naming::get_address_info),
        row("primitiveResolverGetAddressInfoSize", naming::address_info_size),
        row("primitiveResolverGetAddressInfoResult", naming::address_info_result),
        row("primitiveResolverGetAddressInfoFamily", naming::address_info_family),
        row("primitiveResolverGetAddressInfoType", naming::address_info_type),
        row("primitiveResolverGetAddressInfoProtocol", naming::address_info_protocol),
        row("primitiveResolverGetAddressInfoNext", naming::address_info_next),
        row("primitiveResolverGetNameInfo", naming::get_name_info),
        row("primitiveResolverGetNameInfoHostSize", naming::name_info_host_size),
        row("primitiveResolverGetNameInfoHostResult", naming::name_info_host_result),
        row("primitiveResolverGetNameInfoServiceSize", naming::name_info_service_size),
        row("primitiveResolverGetNameInfoServiceResult", naming::name_info_service_result),
    ],
};

/// What the module remembers.
#[derive(Debug, Default)]
struct State {
    session: Option<Session>,
    resolver: Resolver,
    access_disabled: bool,
}

fn state(vm: &mut Vm) -> &mut State {
    vm.modules.state()
}

/// The session's network; a failure before it is initialized.
fn network(vm: &mut Vm) -> Result<Arc<Network>, Failure> {
    let session = state(vm).session.as_ref().ok_or(Failure::Generic)?;
    Ok(session.network().clone())
}

/// The network, where the image may still make sockets and connections.
fn accessible_network(vm: &mut Vm) -> Result<Arc<Network>, Failure> {
    if state(vm).access_disabled { Err(Failure::Inappropriate) } else { network(vm) }
}

fn expect_arguments(vm: &Vm, counts: &[usize]) -> Result<(), Failure> {
    if counts.contains(&vm.argument_count) { Ok(()) } else { Err(Failure::BadNumArgs) }
}

fn failure(problem: Problem) -> Failure {
    match problem {
        Problem::Inappropriate => Failure::Generic,
        Problem::System(_) => Failure::OsError,
    }
}

fn initialize_network(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let semaphore = semaphore_argument(vm, 0)?;
    if state(vm).session.is_none() {
        let session = Session::start(session::number(), vm.signals.signaller());
        let state = state(vm);
        state.session = Some(session.map_err(|_| Failure::OsError)?);
        state.resolver.semaphore = semaphore;
    }
    Ok(vm.receiver())
}

fn has_socket_access(vm: &mut Vm) -> PrimitiveResult {
    let allowed = !state(vm).access_disabled;
    Ok(vm.heap.boolean(allowed))
}

fn disable_socket_access(vm: &mut Vm) -> PrimitiveResult {
    state(vm).access_disabled = true;
    Ok(vm.receiver())
}

/// The index of an external semaphore; 0 for none.
fn semaphore_argument(vm: &Vm, index: usize) -> Result<usize, Failure> {
    Ok(usize::try_from(vm.integer_argument(index)?).unwrap_or(0))
}

/// A port number.
fn port_argument(vm: &Vm, index: usize) -> Result<u16, Failure> {
    u16::try_from(vm.integer_argument(index)?).map_err(|_| Failure::BadArgument)
}

/// An IPv4 address: a ByteArray of four.
fn octets_argument(vm: &Vm, index: usize) -> Result<[u8; 4], Failure> {
    vm.bytes_argument(index)?.try_into().map_err(|_| Failure::BadArgument)
}

/// The key of the socket whose handle is argument `index`, and the network that it is of.
fn key_argument(vm: &mut Vm, index: usize) -> Result<(Arc<Network>, u64), Failure> {
    let handle = vm.bytes_argument(index)?;
    let handle: [u8; HANDLE_BYTES] = handle.try_into().map_err(|_| Failure::BadArgument)?;
    let (session, key) = (&handle[..4], &handle[8..]);
    let network = network(vm)?;
    if session != network.session.to_le_bytes() {
        return Err(Failure::Generic);
    }
    let key = key.try_into().map_or(0, u64::from_le_bytes);
    Ok((network, key))
}

/// Do something with the socket whose handle is argument `index`, holding the table's lock.
fn with_socket<T>(
    vm: &mut Vm,
    index: usize,
    action: impl FnOnce(&Network, u64, &mut Socket) -> T,
) -> Result<T, Failure> {
    let (network, key) = key_argument(vm, index)?;
    let mut table = network.table();
    let socket = table.get(key).ok_or(Failure::Generic)?;
    Ok(action(&network, key, socket))
}

/// The session's network, if there is one: its table is locked for a fork.
pub(crate) fn network_to_fork(vm: &mut Vm) -> Option<Arc<Network>> {
    network(vm).ok()
}

/// Go on in the child of a fork with the sockets of `table`, which was the session's. Their thread
/// starts anew; the old session is leaked, as its end would wait for a thread that is gone.
pub(crate) fn after_fork_in_child(vm: &mut Vm, table: Option<Table>) {
    let signaller = vm.signals.signaller();
    let state = state(vm);
    state.resolver.after_fork_in_child();
    if let (Some(old), Some(table)) = (state.session.take(), table) {
        let number = old.network().session;
        std::mem::forget(old);
        // Without descriptors or threads the child has no network, as before it is initialized.
        state.session = Session::with_table(number, signaller, table).ok();
    }
}

/// The descriptor of the socket whose handle is argument `index`, for AioPlugin.
///
/// # Errors
/// [`Failure::Generic`] when it is closed or no socket.
pub(crate) fn descriptor_argument(vm: &mut Vm, index: usize) -> Result<RawFd, Failure> {
    let fd = with_socket(vm, index, |_, _, socket| socket.fd.as_ref().map(AsRawFd::as_raw_fd));
    fd.map_err(|_| Failure::Generic)?.ok_or(Failure::Generic)
}

/// Do something with the descriptor `number`, if it is a socket's.
pub(crate) fn with_descriptor<T>(
    vm: &mut Vm,
    number: RawFd,
    action: impl FnOnce(BorrowedFd<'_>) -> T,
) -> Option<T> {
    let network = network(vm).ok()?;
    let table = network.table();
    let mut descriptors = table.sockets().filter_map(|socket| socket.fd.as_ref());
    descriptors.find(|fd| fd.as_raw_fd() == number).map(|fd| action(fd.as_fd()))
}

/// The address that a SocketAddress of this session holds.
fn address_of(vm: &mut Vm, object: Oop) -> Result<Address, Failure> {
    let session = network(vm)?.session;
    let bytes = vm.bytes_of(object).ok_or(Failure::BadArgument)?;
    let (header, structure) =
        bytes.split_first_chunk::<ADDRESS_HEADER_BYTES>().ok_or(Failure::BadArgument)?;
    let size = structure.len() as u32;
    if header[..4] != session.to_le_bytes() || header[4..] != size.to_le_bytes() {
        return Err(Failure::Generic);
    }
    Address::from_bytes(structure).ok_or(Failure::BadArgument)
}

/// Fill the SocketAddress `object` with `address`; it has room for more bytes where `roomy`.
fn store_address(vm: &mut Vm, object: Oop, address: &Address, roomy: bool) -> PrimitiveResult {
    let session = network(vm)?.session;
    let structure = address.to_bytes();
    let bytes = writable_bytes(vm, object)?;
    let size = ADDRESS_HEADER_BYTES + structure.len();
    if bytes.len() < size || !roomy && bytes.len() != size {
        return Err(Failure::BadArgument);
    }
    bytes[..4].copy_from_slice(&session.to_le_bytes());
    bytes[4..ADDRESS_HEADER_BYTES].copy_from_slice(&(structure.len() as u32).to_le_bytes());
    bytes[ADDRESS_HEADER_BYTES..size].copy_from_slice(&structure);
    Ok(vm.receiver())
}

/// The bytes of a byte object, to change.
fn writable_bytes(vm: &mut Vm, object: Oop) -> Result<&mut [u8], Failure> {
    if vm.bytes_of(object).is_none() {
        return Err(Failure::BadArgument);
    }
    vm.bytes_of_mut(object).ok_or(Failure::NoModification)
}

/// A size as a SmallInteger.
fn size_object(size: usize) -> Oop {
    Oop::small_integer(size as i64)
}
