//! Instance variables, slots, literals.

use super::*;
use Failure::*;

#[test]
fn literals_are_read_and_written_by_number() {
    let mut vm = fresh();
    let method = method(&mut vm, 2, &[1]);
    assert_eq!(call(&mut vm, 69, method, &[int(3), int(7)]), Ok(int(7)));
    assert_eq!(call(&mut vm, 68, method, &[int(3)]), Ok(int(7)));
    assert_eq!(call(&mut vm, 68, method, &[int(1)]), Ok(int(SISTA | 2)));
    for index in [0, 4, -1] {
        assert_eq!(call(&mut vm, 68, method, &[int(index)]), Err(BadIndex));
        assert_eq!(call(&mut vm, 69, method, &[int(index), int(0)]), Err(BadIndex));
    }
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 68, method, &[nil]), Err(BadArgument));
    assert_eq!(call(&mut vm, 69, method, &[int(1), nil]), Err(BadArgument));
    assert_eq!(call(&mut vm, 69, method, &[int(1), int(SISTA | 3)]), Err(BadArgument));
    let header = int(SISTA | 2 | 0x2_0000);
    assert_eq!(call(&mut vm, 69, method, &[int(1), header]), Ok(header));
    let pointers = array(&mut vm, &[1, 2]);
    assert_eq!(call(&mut vm, 68, pointers, &[int(1)]), Err(BadReceiver));
    let method = read_only(&mut vm, method);
    assert_eq!(call(&mut vm, 69, method, &[int(2), int(0)]), Err(NoModification));
}

#[test]
fn instance_variables_are_the_named_slots() {
    let mut vm = fresh();
    let object = instance(&mut vm, Format::FIXED_INDEXABLE, 2, 1);
    assert_eq!(call(&mut vm, 74, object, &[int(2), int(5)]), Ok(int(5)));
    assert_eq!(call(&mut vm, 73, object, &[int(2)]), Ok(int(5)));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 73, nil, &[object, int(2)]), Ok(int(5)));
    for index in [0, 3, i64::MIN >> 3] {
        assert_eq!(call(&mut vm, 73, object, &[int(index)]), Err(BadIndex));
        assert_eq!(call(&mut vm, 74, object, &[int(index), int(0)]), Err(BadIndex));
    }
    assert_eq!(call(&mut vm, 73, object, &[nil]), Err(BadArgument));
    assert_eq!(call(&mut vm, 73, int(1), &[int(1)]), Err(Inappropriate));
    assert_eq!(call(&mut vm, 74, int(1), &[int(1), nil]), Err(BadReceiver));
    let text = string(&mut vm, "no names");
    assert_eq!(call(&mut vm, 73, text, &[int(1)]), Err(BadIndex));
    let object = read_only(&mut vm, object);
    assert_eq!(call(&mut vm, 74, object, &[int(1), nil]), Err(NoModification));
}

#[test]
fn slots_number_named_and_indexed_ones_together() {
    let mut vm = fresh();
    let object = instance(&mut vm, Format::FIXED_INDEXABLE, 2, 1);
    assert_eq!(call(&mut vm, 174, object, &[int(3), int(5)]), Ok(int(5)));
    assert_eq!(call(&mut vm, 173, object, &[int(3)]), Ok(int(5)));
    assert_eq!(call(&mut vm, 173, object, &[int(4)]), Err(BadIndex));
    let text = string(&mut vm, "abc");
    assert_eq!(call(&mut vm, 173, text, &[int(1)]), Ok(int(97)));
    assert_eq!(call(&mut vm, 174, text, &[int(1), int(256)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 174, text, &[int(4), int(1)]), Err(BadIndex));
    assert_eq!(call(&mut vm, 173, int(7), &[int(1)]), Err(BadReceiver));
    let method = method(&mut vm, 0, &[1]);
    assert_eq!(call(&mut vm, 173, method, &[int(1)]), Err(Unsupported));
    let words = bits(&mut vm, Format::WORDS_64, 1);
    let most = large(&mut vm, u64::MAX);
    assert_eq!(call(&mut vm, 174, words, &[int(1), most]), Ok(most));
    let read = call(&mut vm, 173, words, &[int(1)]).expect("a slot");
    assert_eq!(natural(&vm, read), u64::MAX);
}

#[test]
fn contexts_are_left_to_the_module_that_knows_frames() {
    let mut vm = fresh();
    let format = Format::FIXED_INDEXABLE;
    let context = vm.heap.allocate_filled(class_index::METHOD_CONTEXT, format, 22);
    let context = context.expect("memory");
    for (number, arguments) in [(105, vec![int(1), int(1), context, int(1)]), (168, vec![context])]
    {
        assert!(call(&mut vm, number, context, &arguments).is_err(), "{number}");
    }
}

#[test]
fn references_are_found_in_slots_and_literals() {
    let mut vm = fresh();
    let thing = string(&mut vm, "thing");
    let holder = vm.array_object(&[int(1), thing]).expect("memory");
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    assert_eq!(call(&mut vm, 132, holder, &[thing]), Ok(yes));
    assert_eq!(call(&mut vm, 132, holder, &[holder]), Ok(no));
    assert_eq!(call(&mut vm, 132, thing, &[holder]), Ok(no));
    assert_eq!(call(&mut vm, 132, int(1), &[int(1)]), Ok(no));
    let method = method(&mut vm, 1, &[1]);
    vm.heap.store(method, 1, thing);
    assert_eq!(call(&mut vm, 132, method, &[thing]), Ok(yes));
}
