//! Random graphs, long lists, wide sharing: copies have the same shape.

use std::collections::HashSet;

use proptest::prelude::*;
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::{CollectBoot, Oop};

use crate::world::{World, assert_same};

/// Classes of the nodes of random graphs, and whether the last slots vary in number.
const KINDS: &[(&str, u64)] = &[
    ("Node", 2),
    ("Leaf", 3),
    ("OrderedCollection", 3),
    ("Bag", 1),
    ("WeakBox", 1),
    ("Ephemeron", 2),
    ("Array", 0),
    ("Bytes", 0),
    ("Shorts", 0),
    ("Words", 0),
    ("Longs", 0),
];
const SYMBOLS: &[&[u8]] = &[b"at:put:", b"x", b"", b"value"];

#[derive(Clone, Debug)]
enum Reference {
    Integer(i64),
    Character(u32),
    Float(f64),
    WellKnown(u8),
    Object(usize),
    Class(usize),
    Symbol(usize),
}

#[derive(Clone, Debug)]
struct Node {
    kind: usize,
    indexed: usize,
    hash: u32,
    immutable: bool,
    references: Vec<Reference>,
    bits: u64,
}

fn reference() -> impl Strategy<Value = Reference> {
    prop_oneof![
        2 => (-(1_i64 << 60)..1 << 60).prop_map(Reference::Integer),
        1 => (0_u32..1 << 21).prop_map(Reference::Character),
        1 => (-1e9..1e9).prop_map(Reference::Float),
        2 => (0_u8..3).prop_map(Reference::WellKnown),
        8 => (0_usize..1000).prop_map(Reference::Object),
        1 => (0_usize..1000).prop_map(Reference::Class),
        1 => (0_usize..1000).prop_map(Reference::Symbol),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let indexed = prop_oneof![8 => 0_usize..6, 1 => 250_usize..300];
    let references = prop::collection::vec(reference(), 1..8);
    (0..KINDS.len(), indexed, 0_u32..1 << 22, any::<bool>(), references, any::<u64>()).prop_map(
        |(kind, indexed, hash, immutable, references, bits)| Node {
            kind,
            indexed,
            hash,
            immutable,
            references,
            bits,
        },
    )
}

/// Make the graph; its objects in the order of the nodes.
fn build(world: &mut World, nodes: &[Node]) -> Vec<Oop> {
    let objects: Vec<Oop> = nodes
        .iter()
        .map(|node| {
            let (name, named) = KINDS[node.kind];
            let varies = !matches!(name, "Node" | "Leaf" | "OrderedCollection" | "Ephemeron");
            world.make(name, named + if varies { node.indexed as u64 } else { 0 })
        })
        .collect();
    let classes: Vec<&str> = KINDS.iter().map(|kind| kind.0).collect();
    for (node, object) in nodes.iter().zip(&objects) {
        let mut header = world.heap.header(*object).with_hash(node.hash);
        let format = header.format();
        if !format.is_pointers() {
            // An odd number of elements.
            header = header.with_format(format.for_elements(node.bits));
        }
        world.heap.set_header(*object, header.with_flag(IMMUTABLE_BIT, node.immutable));
        for index in 0..world.heap.slot_count(*object) as usize {
            if !format.is_pointers() {
                world.heap.store_u64(*object, index, node.bits.rotate_left(index as u32));
                continue;
            }
            let value = match node.references[index % node.references.len()] {
                Reference::Integer(value) => Oop::small_integer(value),
                Reference::Character(code) => Oop::character(code),
                Reference::Float(value) => Oop::from_float(value).unwrap_or(Oop::small_integer(0)),
                Reference::WellKnown(0) => world.heap.nil(),
                Reference::WellKnown(1) => world.heap.true_object(),
                Reference::WellKnown(_) => world.heap.false_object(),
                Reference::Object(number) => objects[(number + index) % objects.len()],
                Reference::Class(number) => world.classes[classes[number % classes.len()]],
                Reference::Symbol(number) => world.symbol(SYMBOLS[number % SYMBOLS.len()]),
            };
            world.heap.store(*object, index, value);
        }
    }
    objects
}

/// What is strongly reached.
fn reached(world: &World, root: Oop) -> HashSet<Oop> {
    let mut found = HashSet::from([root]);
    let mut todo = vec![root];
    while let Some(object) = todo.pop() {
        let format = world.heap.format(object);
        let slots = world.heap.slots(object);
        let strong = if format.is_weak() {
            1
        } else if format.is_pointers() {
            slots.len()
        } else {
            0
        };
        for word in &slots[..strong.min(slots.len())] {
            let oop = Oop(*word);
            if oop.is_pointer() && found.insert(oop) && !world.classes.values().any(|c| *c == oop) {
                todo.push(oop);
            }
        }
    }
    found
}

fn check(nodes: &[Node]) {
    let (mut here, mut there) = (World::new(), World::new());
    // Other places.
    there.symbol(b"another");
    there.array(&[Oop::small_integer(1); 77]);
    let objects = build(&mut here, nodes);
    let message = here.send(objects[0]).expect("it can travel");
    let kept = reached(&here, objects[0]);
    let lost: HashSet<Oop> = objects.iter().copied().filter(|oop| !kept.contains(oop)).collect();
    let symbols: HashSet<Oop> =
        here.symbols.values().chain(here.classes.values()).copied().collect();
    let lost = lost.union(&symbols).copied().filter(|oop| !kept.contains(oop)).collect();
    for _ in 0..2 {
        let copy = there.receive(&message).expect("it can arrive");
        assert_same((&here, objects[0]), (&there, copy), &lost);
        there.assert_sound();
    }
    let mut roots: Vec<Oop> =
        there.symbols.values().chain(there.classes.values()).copied().collect();
    there.heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
    there.assert_sound();
    here.assert_sound();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn random_graphs_keep_structure_sharing_and_cycles(nodes in prop::collection::vec(node(), 1..40)) {
        check(&nodes);
    }
}

#[test]
fn a_list_of_a_million_links_needs_no_native_stack() {
    let (mut here, mut there) = (World::new(), World::new());
    let mut list = here.heap.nil();
    for number in 0..1_000_000 {
        let link = here.make("Node", 2);
        here.heap.store(link, 0, Oop::small_integer(number));
        here.heap.store(link, 1, list);
        list = link;
    }
    let message = here.send(list).expect("it can travel");
    assert_eq!(message.objects(), 1_000_000);
    let mut copy = there.receive(&message).expect("room");
    for number in (0..1_000_000).rev() {
        assert_eq!(there.heap.fetch(copy, 0), Oop::small_integer(number));
        copy = there.heap.fetch(copy, 1);
    }
    assert_eq!(copy, there.heap.nil());
}

#[test]
fn forwarders_are_followed() {
    let (mut here, mut there) = (World::new(), World::new());
    let (one, two) = (here.make("Node", 2), here.make("Leaf", 3));
    let root = here.array(&[one, two, one]);
    here.heap.store(two, 0, one);
    let string = here.string(b"became");
    let (from, to) = (here.array(&[one]), here.array(&[string]));
    here.heap.become_forward(from, to, false, true).expect("become");
    let message = here.send(root).expect("it can travel");
    let copy = there.receive(&message).expect("room");
    let first = there.heap.fetch(copy, 0);
    assert_eq!(there.heap.bytes(first), b"became");
    assert_eq!(there.heap.fetch(copy, 2), first);
    assert_eq!(there.heap.fetch(there.heap.fetch(copy, 1), 0), first);
}

#[test]
fn large_objects_arrive_whole() {
    let (mut here, mut there) = (World::new(), World::new());
    let bytes: Vec<u8> = (0..3_000_001).map(|n: usize| (n * 7) as u8).collect();
    let large = here.string(&bytes);
    let array = here.array(&vec![large; 100_000]);
    let message = here.send(array).expect("it can travel");
    let copy = there.receive(&message).expect("room");
    let string = there.heap.fetch(copy, 99_999);
    assert_eq!(there.heap.bytes(string), bytes);
    there.assert_sound();
}
