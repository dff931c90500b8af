//! Primitives that make, copy, read and change objects, whatever their class.
//!
//! | primitives | file |
//! |---|---|
//! | 70, 71, 79, 148, 181, 182, 583, 596–599: new objects and their sizes | [`making`] |
//! | 68, 69, 73, 74, 132, 173, 174: slots and literals | [`slots`] |
//! | 105, 145, 156, 158, 168: many elements at once | [`bulk`] |
//! | 75, 110, 111, 161, 169–171, 175: identity and immediates | [`identity`] |
//! | 115, 160, 163, 164, 183, 184: class, read-only and pinned | [`header_bits`] |

pub mod bulk;
pub mod header_bits;
pub mod identity;
pub mod making;
pub mod slots;
