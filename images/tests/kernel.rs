//! The kernel builds, in both bytecode sets, its heap is sound, and all that it says of itself is consistent.

use std::collections::HashSet;
use std::path::Path;

use rowel_bytecode::BytecodeSet;
use rowel_images::builder::{BuildOptions, build};
use rowel_images::source::{self, PackageSource};
use rowel_objmem::layout::special;
use rowel_objmem::{Heap, Oop, verify};

fn kernel() -> Vec<PackageSource> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernel");
    source::read(&folder).unwrap_or_else(|error| panic!("{error}"))
}

fn built(bytecodes: BytecodeSet) -> Heap {
    match build(&kernel(), BuildOptions { bytecodes }) {
        Ok(image) => image.heap,
        Err(errors) => {
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("{}", told.join("\n"));
        }
    }
}

#[test]
fn it_builds_in_both_sets_and_is_sound() {
    for set in [BytecodeSet::SistaV1, BytecodeSet::V3PlusClosures] {
        assert_eq!(verify::check(&built(set)), []);
    }
}

#[test]
fn every_class_has_a_comment() {
    let classes = kernel().into_iter().flat_map(|package| package.classes);
    let without: Vec<String> =
        classes.filter(|class| class.comment.trim().is_empty()).map(|class| class.name).collect();
    assert!(without.is_empty(), "without a comment: {without:?}");
}

#[test]
fn symbols_are_unique_and_all_in_the_table() {
    let heap = built(BytecodeSet::SistaV1);
    let symbol = heap.class_of(heap.special(special::SELECTOR_DOES_NOT_UNDERSTAND));
    let symbols: Vec<Oop> =
        objects(&heap).filter(|&object| heap.class_of(object) == symbol).collect();
    let spellings: HashSet<&[u8]> = symbols.iter().map(|&symbol| heap.bytes(symbol)).collect();
    assert!(symbols.len() > 1000 && spellings.len() == symbols.len());
    let table = objects(&heap)
        .find(|&object| name(&heap, heap.class_of(object)) == Some("SymbolTable"))
        .expect("the table");
    assert_eq!(heap.fetch(table, 0).as_integer(), Some(symbols.len() as i64));
    let slots = heap.fetch(table, 1);
    let held: HashSet<Oop> =
        (0..heap.slot_count(slots) as usize).map(|index| heap.fetch(slots, index)).collect();
    assert!(symbols.iter().all(|symbol| held.contains(symbol)));
}

#[test]
fn method_dictionaries_find_their_methods_as_the_vm_looks_them_up() {
    let heap = built(BytecodeSet::SistaV1);
    let mut methods = 0;
    for class in objects(&heap).filter(|&object| is_behavior(&heap, object)) {
        let dictionary = heap.fetch(class, 1);
        let capacity = heap.slot_count(dictionary) as usize - 2;
        assert!(capacity.is_power_of_two(), "the dictionary of {:?}", name(&heap, class));
        let selectors: Vec<Oop> = (0..capacity).map(|at| heap.fetch(dictionary, 2 + at)).collect();
        assert!(selectors.contains(&heap.nil()), "lookup ends");
        let tally = selectors.iter().filter(|&&selector| selector != heap.nil()).count();
        assert_eq!(heap.fetch(dictionary, 0).as_integer(), Some(tally as i64));
        for &selector in selectors.iter().filter(|&&selector| selector != heap.nil()) {
            let mut at = heap.header(selector).hash() as usize & (capacity - 1);
            while selectors[at] != selector {
                assert_ne!(selectors[at], heap.nil(), "{:?} is found", name(&heap, class));
                at = (at + 1) & (capacity - 1);
            }
        }
        methods += tally;
    }
    assert!(methods > 2000, "{methods} methods");
}

fn objects(heap: &Heap) -> impl Iterator<Item = Oop> {
    let mut pending = vec![heap.special_objects()];
    let mut seen: HashSet<Oop> = pending.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(object) = pending.pop() {
        found.push(object);
        for index in 0..heap.pointer_slots(object) as usize {
            let value = heap.fetch(object, index);
            if value.is_pointer() && seen.insert(value) {
                pending.push(value);
            }
        }
    }
    found.into_iter()
}

/// Whether the object is a class or a metaclass.
fn is_behavior(heap: &Heap, object: Oop) -> bool {
    let metaclass = heap.class_of(heap.class_of(heap.special(special::CLASS_ARRAY)));
    let class = heap.class_of(object);
    class == metaclass || heap.class_of(class) == metaclass
}

/// The name of a class that is no metaclass.
fn name(heap: &Heap, class: Oop) -> Option<&str> {
    let name = (heap.slot_count(class) > 6).then(|| heap.fetch(class, 6))?;
    let is_bytes = name.is_pointer() && heap.format(name).is_bytes();
    is_bytes.then(|| std::str::from_utf8(heap.bytes(name)).unwrap_or_default())
}
