//! Isolates: many virtual machines in one process, and what passes between them.
//!
//! | concept | where |
//! |---|---|
//! | starting isolates, links, monitors | [`spawner`] |
//! | one isolate as others see it | [`isolate`] |
//! | what isolates start from | [`template`] |
//! | what an isolate is given | [`settings`] |
//! | why an isolate ended | [`exit`] |
//! | arguments and answers of entry points | [`message`] |
//! | what an image calls | [`plugin`] |
//! | what an isolate's thread does | `body`, `keeper`, `ticker` |
//! | an isolate in a forked process | `forked` |
//! | what goes from one isolate to another | [`channel`] |
//! | object graphs on their way | [`message`] |
//! | what all of them do and take | [`seeing`] |
//! | channels as primitives of the image | [`channel_plugin`] |
//!
//! An isolate has a heap in its own cage, a scheduler, a stack and native code of its own, on a thread
//! of its own. Nothing is shared but pages that nobody has written, and what a channel carries.

mod body;
pub mod channel;
pub mod channel_plugin;
pub mod exit;
mod forked;
pub mod isolate;
mod keeper;
pub mod message;
pub mod plugin;
pub mod seeing;
pub mod settings;
pub mod spawner;
pub mod template;
mod ticker;

pub use body::run_root;
pub use exit::{ExitReason, MonitorId, Notice};
pub use forked::LONGEST_END;
pub use isolate::{Info, Isolate, Outcome};
pub use message::{Message, Value};
pub use plugin::isolate_of;
pub use settings::{Permissions, Settings};
pub use spawner::{IsolateId, SpawnError, Spawner};
pub use template::{Entry, Template, TemplateError};
