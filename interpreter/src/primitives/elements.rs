//! Elements of bits objects as numbers: 8, 16, 32 or 64 bits wide as the object's format says.
//!
//! Indices count from 0 and have been checked. Must not know who asks. Source:
//! `StackInterpreter>>#subscript:with:format:`, `#subscript:with:storing:format:`.

use rowel_objmem::{Format, Heap, Oop};

use crate::failure::Failure;
use crate::primitive::PrimitiveResult;
use crate::vm::Vm;

/// Bits of an element.
const fn width(format: Format) -> u32 {
    8 << format.element_shift()
}

/// Element `index` as an unsigned number.
pub fn unsigned(heap: &Heap, object: Oop, index: usize) -> u64 {
    match heap.format(object).element_shift() {
        0 => u64::from(heap.fetch_byte(object, index)),
        1 => u64::from(heap.fetch_u16(object, index)),
        2 => u64::from(heap.fetch_u32(object, index)),
        _ => heap.fetch_u64(object, index),
    }
}

/// Element `index` as a number in two's complement.
pub fn signed(heap: &Heap, object: Oop, index: usize) -> i64 {
    let unused = 64 - width(heap.format(object));
    (unsigned(heap, object, index) << unused) as i64 >> unused
}

/// Write the low bits of `value`.
pub fn set(heap: &Heap, object: Oop, index: usize, value: u64) {
    match heap.format(object).element_shift() {
        0 => heap.store_byte(object, index, value as u8),
        1 => heap.store_element_u16(object, index, value as u16),
        2 => heap.store_element_u32(object, index, value as u32),
        _ => heap.store_u64(object, index, value),
    }
}

/// The number that `value` stands for, when an element of `format` can hold it unsigned.
pub fn unsigned_value(vm: &Vm, format: Format, value: Oop) -> Result<u64, Failure> {
    let number = vm.unsigned_64_of(value).ok_or(Failure::BadArgument)?;
    let fits = number >> (width(format) - 1) >> 1 == 0;
    if fits { Ok(number) } else { Err(Failure::BadArgument) }
}

/// The number that `value` stands for, when an element of `format` can hold it in two's complement.
pub fn signed_value(vm: &Vm, format: Format, value: Oop) -> Result<i64, Failure> {
    let number = vm.signed_64_of(value).ok_or(Failure::BadArgument)?;
    let unused = 64 - width(format);
    if number << unused >> unused == number { Ok(number) } else { Err(Failure::BadArgument) }
}

/// What Smalltalk sees in element `index`: a reference, or a non-negative Integer. May allocate.
pub fn read(vm: &mut Vm, object: Oop, index: usize) -> PrimitiveResult {
    if vm.heap.format(object).is_pointers() {
        return Ok(vm.heap.fetch(object, index));
    }
    let number = unsigned(&vm.heap, object, index);
    vm.unsigned_object(number)
}

/// Write what Smalltalk sees in element `index`; answers the value.
///
/// # Errors
/// When the element cannot hold the value.
pub fn write(vm: &mut Vm, object: Oop, index: usize, value: Oop) -> PrimitiveResult {
    let format = vm.heap.format(object);
    if format.is_pointers() {
        vm.heap.store(object, index, value);
        return Ok(value);
    }
    let number = unsigned_value(vm, format, value)?;
    set(&vm.heap, object, index, number);
    if format.is_compiled_method() {
        vm.method_changed(object);
    }
    Ok(value)
}
