//! The steps that operations are made of, by kind. All are inlined into the dispatch loop; their slow
//! halves are not.

mod arithmetic;
mod flow;
mod indexing;
mod send;
mod variables;
