//! The steps that operations are made of, by kind. All are inlined into the dispatch loop; their slow
//! halves are not.

pub(crate) mod arithmetic;
mod flow;
pub(crate) mod indexing;
pub(crate) mod native;
mod send;
mod variables;

/// Words of a send, and so of the operations that may turn out to be one.
pub(crate) const SEND_WORDS: i32 = 3;
