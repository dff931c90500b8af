//! Replacing, filling, comparing and copying many elements.

use super::*;
use Failure::*;

/// `target replaceFrom: start to: stop with: source startingAt: first`.
fn replace(
    vm: &mut Vm,
    target: Oop,
    (start, stop): (i64, i64),
    source: Oop,
    first: i64,
) -> Result<Oop, Failure> {
    call(vm, 105, target, &[int(start), int(stop), source, int(first)])
}

#[test]
fn every_format_is_replaced_in_part() {
    let mut vm = fresh();
    for format in [Format::BYTES, Format::WORDS_16, Format::WORDS_32, Format::WORDS_64] {
        let (target, source) = (bits(&mut vm, format, 5), bits(&mut vm, format, 7));
        for index in 1..=7 {
            call(&mut vm, 61, source, &[int(index), int(index * 10)]).expect("a store");
        }
        assert_eq!(replace(&mut vm, target, (2, 4), source, 5), Ok(target));
        let values: Vec<Oop> =
            (1..=5).map(|index| call(&mut vm, 60, target, &[int(index)]).unwrap()).collect();
        assert_eq!(values, [0, 50, 60, 70, 0].map(int), "{format:?}");
    }
    let (target, source) = (array(&mut vm, &[1, 2, 3]), array(&mut vm, &[7, 8, 9]));
    assert_eq!(replace(&mut vm, target, (1, 3), source, 1), Ok(target));
    assert_eq!(integers(&vm, target), [7, 8, 9]);
}

#[test]
fn ranges_are_checked_on_both_sides() {
    let mut vm = fresh();
    let (target, source) = (string(&mut vm, "abcde"), string(&mut vm, "xyz"));
    let end = i64::MAX >> 3;
    for ((start, stop), first) in [
        ((0, 1), 1),
        ((1, 6), 1),
        ((1, 4), 1),
        ((1, 2), 3),
        ((1, 1), 0),
        ((3, 1), 1),
        ((1, end), 1),
        ((1, 1), end),
        ((-end, end), end),
        ((1, 0), 5),
    ] {
        let result = replace(&mut vm, target, (start, stop), source, first);
        assert_eq!(result, Err(BadIndex), "{start} {stop} {first}");
    }
    assert_eq!(replace(&mut vm, target, (1, 0), source, 4), Ok(target));
    assert_eq!(replace(&mut vm, target, (6, 5), source, 1), Ok(target));
    assert_eq!(vm.heap.bytes(target), b"abcde");
    assert_eq!(replace(&mut vm, target, (1, 1), int(3), 1), Err(BadArgument));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 105, target, &[nil, int(1), source, int(1)]), Err(BadArgument));
    let wide = bits(&mut vm, Format::WORDS_32, 5);
    assert_eq!(replace(&mut vm, target, (1, 1), wide, 1), Err(Inappropriate));
    assert_eq!(replace(&mut vm, target, (1, 1), nil, 1), Err(Inappropriate));
    let method = method(&mut vm, 0, &[1]);
    assert_eq!(replace(&mut vm, method, (1, 1), method, 1), Err(Inappropriate));
    let target = read_only(&mut vm, target);
    assert_eq!(replace(&mut vm, target, (1, 1), source, 1), Err(NoModification));
    assert_eq!(replace(&mut vm, target, (1, 0), source, 1), Ok(target));
}

#[test]
fn overlapping_ranges_are_moved_in_ascending_order() {
    let mut vm = fresh();
    let down = array(&mut vm, &[1, 2, 3, 4, 5]);
    replace(&mut vm, down, (1, 4), down, 2).expect("a move");
    assert_eq!(integers(&vm, down), [2, 3, 4, 5, 5]);
    let up = array(&mut vm, &[1, 2, 3, 4, 5]);
    replace(&mut vm, up, (2, 5), up, 1).expect("a move");
    assert_eq!(integers(&vm, up), [1, 1, 1, 1, 1]);
    let text = string(&mut vm, "abcdef");
    replace(&mut vm, text, (3, 6), text, 1).expect("a move");
    assert_eq!(vm.heap.bytes(text), b"ababab");
    let old = old_array(&mut vm, 3);
    vm.heap.store(old, 0, int(4));
    replace(&mut vm, old, (2, 3), old, 1).expect("a move");
    assert_eq!(integers(&vm, old), [4, 4, 4]);
}

#[test]
fn named_slots_are_not_replaced_and_weak_arrays_are_arrays() {
    let mut vm = fresh();
    let target = instance(&mut vm, Format::FIXED_INDEXABLE, 1, 2);
    let source = instance(&mut vm, Format::FIXED_INDEXABLE, 2, 1);
    vm.heap.store(source, 2, int(9));
    assert_eq!(replace(&mut vm, target, (2, 2), source, 1), Ok(target));
    assert_eq!(vm.heap.fetch(target, 2), int(9));
    assert_eq!(replace(&mut vm, target, (1, 2), source, 1), Err(BadIndex));
    let weak = instance(&mut vm, Format::WEAK, 1, 2);
    let plain = array(&mut vm, &[5, 6]);
    assert_eq!(replace(&mut vm, weak, (1, 2), plain, 1), Ok(weak));
    assert_eq!(vm.heap.fetch(weak, 2), int(6));
    let old = old_array(&mut vm, 2);
    let young = string(&mut vm, "young");
    vm.heap.store(plain, 0, young);
    assert_eq!(replace(&mut vm, old, (1, 2), plain, 1), Ok(old));
    assert!(vm.heap.header(old).is_remembered());
}

#[test]
fn filling_respects_width_and_length() {
    let mut vm = fresh();
    for (format, value, above) in [
        (Format::BYTES, 0xABu64, Some(0x100u64)),
        (Format::WORDS_16, 0xABCD, Some(0x1_0000)),
        (Format::WORDS_32, 0xABCD_EF01, Some(0x1_0000_0000)),
        (Format::WORDS_64, 0xABCD_EF01_2345_6789, None),
    ] {
        let object = bits(&mut vm, format, 3);
        let oop = large(&mut vm, value);
        assert_eq!(call(&mut vm, 145, object, &[oop]), Ok(object));
        for index in 1..=3 {
            let read = call(&mut vm, 60, object, &[int(index)]).unwrap();
            assert_eq!(natural(&vm, read), value, "{format:?}");
        }
        let slots = vm.heap.slot_count(object) as usize;
        let odd = vm.heap.format(object).unused_bytes() as u32 * 8;
        if odd > 0 {
            assert_eq!(vm.heap.fetch_u64(object, slots - 1) >> (64 - odd), 0, "{format:?}");
        }
        if let Some(above) = above {
            assert_eq!(call(&mut vm, 145, object, &[int(above as i64)]), Err(Generic));
        }
        assert_eq!(call(&mut vm, 145, object, &[int(-1)]), Err(Generic));
        let object = read_only(&mut vm, object);
        assert_eq!(call(&mut vm, 145, object, &[int(0)]), Err(NoModification));
    }
    let pointers = array(&mut vm, &[1]);
    assert_eq!(call(&mut vm, 145, pointers, &[int(0)]), Err(Generic));
    assert_eq!(call(&mut vm, 145, int(1), &[int(0)]), Err(Generic));
}

#[test]
fn strings_compare_by_their_bytes_or_by_an_order() {
    let mut vm = fresh();
    let (one, two) = (string(&mut vm, "abc"), string(&mut vm, "aBcd"));
    assert_eq!(call(&mut vm, 158, one, &[two]), Ok(int(98 - 66)));
    assert_eq!(call(&mut vm, 158, one, &[one]), Ok(int(0)));
    let lower: Vec<u8> = (0..=255u8).map(|byte| byte.to_ascii_lowercase()).collect();
    let order = vm.byte_array_object(&lower).expect("memory");
    assert_eq!(call(&mut vm, 158, one, &[two, order]), Ok(int(-1)));
    let short = vm.byte_array_object(&lower[..255]).expect("memory");
    assert_eq!(call(&mut vm, 158, one, &[two, short]), Err(BadArgument));
    assert_eq!(call(&mut vm, 158, one, &[int(1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 158, one, &[]), Err(BadNumArgs));
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    let same = string(&mut vm, "abc");
    assert_eq!(call(&mut vm, 156, one, &[same]), Ok(yes));
    assert_eq!(call(&mut vm, 156, one, &[two]), Ok(no));
    let words = bits(&mut vm, Format::WORDS_32, 1);
    assert_eq!(call(&mut vm, 156, one, &[words]), Err(Generic));
}

#[test]
fn state_is_copied_between_objects_built_alike() {
    let mut vm = fresh();
    let (one, two) = (array(&mut vm, &[1, 2]), array(&mut vm, &[3, 4]));
    assert_eq!(call(&mut vm, 168, one, &[two]), Ok(one));
    assert_eq!(integers(&vm, one), [3, 4]);
    let longer = array(&mut vm, &[1, 2, 3]);
    assert_eq!(call(&mut vm, 168, one, &[longer]), Err(BadArgument));
    let text = string(&mut vm, "ab");
    assert_eq!(call(&mut vm, 168, one, &[text]), Err(BadArgument));
    let other = string(&mut vm, "cd");
    assert_eq!(call(&mut vm, 168, text, &[other]), Ok(text));
    assert_eq!(vm.heap.bytes(text), b"cd");
    let longer = string(&mut vm, "cde");
    assert_eq!(call(&mut vm, 168, text, &[longer]), Err(BadArgument));
    assert_eq!(call(&mut vm, 168, int(1), &[text]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 168, text, &[int(1)]), Err(BadArgument));
    let text = read_only(&mut vm, text);
    assert_eq!(call(&mut vm, 168, text, &[other]), Err(NoModification));
}
