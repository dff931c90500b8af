//! Checks a heap in use: every reference leads to an object, every class index to a class, and the
//! remembered sets know every old object that refers to a young one. For tests and debugging.
//!
//! Changes nothing. Must not know frames. Source: `SpurMemoryManager>>#checkHeapIntegrity:…`,
//! `#checkOopIntegrity:…`.

use rustc_hash::FxHashSet;

use crate::heap::Heap;
use crate::image::read::reference_slots;
use crate::layout::{
    CLASS_TABLE_PAGE_SHIFT, CLASS_TABLE_ROOT_SLOTS, FREE_CHUNK_CLASS_INDEX, LAST_CLASS_INDEX_PUN,
    class_index,
};
use crate::oop::{Address, Oop};

/// Slot of a context that holds its stack pointer.
const STACK_POINTER_SLOT: usize = 2;
/// Slots of a context before its temporaries.
const CONTEXT_FIXED_SLOTS: usize = 6;

/// Something wrong with a heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// An object runs past the end of its region, which is not walked further.
    #[error("{object:?} runs past the end of its region")]
    Size {
        /// The object.
        object: Oop,
    },
    /// No class has the index that an object carries, or its format is reserved.
    #[error("{object:?} has a bad header")]
    Header {
        /// The object.
        object: Oop,
    },
    /// A slot refers to no object.
    #[error("slot {slot} of {object:?} refers to {value:?}, which is no object")]
    Reference {
        /// The object.
        object: Oop,
        /// The slot, from 0.
        slot: usize,
        /// What is in it.
        value: Oop,
    },
    /// A root refers to no object.
    #[error("a root refers to {value:?}, which is no object")]
    Root {
        /// What is in it.
        value: Oop,
    },
    /// An old object refers to a young one, and the collector does not know.
    #[error("{object:?} refers to a young object and is not remembered")]
    NotRemembered {
        /// The object.
        object: Oop,
    },
    /// A remembered set holds what is no old object, or what does not know that it is in there.
    #[error("{object:?} should not be remembered")]
    Remembered {
        /// What the set holds.
        object: Oop,
    },
}

/// Everything that is wrong with `heap`, at a point where no object is half made. Takes time and
/// memory in proportion to the heap.
pub fn check(heap: &Heap) -> Vec<Problem> {
    check_with(heap, &[])
}

/// As [`check`], and whether each of `roots`, references from outside, leads to an object.
pub fn check_with(heap: &Heap, roots: &[Oop]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut objects = Vec::new();
    for (start, end) in regions(heap) {
        walk(heap, start, end, &mut objects, &mut problems);
    }
    let known: FxHashSet<Oop> = objects.iter().copied().collect();
    let remembered: FxHashSet<Oop> = heap.remembered.iter().copied().collect();
    for &object in &objects {
        if !header_is_good(heap, object, &known) {
            problems.push(Problem::Header { object });
            continue;
        }
        let mut refers_to_young = false;
        for slot in 0..live_references(heap, object) {
            let value = heap.fetch(object, slot);
            if !is_good(value, &known) {
                problems.push(Problem::Reference { object, slot, value });
            }
            refers_to_young |= heap.is_young(value);
        }
        if refers_to_young && object.0 >= heap.old_start && !remembered.contains(&object) {
            problems.push(Problem::NotRemembered { object });
        }
    }
    for &value in roots {
        if !is_good(value, &known) {
            problems.push(Problem::Root { value });
        }
    }
    for &object in &heap.remembered {
        let old = object.0 >= heap.old_start && known.contains(&object);
        if !old || !heap.header(object).is_remembered() {
            problems.push(Problem::Remembered { object });
        }
    }
    if remembered.len() != heap.remembered.len() {
        problems.push(Problem::Remembered { object: Oop::ZERO });
    }
    for &object in &heap.boot_remembered {
        if !heap.is_boot(object) || !known.contains(&object) {
            problems.push(Problem::Remembered { object });
        }
    }
    problems
}

/// Whether `value` is an immediate, or refers to one of the objects `known`.
fn is_good(value: Oop, known: &FxHashSet<Oop>) -> bool {
    value.is_pointer() && known.contains(&value)
        || value.is_small_integer()
        || value.is_character()
        || value.is_small_float()
}

/// The ranges that hold objects, each as its first address and one past its last.
fn regions(heap: &Heap) -> Vec<(u64, u64)> {
    let nursery = &heap.nursery;
    let mut regions = vec![(heap.boot.start, heap.boot.end)];
    let spaces = [nursery.eden, nursery.past];
    let spaces = spaces.iter().chain(&heap.old.segments);
    regions.extend(spaces.map(|space| (space.start, space.next)));
    regions
}

fn walk(heap: &Heap, start: u64, end: u64, objects: &mut Vec<Oop>, problems: &mut Vec<Problem>) {
    let mut at = start;
    while at < end {
        let object = heap.object_starting_at(Address(at));
        let beyond = object.0 + 16 > end || heap.slot_count(object) > (end - object.0) / 8 - 1;
        if beyond {
            problems.push(Problem::Size { object });
            return;
        }
        if heap.header(object).class_index().0 != FREE_CHUNK_CLASS_INDEX {
            objects.push(object);
        }
        at = heap.end_of(object).0;
    }
}

fn header_is_good(heap: &Heap, object: Oop, known: &FxHashSet<Oop>) -> bool {
    let header = heap.header(object);
    let class = header.class_index();
    let page = class.0 >> CLASS_TABLE_PAGE_SHIFT;
    if !header.format().is_defined() || page >= CLASS_TABLE_ROOT_SLOTS {
        return false;
    }
    if class.0 <= LAST_CLASS_INDEX_PUN {
        return true;
    }
    let class = heap.class_at(class);
    class != heap.nil() && known.contains(&class)
}

/// How many of the first slots hold references that count: of a context those in use.
fn live_references(heap: &Heap, object: Oop) -> usize {
    let slots = reference_slots(heap.memory, object).min(heap.slot_count(object) as usize);
    if heap.header(object).class_index() != class_index::METHOD_CONTEXT {
        return slots;
    }
    let depth = heap.fetch(object, STACK_POINTER_SLOT).as_integer().unwrap_or(0);
    slots.min(CONTEXT_FIXED_SLOTS.saturating_add(depth.max(0) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::BootstrapOptions;
    use crate::format::Format;

    #[test]
    fn a_sound_heap_has_no_problems_and_a_damaged_one_has() {
        let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let array = class_index::ARRAY;
        let old = heap.allocate_old(array, Format::INDEXABLE, 1).expect("room");
        let young = heap.allocate_filled(array, Format::INDEXABLE, 2).expect("room");
        heap.store(old, 0, young);
        assert_eq!(check(&heap), []);
        let wild = Oop(young.0 + 8);
        heap.store_unchecked(young, 1, wild);
        assert_eq!(check(&heap), [Problem::Reference { object: young, slot: 1, value: wild }]);
        heap.store_unchecked(young, 1, young);
        assert_eq!(check_with(&heap, &[young, wild]), [Problem::Root { value: wild }]);
        heap.remembered.clear();
        assert_eq!(check(&heap), [Problem::NotRemembered { object: old }]);
    }
}
