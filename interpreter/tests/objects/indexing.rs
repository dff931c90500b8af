//! Indexed access to every format.

use super::*;
use Failure::*;

#[test]
fn elements_of_every_width_are_unsigned_and_bounded() {
    let mut vm = fresh();
    for (format, largest) in [
        (Format::BYTES, 0xFF),
        (Format::WORDS_16, 0xFFFF),
        (Format::WORDS_32, 0xFFFF_FFFF),
        (Format::WORDS_64, u64::MAX),
    ] {
        let object = bits(&mut vm, format, 5);
        let value = large(&mut vm, largest);
        assert_eq!(call(&mut vm, 62, object, &[]), Ok(int(5)), "{format:?}");
        assert_eq!(call(&mut vm, 61, object, &[int(5), value]), Ok(value));
        let read = call(&mut vm, 60, object, &[int(5)]).expect("an element");
        assert_eq!(natural(&vm, read), largest);
        assert_eq!(call(&mut vm, 60, object, &[int(4)]), Ok(int(0)));
        for index in [0, 6, -1, i64::MIN >> 3, i64::MAX >> 3] {
            assert_eq!(call(&mut vm, 60, object, &[int(index)]), Err(BadIndex));
            assert_eq!(call(&mut vm, 61, object, &[int(index), int(0)]), Err(BadIndex));
        }
        if largest < u64::MAX {
            let above = large(&mut vm, largest + 1);
            assert_eq!(call(&mut vm, 61, object, &[int(1), above]), Err(BadArgument));
        }
        assert_eq!(call(&mut vm, 61, object, &[int(1), int(-1)]), Err(BadArgument));
        assert_eq!(call(&mut vm, 61, object, &[int(1), Oop::character(65)]), Err(BadArgument));
        assert_eq!(call(&mut vm, 60, object, &[Oop::character(1)]), Err(BadArgument));
    }
}

#[test]
fn indexed_references_start_after_the_named_slots() {
    let mut vm = fresh();
    for format in [Format::FIXED_INDEXABLE, Format::WEAK] {
        let object = instance(&mut vm, format, 2, 3);
        vm.heap.store(object, 2, int(30));
        assert_eq!(call(&mut vm, 62, object, &[]), Ok(int(3)));
        assert_eq!(call(&mut vm, 60, object, &[int(1)]), Ok(int(30)));
        assert_eq!(call(&mut vm, 61, object, &[int(3), int(50)]), Ok(int(50)));
        assert_eq!(vm.heap.fetch(object, 4), int(50));
        assert_eq!(call(&mut vm, 60, object, &[int(4)]), Err(BadIndex));
    }
    let fixed = instance(&mut vm, Format::FIXED, 2, 0);
    assert_eq!(call(&mut vm, 62, fixed, &[]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 60, fixed, &[int(1)]), Err(BadReceiver));
    let ephemeron = instance(&mut vm, Format::EPHEMERON, 2, 0);
    assert_eq!(call(&mut vm, 62, ephemeron, &[]), Ok(int(0)));
    assert_eq!(call(&mut vm, 60, ephemeron, &[int(1)]), Err(BadIndex));
}

#[test]
fn immediates_have_no_elements() {
    let mut vm = fresh();
    assert_eq!(call(&mut vm, 60, int(1), &[int(1)]), Err(Inappropriate));
    assert_eq!(call(&mut vm, 61, int(1), &[int(1), int(1)]), Err(Inappropriate));
    assert_eq!(call(&mut vm, 62, int(1), &[]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 60, int(1), &[]), Err(BadNumArgs));
}

#[test]
fn read_only_objects_are_not_written() {
    let mut vm = fresh();
    let object = bits(&mut vm, Format::BYTES, 2);
    let object = read_only(&mut vm, object);
    for number in [61, 64, 144, 166] {
        let value = if number == 64 { Oop::character(65) } else { int(1) };
        assert_eq!(call(&mut vm, number, object, &[int(1), value]), Err(NoModification));
    }
    let floats = bits(&mut vm, Format::WORDS_64, 2);
    let floats = read_only(&mut vm, floats);
    let one = vm.float_object(1.0).expect("memory");
    assert_eq!(call(&mut vm, 239, floats, &[int(1), one]), Err(NoModification));
}

#[test]
fn a_store_into_an_old_object_remembers_it() {
    let mut vm = fresh();
    let old = old_array(&mut vm, 2);
    let young = string(&mut vm, "young");
    assert_eq!(call(&mut vm, 61, old, &[int(1), young]), Ok(young));
    assert!(vm.heap.header(old).is_remembered());
}

#[test]
fn mirror_primitives_look_below_their_own_arguments() {
    let mut vm = fresh();
    let object = array(&mut vm, &[7, 8]);
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 60, nil, &[object, int(2)]), Ok(int(8)));
    assert_eq!(call(&mut vm, 61, nil, &[object, int(2), int(9)]), Ok(int(9)));
    assert_eq!(call(&mut vm, 62, nil, &[object]), Ok(int(2)));
}

#[test]
fn bytes_of_compiled_code_start_after_the_literals() {
    let mut vm = fresh();
    let method = method(&mut vm, 2, &[1, 2, 3]);
    assert_eq!(call(&mut vm, 62, method, &[]), Ok(int(27)));
    assert_eq!(call(&mut vm, 60, method, &[int(25)]), Ok(int(1)));
    assert_eq!(call(&mut vm, 60, method, &[int(24)]), Err(BadIndex));
    assert_eq!(call(&mut vm, 61, method, &[int(27), int(9)]), Ok(int(9)));
    assert_eq!(call(&mut vm, 60, method, &[int(27)]), Ok(int(9)));
    assert_eq!(call(&mut vm, 60, method, &[int(28)]), Err(BadIndex));
}

#[test]
fn strings_hold_characters_narrow_and_wide() {
    let mut vm = fresh();
    let narrow = string(&mut vm, "abc");
    assert_eq!(call(&mut vm, 63, narrow, &[int(2)]), Ok(Oop::character(98)));
    let wide_character = Oop::character(0x1F600);
    assert_eq!(call(&mut vm, 64, narrow, &[int(1), wide_character]), Err(BadArgument));
    assert_eq!(call(&mut vm, 64, narrow, &[int(1), int(65)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 64, narrow, &[int(4), Oop::character(65)]), Err(BadIndex));
    let wide = bits(&mut vm, Format::WORDS_32, 3);
    assert_eq!(call(&mut vm, 64, wide, &[int(3), wide_character]), Ok(wide_character));
    assert_eq!(call(&mut vm, 63, wide, &[int(3)]), Ok(wide_character));
    vm.heap.store_element_u32(wide, 0, 0x4000_0000);
    assert_eq!(call(&mut vm, 63, wide, &[int(1)]), Err(BadReceiver));
}

#[test]
fn shorts_are_signed_in_bits_of_any_width() {
    let mut vm = fresh();
    let object = bits(&mut vm, Format::BYTES, 5);
    assert_eq!(call(&mut vm, 144, object, &[int(2), int(-2)]), Ok(int(-2)));
    assert_eq!(call(&mut vm, 143, object, &[int(2)]), Ok(int(-2)));
    assert_eq!(vm.heap.bytes(object), [0, 0, 0xFE, 0xFF, 0]);
    assert_eq!(call(&mut vm, 143, object, &[int(3)]), Err(BadIndex));
    assert_eq!(call(&mut vm, 143, object, &[int(0)]), Err(BadIndex));
    assert_eq!(call(&mut vm, 144, object, &[int(1), int(32768)]), Err(BadArgument));
    let pointers = array(&mut vm, &[1]);
    assert_eq!(call(&mut vm, 143, pointers, &[int(1)]), Err(Inappropriate));
    assert_eq!(call(&mut vm, 143, int(3), &[int(1)]), Err(Inappropriate));
}

#[test]
fn integers_are_signed_at_the_width_of_the_object() {
    let mut vm = fresh();
    for (format, least) in [
        (Format::BYTES, i64::from(i8::MIN)),
        (Format::WORDS_16, i64::from(i16::MIN)),
        (Format::WORDS_32, i64::from(i32::MIN)),
        (Format::WORDS_64, i64::MIN),
    ] {
        let object = bits(&mut vm, format, 3);
        let value = vm.integer_object(least).expect("memory");
        assert_eq!(call(&mut vm, 166, object, &[int(3), value]), Ok(value), "{format:?}");
        let read = call(&mut vm, 165, object, &[int(3)]).expect("an element");
        assert_eq!(vm.signed_64_of(read), Some(least));
        assert_eq!(call(&mut vm, 165, object, &[int(4)]), Err(BadIndex));
        assert_eq!(call(&mut vm, 166, object, &[int(0), int(0)]), Err(BadIndex));
        if least > i64::MIN {
            assert_eq!(call(&mut vm, 166, object, &[int(1), int(least - 1)]), Err(BadArgument));
            assert_eq!(call(&mut vm, 166, object, &[int(1), int(-least)]), Err(BadArgument));
        }
    }
    let pointers = array(&mut vm, &[5]);
    assert_eq!(call(&mut vm, 165, pointers, &[int(1)]), Ok(int(5)));
    assert_eq!(call(&mut vm, 166, pointers, &[int(1), int(6)]), Ok(int(6)));
    let method = method(&mut vm, 0, &[1]);
    assert_eq!(call(&mut vm, 165, method, &[int(9)]), Err(Unsupported));
    let fixed = instance(&mut vm, Format::FIXED, 1, 0);
    assert_eq!(call(&mut vm, 165, fixed, &[int(1)]), Err(BadReceiver));
}

#[test]
fn float_arrays_hold_singles_or_doubles() {
    let mut vm = fresh();
    let value = vm.float_object(0.1).expect("memory");
    let singles = bits(&mut vm, Format::WORDS_32, 3);
    assert_eq!(call(&mut vm, 239, singles, &[int(3), value]), Ok(value));
    let read = call(&mut vm, 238, singles, &[int(3)]).expect("an element");
    assert_eq!(vm.float_of(read), Some(f64::from(0.1_f32)));
    let doubles = bits(&mut vm, Format::WORDS_64, 1);
    assert_eq!(call(&mut vm, 239, doubles, &[int(1), value]), Ok(value));
    let read = call(&mut vm, 238, doubles, &[int(1)]).expect("an element");
    assert_eq!(vm.float_of(read), Some(0.1));
    assert_eq!(call(&mut vm, 238, doubles, &[int(2)]), Err(BadIndex));
    assert_eq!(call(&mut vm, 239, doubles, &[int(1), int(1)]), Err(BadArgument));
    let bytes = bits(&mut vm, Format::BYTES, 8);
    assert_eq!(call(&mut vm, 238, bytes, &[int(1)]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 238, int(1), &[int(1)]), Err(BadReceiver));
}

#[test]
fn forwarders_are_left_to_the_caller() {
    let mut vm = fresh();
    let (one, other) = (array(&mut vm, &[1]), array(&mut vm, &[2]));
    let from = vm.array_object(&[one]).expect("memory");
    let to = vm.array_object(&[other]).expect("memory");
    vm.heap.become_forward(from, to, false, false).expect("become");
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 60, one, &[int(1)]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 60, nil, &[one, int(1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 62, one, &[]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 110, other, &[one]), Err(BadArgument));
}
