//! ChannelPlugin: channels for the image.
//!
//! The receiver of each primitive is a Channel, which holds the handle of its end in its first slot. None of
//! them blocks the isolate: what cannot be done now fails, and the image waits on a semaphore that it has
//! asked to have signalled. Codes of failure that callers tell apart: `NotFound` for an empty channel,
//! `LimitExceeded` for a full one, `Inappropriate` for a closed one, `BadReceiver` for a handle that means
//! nothing, `BadArgument` for what cannot travel, `Unsupported` for a message of which the image has to find
//! parts ([`missing`]), `OperationFailed` for one that cannot be received at all. `primitiveChannelProblem`
//! says it in words.

mod patience;
mod ports;
#[cfg(test)]
mod tests;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rustc_hash::FxHashSet;

pub use self::ports::Ports;
use self::ports::{Pending, Port};
use crate::channel::{Channel, MOST_CAPACITY, NotReceived, NotSent, Until};
use crate::message::{Border, Message, Missing, NotArrived, Place, decode, encode};

const fn row(name: &'static str, function: fn(&mut Vm) -> PrimitiveResult) -> NamedRow {
    (name, Primitive::Value(function))
}

/// The module.
pub const MODULE: Module = Module {
    name: "ChannelPlugin",
    rows: &[
        row("primitiveChannelCapacity", capacity),
        row("primitiveChannelClose", close),
        row("primitiveChannelIdentity", identity),
        row("primitiveChannelIsClosed", is_closed),
        row("primitiveChannelMissing", missing),
        row("primitiveChannelNamed", named),
        row("primitiveChannelNew", new),
        row("primitiveChannelProblem", problem),
        row("primitiveChannelReceive", receive),
        row("primitiveChannelRelease", release),
        row("primitiveChannelResolve", resolve),
        row("primitiveChannelSend", send),
        row("primitiveChannelSize", size),
        row("primitiveChannelUnwatch", unwatch),
        row("primitiveChannelWatch", watch),
    ],
};

/// What the image has to find, as numbers for [`missing`].
const SYMBOL: i64 = 1;
const CLASS: i64 = 2;
const METACLASS: i64 = 3;
const METHOD: i64 = 4;
const METACLASS_METHOD: i64 = 5;
const VARIABLE: i64 = 6;
const METACLASS_VARIABLE: i64 = 7;

fn border(vm: &mut Vm) -> &mut Border {
    vm.modules.state()
}

/// Callers may have one more argument: what to do when the primitive fails.
fn expect_arguments(vm: &Vm, count: usize) -> Result<(), Failure> {
    let counts = count..=count + 1;
    if counts.contains(&vm.argument_count) { Ok(()) } else { Err(Failure::BadNumArgs) }
}

/// The handle that the receiver holds.
#[inline]
fn handle(vm: &Vm) -> Result<i64, Failure> {
    let receiver = vm.receiver();
    let has_slots = vm.heap.has_slot(receiver, 0);
    let handle = if has_slots { vm.heap.fetch(receiver, 0).as_integer() } else { None };
    handle.ok_or(Failure::BadReceiver)
}

#[inline]
fn port(vm: &mut Vm) -> Result<&mut Port, Failure> {
    let handle = handle(vm)?;
    border(vm).ports.port(handle).ok_or(Failure::BadReceiver)
}

fn channel(vm: &mut Vm) -> Result<Channel<Message>, Failure> {
    Ok(port(vm)?.channel.clone())
}

/// The class of the receiver is one of ends of channels.
fn note_class(vm: &mut Vm) -> Result<(), Failure> {
    let receiver = vm.receiver();
    if !vm.heap.has_slot(receiver, 0) {
        return Err(Failure::BadReceiver);
    }
    let class = vm.heap.header(receiver).class_index();
    border(vm).note_channel_class(class);
    Ok(())
}

fn new_handle(vm: &mut Vm, channel: Channel<Message>) -> PrimitiveResult {
    note_class(vm)?;
    sweep_if_many(vm);
    match border(vm).ports.add(channel) {
        0 => Err(Failure::LimitExceeded),
        handle => Ok(Oop::small_integer(handle)),
    }
}

/// Forget the handles that no object holds any more, when there are many.
fn sweep_if_many(vm: &mut Vm) {
    let border: &mut Border = vm.modules.state();
    if !border.ports.wants_sweep() {
        return;
    }
    let mut held = FxHashSet::default();
    vm.heap.each_object(|object| {
        if border.is_channel_class(vm.heap.header(object).class_index()) {
            held.extend(vm.heap.slots(object).first().and_then(|slot| Oop(*slot).as_integer()));
        }
    });
    border.ports.sweep(|handle| held.contains(&handle));
}

/// `primNew: capacity`: the handle of an end of a new channel.
fn new(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, 1)?;
    let capacity = vm.size_argument(0)?;
    if !(1..=MOST_CAPACITY).contains(&capacity) {
        return Err(Failure::BadArgument);
    }
    new_handle(vm, Channel::bounded(capacity))
}

/// `primNamed: name`: the handle of an end of a channel that the isolate was given.
fn named(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, 1)?;
    let name = String::from_utf8_lossy(vm.bytes_argument(0)?).into_owned();
    let channel = border(vm).ports.granted(&name).cloned().ok_or(Failure::NotFound)?;
    new_handle(vm, channel)
}

fn release(vm: &mut Vm) -> PrimitiveResult {
    let handle = handle(vm)?;
    if border(vm).ports.release(handle) { Ok(vm.receiver()) } else { Err(Failure::BadReceiver) }
}

fn close(vm: &mut Vm) -> PrimitiveResult {
    let was_open = channel(vm)?.close();
    Ok(vm.heap.boolean(was_open))
}

fn is_closed(vm: &mut Vm) -> PrimitiveResult {
    let closed = port(vm)?.channel.is_closed();
    Ok(vm.heap.boolean(closed))
}

fn size(vm: &mut Vm) -> PrimitiveResult {
    let size = port(vm)?.channel.len();
    vm.integer_object(size as i64)
}

fn capacity(vm: &mut Vm) -> PrimitiveResult {
    let capacity = port(vm)?.channel.capacity();
    vm.integer_object(capacity as i64)
}

fn identity(vm: &mut Vm) -> PrimitiveResult {
    let identity = port(vm)?.channel.identity();
    vm.unsigned_object(identity as u64)
}

/// Why the last failure was, in words.
fn problem(vm: &mut Vm) -> PrimitiveResult {
    let text = std::mem::take(&mut border(vm).problem);
    vm.string_object(text.as_bytes())
}

/// `trySend: anObject`
fn send(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, 1)?;
    let (handle, object) = (handle(vm)?, vm.argument(0));
    let border: &mut Border = vm.modules.state();
    let port = border.ports.port(handle).ok_or(Failure::BadReceiver)?;
    // What cannot be sent now need not be copied now.
    let channel = port.channel.clone();
    let room = || if channel.is_full() && !channel.is_closed() { None } else { Some(()) };
    if room().is_none() && port.patience.wait(&vm.stack_limit, room).is_none() {
        return Err(Failure::LimitExceeded);
    }
    if channel.is_closed() {
        return Err(Failure::Inappropriate);
    }
    let message = encode(&vm.heap, border, object).map_err(|problem| {
        border.problem = problem.to_string();
        Failure::BadArgument
    })?;
    match channel.try_send(message) {
        Ok(()) => {
            border.ports.sent += 1;
            Ok(object)
        }
        Err(NotSent::Full(_)) => Err(Failure::LimitExceeded),
        Err(NotSent::Closed(_)) => Err(Failure::Inappropriate),
    }
}

/// `tryReceive`
fn receive(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, 0)?;
    let handle = handle(vm)?;
    let border: &mut Border = vm.modules.state();
    let port = border.ports.port(handle).ok_or(Failure::BadReceiver)?;
    let mut message = port.channel.try_receive();
    if matches!(message, Err(NotReceived::Empty)) {
        let look = || match port.channel.try_receive() {
            Err(NotReceived::Empty) => None,
            outcome => Some(outcome),
        };
        let found = port.patience.wait(&vm.stack_limit, look);
        message = found.unwrap_or(Err(NotReceived::Empty));
    }
    match message {
        Ok(message) => {
            border.ports.received += 1;
            arrive(vm, handle, message, &[])
        }
        Err(NotReceived::Empty) => Err(Failure::NotFound),
        Err(NotReceived::Closed) => Err(Failure::Inappropriate),
    }
}

/// The objects of a message that came to the port `handle`; or it waits there until the image has found its
/// parts, or memory.
fn arrive(vm: &mut Vm, handle: i64, message: Message, found: &[(Place, Oop)]) -> PrimitiveResult {
    if message.has_channels() {
        sweep_if_many(vm);
    }
    let border: &mut Border = vm.modules.state();
    let problem = match decode(&mut vm.heap, border, &message, found) {
        Ok(object) => return Ok(object),
        Err(problem) => problem,
    };
    let (failure, missing) = match problem {
        NotArrived::Missing(missing) => (Failure::Unsupported, missing),
        NotArrived::NoMemory => (Failure::NoMemory, Vec::new()),
        NotArrived::Unknown(_) => {
            border.problem = problem.to_string();
            return Err(Failure::OperationFailed);
        }
    };
    let ticket = border.ports.ticket();
    if let Some(port) = border.ports.port(handle) {
        port.pending.push_back(Pending { ticket, message, missing });
    }
    Err(failure)
}

/// An Array with a ticket, then for each part to be found in a message that was received an Array: the kind,
/// the name, and the class's name of a method or variable. The image answers by [`resolve`].
fn missing(vm: &mut Vm) -> PrimitiveResult {
    let pending = port(vm)?.pending.pop_front().ok_or(Failure::NotFound)?;
    let mut parts = vec![Oop::small_integer(pending.ticket)];
    for (_, what) in &pending.missing {
        let made = part(vm, what);
        match made {
            Ok(part) => parts.push(part),
            Err(problem) => {
                port(vm)?.pending.push_front(pending);
                return Err(problem);
            }
        }
    }
    let array = vm.array_object(&parts);
    // Found by its ticket from now on.
    port(vm)?.pending.push_back(pending);
    array
}

fn part(vm: &mut Vm, what: &Missing) -> PrimitiveResult {
    let meta = |class: &crate::message::ClassName, plain, of_meta| {
        if class.meta { of_meta } else { plain }
    };
    let (kind, name, class) = match what {
        Missing::Symbol(name) => (SYMBOL, &**name, None),
        Missing::Class(class) => (meta(class, CLASS, METACLASS), &*class.name, None),
        Missing::Method(class, selector) => {
            (meta(class, METHOD, METACLASS_METHOD), &**selector, Some(&*class.name))
        }
        Missing::Variable(class, name) => {
            (meta(class, VARIABLE, METACLASS_VARIABLE), &**name, Some(&*class.name))
        }
    };
    let mut fields = vec![Oop::small_integer(kind), vm.string_object(name)?];
    if let Some(class) = class {
        fields.push(vm.string_object(class)?);
    }
    vm.array_object(&fields)
}

/// `primResolve: ticket with: anArray`: the message of the ticket, with what the image has found for each part
/// that was missing, nil for nothing.
fn resolve(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, 2)?;
    let ticket = vm.integer_argument(0)?;
    let found = vm.argument(1);
    if !found.is_pointer() || !vm.heap.format(found).is_indexable_pointers() {
        return Err(Failure::BadArgument);
    }
    let found: Vec<Oop> = vm.heap.slots(found).iter().map(|word| Oop(*word)).collect();
    let handle = handle(vm)?;
    let port = port(vm)?;
    let pending = port.pending.iter().position(|pending| pending.ticket == ticket);
    let index = pending.ok_or(Failure::NotFound)?;
    if port.pending[index].missing.len() != found.len() {
        return Err(Failure::BadArgument);
    }
    let Some(pending) = port.pending.remove(index) else { return Err(Failure::NotFound) };
    let found: Vec<_> = pending.missing.iter().map(|missing| missing.0).zip(found).collect();
    arrive(vm, handle, pending.message, &found)
}

/// What is waited for: 1 for something to receive, 2 for room.
fn until_argument(vm: &Vm) -> Result<Until, Failure> {
    match vm.integer_argument(0)? {
        1 => Ok(Until::Receivable),
        2 => Ok(Until::Sendable),
        _ => Err(Failure::BadArgument),
    }
}

/// `primWatch: what semaphore: index`: have the external semaphore signalled, once, when it is worth trying
/// again. The image tries again after this, and waits then.
fn watch(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, 2)?;
    let (until, semaphore) = (until_argument(vm)?, vm.size_argument(1)?);
    let signaller = vm.signals.signaller();
    port(vm)?.watch(until, semaphore, signaller);
    Ok(vm.receiver())
}

/// `primUnwatch: what semaphore: index`
fn unwatch(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, 2)?;
    let (until, semaphore) = (until_argument(vm)?, vm.size_argument(1)?);
    port(vm)?.unwatch(until, semaphore);
    Ok(vm.receiver())
}
