//! JPEGReaderPlugin: the bindings of [`jpeg_reader`](crate::jpeg_reader) to the image's JPEGReadWriter,
//! JPEGReadStream and JPEGColorComponent. Each primitive answers its receiver and stores nothing when
//! it fails. Source: `JPEGReaderPlugin.class.st` of VMMaker.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::jpeg_reader::color::{self, Component};
use crate::jpeg_reader::huffman::Bits;
use crate::jpeg_reader::{BLOCK, Malformed, idct};
use crate::operands::{
    check_argument_count, check_writable, instance_variable, integer_variable, size_variable,
    store_words, words,
};

/// The module.
pub const MODULE: Module = Module {
    name: "JPEGReaderPlugin",
    rows: &[
        ("primitiveColorConvertGrayscaleMCU", Primitive::Value(convert_gray)),
        ("primitiveColorConvertMCU", Primitive::Value(convert_color)),
        ("primitiveDecodeMCU", Primitive::Value(decode_block)),
        ("primitiveIdctInt", Primitive::Value(inverse_transform)),
    ],
};

/// Slots of a JPEGColorComponent.
mod component {
    pub const CURRENT_X: usize = 0;
    pub const CURRENT_Y: usize = 1;
    pub const H_SCALE: usize = 2;
    pub const V_SCALE: usize = 3;
    pub const MCU_BLOCKS: usize = 4;
    pub const BLOCK_WIDTH: usize = 5;
    pub const MCU_WIDTH: usize = 8;
    pub const PRIOR_DC_VALUE: usize = 10;
    /// It has at least so many.
    pub const COUNT: usize = 11;
}

/// Slots of a JPEGReadStream.
mod stream {
    pub const COLLECTION: usize = 0;
    pub const POSITION: usize = 1;
    pub const READ_LIMIT: usize = 2;
    pub const BIT_BUFFER: usize = 3;
    pub const BIT_COUNT: usize = 4;
}

/// An MCU has at most so many blocks of one component.
const MOST_BLOCKS: u64 = 128;
/// More bits than this are not waiting in a stream.
const MOST_BITS: usize = 31;

fn failed(_: Malformed) -> Failure {
    Failure::Generic
}

/// A words object with exactly `N` words, and its contents.
fn signed_words<const N: usize>(vm: &Vm, oop: Oop) -> Result<[i32; N], Failure> {
    let words: [u32; N] =
        words(vm, oop).and_then(|words| words.try_into().ok()).ok_or(Failure::Generic)?;
    Ok(words.map(|word| word as i32))
}

fn store_signed(vm: &mut Vm, oop: Oop, values: &[i32]) {
    let words: Vec<u32> = values.iter().map(|value| *value as u32).collect();
    store_words(vm, oop, &words);
}

/// An integer variable of a component, as much of it as an `int` holds.
fn int_variable(vm: &Vm, oop: Oop, index: usize) -> Result<i32, Failure> {
    Ok(integer_variable(vm, oop, index)? as i32)
}

/// Fail unless the object has the integers of a JPEGColorComponent.
fn check_component(vm: &Vm, oop: Oop) -> Result<(), Failure> {
    use component::*;
    instance_variable(vm, oop, COUNT - 1)?;
    for index in [CURRENT_X, CURRENT_Y, H_SCALE, V_SCALE, BLOCK_WIDTH, MCU_WIDTH, PRIOR_DC_VALUE] {
        integer_variable(vm, oop, index)?;
    }
    Ok(())
}

/// A JPEGColorComponent with its samples.
fn component_of(vm: &Vm, oop: Oop) -> Result<Component, Failure> {
    use component::*;
    check_component(vm, oop)?;
    let array = instance_variable(vm, oop, MCU_BLOCKS)?;
    let is_array = array.is_pointer() && vm.heap.format(array).is_pointers();
    if !is_array || vm.heap.slot_count(array) > MOST_BLOCKS {
        return Err(Failure::Generic);
    }
    let blocks = (0..vm.heap.slot_count(array) as usize)
        .map(|index| signed_words(vm, instance_variable(vm, array, index)?))
        .collect::<Result<Vec<[i32; BLOCK]>, Failure>>()?;
    Ok(Component {
        scale: (int_variable(vm, oop, H_SCALE)?, int_variable(vm, oop, V_SCALE)?),
        blocks_across: int_variable(vm, oop, BLOCK_WIDTH)?,
        mcu_width: int_variable(vm, oop, MCU_WIDTH)?,
        blocks,
    })
}

/// Fill the pixels in argument 1 with the residuals in argument 2 and the dither mask in argument 3.
fn convert(
    vm: &mut Vm,
    fill: impl FnOnce(&mut [u32], &mut [i32; 3], i64) -> Result<(), Malformed>,
) -> PrimitiveResult {
    let mask = vm.integer_argument(3)?;
    let (pixel_object, residual_object) = (vm.argument(1), vm.argument(2));
    let mut residuals = signed_words(vm, residual_object)?;
    let mut pixels = words(vm, pixel_object).ok_or(Failure::Generic)?;
    check_writable(vm, pixel_object)?;
    check_writable(vm, residual_object)?;
    fill(&mut pixels, &mut residuals, mask).map_err(failed)?;
    store_words(vm, pixel_object, &pixels);
    store_signed(vm, residual_object, &residuals);
    Ok(vm.receiver())
}

/// `… componentArray bits: bits residualArray: residuals ditherMask: mask`.
fn convert_color(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 4)?;
    let array = vm.argument(0);
    instance_variable(vm, array, 0)?;
    if vm.heap.slot_count(array) != 3 {
        return Err(Failure::Generic);
    }
    let component = |index| component_of(vm, instance_variable(vm, array, index)?);
    let components = [component(0)?, component(1)?, component(2)?];
    convert(vm, |pixels, residuals, mask| color::color(&components, pixels, residuals, mask))
}

/// `… component bits: bits residualArray: residuals ditherMask: mask`.
fn convert_gray(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 4)?;
    let component = component_of(vm, vm.argument(0))?;
    convert(vm, |pixels, residuals, mask| color::gray(&component, pixels, residuals, mask))
}

/// `… block component: component dcTable: dc acTable: ac stream: stream`.
fn decode_block(vm: &mut Vm) -> PrimitiveResult {
    use stream::*;
    check_argument_count(vm, 5)?;
    let (block_object, component, stream) = (vm.argument(0), vm.argument(1), vm.argument(4));
    let dc_table = words(vm, vm.argument(2)).ok_or(Failure::Generic)?;
    let ac_table = words(vm, vm.argument(3)).ok_or(Failure::Generic)?;
    signed_words::<BLOCK>(vm, block_object)?;
    check_component(vm, component)?;
    let prior = int_variable(vm, component, component::PRIOR_DC_VALUE)?;
    for object in [block_object, component, stream] {
        check_writable(vm, object)?;
    }
    let buffer = integer_variable(vm, stream, BIT_BUFFER)? as u64;
    let count = size_variable(vm, stream, BIT_COUNT)?;
    let position = size_variable(vm, stream, POSITION)?;
    let limit = size_variable(vm, stream, READ_LIMIT)?;
    let collection = instance_variable(vm, stream, COLLECTION)?;
    let bytes = vm.bytes_of(collection).and_then(|bytes| bytes.get(..limit));
    let bytes = bytes.ok_or(Failure::Generic)?;
    if position >= limit || count > MOST_BITS {
        return Err(Failure::Generic);
    }
    let mut bits = Bits { bytes, position, buffer, count: count as u32 };
    let block = bits.decode_block(prior, &dc_table, &ac_table).map_err(failed)?;
    let buffer = Oop::from_integer(bits.buffer as i64).ok_or(Failure::Generic)?;
    let (position, count) = (bits.position as i64, i64::from(bits.count));
    store_signed(vm, block_object, &block);
    vm.heap.store(stream, POSITION, Oop::small_integer(position));
    vm.heap.store(stream, BIT_BUFFER, buffer);
    vm.heap.store(stream, BIT_COUNT, Oop::small_integer(count));
    let prior = Oop::small_integer(i64::from(block[0]));
    vm.heap.store(component, component::PRIOR_DC_VALUE, prior);
    Ok(vm.receiver())
}

/// `… block qt: table`.
fn inverse_transform(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let block_object = vm.argument(0);
    let mut block = signed_words(vm, block_object)?;
    let table = signed_words(vm, vm.argument(1))?;
    check_writable(vm, block_object)?;
    idct::samples(&mut block, &table);
    store_signed(vm, block_object, &block);
    Ok(vm.receiver())
}
