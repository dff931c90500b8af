//! Damaged image files: opening one gives a heap that is in order or an error that says what is
//! wrong, and never a panic or a hang.
//!
//! The files come from a seeded generator: `ROWEL_CORRUPT_INPUTS` says how many (20,000 unless
//! set), `ROWEL_CORRUPT_SEED` where it starts. A failure names the number of the file, and
//! `ROWEL_CORRUPT_ONLY` makes just that one.

mod support;

use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use rowel_objmem::image::read::check_file;
use support::damage::{Damage, Random};
use support::real_image;
use support::sample::{put_to_use, two_segments, valid_image};

/// Longest that one file may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Run `work` for each number, on a thread that is watched: a panic or a hang names the number.
fn watched(numbers: impl Iterator<Item = u64> + Send, mut work: impl FnMut(u64) + Send) {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in numbers {
                sender.send(number).expect("somebody watches");
                if catch_unwind(AssertUnwindSafe(|| work(number))).is_err() {
                    eprintln!("damaged file {number}");
                    std::process::abort();
                }
            }
        });
        let mut current = None;
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(number) => current = Some(number),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    eprintln!("damaged file {current:?} takes for ever");
                    std::process::abort();
                }
            }
        }
    });
}

#[test]
fn damaged_images_open_in_order_or_are_refused() {
    // In memory where possible: files are synced.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory");
    let one = valid_image(directory.path());
    let seeds = [two_segments(&one, 1000), two_segments(&one, 0), one];
    let path = directory.path().join("damaged.image");
    for seed in &seeds {
        std::fs::write(&path, seed).expect("a file");
        assert!(put_to_use(&path), "{:?}", check_file(&path));
    }
    let count = environment("ROWEL_CORRUPT_INPUTS").unwrap_or(20_000);
    let start = environment("ROWEL_CORRUPT_SEED").unwrap_or(0);
    let only = environment("ROWEL_CORRUPT_ONLY");
    let numbers = only.map_or(start..start + count, |only| only..only + 1);
    let mut accepted = 0_u64;
    watched(numbers.clone(), |number| {
        let mut random = Random::new(number);
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..1 + random.below(3) {
            Damage::random(&mut random, &bytes).apply(&mut bytes);
        }
        std::fs::write(&path, &bytes).expect("a file");
        accepted += u64::from(put_to_use(&path));
    });
    let total = numbers.end - numbers.start;
    println!("{accepted} of {total} damaged files were in order");
    assert!(only.is_some() || (accepted > total / 100 && accepted < total * 9 / 10));
}

#[test]
fn the_damaged_real_image_is_checked_without_a_panic() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(original) = real_image() else { return };
    let image = std::fs::read(original).expect("the image");
    let path = directory.path().join("damaged.image");
    std::fs::write(&path, &image).expect("a copy");
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the copy");
    let mut refused = 0;
    watched(0..200, |number| {
        let mut random = Random::new(number);
        let damage = if number % 4 == 0 {
            Damage::Truncate { length: random.below(image.len()) }
        } else {
            Damage::random_in_place(&mut random, &image)
        };
        let mended = damage.apply_to_file(&file, &image);
        refused += u32::from(check_file(&path).is_err());
        file.write_all_at(&image[mended.clone()], mended.start as u64).expect("mended");
    });
    println!("{refused} of 200 were refused");
    assert!(refused >= 50, "all that were truncated");
    assert!(check_file(&path).is_ok(), "all damage was mended");
}
