//! Method lookup: from a class and a selector to a method, through the method dictionaries of the
//! class and its superclasses.
//!
//! Source: `StackInterpreter>>#lookupMethodInDictionary:`, `#lookupMethodInClass:`.

use rowel_objmem::{Heap, Oop};

use crate::layout::{class, method_dictionary};

/// How many superclasses are visited before a chain counts as circular.
const LONGEST_CHAIN: usize = 100_000;

/// The outcome of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The method, or the object that stands in its place, and the class that holds it.
    Found {
        /// What the method dictionary holds.
        method: Oop,
        /// Where it was found.
        class: Oop,
    },
    /// No class of the chain knows the selector: doesNotUnderstand:.
    NotUnderstood,
    /// This class of the chain has no method dictionary: cannotInterpret:.
    CannotInterpret(Oop),
}

/// Look `selector` up in `class` and above. Does not allocate.
pub fn lookup(heap: &Heap, class: Oop, selector: Oop) -> Lookup {
    let mut current = heap.follow(class);
    for _ in 0..LONGEST_CHAIN {
        if current == heap.nil() || !is_class_like(heap, current) {
            return Lookup::NotUnderstood;
        }
        let dictionary = heap.follow(heap.fetch(current, class::METHOD_DICTIONARY));
        if dictionary == heap.nil() {
            return Lookup::CannotInterpret(current);
        }
        if let Some(method) = lookup_in_dictionary(heap, dictionary, selector) {
            return Lookup::Found { method, class: current };
        }
        current = heap.follow(heap.fetch(current, class::SUPERCLASS));
    }
    Lookup::NotUnderstood
}

/// Look `selector` up in one method dictionary: linear probing from its hash, nil ends the search.
pub fn lookup_in_dictionary(heap: &Heap, dictionary: Oop, selector: Oop) -> Option<Oop> {
    if !dictionary.is_pointer() || !heap.format(dictionary).is_pointers() {
        return None;
    }
    let slots = heap.slot_count(dictionary) as usize;
    let capacity = slots.checked_sub(method_dictionary::FIRST_SELECTOR)?;
    if capacity == 0 {
        return None;
    }
    let methods = heap.follow(heap.fetch(dictionary, method_dictionary::METHODS));
    let mask = capacity.next_power_of_two() - 1;
    let start = selector_hash(heap, selector) & mask;
    for probe in 0..capacity {
        let index = (start + probe) % capacity;
        let found = heap.fetch(dictionary, method_dictionary::FIRST_SELECTOR + index);
        if found == heap.nil() {
            return None;
        }
        if heap.follow(found) == selector {
            let inside = methods.is_pointer() && index < heap.slot_count(methods) as usize;
            return inside.then(|| heap.follow(heap.fetch(methods, index)));
        }
    }
    None
}

/// The hash that places a selector in a method dictionary: its identity hash, or the value of an
/// immediate.
fn selector_hash(heap: &Heap, selector: Oop) -> usize {
    if selector.is_pointer() {
        heap.header(selector).hash() as usize
    } else {
        selector.integer_value() as usize
    }
}

/// Whether the object has the slots that lookup reads.
fn is_class_like(heap: &Heap, class: Oop) -> bool {
    heap.has_slot(class, class::METHOD_DICTIONARY)
}
