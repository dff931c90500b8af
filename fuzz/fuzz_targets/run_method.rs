//! Made-up methods, with the fuzzer's choice of bytecodes, literals and primitives: whatever they do, the
//! heap is in order after it.
//!
//! `cargo +nightly fuzz run run_method`

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../interpreter/tests/filetests/assemble.rs"]
mod assemble;
#[path = "../../interpreter/tests/filetests/made_up.rs"]
#[expect(dead_code, reason = "the tests also need tests of one primitive each")]
mod made_up;
#[path = "../../interpreter/tests/filetests/run_made_up.rs"]
mod run_made_up;
#[path = "../../interpreter/tests/filetests/syntax.rs"]
#[expect(dead_code, reason = "nothing is read from files")]
mod syntax;
#[path = "../../interpreter/tests/filetests/world.rs"]
#[expect(dead_code, reason = "results are not looked at")]
mod world;

fuzz_target!(|input: &[u8]| {
    let mut bytes = input.iter().copied();
    run_made_up::run_made_up(&mut || bytes.next().unwrap_or(0));
});
