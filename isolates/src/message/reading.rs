//! Careful reading of objects that an image may have made any way: slots, names of classes, literals.
//!
//! Where slots of classes lie: `ClassDescription` and its subclasses in Squeak, Cuis and Pharo.

use rowel_interpreter::layout::{ASSOCIATION_VALUE, class, method_dictionary};
use rowel_interpreter::method;
use rowel_objmem::{Heap, Oop};

/// Slot of a class that holds the names of its instance variables.
const INSTANCE_VARIABLES: usize = 3;
/// A class has no more superclasses than this.
const MOST_SUPERCLASSES: usize = 1000;
/// Slot of additional method state that holds the selector.
const METHOD_STATE_SELECTOR: usize = 1;

/// The name of a class as an object, and whether the class is the metaclass of the one that has it.
pub(super) fn class_name(heap: &Heap, class: Oop) -> Option<(Oop, bool)> {
    let named = |class: Oop| {
        let name = heap.slot(class, class::NAME)?;
        heap.bytes_of(name).map(|_| name)
    };
    match named(class) {
        Some(name) => Some((name, false)),
        None => Some((named(heap.slot(class, class::OF_METACLASS)?)?, true)),
    }
}

/// The class and its superclasses.
pub(super) fn lineage(heap: &Heap, of: Oop) -> impl Iterator<Item = Oop> {
    let superclass = move |below: &Oop| {
        heap.slot(*below, class::SUPERCLASS).filter(|above| *above != heap.nil())
    };
    std::iter::successors(Some(of), superclass).take(MOST_SUPERCLASSES)
}

/// The value of a class's format slot: format and number of named slots of its instances.
pub(super) fn shape(heap: &Heap, of: Oop) -> i64 {
    heap.slot(of, class::FORMAT).and_then(Oop::as_integer).unwrap_or(0)
}

/// How many named slots instances have.
pub(super) const fn named_slots(shape: i64) -> usize {
    (shape & 0xFFFF) as usize
}

/// The name of slot `index` of instances of `of`.
pub(super) fn slot_name(heap: &Heap, of: Oop, index: usize) -> Option<String> {
    let owner =
        lineage(heap, of).take_while(|class| named_slots(shape(heap, *class)) > index).last()?;
    let inherited = lineage(heap, owner).nth(1).map_or(0, |above| named_slots(shape(heap, above)));
    let names = heap.slot(owner, INSTANCE_VARIABLES)?;
    let name = heap.slot(names, index.checked_sub(inherited)?)?;
    heap.bytes_of(name).map(|name| String::from_utf8_lossy(name).into_owned())
}

/// Class and selector of a method, where that class has it under that selector.
pub(super) fn place_of_method(heap: &Heap, method: Oop) -> Option<(Oop, Oop)> {
    let memory = heap.memory();
    if !method::is_well_formed(memory, method) {
        return None;
    }
    let literals = method::header(memory, method).num_literals();
    let literal = |index| heap.follow(method::literal(memory, method, index));
    let class = heap.slot(literal(literals.checked_sub(1)?), ASSOCIATION_VALUE)?;
    let name = literal(literals.checked_sub(2)?);
    let selector = match heap.bytes_of(name) {
        Some(_) => name,
        None => heap.slot(name, METHOD_STATE_SELECTOR)?,
    };
    let dictionary = heap.slot(class, class::METHOD_DICTIONARY)?;
    let selectors = heap.slots(dictionary).get(method_dictionary::FIRST_SELECTOR..)?;
    let index = selectors.iter().position(|word| heap.follow(Oop(*word)) == selector)?;
    let methods = heap.slot(dictionary, method_dictionary::METHODS)?;
    (heap.slot(methods, index)? == method).then_some((class, selector))
}

/// How many slots of an object from the first hold references.
pub(super) fn references(heap: &Heap, object: Oop) -> usize {
    heap.pointer_slots(object) as usize
}
