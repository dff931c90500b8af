//! Image segments: objects out and in, failures.

use super::*;
use Failure::*;

/// A method whose literal is a text, stored with these out pointers to spare; words and out pointers.
fn stored(vm: &mut Vm) -> (Oop, Oop) {
    let text = string(vm, "inside");
    let code = method(vm, 1, &[RETURN_RECEIVER]);
    vm.heap.store(code, 1, text);
    let roots = vm.array_object(&[code, int(7)]).expect("memory");
    let words = bits(vm, Format::WORDS_32, 100);
    let pointers = array(vm, &[0; 10]);
    let nil = vm.heap.nil();
    assert_eq!(call(vm, 98, nil, &[roots, words, pointers]), Ok(nil));
    (words, pointers)
}

#[test]
fn a_method_goes_out_and_comes_back() {
    let mut vm = fresh();
    let (words, pointers) = stored(&mut vm);
    let (words, pointers) = (vm.heap.follow(words), vm.heap.follow(pointers));
    // Array, CompiledMethod and ByteString.
    assert_eq!(vm.heap.slot_count(pointers), 3);
    let nil = vm.heap.nil();
    let roots = call(&mut vm, 99, nil, &[words, pointers]).expect("loaded");
    assert_eq!(vm.heap.fetch(roots, 1), int(7));
    let code = vm.heap.fetch(roots, 0);
    assert_eq!(vm.bytes_of(vm.heap.fetch(code, 1)), Some(&b"inside"[..]));
    assert_eq!(vm.heap.bytes(code).last(), Some(&RETURN_RECEIVER));
    assert_eq!(vm.heap.slot_count(vm.heap.follow(words)), 3);
    assert_eq!(vm.check_heap(), []);
    // It runs.
    let translated = vm.code_for(code);
    assert_eq!(translated.get().num_args, 0);
}

#[test]
fn what_a_frame_refers_to_stays_outside() {
    let mut vm = fresh();
    let held = string(&mut vm, "held");
    let nothing = method(&mut vm, 0, &[RETURN_RECEIVER]);
    let code = vm.code_for(nothing);
    vm.enter(code, held, &[]);
    let inner = vm.array_object(&[held]).expect("memory");
    let roots = vm.array_object(&[inner]).expect("memory");
    let (words, pointers) = (bits(&mut vm, Format::WORDS_32, 100), array(&mut vm, &[0; 10]));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 98, nil, &[roots, words, pointers]), Ok(nil));
    let pointers = vm.heap.follow(pointers);
    let pointers = (0..vm.heap.slot_count(pointers) as usize).map(|i| vm.heap.fetch(pointers, i));
    assert!(pointers.collect::<Vec<_>>().contains(&held));
}

#[test]
fn failures_have_spurs_codes() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let roots = array(&mut vm, &[1, 2]);
    let few = bits(&mut vm, Format::WORDS_32, 4);
    let enough = bits(&mut vm, Format::WORDS_32, 100);
    let (none, some) = (array(&mut vm, &[]), array(&mut vm, &[0; 9]));
    assert_eq!(call(&mut vm, 98, nil, &[roots, few, some]), Err(WritePastObject));
    assert_eq!(call(&mut vm, 98, nil, &[roots, enough, none]), Err(BadIndex));
    assert_eq!(call(&mut vm, 98, nil, &[nil, enough, some]), Err(Generic));
    assert_eq!(call(&mut vm, 98, nil, &[roots, int(1), some]), Err(Generic));
    assert_eq!(call(&mut vm, 98, nil, &[roots, enough]), Err(BadNumArgs));
    assert_eq!(call(&mut vm, 99, nil, &[enough]), Err(BadNumArgs));
    assert_eq!(call(&mut vm, 99, nil, &[enough, some]), Err(BadArgument));
    assert_eq!(call(&mut vm, 99, nil, &[some, some]), Err(Generic));
    let fixed = read_only(&mut vm, enough);
    assert_eq!(call(&mut vm, 98, nil, &[roots, fixed, some]), Err(NoModification));
    let (words, pointers) = stored(&mut vm);
    let words = vm.heap.follow(words);
    vm.heap.store_u64(words, 2, 8);
    assert_eq!(call(&mut vm, 99, nil, &[words, pointers]), Err(Inappropriate));
    vm.heap.store_u64(words, 2, 1 << 40);
    assert_eq!(call(&mut vm, 99, nil, &[words, pointers]), Err(BadIndex));
}
