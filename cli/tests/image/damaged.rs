//! Images that are cut short or changed, given to the command: a clear message and exit code 1, or a
//! run that ends; never a hang. The object memory's own test does this by the thousand.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::time::Duration;

use crate::place::Place;

#[test]
fn an_image_cut_short_is_refused() {
    let Some(place) = Place::with_image() else { return };
    let file = OpenOptions::new().write(true).open(place.path("c.image")).expect("the image");
    let length = file.metadata().expect("its size").len();
    for length in [length - 1, length - 4096, length / 2, 129, 128, 64, 1] {
        file.set_len(length).expect("shorter");
        place.run(&["c.image"]).assert_refused("c.image");
        place.run(&["image", "check", "c.image"]).assert_refused("c.image");
    }
}

#[test]
fn changed_words_are_refused_or_survived() {
    let Some(place) = Place::with_image() else { return };
    let file = OpenOptions::new().read(true).write(true).open(place.path("c.image"));
    let file = file.expect("the image");
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for at in [16, 24, 32, 128, 136, 1 << 12, 1 << 16, 1 << 20, 5 << 20] {
        let mut old = [0; 8];
        file.read_exact_at(&mut old, at).expect("inside");
        for _ in 0..2 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            file.write_all_at(&random.to_le_bytes(), at).expect("inside");
            let words = ["c.image", "-e", "-d", "Smalltalk quitPrimitive: 0"];
            // An image that lives on may wait for ever, as any image may.
            let mut running = place.start(&words, Stdio::null());
            let started = std::time::Instant::now();
            while started.elapsed() < Duration::from_secs(10) {
                if let Some(status) = running.child.try_wait().expect("a child") {
                    assert!(status.code().is_some(), "at {at}: {status}; {}", running.complained());
                    let silent = running.complained().is_empty();
                    assert!(
                        status.success() || !silent || !running.said().is_empty(),
                        "at {at}: {status}"
                    );
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        file.write_all_at(&old, at).expect("inside");
    }
}
