//! In optimised builds handlers must end in jumps: a loop of each kind of operation, run on a thread with a
//! small native stack, ends only if nothing is left on that stack.

use rowel_interpreter::code::MethodCode;
use rowel_interpreter::dispatch::{Leave, run};
use rowel_interpreter::operation::{OPERATIONS, Operation as Op, Word};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::{ClassIndex, Heap, Oop};

/// Rounds of each loop.
const ROUNDS: i64 = 100_000;
/// Bytes of the thread's stack: a word left behind by each round would not fit.
const STACK: usize = 512 << 10;
/// Temporary that counts the rounds down, and one to play with.
const COUNTER: u16 = 0;
const OTHER: u16 = 1;

fn op(operation: Op, a: u8, b: u16, c: i32) -> Word {
    Word::new(operation, a, b, c)
}

fn sized(operation: Op, a: u8, b: u16, c: i32) -> Vec<Word> {
    let size = OPERATIONS[operation as usize].1;
    let mut words = vec![op(operation, a, b, c)];
    words.resize(size, Word(0));
    words
}

/// `body` in a loop that counts a temporary down to zero.
fn looped(body: &[Word]) -> Vec<Word> {
    let mut words = body.to_vec();
    words.push(op(Op::PushTemp, 0, COUNTER, 0));
    words.push(op(Op::PushInteger, 0, 0, 1));
    words.extend(sized(Op::Subtract, 1, 1, 0));
    words.push(op(Op::StoreTemp, 0, COUNTER, 0));
    words.push(op(Op::PushInteger, 0, 0, 0));
    words.extend(sized(Op::Greater, 1, 3, 0));
    words.push(op(Op::JumpIfFalse, 0, 0, 1));
    let back = words.len() as i32 + 1;
    words.push(op(Op::JumpBack, 0, 0, back));
    words.push(op(Op::ReturnReceiver, 0, 0, 0));
    words
}

fn finishes(body: Vec<Word>) {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    let words = looped(&body);
    let offsets = (0..words.len() as u32).collect();
    let mut code = MethodCode::new(vm.heap.nil(), words, offsets);
    (code.num_args, code.num_temps, code.frame_words) = (2, 2, 64);
    let code = vm.code.add(code);
    // Sends in the body find a method that answers at once.
    let answer = vec![op(Op::ReturnReceiver, 0, 0, 0)];
    let mut answer = MethodCode::new(vm.heap.nil(), answer, vec![0]);
    answer.frame_words = 16;
    let answer = vm.code.add(answer);
    for (index, word) in body.iter().enumerate() {
        if Op::from_number(word.op()) == Op::Send {
            code.ip_at(index).set_cache(ClassIndex(1), answer);
        }
    }
    // Where the body needs slots, the receiver and the other temporary are an Array.
    let needs_slots = |word: &Word| {
        // A word of an empty inline cache is no operation.
        let is_operation = word.0 != 0;
        let operation = Op::from_number(word.op());
        is_operation
            && matches!(
                operation,
                Op::PushReceiverVariable
                    | Op::PushMaybeContextVariable
                    | Op::StoreReceiverVariable
                    | Op::StoreMaybeContextVariable
                    | Op::PushRemoteTemp
                    | Op::StoreRemoteTemp
            )
    };
    let (receiver, other) = if body.iter().any(needs_slots) {
        let array = vm.array_object(&[Oop::small_integer(5); 4]).expect("memory");
        (array, array)
    } else {
        (Oop::small_integer(7), Oop::small_integer(3))
    };
    vm.enter(code, receiver, &[Oop::small_integer(ROUNDS), other]);
    assert_eq!(run(&mut vm), Leave::Finished(receiver));
}

/// Pushes two operands, runs `operation`, drops what it leaves.
fn binary(operation: Op) -> Vec<Word> {
    let mut words = vec![op(Op::PushTemp, 0, OTHER, 0), op(Op::PushInteger, 0, 0, 2)];
    words.extend(sized(operation, 1, 0, 0));
    words.push(op(Op::Pop, 0, 0, 0));
    words
}

/// What `fused`, over an operation `plain` and the next, stands in, with as much dropped as was pushed.
fn fused_body(fused: Op, plain: Op) -> Vec<Word> {
    let drop = op(Op::Pop, 0, 0, 0);
    let mut words = vec![op(fused, 0, OTHER, 0)];
    match fused {
        Op::PushTempAndSend | Op::PushReceiverAndSend => words.extend(sized(Op::Send, 0, 0, 0)),
        _ => words.push(op(Op::PushTemp, 0, OTHER, 0)),
    }
    words.push(drop);
    match plain {
        // Something to drop comes before it.
        Op::Pop => words.insert(0, op(Op::PushTemp, 0, OTHER, 0)),
        _ if fused == Op::PushReceiverAndTemp => words.push(drop),
        _ => {}
    }
    words
}

#[test]
fn no_operation_leaves_anything_on_the_native_stack() {
    let drop = || op(Op::Pop, 0, 0, 0);
    let mut bodies: Vec<Vec<Word>> = [
        Op::PushTemp,
        Op::PushReceiver,
        Op::PushTrue,
        Op::PushFalse,
        Op::PushNil,
        Op::PushInteger,
        Op::PushCharacter,
        Op::PushThisContext,
    ]
    .map(|push| vec![op(push, 0, OTHER, 1), drop()])
    .to_vec();
    let binaries = [
        Op::Add,
        Op::Subtract,
        Op::Multiply,
        Op::Modulo,
        Op::FloorDivide,
        Op::BitShift,
        Op::BitAnd,
        Op::BitOr,
        Op::Less,
        Op::Greater,
        Op::LessOrEqual,
        Op::GreaterOrEqual,
        Op::Equal,
        Op::NotEqual,
        Op::Identical,
        Op::NotIdentical,
    ];
    bodies.extend(binaries.map(binary));
    for fused in [Op::AddInteger, Op::SubtractInteger, Op::BitAndInteger, Op::LessInteger] {
        // The fused operation lies over a PushInteger and the operation after it.
        let plain = match fused {
            Op::AddInteger => Op::Add,
            Op::SubtractInteger => Op::Subtract,
            Op::BitAndInteger => Op::BitAnd,
            _ => Op::Less,
        };
        let mut words = binary(plain);
        words[1] = op(fused, 0, 0, 2);
        bodies.push(words);
    }
    bodies.push(vec![
        op(Op::PushTwoTemps, 0, OTHER, 0),
        op(Op::PushTemp, 0, OTHER, 0),
        drop(),
        drop(),
    ]);
    for (fused, plain) in [
        (Op::PushReceiverAndTemp, Op::PushReceiver),
        (Op::PopAndPushTemp, Op::Pop),
        (Op::PushTempAndSend, Op::PushTemp),
        (Op::PushReceiverAndSend, Op::PushReceiver),
    ] {
        bodies.push(fused_body(fused, plain));
    }
    let mut is_nil = vec![op(Op::PushReceiver, 0, 0, 0), op(Op::IsNil, 0, 0, 0)];
    is_nil.extend([op(Op::Identical, 0, 0, 0), drop()]);
    bodies.push(is_nil);
    let mut increment = vec![op(Op::IncrementTemp, 0, OTHER, 0), op(Op::PushInteger, 0, 0, 1)];
    increment.extend(sized(Op::Add, 1, 0, 0));
    increment.push(op(Op::StoreTemp, 1, OTHER, 0));
    bodies.push(increment);
    let mut less = vec![op(Op::TempLessOrEqualTemp, 0, OTHER, 0), op(Op::PushTemp, 0, OTHER, 0)];
    less.extend(sized(Op::LessOrEqual, 1, 0, 0));
    less.push(drop());
    bodies.push(less);
    bodies.push(vec![op(Op::PushTemp, 0, OTHER, 0), op(Op::StoreTemp, 1, OTHER, 0)]);
    bodies.push(vec![op(Op::PushTemp, 0, OTHER, 0), op(Op::Duplicate, 0, 0, 0), drop(), drop()]);
    bodies.push(vec![op(Op::PushTrue, 0, 0, 0), op(Op::JumpIfTrue, 0, 0, 0)]);
    bodies.push(vec![op(Op::PushFalse, 0, 0, 0), op(Op::JumpIfFalse, 0, 0, 0)]);
    for push in [Op::PushReceiverVariable, Op::PushMaybeContextVariable] {
        bodies.push(vec![op(push, 0, 2, 0), drop()]);
    }
    bodies.push(vec![op(Op::PushRemoteTemp, 0, 2, i32::from(OTHER)), drop()]);
    let stores = [Op::StoreReceiverVariable, Op::StoreMaybeContextVariable, Op::StoreRemoteTemp];
    for store in stores {
        let value = op(Op::PushInteger, 0, 0, 9);
        bodies.push(vec![value, op(store, 1, 2, i32::from(OTHER))]);
    }
    bodies.push(vec![op(Op::Jump, 0, 0, 0)]);
    bodies.push(vec![op(Op::PushNewArray, 0, 3, 0), drop()]);
    bodies.push(vec![op(Op::PushReceiver, 0, 0, 0), op(Op::Class, 0, 0, 0), drop()]);
    let mut send = vec![op(Op::PushReceiver, 0, 0, 0)];
    send.extend(sized(Op::Send, 0, 0, 0));
    send.push(drop());
    bodies.push(send);
    let thread = std::thread::Builder::new().stack_size(STACK);
    let thread = thread.spawn(move || bodies.into_iter().for_each(finishes)).expect("a thread");
    thread.join().expect("every loop ended");
}
