//! Primitives 68, 69, 73, 74, 132, 173, 174: slots by number, and the literals of compiled code.
//!
//! Source: `InterpreterPrimitives>>#primitiveObjectAt`, `#primitiveObjectAtPut`,
//! `StackInterpreterPrimitives>>#primitiveInstVarAt`, `#primitiveSlotAt`, their `Put`, and
//! `#primitiveObjectPointsTo`.

use rowel_objmem::Oop;

use crate::context_access::{context_inst_var, context_size, set_context_inst_var};
use crate::failure::Failure;
use crate::layout::context;
use crate::method::{self, MethodHeader};
use crate::primitive::{PrimitiveResult, Row, value};
use crate::primitives::elements;
use crate::primitives::subject::{
    Shape, check_writable, integer_operand, is_context, object_subject, subject,
};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(68, "ObjectAt", object_at),
    value(69, "ObjectAtPut", object_at_put),
    value(73, "InstVarAt", inst_var_at),
    value(74, "InstVarAtPut", inst_var_at_put),
    value(132, "ObjectPointsTo", points_to),
    value(173, "SlotAt", slot_at),
    value(174, "SlotAtPut", slot_at_put),
];

/// An index from 1 as one from 0 below `limit`.
fn place(index: i64, limit: u64) -> Result<usize, Failure> {
    let place = index.checked_sub(1).and_then(|place| u64::try_from(place).ok());
    place.filter(|place| *place < limit).map(|place| place as usize).ok_or(Failure::BadIndex)
}

/// The compiled code that a primitive with `arguments` arguments works on.
fn method_subject(vm: &Vm, arguments: usize) -> Result<Oop, Failure> {
    let object = subject(vm, arguments)?;
    let is_code = method::is_well_formed(vm.heap.memory(), object);
    if is_code { Ok(object) } else { Err(Failure::BadReceiver) }
}

fn object_at(vm: &mut Vm) -> PrimitiveResult {
    let method = method_subject(vm, 1)?;
    let place = place(integer_operand(vm, 0)?, vm.heap.pointer_slots(method))?;
    Ok(vm.heap.fetch(method, place))
}

fn object_at_put(vm: &mut Vm) -> PrimitiveResult {
    let method = method_subject(vm, 2)?;
    let (index, value) = (integer_operand(vm, 1)?, vm.stack_value(0));
    if index == 1 {
        check_method_header(vm, method, value)?;
    }
    check_writable(&vm.heap, method)?;
    let place = place(index, vm.heap.pointer_slots(method))?;
    vm.heap.store(method, place, value);
    vm.method_changed(method);
    Ok(value)
}

/// A new header may change everything but the number of literals, which says what is a reference.
fn check_method_header(vm: &Vm, method: Oop, value: Oop) -> Result<(), Failure> {
    let new = MethodHeader::from_value(value.as_integer().ok_or(Failure::BadArgument)?);
    let same = new.num_literals() == method::header(vm.heap.memory(), method).num_literals();
    if same && new.num_args() <= new.num_temps() { Ok(()) } else { Err(Failure::BadArgument) }
}

fn inst_var_at(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::Inappropriate)?;
    let index = integer_operand(vm, 0)?;
    let place = place(index, named(vm, object))?;
    if is_context(&vm.heap, object) {
        return context_inst_var(vm, object, place);
    }
    Ok(vm.heap.fetch(object, place))
}

fn inst_var_at_put(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 2, Failure::BadReceiver)?;
    let index = integer_operand(vm, 1)?;
    check_writable(&vm.heap, object)?;
    let place = place(index, named(vm, object))?;
    put_slot(vm, object, place, vm.stack_value(0))
}

fn put_slot(vm: &mut Vm, object: Oop, place: usize, value: Oop) -> PrimitiveResult {
    if is_context(&vm.heap, object) {
        return set_context_inst_var(vm, object, place, value);
    }
    vm.heap.store(object, place, value);
    Ok(value)
}

/// Number of named slots.
fn named(vm: &Vm, object: Oop) -> u64 {
    Shape::of(&vm.heap, object).fixed
}

/// Where slot `index` (from 1, named ones first) is.
fn slot_place(vm: &Vm, object: Oop, index: i64) -> Result<usize, Failure> {
    let shape = Shape::of(&vm.heap, object);
    place(index, shape.length)
}

/// Fail for objects whose slots have no numbers: compiled code mixes references and bytes.
fn check_has_slots(vm: &Vm, object: Oop) -> Result<(), Failure> {
    let format = vm.heap.format(object);
    if format.is_compiled_method() {
        Err(Failure::Unsupported)
    } else if format.is_pointers() || format.is_bits() {
        Ok(())
    } else {
        Err(Failure::BadReceiver)
    }
}

fn slot_at(vm: &mut Vm) -> PrimitiveResult {
    let object = subject(vm, 1)?;
    let index = integer_operand(vm, 0)?;
    if !object.is_pointer() {
        return Err(Failure::BadReceiver);
    }
    check_has_slots(vm, object)?;
    let place = slot_place(vm, object, index)?;
    if is_context(&vm.heap, object) {
        return context_inst_var(vm, object, place);
    }
    elements::read(vm, object, place)
}

fn slot_at_put(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 2, Failure::BadReceiver)?;
    let (index, value) = (integer_operand(vm, 1)?, vm.stack_value(0));
    check_writable(&vm.heap, object)?;
    check_has_slots(vm, object)?;
    let format = vm.heap.format(object);
    if format.is_pointers() {
        let place = slot_place(vm, object, index)?;
        return put_slot(vm, object, place, value);
    }
    elements::unsigned_value(vm, format, value)?;
    let place = slot_place(vm, object, index)?;
    elements::write(vm, object, place, value)
}

fn points_to(vm: &mut Vm) -> PrimitiveResult {
    let object = subject(vm, 1)?;
    let thing = vm.heap.follow(vm.stack_value(0));
    let found = object.is_pointer() && refers_to(vm, object, thing)?;
    Ok(vm.heap.boolean(found))
}

fn refers_to(vm: &mut Vm, object: Oop, thing: Oop) -> Result<bool, Failure> {
    if !is_context(&vm.heap, object) {
        let slots = vm.heap.pointer_slots(object) as usize;
        return Ok((0..slots).any(|slot| vm.heap.follow(vm.heap.fetch(object, slot)) == thing));
    }
    let size = context_size(vm, object)?.as_integer().unwrap_or(0);
    for slot in 0..context::FIRST_TEMP + size as usize {
        if context_inst_var(vm, object, slot)? == thing {
            return Ok(true);
        }
    }
    Ok(false)
}
