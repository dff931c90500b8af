//! The primitives as an image calls them: handles, failures, external semaphores.

use std::time::Duration;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Heap, Oop};

use super::MODULE;
use crate::channel::Channel;
use crate::message::{Border, Message, Value};

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn call(vm: &mut Vm, name: &str, receiver: Oop, arguments: &[Oop]) -> PrimitiveResult {
    let row = MODULE.rows.iter().find(|row| row.0 == format!("primitiveChannel{name}"));
    vm.apply(row.expect("a primitive").1, receiver, arguments)
}

fn integer(value: i64) -> Oop {
    Oop::small_integer(value)
}

/// An object that holds a handle.
fn holder(vm: &mut Vm, capacity: i64) -> Oop {
    let index = rowel_objmem::bootstrap::bootstrap_class::POINT;
    let object = vm.heap.allocate_filled(index, Format::FIXED, 2).expect("memory");
    let handle = call(vm, "New", object, &[integer(capacity)]).expect("a handle");
    vm.heap.store(object, 0, handle);
    object
}

#[test]
fn what_is_sent_is_received() {
    let mut vm = fresh();
    let channel = holder(&mut vm, 2);
    let text = vm.string_object(b"text").expect("memory");
    assert_eq!(call(&mut vm, "Receive", channel, &[]), Err(Failure::NotFound));
    assert_eq!(call(&mut vm, "Send", channel, &[text]), Ok(text));
    assert_eq!(call(&mut vm, "Send", channel, &[integer(3)]), Ok(integer(3)));
    assert_eq!(call(&mut vm, "Send", channel, &[integer(4)]), Err(Failure::LimitExceeded));
    assert_eq!(call(&mut vm, "Size", channel, &[]), Ok(integer(2)));
    assert_eq!(call(&mut vm, "Capacity", channel, &[]), Ok(integer(2)));
    let copy = call(&mut vm, "Receive", channel, &[]).expect("a message");
    assert_ne!(copy, text);
    assert_eq!(vm.heap.bytes(copy), b"text");
    assert_eq!(call(&mut vm, "IsClosed", channel, &[]), Ok(vm.heap.false_object()));
    assert_eq!(call(&mut vm, "Close", channel, &[]), Ok(vm.heap.true_object()));
    assert_eq!(call(&mut vm, "Close", channel, &[]), Ok(vm.heap.false_object()));
    assert_eq!(call(&mut vm, "Send", channel, &[integer(4)]), Err(Failure::Inappropriate));
    assert_eq!(call(&mut vm, "Receive", channel, &[]), Ok(integer(3)));
    assert_eq!(call(&mut vm, "Receive", channel, &[]), Err(Failure::Inappropriate));
}

#[test]
fn handles_that_mean_nothing_and_bad_arguments_fail() {
    let mut vm = fresh();
    let channel = holder(&mut vm, 2);
    let handle = vm.heap.fetch(channel, 0);
    let nil = vm.heap.nil();
    let receivers = [nil, integer(5), vm.string_object(b"x").expect("memory"), {
        let forged = vm.array_object(&[integer(handle.integer_value() + (1 << 20))]);
        forged.expect("memory")
    }];
    for receiver in receivers {
        for name in ["Receive", "Close", "Size", "Capacity", "Identity", "Release", "Missing"] {
            assert_eq!(call(&mut vm, name, receiver, &[]), Err(Failure::BadReceiver), "{name}");
        }
        assert_eq!(call(&mut vm, "Send", receiver, &[nil]), Err(Failure::BadReceiver));
        let watch = [integer(1), integer(1)];
        assert_eq!(call(&mut vm, "Watch", receiver, &watch), Err(Failure::BadReceiver));
    }
    for capacity in [integer(0), integer(-1), integer(1 << 21), nil] {
        assert_eq!(call(&mut vm, "New", channel, &[capacity]), Err(Failure::BadArgument));
    }
    assert_eq!(call(&mut vm, "New", integer(1), &[integer(1)]), Err(Failure::BadReceiver));
    for watch in [[integer(3), integer(1)], [integer(1), integer(-1)], [nil, nil]] {
        assert_eq!(call(&mut vm, "Watch", channel, &watch), Err(Failure::BadArgument));
    }
    assert_eq!(call(&mut vm, "Send", channel, &[]), Err(Failure::BadNumArgs));
    let name = vm.string_object(b"nobody").expect("memory");
    assert_eq!(call(&mut vm, "Named", channel, &[name]), Err(Failure::NotFound));
    assert_eq!(call(&mut vm, "Release", channel, &[]), Ok(channel));
    assert_eq!(call(&mut vm, "Release", channel, &[]), Err(Failure::BadReceiver));
}

#[test]
fn what_cannot_travel_is_said_in_words() {
    let mut vm = fresh();
    let channel = holder(&mut vm, 2);
    let context = vm.heap.allocate_filled(class_index::METHOD_CONTEXT, Format::FIXED_INDEXABLE, 22);
    let array = vm.array_object(&[context.expect("memory")]).expect("memory");
    assert_eq!(call(&mut vm, "Send", channel, &[array]), Err(Failure::BadArgument));
    let problem = call(&mut vm, "Problem", channel, &[]).expect("a string");
    let problem = String::from_utf8_lossy(vm.heap.bytes(problem)).into_owned();
    assert!(problem.ends_with("a context stays in its isolate"), "{problem}");
}

#[test]
fn who_waits_is_signalled_and_who_stops_waiting_is_not() {
    let mut vm = fresh();
    let channel = holder(&mut vm, 1);
    call(&mut vm, "Watch", channel, &[integer(1), integer(7)]).expect("it exists");
    assert!(vm.signals.take().is_empty());
    call(&mut vm, "Send", channel, &[integer(1)]).expect("room");
    assert_eq!(vm.signals.take(), [7]);
    call(&mut vm, "Watch", channel, &[integer(2), integer(8)]).expect("it exists");
    call(&mut vm, "Unwatch", channel, &[integer(2), integer(8)]).expect("it exists");
    call(&mut vm, "Watch", channel, &[integer(2), integer(9)]).expect("it exists");
    call(&mut vm, "Receive", channel, &[]).expect("a message");
    assert_eq!(vm.signals.take(), [9]);
    call(&mut vm, "Watch", channel, &[integer(1), integer(3)]).expect("it exists");
    call(&mut vm, "Close", channel, &[]).expect("it exists");
    assert_eq!(vm.signals.take(), [3]);
}

#[test]
fn what_is_missing_is_asked_for_and_given() {
    let mut vm = fresh();
    let end = holder(&mut vm, 4);
    let channel: Channel<Message> = Channel::bounded(2);
    let border: &mut Border = vm.modules.state();
    border.ports.grant("in", channel.clone());
    let name = vm.string_object(b"in").expect("memory");
    let handle = call(&mut vm, "Named", end, &[name]).expect("it was granted");
    vm.heap.store(end, 0, handle);
    let value = Value::Array(vec![Value::Symbol(b"foo".to_vec()), Value::Integer(5)]);
    channel.send(value.into(), None).expect("open");
    assert_eq!(call(&mut vm, "Receive", end, &[]), Err(Failure::Unsupported));
    let missing = call(&mut vm, "Missing", end, &[]).expect("there is something");
    let ticket = vm.heap.fetch(missing, 0);
    let part = vm.heap.fetch(missing, 1);
    assert_eq!(vm.heap.slot_count(missing), 2);
    assert_eq!(vm.heap.fetch(part, 0), integer(1));
    assert_eq!(vm.heap.bytes(vm.heap.fetch(part, 1)), b"foo");
    let none = vm.array_object(&[]).expect("memory");
    assert_eq!(call(&mut vm, "Resolve", end, &[ticket, none]), Err(Failure::BadArgument));
    assert_eq!(call(&mut vm, "Resolve", end, &[integer(0), none]), Err(Failure::NotFound));
    // No symbol, so it is refused and gone.
    let found = vm.array_object(&[integer(1)]).expect("memory");
    assert_eq!(call(&mut vm, "Resolve", end, &[ticket, found]), Err(Failure::OperationFailed));
    let problem = call(&mut vm, "Problem", end, &[]).expect("a string");
    assert_eq!(vm.heap.bytes(problem), b"cannot receive the message: the symbol #foo is not here");
    assert_eq!(call(&mut vm, "Missing", end, &[]), Err(Failure::NotFound));
}

#[test]
fn handles_that_nothing_holds_are_released_when_there_are_many() {
    let mut vm = fresh();
    let kept = holder(&mut vm, 1);
    let channel = {
        let border: &mut Border = vm.modules.state();
        let channel = border.ports.channel(vm.heap.fetch(kept, 0).integer_value());
        channel.expect("a channel").clone()
    };
    let lost = holder(&mut vm, 1);
    for _ in 0..20_000 {
        let handle = call(&mut vm, "New", lost, &[integer(1)]).expect("a handle");
        vm.heap.store(lost, 0, handle);
    }
    let border: &mut Border = vm.modules.state();
    assert!(border.ports.len() < 5000);
    assert_eq!(border.ports.channel(vm.heap.fetch(kept, 0).integer_value()), Some(&channel));
}

#[test]
fn a_signal_ends_the_sleep_of_an_idle_isolate() {
    let mut vm = fresh();
    let end = holder(&mut vm, 1);
    call(&mut vm, "Watch", end, &[integer(1), integer(4)]).expect("it exists");
    let border: &mut Border = vm.modules.state();
    let channel = border.ports.channel(vm.heap.fetch(end, 0).integer_value()).cloned();
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        channel.expect("a channel").try_send(Value::Nil.into()).expect("room");
    });
    let mut signalled = Vec::new();
    for _ in 0..100 {
        vm.signals.sleep(Duration::from_secs(5));
        signalled.extend(vm.signals.take());
        if !signalled.is_empty() {
            break;
        }
    }
    assert_eq!(signalled, [4]);
    sender.join().expect("no panic");
}
