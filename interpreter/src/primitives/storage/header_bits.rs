//! Primitives 115, 160, 163, 164, 183, 184: an object's class, whether it is read-only, and whether
//! it is pinned.
//!
//! Source: `InterpreterPrimitives>>#primitiveChangeClass`, `#primitiveAdoptInstance`,
//! `Spur64BitMemoryManager>>#changeClassOf:to:`; `#primitiveSetImmutability`, `#canBeImmutable:`;
//! `#primitiveIsPinned`, `StackInterpreterPrimitives>>#primitivePin`.

use rowel_objmem::header::{IMMUTABLE_BIT, PINNED_BIT};
use rowel_objmem::layout::special;
use rowel_objmem::{Format, Oop};

use crate::failure::Failure;
use crate::layout::{ASSOCIATION_VALUE, scheduler};
use crate::primitive::{PrimitiveResult, Row, value};
use crate::primitives::subject::{
    check_writable, index_for_instances, instance_specification, is_context, object_subject,
    subject,
};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(115, "ChangeClass", change_class),
    value(160, "AdoptInstance", adopt_instance),
    value(163, "GetImmutability", get_immutability),
    value(164, "SetImmutability", set_immutability),
    value(183, "IsPinned", is_pinned),
    value(184, "Pin", pin),
];

fn change_class(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::BadReceiver)?;
    let example = vm.stack_value(0);
    if !example.is_pointer() || vm.heap.is_forwarded(example) {
        return Err(Failure::BadArgument);
    }
    let class = vm.heap.class_of(example);
    set_class(vm, object, class)?;
    Ok(vm.receiver())
}

fn adopt_instance(vm: &mut Vm) -> PrimitiveResult {
    let class = subject(vm, 1)?;
    let object = vm.stack_value(0);
    if !object.is_pointer() || vm.heap.is_forwarded(object) {
        return Err(Failure::BadArgument);
    }
    // Here the class is the receiver.
    set_class(vm, object, class).map_err(|failure| match failure {
        Failure::BadReceiver => Failure::BadArgument,
        Failure::BadArgument => Failure::BadReceiver,
        other => other,
    })?;
    Ok(vm.receiver())
}

/// Make `object` an instance of `class`, whose instances must be built alike.
fn set_class(vm: &mut Vm, object: Oop, class: Oop) -> Result<(), Failure> {
    check_writable(&vm.heap, object)?;
    let specification = instance_specification(&vm.heap, class).ok_or(Failure::BadArgument)?;
    let format = format_as_instance(vm, object, specification)?;
    let index = index_for_instances(&mut vm.heap, class).map_err(|failure| match failure {
        Failure::BadReceiver => Failure::BadArgument,
        other => other,
    })?;
    let header = vm.heap.header(object).with_class_index(index).with_format(format);
    vm.heap.set_header(object, header);
    // Native code that waits may know the class that it was of.
    vm.disturb();
    Ok(())
}

/// The format that the object has as an instance of a class with this specification.
fn format_as_instance(
    vm: &Vm,
    object: Oop,
    (format, fixed): (Format, u64),
) -> Result<Format, Failure> {
    let old = vm.heap.format(object);
    if is_context(&vm.heap, object) {
        return Err(Failure::BadReceiver);
    }
    if format.is_pointers() {
        if !old.is_pointers() {
            return Err(Failure::Inappropriate);
        }
        let slots = vm.heap.slot_count(object);
        let indexable = format.is_indexable_pointers();
        let fits = slots == fixed || indexable && slots > fixed;
        return if fits { Ok(format) } else { Err(Failure::BadReceiver) };
    }
    if format != format.for_elements(0) || !format.is_bits() && !format.is_compiled_method() {
        return Err(Failure::BadArgument);
    }
    if format.is_compiled_method() || old.is_compiled_method() || !old.is_bits() {
        let both = format.is_compiled_method() && old.is_compiled_method();
        return if both { Ok(old) } else { Err(Failure::Inappropriate) };
    }
    let bytes = vm.heap.byte_size(object);
    if !bytes.is_multiple_of(1 << format.element_shift()) {
        return Err(Failure::BadReceiver);
    }
    Ok(format.for_elements(bytes >> format.element_shift()))
}

fn get_immutability(vm: &mut Vm) -> PrimitiveResult {
    let object = subject(vm, 0)?;
    let immutable = !object.is_pointer() || vm.heap.header(object).is_immutable();
    Ok(vm.heap.boolean(immutable))
}

fn set_immutability(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::BadReceiver)?;
    let on = boolean_on_top(vm)?;
    if on && !can_be_immutable(vm, object) {
        return Err(Failure::Inappropriate);
    }
    let header = vm.heap.header(object);
    vm.heap.set_header(object, header.with_flag(IMMUTABLE_BIT, on));
    Ok(vm.heap.boolean(header.is_immutable()))
}

fn boolean_on_top(vm: &Vm) -> Result<bool, Failure> {
    let value = vm.stack_value(0);
    if value == vm.heap.true_object() {
        Ok(true)
    } else if value == vm.heap.false_object() {
        Ok(false)
    } else {
        Err(Failure::BadArgument)
    }
}

/// Not: what the VM itself writes into, that is contexts, weak objects, and all that processes wait
/// in.
fn can_be_immutable(vm: &Vm, object: Oop) -> bool {
    let heap = &vm.heap;
    let format = heap.format(object);
    let instance_of = |entry| heap.class_of(object) == heap.special(entry);
    if is_context(heap, object)
        || format.is_weak()
        || format.is_ephemeron()
        || instance_of(special::CLASS_SEMAPHORE)
        || instance_of(special::CLASS_PROCESS)
    {
        return false;
    }
    let slot = |object: Oop, index: usize| {
        let inside = object.is_pointer() && heap.pointer_slots(object) > index as u64;
        inside.then(|| heap.follow(heap.fetch(object, index)))
    };
    let Some(processor) = slot(heap.special(special::SCHEDULER_ASSOCIATION), ASSOCIATION_VALUE)
    else {
        return true;
    };
    let lists = slot(processor, scheduler::PROCESS_LISTS);
    let class_of = |other: Option<Oop>| other.map(|other| heap.class_index(other));
    let class = Some(heap.class_index(object));
    object != processor
        && Some(object) != lists
        && class != class_of(lists.and_then(|lists| slot(lists, 0)))
        && class != class_of(slot(processor, scheduler::ACTIVE_PROCESS))
}

fn is_pinned(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 0, Failure::BadReceiver)?;
    Ok(vm.heap.boolean(vm.heap.header(object).is_pinned()))
}

fn pin(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::BadReceiver)?;
    let on = boolean_on_top(vm)?;
    let header = vm.heap.header(object);
    if header.is_pinned() && !on {
        vm.heap.set_header(object, header.with_flag(PINNED_BIT, false));
    } else if !header.is_pinned() && on {
        if is_context(&vm.heap, object) {
            return Err(Failure::BadReceiver);
        }
        let was_young = vm.heap.is_young(object);
        vm.heap.pin(object).ok_or(Failure::NoMemory)?;
        if was_young {
            vm.after_become();
        }
    }
    Ok(vm.heap.boolean(header.is_pinned()))
}
