//! The dispatch loop on hand-assembled operations: results, sends through inline caches, safepoints.
//! What it leaves to the VM is in `filetests.rs`.

use rowel_interpreter::code::{CodeRef, MethodCode};
use rowel_interpreter::dispatch::{Leave, run};
use rowel_interpreter::operation::{Operation as Op, Word};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::{ClassIndex, Heap, Oop};

/// Class index of SmallInteger.
const SMALL_INTEGER: ClassIndex = ClassIndex(1);

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn op(operation: Op, a: u8, b: u16, c: i32) -> Word {
    Word::new(operation, a, b, c)
}

/// A send-like operation with its two empty cache words.
fn send(operation: Op, a: u8) -> [Word; 3] {
    [op(operation, a, 0, 0), Word(0), Word(0)]
}

fn add(vm: &mut Vm, words: Vec<Word>, num_args: u8, num_temps: u8) -> CodeRef {
    let offsets = (0..words.len() as u32).collect();
    let mut code = MethodCode::new(vm.heap.nil(), words, offsets);
    code.num_args = num_args;
    code.num_temps = num_temps;
    code.frame_words = 7 + u16::from(num_temps) + 8;
    vm.code.add(code)
}

/// `self < 2 ifTrue: [1] ifFalse: [(self - 1) benchFib + (self - 2) benchFib + 1]`
fn fib(vm: &mut Vm) -> CodeRef {
    let mut words = vec![op(Op::PushReceiver, 0, 0, 0), op(Op::PushInteger, 0, 0, 2)];
    words.extend(send(Op::Less, 1));
    words.push(op(Op::JumpIfFalse, 0, 0, 2));
    words.extend([op(Op::PushInteger, 0, 0, 1), op(Op::ReturnTop, 0, 0, 0)]);
    let mut sends = Vec::new();
    for less in [1, 2] {
        words.extend([op(Op::PushReceiver, 0, 0, 0), op(Op::PushInteger, 0, 0, less)]);
        words.extend(send(Op::Subtract, 1));
        sends.push(words.len());
        words.extend(send(Op::Send, 0));
    }
    words.extend(send(Op::Add, 1));
    words.push(op(Op::PushInteger, 0, 0, 1));
    words.extend(send(Op::Add, 1));
    words.push(op(Op::ReturnTop, 0, 0, 0));
    let code = add(vm, words, 0, 0);
    for index in sends {
        code.ip_at(index).set_cache(SMALL_INTEGER, code);
    }
    code
}

#[test]
fn recursive_sends_return_through_their_frames() {
    let mut vm = fresh();
    let code = fib(&mut vm);
    vm.enter(code, Oop::small_integer(20), &[]);
    assert_eq!(run(&mut vm), Leave::Finished(Oop::small_integer(21891)));
}

#[test]
fn loops_count_with_temporaries_and_jump_back() {
    // sum := 0. i := 1. [i <= limit] whileTrue: [sum := sum + i. i := i + 1]. ^ sum
    let mut vm = fresh();
    let mut words = vec![
        op(Op::PushInteger, 0, 0, 0),
        op(Op::StoreTemp, 1, 1, 0),
        op(Op::PushInteger, 0, 0, 1),
        op(Op::StoreTemp, 1, 2, 0),
    ];
    let top = words.len();
    words.extend([op(Op::PushTemp, 0, 2, 0), op(Op::PushTemp, 0, 0, 0)]);
    words.extend(send(Op::LessOrEqual, 1));
    words.push(op(Op::JumpIfFalse, 0, 0, 13));
    words.extend([op(Op::PushTemp, 0, 1, 0), op(Op::PushTemp, 0, 2, 0)]);
    words.extend(send(Op::Add, 1));
    words.push(op(Op::StoreTemp, 1, 1, 0));
    words.extend([op(Op::PushTemp, 0, 2, 0), op(Op::PushInteger, 0, 0, 1)]);
    words.extend(send(Op::Add, 1));
    words.push(op(Op::StoreTemp, 1, 2, 0));
    let back = words.len() + 1 - top;
    words.push(op(Op::JumpBack, 0, 0, back as i32));
    words.extend([op(Op::PushTemp, 0, 1, 0), op(Op::ReturnTop, 0, 0, 0)]);
    let code = add(&mut vm, words, 1, 3);
    vm.enter(code, Oop::small_integer(0), &[Oop::small_integer(1000)]);
    assert_eq!(run(&mut vm), Leave::Finished(Oop::small_integer(500_500)));
}

#[test]
fn products_of_small_integers_need_no_send() {
    let mut vm = fresh();
    let mut words = vec![op(Op::PushReceiver, 0, 0, 0), op(Op::PushReceiver, 0, 0, 0)];
    words.extend(send(Op::Multiply, 1));
    words.push(op(Op::ReturnTop, 0, 0, 0));
    let code = add(&mut vm, words, 0, 0);
    vm.enter(code, Oop::small_integer(-7), &[]);
    assert_eq!(run(&mut vm), Leave::Finished(Oop::small_integer(49)));
}

#[test]
fn a_loop_notices_a_request_for_attention() {
    let mut vm = fresh();
    let words = vec![op(Op::JumpBack, 0, 0, 1)];
    let code = add(&mut vm, words, 0, 0);
    vm.enter(code, Oop::small_integer(0), &[]);
    vm.leaving = true;
    vm.heap.needs_scavenge = true;
    vm.request_attention();
    assert_eq!(run(&mut vm), Leave::Quit);
    assert!(!vm.heap.needs_scavenge, "it was done at the safepoint");
}
