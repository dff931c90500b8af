//! The modules FloatArrayPlugin (32-bit elements) and Float64ArrayPlugin (64-bit elements).
//!
//! Owns the kinds and formats of receivers and arguments; the loops are in [`crate::float_array`].
//! Arithmetic changes the receiver and answers it. A scalar may be a SmallInteger too, which the
//! reference leaves to the image.
//!
//! Source: `FloatArrayPlugin` of VMMaker; the names of Float64ArrayPlugin, which does the same on
//! doubles, as Cuis calls them.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Format, Oop};

use crate::float_array::{self as floats, Element, Operation};

/// The module for arrays of 32-bit floats.
pub const SINGLES: Module = Module {
    name: "FloatArrayPlugin",
    rows: &[
        ("primitiveAddFloatArray", Primitive::Value(add_array::<f32>)),
        ("primitiveAddScalar", Primitive::Value(add_scalar::<f32>)),
        ("primitiveAt", Primitive::Value(at::<f32>)),
        ("primitiveAtPut", Primitive::Value(at_put::<f32>)),
        ("primitiveDivFloatArray", Primitive::Value(divide_array::<f32>)),
        ("primitiveDivScalar", Primitive::Value(divide_scalar::<f32>)),
        ("primitiveDotProduct", Primitive::Value(dot_product::<f32>)),
        ("primitiveEqual", Primitive::Value(equal::<f32>)),
        ("primitiveFromFloat64Array", Primitive::Value(from_array::<f32, f64>)),
        ("primitiveHashArray", Primitive::Value(hash::<f32>)),
        ("primitiveLength", Primitive::Value(length::<f32>)),
        ("primitiveMulFloatArray", Primitive::Value(multiply_array::<f32>)),
        ("primitiveMulScalar", Primitive::Value(multiply_scalar::<f32>)),
        ("primitiveNormalize", Primitive::Value(normalize::<f32>)),
        ("primitiveSubFloatArray", Primitive::Value(subtract_array::<f32>)),
        ("primitiveSubScalar", Primitive::Value(subtract_scalar::<f32>)),
        ("primitiveSum", Primitive::Value(sum::<f32>)),
    ],
};

/// The module for arrays of 64-bit floats.
pub const DOUBLES: Module = Module {
    name: "Float64ArrayPlugin",
    rows: &[
        ("primitiveAddFloat64Array", Primitive::Value(add_array::<f64>)),
        ("primitiveAddScalar", Primitive::Value(add_scalar::<f64>)),
        ("primitiveAt", Primitive::Value(at::<f64>)),
        ("primitiveAtPut", Primitive::Value(at_put::<f64>)),
        ("primitiveDivFloat64Array", Primitive::Value(divide_array::<f64>)),
        ("primitiveDivScalar", Primitive::Value(divide_scalar::<f64>)),
        ("primitiveDotProduct", Primitive::Value(dot_product::<f64>)),
        ("primitiveEqual", Primitive::Value(equal::<f64>)),
        ("primitiveFromFloatArray", Primitive::Value(from_array::<f64, f32>)),
        ("primitiveHashArray", Primitive::Value(hash::<f64>)),
        ("primitiveLength", Primitive::Value(length::<f64>)),
        ("primitiveMulFloat64Array", Primitive::Value(multiply_array::<f64>)),
        ("primitiveMulScalar", Primitive::Value(multiply_scalar::<f64>)),
        ("primitiveNormalize", Primitive::Value(normalize::<f64>)),
        ("primitiveSubFloat64Array", Primitive::Value(subtract_array::<f64>)),
        ("primitiveSubScalar", Primitive::Value(subtract_scalar::<f64>)),
        ("primitiveSum", Primitive::Value(sum::<f64>)),
    ],
};

/// Up to this many bytes, an argument is copied to the Rust stack.
const INLINE_BYTES: usize = 256;

fn add_array<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_array::<E>(vm, Operation::Add)
}

fn subtract_array<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_array::<E>(vm, Operation::Subtract)
}

fn multiply_array<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_array::<E>(vm, Operation::Multiply)
}

fn divide_array<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_array::<E>(vm, Operation::Divide)
}

fn add_scalar<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_scalar::<E>(vm, Operation::Add)
}

fn subtract_scalar<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_scalar::<E>(vm, Operation::Subtract)
}

fn multiply_scalar<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_scalar::<E>(vm, Operation::Multiply)
}

fn divide_scalar<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    with_scalar::<E>(vm, Operation::Divide)
}

fn with_array<E: Element>(vm: &mut Vm, operation: Operation) -> PrimitiveResult {
    let receiver = array_to_change::<E>(vm, 1)?;
    let argument = vm.argument(0);
    with_copy(vm, elements_of::<E>(vm, argument).ok_or(Failure::BadArgument)?.len(), |vm, copy| {
        copy.copy_from_slice(vm.heap.bytes(argument));
        floats::with_array::<E>(operation, vm.heap.bytes_mut(receiver), copy)
    })
    .ok_or(Failure::Generic)?;
    Ok(receiver)
}

fn with_scalar<E: Element>(vm: &mut Vm, operation: Operation) -> PrimitiveResult {
    let receiver = array_to_change::<E>(vm, 1)?;
    let value = vm.number_of(vm.argument(0)).ok_or(Failure::BadArgument)?;
    floats::with_scalar::<E>(operation, vm.heap.bytes_mut(receiver), value);
    Ok(receiver)
}

/// Set the receiver's elements to those of an array of the other width.
fn from_array<E: Element, Source: Element>(vm: &mut Vm) -> PrimitiveResult {
    let receiver = array_to_change::<E>(vm, 1)?;
    let argument = vm.argument(0);
    let bytes = elements_of::<Source>(vm, argument).ok_or(Failure::BadArgument)?.len();
    if bytes / Source::BYTES != vm.heap.bytes(receiver).len() / E::BYTES {
        return Err(Failure::BadArgument);
    }
    with_copy(vm, bytes, |vm, copy| {
        copy.copy_from_slice(vm.heap.bytes(argument));
        let places = vm.heap.bytes_mut(receiver).chunks_exact_mut(E::BYTES);
        for (place, value) in places.zip(floats::elements::<Source>(copy)) {
            E::write(value, place);
        }
    });
    Ok(receiver)
}

fn normalize<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let receiver = array_to_change::<E>(vm, 0)?;
    floats::normalize::<E>(vm.heap.bytes_mut(receiver)).ok_or(Failure::BadReceiver)?;
    Ok(receiver)
}

fn at<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let array = array::<E>(vm, 1)?;
    let index = vm.size_argument(0)?.checked_sub(1).ok_or(Failure::BadIndex)?;
    let value = floats::at::<E>(array, index).ok_or(Failure::BadIndex)?;
    vm.float_object(value)
}

fn at_put<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let receiver = array_to_change::<E>(vm, 2)?;
    let index = vm.size_argument(0)?.checked_sub(1).ok_or(Failure::BadIndex)?;
    let stored = vm.argument(1);
    let value = vm.number_of(stored).ok_or(Failure::BadArgument)?;
    let stored_at = floats::at_put::<E>(vm.heap.bytes_mut(receiver), index, value);
    stored_at.ok_or(Failure::BadIndex)?;
    Ok(stored)
}

fn dot_product<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let (first, second) = (array::<E>(vm, 1)?, array_argument::<E>(vm)?);
    let product = floats::dot_product::<E>(first, second).ok_or(Failure::Generic)?;
    vm.float_object(product)
}

fn equal<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let (first, second) = (array::<E>(vm, 1)?, array_argument::<E>(vm)?);
    Ok(vm.heap.boolean(floats::equal::<E>(first, second)))
}

fn length<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let length = floats::length::<E>(array::<E>(vm, 0)?).ok_or(Failure::BadReceiver)?;
    vm.float_object(length)
}

fn sum<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let sum = floats::sum::<E>(array::<E>(vm, 0)?);
    vm.float_object(sum)
}

fn hash<E: Element>(vm: &mut Vm) -> PrimitiveResult {
    let hash = floats::hash(array::<E>(vm, 0)?);
    Ok(Oop::small_integer(i64::from(hash)))
}

/// Run `compute` with room for a copy of `bytes` bytes.
fn with_copy<R>(vm: &mut Vm, bytes: usize, compute: impl FnOnce(&mut Vm, &mut [u8]) -> R) -> R {
    if bytes <= INLINE_BYTES {
        compute(vm, &mut [0; INLINE_BYTES][..bytes])
    } else {
        compute(vm, &mut vec![0; bytes])
    }
}

/// The elements of the receiver, of a primitive with `arguments` arguments.
fn array<E: Element>(vm: &Vm, arguments: usize) -> Result<&[u8], Failure> {
    if vm.argument_count != arguments {
        return Err(Failure::BadNumArgs);
    }
    elements_of::<E>(vm, vm.receiver()).ok_or(Failure::BadReceiver)
}

/// The receiver, where its elements may be changed.
fn array_to_change<E: Element>(vm: &Vm, arguments: usize) -> PrimitiveResult {
    array::<E>(vm, arguments)?;
    let receiver = vm.receiver();
    if vm.heap.header(receiver).is_immutable() {
        return Err(Failure::NoModification);
    }
    Ok(receiver)
}

/// The elements of the argument.
fn array_argument<E: Element>(vm: &Vm) -> Result<&[u8], Failure> {
    elements_of::<E>(vm, vm.argument(0)).ok_or(Failure::BadArgument)
}

/// The bytes of an object whose elements are as wide as `E`; `None` for anything else.
fn elements_of<E: Element>(vm: &Vm, oop: Oop) -> Option<&[u8]> {
    if !oop.is_pointer() {
        return None;
    }
    let format = vm.heap.format(oop);
    let fits = if E::BYTES == 8 { format == Format::WORDS_64 } else { format.is_words_32() };
    fits.then(|| vm.heap.bytes(oop))
}
