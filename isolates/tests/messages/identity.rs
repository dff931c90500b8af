//! What is found again rather than copied: symbols, classes, channels; and closures.

use rowel_isolates::channel::Channel;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Oop};

use crate::world::World;

#[test]
fn symbols_and_classes_are_the_receivers_own() {
    let (mut here, mut there) = (World::new(), World::new());
    let (symbol, class) = (here.symbol(b"foo:"), here.classes["Leaf"]);
    here.heap.identity_hash(symbol);
    let root = here.array(&[symbol, class, symbol]);
    let message = here.send(root).expect("it can travel");
    assert_eq!(message.objects(), 1);
    let own = there.symbol(b"foo:");
    let copy = there.receive(&message).expect("it arrives");
    assert_eq!(there.heap.fetch(copy, 0), own);
    assert_eq!(there.heap.fetch(copy, 1), there.classes["Leaf"]);
    assert_eq!(there.heap.fetch(copy, 2), own);
    assert_eq!(
        there.heap.header(own).hash(),
        here.heap.header(symbol).hash(),
        "a symbol without a hash gets the sender's"
    );
    let message = here.send(symbol).expect("it can travel");
    assert_eq!(there.receive(&message), Ok(own));
}

#[test]
fn the_image_is_asked_once_for_what_stays() {
    let (mut here, mut there) = (World::new(), World::new());
    let node = here.make("Node", 2);
    let symbol = here.symbol(b"foo");
    here.heap.store(node, 0, symbol);
    let message = here.send(node).expect("it can travel");
    // A symbol in old space is remembered until the next full collection.
    let index = there.index("Symbol");
    let format = Format::BYTES.for_elements(3);
    let old = there.heap.allocate_old(index, format, 1).expect("memory");
    there.heap.bytes_mut(old).copy_from_slice(b"foo");
    there.symbols.insert(b"foo".to_vec(), old);
    for _ in 0..3 {
        let copy = there.receive(&message).expect("it arrives");
        assert_eq!(there.heap.fetch(copy, 0), old);
    }
    assert_eq!(there.asked, 1);
    there.heap.gc.full_collections += 1;
    there.receive(&message).expect("it arrives");
    assert_eq!(there.asked, 2);
}

#[test]
fn channels_arrive_as_ends_of_the_same() {
    let (mut here, mut there) = (World::new(), World::new());
    let index = here.index("Port");
    here.border.note_channel_class(index);
    let channel = Channel::bounded(4);
    let handle = here.border.ports.add(channel.clone());
    let port = here.make("Port", 1);
    here.heap.store(port, 0, Oop::small_integer(handle));
    let root = here.array(&[port, port]);
    let message = here.send(root).expect("it can travel");
    let copy = there.receive(&message).expect("it arrives");
    let port = there.heap.fetch(copy, 0);
    assert_eq!(there.heap.fetch(copy, 1), port);
    let there_handle = there.heap.fetch(port, 0).integer_value();
    assert_ne!(there_handle, handle);
    assert_eq!(there.border.ports.channel(there_handle), Some(&channel));
    // A handle means nothing elsewhere.
    assert_eq!(here.border.ports.channel(there_handle), None);
    here.border.ports.release(handle);
    let problem = here.send(root).expect_err("the handle is gone").to_string();
    assert!(
        problem.ends_with("a Port: it is a channel that this isolate does not have"),
        "{problem}"
    );
}

#[test]
fn ends_that_could_not_be_delivered_are_given_back() {
    let (mut here, mut there) = (World::new(), World::new());
    let index = here.index("Port");
    here.border.note_channel_class(index);
    let handle = here.border.ports.add(Channel::bounded(1));
    let port = here.make("Port", 1);
    here.heap.store(port, 0, Oop::small_integer(handle));
    let node = here.make("Node", 2);
    let root = here.array(&[port, node]);
    let message = here.send(root).expect("it can travel");
    let nil = there.heap.nil();
    there.classes.insert("Node", nil);
    there.receive(&message).expect_err("there is no Node");
    assert!(there.border.ports.is_empty());
}

#[test]
fn a_closure_takes_receiver_and_method_along_but_not_its_context() {
    let (mut here, mut there) = (World::new(), World::new());
    let nil = here.heap.nil();
    let context =
        here.heap.allocate_filled(class_index::METHOD_CONTEXT, Format::FIXED_INDEXABLE, 22);
    let context = context.expect("memory");
    let receiver = here.string(b"receiver");
    let process = here.make("Process", 2);
    here.heap.store(context, 0, Oop::small_integer(77));
    here.heap.store(context, 5, receiver);
    here.heap.store(context, 8, process);
    let closure = here.heap.allocate_filled(class_index::BLOCK_CLOSURE, Format::FIXED_INDEXABLE, 4);
    let closure = closure.expect("memory");
    here.heap.store(closure, 0, context);
    here.heap.store(closure, 1, Oop::small_integer(30));
    here.heap.store(closure, 2, Oop::small_integer(0));
    here.heap.store(closure, 3, receiver);
    let message = here.send(closure).expect("it can travel");
    let copy = there.receive(&message).expect("it arrives");
    assert_eq!(there.heap.header(copy).class_index(), class_index::BLOCK_CLOSURE);
    let outer = there.heap.fetch(copy, 0);
    assert_eq!(there.heap.header(outer).class_index(), class_index::METHOD_CONTEXT);
    assert_eq!(there.heap.fetch(outer, 0), there.heap.nil(), "it has returned");
    assert_eq!(there.heap.fetch(outer, 5), there.heap.fetch(copy, 3));
    assert_eq!(there.heap.fetch(outer, 8), there.heap.nil(), "its temporaries stay");
    assert_eq!(there.heap.bytes(there.heap.fetch(copy, 3)), b"receiver");
    let _ = nil;
}
