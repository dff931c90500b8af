//! The arguments and the environment of this process.
//!
//! Of the environment the image sees and changes a copy, [`Environment`].

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use rowel_interpreter::environment::Environment;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;

use super::c_string;

/// How to make an object of bytes.
type Maker = fn(&mut Vm, &[u8]) -> PrimitiveResult;

/// Element `index` argument (from 1) of a list; nil outside.
fn answer_nth(vm: &mut Vm, list: &[Vec<u8>], make: Maker) -> PrimitiveResult {
    let index = vm.integer_argument(0)?;
    let index = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
    match index.and_then(|index| list.get(index)) {
        Some(bytes) => make(vm, bytes),
        None => Ok(vm.heap.nil()),
    }
}

fn nth_argument(vm: &mut Vm, make: Maker) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let arguments: Vec<_> = std::env::args_os().map(OsString::into_vec).collect();
    answer_nth(vm, &arguments, make)
}

fn nth_variable(vm: &mut Vm, make: Maker) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let variables = vm.modules.state::<Environment>().variables().iter();
    let lines: Vec<_> = variables.map(|(name, value)| [name, &b"="[..], value].concat()).collect();
    answer_nth(vm, &lines, make)
}

fn variable(vm: &mut Vm, make: Maker) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let name = c_string(vm, 0)?;
    let value = vm.modules.state::<Environment>().get(&name).map(<[u8]>::to_vec);
    make(vm, &value.ok_or(Failure::Generic)?)
}

/// The n-th argument of the process (from 1), or nil.
pub(super) fn argument_at(vm: &mut Vm) -> PrimitiveResult {
    nth_argument(vm, Vm::string_object)
}

/// The n-th argument as a ByteArray.
pub(super) fn argument_at_as_bytes(vm: &mut Vm) -> PrimitiveResult {
    nth_argument(vm, Vm::byte_array_object)
}

/// The n-th variable (from 1) as `NAME=value`, or nil.
pub(super) fn at(vm: &mut Vm) -> PrimitiveResult {
    nth_variable(vm, Vm::string_object)
}

/// The n-th variable as a ByteArray.
pub(super) fn at_as_bytes(vm: &mut Vm) -> PrimitiveResult {
    nth_variable(vm, Vm::byte_array_object)
}

/// The value of a variable (name).
pub(super) fn at_symbol(vm: &mut Vm) -> PrimitiveResult {
    variable(vm, Vm::string_object)
}

/// The value of a variable as a ByteArray.
pub(super) fn at_symbol_as_bytes(vm: &mut Vm) -> PrimitiveResult {
    variable(vm, Vm::byte_array_object)
}

/// Set a variable (`NAME=value`); the argument. Without a `=` it removes the variable, as in glibc.
pub(super) fn put(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let line = c_string(vm, 0)?;
    let split = line.iter().position(|byte| *byte == b'=');
    if line.is_empty() || split == Some(0) {
        return Err(Failure::Generic);
    }
    let environment = vm.modules.state::<Environment>();
    match split {
        Some(at) => environment.set(&line[..at], &line[at + 1..]),
        None => environment.remove(&line),
    }
    Ok(vm.argument(0))
}

/// Remove a variable (name).
pub(super) fn unset(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let name = c_string(vm, 0)?;
    vm.modules.state::<Environment>().remove(&name);
    Ok(vm.receiver())
}
