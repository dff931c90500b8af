//! The two bytecode sets of Spur images, each written once as a table.
//!
//! Owns: the encodings of SistaV1 and of V3PlusClosures, and everything derived from their tables:
//! the enums, the decoder, the visitor traits, the disassembler, the emitter, the reader of what
//! the listings write, the stack effects.
//! Must not know: objects, methods, frames. It sees bytes and numbers only.
//! Facts: VMMaker's bytecode tables and encoding comments (`StackInterpreter`), and the Blue Book
//! order of the special selectors.

mod decode;
mod disassemble;
mod emit;
pub mod operand;
pub mod sista_v1;
mod special_selectors;
mod stack_effect;
mod table;
pub mod v3;
mod written;

pub use decode::{Bytecode, BytecodeSet, DecodeError, Step, Walk, decode, walk};
pub use disassemble::disassemble;
pub use emit::EmitError;
pub use special_selectors::{SPECIAL_SELECTORS, SpecialSelector};
pub use stack_effect::StackEffect;
pub use table::Row;
