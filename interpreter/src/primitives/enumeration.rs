//! Primitives 77, 78, 112, 124, 125, 129, 138, 139, 176–178, 180: the heap as a whole.
//!
//! Source: `InterpreterPrimitives>>#primitiveSomeInstance`, `#primitiveNextInstance`,
//! `#primitiveSomeObject`, `#primitiveNextObject`, `#primitiveAllInstances`, `#primitiveBytesLeft`,
//! `#primitiveGrowMemoryByAtLeast`, `#primitiveLowSpaceSemaphore`, `#primitiveSignalAtBytesLeft`.
//! Spur tenures all objects before a walk; here a [`Walk`] remembers where eden ended instead.

use rowel_objmem::enumerate::Walk;
use rowel_objmem::header::HASH_MASK;
use rowel_objmem::layout::special;
use rowel_objmem::{ClassIndex, Oop};

use super::subject::{integer_operand, object_subject, subject};
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(77, "SomeInstance", some_instance),
    value(78, "NextInstance", next_instance),
    value(112, "BytesLeft", bytes_left),
    value(124, "LowSpaceSemaphore", low_space_semaphore),
    value(125, "SignalAtBytesLeft", signal_at_bytes_left),
    value(129, "SpecialObjectsOop", |vm| Ok(vm.heap.special_objects())),
    value(138, "SomeObject", some_object),
    value(139, "NextObject", next_object),
    value(176, "MaxIdentityHash", |_| Ok(Oop::small_integer(HASH_MASK as i64))),
    value(177, "AllInstances", all_instances),
    value(178, "AllObjects", all_objects),
    value(180, "GrowMemoryByAtLeast", grow_memory),
];

/// The walk that `someInstance` or `someObject` started last.
#[derive(Debug, Default)]
struct CurrentWalk(Walk);

fn start_walk(vm: &mut Vm) -> Walk {
    let walk = vm.heap.start_walk();
    vm.modules.state::<CurrentWalk>().0 = walk;
    walk
}

/// The class index of the instances of `class`, if it has any.
fn class_index_of(vm: &Vm, class: Oop) -> Option<ClassIndex> {
    let index = ClassIndex(vm.heap.header(class).hash());
    (index.0 != 0 && vm.heap.class_at(index) == class).then_some(index)
}

fn some_instance(vm: &mut Vm) -> PrimitiveResult {
    let class = object_subject(vm, 0, Failure::BadReceiver)?;
    let index = class_index_of(vm, class).ok_or(Failure::Generic)?;
    let walk = start_walk(vm);
    let found = vm.heap.next_in_walk(walk, None, |o| vm.heap.has_class_index(o, index));
    found.ok_or(Failure::Generic)
}

fn next_instance(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 0, Failure::Generic)?;
    let index = vm.heap.class_index(object);
    let walk = vm.modules.state::<CurrentWalk>().0;
    let found = vm.heap.next_in_walk(walk, Some(object), |o| vm.heap.has_class_index(o, index));
    found.ok_or(Failure::Generic)
}

fn some_object(vm: &mut Vm) -> PrimitiveResult {
    let walk = start_walk(vm);
    vm.heap.next_in_walk(walk, None, |_| true).ok_or(Failure::Generic)
}

fn next_object(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 0, Failure::BadReceiver)?;
    let walk = vm.modules.state::<CurrentWalk>().0;
    let found = vm.heap.next_in_walk(walk, Some(object), |_| true);
    Ok(found.unwrap_or(Oop::small_integer(0)))
}

fn all_instances(vm: &mut Vm) -> PrimitiveResult {
    let class = object_subject(vm, 0, Failure::BadReceiver)?;
    let found = match class_index_of(vm, class) {
        Some(_) => vm.heap.all_instances(class),
        None => Vec::new(),
    };
    vm.array_object(&found)
}

fn all_objects(vm: &mut Vm) -> PrimitiveResult {
    let found = vm.heap.all_objects();
    vm.array_object(&found)
}

/// Without an argument the free bytes of old space; for nil the largest object that fits there; for
/// a Boolean all free bytes.
fn bytes_left(vm: &mut Vm) -> PrimitiveResult {
    let old = vm.heap.old.free_bytes();
    let bytes = match vm.argument_count {
        0 => old,
        1 if vm.argument(0) == vm.heap.nil() => vm.heap.largest_old_free(),
        1 => {
            vm.boolean_argument(0)?;
            let nursery = &vm.heap.nursery;
            let eden = nursery.eden.limit - nursery.eden.next;
            old + eden + (nursery.past.limit - nursery.past.next)
        }
        _ => return Err(Failure::BadNumArgs),
    };
    vm.unsigned_object(bytes)
}

fn low_space_semaphore(vm: &mut Vm) -> PrimitiveResult {
    let receiver = subject(vm, 1)?;
    let semaphore = vm.heap.follow(vm.stack_value(0));
    let class = vm.heap.special(special::CLASS_SEMAPHORE);
    if semaphore != vm.heap.nil() && vm.heap.class_of(semaphore) != class {
        return Err(Failure::BadArgument);
    }
    vm.heap.set_special(special::THE_LOW_SPACE_SEMAPHORE, semaphore);
    Ok(receiver)
}

fn signal_at_bytes_left(vm: &mut Vm) -> PrimitiveResult {
    let receiver = subject(vm, 1)?;
    let bytes = u64::try_from(integer_operand(vm, 0)?).map_err(|_| Failure::BadArgument)?;
    vm.low_space_threshold = bytes;
    Ok(receiver)
}

fn grow_memory(vm: &mut Vm) -> PrimitiveResult {
    subject(vm, 1)?;
    let bytes = u64::try_from(integer_operand(vm, 0)?).map_err(|_| Failure::BadArgument)?;
    let size = vm.heap.grow_old(bytes).ok_or(Failure::NoMemory)?;
    vm.unsigned_object(size)
}
