//! Primitives 75, 110, 111, 161, 169–171, 175: identity, class, hashes, immediates.
//!
//! Source: `InterpreterPrimitives>>#primitiveIdentityHash`, `#primitiveIdentical`,
//! `#primitiveClass`, `#primitiveHashMultiply`, `#primitiveSetOrHasIdentityHash`,
//! `#primitiveNotIdentical`, `#primitiveAsCharacter`, `#primitiveImmediateAsInteger`,
//! `#primitiveBehaviorHash`.

use rowel_objmem::header::HASH_MASK;
use rowel_objmem::oop::{MOST_CHARACTER, SMALL_INTEGER_TAG, TAG_MASK};
use rowel_objmem::{ClassIndex, Oop};

use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::primitives::subject::{index_for_instances, object_subject, subject};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(75, "IdentityHash", identity_hash),
    value(110, "Identical", identical),
    value(111, "Class", class),
    value(161, "SetOrHasIdentityHash", set_or_has_identity_hash),
    value(169, "NotIdentical", not_identical),
    value(170, "AsCharacter", as_character),
    value(171, "ImmediateAsInteger", immediate_as_integer),
    value(175, "BehaviorHash", behavior_hash),
];

fn identity_hash(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 0, Failure::Generic)?;
    Ok(Oop::small_integer(i64::from(vm.heap.identity_hash(object))))
}

/// The two operands of `==`, which must not be forwarders.
fn identity_operands(vm: &Vm) -> Result<(Oop, Oop), Failure> {
    let one = subject(vm, 1)?;
    let other = vm.stack_value(0);
    if vm.heap.is_forwarded(other) { Err(Failure::BadArgument) } else { Ok((one, other)) }
}

fn identical(vm: &mut Vm) -> PrimitiveResult {
    let (one, other) = identity_operands(vm)?;
    Ok(vm.heap.boolean(one == other))
}

fn not_identical(vm: &mut Vm) -> PrimitiveResult {
    let (one, other) = identity_operands(vm)?;
    Ok(vm.heap.boolean(one != other))
}

fn class(vm: &mut Vm) -> PrimitiveResult {
    // A mirror primitive looks at its last argument.
    let object = subject(vm, 0)?;
    Ok(vm.heap.class_of(object))
}

fn set_or_has_identity_hash(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count == 0 {
        let object = subject(vm, 0)?;
        let has_hash = object.is_pointer() && vm.heap.header(object).hash() != 0;
        return Ok(vm.heap.boolean(has_hash));
    }
    let is_class = vm.argument_count == 2 && vm.boolean_argument(1)?;
    let hash = vm.integer_argument(0)?;
    let object = object_subject(vm, vm.argument_count, Failure::BadReceiver)?;
    let hash = u32::try_from(hash).ok().filter(|hash| u64::from(*hash) <= HASH_MASK);
    let hash = hash.ok_or(Failure::BadArgument)?;
    if is_class {
        return Err(Failure::Unsupported);
    }
    let old = vm.heap.identity_hash(object);
    if vm.heap.class_at(ClassIndex(old)) == object {
        // The hash of a class is its place in the class table.
        return Err(Failure::Inappropriate);
    }
    vm.heap.set_header(object, vm.heap.header(object).with_hash(hash));
    Ok(Oop::small_integer(i64::from(old)))
}

fn as_character(vm: &mut Vm) -> PrimitiveResult {
    let code = subject(vm, 0)?.as_integer().and_then(|code| u32::try_from(code).ok());
    match code.filter(|code| *code <= MOST_CHARACTER) {
        Some(code) => Ok(Oop::character(code)),
        None if vm.argument_count == 0 => Err(Failure::BadReceiver),
        None => Err(Failure::BadArgument),
    }
}

fn immediate_as_integer(vm: &mut Vm) -> PrimitiveResult {
    let value = subject(vm, 0)?;
    if value.is_pointer() {
        return Err(Failure::BadReceiver);
    }
    // Of a float this is the bit pattern, in Spur's rotation.
    Ok(Oop(value.0 & !TAG_MASK | SMALL_INTEGER_TAG))
}

fn behavior_hash(vm: &mut Vm) -> PrimitiveResult {
    let class = object_subject(vm, 0, Failure::BadReceiver)?;
    let index = index_for_instances(&mut vm.heap, class)?;
    Ok(Oop::small_integer(i64::from(index.0)))
}
