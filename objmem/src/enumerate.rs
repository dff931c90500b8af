//! Walking the heap: every object, the next one, all instances of a class.
//!
//! Free chunks, bridges, hidden objects and forwarders are passed over. Source:
//! `SpurMemoryManager>>#allObjectsDo:`, `#objectAfter:`, `#allInstancesOf:`.

use crate::heap::Heap;
use crate::layout::LAST_CLASS_INDEX_PUN;
use crate::oop::{Address, ClassIndex, Oop};

/// Where a walk over the heap object by object ends, so that it ends although objects are made
/// meanwhile: what is made after its start is not part of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk {
    scavenges: u64,
    eden_end: u64,
}

impl Heap {
    /// A walk over the objects that there are now.
    pub fn start_walk(&self) -> Walk {
        Walk { scavenges: self.gc.scavenges, eden_end: self.nursery.eden.next }
    }

    /// The first object after `object` (of all, for `None`) that is `wanted`: old ones first, then
    /// survivors, then those in eden. An object that moves between two steps may be missed or seen
    /// twice, as may those after it.
    pub fn next_in_walk(
        &self,
        walk: Walk,
        object: Option<Oop>,
        wanted: impl Fn(Oop) -> bool,
    ) -> Option<Oop> {
        let eden = &self.nursery.eden;
        let eden_end = self.eden_end_for(walk, object);
        let old = self.old.segments.iter().map(|segment| (segment.start, segment.next));
        let mut ranges = std::iter::once((self.boot.start, self.boot.end))
            .chain(old)
            .chain([(self.nursery.past.start, self.nursery.past.next), (eden.start, eden_end)]);
        if let Some(object) = object {
            let here = ranges.find(|range| (range.0..range.1).contains(&object.0))?;
            let after = self.memory.end_of(object).0;
            if let Some(found) = self.first_in((after, here.1), &wanted) {
                return Some(found);
            }
        }
        ranges.find_map(|range| self.first_in(range, &wanted))
    }

    /// Where eden ends for a walk that is at `object`. After a scavenge all that was in eden is
    /// elsewhere. A walk that begins at an object made later goes on to the end.
    fn eden_end_for(&self, walk: Walk, object: Option<Oop>) -> u64 {
        let eden = &self.nursery.eden;
        let end = if walk.scavenges == self.gc.scavenges {
            walk.eden_end.clamp(eden.start, eden.next)
        } else {
            eden.start
        };
        match object {
            Some(object) if eden.contains(object.0) && object.0 >= end => eden.next,
            _ => end,
        }
    }

    /// The first object that is `wanted` among those that start in a range.
    fn first_in(&self, (start, end): (u64, u64), wanted: impl Fn(Oop) -> bool) -> Option<Oop> {
        let mut at = start;
        while at < end {
            let object = self.memory.object_starting_at(Address(at));
            if self.is_enumerable(object) && wanted(object) {
                return Some(object);
            }
            at = self.memory.end_of(object).0;
        }
        None
    }

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
