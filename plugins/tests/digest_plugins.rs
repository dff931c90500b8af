//! DSAPrims, MD5Plugin and SHA256Plugin as the image calls them.

use rowel_interpreter::failure::Failure::{self, *};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
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

fn call(vm: &mut Vm, module: &str, name: &str, arguments: &[Oop]) -> Result<Oop, Failure> {
    let primitive = vm.modules.find(module.as_bytes(), name.as_bytes()).expect(name);
    let receiver = vm.heap.nil();
    vm.apply(primitive, receiver, arguments)
}

fn bytes(vm: &mut Vm, bytes: &[u8]) -> Oop {
    vm.byte_array_object(bytes).expect("memory")
}

fn words(vm: &mut Vm, count: u64) -> Oop {
    let format = Format::WORDS_32.for_elements(count);
    let object = vm.heap.allocate_filled(class_index::BITMAP, format, count.div_ceil(2));
    object.expect("memory")
}

fn large(vm: &mut Vm, digits: &[u8]) -> Oop {
    vm.byte_object(class_index::LARGE_POSITIVE_INTEGER, digits).expect("memory")
}

/// The padded block of the message "abc"; its length in bits stands at `length_at`.
fn abc(vm: &mut Vm, length_at: usize) -> Oop {
    let mut block = [0; 64];
    block[..4].copy_from_slice(b"abc\x80");
    block[length_at] = 24;
    bytes(vm, &block)
}

#[test]
fn sha1_of_abc() {
    let mut vm = fresh();
    let (block, schedule, state) = (abc(&mut vm, 63), words(&mut vm, 80), words(&mut vm, 5));
    let start = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0u32];
    for (index, word) in start.into_iter().enumerate() {
        vm.heap.store_element_u32(state, index, word);
    }
    let nil = vm.heap.nil();
    let (yes, module) = (vm.heap.true_object(), "DSAPrims");
    assert_eq!(call(&mut vm, module, "primitiveHasSecureHashPrimitive", &[]), Ok(yes));
    assert_eq!(call(&mut vm, module, "primitiveExpandBlock", &[block, schedule]), Ok(nil));
    assert_eq!(call(&mut vm, module, "primitiveHashBlock", &[schedule, state]), Ok(nil));
    let digest: Vec<u32> = (0..5).map(|index| vm.heap.fetch_u32(state, index)).collect();
    assert_eq!(digest, [0xA999_3E36, 0x4706_816A, 0xBA3E_2571, 0x7850_C26C, 0x9CD0_D89D]);
    let short = words(&mut vm, 79);
    assert_eq!(call(&mut vm, module, "primitiveExpandBlock", &[block, short]), Err(BadArgument));
    assert_eq!(call(&mut vm, module, "primitiveHashBlock", &[short, state]), Err(BadArgument));
}

#[test]
fn md5_and_sha256_of_abc() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let yes = vm.heap.true_object();
    for (module, size, length_at, first) in
        [("MD5Plugin", 16, 56, [0x90, 0x01]), ("SHA256Plugin", 32, 63, [0xBA, 0x78])]
    {
        let (block, state) = (abc(&mut vm, length_at), bytes(&mut vm, &vec![0; size]));
        assert_eq!(call(&mut vm, module, "primitivePluginAvailable", &[]), Ok(yes));
        assert_eq!(call(&mut vm, module, "primitiveInitializeState", &[state]), Ok(nil));
        let name = "primitiveProcessBufferWithState";
        assert_eq!(call(&mut vm, module, name, &[block, state]), Ok(nil));
        let digest = bytes(&mut vm, &vec![0; size]);
        let digest = if module == "SHA256Plugin" {
            let name = "primitiveFinalHashFromState";
            assert_eq!(call(&mut vm, module, name, &[digest, state]), Ok(nil));
            digest
        } else {
            assert_eq!(call(&mut vm, module, "primitiveDecodeState", &[state]), Ok(nil));
            state
        };
        assert_eq!(vm.heap.bytes(digest)[..2], first);
        let short = bytes(&mut vm, &[0; 15]);
        assert_eq!(call(&mut vm, module, "primitiveInitializeState", &[short]), Err(BadArgument));
        assert_eq!(call(&mut vm, module, name, &[short, state]), Err(BadArgument));
        assert_eq!(call(&mut vm, module, name, &[block, short]), Err(BadArgument));
    }
}

#[test]
fn big_numbers_are_multiplied_and_divided_in_place() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let (one, two) = (large(&mut vm, &[0, 0, 1]), large(&mut vm, &[0xFF, 2]));
    let product = large(&mut vm, &[9; 5]);
    assert_eq!(call(&mut vm, "DSAPrims", "primitiveBigMultiply", &[one, two, product]), Ok(nil));
    assert_eq!(vm.heap.bytes(product), [0, 0, 0xFF, 2, 0]);
    let name = "primitiveHighestNonZeroDigitIndex";
    assert_eq!(call(&mut vm, "DSAPrims", name, &[product]), Ok(Oop::small_integer(4)));
    assert_eq!(call(&mut vm, "DSAPrims", name, &[nil]), Err(BadArgument));
    let short = large(&mut vm, &[9; 4]);
    let name = "primitiveBigMultiply";
    assert_eq!(call(&mut vm, "DSAPrims", name, &[one, two, short]), Err(BadArgument));
    let dividend = large(&mut vm, &[7, 0, 0xFF, 2, 0]);
    let quotient = large(&mut vm, &[9; 3]);
    let name = "primitiveBigDivide";
    assert_eq!(call(&mut vm, "DSAPrims", name, &[dividend, two, quotient]), Ok(nil));
    assert_eq!(vm.heap.bytes(quotient), [0, 0, 1]);
    assert_eq!(vm.heap.bytes(dividend), [7, 0, 0, 0, 0]);
    let zero = large(&mut vm, &[0]);
    assert_eq!(call(&mut vm, "DSAPrims", name, &[dividend, zero, quotient]), Err(BadArgument));
}
