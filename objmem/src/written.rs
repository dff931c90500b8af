//! Which pages of a private mapping have been written, and so are no longer what was mapped.
//!
//! Source: the Linux kernel's `Documentation/admin-guide/mm/pagemap.rst`. Where the system does not tell,
//! every page counts as written.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::cage::PAGE;

/// The page is in memory.
const PRESENT: u64 = 1 << 63;
/// The page is in swap space: then it has been written.
const SWAPPED: u64 = 1 << 62;
/// The page belongs to a file (memory files included), or is shared: then it has not.
const OF_FILE: u64 = 1 << 61;

/// A word for each page, as the system has it; `None` where it does not tell.
pub struct WrittenPages {
    words: Option<Vec<u8>>,
    count: usize,
}

impl WrittenPages {
    /// The pages of `bytes` bytes from `native` on, both multiples of the page size.
    pub fn of(native: usize, bytes: usize) -> WrittenPages {
        let count = bytes / PAGE as usize;
        let mut words = vec![0; count * 8];
        let read = File::open("/proc/self/pagemap")
            .and_then(|map| map.read_exact_at(&mut words, (native / PAGE as usize * 8) as u64));
        WrittenPages { words: read.ok().map(|()| words), count }
    }

    /// The runs of written pages, in order, as indices.
    pub fn runs(&self) -> Vec<Range<usize>> {
        let Some(words) = &self.words else { return std::iter::once(0..self.count).collect() };
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (index, word) in words.as_chunks().0.iter().enumerate() {
            let word = u64::from_ne_bytes(*word);
            if word & SWAPPED == 0 && word & (PRESENT | OF_FILE) != PRESENT {
                continue;
            }
            match runs.last_mut() {
                Some(run) if run.end == index => run.end += 1,
                _ => runs.push(index..index + 1),
            }
        }
        runs
    }
}
