//! How large stack and nursery are, and where they go at the start of a cage.

use std::ops::Range;

use crate::cage::PAGE;
use crate::space::{Nursery, beside};

/// Bytes at the start of a cage that are never usable, so that null pointers fault.
const NULL_GUARD_BYTES: u64 = 64 << 10;

/// Bytes of the parts, in whole pages.
#[derive(Clone, Copy, Debug)]
pub struct YoungSizes {
    stack: u64,
    /// Up to the soft limit.
    eden: u64,
    /// What that may grow to.
    largest: u64,
}

/// How large the parts of a heap are, in bytes, that starts from another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChildSizes {
    /// Eden up to its soft limit; a reserve and survivor spaces come on top as for
    /// [`HeapOptions`](crate::image::HeapOptions).
    pub eden_bytes: u64,
    /// What eden may grow to where much of it survives.
    pub most_eden_bytes: u64,
    /// The VM stack.
    pub stack_bytes: u64,
    /// Private old space may grow by so much.
    pub max_old_bytes: u64,
    /// Whether full collections reclaim the boot region too, which costs the pages that are shared
    /// until then.
    pub collects_boot: bool,
}

impl Default for ChildSizes {
    /// Small: nothing of it is touched before it is needed.
    fn default() -> ChildSizes {
        ChildSizes {
            eden_bytes: 1 << 20,
            most_eden_bytes: 16 << 20,
            stack_bytes: 1 << 20,
            max_old_bytes: 256 << 20,
            collects_boot: false,
        }
    }
}

impl YoungSizes {
    /// From what is asked for, in bytes; `most_eden_bytes` counts where it is more than `eden_bytes`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(
        stack_bytes: u64,
        eden_bytes: u64,
        most_eden_bytes: u64,
    ) -> Result<YoungSizes, &'static str> {
        let most_eden_bytes = most_eden_bytes.max(eden_bytes);
        if eden_bytes < 64 << 10 || most_eden_bytes > 1 << 34 {
            return Err("eden must have 64 KiB to 16 GiB");
        }
        if !(16 << 10..=1 << 30).contains(&stack_bytes) {
            return Err("the stack must have 16 KiB to 1 GiB");
        }
        let eden = eden_bytes.next_multiple_of(PAGE);
        Ok(YoungSizes {
            stack: stack_bytes.next_multiple_of(PAGE),
            eden,
            largest: most_eden_bytes.next_multiple_of(PAGE),
        })
    }

    /// The same, but with an eden that does not grow where there are only so many bytes for all of it.
    pub fn within(self, bytes: u64) -> YoungSizes {
        if self.room() <= bytes { self } else { YoungSizes { largest: self.eden, ..self } }
    }

    /// Bytes from the start of the cage to the end of the nursery.
    pub fn room(&self) -> u64 {
        let (reserve, survivors) = beside(self.largest);
        NULL_GUARD_BYTES + self.stack + self.largest + reserve + 2 * survivors
    }

    /// Stack and nursery of a cage that starts at `low`.
    pub fn place(&self, low: u64) -> (Range<u64>, Nursery) {
        let stack = low + NULL_GUARD_BYTES..low + NULL_GUARD_BYTES + self.stack;
        let (reserve, survivors) = beside(self.largest);
        let eden = stack.end;
        let past = eden + self.largest + reserve;
        let (future, end) = (past + survivors, past + 2 * survivors);
        let nursery = Nursery::new([eden, past, future, end], self.eden, self.largest);
        (stack, nursery)
    }
}
