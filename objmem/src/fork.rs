//! Forks: a second heap that starts as the first one is, and shares what neither has written.
//!
//! Boot pages that the parent has not written are mapped from where the parent has them; its own pages are
//! copied, once. Segments, free chunks and remembered sets are the same as the parent's. So a fork costs
//! what the parent has written, whatever it holds.

use std::io;
use std::ops::Range;

use crate::cage::PAGE;
use crate::heap::Heap;
use crate::oop::Address;
use crate::template::{Parts, Shared, cage_for};
use crate::young::ChildSizes;

impl Heap {
    /// A heap with the same objects at the same addresses. The nursery must be empty, and nothing be on the
    /// VM stack. What the parent has on its limit is not counted: the fork may take `max_old_bytes` more.
    ///
    /// # Errors
    /// When the nursery is not empty, the sizes make no sense, or the system has no memory or addresses
    /// left.
    pub fn fork(&self, sizes: &ChildSizes) -> io::Result<Heap> {
        self.expect_quiet()?;
        let ranges = self.old_ranges();
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
            return Err(io::Error::other("a heap without objects"));
        };
        let into_page = (first.start - self.cage.range().start.0) % PAGE;
        let (mut cage, stack, nursery) = cage_for(first.start - into_page, last.end, sizes)?;
        for range in &ranges {
            cage.commit(Address(range.start)..Address(range.end))?;
        }
        cage.map_like(&self.cage)?;
        for range in self.without_gaps(ranges) {
            cage.copy_written(&self.cage, &(Address(range.start)..Address(range.end)))?;
        }
        let parts = Parts {
            cage,
            stack,
            nursery,
            old: self.old.fork(&self.boot, sizes.max_old_bytes),
            boot: self.boot.clone(),
            bridges: self.bridges.clone(),
        };
        let mut heap = Shared::of(self).heap(parts, sizes);
        heap.remembered.clone_from(&self.remembered);
        heap.boot_remembered.clone_from(&self.boot_remembered);
        Ok(heap)
    }

    /// An error unless the nursery is empty.
    pub(crate) fn expect_quiet(&self) -> io::Result<()> {
        let nursery = &self.nursery;
        if nursery.eden.used() + nursery.past.used() == 0 {
            Ok(())
        } else {
            Err(io::Error::other("the nursery is not empty"))
        }
    }

    /// The boot region, unless it is empty, and the private segments, in ascending order.
    pub(crate) fn old_ranges(&self) -> Vec<Range<u64>> {
        let boot = Some(self.boot.clone()).filter(|boot| !boot.is_empty());
        let segments = self.old.segments.iter().map(|segment| segment.start..segment.limit);
        boot.into_iter().chain(segments).collect()
    }

    /// The ranges without what bridges span: nothing is there but their first words.
    pub(crate) fn without_gaps(&self, ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
        let mut bridges = self.bridges.clone();
        bridges.sort_unstable();
        let mut found = Vec::new();
        for range in ranges {
            let mut start = range.start;
            for &bridge in bridges.iter().filter(|bridge| range.contains(&bridge.0)) {
                found.push(start..self.memory.slot_address(bridge, 0).0);
                start = self.memory.end_of(bridge).0;
            }
            found.push(start..range.end);
        }
        found
    }
}
