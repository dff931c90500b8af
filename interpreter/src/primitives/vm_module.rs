//! The named primitives of the VM itself, those of the module without a name.

use crate::primitive::Module;

/// The module.
pub const MODULE: Module = Module { name: "", rows: &[] };
