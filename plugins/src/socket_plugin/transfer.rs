//! Moving data, and options.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{
    expect_arguments, failure, key_argument, octets_argument, port_argument, size_object,
    with_socket,
};
use crate::socket::address::Address;
use crate::socket::options;

/// A part of a buffer, checked.
struct Part {
    object: Oop,
    /// First byte.
    start: usize,
    /// One past the last byte.
    end: usize,
    /// Bytes of an element.
    unit: usize,
}

impl Part {
    /// The part of the bytes or 32-bit words of argument `index` that starts at element
    /// `argument start` (from 1) and has `argument start + 1` elements.
    fn argument(vm: &Vm, index: usize, start: usize) -> Result<Part, Failure> {
        let object = vm.argument(index);
        let first = vm.size_argument(start)?;
        let count = vm.size_argument(start + 1)?;
        if !object.is_pointer() {
            return Err(Failure::BadArgument);
        }
        let format = vm.heap.format(object);
        if !format.is_bytes() && !format.is_words_32() {
            return Err(Failure::BadArgument);
        }
        let unit = 1 << format.element_shift();
        let elements = vm.heap.element_count(object) as usize;
        let before = first.checked_sub(1).ok_or(Failure::BadIndex)?;
        let after = before.checked_add(count).filter(|after| *after <= elements);
        let after = after.ok_or(Failure::BadIndex)?;
        Ok(Part { object, start: before * unit, end: after * unit, unit })
    }

    fn bytes<'a>(&self, vm: &'a Vm) -> &'a [u8] {
        &vm.heap.bytes(self.object)[self.start..self.end]
    }

    fn bytes_mut<'a>(&self, vm: &'a mut Vm) -> Result<&'a mut [u8], Failure> {
        if vm.heap.header(self.object).is_immutable() {
            return Err(Failure::NoModification);
        }
        Ok(&mut vm.heap.bytes_mut(self.object)[self.start..self.end])
    }

    fn elements(&self, bytes: usize) -> Oop {
        size_object(bytes / self.unit)
    }
}

pub fn data_available(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let available = with_socket(vm, 0, |network, key, socket| socket.data_available(network, key))?;
    Ok(vm.heap.boolean(available))
}

pub fn send_done(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[1])?;
    let done = with_socket(vm, 0, |network, key, socket| socket.send_done(network, key))?;
    Ok(vm.heap.boolean(done))
}

pub fn receive(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[4])?;
    let part = Part::argument(vm, 1, 2)?;
    let (network, key) = key_argument(vm, 0)?;
    let mut table = network.table();
    let socket = table.get(key).ok_or(Failure::Generic)?;
    let count = socket.receive(&network, part.bytes_mut(vm)?).map_err(failure)?;
    Ok(part.elements(count))
}

pub fn send(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[4])?;
    let part = Part::argument(vm, 1, 2)?;
    let (network, key) = key_argument(vm, 0)?;
    let mut table = network.table();
    let socket = table.get(key).ok_or(Failure::Generic)?;
    let count = socket.send(part.bytes(vm)).map_err(failure)?;
    Ok(part.elements(count))
}

/// Answers an Array: elements received, address and port of the sender, and false: there is never
/// more of a datagram.
pub fn receive_datagram(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[4])?;
    let part = Part::argument(vm, 1, 2)?;
    let (network, key) = key_argument(vm, 0)?;
    // All objects are made before the datagram is taken.
    let octets = vm.byte_array_object(&[0; 4])?;
    let zero = Oop::small_integer(0);
    let results = vm.array_object(&[zero, octets, zero, vm.heap.false_object()])?;
    let mut table = network.table();
    let socket = table.get(key).ok_or(Failure::Generic)?;
    let received = socket.receive_datagram(part.bytes_mut(vm)?).map_err(failure)?;
    let (count, sender) = received.map_err(|_| Failure::OsError)?;
    vm.heap.store(results, 0, part.elements(count));
    if let Some(sender) = sender {
        vm.heap.bytes_mut(octets).copy_from_slice(&sender.octets());
        vm.heap.store(results, 2, Oop::small_integer(sender.port().unwrap_or(0).into()));
    }
    Ok(results)
}

pub fn send_datagram(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[6])?;
    let address = Address::v4(octets_argument(vm, 2)?, port_argument(vm, 3)?);
    let part = Part::argument(vm, 1, 4)?;
    let (network, key) = key_argument(vm, 0)?;
    let mut table = network.table();
    let socket = table.get(key).ok_or(Failure::Generic)?;
    let count = socket.send_datagram(part.bytes(vm), &address).map_err(failure)?;
    Ok(part.elements(count))
}

/// Answers an Array: error number 0, and the value.
pub fn get_options(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[2])?;
    let name = vm.bytes_argument(1)?.to_vec();
    let value = with_socket(vm, 0, |_, _, socket| {
        let fd = socket.open_fd().map_err(failure)?;
        let value = options::get(fd, &name).ok_or(Failure::NotFound)?;
        value.map_err(|_| Failure::OsError)
    })??;
    vm.array_object(&[Oop::small_integer(0), Oop::small_integer(value.into())])
}

/// Answers an Array: error number 0, and the number set, or 0 for a structure.
pub fn set_options(vm: &mut Vm) -> PrimitiveResult {
    expect_arguments(vm, &[3])?;
    let (name, text) = (vm.bytes_argument(1)?.to_vec(), vm.bytes_argument(2)?.to_vec());
    let value = options::Value::parse(&text);
    let number = match value {
        options::Value::Number(number) => number,
        options::Value::Bytes(_) => 0,
    };
    let results = vm.array_object(&[Oop::small_integer(0), Oop::small_integer(number.into())])?;
    with_socket(vm, 0, |_, _, socket| {
        let fd = socket.open_fd().map_err(failure)?;
        let set = options::set(fd, &name, value).ok_or(Failure::NotFound)?;
        set.map_err(|_| Failure::OsError)
    })??;
    Ok(results)
}
