//! The way from what was sent to an object in it, for people.
//!
//! `anArray[3] → anOrderedCollection.array[1] → a Process`: an index counts from 1, a variable has its name. An
//! Array in a variable is not named, as its index says enough.

use std::fmt::Write;

use rowel_objmem::layout::class_index;
use rowel_objmem::{Heap, Oop};

use super::reading::{class_name, named_slots, shape, slot_name};

/// A longer way is shown with its first and last steps.
const MOST_STEPS: usize = 12;

/// The name of an object's class.
fn class_of(heap: &Heap, object: Oop) -> String {
    let class = heap.follow(heap.class_of(object));
    let Some((name, meta)) = class_name(heap, class) else { return "Object".into() };
    let end = if meta { " class" } else { "" };
    let name = heap.bytes_of(name).map(String::from_utf8_lossy);
    format!("{}{end}", name.unwrap_or_default())
}

fn article(name: &str) -> &'static str {
    if name.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}

/// The object as a word: `anArray`.
fn identifier(heap: &Heap, object: Oop) -> String {
    let name = class_of(heap, object);
    format!("{}{name}", article(&name))
}

/// The object on its own: `an Array`.
pub(super) fn described(heap: &Heap, object: Oop) -> String {
    let name = class_of(heap, object);
    format!("{} {name}", article(&name))
}

/// The way along `steps`, each an object and the slot of it that is followed, to `end`.
pub(super) fn path(heap: &Heap, steps: &[(Oop, usize)], end: Oop) -> String {
    let mut out = String::new();
    let mut in_variable = false;
    for (number, &(object, index)) in steps.iter().enumerate() {
        if steps.len() > MOST_STEPS
            && (MOST_STEPS / 2..steps.len() - MOST_STEPS / 2).contains(&number)
        {
            if number == MOST_STEPS / 2 {
                let _ = write!(out, " → … {} more", steps.len() - MOST_STEPS);
            }
            in_variable = false;
            continue;
        }
        if !(in_variable && heap.has_class_index(object, class_index::ARRAY)) {
            let arrow = if number == 0 { "" } else { " → " };
            let _ = write!(out, "{arrow}{}", identifier(heap, object));
        }
        let class = heap.follow(heap.class_of(object));
        let named = named_slots(shape(heap, class));
        in_variable = index < named;
        let _ = match slot_name(heap, class, index).filter(|_| in_variable) {
            Some(name) => write!(out, ".{name}"),
            None => write!(out, "[{}]", index + 1 - named.min(index)),
        };
    }
    if out.is_empty() {
        return described(heap, end);
    }
    format!("{out} → {}", described(heap, end))
}
