//! Primitives 60–64, 143, 144, 165, 166, 238, 239: indexed access to every format.
//!
//! Source: `StackInterpreter>>#commonAt:`, `#commonAtPut:`, `#stObject:at:`, `#stObject:at:put:`;
//! `InterpreterPrimitives>>#primitiveSize`, `#primitiveShortAt`, `#primitiveIntegerAt`,
//! `#primitiveFloatArrayAt` and their `Put`.

use rowel_objmem::oop::MOST_CHARACTER;
use rowel_objmem::{Format, Oop};

use super::elements;
use super::subject::{Shape, check_writable, integer_operand, is_context, object_subject, subject};
use crate::context_access::{context_at, context_at_put, context_size};
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(60, "At", at),
    value(61, "AtPut", at_put),
    value(62, "Size", size),
    value(63, "StringAt", string_at),
    value(64, "StringAtPut", string_at_put),
    value(143, "ShortAt", short_at),
    value(144, "ShortAtPut", short_at_put),
    value(165, "IntegerAt", integer_at),
    value(166, "IntegerAtPut", integer_at_put),
    value(238, "FloatArrayAt", float_array_at),
    value(239, "FloatArrayAtPut", float_array_at_put),
];

/// The greatest code point of a Character.
const MAX_CHARACTER: i64 = MOST_CHARACTER as i64;

fn at(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::Inappropriate)?;
    let index = integer_operand(vm, 0)?;
    if is_context(&vm.heap, object) {
        return context_at(vm, object, from_zero(index)?);
    }
    let place = Shape::of(&vm.heap, object).place(&vm.heap, object, index)?;
    elements::read(vm, object, place)
}

fn at_put(vm: &mut Vm) -> PrimitiveResult {
    let (object, index) = to_store(vm)?;
    store(vm, object, index, vm.stack_value(0))
}

fn size(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 0, Failure::BadReceiver)?;
    if is_context(&vm.heap, object) {
        return context_size(vm, object);
    }
    let shape = Shape::of(&vm.heap, object);
    if !shape.is_indexable() {
        return Err(Failure::BadReceiver);
    }
    vm.unsigned_object(shape.length - shape.fixed)
}

fn string_at(vm: &mut Vm) -> PrimitiveResult {
    let code = at(vm)?.as_integer().filter(|code| (0..=MAX_CHARACTER).contains(code));
    code.map(|code| Oop::character(code as u32)).ok_or(Failure::BadReceiver)
}

fn string_at_put(vm: &mut Vm) -> PrimitiveResult {
    let (object, index) = to_store(vm)?;
    let character = vm.stack_value(0);
    if !character.is_character() {
        return Err(Failure::BadArgument);
    }
    let code = Oop::small_integer(i64::from(character.character_value()));
    store(vm, object, index, code)?;
    Ok(character)
}

/// Object and index (from 1) of a store whose value is on top.
fn to_store(vm: &Vm) -> Result<(Oop, i64), Failure> {
    let object = object_subject(vm, 2, Failure::Inappropriate)?;
    let index = integer_operand(vm, 1)?;
    check_writable(&vm.heap, object)?;
    Ok((object, index))
}

fn store(vm: &mut Vm, object: Oop, index: i64, value: Oop) -> PrimitiveResult {
    if is_context(&vm.heap, object) {
        return context_at_put(vm, object, from_zero(index)?, value);
    }
    let place = Shape::of(&vm.heap, object).place(&vm.heap, object, index)?;
    elements::write(vm, object, place, value)
}

/// An index from 1 as one from 0.
fn from_zero(index: i64) -> Result<usize, Failure> {
    index.checked_sub(1).and_then(|index| usize::try_from(index).ok()).ok_or(Failure::BadIndex)
}

/// An index from 1, checked, as one from 0.
fn place_below(index: i64, limit: u64) -> Result<usize, Failure> {
    from_zero(index).ok().filter(|place| (*place as u64) < limit).ok_or(Failure::BadIndex)
}

/// Number of 16-bit units of a bits object of any width.
fn shorts(vm: &Vm, object: Oop) -> Result<u64, Failure> {
    let is_bits = object.is_pointer() && vm.heap.format(object).is_bits();
    if is_bits { Ok(vm.heap.byte_size(object) / 2) } else { Err(Failure::Inappropriate) }
}

fn short_at(vm: &mut Vm) -> PrimitiveResult {
    let object = subject(vm, 1)?;
    let index = integer_operand(vm, 0)?;
    let place = place_below(index, shorts(vm, object)?)?;
    Ok(Oop::small_integer(i64::from(vm.heap.fetch_u16(object, place) as i16)))
}

fn short_at_put(vm: &mut Vm) -> PrimitiveResult {
    let object = subject(vm, 2)?;
    let index = integer_operand(vm, 1)?;
    let value = i16::try_from(integer_operand(vm, 0)?).map_err(|_| Failure::BadArgument)?;
    let limit = shorts(vm, object)?;
    check_writable(&vm.heap, object)?;
    vm.heap.store_element_u16(object, place_below(index, limit)?, value as u16);
    Ok(vm.stack_value(0))
}

/// The place of element `index` (from 1) for the primitives on signed elements, which also take
/// objects with indexed references.
fn signed_place(vm: &Vm, object: Oop, index: i64) -> Result<usize, Failure> {
    let shape = Shape::of(&vm.heap, object);
    if shape.format.is_compiled_method() {
        return Err(Failure::Unsupported);
    }
    let indexable = shape.format.is_bits() || shape.format.is_indexable_pointers();
    if !indexable || is_context(&vm.heap, object) {
        return Err(Failure::BadReceiver);
    }
    shape.place(&vm.heap, object, index)
}

fn integer_at(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::BadReceiver)?;
    let place = signed_place(vm, object, integer_operand(vm, 0)?)?;
    if vm.heap.format(object).is_pointers() {
        return Ok(vm.heap.fetch(object, place));
    }
    let number = elements::signed(&vm.heap, object, place);
    vm.integer_object(number)
}

fn integer_at_put(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 2, Failure::BadReceiver)?;
    let (index, value) = (integer_operand(vm, 1)?, vm.stack_value(0));
    vm.signed_64_of(value).ok_or(Failure::BadArgument)?;
    check_writable(&vm.heap, object)?;
    let format = vm.heap.format(object);
    if format.is_bits() {
        let number = elements::signed_value(vm, format, value)?;
        let place = signed_place(vm, object, index)?;
        elements::set(&vm.heap, object, place, number as u64);
    } else {
        let place = signed_place(vm, object, index)?;
        vm.heap.store(object, place, value);
    }
    Ok(value)
}

/// The place of element `index` (from 1) of an array of 32- or 64-bit floats.
fn float_place(vm: &Vm, object: Oop, index: i64) -> Result<usize, Failure> {
    let format = vm.heap.format(object);
    if format != Format::WORDS_64 && !format.is_words_32() {
        return Err(Failure::BadReceiver);
    }
    place_below(index, vm.heap.element_count(object))
}

fn float_array_at(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 1, Failure::BadReceiver)?;
    let place = float_place(vm, object, integer_operand(vm, 0)?)?;
    let float = if vm.heap.format(object) == Format::WORDS_64 {
        f64::from_bits(vm.heap.fetch_u64(object, place))
    } else {
        f64::from(f32::from_bits(vm.heap.fetch_u32(object, place)))
    };
    vm.float_object(float)
}

fn float_array_at_put(vm: &mut Vm) -> PrimitiveResult {
    let object = object_subject(vm, 2, Failure::BadReceiver)?;
    let (index, value) = (integer_operand(vm, 1)?, vm.stack_value(0));
    let float = vm.float_of(value).ok_or(Failure::BadArgument)?;
    check_writable(&vm.heap, object)?;
    let place = float_place(vm, object, index)?;
    if vm.heap.format(object) == Format::WORDS_64 {
        vm.heap.store_u64(object, place, float.to_bits());
    } else {
        vm.heap.store_element_u32(object, place, (float as f32).to_bits());
    }
    Ok(value)
}
