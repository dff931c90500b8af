//! Changing class, read-only objects, pinning.

use super::*;
use Failure::*;
use rowel_objmem::bootstrap::bootstrap_class;

#[test]
fn objects_change_to_classes_built_alike() {
    let mut vm = fresh();
    let object = instance(&mut vm, Format::FIXED, 2, 0);
    let class = class_of(&mut vm, Format::FIXED, 2);
    let example = call(&mut vm, 70, class, &[]).expect("an instance");
    assert_eq!(call(&mut vm, 115, object, &[example]), Ok(object));
    assert_eq!(vm.heap.class_of(object), class);
    let smaller = class_of(&mut vm, Format::FIXED, 1);
    assert_eq!(call(&mut vm, 160, smaller, &[object]), Err(BadArgument));
    let larger = class_of(&mut vm, Format::FIXED, 3);
    assert_eq!(call(&mut vm, 160, larger, &[object]), Err(BadArgument));
    let indexable = class_of(&mut vm, Format::FIXED_INDEXABLE, 1);
    assert_eq!(call(&mut vm, 160, indexable, &[object]), Ok(indexable));
    assert_eq!(call(&mut vm, 62, object, &[]), Ok(int(1)));
    let bytes = class_of(&mut vm, Format::BYTES, 0);
    assert_eq!(call(&mut vm, 160, bytes, &[object]), Err(Inappropriate));
    assert_eq!(call(&mut vm, 160, bytes, &[int(3)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 115, int(3), &[object]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 115, object, &[int(3)]), Err(BadArgument));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, 160, nil, &[object]), Err(BadReceiver));
    let object = read_only(&mut vm, object);
    assert_eq!(call(&mut vm, 160, indexable, &[object]), Err(NoModification));
}

#[test]
fn bits_change_their_width_where_the_bytes_fit() {
    let mut vm = fresh();
    let object = bits(&mut vm, Format::BYTES, 12);
    let words = class_of(&mut vm, Format::WORDS_32, 0);
    assert_eq!(call(&mut vm, 160, words, &[object]), Ok(words));
    assert_eq!(call(&mut vm, 62, object, &[]), Ok(int(3)));
    let longs = class_of(&mut vm, Format::WORDS_64, 0);
    assert_eq!(call(&mut vm, 160, longs, &[object]), Err(BadArgument));
    let shorts = class_of(&mut vm, Format::WORDS_16, 0);
    assert_eq!(call(&mut vm, 160, shorts, &[object]), Ok(shorts));
    assert_eq!(call(&mut vm, 62, object, &[]), Ok(int(6)));
    let pointers = class_of(&mut vm, Format::INDEXABLE, 0);
    assert_eq!(call(&mut vm, 160, pointers, &[object]), Err(Inappropriate));
    let code = class_of(&mut vm, Format::COMPILED_METHOD, 0);
    assert_eq!(call(&mut vm, 160, code, &[object]), Err(Inappropriate));
    let method = method(&mut vm, 1, &[1, 2]);
    assert_eq!(call(&mut vm, 160, code, &[method]), Ok(code));
    assert_eq!(vm.heap.byte_size(method), 18);
    let bytes = class_of(&mut vm, Format::BYTES, 0);
    assert_eq!(call(&mut vm, 160, bytes, &[method]), Err(Inappropriate));
}

#[test]
fn read_only_objects_are_made_and_unmade() {
    let mut vm = fresh();
    let (yes, no, nil) = (vm.heap.true_object(), vm.heap.false_object(), vm.heap.nil());
    let text = string(&mut vm, "a");
    assert_eq!(call(&mut vm, 163, text, &[]), Ok(no));
    assert_eq!(call(&mut vm, 164, text, &[yes]), Ok(no));
    assert_eq!(call(&mut vm, 163, text, &[]), Ok(yes));
    assert_eq!(call(&mut vm, 164, text, &[no]), Ok(yes));
    assert_eq!(call(&mut vm, 164, text, &[nil]), Err(BadArgument));
    assert_eq!(call(&mut vm, 163, int(1), &[]), Ok(yes));
    assert_eq!(call(&mut vm, 164, int(1), &[yes]), Err(BadReceiver));
    for (class, format, slots) in [
        (bootstrap_class::SEMAPHORE, Format::FIXED, 3),
        (bootstrap_class::PROCESS, Format::FIXED, 5),
        (bootstrap_class::WEAK_ARRAY, Format::WEAK, 1),
        (bootstrap_class::EPHEMERON, Format::EPHEMERON, 2),
        (class_index::METHOD_CONTEXT, Format::FIXED_INDEXABLE, 22),
    ] {
        let object = vm.heap.allocate_filled(class, format, slots).expect("memory");
        assert_eq!(call(&mut vm, 164, object, &[yes]), Err(Inappropriate), "{class:?}");
    }
}

#[test]
fn pinning_a_young_object_makes_it_old() {
    let mut vm = fresh();
    let (yes, no, nil) = (vm.heap.true_object(), vm.heap.false_object(), vm.heap.nil());
    let text = string(&mut vm, "pinned");
    let hash = vm.heap.identity_hash(text);
    assert_eq!(call(&mut vm, 183, text, &[]), Ok(no));
    assert_eq!(call(&mut vm, 184, text, &[yes]), Ok(no));
    let pinned = vm.heap.follow(text);
    assert!(pinned != text && !vm.heap.is_young(pinned));
    assert_eq!(vm.heap.bytes(pinned), b"pinned");
    assert_eq!(vm.heap.header(pinned).hash(), hash);
    assert_eq!(call(&mut vm, 183, pinned, &[]), Ok(yes));
    assert_eq!(call(&mut vm, 183, text, &[]), Err(BadReceiver));
    assert_eq!(call(&mut vm, 184, pinned, &[no]), Ok(yes));
    assert_eq!(call(&mut vm, 183, pinned, &[]), Ok(no));
    assert_eq!(call(&mut vm, 184, pinned, &[yes]), Ok(no));
    assert_eq!(vm.heap.follow(pinned), pinned, "an old object stays where it is");
    assert_eq!(call(&mut vm, 184, pinned, &[nil]), Err(BadArgument));
    assert_eq!(call(&mut vm, 184, int(1), &[yes]), Err(BadReceiver));
    let class = class_of(&mut vm, Format::FIXED, 0);
    let index = class_index_of(&mut vm, class);
    assert_eq!(call(&mut vm, 184, class, &[yes]), Ok(no));
    assert_eq!(vm.heap.class_at(index), vm.heap.follow(class));
}
