//! Walks over the heap, and what the image asks about memory.

use super::*;
use Failure::*;
use rowel_objmem::layout::special;

#[test]
fn instances_are_found_one_by_one_and_all_at_once() {
    let mut vm = fresh();
    let class = class_of(&mut vm, Format::FIXED, 1);
    assert_eq!(call(&mut vm, 77, class, &[]), Err(Generic));
    let empty = call(&mut vm, 177, class, &[]).expect("an array");
    assert_eq!(vm.heap.slot_count(empty), 0);
    let mut made: Vec<Oop> = [70, 596, 70]
        .into_iter()
        .map(|number| call(&mut vm, number, class, &[]).expect("an instance"))
        .collect();
    let mut found = vec![call(&mut vm, 77, class, &[]).expect("the first")];
    while let Ok(next) = call(&mut vm, 78, found[found.len() - 1], &[]) {
        found.push(next);
        assert!(found.len() <= made.len());
    }
    assert_eq!(found[0], made[1], "old instances come first");
    let all = call(&mut vm, 177, class, &[]).expect("an array");
    let mut all: Vec<Oop> = (0..3).map(|index| vm.heap.fetch(all, index)).collect();
    for list in [&mut made, &mut found, &mut all] {
        list.sort_unstable();
    }
    assert_eq!(found, made);
    assert_eq!(all, made);
    assert_eq!(call(&mut vm, 78, int(1), &[]), Err(Generic));
    assert_eq!(call(&mut vm, 77, int(1), &[]), Err(BadReceiver));
}

#[test]
fn an_object_that_is_no_class_has_no_instances() {
    let mut vm = fresh();
    let impostor = string(&mut vm, "impostor");
    let hash = class_index::ARRAY.0;
    vm.heap.set_header(impostor, vm.heap.header(impostor).with_hash(hash));
    let all = call(&mut vm, 177, impostor, &[]).expect("an array");
    assert_eq!(vm.heap.slot_count(all), 0);
    assert_eq!(call(&mut vm, 77, impostor, &[]), Err(Generic));
}

#[test]
fn a_walk_over_all_objects_ends_although_objects_are_made() {
    let mut vm = fresh();
    let text = string(&mut vm, "here from the start");
    let nil = vm.heap.nil();
    let mut object = call(&mut vm, 138, nil, &[]).expect("the first");
    let (mut count, mut seen) = (0, false);
    while object != int(0) {
        seen |= object == text;
        count += 1;
        string(&mut vm, "made meanwhile");
        object = call(&mut vm, 139, object, &[]).expect("the next, or 0");
    }
    assert!(seen);
    let all = call(&mut vm, 178, nil, &[]).expect("an array");
    assert_eq!(vm.heap.slot_count(all), count * 2);
    assert_eq!(call(&mut vm, 139, int(1), &[]), Err(BadReceiver));
}

#[test]
fn a_walk_goes_on_after_a_scavenge() {
    let mut vm = fresh();
    let class = class_of(&mut vm, Format::FIXED, 1);
    let holder = old_array(&mut vm, 8);
    let nil = vm.heap.nil();
    // The class table does not keep a young class alive by itself.
    vm.heap.set_special(special::CLASS_UNSAFE_ALIEN, class);
    for index in 0..8 {
        let one = call(&mut vm, 70, class, &[]).expect("an instance");
        vm.heap.store(holder, index, one);
    }
    let first = call(&mut vm, 77, class, &[]).expect("the first");
    vm.heap.scavenge(&mut Vec::<Oop>::new()).expect("memory");
    assert_ne!(vm.heap.fetch(holder, 0), first);
    let mut object = vm.heap.fetch(holder, 0);
    let class = vm.heap.class_of(object);
    for _ in 0..10 {
        call(&mut vm, 70, class, &[]).expect("an instance made later");
    }
    let mut found = 1;
    while let Ok(next) = call(&mut vm, 78, object, &[]) {
        object = next;
        found += 1;
    }
    assert_eq!(found, 8);
    assert_ne!(object, nil);
}

#[test]
fn memory_can_be_asked_for_and_about() {
    let mut vm = fresh();
    let (yes, nil) = (vm.heap.true_object(), vm.heap.nil());
    let before = call(&mut vm, 112, nil, &[]).unwrap().integer_value();
    let grown = call(&mut vm, 180, nil, &[int(10 << 20)]).unwrap().integer_value();
    assert!(grown >= 10 << 20);
    assert_eq!(call(&mut vm, 112, nil, &[]), Ok(int(before + grown)));
    let largest = call(&mut vm, 112, nil, &[nil]).unwrap().integer_value();
    assert!(largest >= 10 << 20 && largest <= before + grown);
    assert!(call(&mut vm, 112, nil, &[yes]).unwrap().integer_value() > before + grown);
    assert_eq!(call(&mut vm, 112, nil, &[int(1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 180, nil, &[int(-1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 180, nil, &[nil]), Err(BadArgument));
    assert_eq!(call(&mut vm, 180, nil, &[int(1 << 50)]), Err(NoMemory));
    assert_eq!(call(&mut vm, 180, nil, &[int(i64::MAX >> 3)]), Err(NoMemory));
    let object = old_array(&mut vm, 1 << 20);
    assert!(!vm.heap.is_young(object));
    let left = call(&mut vm, 112, nil, &[]).unwrap().integer_value();
    assert_eq!(left, before + grown - 8 * (1 << 20) - 16, "it went into the new segment");
}

#[test]
fn low_space_is_watched_by_a_semaphore() {
    use rowel_objmem::bootstrap::bootstrap_class;
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let semaphore = vm.heap.allocate_filled(bootstrap_class::SEMAPHORE, Format::FIXED, 3);
    let semaphore = semaphore.expect("memory");
    assert_eq!(call(&mut vm, 124, nil, &[semaphore]), Ok(nil));
    assert_eq!(vm.heap.special(special::THE_LOW_SPACE_SEMAPHORE), semaphore);
    assert_eq!(call(&mut vm, 124, nil, &[int(1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 124, nil, &[nil]), Ok(nil));
    assert_eq!(vm.heap.special(special::THE_LOW_SPACE_SEMAPHORE), nil);
    assert_eq!(call(&mut vm, 125, nil, &[int(1000)]), Ok(nil));
    assert_eq!(vm.low_space_threshold, 1000);
    assert_eq!(call(&mut vm, 125, nil, &[int(-1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 129, nil, &[]), Ok(vm.heap.special_objects()));
}
