//! Seeing isolates: what each of a spawner's isolates is doing, what it takes, and what it has done.
//!
//! | concept | where |
//! |---|---|
//! | what an isolate's thread tells of it | `figures` |
//! | the table of all, at a moment | [`snapshot`] |
//! | whose memory is shared, and whose not | [`pages`] |
//! | the table for programmes | [`json`], [`prometheus`] |
//! | the table for other processes | [`address`], [`server`], [`client`] |
//!
//! What it costs: an isolate's thread writes some twenty words at each safepoint and before it sleeps, relaxed;
//! messages and entries into native code are counted by plain additions of its own. Everything else happens when
//! somebody asks, on the thread that asks. Must not know how isolates run.

pub mod address;
pub mod client;
mod figures;
mod http;
pub mod json;
pub mod pages;
pub mod prometheus;
pub mod server;
pub mod snapshot;

pub use address::Address;
pub(crate) use figures::Figures;
pub use server::Server;
pub use snapshot::{IsolateRow, Snapshot, State, Totals};
