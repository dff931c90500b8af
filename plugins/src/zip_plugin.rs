//! ZipPlugin: the bindings of [`zip`](crate::zip) to the image's deflate and inflate streams.
//!
//! A stream's state is in its instance variables, of which those of its superclass ReadStream or
//! WriteStream come first; how many these are differs between images, so it is found out from the
//! class. Nothing is stored back when a step fails. Source: `InflatePlugin.class.st`,
//! `DeflatePlugin.class.st` of VMMaker, but for `primitiveZipSendBlock`, which stores the bit buffer
//! where it was loaded from.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::layout::class;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::operands::{
    check_argument_count, check_writable, instance_variable, integer_variable, size_variable,
    store_words, words,
};
use crate::zip::deflate::{Deflater, Effort};
use crate::zip::inflate::Inflater;
use crate::zip::send::{Encoder, Tree};
use crate::zip::{Malformed, checksum};

/// The module.
pub const MODULE: Module = Module {
    name: "ZipPlugin",
    rows: &[
        ("primitiveDeflateBlock", Primitive::Value(deflate_block)),
        ("primitiveDeflateUpdateHashTable", Primitive::Value(update_hash_table)),
        ("primitiveInflateDecompressBlock", Primitive::Value(inflate_decompress_block)),
        ("primitiveUpdateAdler32", Primitive::Value(|vm| update(vm, checksum::adler32))),
        ("primitiveUpdateGZipCrc32", Primitive::Value(|vm| update(vm, checksum::crc32))),
        ("primitiveZipSendBlock", Primitive::Value(zip_send_block)),
    ],
};

/// A class of InflateStream has at least so many instance variables, ReadStream has fewer.
const LEAST_INFLATE_VARIABLES: usize = 13;
/// A class of DeflateStream or ZipEncoder has at least so many, WriteStream has fewer.
const LEAST_ENCODER_VARIABLES: usize = 7;
/// More superclasses than this are a cycle.
const LONGEST_CHAIN: usize = 1000;
/// Input bytes that decoding a literal or a match takes at most, with room to spare.
const MOST_INPUT_BYTES: usize = 16;

/// Variables of an InflateStream after those of ReadStream.
mod inflate_variable {
    pub const STATE: usize = 0;
    pub const BIT_BUFFER: usize = 1;
    pub const BIT_POSITION: usize = 2;
    pub const SOURCE: usize = 3;
    pub const SOURCE_POSITION: usize = 4;
    pub const SOURCE_LIMIT: usize = 5;
}

/// Variables of a DeflateStream after those of WriteStream.
mod deflate_variable {
    pub const HASH_HEAD: usize = 0;
    pub const HASH_TAIL: usize = 1;
    pub const HASH_VALUE: usize = 2;
    pub const BLOCK_POSITION: usize = 3;
    pub const LITERALS: usize = 5;
    pub const DISTANCES: usize = 6;
    pub const LITERAL_FREQUENCIES: usize = 7;
    pub const DISTANCE_FREQUENCIES: usize = 8;
    pub const LITERAL_COUNT: usize = 9;
    pub const MATCH_COUNT: usize = 10;
}

/// Variables of a ZipEncoder after those of WriteStream.
mod encoder_variable {
    pub const BIT_BUFFER: usize = 1;
    pub const BIT_POSITION: usize = 2;
}

/// Variables of any stream.
mod stream_variable {
    pub const COLLECTION: usize = 0;
    pub const POSITION: usize = 1;
    pub const READ_LIMIT: usize = 2;
}

fn failed(_: Malformed) -> Failure {
    Failure::Generic
}

/// How many variables a stream inherits: those of the first class that has fewer than `least`.
fn inherited_variables(vm: &Vm, stream: Oop, least: usize) -> Result<usize, Failure> {
    let mut current = vm.heap.class_of(stream);
    for _ in 0..LONGEST_CHAIN {
        let format = integer_variable(vm, current, class::FORMAT)?;
        let size = (format & 0xFFFF) as usize;
        if size < least {
            return Ok(size);
        }
        current = instance_variable(vm, current, class::SUPERCLASS)?;
    }
    Err(Failure::Generic)
}

/// The bytes object in a variable.
fn bytes_variable(vm: &Vm, stream: Oop, index: usize) -> Result<Oop, Failure> {
    let bytes = instance_variable(vm, stream, index)?;
    vm.bytes_of(bytes).map(|_| bytes).ok_or(Failure::Generic)
}

/// The words object in a variable, and its contents.
fn words_variable(vm: &Vm, stream: Oop, index: usize) -> Result<(Oop, Vec<u32>), Failure> {
    let object = instance_variable(vm, stream, index)?;
    Ok((object, words(vm, object).ok_or(Failure::Generic)?))
}

/// The same with exactly `N` words.
fn table_variable<const N: usize>(
    vm: &Vm,
    stream: Oop,
    index: usize,
) -> Result<(Oop, Box<[u32; N]>), Failure> {
    let (object, words) = words_variable(vm, stream, index)?;
    let table = words.into_boxed_slice().try_into().map_err(|_| Failure::Generic)?;
    Ok((object, table))
}

/// The SmallInteger `value`.
fn number(value: u64) -> Result<Oop, Failure> {
    i64::try_from(value).ok().and_then(Oop::from_integer).ok_or(Failure::Generic)
}

/// Store numbers into variables, once it is sure that all of them can be.
fn store_numbers(vm: &mut Vm, object: Oop, numbers: &[(usize, u64)]) -> Result<(), Failure> {
    for (_, value) in numbers {
        number(*value)?;
    }
    for (index, value) in numbers {
        vm.heap.store(object, *index, number(*value)?);
    }
    Ok(())
}

/// `decompressBlock: literalTable with: distanceTable` of an InflateStream.
fn inflate_decompress_block(vm: &mut Vm) -> PrimitiveResult {
    use inflate_variable as own;
    check_argument_count(vm, 2)?;
    let stream = vm.receiver();
    let literals = words(vm, vm.argument(0)).ok_or(Failure::Generic)?;
    let distances = words(vm, vm.argument(1)).ok_or(Failure::Generic)?;
    let base = inherited_variables(vm, stream, LEAST_INFLATE_VARIABLES)?;
    let read_limit = size_variable(vm, stream, stream_variable::READ_LIMIT)?;
    let state = integer_variable(vm, stream, base + own::STATE)?;
    let bit_buffer = size_variable(vm, stream, base + own::BIT_BUFFER)? as u64;
    let bit_count = size_variable(vm, stream, base + own::BIT_POSITION)?;
    let position = size_variable(vm, stream, base + own::SOURCE_POSITION)?;
    let limit = size_variable(vm, stream, base + own::SOURCE_LIMIT)?;
    let collection = bytes_variable(vm, stream, stream_variable::COLLECTION)?;
    let source = bytes_variable(vm, stream, base + own::SOURCE)?;
    check_writable(vm, stream)?;
    check_writable(vm, collection)?;
    let room = vm.heap.bytes(collection).len().saturating_sub(read_limit);
    let input = input_from(vm.heap.bytes(source), position, room);
    let mut inflater = Inflater {
        collection: vm.heap.bytes_mut(collection),
        read_limit,
        state,
        bit_buffer,
        bit_count: u32::try_from(bit_count).map_err(|_| Failure::Generic)?,
        source: &input,
        source_position: 0,
        source_limit: limit.saturating_sub(position),
    };
    if limit >= position {
        inflater.decompress_block(&literals, &distances).map_err(failed)?;
    }
    let (read_limit, state) = (inflater.read_limit, inflater.state);
    let (bit_buffer, bit_count) = (inflater.bit_buffer, inflater.bit_count);
    let position = position + inflater.source_position;
    let numbers = [
        (stream_variable::READ_LIMIT, read_limit as u64),
        (base + own::BIT_BUFFER, bit_buffer),
        (base + own::BIT_POSITION, u64::from(bit_count)),
        (base + own::SOURCE_POSITION, position as u64),
    ];
    store_numbers(vm, stream, &numbers)?;
    vm.heap.store(stream, base + own::STATE, Oop::small_integer(state));
    Ok(stream)
}

/// As much of the source from `position` on as filling `room` bytes can take. A few zeros stand for
/// what follows its end, since the last code may be looked up with more bits than it has.
fn input_from(source: &[u8], position: usize, room: usize) -> Vec<u8> {
    let rest = source.get(position..).unwrap_or_default();
    let most = room.saturating_mul(MOST_INPUT_BYTES).saturating_add(MOST_INPUT_BYTES);
    let mut input = rest[..rest.len().min(most)].to_vec();
    input.extend([0; MOST_INPUT_BYTES]);
    input
}

/// `deflateBlock: lastIndex chainLength: chainLength goodMatch: goodMatch` of a DeflateStream.
fn deflate_block(vm: &mut Vm) -> PrimitiveResult {
    use deflate_variable as own;
    check_argument_count(vm, 3)?;
    let stream = vm.receiver();
    let last_index = vm.integer_argument(0)?;
    let effort =
        Effort { chain_length: vm.integer_argument(1)?, good_match: vm.integer_argument(2)? };
    let collection = bytes_variable(vm, stream, stream_variable::COLLECTION)?;
    let base = inherited_variables(vm, stream, LEAST_ENCODER_VARIABLES)?;
    let (head, mut hash_head) = table_variable(vm, stream, base + own::HASH_HEAD)?;
    let (tail, mut hash_tail) = table_variable(vm, stream, base + own::HASH_TAIL)?;
    let literal_bytes = bytes_variable(vm, stream, base + own::LITERALS)?;
    let (distance_words, mut distances) = words_variable(vm, stream, base + own::DISTANCES)?;
    let (literal_table, mut literal_frequencies) =
        table_variable(vm, stream, base + own::LITERAL_FREQUENCIES)?;
    let (distance_table, mut distance_frequencies) =
        table_variable(vm, stream, base + own::DISTANCE_FREQUENCIES)?;
    let written = [head, tail, literal_bytes, distance_words, literal_table, distance_table];
    for object in written.into_iter().chain([stream]) {
        check_writable(vm, object)?;
    }
    let input = vm.heap.bytes(collection).to_vec();
    let mut literals = vm.heap.bytes(literal_bytes).to_vec();
    let mut deflater = Deflater {
        collection: &input,
        position: size_variable(vm, stream, stream_variable::POSITION)?,
        hash_head: &mut hash_head,
        hash_tail: &mut hash_tail,
        hash_value: size_variable(vm, stream, base + own::HASH_VALUE)?,
        block_position: size_variable(vm, stream, base + own::BLOCK_POSITION)?,
        literals: &mut literals,
        distances: &mut distances,
        literal_frequencies: &mut literal_frequencies,
        distance_frequencies: &mut distance_frequencies,
        literal_count: size_variable(vm, stream, base + own::LITERAL_COUNT)?,
        match_count: size_variable(vm, stream, base + own::MATCH_COUNT)?,
    };
    let Ok(last_index) = usize::try_from(last_index) else {
        return Ok(vm.heap.false_object());
    };
    let flush = deflater.deflate_block(last_index, effort).map_err(failed)?;
    let numbers = [
        (base + own::HASH_VALUE, deflater.hash_value as u64),
        (base + own::BLOCK_POSITION, deflater.block_position as u64),
        (base + own::LITERAL_COUNT, deflater.literal_count as u64),
        (base + own::MATCH_COUNT, deflater.match_count as u64),
    ];
    store_numbers(vm, stream, &numbers)?;
    vm.heap.bytes_mut(literal_bytes).copy_from_slice(&literals);
    store_words(vm, distance_words, &distances);
    store_words(vm, head, &*hash_head);
    store_words(vm, tail, &*hash_tail);
    store_words(vm, literal_table, &*literal_frequencies);
    store_words(vm, distance_table, &*distance_frequencies);
    Ok(vm.heap.boolean(flush))
}

/// `updateHashTable: table delta: delta`.
fn update_hash_table(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let delta = vm.argument(1).as_integer().ok_or(Failure::Generic)?;
    let table = vm.argument(0);
    let mut entries = words(vm, table).ok_or(Failure::Generic)?;
    check_writable(vm, table)?;
    checksum::update_hash_table(&mut entries, delta);
    store_words(vm, table, &entries);
    Ok(vm.receiver())
}

/// `update…: checksum from: start to: stop in: bytes`.
fn update(vm: &mut Vm, step: fn(u32, &[u8]) -> u32) -> PrimitiveResult {
    check_argument_count(vm, 4)?;
    let old = vm.unsigned_64_of(vm.argument(0)).and_then(|old| u32::try_from(old).ok());
    let old = old.ok_or(Failure::Generic)?;
    let (start, stop) = (vm.size_argument(1)?, vm.size_argument(2)?);
    let bytes = vm.bytes_argument(3)?;
    if start == 0 || start > stop {
        return Err(Failure::Generic);
    }
    let new = step(old, bytes.get(start - 1..stop).ok_or(Failure::Generic)?);
    Ok(Oop::small_integer(i64::from(new)))
}

/// Position and limit of a stream on literals or distances.
fn bounds(vm: &Vm, stream: Oop) -> Result<(usize, usize), Failure> {
    let position = size_variable(vm, stream, stream_variable::POSITION)?;
    Ok((position, size_variable(vm, stream, stream_variable::READ_LIMIT)?))
}

/// `sendBlock: literals with: distances with: literalTree with: distanceTree` of a ZipEncoder.
fn zip_send_block(vm: &mut Vm) -> PrimitiveResult {
    use encoder_variable as own;
    check_argument_count(vm, 4)?;
    let encoder = vm.receiver();
    let (literal_stream, distance_stream) = (vm.argument(0), vm.argument(1));
    let base = inherited_variables(vm, encoder, LEAST_ENCODER_VARIABLES)?;
    let collection = bytes_variable(vm, encoder, stream_variable::COLLECTION)?;
    let (start, end) = bounds(vm, literal_stream)?;
    if bounds(vm, distance_stream)? != (start, end) {
        return Err(Failure::Generic);
    }
    let literals = bytes_variable(vm, literal_stream, stream_variable::COLLECTION)?;
    let literals = vm.heap.bytes(literals).get(start..end).ok_or(Failure::Generic)?.to_vec();
    let (_, distances) = words_variable(vm, distance_stream, stream_variable::COLLECTION)?;
    let distances = distances.get(start..end).ok_or(Failure::Generic)?;
    let literal_tree = tree_words(vm, vm.argument(2))?;
    let distance_tree = tree_words(vm, vm.argument(3))?;
    for object in [encoder, collection, literal_stream, distance_stream] {
        check_writable(vm, object)?;
    }
    let bit_count = size_variable(vm, encoder, base + own::BIT_POSITION)?;
    let position = size_variable(vm, encoder, stream_variable::POSITION)?;
    let bit_buffer = size_variable(vm, encoder, base + own::BIT_BUFFER)? as u64;
    let mut output = Encoder {
        collection: vm.heap.bytes_mut(collection),
        position,
        bit_buffer,
        bit_count: u32::try_from(bit_count).map_err(|_| Failure::Generic)?,
    };
    let (entries, bytes) = output
        .send_block(&literals, distances, tree(&literal_tree), tree(&distance_tree))
        .map_err(failed)?;
    let (position, bit_buffer, bit_count) = (output.position, output.bit_buffer, output.bit_count);
    let numbers = [
        (stream_variable::POSITION, position as u64),
        (base + own::BIT_BUFFER, bit_buffer),
        (base + own::BIT_POSITION, u64::from(bit_count)),
    ];
    store_numbers(vm, encoder, &numbers)?;
    for stream in [literal_stream, distance_stream] {
        store_numbers(vm, stream, &[(stream_variable::POSITION, (start + entries) as u64)])?;
    }
    vm.unsigned_object(bytes as u64)
}

/// Lengths and codes of a ZipEncoderTree, equally many.
fn tree_words(vm: &Vm, tree: Oop) -> Result<(Vec<u32>, Vec<u32>), Failure> {
    let (_, lengths) = words_variable(vm, tree, 0)?;
    let (_, codes) = words_variable(vm, tree, 1)?;
    if lengths.len() == codes.len() { Ok((lengths, codes)) } else { Err(Failure::Generic) }
}

fn tree(words: &(Vec<u32>, Vec<u32>)) -> Tree<'_> {
    Tree { lengths: &words.0, codes: &words.1 }
}
