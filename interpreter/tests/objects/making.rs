//! New objects, copies, and their sizes.

use super::*;
use Failure::*;
use rowel_objmem::layout::special;

#[test]
fn new_objects_have_the_shape_of_their_class() {
    let mut vm = fresh();
    for (format, fixed) in [(Format::EMPTY, 0), (Format::FIXED, 3), (Format::EPHEMERON, 2)] {
        let class = class_of(&mut vm, format, fixed);
        let object = call(&mut vm, 70, class, &[]).expect("an object");
        assert_eq!(vm.heap.format(object), format);
        assert_eq!(vm.heap.slot_count(object), fixed as u64);
        assert_eq!(vm.heap.class_of(object), class, "the class is in the class table now");
        assert!((0..fixed as usize).all(|slot| vm.heap.fetch(object, slot) == vm.heap.nil()));
        assert_eq!(call(&mut vm, 71, class, &[int(1)]), Err(BadReceiver));
        assert!(call(&mut vm, 71, class, &[int(0)]).is_ok());
    }
}

#[test]
fn new_with_a_size_counts_elements() {
    let mut vm = fresh();
    for (format, fixed, size) in [
        (Format::INDEXABLE, 0, 0),
        (Format::INDEXABLE, 0, 1000),
        (Format::FIXED_INDEXABLE, 2, 3),
        (Format::WEAK, 1, 4),
        (Format::WORDS_64, 0, 3),
        (Format::WORDS_32, 0, 3),
        (Format::WORDS_16, 0, 5),
        (Format::BYTES, 0, 13),
        (Format::BYTES, 0, 0),
    ] {
        let class = class_of(&mut vm, format, fixed);
        let object = call(&mut vm, 71, class, &[int(size)]).expect("an object");
        assert_eq!(call(&mut vm, 62, object, &[]), Ok(int(size)), "{format:?}");
        assert_eq!(vm.heap.format(object).for_elements(0), format);
        assert_eq!(call(&mut vm, 70, class, &[]), Err(BadReceiver));
        assert_eq!(call(&mut vm, 71, class, &[int(-1)]), Err(BadArgument));
        let nil = vm.heap.nil();
        assert_eq!(call(&mut vm, 71, class, &[nil]), Err(BadArgument));
        let huge = large(&mut vm, u64::MAX);
        for size in [int(1 << 45), int(i64::MAX >> 3), huge] {
            assert_eq!(call(&mut vm, 71, class, &[size]), Err(NoMemory), "{format:?}");
        }
    }
    let class = vm.heap.special(special::CLASS_COMPILED_METHOD);
    assert_eq!(call(&mut vm, 71, class, &[int(8)]), Err(BadReceiver));
}

#[test]
fn what_is_no_class_has_no_instances() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let text = string(&mut vm, "not a class at all, but long enough");
    let numbers = array(&mut vm, &[1, 2, 3]);
    let hashed = class_of(&mut vm, Format::FIXED, 1);
    vm.heap.set_header(hashed, vm.heap.header(hashed).with_hash(34));
    for class in [int(3), nil, text, numbers, hashed] {
        assert_eq!(call(&mut vm, 70, class, &[]), Err(BadReceiver), "{class:?}");
        assert!(call(&mut vm, 71, class, &[int(2)]).is_err());
    }
}

#[test]
fn old_and_pinned_objects_are_made_where_they_stay() {
    let mut vm = fresh();
    let class = class_of(&mut vm, Format::FIXED, 2);
    let bytes = class_of(&mut vm, Format::BYTES, 0);
    let young = call(&mut vm, 70, class, &[]).expect("an object");
    assert!(vm.heap.is_young(young));
    for (number, pinned) in [(596, false), (598, true)] {
        let object = call(&mut vm, number, class, &[]).expect("an object");
        assert!(!vm.heap.is_young(object));
        assert_eq!(vm.heap.header(object).is_pinned(), pinned);
        assert_eq!(vm.heap.fetch(object, 1), vm.heap.nil());
    }
    for (number, pinned) in [(597, false), (599, true), (583, true)] {
        let object = call(&mut vm, number, bytes, &[int(5)]).expect("an object");
        assert!(!vm.heap.is_young(object));
        assert_eq!(vm.heap.header(object).is_pinned(), pinned);
        assert_eq!(vm.heap.bytes(object), [0; 5]);
    }
    let pointers = class_of(&mut vm, Format::INDEXABLE, 0);
    assert_eq!(call(&mut vm, 583, pointers, &[int(5)]), Err(BadReceiver));
}

#[test]
fn new_methods_have_nil_literals_and_no_code() {
    let mut vm = fresh();
    let class = vm.heap.special(special::CLASS_COMPILED_METHOD);
    let method = call(&mut vm, 79, class, &[int(5), int(SISTA | 3)]).expect("a method");
    assert_eq!(vm.heap.byte_size(method), 4 * 8 + 5);
    assert_eq!(vm.heap.fetch(method, 0), int(SISTA | 3));
    assert!((1..=3).all(|literal| vm.heap.fetch(method, literal) == vm.heap.nil()));
    assert_eq!(vm.heap.bytes(method)[32..], [0; 5]);
    assert_eq!(call(&mut vm, 79, class, &[int(-1), int(0)]), Err(BadArgument));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 79, class, &[int(1), nil]), Err(BadArgument));
    let array = vm.heap.special(special::CLASS_ARRAY);
    assert_eq!(call(&mut vm, 79, array, &[int(1), int(0)]), Err(BadReceiver));
}

#[test]
fn copies_share_contents_but_not_identity() {
    let mut vm = fresh();
    let inner = string(&mut vm, "inner");
    let object = vm.array_object(&[inner, int(2)]).expect("memory");
    let object = read_only(&mut vm, object);
    let hash = vm.heap.identity_hash(object);
    let copy = call(&mut vm, 148, object, &[]).expect("a copy");
    assert_ne!(copy, object);
    assert_eq!((vm.heap.fetch(copy, 0), vm.heap.fetch(copy, 1)), (inner, int(2)));
    assert!(!vm.heap.header(copy).is_immutable());
    assert_ne!(vm.heap.header(copy).hash(), hash);
    let text = string(&mut vm, "some text");
    let copy = call(&mut vm, 148, text, &[]).expect("a copy");
    assert_eq!(vm.heap.bytes(copy), b"some text");
    assert_eq!(call(&mut vm, 148, int(4), &[]), Ok(int(4)));
    let method = method(&mut vm, 1, &[9, 8]);
    let copy = call(&mut vm, 148, method, &[]).expect("a copy");
    assert_eq!(vm.heap.bytes(copy), vm.heap.bytes(method));
}

#[test]
fn copies_of_large_objects_are_old_and_remembered() {
    let mut vm = fresh();
    let object = old_array(&mut vm, 20_000);
    let young = string(&mut vm, "young");
    vm.heap.store(object, 19_999, young);
    let copy = call(&mut vm, 148, object, &[]).expect("a copy");
    assert!(!vm.heap.is_young(copy));
    assert!(vm.heap.header(copy).is_remembered());
    assert_eq!(vm.heap.fetch(copy, 19_999), young);
}

#[test]
fn copies_follow_forwarders() {
    let mut vm = fresh();
    let (one, other) = (array(&mut vm, &[1]), array(&mut vm, &[2]));
    let holder = vm.array_object(&[one]).expect("memory");
    let from = vm.array_object(&[one]).expect("memory");
    let to = vm.array_object(&[other]).expect("memory");
    vm.heap.become_forward(from, to, false, false).expect("become");
    let copy = call(&mut vm, 148, holder, &[]).expect("a copy");
    assert_eq!(vm.heap.fetch(copy, 0), other);
}

#[test]
fn sizes_in_bytes_count_the_headers() {
    let mut vm = fresh();
    let fixed = class_of(&mut vm, Format::FIXED, 3);
    let empty = class_of(&mut vm, Format::FIXED, 0);
    let bytes = class_of(&mut vm, Format::BYTES, 0);
    let mixed = class_of(&mut vm, Format::FIXED_INDEXABLE, 2);
    assert_eq!(call(&mut vm, 181, fixed, &[]), Ok(int(32)));
    assert_eq!(call(&mut vm, 181, empty, &[]), Ok(int(16)));
    assert_eq!(call(&mut vm, 181, bytes, &[]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 181, bytes, &[int(9)]), Ok(int(24)));
    assert_eq!(call(&mut vm, 181, mixed, &[int(3)]), Ok(int(48)));
    assert_eq!(call(&mut vm, 181, bytes, &[int(255 * 8)]), Ok(int(255 * 8 + 16)));
    assert_eq!(call(&mut vm, 181, fixed, &[int(3)]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 181, bytes, &[int(-1)]), Err(BadArgument));
    let text = string(&mut vm, "123456789");
    assert_eq!(call(&mut vm, 182, text, &[]), Ok(int(24)));
    assert_eq!(call(&mut vm, 182, int(1), &[]), Ok(int(0)));
    let long = bits(&mut vm, Format::WORDS_64, 300);
    assert_eq!(call(&mut vm, 182, long, &[]), Ok(int(302 * 8)));
}
