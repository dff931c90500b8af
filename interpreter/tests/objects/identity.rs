//! Identity, hashes, classes, immediates.

use super::*;
use Failure::*;

#[test]
fn identity_hashes_stay_and_belong_to_one_object() {
    let mut vm = fresh();
    let (one, other) = (string(&mut vm, "a"), string(&mut vm, "a"));
    let hash = call(&mut vm, 75, one, &[]).expect("a hash");
    assert_eq!(call(&mut vm, 75, one, &[]), Ok(hash));
    assert_ne!(call(&mut vm, 75, other, &[]), Ok(hash));
    assert_eq!(call(&mut vm, 75, int(1), &[]), Err(Generic));
    let most = call(&mut vm, 176, one, &[]).unwrap().integer_value();
    assert!((1..=most).contains(&hash.integer_value()));
}

#[test]
fn hashes_are_asked_for_and_set() {
    let mut vm = fresh();
    let object = string(&mut vm, "a");
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    assert_eq!(call(&mut vm, 161, object, &[]), Ok(no));
    let old = call(&mut vm, 75, object, &[]).expect("a hash");
    assert_eq!(call(&mut vm, 161, object, &[]), Ok(yes));
    assert_eq!(call(&mut vm, 161, object, &[int(77)]), Ok(old));
    assert_eq!(call(&mut vm, 75, object, &[]), Ok(int(77)));
    assert_eq!(call(&mut vm, 161, object, &[int(1 << 22)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 161, object, &[int(-1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 161, int(1), &[int(5)]), Err(BadReceiver));
    let class = vm.heap.class_of(object);
    assert_eq!(call(&mut vm, 161, class, &[int(5)]), Err(Inappropriate));
}

#[test]
fn classes_have_their_index_as_hash() {
    let mut vm = fresh();
    let class = class_of(&mut vm, Format::FIXED, 1);
    let hash = call(&mut vm, 175, class, &[]).expect("a hash").integer_value();
    assert_eq!(vm.heap.class_at(ClassIndex(hash as u32)), class);
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 175, nil, &[]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 175, int(1), &[]), Err(BadReceiver));
}

#[test]
fn identity_and_class_work_on_anything() {
    let mut vm = fresh();
    let text = string(&mut vm, "a");
    let (yes, no, nil) = (vm.heap.true_object(), vm.heap.false_object(), vm.heap.nil());
    assert_eq!(call(&mut vm, 110, text, &[text]), Ok(yes));
    assert_eq!(call(&mut vm, 110, text, &[nil]), Ok(no));
    assert_eq!(call(&mut vm, 110, nil, &[int(3), int(3)]), Ok(yes));
    assert_eq!(call(&mut vm, 169, text, &[text]), Ok(no));
    assert_eq!(call(&mut vm, 169, int(1), &[int(2)]), Ok(yes));
    assert_eq!(call(&mut vm, 111, text, &[]), Ok(vm.heap.class_at(class_index::BYTE_STRING)));
    assert_eq!(call(&mut vm, 111, nil, &[int(3)]), Ok(vm.heap.class_at(ClassIndex(1))));
}

#[test]
fn characters_and_integers_convert() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 170, int(0x3FFF_FFFF), &[]), Ok(Oop::character(0x3FFF_FFFF)));
    assert_eq!(call(&mut vm, 170, int(0x4000_0000), &[]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 170, nil, &[int(65)]), Ok(Oop::character(65)));
    assert_eq!(call(&mut vm, 170, nil, &[int(-1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 171, Oop::character(65), &[]), Ok(int(65)));
    assert_eq!(call(&mut vm, 171, int(-5), &[]), Ok(int(-5)));
    assert_eq!(call(&mut vm, 171, nil, &[]), Err(BadReceiver));
    let float = Oop::from_float(1.0).expect("small");
    let bits = call(&mut vm, 171, float, &[]).expect("bits").integer_value();
    assert_eq!(bits as u64 & (u64::MAX >> 3), float.0 >> 3);
}

#[test]
fn hash_multiply_is_modulo_2_to_the_28() {
    let mut vm = fresh();
    assert_eq!(call(&mut vm, 159, int(1), &[]), Ok(int(1_664_525)));
    let product = (123_456_789_i64 * 1_664_525) & 0xFFF_FFFF;
    assert_eq!(call(&mut vm, 159, int(123_456_789), &[]), Ok(int(product)));
    assert_eq!(call(&mut vm, 159, int(-1), &[]), Ok(int(-1_664_525 & 0xFFF_FFFF)));
    let big = large(&mut vm, 1 << 62 | 3);
    assert_eq!(call(&mut vm, 159, big, &[]), Ok(int(3 * 1_664_525)));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 159, nil, &[]), Err(BadReceiver));
}
