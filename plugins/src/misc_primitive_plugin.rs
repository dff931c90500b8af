//! MiscPrimitivePlugin: the bindings of [`misc_primitive`](crate::misc_primitive).
//!
//! The methods are on the class side as often as not: all operands are arguments. Indices count from
//! 1. Source: `MiscPrimitivePlugin.class.st` of VMMaker.

use std::cmp::Ordering;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::misc_primitive::{self as misc, ByteTable, bitmap};
use crate::operands::{check_argument_count, check_writable, store_words, words};

/// The module.
pub const MODULE: Module = Module {
    name: "MiscPrimitivePlugin",
    rows: &[
        ("primitiveCompareString", Primitive::Value(compare_string)),
        ("primitiveCompressToByteArray", Primitive::Value(compress_to_byte_array)),
        ("primitiveConvert8BitSigned", Primitive::Value(convert_8_bit_signed)),
        ("primitiveDecompressFromByteArray", Primitive::Value(decompress_from_byte_array)),
        ("primitiveFindFirstInString", Primitive::Value(find_first_in_string)),
        ("primitiveFindSubstring", Primitive::Value(find_substring)),
        ("primitiveIndexOfAsciiInString", Primitive::Value(index_of_ascii_in_string)),
        ("primitiveStringHash", Primitive::Value(string_hash)),
        ("primitiveTranslateStringWithTable", Primitive::Value(translate_string_with_table)),
    ],
};

impl From<misc::Failure> for Failure {
    fn from(failure: misc::Failure) -> Failure {
        match failure {
            misc::Failure::Index => Failure::BadIndex,
            misc::Failure::Space | misc::Failure::Truncated => Failure::BadArgument,
        }
    }
}

/// The first 256 bytes of a table.
fn table_argument(vm: &Vm, index: usize) -> Result<&ByteTable, Failure> {
    misc::byte_table(vm.bytes_argument(index)?).ok_or(Failure::BadArgument)
}

/// An index from 1, as one from 0.
fn from_one(index: i64) -> Result<usize, Failure> {
    index.checked_sub(1).and_then(|index| usize::try_from(index).ok()).ok_or(Failure::BadIndex)
}

/// An index from 0 as one from 1; 0 for nothing.
fn found(index: Option<usize>) -> Oop {
    Oop::small_integer(index.map_or(0, |index| index as i64 + 1))
}

/// `compare: string1 with: string2 collated: order`: 1 less, 2 equal, 3 greater.
fn compare_string(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let (one, other) = (vm.bytes_argument(0)?, vm.bytes_argument(1)?);
    let result = match misc::compare_string(one, other, table_argument(vm, 2)?) {
        Ordering::Less => 1,
        Ordering::Equal => 2,
        Ordering::Greater => 3,
    };
    Ok(Oop::small_integer(result))
}

/// `compress: bitmap toByteArray: bytes`: the count of bytes.
fn compress_to_byte_array(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let bitmap = words(vm, vm.argument(0)).ok_or(Failure::BadArgument)?;
    vm.bytes_argument(1)?;
    check_writable(vm, vm.argument(1))?;
    let code = vm.bytes_of_mut(vm.argument(1)).ok_or(Failure::BadArgument)?;
    // The code might fit, but that is not known beforehand.
    let size = bitmap::compress(&bitmap, code).map_err(|_| Failure::Unsupported)?;
    Ok(Oop::small_integer(size as i64))
}

/// `decompress: bitmap fromByteArray: bytes at: index`.
fn decompress_from_byte_array(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let bitmap = vm.argument(0);
    let mut decoded = words(vm, bitmap).ok_or(Failure::BadArgument)?;
    check_writable(vm, bitmap)?;
    let code = vm.bytes_argument(1)?;
    let start = from_one(vm.integer_argument(2)?)?;
    bitmap::decompress(code.get(start..).unwrap_or_default(), &mut decoded)?;
    store_words(vm, bitmap, &decoded);
    Ok(vm.receiver())
}

/// `convert8bitSignedFrom: bytes to16Bit: soundBuffer`.
fn convert_8_bit_signed(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let samples = vm.bytes_argument(0)?.to_vec();
    let buffer = vm.argument(1);
    if !buffer.is_pointer() || !vm.heap.format(buffer).is_bits() {
        return Err(Failure::BadArgument);
    }
    check_writable(vm, buffer)?;
    misc::convert_8_bit_signed(&samples, vm.heap.bytes_mut(buffer))?;
    Ok(vm.receiver())
}

/// `findFirstInString: string inSet: inclusionMap startingAt: start`.
fn find_first_in_string(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let (string, map) = (vm.bytes_argument(0)?, vm.bytes_argument(1)?);
    let start = from_one(vm.integer_argument(2)?)?;
    // A set of another size has no members.
    let map = misc::byte_table(map).filter(|_| map.len() == 256);
    Ok(found(map.and_then(|map| misc::find_first_in(string, map, start))))
}

/// `findSubstring: key in: body startingAt: start matchTable: table`.
fn find_substring(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 4)?;
    let (key, body) = (vm.bytes_argument(0)?, vm.bytes_argument(1)?);
    let start = from_one(vm.integer_argument(2)?.max(1))?;
    Ok(found(misc::find_substring(key, body, start, table_argument(vm, 3)?)))
}

/// `indexOfAscii: integer inString: string startingAt: start`.
fn index_of_ascii_in_string(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let value = vm.integer_argument(0)?;
    let string = vm.bytes_argument(1)?;
    let start = from_one(vm.integer_argument(2)?)?;
    Ok(found(misc::index_of_byte(string, value, start)))
}

/// `hashBytes: bytes startingWith: speciesHash`.
fn string_hash(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let initial = vm.integer_argument(1)? as u32;
    let hash = misc::string_hash(vm.bytes_argument(0)?, initial);
    Ok(Oop::small_integer(i64::from(hash)))
}

/// `translate: string from: start to: stop table: table`.
fn translate_string_with_table(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 4)?;
    vm.bytes_argument(0)?;
    check_writable(vm, vm.argument(0))?;
    let (start, stop) = (vm.integer_argument(1)?, vm.integer_argument(2)?);
    vm.bytes_argument(3)?;
    let start = from_one(start)?;
    if stop > vm.bytes_argument(0)?.len() as i64 {
        return Err(Failure::BadIndex);
    }
    let table = *table_argument(vm, 3)?;
    let stop = usize::try_from(stop).unwrap_or(0);
    let string = vm.bytes_of_mut(vm.argument(0)).ok_or(Failure::BadArgument)?;
    misc::translate(string, start..stop, &table)?;
    Ok(vm.receiver())
}
