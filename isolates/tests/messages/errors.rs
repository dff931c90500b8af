//! What cannot travel or arrive, and what is said about it.

use rowel_isolates::message::{Message, NotArrived};
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::{Oop, layout::class_index};

use crate::world::World;

fn problem(world: &mut World, root: Oop) -> String {
    world.send(root).expect_err("it cannot travel").to_string()
}

#[test]
fn the_path_names_variables_and_indices() {
    let mut world = World::new();
    let process = world.make("UIProcess", 2);
    assert_eq!(
        problem(&mut world, process),
        "cannot send an UIProcess: a process stays in its isolate"
    );
    let array = world.array(&[process]);
    let collection = world.make("OrderedCollection", 3);
    world.heap.store(collection, 0, array);
    let five = Oop::small_integer(5);
    let outer = world.array(&[five, five, collection]);
    assert_eq!(
        problem(&mut world, outer),
        "cannot send anArray[3] → anOrderedCollection.array[1] → an UIProcess: a process stays in its isolate"
    );
    let leaf = world.make("Leaf", 3);
    let semaphore = world.make("Semaphore", 3);
    world.heap.store(leaf, 2, semaphore);
    let bag = world.make("Bag", 4);
    world.heap.store(bag, 3, leaf);
    let node = world.make("Node", 2);
    world.heap.store(node, 1, bag);
    assert_eq!(
        problem(&mut world, node),
        "cannot send aNode.right → aBag[3] → aLeaf.data → a Semaphore: processes wait for it"
    );
}

#[test]
fn long_paths_are_shortened() {
    let mut world = World::new();
    let mut object = world.make("Process", 2);
    for _ in 0..100 {
        let node = world.make("Node", 2);
        world.heap.store(node, 0, object);
        object = node;
    }
    let problem = problem(&mut world, object);
    assert!(problem.contains("… 88 more → aNode.left"), "{problem}");
    assert!(problem.len() < 400, "{problem}");
}

#[test]
fn contexts_stay() {
    let mut world = World::new();
    let context = world.heap.allocate_filled(
        class_index::METHOD_CONTEXT,
        rowel_objmem::Format::FIXED_INDEXABLE,
        22,
    );
    let array = world.array(&[context.expect("memory")]);
    let problem = problem(&mut world, array);
    assert!(problem.ends_with("a context stays in its isolate"), "{problem}");
}

#[test]
fn a_message_may_be_too_large() {
    let mut world = World::new();
    world.border.most_words = 1000;
    let small = world.array(&[Oop::small_integer(1); 300]);
    let root = world.array(&[small, small]);
    assert!(world.send(root).is_ok());
    let mut parts = vec![root];
    for _ in 0..3 {
        parts.push(world.array(&[Oop::small_integer(1); 300]));
    }
    let root = world.array(&parts);
    let problem = problem(&mut world, root);
    assert_eq!(
        problem,
        "cannot send anArray[1] → anArray[1] → an Array: the message is too large with it"
    );
}

#[test]
fn a_full_heap_refuses_and_stays_sound() {
    let mut here = World::new();
    let mut there = World::with(BootstrapOptions {
        eden_bytes: 1 << 20,
        survivor_bytes: 1 << 18,
        max_old_bytes: 2 << 20,
        ..BootstrapOptions::default()
    });
    let large = here.string(&vec![1; 8 << 20]);
    let message = here.send(large).expect("it can travel");
    assert_eq!(there.receive(&message), Err(NotArrived::NoMemory));
    // Many small ones: some were allocated before the room was used up.
    let parts: Vec<Oop> = (0..200_000).map(|_| here.make("Node", 2)).collect();
    let many = here.array(&parts);
    let message = here.send(many).expect("it can travel");
    assert_eq!(there.receive(&message), Err(NotArrived::NoMemory));
    there.assert_sound();
    let small = here.array(&[]);
    let message = here.send(small).expect("it can travel");
    assert!(there.receive(&message).is_ok(), "there is room for a small one");
}

#[test]
fn classes_that_are_not_there_or_of_another_shape_are_said() {
    let (mut here, mut there) = (World::new(), World::new());
    let node = here.make("Node", 2);
    let message = here.send(node).expect("it can travel");
    let nil = there.heap.nil();
    let class = there.classes.insert("Node", nil).expect("a class");
    let unknown = |outcome| match outcome {
        Err(NotArrived::Unknown(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown(there.receive(&message)), "the class Node is not here");
    there.classes.insert("Node", class);
    there.heap.store(class, 2, Oop::small_integer(1 << 16 | 5));
    assert_eq!(unknown(there.receive(&message)), "Node has 2 instance variables there, 5 here");
    there.heap.store(class, 2, Oop::small_integer(1 << 16 | 2));
    assert!(there.receive(&message).is_ok());
}

#[test]
fn messages_go_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Message>();
}
