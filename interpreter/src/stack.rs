//! The VM stack: a zone of the cage cut into pages, each the contiguous frames of one process or of
//! a part of one.
//!
//! Switching processes changes pages and copies nothing. When every page is taken, the one used
//! longest ago is handed to the caller, who moves its frames into heap contexts. Source of the
//! scheme: `CogVMStackPages` of VMMaker; the layout of a frame is in [`crate::frame`].

use std::ops::Range;

use rowel_objmem::{Address, Oop};

use crate::frame;
use crate::layout::context;

/// Bytes of a stack page.
pub const PAGE_BYTES: u64 = 32 << 10;
/// Words kept free above [`PAGE_LIMIT`]: when the limit was passed, the new frame has been laid. It may
/// lie over as many operands beyond its caller's end as a context has slots, should the image have
/// answered what it was asked, or resumed a context with more operands than its code takes.
pub const HEADROOM_WORDS: u64 = 192;

/// Words that an activation writes: a header, the receiver, and as many temporaries as a method's header
/// can tell.
const LAID_WORDS: u64 = frame::FIRST_TEMP / frame::WORD + 64;

const _: () = assert!(HEADROOM_WORDS > context::LARGE_SLOTS as u64 + LAID_WORDS);

/// A frame that ends further from the start of its page than this does not fit: the limit that the
/// running code compares with, the same for every page.
pub const PAGE_LIMIT: u64 = PAGE_BYTES - HEADROOM_WORDS * crate::frame::WORD;

/// Index of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageIndex(pub u16);

/// One page of the stack.
#[derive(Clone, Copy, Debug)]
pub struct StackPage {
    /// First byte.
    pub base: Address,
    /// The context that the base frame returns to; nil for none.
    pub caller_context: Oop,
    /// The innermost frame, up to date unless the page is the active one. 0 when the page is free.
    pub head_fp: Address,
    /// Next free word after the innermost frame, likewise.
    pub head_sp: Address,
    last_used: u64,
}

/// The pages.
#[derive(Debug)]
pub struct StackZone {
    start: Address,
    pages: Vec<StackPage>,
    clock: u64,
}

impl StackPage {
    /// Whether no frame is on it.
    pub fn is_free(&self) -> bool {
        self.head_fp == Address(0)
    }
}

impl StackZone {
    /// Cut `zone` into pages, all free, whose addresses are multiples of their size. What does not
    /// fill a page is left over.
    pub fn new(zone: Range<Address>) -> StackZone {
        let start = Address(zone.start.0.next_multiple_of(PAGE_BYTES));
        let count = zone.end.0.saturating_sub(start.0) / PAGE_BYTES;
        let pages = (0..count).map(|index| {
            let base = start.plus(index * PAGE_BYTES);
            StackPage {
                base,
                caller_context: Oop::ZERO,
                head_fp: Address(0),
                head_sp: base,
                last_used: 0,
            }
        });
        StackZone { start, pages: pages.collect(), clock: 0 }
    }

    /// The page.
    pub fn page(&self, index: PageIndex) -> &StackPage {
        &self.pages[usize::from(index.0)]
    }

    /// The page, to change.
    pub fn page_mut(&mut self, index: PageIndex) -> &mut StackPage {
        &mut self.pages[usize::from(index.0)]
    }

    /// The page that holds `address`, or `None` when it is not on the stack.
    pub fn page_of(&self, address: Address) -> Option<PageIndex> {
        let index = address.0.checked_sub(self.start.0)? / PAGE_BYTES;
        (index < self.pages.len() as u64).then_some(PageIndex(index as u16))
    }

    /// How many pages there are, free ones included.
    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// The pages in use.
    pub fn in_use(&self) -> impl Iterator<Item = PageIndex> + '_ {
        (0..self.pages.len()).map(|i| PageIndex(i as u16)).filter(|i| !self.page(*i).is_free())
    }

    /// Note that the page is being used now.
    pub fn touch(&mut self, index: PageIndex) {
        self.clock += 1;
        self.page_mut(index).last_used = self.clock;
    }

    /// A free page, marked as used now; `Err` with the page used longest ago (never `active`) when
    /// none is free: move its frames to the heap, [`free`](Self::free) it and ask again.
    pub fn claim(&mut self, active: Option<PageIndex>) -> Result<PageIndex, PageIndex> {
        let free = (0..self.pages.len()).find(|i| self.pages[*i].is_free());
        if let Some(index) = free {
            let index = PageIndex(index as u16);
            self.touch(index);
            return Ok(index);
        }
        let oldest = self
            .in_use()
            .filter(|index| Some(*index) != active)
            .min_by_key(|index| self.page(*index).last_used);
        Err(oldest.expect("a stack has at least two pages"))
    }

    /// Mark the page free.
    pub fn free(&mut self, index: PageIndex) {
        let page = self.page_mut(index);
        page.head_fp = Address(0);
        page.head_sp = page.base;
        page.caller_context = Oop::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> StackZone {
        StackZone::new(Address(0x1_0000)..Address(0x1_0000 + 3 * PAGE_BYTES + 8))
    }

    #[test]
    fn addresses_find_their_page() {
        let zone = zone();
        assert_eq!(zone.page_of(Address(0xFFF8)), None);
        assert_eq!(zone.page_of(Address(0x1_0000)), Some(PageIndex(0)));
        assert_eq!(zone.page_of(Address(0x1_0000 + PAGE_BYTES)), Some(PageIndex(1)));
        assert_eq!(zone.page_of(Address(0x1_0000 + 3 * PAGE_BYTES)), None);
    }

    #[test]
    fn the_page_used_longest_ago_is_given_up_but_never_the_active_one() {
        let mut zone = zone();
        for expected in 0..3 {
            let page = zone.claim(None).expect("free");
            assert_eq!(page, PageIndex(expected));
            let base = zone.page(page).base;
            zone.page_mut(page).head_fp = base;
        }
        assert_eq!(zone.claim(Some(PageIndex(2))), Err(PageIndex(0)));
        zone.touch(PageIndex(0));
        assert_eq!(zone.claim(Some(PageIndex(2))), Err(PageIndex(1)));
        assert_eq!(zone.claim(Some(PageIndex(1))), Err(PageIndex(2)));
        zone.free(PageIndex(1));
        assert_eq!(zone.claim(Some(PageIndex(0))), Ok(PageIndex(1)));
    }
}
