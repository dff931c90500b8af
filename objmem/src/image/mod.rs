//! Image files: the header, reading one into a heap, checking it, writing one.
//!
//! | concept | where |
//! |---|---|
//! | the header and what may be wrong with a file | [`format`] |
//! | where the segments of a file lie | [`segments`] |
//! | where they go in the cage | `place` |
//! | checking every object before the first one is used | [`check`] |
//! | a heap from a file | [`read`] |
//! | mourners in a file | `mourn_queue` |
//! | a file from a heap | [`write`](mod@write) |
//!
//! Knows nothing of bytecodes. Facts come from VMMaker's `SpurImageReader`, `SpurImageWriter` and
//! `SpurSegmentManager`.

pub mod check;
pub mod format;
mod mourn_queue;
mod place;
pub mod read;
pub mod segments;
pub mod write;

pub use format::{ImageError, ImageHeader, ImageProblem};
pub use read::HeapOptions;

#[cfg(test)]
mod tests;
