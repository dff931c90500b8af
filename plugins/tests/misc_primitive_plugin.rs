//! MiscPrimitivePlugin as the image calls it: results, and each way to fail.

use rowel_interpreter::failure::Failure::{self, *};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Heap, Oop};
use rowel_plugins::MODULES;

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    vm.modules.add(MODULES);
    vm
}

fn int(value: i64) -> Oop {
    Oop::small_integer(value)
}

fn call(vm: &mut Vm, name: &str, arguments: &[Oop]) -> Result<Oop, Failure> {
    let primitive = vm.modules.find(b"MiscPrimitivePlugin", name.as_bytes()).expect(name);
    let receiver = vm.heap.nil();
    vm.apply(primitive, receiver, arguments)
}

fn string(vm: &mut Vm, text: &[u8]) -> Oop {
    vm.string_object(text).expect("memory")
}

fn lower_case(vm: &mut Vm) -> Oop {
    let table: Vec<u8> = (0..=255u8).map(|byte| byte.to_ascii_lowercase()).collect();
    vm.byte_array_object(&table).expect("memory")
}

fn bitmap(vm: &mut Vm, words: &[u32]) -> Oop {
    let elements = words.len() as u64;
    let format = Format::WORDS_32.for_elements(elements);
    let object = vm.heap.allocate_filled(class_index::BITMAP, format, elements.div_ceil(2));
    let object = object.expect("memory");
    for (index, word) in words.iter().enumerate() {
        vm.heap.store_element_u32(object, index, *word);
    }
    object
}

fn read_only(vm: &mut Vm, object: Oop) {
    vm.heap.set_header(object, vm.heap.header(object).with_flag(IMMUTABLE_BIT, true));
}

#[test]
fn strings_compare_through_an_order() {
    let mut vm = fresh();
    let (one, two, order) = (string(&mut vm, b"ABC"), string(&mut vm, b"abd"), lower_case(&mut vm));
    for (arguments, result) in [([one, two], 1), ([one, one], 2), ([two, one], 3)] {
        let arguments = [arguments[0], arguments[1], order];
        assert_eq!(call(&mut vm, "primitiveCompareString", &arguments), Ok(int(result)));
    }
    let short = string(&mut vm, &[0; 255]);
    for arguments in [[one, two, short], [int(1), two, order], [one, int(1), order]] {
        assert_eq!(call(&mut vm, "primitiveCompareString", &arguments), Err(BadArgument));
    }
    assert_eq!(call(&mut vm, "primitiveCompareString", &[one, two]), Err(BadNumArgs));
}

#[test]
fn bitmaps_are_compressed_and_back() {
    let mut vm = fresh();
    let words = [7, 7, 7, 0x0102_0304, 9, 0, 0];
    let source = bitmap(&mut vm, &words);
    let code = string(&mut vm, &[0; 100]);
    let size = call(&mut vm, "primitiveCompressToByteArray", &[source, code]).expect("a size");
    let size = size.integer_value() as usize;
    let code = vm.heap.bytes(code)[..size].to_vec();
    let code = string(&mut vm, &code);
    let target = bitmap(&mut vm, &[1; 7]);
    let nil = vm.heap.nil();
    // The count of words comes first; decompression starts after it.
    let name = "primitiveDecompressFromByteArray";
    assert_eq!(call(&mut vm, name, &[target, code, int(2)]), Ok(nil));
    for (index, word) in words.iter().enumerate() {
        assert_eq!(vm.heap.fetch_u32(target, index), *word);
    }
    let small = bitmap(&mut vm, &[1; 6]);
    assert_eq!(call(&mut vm, name, &[small, code, int(2)]), Err(BadIndex));
    assert_eq!(vm.heap.fetch_u32(small, 0), 1, "a failure writes nothing");
    assert_eq!(call(&mut vm, name, &[target, code, int(0)]), Err(BadIndex));
    assert_eq!(call(&mut vm, name, &[code, code, int(2)]), Err(BadArgument));
    read_only(&mut vm, target);
    assert_eq!(call(&mut vm, name, &[target, code, int(2)]), Err(NoModification));
    let short = string(&mut vm, &[0; 10]);
    let name = "primitiveCompressToByteArray";
    assert_eq!(call(&mut vm, name, &[source, short]), Err(Unsupported));
    read_only(&mut vm, short);
    assert_eq!(call(&mut vm, name, &[source, short]), Err(NoModification));
    assert_eq!(call(&mut vm, name, &[source, int(1)]), Err(BadArgument));
}

#[test]
fn searches_answer_indices_from_one() {
    let mut vm = fresh();
    let body = string(&mut vm, b"Hello hello");
    let key = string(&mut vm, b"HELLO");
    let table = lower_case(&mut vm);
    let name = "primitiveFindSubstring";
    assert_eq!(call(&mut vm, name, &[key, body, int(1), table]), Ok(int(1)));
    assert_eq!(call(&mut vm, name, &[key, body, int(2), table]), Ok(int(7)));
    assert_eq!(call(&mut vm, name, &[key, body, int(8), table]), Ok(int(0)));
    assert_eq!(call(&mut vm, name, &[key, body, int(-5), table]), Ok(int(1)));
    assert_eq!(call(&mut vm, name, &[key, body, int(i64::MAX >> 3), table]), Ok(int(0)));
    assert_eq!(call(&mut vm, name, &[key, body, int(1), key]), Err(BadArgument));
    let name = "primitiveIndexOfAsciiInString";
    assert_eq!(call(&mut vm, name, &[int(108), body, int(1)]), Ok(int(3)));
    assert_eq!(call(&mut vm, name, &[int(108), body, int(5)]), Ok(int(9)));
    assert_eq!(call(&mut vm, name, &[int(1000), body, int(1)]), Ok(int(0)));
    assert_eq!(call(&mut vm, name, &[int(108), body, int(0)]), Err(BadIndex));
    let mut set = [0; 256];
    set[usize::from(b' ')] = 1;
    let set = string(&mut vm, &set);
    let name = "primitiveFindFirstInString";
    assert_eq!(call(&mut vm, name, &[body, set, int(1)]), Ok(int(6)));
    assert_eq!(call(&mut vm, name, &[body, set, int(7)]), Ok(int(0)));
    assert_eq!(call(&mut vm, name, &[body, set, int(0)]), Err(BadIndex));
    assert_eq!(call(&mut vm, name, &[body, key, int(1)]), Ok(int(0)), "a set of another size");
}

#[test]
fn strings_are_hashed_and_translated() {
    let mut vm = fresh();
    let text = string(&mut vm, b"HELLO");
    let hash = call(&mut vm, "primitiveStringHash", &[text, int(0)]).expect("a hash");
    let expected = b"HELLO"
        .iter()
        .fold(0u64, |hash, byte| ((hash + u64::from(*byte)) * 1_664_525) & 0xFFFF_FFFF);
    assert_eq!(hash, int((expected & 0xFFF_FFFF) as i64));
    let table = lower_case(&mut vm);
    let name = "primitiveTranslateStringWithTable";
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, name, &[text, int(2), int(3), table]), Ok(nil));
    assert_eq!(vm.heap.bytes(text), b"HelLO");
    assert_eq!(call(&mut vm, name, &[text, int(3), int(-1), table]), Ok(nil));
    assert_eq!(call(&mut vm, name, &[text, int(0), int(1), table]), Err(BadIndex));
    assert_eq!(call(&mut vm, name, &[text, int(1), int(6), table]), Err(BadIndex));
    assert_eq!(call(&mut vm, name, &[text, int(1), int(1), text]), Err(BadArgument));
    read_only(&mut vm, text);
    assert_eq!(call(&mut vm, name, &[text, int(1), int(1), table]), Err(NoModification));
}

#[test]
fn samples_are_widened() {
    let mut vm = fresh();
    let samples = string(&mut vm, &[1, 0x80]);
    let buffer = bitmap(&mut vm, &[0]);
    let nil = vm.heap.nil();
    let name = "primitiveConvert8BitSigned";
    assert_eq!(call(&mut vm, name, &[samples, buffer]), Ok(nil));
    assert_eq!(vm.heap.bytes(buffer), [0, 1, 0, 0x80]);
    let three = string(&mut vm, &[1, 2, 3]);
    assert_eq!(call(&mut vm, name, &[three, buffer]), Err(BadArgument));
    assert_eq!(call(&mut vm, name, &[samples, int(1)]), Err(BadArgument));
}
