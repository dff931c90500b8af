//! Rust's values as messages and back, and as objects.

use rowel_isolates::message::{Message, NotAValue, Value};
use rowel_objmem::Oop;

use crate::world::World;

fn samples() -> Vec<Value> {
    let text = |text: &str| Value::String(text.as_bytes().to_vec());
    let nested = Value::Array(vec![
        Value::Array(vec![]),
        text("one"),
        Value::Array(vec![Value::Integer(1), Value::Array(vec![Value::Nil]), text("")]),
        Value::Integer(2),
    ]);
    vec![
        Value::Nil,
        Value::Boolean(true),
        Value::Boolean(false),
        Value::Integer(-5),
        Value::Integer(i64::MAX),
        Value::Integer(i64::MIN),
        Value::Float(1.5),
        Value::Float(1e300),
        Value::Character(0x1F600),
        text("hello, world"),
        Value::Bytes((0..=255).collect()),
        Value::Symbol(b"at:put:".to_vec()),
        Value::Array(vec![]),
        nested,
    ]
}

#[test]
fn values_become_messages_and_messages_values() {
    for value in samples() {
        let message = Message::from(&value);
        assert_eq!(Value::try_from(&message), Ok(value));
    }
    let all = Value::Array(samples());
    assert_eq!(Value::try_from(&Message::from(&all)), Ok(all));
}

#[test]
fn values_become_objects_and_objects_values() {
    let mut world = World::new();
    let all = Value::Array(samples());
    let object = world.receive(&Message::from(&all)).expect("room");
    world.assert_sound();
    let strings = world.heap.fetch(object, 9);
    assert_eq!(world.heap.bytes(strings), b"hello, world");
    assert_eq!(world.heap.fetch(object, 3), Oop::small_integer(-5));
    let message = world.send(object).expect("it can travel");
    assert_eq!(Value::try_from(&message), Ok(all));
}

#[test]
fn what_has_no_like_in_rust_is_said() {
    let mut world = World::new();
    let node = world.make("Node", 2);
    let message = world.send(node).expect("it can travel");
    assert_eq!(Value::try_from(&message), Err(NotAValue::Class("Node".into())));
    let array = world.array(&[Oop::small_integer(1)]);
    world.heap.store(array, 0, array);
    let message = world.send(array).expect("it can travel");
    assert_eq!(Value::try_from(&message), Err(NotAValue::Cycle));
    let large = world.bytes(rowel_objmem::layout::class_index::LARGE_POSITIVE_INTEGER, &[255; 9]);
    let message = world.send(large).expect("it can travel");
    assert_eq!(Value::try_from(&message), Err(NotAValue::LargeInteger));
}
