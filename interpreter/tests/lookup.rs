//! Method lookup in small class hierarchies built in a bootstrapped heap.

use rowel_interpreter::layout::{class, method_dictionary};
use rowel_interpreter::lookup::{Lookup, lookup};
use rowel_interpreter::start::CannotStart;
use rowel_interpreter::vm::Vm;
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

fn spelled(heap: &mut Heap, hash: u32, text: &str) -> Oop {
    let bytes = text.len() as u64;
    let format = Format::BYTES.for_elements(bytes);
    let symbol = heap.allocate_filled(class_index::BYTE_STRING, format, bytes.div_ceil(8));
    let symbol = symbol.expect("memory");
    heap.bytes_mut(symbol).copy_from_slice(text.as_bytes());
    heap.set_header(symbol, heap.header(symbol).with_hash(hash));
    symbol
}

/// A class below `superclass` with a method dictionary of capacity 4 that holds `methods`.
fn class_with(heap: &mut Heap, superclass: Oop, methods: &[(Oop, Oop)]) -> Oop {
    let class = array(heap, class::NAME as u64 + 1);
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

#[test]
fn classes_selectors_and_methods_are_found_by_their_names() {
    let mut heap = fresh();
    let nil = heap.nil();
    let (plus, minus) = (spelled(&mut heap, 6, "plus"), spelled(&mut heap, 2, "minus"));
    // As in Cuis: the characters are in another object.
    let text = spelled(&mut heap, 0, "größe");
    let unicode = array(&mut heap, 1);
    heap.store(unicode, 0, text);
    let (first, second) = (Oop::small_integer(1), Oop::small_integer(2));
    let root = class_with(&mut heap, nil, &[(plus, first)]);
    let leaf = class_with(&mut heap, root, &[(minus, first), (unicode, second)]);
    let name = spelled(&mut heap, 0, "Leaf");
    heap.store(leaf, class::NAME, name);
    // Only the metaclass is in the class table.
    let metaclass = class_with(&mut heap, nil, &[]);
    heap.store(metaclass, class::OF_METACLASS, leaf);
    heap.index_of_class(metaclass).expect("an index");
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    for _ in 0..2 {
        assert_eq!(vm.find_class("Leaf"), Ok(leaf));
        assert_eq!(vm.find_class("Leaf class"), Ok(metaclass));
        assert_eq!(vm.find_class("Root"), Err(CannotStart::NoClass));
        vm.heap.index_of_class(leaf).expect("an index");
    }
    assert_eq!(vm.find_method(leaf, b"minus"), Some(first));
    assert_eq!(vm.find_method(leaf, "größe".as_bytes()), Some(second));
    assert_eq!(vm.find_method(leaf, b"plus"), None);
    assert_eq!(vm.find_method(nil, b"plus"), None);
    let index = vm.heap.index_of_class(leaf).expect("an index");
    let instance = vm.heap.allocate_filled(index, Format::FIXED, 1).expect("memory");
    assert_eq!(vm.find_selector(instance, "plus"), Ok(plus));
    assert_eq!(vm.find_selector(instance, "größe"), Ok(unicode));
    assert_eq!(vm.find_selector(instance, "times"), Err(CannotStart::NotUnderstood));
}
