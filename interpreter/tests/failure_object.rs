//! What a method that asks why its primitive failed is told.
//!
//! Source: `StackInterpreter>>#getErrorObjectFromPrimFailCode`, `#cloneOSErrorObj:numSlots:`.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::special;
use rowel_objmem::{Format, Heap, Oop};

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

/// Give the image a table of errors: an integer of each code, and `error` for those of the system.
fn install(vm: &mut Vm, error: Oop) {
    let mut entries: Vec<Oop> = (1..=24).map(|code| Oop::small_integer(100 + code)).collect();
    entries[20] = error;
    let table = vm.array_object(&entries).expect("memory");
    vm.heap.set_special(special::PRIMITIVE_ERROR_TABLE, table);
}

/// An object with `slots` named variables, each the number of its slot.
fn error_object(vm: &mut Vm, slots: u64) -> Oop {
    let zero = Oop::small_integer(0);
    let point = vm.point_object(zero, zero).expect("memory");
    let class = vm.heap.header(point).class_index();
    let object = vm.heap.allocate(class, Format::FIXED, slots).expect("memory");
    for slot in 0..slots as usize {
        vm.heap.store(object, slot, Oop::small_integer(slot as i64));
    }
    object
}

#[test]
fn an_error_of_the_system_is_a_copy_with_its_number() {
    let mut vm = fresh();
    let error = error_object(&mut vm, 3);
    install(&mut vm, error);
    let told = vm.failure_object(Failure::OsError, Some(-17));
    assert_ne!(told, error);
    assert_eq!(vm.heap.class_of(told), vm.heap.class_of(error));
    let slots = |vm: &Vm, object| [0, 1, 2].map(|slot| vm.heap.fetch(object, slot));
    assert_eq!(slots(&vm, told), [0, -17, 2].map(Oop::small_integer));
    assert_eq!(slots(&vm, error), [0, 1, 2].map(Oop::small_integer), "the table's own stays");
    let told = vm.failure_object(Failure::OsError, Some(i64::MIN));
    let number = vm.heap.fetch(told, 1);
    assert_eq!(vm.signed_64_of(number), Some(i64::MIN));
}

#[test]
fn without_a_number_or_room_for_it_the_table_answers() {
    let mut vm = fresh();
    let error = error_object(&mut vm, 2);
    install(&mut vm, error);
    assert_eq!(vm.failure_object(Failure::OsError, None), error);
    let other = vm.failure_object(Failure::BadArgument, Some(5));
    assert_eq!(other, Oop::small_integer(103), "the number is not for this failure");
    let small = error_object(&mut vm, 1);
    let symbol = vm.string_object(b"operating system error").expect("memory");
    for entry in [small, symbol, Oop::small_integer(7), vm.heap.nil()] {
        install(&mut vm, entry);
        assert_eq!(vm.failure_object(Failure::OsError, Some(5)), entry);
    }
}

#[test]
fn a_table_that_is_none_or_too_short_leaves_the_code() {
    let mut vm = fresh();
    let short = vm.array_object(&[Oop::small_integer(9)]).expect("memory");
    for table in [vm.heap.nil(), short] {
        vm.heap.set_special(special::PRIMITIVE_ERROR_TABLE, table);
        assert_eq!(vm.failure_object(Failure::OsError, Some(5)), Oop::small_integer(21));
    }
}

#[test]
fn the_number_is_taken_once() {
    let mut vm = fresh();
    assert_eq!(vm.os_failure(13), Failure::OsError);
    assert_eq!(vm.take_os_error(), Some(13));
    assert_eq!(vm.take_os_error(), None);
}
