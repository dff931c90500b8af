//! Method lookup in small class hierarchies built in a bootstrapped heap.

use rowel_interpreter::layout::{class, method_dictionary};
use rowel_interpreter::lookup::{Lookup, lookup};
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Heap, Oop};

fn fresh() -> Heap {
    Heap::bootstrap(BootstrapOptions::default()).expect("memory")
}

fn array(heap: &mut Heap, slots: u64) -> Oop {
    heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots).expect("memory")
}

fn selector(heap: &mut Heap, hash: u32) -> Oop {
    let symbol = heap.allocate_filled(class_index::BYTE_STRING, Format::BYTES, 1).expect("memory");
    let header = heap.header(symbol).with_hash(hash);
    heap.set_header(symbol, header);
    symbol
}

/// A class below `superclass` with a method dictionary of capacity 4 that holds `methods`.
fn class_with(heap: &mut Heap, superclass: Oop, methods: &[(Oop, Oop)]) -> Oop {
    let class = array(heap, 3);
    let dictionary = array(heap, method_dictionary::FIRST_SELECTOR as u64 + 4);
    let values = array(heap, 4);
    heap.store(dictionary, method_dictionary::METHODS, values);
    for (selector, method) in methods {
        let mut index = heap.header(*selector).hash() as usize & 3;
        while heap.fetch(dictionary, method_dictionary::FIRST_SELECTOR + index) != heap.nil() {
            index = (index + 1) & 3;
        }
        heap.store(dictionary, method_dictionary::FIRST_SELECTOR + index, *selector);
        heap.store(values, index, *method);
    }
    heap.store(class, class::SUPERCLASS, superclass);
    heap.store(class, class::METHOD_DICTIONARY, dictionary);
    class
}

#[test]
fn methods_are_found_in_the_class_and_above() {
    let mut heap = fresh();
    let nil = heap.nil();
    let (plus, minus, other) =
        (selector(&mut heap, 6), selector(&mut heap, 2), selector(&mut heap, 10));
    let (method, inherited) = (Oop::small_integer(1), Oop::small_integer(2));
    let root = class_with(&mut heap, nil, &[(plus, inherited), (minus, inherited)]);
    let leaf = class_with(&mut heap, root, &[(minus, method)]);
    let found = |method, class| Lookup::Found { method, class };
    assert_eq!(lookup(&heap, leaf, minus), found(method, leaf));
    assert_eq!(lookup(&heap, leaf, plus), found(inherited, root));
    assert_eq!(lookup(&heap, root, minus), found(inherited, root));
    assert_eq!(lookup(&heap, leaf, other), Lookup::NotUnderstood);
}

#[test]
fn selectors_with_one_hash_wrap_around_the_dictionary() {
    let mut heap = fresh();
    let nil = heap.nil();
    let selectors: Vec<Oop> = (0..4).map(|_| selector(&mut heap, 3)).collect();
    let methods: Vec<_> =
        selectors.iter().enumerate().map(|(i, s)| (*s, Oop::small_integer(i as i64))).collect();
    let class = class_with(&mut heap, nil, &methods);
    for (selector, method) in methods {
        assert_eq!(lookup(&heap, class, selector), Lookup::Found { method, class });
    }
    // A full dictionary ends the search too.
    let stranger = selector(&mut heap, 3);
    assert_eq!(lookup(&heap, class, stranger), Lookup::NotUnderstood);
}

#[test]
fn a_class_without_a_method_dictionary_cannot_interpret() {
    let mut heap = fresh();
    let nil = heap.nil();
    let proxy = class_with(&mut heap, nil, &[]);
    heap.store(proxy, class::METHOD_DICTIONARY, nil);
    let leaf = class_with(&mut heap, proxy, &[]);
    let any = selector(&mut heap, 1);
    assert_eq!(lookup(&heap, leaf, any), Lookup::CannotInterpret(proxy));
}

#[test]
fn a_circular_superclass_chain_ends() {
    let mut heap = fresh();
    let nil = heap.nil();
    let class = class_with(&mut heap, nil, &[]);
    heap.store(class, class::SUPERCLASS, class);
    let any = selector(&mut heap, 1);
    assert_eq!(lookup(&heap, class, any), Lookup::NotUnderstood);
}
