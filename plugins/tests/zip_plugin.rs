//! ZipPlugin as the image calls it: a text through the deflate stream, the encoder and the inflate
//! stream, whose state is in objects; checksums; failures.

use rowel_interpreter::failure::Failure::{self, *};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Heap, Oop};
use rowel_plugins::MODULES;
use rowel_plugins::zip::codes::{DISTANCE_CODES, LITERAL_CODES, distance_code, length_code};

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    vm.modules.add(MODULES);
    vm
}

fn int(value: usize) -> Oop {
    Oop::small_integer(value as i64)
}

fn call(vm: &mut Vm, name: &str, receiver: Oop, arguments: &[Oop]) -> Result<Oop, Failure> {
    let primitive = vm.modules.find(b"ZipPlugin", name.as_bytes()).expect(name);
    vm.apply(primitive, receiver, arguments)
}

fn class(vm: &mut Vm, superclass: Oop, variables: i64) -> Oop {
    let class = vm.heap.allocate_filled(bootstrap_class::CLASS, Format::FIXED, 6).expect("memory");
    vm.heap.store(class, 0, superclass);
    let format = i64::from(Format::FIXED.bits()) << 16 | variables;
    vm.heap.store(class, 2, Oop::small_integer(format));
    class
}

/// An instance of a class with `inherited` and `own` variables.
fn stream(vm: &mut Vm, inherited: i64, own: &[Oop]) -> Oop {
    let nil = vm.heap.nil();
    let above = class(vm, nil, inherited);
    let class = class(vm, above, inherited + own.len() as i64);
    let index = vm.heap.index_of_class(class).expect("room");
    let slots = inherited as u64 + own.len() as u64;
    let object = vm.heap.allocate_filled(index, Format::FIXED, slots).expect("memory");
    for (slot, value) in own.iter().enumerate() {
        vm.heap.store(object, inherited as usize + slot, *value);
    }
    object
}

fn words(vm: &mut Vm, words: &[u32]) -> Oop {
    let count = words.len() as u64;
    let format = Format::WORDS_32.for_elements(count);
    let object = vm.heap.allocate_filled(class_index::BITMAP, format, count.div_ceil(2));
    let object = object.expect("memory");
    for (index, word) in words.iter().enumerate() {
        vm.heap.store_element_u32(object, index, *word);
    }
    object
}

fn bytes(vm: &mut Vm, bytes: &[u8]) -> Oop {
    vm.byte_array_object(bytes).expect("memory")
}

/// Length and bit-reversed code of a literal or length in the fixed tree of RFC 1951.
fn fixed_code(symbol: u32) -> (u32, u32) {
    let (length, code) = match symbol {
        0..144 => (8, 0x30 + symbol),
        144..256 => (9, 0x190 + symbol - 144),
        256..280 => (7, symbol - 256),
        _ => (8, 0xC0 + symbol - 280),
    };
    (length, code.reverse_bits() >> (32 - length))
}

/// The lookup tables for the fixed trees: 7 bits first, then one or two more in a subtable.
fn lookup_tables() -> (Vec<u32>, Vec<u32>) {
    let mut leaves: Vec<u32> = (0..LITERAL_CODES as u32).collect();
    for excess in 0..=255u8 {
        let code = length_code(excess);
        if code.extra == 0 {
            leaves[code.symbol] = (code.extra_bits + 1) << 16 | (u32::from(excess) + 3);
        }
    }
    let mut literals = vec![0; 1 + 128];
    literals[0] = 7 << 24;
    for (symbol, leaf) in leaves.into_iter().enumerate() {
        let (length, code) = fixed_code(symbol as u32);
        let first = 1 + (code & 127) as usize;
        if length == 7 {
            literals[first] = leaf;
            continue;
        }
        if literals[first] == 0 {
            // Places count from 1.
            literals[first] = (length - 7) << 24 | (literals.len() as u32 + 1);
            literals.resize(literals.len() + (1 << (length - 7)), 0);
        }
        let subtable = (literals[first] & 0xFFFF) as usize - 1;
        literals[subtable + (code >> 7) as usize] = leaf;
    }
    let mut distances = vec![0; 33];
    distances[0] = 5 << 24;
    for excess in 0..0x8000u16 {
        let code = distance_code(excess);
        if code.extra == 0 {
            let place = 1 + ((code.symbol as u32).reverse_bits() >> 27) as usize;
            distances[place] = code.extra_bits << 16 | (u32::from(excess) + 1);
        }
    }
    (literals, distances)
}

/// A DeflateStream on `text`.
fn deflate_stream(vm: &mut Vm, text: &[u8]) -> Oop {
    let hash = (usize::from(text[0]) << 5) ^ usize::from(text[1]);
    let tables = [1 << 15, 1 << 15].map(|size| words(vm, &vec![0; size]));
    let literals = bytes(vm, &[0; 1000]);
    let distances = words(vm, &[0; 1000]);
    let frequencies = [words(vm, &[0; LITERAL_CODES]), words(vm, &[0; DISTANCE_CODES])];
    let own = [
        tables[0],
        tables[1],
        int(hash),
        int(0),
        int(0),
        literals,
        distances,
        frequencies[0],
        frequencies[1],
        int(0),
        int(0),
    ];
    let object = stream(vm, 4, &own);
    let collection = bytes(vm, text);
    for (slot, value) in [collection, int(text.len()), int(0)].into_iter().enumerate() {
        vm.heap.store(object, slot, value);
    }
    object
}

/// A stream on literals or distances.
fn read_stream(vm: &mut Vm, collection: Oop, limit: Oop) -> Oop {
    vm.array_object(&[collection, int(0), limit]).expect("memory")
}

/// The fixed trees, as the encoder wants them.
fn trees(vm: &mut Vm) -> [Oop; 2] {
    let literals: Vec<_> = (0..LITERAL_CODES as u32).map(fixed_code).collect();
    let distances: Vec<_> =
        (0..DISTANCE_CODES as u32).map(|code| (5, code.reverse_bits() >> 27)).collect();
    [literals, distances].map(|codes: Vec<(u32, u32)>| {
        let (lengths, codes): (Vec<u32>, Vec<u32>) = codes.into_iter().unzip();
        let (lengths, codes) = (words(vm, &lengths), words(vm, &codes));
        vm.array_object(&[lengths, codes]).expect("memory")
    })
}

/// Deflate a text into one block with the fixed trees, its end included.
fn compress(vm: &mut Vm, text: &[u8]) -> Vec<u8> {
    let deflate = deflate_stream(vm, text);
    let no = vm.heap.false_object();
    let arguments = [int(text.len() - 1), int(100), int(50)];
    assert_eq!(call(vm, "primitiveDeflateBlock", deflate, &arguments), Ok(no));
    assert_eq!(vm.heap.fetch(deflate, 7), int(text.len()), "the block position moved on");
    let count = vm.heap.fetch(deflate, 13);
    let literals = vm.heap.fetch(deflate, 9);
    let distances = vm.heap.fetch(deflate, 10);
    let (literals, distances) =
        (read_stream(vm, literals, count), read_stream(vm, distances, count));
    let nil = vm.heap.nil();
    let encoder = stream(vm, 4, &[nil, int(0), int(0)]);
    let output = bytes(vm, &[0; 500]);
    vm.heap.store(encoder, 0, output);
    vm.heap.store(encoder, 1, int(0));
    let [literal_tree, distance_tree] = trees(vm);
    let arguments = [literals, distances, literal_tree, distance_tree];
    let sent = call(vm, "primitiveZipSendBlock", encoder, &arguments);
    assert_eq!(sent, Ok(int(text.len())));
    assert_eq!(vm.heap.fetch(literals, 1), count);
    let position = vm.heap.fetch(encoder, 1).integer_value() as usize;
    let pending = vm.heap.fetch(encoder, 5).integer_value() as u64;
    let mut code = vm.heap.bytes(output)[..position].to_vec();
    // The end of the block is seven zero bits.
    code.extend(&pending.to_le_bytes()[..2]);
    code
}

/// An InflateStream on `code` with room for `room` bytes.
fn inflate_stream(vm: &mut Vm, code: &[u8], room: usize) -> Oop {
    let source = bytes(vm, code);
    let nil = vm.heap.nil();
    let own = [int(3), int(0), int(0), source, int(0), int(code.len()), nil, nil, nil, nil];
    let object = stream(vm, 3, &own);
    let collection = bytes(vm, &vec![0; room]);
    for (slot, value) in [collection, int(0), int(0)].into_iter().enumerate() {
        vm.heap.store(object, slot, value);
    }
    object
}

fn inflated(vm: &Vm, inflate: Oop) -> Vec<u8> {
    let size = vm.heap.fetch(inflate, 2).integer_value() as usize;
    vm.heap.bytes(vm.heap.fetch(inflate, 0))[..size].to_vec()
}

const TEXT: &[u8] = b"abracadabra, abracadabra and abracadabra! \xFF\xFE once more: abracadabra";

#[test]
fn a_text_goes_through_deflate_encoder_and_inflate() {
    let mut vm = fresh();
    let code = compress(&mut vm, TEXT);
    assert!(code.len() < TEXT.len());
    let inflate = inflate_stream(&mut vm, &code, 500);
    let (literals, distances) = lookup_tables();
    let tables = [words(&mut vm, &literals), words(&mut vm, &distances)];
    let name = "primitiveInflateDecompressBlock";
    assert_eq!(call(&mut vm, name, inflate, &tables), Ok(inflate));
    assert_eq!(inflated(&vm, inflate), TEXT);
    assert_eq!(vm.heap.fetch(inflate, 3), int(1), "the block is at its end");
}

#[test]
fn inflating_stops_where_the_room_ends() {
    let mut vm = fresh();
    let code = compress(&mut vm, TEXT);
    let inflate = inflate_stream(&mut vm, &code, 20);
    let (literals, distances) = lookup_tables();
    let tables = [words(&mut vm, &literals), words(&mut vm, &distances)];
    let name = "primitiveInflateDecompressBlock";
    assert_eq!(call(&mut vm, name, inflate, &tables), Ok(inflate));
    let first = inflated(&vm, inflate);
    assert!(!first.is_empty() && first.len() <= 20 && TEXT.starts_with(&first));
    assert_eq!(vm.heap.fetch(inflate, 3), int(3), "the block goes on");
    // The image makes room and calls again.
    let mut larger = first.clone();
    larger.resize(500, 0);
    let larger = bytes(&mut vm, &larger);
    vm.heap.store(inflate, 0, larger);
    assert_eq!(call(&mut vm, name, inflate, &tables), Ok(inflate));
    assert_eq!(inflated(&vm, inflate), TEXT);
}

#[test]
fn bad_streams_and_tables_fail_and_change_nothing() {
    let mut vm = fresh();
    let code = compress(&mut vm, TEXT);
    let inflate = inflate_stream(&mut vm, &code, 500);
    let (literals, distances) = lookup_tables();
    let tables = [words(&mut vm, &literals), words(&mut vm, &distances)];
    let short = words(&mut vm, &literals[..40]);
    let name = "primitiveInflateDecompressBlock";
    assert_eq!(call(&mut vm, name, inflate, &[short, tables[1]]), Err(Generic));
    assert_eq!(call(&mut vm, name, inflate, &[int(1), tables[1]]), Err(Generic));
    assert_eq!(call(&mut vm, name, inflate, &tables[..1]), Err(BadNumArgs));
    assert_eq!(call(&mut vm, name, int(1), &tables), Err(Generic));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, name, nil, &tables), Err(Generic));
    assert_eq!(vm.heap.fetch(inflate, 2), int(0));
    vm.heap.store(inflate, 4, nil);
    assert_eq!(call(&mut vm, name, inflate, &tables), Err(Generic));
    let deflate = deflate_stream(&mut vm, TEXT);
    let arguments = [int(TEXT.len()), int(1), int(1)];
    assert_eq!(call(&mut vm, "primitiveDeflateBlock", deflate, &arguments), Err(Generic));
    assert_eq!(call(&mut vm, "primitiveDeflateBlock", inflate, &arguments), Err(Generic));
    assert_eq!(call(&mut vm, "primitiveZipSendBlock", deflate, &[nil; 4]), Err(Generic));
}

#[test]
fn checksums_take_a_range_of_bytes() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let text = bytes(&mut vm, b"xWikipediax");
    let name = "primitiveUpdateAdler32";
    let adler = call(&mut vm, name, nil, &[int(1), int(2), int(10), text]);
    assert_eq!(adler, Ok(int(0x11E6_0398)));
    for (start, stop) in [(0, 3), (3, 2), (1, 12)] {
        let arguments = [int(1), int(start), int(stop), text];
        assert_eq!(call(&mut vm, name, nil, &arguments), Err(Generic));
    }
    assert_eq!(call(&mut vm, name, nil, &[nil, int(1), int(1), text]), Err(Generic));
    let digits = bytes(&mut vm, b"123456789");
    let arguments = [int(0xFFFF_FFFF), int(1), int(9), digits];
    let crc = call(&mut vm, "primitiveUpdateGZipCrc32", nil, &arguments);
    assert_eq!(crc, Ok(int(!0xCBF4_3926u32 as usize)));
    let table = words(&mut vm, &[0, 5, 10, 15]);
    let name = "primitiveDeflateUpdateHashTable";
    assert_eq!(call(&mut vm, name, nil, &[table, int(10)]), Ok(nil));
    assert_eq!((vm.heap.fetch_u32(table, 2), vm.heap.fetch_u32(table, 3)), (0, 5));
    assert_eq!(call(&mut vm, name, nil, &[text, int(10)]), Err(Generic));
}
