//! Primitives 70, 71, 79, 148, 181, 182, 583, 596–599: new objects, copies, and their sizes.
//!
//! Source: `InterpreterPrimitives>>#primitiveNew`, `#primitiveNewWithArg`, `#primitiveNewMethod`,
//! `#primitiveClone`, `#primitiveSizeInBytesOfInstance`, `#primitiveUninitializedNewWithArg`;
//! `Spur64BitMemoryManager>>#instantiateClass:indexableSize:isPinned:isOldSpace:`.

use rowel_objmem::header::{OVERFLOW_SLOTS, PINNED_BIT};
use rowel_objmem::{ClassIndex, Format, Oop};

use crate::context_access::clone_context;
use crate::failure::Failure;
use crate::layout::class;
use crate::method::{self, MethodHeader};
use crate::primitive::{PrimitiveResult, Row, value};
use crate::primitives::subject::{
    index_for_instances, instance_specification, integer_operand, is_context, slots_for,
    specification, subject,
};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(70, "New", new_in_nursery),
    value(71, "NewWithArg", |vm| new_with_size(vm, Place::Nursery)),
    value(79, "NewMethod", new_method),
    value(148, "Clone", clone),
    value(181, "SizeInBytesOfInstance", size_of_instance),
    value(182, "SizeInBytes", size_in_bytes),
    value(583, "UninitializedPinnedNew", uninitialized_pinned_new),
    value(596, "NewOldSpace", |vm| new(vm, Place::Old)),
    value(597, "NewWithArgOldSpace", |vm| new_with_size(vm, Place::Old)),
    value(598, "NewPinned", |vm| new(vm, Place::Pinned)),
    value(599, "NewWithArgPinned", |vm| new_with_size(vm, Place::Pinned)),
];

/// More slots than this are not even tried: 2⁴⁰, as in Spur.
const MOST_SLOTS: u64 = 1 << 40;
/// Bytes of a slot.
const WORD: u64 = 8;

/// Where an object goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// To the nursery unless it is large.
    Nursery,
    /// To old space.
    Old,
    /// To old space, never to move.
    Pinned,
}

/// Whether the instances have named slots only.
fn is_fixed(format: Format) -> bool {
    format <= Format::FIXED || format.is_ephemeron()
}

/// An instance with `slots` slots, its contents nil or zero.
fn instantiate(
    vm: &mut Vm,
    class: ClassIndex,
    format: Format,
    slots: u64,
    place: Place,
) -> PrimitiveResult {
    if slots > MOST_SLOTS {
        return Err(Failure::NoMemory);
    }
    if place == Place::Nursery {
        return vm.heap.allocate_filled(class, format, slots).ok_or(Failure::NoMemory);
    }
    let object = vm.heap.allocate_old(class, format, slots).ok_or(Failure::NoMemory)?;
    let fill = if format.is_pointers() { vm.heap.nil().0 } else { 0 };
    vm.heap.fill(vm.heap.slot_address(object, 0), slots.max(1), fill);
    if place == Place::Pinned {
        vm.heap.set_header(object, vm.heap.header(object).with_flag(PINNED_BIT, true));
    }
    Ok(object)
}

/// Objects with more slots are made the general way.
const FEW_SLOTS: u64 = 8;

fn new_in_nursery(vm: &mut Vm) -> PrimitiveResult {
    match small_instance(vm, vm.stack_value(0)) {
        Some(object) => Ok(object),
        None => new(vm, Place::Nursery),
    }
}

/// The usual case: an instance of a class of the class table, with few slots and all of them named.
#[inline(always)]
fn small_instance(vm: &mut Vm, class: Oop) -> Option<Oop> {
    if class != vm.recent_class {
        let hash = if class.is_pointer() { vm.heap.header(class).hash() } else { 0 };
        if hash == 0 || vm.heap.class_at(ClassIndex(hash)) != class {
            return None;
        }
        instance_specification(&vm.heap, class)?;
        vm.recent_class = class;
    }
    let index = ClassIndex(vm.heap.header(class).hash());
    let (format, slots) = specification(vm.heap.fetch(class, class::FORMAT))?;
    if format > Format::FIXED || slots > FEW_SLOTS {
        return None;
    }
    let nil = vm.heap.nil();
    let object = vm.heap.allocate(index, format, slots)?;
    for slot in 0..slots.max(1) as usize {
        vm.heap.store_unchecked(object, slot, nil);
    }
    Some(object)
}

fn new(vm: &mut Vm, place: Place) -> PrimitiveResult {
    let class = subject(vm, 0)?;
    let (format, fixed) = instance_specification(&vm.heap, class).ok_or(Failure::BadReceiver)?;
    if !is_fixed(format) {
        return Err(Failure::BadReceiver);
    }
    let index = index_for_instances(&mut vm.heap, class)?;
    instantiate(vm, index, format, fixed, place)
}

fn new_with_size(vm: &mut Vm, place: Place) -> PrimitiveResult {
    let class = subject(vm, 1)?;
    let size = vm.unsigned_64_of(vm.stack_value(0)).ok_or(Failure::BadArgument)?;
    let (format, fixed) = instance_specification(&vm.heap, class).ok_or(Failure::BadReceiver)?;
    let elements = if format.is_bits() && format == format.for_elements(0) {
        size
    } else if format.is_indexable_pointers() {
        size.saturating_add(if format == Format::INDEXABLE { 0 } else { fixed })
    } else if is_fixed(format) && size == 0 {
        // Some images have such subclasses of indexable classes.
        fixed
    } else {
        return Err(Failure::BadReceiver);
    };
    let slots = slots_for(format, elements);
    let index = index_for_instances(&mut vm.heap, class)?;
    instantiate(vm, index, format.for_elements(elements), slots, place)
}

fn uninitialized_pinned_new(vm: &mut Vm) -> PrimitiveResult {
    let class = subject(vm, 1)?;
    let specification = instance_specification(&vm.heap, class).ok_or(Failure::BadReceiver)?;
    if !specification.0.is_bits() {
        return Err(Failure::BadReceiver);
    }
    new_with_size(vm, Place::Pinned)
}

fn new_method(vm: &mut Vm) -> PrimitiveResult {
    let class = subject(vm, 2)?;
    let bytecodes = u64::try_from(integer_operand(vm, 1)?).map_err(|_| Failure::BadArgument)?;
    let header = MethodHeader::from_value(integer_operand(vm, 0)?);
    let (format, _) = instance_specification(&vm.heap, class).ok_or(Failure::BadReceiver)?;
    if format != Format::COMPILED_METHOD {
        return Err(Failure::BadReceiver);
    }
    let index = index_for_instances(&mut vm.heap, class)?;
    if bytecodes > MOST_SLOTS {
        return Err(Failure::NoMemory);
    }
    method::allocate(&mut vm.heap, index, header, bytecodes).ok_or(Failure::NoMemory)
}

fn clone(vm: &mut Vm) -> PrimitiveResult {
    let object = subject(vm, 0)?;
    if !object.is_pointer() {
        return Ok(object);
    }
    if is_context(&vm.heap, object) {
        return clone_context(vm, object);
    }
    let slots = vm.heap.slot_count(object);
    let header = vm.heap.header(object);
    let copy = vm.heap.allocate(header.class_index(), header.format(), slots);
    let copy = copy.ok_or(Failure::NoMemory)?;
    let memory = vm.heap.memory();
    memory.copy(memory.slot_address(object, 0), memory.slot_address(copy, 0), slots * WORD);
    let references = memory.pointer_slots(object) as usize;
    if vm.heap.is_young(copy) && !vm.heap.has_forwarders {
        return Ok(copy);
    }
    for index in 0..references {
        let value = memory.follow(memory.fetch(copy, index));
        vm.heap.store(copy, index, value);
    }
    Ok(copy)
}

/// Bytes of an object of `slots` slots, headers included.
fn object_bytes(slots: u64) -> u64 {
    let headers = if slots >= OVERFLOW_SLOTS { 2 * WORD } else { WORD };
    slots.max(1) * WORD + headers
}

fn size_of_instance(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count > 2 {
        return Err(Failure::BadNumArgs);
    }
    let arguments = vm.argument_count.min(1);
    let class = subject(vm, arguments)?;
    let specification = instance_specification(&vm.heap, class);
    if arguments == 0 {
        let (format, fixed) = specification.ok_or(Failure::BadReceiver)?;
        if !is_fixed(format) {
            return Err(Failure::BadReceiver);
        }
        return vm.unsigned_object(object_bytes(fixed));
    }
    let size = u64::try_from(integer_operand(vm, 0)?).map_err(|_| Failure::BadArgument)?;
    let (format, fixed) = specification.ok_or(Failure::BadReceiver)?;
    let elements = if format.is_bits() || format.is_compiled_method() || format == Format::INDEXABLE
    {
        size
    } else if format.is_indexable_pointers() {
        size + fixed
    } else {
        return Err(Failure::BadReceiver);
    };
    vm.unsigned_object(object_bytes(slots_for(format, elements)))
}

fn size_in_bytes(vm: &mut Vm) -> PrimitiveResult {
    let object = subject(vm, 0)?;
    let bytes = if object.is_pointer() { vm.heap.total_bytes(object) } else { 0 };
    vm.unsigned_object(bytes)
}
