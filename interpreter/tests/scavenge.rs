//! Frames as roots: what the VM stack refers to survives a scavenge, and is updated where it stands.

use rowel_interpreter::code::MethodCode;
use rowel_interpreter::dispatch::{Leave, run};
use rowel_interpreter::operation::{Operation as Op, Word};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn array_of(vm: &mut Vm, value: i64) -> Oop {
    let heap = &mut vm.heap;
    let array = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 1).expect("memory");
    heap.store(array, 0, Oop::small_integer(value));
    array
}

/// An inner frame answers an Array of its receiver and argument, an outer one that and its own.
#[test]
fn receivers_arguments_and_operands_survive_in_every_frame() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let pair = [
        Word::new(Op::PushReceiver, 0, 0, 0),
        Word::new(Op::PushTemp, 0, 0, 0),
        Word::new(Op::PushNewArray, 1, 2, 0),
        Word::new(Op::ReturnTop, 0, 0, 0),
    ];
    let mut inner = MethodCode::new(nil, pair.to_vec(), (0..4).collect());
    (inner.num_args, inner.num_temps, inner.frame_words) = (1, 1, 16);
    let inner = vm.code.add(inner);
    let words = vec![
        Word::new(Op::PushTemp, 0, 0, 0),
        Word::new(Op::PushReceiver, 0, 0, 0),
        Word::new(Op::PushTemp, 0, 0, 0),
        Word::new(Op::Send, 1, 0, 0),
        Word(0),
        Word(0),
        Word::new(Op::PushReceiver, 0, 0, 0),
        Word::new(Op::PushNewArray, 1, 3, 0),
        Word::new(Op::ReturnTop, 0, 0, 0),
    ];
    let mut outer = MethodCode::new(nil, words, (0..9).collect());
    (outer.num_args, outer.num_temps, outer.frame_words) = (1, 1, 16);
    let outer = vm.code.add(outer);
    outer.ip_at(3).set_cache(class_index::ARRAY, inner);
    let (receiver, argument) = (array_of(&mut vm, 7), array_of(&mut vm, 8));
    vm.enter(outer, receiver, &[argument]);
    vm.stress_scavenges = true;
    vm.request_attention();

    let Leave::Finished(result) = run(&mut vm) else { panic!("it returns") };

    let [first, pair, last] = [0, 1, 2].map(|index| vm.heap.fetch(result, index));
    assert!(last != receiver && first != argument, "both moved");
    assert_eq!(vm.heap.fetch(last, 0), Oop::small_integer(7));
    assert_eq!(vm.heap.fetch(first, 0), Oop::small_integer(8));
    assert_eq!([vm.heap.fetch(pair, 0), vm.heap.fetch(pair, 1)], [last, first]);
}

#[test]
fn code_of_a_dead_young_method_is_freed() {
    let mut vm = fresh();
    let method =
        vm.heap.allocate_filled(ClassIndex(67), Format::COMPILED_METHOD, 2).expect("memory");
    vm.heap.memory().store_unchecked(method, 0, Oop::small_integer(0));
    let ret = Word::new(Op::ReturnReceiver, 0, 0, 0);
    vm.code_for(method);
    let mut kept = MethodCode::new(vm.heap.nil(), vec![ret], vec![0]);
    kept.frame_words = 8;
    let kept = vm.code.add(kept);
    vm.enter(kept, Oop::small_integer(1), &[]);
    vm.scavenge().expect("room");
    assert_eq!(vm.code.iter().collect::<Vec<_>>(), [kept]);
    assert_eq!(run(&mut vm), Leave::Finished(Oop::small_integer(1)));
}
