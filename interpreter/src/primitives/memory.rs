//! Primitives 72, 128, 130, 131, 172, 248, 249: collecting garbage, become, mourners.
//!
//! A collection moves objects, so these run as control primitives: at their end nothing holds an oop.
//! Source: `InterpreterPrimitives>>#primitiveFullGC`, `#primitiveIncrementalGC`,
//! `#primitiveArrayBecome…`, `StackInterpreterPrimitives>>#primitiveFetchNextMourner`.

use rowel_objmem::{BecomeError, Oop};

use crate::context::Place;
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, control, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(72, "ArrayBecomeOneWay", become_one_way),
    value(128, "ArrayBecome", become_two_way),
    control(130, "FullGC", full_collection),
    control(131, "IncrementalGC", scavenge),
    value(172, "FetchNextMourner", fetch_mourner),
    value(248, "ArrayBecomeNoCopyHash", become_no_copy_hash),
    value(249, "ArrayBecomeOneWayCopyHash", become_one_way_copy_hash),
];

/// Collect, then answer the bytes that are left.
fn collect(vm: &mut Vm, full: bool) -> Result<(), Failure> {
    vm.collect_garbage(full);
    vm.pop(vm.argument_count + 1);
    let left = Oop::from_integer(vm.heap.bytes_left() as i64);
    vm.push(left.unwrap_or(Oop::small_integer(i64::from(u32::MAX))));
    vm.request_attention();
    Ok(())
}

fn full_collection(vm: &mut Vm) -> Result<(), Failure> {
    collect(vm, true)
}

fn scavenge(vm: &mut Vm) -> Result<(), Failure> {
    collect(vm, false)
}

fn fetch_mourner(vm: &mut Vm) -> PrimitiveResult {
    match vm.heap.next_mourner() {
        Some(mourner) => Ok(mourner),
        // Spur fails when there is none.
        None => Err(Failure::NotFound),
    }
}

fn exchange(vm: &mut Vm, two_way: bool, copy_hash: bool) -> PrimitiveResult {
    let (from, to) = (vm.receiver(), vm.argument(0));
    if has_married_context(vm, from) || has_married_context(vm, to) {
        // A context's identity changes, not the frame that it stands for: let there be no frames.
        vm.write_back();
        let top = vm.divorce_all();
        let outcome = exchange_objects(vm, from, to, two_way, copy_hash);
        if let Err(error) = vm.resume(top) {
            vm.fatal(&format!("the running context became something else: {error}"));
        }
        outcome?;
    } else {
        exchange_objects(vm, from, to, two_way, copy_hash)?;
    }
    Ok(vm.receiver())
}

/// Whether a context that is married to a frame is in the Array `oop`.
pub(super) fn has_married_context(vm: &Vm, oop: Oop) -> bool {
    let array = vm.heap.follow(oop);
    let is_array = array.is_pointer() && vm.heap.format(array).is_indexable_pointers();
    is_array
        && (0..vm.heap.slot_count(array) as usize)
            .any(|index| matches!(vm.place_of(vm.heap.fetch(array, index)), Place::Frame(_)))
}

fn exchange_objects(
    vm: &mut Vm,
    from: Oop,
    to: Oop,
    two_way: bool,
    copy_hash: bool,
) -> Result<(), Failure> {
    // Of those that take over a hash, too.
    let is_data = has_mere_data(vm, from) && has_mere_data(vm, to);
    vm.heap.become_forward(from, to, two_way, copy_hash).map_err(|error| match error {
        BecomeError::BadReceiver => Failure::BadReceiver,
        BecomeError::BadArgument => Failure::BadArgument,
        BecomeError::Inappropriate => Failure::Inappropriate,
        BecomeError::NoModification => Failure::NoModification,
        BecomeError::ObjectIsPinned => Failure::ObjectIsPinned,
        BecomeError::NoMemory => Failure::NoMemory,
    })?;
    if is_data {
        vm.after_become_of_data();
    } else {
        vm.after_become();
    }
    Ok(())
}

/// Whether all elements of the Array `oop` are mere data.
fn has_mere_data(vm: &Vm, oop: Oop) -> bool {
    let array = vm.heap.follow(oop);
    let is_array = array.is_pointer() && vm.heap.format(array).is_indexable_pointers();
    is_array
        && (0..vm.heap.slot_count(array) as usize)
            .all(|index| vm.is_mere_data(vm.heap.fetch(array, index)))
}

fn become_one_way(vm: &mut Vm) -> PrimitiveResult {
    exchange(vm, false, true)
}

fn become_one_way_copy_hash(vm: &mut Vm) -> PrimitiveResult {
    let copy_hash = vm.boolean_argument(1)?;
    exchange(vm, false, copy_hash)
}

fn become_two_way(vm: &mut Vm) -> PrimitiveResult {
    exchange(vm, true, false)
}

fn become_no_copy_hash(vm: &mut Vm) -> PrimitiveResult {
    exchange(vm, false, false)
}
