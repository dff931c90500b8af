//! Any bytes as an image file: they open as a heap that is in order, or are refused.
//!
//! `cargo +nightly fuzz run open_image CORPUS SEEDS`, where SEEDS is a directory with small images.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

#[path = "../../objmem/tests/support/sample.rs"]
#[expect(dead_code, reason = "the other target starts from the valid image")]
mod sample;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
});

fuzz_target!(|bytes: &[u8]| {
    let path = DIRECTORY.path().join("fuzzed.image");
    std::fs::write(&path, bytes).expect("a file");
    sample::put_to_use(&path);
});
