//! From the text of a method to literals and bytecodes.
//!
//! Owns: the language. Must not know: objects; names mean what a [`Scope`] says.

pub mod code;
mod error;

pub use code::{BindingKey, BlockCode, Literal, MethodCode, Pragma, Scope, SourceMap, Variable};
pub use error::CompileError;
