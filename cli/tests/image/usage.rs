//! Bad usage: a message on stderr, exit code 1, nothing on stdout, nothing that waits.

use crate::place::Place;

#[test]
fn what_the_command_line_gets_wrong() {
    let place = Place::empty();
    for (words, message) in [
        (&["-nonsense", "c.image"][..], "unknown option: -nonsense"),
        (&["--headless=3", "c.image"], "unknown option"),
        (&["-eden"], "needs a value"),
        (&["-eden", "much", "c.image"], "not a number"),
        (&["-eden", "1k", "c.image"], "not in the range"),
        (&["-stackpages", "1", "c.image"], "not in the range"),
        (&["nothing.image"], "nothing.image: no such image"),
        (&["image", "info", "nothing.image"], "nothing.image"),
        (&["image", "frobnicate"], "frobnicate"),
        (&["fetch", "squeak"], "squeak"),
    ] {
        let outcome = place.run(words);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (Some(1), ""),
            "{words:?}: {outcome:?}"
        );
        assert!(outcome.stderr.contains(message), "{words:?}: {outcome:?}");
    }
}

#[test]
fn what_is_no_image() {
    let place = Place::empty();
    std::fs::create_dir(place.path("d.image")).expect("a directory");
    place.run(&["d.image"]).assert_refused("d.image");
    // The formats of 32-bit Spur, and of old 64-bit images, little-endian.
    let header = |format: u32| [&format.to_le_bytes()[..], &[0; 200]].concat();
    for (contents, name) in [
        (Vec::new(), "empty"),
        (b"This is a text, not an image.\n".repeat(100), "text"),
        (header(6521), "32-bit"),
        (header(6505), "pre-Spur"),
        (header(68002), "64-bit pre-Spur"),
        (header(68021), "zeros"),
    ] {
        place.write("c.image", contents);
        for words in
            [&["c.image"][..], &["image", "info", "c.image"], &["image", "check", "c.image"]]
        {
            if (name, words.get(1)) == ("zeros", Some(&"info")) {
                continue;
            }
            let outcome = place.run(words);
            assert!(outcome.stderr.contains("c.image"), "{name}, {words:?}: {outcome:?}");
            outcome.assert_refused("");
        }
    }
}

#[test]
fn what_answers_on_stdout() {
    let place = Place::empty();
    for (words, part) in [
        (&["--version"][..], "rowel "),
        (&["--help"], "-maxoldspace, -maxOldSpaceSize SIZE"),
        (&["help", "run"], "-eden, -edenSize SIZE"),
        (&["run", "--help"], "-eden, -edenSize SIZE"),
        (&["man"], ".SH VM OPTIONS"),
        (&["completions", "bash"], "complete"),
    ] {
        let outcome = place.run(words);
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (Some(0), ""),
            "{words:?}: {outcome:?}"
        );
        assert!(outcome.stdout.contains(part), "{words:?}: {outcome:?}");
    }
    let outcome = place.run(&["--version"]);
    assert_eq!(outcome.stdout.lines().count(), 1, "{outcome:?}");
}
