//! Walking the heap: every object, the next one, all instances of a class.
//!
//! Free chunks, bridges, hidden objects and forwarders are passed over. Source:
//! `SpurMemoryManager>>#allObjectsDo:`, `#objectAfter:`, `#allInstancesOf:`.

use crate::heap::Heap;
use crate::layout::LAST_CLASS_INDEX_PUN;
use crate::oop::{Address, ClassIndex, Oop};

impl Heap {
    /// The parts of the heap that hold objects, in ascending order.
    fn object_ranges(&self) -> Vec<(u64, u64)> {
        let nursery = &self.nursery;
        let mut ranges = vec![
            (nursery.eden.start, nursery.eden.next),
            (nursery.past.start, nursery.past.next),
            (self.boot.start, self.boot.end),
        ];
        ranges.extend(self.old.segments.iter().map(|segment| (segment.start, segment.limit)));
        ranges.sort_unstable();
        ranges
    }

    fn is_enumerable(&self, object: Oop) -> bool {
        self.memory.header(object).class_index().0 > LAST_CLASS_INDEX_PUN
    }

    /// Call `f` with each object, in ascending order of address.
    pub fn each_object(&self, mut f: impl FnMut(Oop)) {
        for (start, end) in self.object_ranges() {
            let mut at = start;
            while at < end {
                let object = self.memory.object_starting_at(Address(at));
                at = self.memory.end_of(object).0;
                if self.is_enumerable(object) {
                    f(object);
                }
            }
        }
    }

    /// The object after `object` in memory (the first one for `None`); `None` at the end.
    /// Primitives 138 and 139.
    pub fn next_object(&self, object: Option<Oop>) -> Option<Oop> {
        let after = object.map_or(0, |object| self.memory.end_of(object).0);
        for (start, end) in self.object_ranges() {
            let mut at = start.max(after);
            while at < end {
                let object = self.memory.object_starting_at(Address(at));
                if self.is_enumerable(object) {
                    return Some(object);
                }
                at = self.memory.end_of(object).0;
            }
        }
        None
    }

    /// All instances of `class`; none when it has no class index. Primitives 77, 78 and 177.
    pub fn all_instances(&self, class: Oop) -> Vec<Oop> {
        let index = ClassIndex(self.memory.header(class).hash());
        let mut found = Vec::new();
        if index.0 != 0 && self.class_at(index) == class {
            self.each_object(|object| {
                if self.memory.header(object).class_index() == index {
                    found.push(object);
                }
            });
        }
        found
    }

    /// All objects. Primitive 178.
    pub fn all_objects(&self) -> Vec<Oop> {
        let mut found = Vec::new();
        self.each_object(|object| found.push(object));
        found
    }
}
