//! A listing of bytecodes, one line each: pc, bytes, name, operands.
//!
//! Must not know: literals or selectors; it shows numbers.

use crate::{BytecodeSet, walk};
use std::fmt::Write;

/// List `code`. Where it cannot be decoded the listing ends with a line that says why. Allocates
/// the listing.
#[must_use]
pub fn disassemble(code: &[u8], set: BytecodeSet) -> String {
    let mut out = String::new();
    for step in walk(code, set) {
        // Writing to a string cannot fail.
        let _ = match step {
            Ok(step) => {
                let bytes: Vec<String> =
                    code[step.pc..step.next_pc].iter().map(|b| format!("{b:02X}")).collect();
                writeln!(out, "{:4} {:<12} {}", step.pc, bytes.join(" "), step.bytecode)
            }
            Err(error) => writeln!(out, "{:4} {error}", error.pc()),
        };
    }
    out
}
