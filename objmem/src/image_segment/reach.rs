//! Which objects only some roots reach, in the order in which Spur finds them.
//!
//! Changes nothing. Source: `SpurMemoryManager>>#objectsReachableFromRoots:`, `#moveClassesForwardsIn:`.

use crate::heap::Heap;
use crate::layout::{CLASS_TABLE_ROOT_SLOTS, LAST_CLASS_INDEX_PUN, class_index};
use crate::mark_bits::MarkBits;
use crate::oop::Oop;

/// Slot of a context that holds its stack pointer.
const STACK_POINTER_SLOT: usize = 2;
/// Slots of a context before its temporaries.
const CONTEXT_FIXED_SLOTS: u64 = 6;

struct Tracer<'h> {
    heap: &'h Heap,
    marks: MarkBits,
    stack: Vec<Oop>,
}

impl Tracer<'_> {
    /// Mark what `oop` refers to, and have it traced.
    fn reach(&mut self, oop: Oop) {
        let oop = self.heap.follow(oop);
        if oop.is_pointer() && self.marks.mark(oop) {
            self.stack.push(oop);
        }
    }

    fn reach_class_of(&mut self, object: Oop) {
        let index = self.heap.header(object).class_index();
        if index.0 > LAST_CLASS_INDEX_PUN {
            self.reach(self.heap.class_at(index));
        }
    }

    /// Mark all that is reached from outside.
    fn trace_outside(&mut self) {
        while let Some(object) = self.stack.pop() {
            self.reach_class_of(object);
            let slots = if self.heap.format(object).is_weak() {
                self.heap.strong_slots_of_weak(object)
            } else {
                self.heap.live_slots(object)
            };
            for index in 0..slots as usize {
                self.reach(self.heap.fetch(object, index));
            }
        }
    }

    /// Mark the class table: its pages, the classes of the first one, the other hidden roots.
    fn reach_hidden_roots(&mut self) {
        let table = self.heap.hidden_roots;
        self.marks.mark(table);
        for index in 0..self.heap.slot_count(table) as usize {
            let page = self.heap.fetch(table, index);
            if index == 0 || index >= CLASS_TABLE_ROOT_SLOTS as usize {
                self.reach(page);
            } else if page.is_pointer() && page != self.heap.nil {
                self.marks.mark(page);
            }
        }
    }
}

impl Heap {
    /// How many of the first slots hold references that count: of a context those in use.
    pub(super) fn live_slots(&self, object: Oop) -> u64 {
        let slots = self.memory.pointer_slots(object);
        if self.memory.header(object).class_index() != class_index::METHOD_CONTEXT {
            return slots;
        }
        let pointer = slots > STACK_POINTER_SLOT as u64;
        let pointer = pointer.then(|| self.memory.fetch(object, STACK_POINTER_SLOT).as_integer());
        let depth = pointer.flatten().and_then(|depth| u64::try_from(depth).ok()).unwrap_or(0);
        slots.min(CONTEXT_FIXED_SLOTS.saturating_add(depth))
    }

    /// The array `roots`, its elements, and the objects that are reached from these but from none of
    /// `outside`; `None` when there is no memory for the marks. nil, true and false are always outside.
    pub(super) fn reached_only_from(&mut self, roots: Oop, outside: &[Oop]) -> Option<Vec<Oop>> {
        let marks = MarkBits::new(self.stack_zone.end.0, self.old.frontier).ok()?;
        let mut own = Vec::new();
        self.visit_own_roots(&mut |oop| own.push(*oop));
        let well_known = [self.nil, self.true_object, self.false_object];
        let mut tracer = Tracer { heap: self, marks, stack: Vec::new() };
        tracer.marks.mark(roots);
        let elements = 0..self.memory.slot_count(roots) as usize;
        let elements = elements.map(|index| self.memory.follow(self.memory.fetch(roots, index)));
        let elements: Vec<Oop> = elements
            .filter(|oop| oop.is_pointer() && *oop != roots && !well_known.contains(oop))
            .collect();
        for element in &elements {
            tracer.marks.mark(*element);
        }
        for oop in outside.iter().chain(&own) {
            tracer.reach(*oop);
        }
        tracer.reach_hidden_roots();
        tracer.trace_outside();
        for element in &elements {
            tracer.marks.unmark(*element);
        }
        tracer.stack.push(roots);
        let mut found = Vec::new();
        while let Some(object) = tracer.stack.pop() {
            found.push(object);
            tracer.reach_class_of(object);
            for index in 0..self.live_slots(object) as usize {
                tracer.reach(self.memory.fetch(object, index));
            }
        }
        Some(found)
    }

    /// Move classes to the front, behind the array of roots. Answers how many there are.
    pub(super) fn move_classes_forward(&self, objects: &mut [Oop]) -> usize {
        let mut classes = 0;
        // Index of the first object that is no class, once there is one.
        let mut there = 0;
        for here in 1..objects.len() {
            if self.is_indexed_class(objects[here]) {
                classes += 1;
                if there > 0 {
                    objects.swap(there, here);
                    there += 1;
                }
            } else if there == 0 {
                there = here;
            }
        }
        classes
    }
}
