//! A small valid image with some of its words replaced: it opens as a heap that is in order, or is
//! refused. What replaces what is the fuzzer's choice, so it need not find out what an image is.
//!
//! `cargo +nightly fuzz run patch_image`

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

#[path = "../../objmem/tests/support/sample.rs"]
mod sample;

/// The directory for files, and images with one segment and with two.
struct Bench {
    directory: TempDir,
    images: [Vec<u8>; 3],
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory");
    let one = sample::valid_image(directory.path());
    let images = [sample::two_segments(&one, 0), sample::two_segments(&one, 1000), one];
    Bench { directory, images }
});

// Which image comes first; then eleven bytes a patch: kind, place and value.
fuzz_target!(|input: &[u8]| {
    let Some((&which, patches)) = input.split_first() else { return };
    let mut image = BENCH.images[usize::from(which) % 3].clone();
    for patch in patches.chunks_exact(11) {
        let place = usize::from(u16::from_le_bytes([patch[1], patch[2]]));
        let value = u64::from_le_bytes(patch[3..].try_into().expect("eight bytes"));
        let words = image.len() / 8;
        if words == 0 {
            break;
        }
        let at = place % words * 8;
        let word = u64::from_le_bytes(image[at..at + 8].try_into().expect("eight bytes"));
        let word = match patch[0] % 4 {
            0 => value,
            1 => word ^ value,
            2 => word.wrapping_add(value),
            _ => {
                image.truncate((value % image.len() as u64) as usize);
                continue;
            }
        };
        image[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    let path = BENCH.directory.path().join("fuzzed.image");
    std::fs::write(&path, &image).expect("a file");
    sample::put_to_use(&path);
});
