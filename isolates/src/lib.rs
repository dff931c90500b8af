//! Isolates: many virtual machines in one process, and what passes between them.
//!
//! | concept | where |
//! |---|---|
//! | what goes from one isolate to another | [`channel`] |
//! | object graphs on their way | [`message`] |
//!
//! An isolate has a heap in its own cage, a scheduler, a stack and native code of its own, on a thread
//! of its own. Nothing is shared but pages that nobody has written, and what a channel carries.

pub mod channel;
pub mod message;
