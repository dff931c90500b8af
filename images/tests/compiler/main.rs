//! The compiler: what it makes of texts, in both bytecode sets.

mod golden;
mod malformed;
mod meaning;
mod program;
#[path = "../support/mod.rs"]
mod support;
mod verify;
