//! Primitives 600–629: numbers, characters and pointers at any byte offset of a bits object.
//!
//! Offsets count from 0 and need not be aligned; the order of bytes is the machine's. Numbers that
//! are too wide for what they are stored as lose their high bits. Source: Pharo's
//! `StackInterpreterPrimitives>>#primitiveLoadUInt8FromBytes` and its 29 siblings.

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use super::subject::{check_writable, integer_operand, object_subject};
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(600, "LoadBoolean8FromBytes", |vm| load(vm, |vm, [b]| Ok(vm.heap.boolean(b != 0)))),
    value(601, "LoadUInt8FromBytes", |vm| load(vm, |vm, [b]| vm.integer_object(b.into()))),
    value(602, "LoadInt8FromBytes", |vm| {
        load(vm, |vm, b| vm.integer_object(i8::from_ne_bytes(b).into()))
    }),
    value(603, "LoadUInt16FromBytes", |vm| {
        load(vm, |vm, b| vm.integer_object(u16::from_ne_bytes(b).into()))
    }),
    value(604, "LoadInt16FromBytes", |vm| {
        load(vm, |vm, b| vm.integer_object(i16::from_ne_bytes(b).into()))
    }),
    value(605, "LoadUInt32FromBytes", |vm| {
        load(vm, |vm, b| vm.integer_object(u32::from_ne_bytes(b).into()))
    }),
    value(606, "LoadInt32FromBytes", |vm| {
        load(vm, |vm, b| vm.integer_object(i32::from_ne_bytes(b).into()))
    }),
    value(607, "LoadUInt64FromBytes", |vm| {
        load(vm, |vm, b| vm.unsigned_object(u64::from_ne_bytes(b)))
    }),
    value(608, "LoadInt64FromBytes", |vm| {
        load(vm, |vm, b| vm.integer_object(i64::from_ne_bytes(b)))
    }),
    value(609, "LoadPointerFromBytes", |vm| load(vm, external_address)),
    value(610, "LoadChar8FromBytes", |vm| load(vm, |_, [b]| Ok(Oop::character(b.into())))),
    value(611, "LoadChar16FromBytes", |vm| {
        load(vm, |_, b| Ok(Oop::character(u16::from_ne_bytes(b).into())))
    }),
    value(612, "LoadChar32FromBytes", |vm| {
        load(vm, |_, b| Ok(Oop::character(u32::from_ne_bytes(b))))
    }),
    value(613, "LoadFloat32FromBytes", |vm| {
        load(vm, |vm, b| vm.float_object(f32::from_ne_bytes(b).into()))
    }),
    value(614, "LoadFloat64FromBytes", |vm| {
        load(vm, |vm, b| vm.float_object(f64::from_ne_bytes(b)))
    }),
    value(615, "StoreBoolean8IntoBytes", |vm| store(vm, boolean)),
    value(616, "StoreUInt8IntoBytes", |vm| {
        store(vm, |_, oop| Ok((natural(oop)? as u8).to_ne_bytes()))
    }),
    value(617, "StoreInt8IntoBytes", |vm| {
        store(vm, |_, oop| Ok((integer(oop)? as i8).to_ne_bytes()))
    }),
    value(618, "StoreUInt16IntoBytes", |vm| {
        store(vm, |_, oop| Ok((natural(oop)? as u16).to_ne_bytes()))
    }),
    value(619, "StoreInt16IntoBytes", |vm| {
        store(vm, |_, oop| Ok((integer(oop)? as i16).to_ne_bytes()))
    }),
    value(620, "StoreUInt32IntoBytes", |vm| {
        store(vm, |vm, oop| {
            let number = vm.unsigned_64_of(oop).ok_or(Failure::BadArgument)?;
            Ok(u32::try_from(number).map_err(|_| Failure::BadArgument)?.to_ne_bytes())
        })
    }),
    value(621, "StoreInt32IntoBytes", |vm| {
        store(vm, |_, oop| Ok((integer(oop)? as i32).to_ne_bytes()))
    }),
    value(622, "StoreUInt64IntoBytes", |vm| {
        store(vm, |vm, oop| Ok(vm.unsigned_64_of(oop).ok_or(Failure::BadArgument)?.to_ne_bytes()))
    }),
    value(623, "StoreInt64IntoBytes", |vm| {
        store(vm, |vm, oop| Ok(vm.signed_64_of(oop).ok_or(Failure::BadArgument)?.to_ne_bytes()))
    }),
    value(624, "StorePointerIntoBytes", |vm| store(vm, address)),
    value(625, "StoreChar8IntoBytes", |vm| {
        store(vm, |_, oop| Ok((character(oop)? as u8).to_ne_bytes()))
    }),
    value(626, "StoreChar16IntoBytes", |vm| {
        store(vm, |_, oop| Ok((character(oop)? as u16).to_ne_bytes()))
    }),
    value(627, "StoreChar32IntoBytes", |vm| store(vm, |_, oop| Ok(character(oop)?.to_ne_bytes()))),
    value(628, "StoreFloat32IntoBytes", |vm| {
        store(vm, |vm, oop| Ok((float(vm, oop)? as f32).to_ne_bytes()))
    }),
    value(629, "StoreFloat64IntoBytes", |vm| {
        store(vm, |vm, oop| Ok(float(vm, oop)?.to_ne_bytes()))
    }),
];

/// The object and the range of `N` bytes in it that the offset on the stack stands for, below
/// `values` further operands.
fn place<const N: usize>(vm: &Vm, values: usize) -> Result<(Oop, std::ops::Range<usize>), Failure> {
    let object = object_subject(vm, values + 1, Failure::BadArgument)?;
    let offset = integer_operand(vm, values)?;
    if vm.argument_count > values + 1 || !vm.heap.format(object).is_bits() {
        return Err(Failure::BadArgument);
    }
    let start = usize::try_from(offset).map_err(|_| Failure::BadIndex)?;
    let end = start.checked_add(N).ok_or(Failure::BadIndex)?;
    if end > vm.heap.byte_size(object) as usize {
        return Err(Failure::BadIndex);
    }
    Ok((object, start..end))
}

fn load<const N: usize>(
    vm: &mut Vm,
    make: fn(&mut Vm, [u8; N]) -> PrimitiveResult,
) -> PrimitiveResult {
    let (object, range) = place::<N>(vm, 0)?;
    let mut bytes = [0; N];
    bytes.copy_from_slice(&vm.heap.bytes(object)[range]);
    make(vm, bytes)
}

fn store<const N: usize>(
    vm: &mut Vm,
    take: fn(&Vm, Oop) -> Result<[u8; N], Failure>,
) -> PrimitiveResult {
    let (object, range) = place::<N>(vm, 1)?;
    let value = vm.stack_value(0);
    let bytes = take(vm, value)?;
    check_writable(&vm.heap, object)?;
    vm.heap.bytes_mut(object)[range].copy_from_slice(&bytes);
    Ok(value)
}

fn integer(oop: Oop) -> Result<i64, Failure> {
    oop.as_integer().ok_or(Failure::BadArgument)
}

fn natural(oop: Oop) -> Result<u64, Failure> {
    u64::try_from(integer(oop)?).map_err(|_| Failure::BadArgument)
}

fn character(oop: Oop) -> Result<u32, Failure> {
    if oop.is_character() { Ok(oop.character_value()) } else { Err(Failure::BadArgument) }
}

fn float(vm: &Vm, oop: Oop) -> Result<f64, Failure> {
    vm.float_of(oop).ok_or(Failure::BadArgument)
}

fn boolean(vm: &Vm, oop: Oop) -> Result<[u8; 1], Failure> {
    if oop == vm.heap.true_object() {
        Ok([1])
    } else if oop == vm.heap.false_object() {
        Ok([0])
    } else {
        Err(Failure::BadArgument)
    }
}

/// A new ExternalAddress.
fn external_address(vm: &mut Vm, address: [u8; 8]) -> PrimitiveResult {
    let class = vm.heap.special(special::CLASS_EXTERNAL_ADDRESS);
    if class == vm.heap.nil() {
        return Err(Failure::Unsupported);
    }
    let class = vm.heap.index_of_class(class).ok_or(Failure::NoMemory)?;
    vm.byte_object(class, &address)
}

/// The first eight bytes of a bits object.
fn address(vm: &Vm, oop: Oop) -> Result<[u8; 8], Failure> {
    let is_bits = oop.is_pointer() && vm.heap.format(oop).is_bits();
    let bytes = is_bits.then(|| vm.heap.bytes(oop)).ok_or(Failure::BadArgument)?;
    bytes.first_chunk().copied().ok_or(Failure::BadArgument)
}
