//! Finding classes, selectors and methods by their names, for whoever is outside of the image.
//!
//! It takes time in proportion to what there is, allocates nothing, and copes with anything that an image may have in
//! place of a class or a method dictionary. Must not know what is wanted with what is found.

use rowel_objmem::{Heap, Oop};

use crate::layout::{class, method_dictionary};
use crate::start::CannotStart;
use crate::vm::Vm;

/// More superclasses are a circle.
const MOST_SUPERCLASSES: usize = 10_000;

impl Vm {
    /// The class of this name, which ends in ` class` for a metaclass. Takes time in proportion to the number of
    /// classes.
    ///
    /// # Errors
    /// When there is none.
    pub fn find_class(&self, name: &str) -> Result<Oop, CannotStart> {
        let meta = format!("{name} class");
        let mut found = self.heap.classes().filter_map(|(_, class)| {
            let found = self.class_name(class);
            if found == name {
                return Some(class);
            }
            // A class without instances is not there, but its metaclass is.
            if found == meta { self.heap.slot(class, class::OF_METACLASS) } else { None }
        });
        found.next().ok_or(CannotStart::NoClass)
    }

    /// The selector spelled `name` among those that `receiver` understands. Takes time in proportion to
    /// their number.
    ///
    /// # Errors
    /// When there is none.
    pub fn find_selector(&self, receiver: Oop, name: &str) -> Result<Oop, CannotStart> {
        let nil = self.heap.nil();
        let first = self.heap.follow(self.heap.class_of(receiver));
        let above = |class: &Oop| Some(self.superclass_of(*class)).filter(|above| *above != nil);
        let chain = std::iter::successors(Some(first), above).take(MOST_SUPERCLASSES);
        let mut selectors = chain.flat_map(|class| methods_of(&self.heap, class));
        let found =
            selectors.find(|(selector, _)| is_spelled(&self.heap, *selector, name.as_bytes()));
        found.map(|(selector, _)| selector).ok_or(CannotStart::NotUnderstood)
    }

    /// The method that `class` itself has under the selector spelled `name`. Takes time in proportion to the number of
    /// its methods.
    pub fn find_method(&self, class: Oop, name: &[u8]) -> Option<Oop> {
        let mut methods = methods_of(&self.heap, class);
        methods.find(|(selector, _)| is_spelled(&self.heap, *selector, name)).map(|found| found.1)
    }
}

/// The characters of a symbol. A UnicodeSymbol of Cuis has its own, in UTF-8, in its first slot.
pub fn characters_of(heap: &Heap, symbol: Oop) -> Option<&[u8]> {
    heap.bytes_of(symbol).or_else(|| heap.bytes_of(heap.slot(symbol, 0)?))
}

fn is_spelled(heap: &Heap, symbol: Oop, name: &[u8]) -> bool {
    characters_of(heap, symbol) == Some(name)
}

/// The selectors and methods in the method dictionary of a class.
fn methods_of(heap: &Heap, class: Oop) -> impl Iterator<Item = (Oop, Oop)> {
    let dictionary = heap.slot(class, class::METHOD_DICTIONARY);
    let found = dictionary.and_then(|dictionary| {
        Some((dictionary, heap.slot(dictionary, method_dictionary::METHODS)?))
    });
    found.into_iter().flat_map(move |(dictionary, methods)| {
        let slots = method_dictionary::FIRST_SELECTOR..heap.slot_count(dictionary) as usize;
        slots.filter_map(move |slot| {
            let selector =
                heap.slot(dictionary, slot).filter(|selector| *selector != heap.nil())?;
            Some((selector, heap.slot(methods, slot - method_dictionary::FIRST_SELECTOR)?))
        })
    })
}
