//! The Spur object memory: everything about how objects are laid out, found, made and reclaimed.
//!
//! | concept | where |
//! |---|---|
//! | the reserved range that holds all objects of one isolate | [`cage`] |
//! | references and addresses | [`oop`] |
//! | the header word of every object | [`header`], [`format`] |
//! | well-known indices (special objects, class indices) | [`layout`] |
//! | the heap itself: reading, writing, allocating | [`heap`] |
//! | collecting the nursery | [`scavenger`] |
//! | collecting everything: mark, sweep, compact | [`full_collection`] |
//! | exchanging identities | [`becoming`] |
//! | image files | [`image`] |
//! | a heap from which many start, sharing its pages | [`template`] |
//! | a second heap that starts as the first one is | `fork` |
//! | parts of an image as words | [`image_segment`] |
//! | checking a heap | [`verify`] |
//!
//! Knows nothing of bytecodes or frames. Facts come from VMMaker's `SpurMemoryManager`,
//! `Spur64BitMemoryManager` and their helpers.
#![expect(unsafe_code, reason = "the object memory reads and writes raw words of the cage")]

pub mod access;
pub mod becoming;
pub mod bootstrap;
pub mod cage;
pub mod class_table;
pub mod compactor;
pub mod enumerate;
mod fork;
pub mod format;
pub mod full_collection;
pub mod header;
pub mod heap;
pub mod image;
pub mod image_segment;
pub mod layout;
pub mod mark_bits;
pub mod marker;
mod memory_file;
pub mod old_space;
pub mod oop;
pub mod roots;
pub mod scavenger;
pub mod space;
pub mod sweeper;
pub mod template;
pub mod verify;
pub mod weak;
mod words;
mod written;
mod young;

pub use becoming::BecomeError;
pub use cage::Cage;
pub use format::Format;
pub use full_collection::CollectBoot;
pub use header::Header;
pub use heap::{Heap, HeapParts};
pub use image_segment::SegmentError;
pub use oop::{Address, ClassIndex, Oop};
pub use roots::{MemoryExhausted, Roots};
pub use template::Template;
pub use young::ChildSizes;
