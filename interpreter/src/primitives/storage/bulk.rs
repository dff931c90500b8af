//! Primitives 105, 145, 156, 158, 168: many elements of an object at once.
//!
//! Source: `InterpreterPrimitives>>#primitiveStringReplace`, `#primitiveConstantFillSpur`,
//! `#primitiveStringCompareWith`, `#primitiveCopyObject`; `StackInterpreter>>#primitiveCompareBytes`.

use rowel_objmem::{Format, Oop};

use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::primitives::elements;
use crate::primitives::subject::{
    Shape, check_writable, integer_operand, is_context, object_subject, subject,
};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(105, "StringReplace", replace),
    value(145, "ConstantFill", constant_fill),
    value(156, "CompareBytes", compare_bytes),
    value(158, "StringCompareWith", compare_with),
    value(168, "CopyObject", copy_object),
];

/// The format without the bits for unused bytes; weak arrays count as arrays.
fn kind(format: Format) -> Format {
    if format.is_weak() { Format::INDEXABLE } else { format.for_elements(0) }
}

/// `replaceFrom: start to: stop with: other startingAt: first`: element by element in ascending
/// order, so that a part of an object which is moved up over itself repeats, as in Spur.
fn replace(vm: &mut Vm) -> PrimitiveResult {
    let target = object_subject(vm, 4, Failure::BadReceiver)?;
    let (start, stop) = (integer_operand(vm, 3)?, integer_operand(vm, 2)?);
    let (source, first) = (vm.stack_value(1), integer_operand(vm, 0)?);
    if !source.is_pointer() || vm.heap.is_forwarded(source) {
        return Err(Failure::BadArgument);
    }
    if stop >= start {
        check_writable(&vm.heap, target)?;
    }
    let (into, from) = (Shape::of(&vm.heap, target), Shape::of(&vm.heap, source));
    if kind(into.format) != kind(from.format)
        || into.format.is_compiled_method()
        || is_context(&vm.heap, target)
        || is_context(&vm.heap, source)
    {
        return Err(Failure::Inappropriate);
    }
    let fits = |start: i64, stop: i64, shape: Shape| {
        start >= 1 && start - 1 <= stop && stop <= (shape.length - shape.fixed) as i64
    };
    let last = stop.checked_sub(start).and_then(|more| first.checked_add(more));
    if !fits(start, stop, into) || !last.is_some_and(|last| fits(first, last, from)) {
        return Err(Failure::BadIndex);
    }
    let to = into.fixed as usize + start as usize - 1;
    let from = from.fixed as usize + first as usize - 1;
    move_elements(vm, (source, from), (target, to), (stop - start + 1) as usize);
    Ok(vm.receiver())
}

fn move_elements(vm: &mut Vm, source: (Oop, usize), target: (Oop, usize), count: usize) {
    let repeats = source.0 == target.0 && source.1 < target.1 && target.1 < source.1 + count;
    let format = vm.heap.format(target.0);
    let needs_barrier = format.is_pointers() && !vm.heap.is_young(target.0);
    let memory = vm.heap.memory();
    if needs_barrier {
        for index in 0..count {
            let value = memory.fetch(source.0, source.1 + index);
            vm.heap.store(target.0, target.1 + index, value);
        }
    } else if repeats {
        for index in 0..count {
            let value = elements::unsigned(&vm.heap, source.0, source.1 + index);
            elements::set(&vm.heap, target.0, target.1 + index, value);
        }
    } else {
        let shift = format.element_shift();
        let at =
            |place: (Oop, usize)| memory.slot_address(place.0, 0).plus((place.1 as u64) << shift);
        memory.copy(at(source), at(target), (count as u64) << shift);
    }
}

fn constant_fill(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::Generic)?;
    let format = vm.heap.format(object);
    if !format.is_bits() {
        return Err(Failure::Generic);
    }
    let value = vm.unsigned_64_of(vm.stack_value(0)).ok_or(Failure::Generic)?;
    elements::unsigned_value(vm, format, vm.stack_value(0)).map_err(|_| Failure::Generic)?;
    check_writable(&vm.heap, object)?;
    let bytes = value.to_ne_bytes();
    let pattern = &bytes[..1 << format.element_shift()];
    if let [byte] = pattern {
        vm.heap.bytes_mut(object).fill(*byte);
    } else {
        for element in vm.heap.bytes_mut(object).chunks_exact_mut(pattern.len()) {
            element.copy_from_slice(pattern);
        }
    }
    Ok(vm.receiver())
}

fn compare_bytes(vm: &mut Vm) -> PrimitiveResult {
    let one = subject(vm, 1)?;
    let other = vm.stack_value(0);
    if one == other {
        return Ok(vm.heap.true_object());
    }
    if !one.is_pointer() || !other.is_pointer() {
        return Err(Failure::Generic);
    }
    let format = vm.heap.format(one);
    if !format.is_bits() || kind(format) != kind(vm.heap.format(other)) {
        return Err(Failure::Generic);
    }
    Ok(vm.heap.boolean(vm.heap.bytes(one) == vm.heap.bytes(other)))
}

fn compare_with(vm: &mut Vm) -> PrimitiveResult {
    let order = match vm.argument_count {
        1 => None,
        2 => Some(vm.bytes_argument(1)?.first_chunk::<256>().ok_or(Failure::BadArgument)?),
        _ => return Err(Failure::BadNumArgs),
    };
    if order.is_some() && vm.bytes_argument(1)?.len() != 256 {
        return Err(Failure::BadArgument);
    }
    let one = vm.bytes_of(vm.receiver()).ok_or(Failure::BadArgument)?;
    let other = vm.bytes_argument(0)?;
    let rank = |byte: u8| i64::from(order.map_or(byte, |order| order[usize::from(byte)]));
    let differences = one.iter().zip(other).map(|(a, b)| rank(*a) - rank(*b));
    let difference = differences.into_iter().find(|difference| *difference != 0);
    let result = difference.unwrap_or(one.len() as i64 - other.len() as i64);
    Ok(Oop::small_integer(result))
}

fn copy_object(vm: &mut Vm) -> PrimitiveResult {
    let target = object_subject(vm, 1, Failure::BadReceiver)?;
    let source = vm.stack_value(0);
    let same_class = source.is_pointer()
        && vm.heap.header(source).class_index() == vm.heap.header(target).class_index();
    if !same_class {
        return Err(Failure::BadArgument);
    }
    let (into, from) = (vm.heap.format(target), vm.heap.format(source));
    if is_context(&vm.heap, target) || !(into.is_pointers() || into.is_bits()) {
        return Err(Failure::BadReceiver);
    }
    if into != from || vm.heap.slot_count(target) != vm.heap.slot_count(source) {
        return Err(Failure::BadArgument);
    }
    check_writable(&vm.heap, target)?;
    let count = vm.heap.element_count(target) as usize;
    move_elements(vm, (source, 0), (target, 0), count);
    // A mirror primitive answers the receiver of the message.
    Ok(vm.receiver())
}
