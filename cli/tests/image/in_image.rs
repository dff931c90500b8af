//! What the image can check itself: its own tests, and decompiling and recompiling all its methods.
//!
//! The expected outcomes are those of the OpenSmalltalk VM, as data beside this file.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use crate::place::{Outcome, Place};

/// Runs the tests of the image, or those of the classes that are named.
pub const RUN_TESTS: &str = include_str!("scripts/run_tests.st");
const RECOMPILE: &str = include_str!("scripts/recompile.st");
const EXPECTED_PASS: &str = include_str!("expected_pass.txt");
const EXPECTED_FAILURES: &str = include_str!("expected_failures.txt");
/// The tests wait for timers for most of a minute.
const LIMIT: Duration = Duration::from_secs(600);

/// The tests of two images at once come into each other's way: until this is dropped no other ones run.
pub fn alone() -> File {
    let lock = File::create(std::env::temp_dir().join("rowel-image-tests.lock")).expect("a file");
    lock.lock().expect("a lock");
    lock
}

/// How each test has ended.
fn results(printed: &str) -> BTreeMap<&str, &str> {
    printed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(result, _)| ["pass", "fail", "error", "timeout"].contains(result))
        .map(|(result, test)| (test, result))
        .collect()
}

/// Of the tests that are to pass and `wanted`, those that have not, with the reason.
pub fn missed(outcome: &Outcome, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let printed = outcome.printed();
    let results = results(&printed);
    let reason = |test: &str| {
        let end = format!(" {test}");
        let mut lines = printed.lines().skip_while(move |line| !line.ends_with(&end)).skip(1);
        lines.next().filter(|line| line.starts_with('#')).unwrap_or("").to_owned()
    };
    EXPECTED_PASS
        .lines()
        .filter(|test| wanted(test))
        .map(|test| (test, results.get(test).copied().unwrap_or("missing")))
        .filter(|(_, result)| *result != "pass")
        .map(|(test, result)| format!("{result} {test} {}", reason(test)))
        .collect()
}

#[test]
fn the_tests_of_the_image_pass() {
    let Some(place) = Place::with_image() else { return };
    let _alone = alone();
    let outcome = place.run_script(RUN_TESTS, LIMIT);
    let printed = outcome.printed();
    let last = printed.lines().last().unwrap_or("");
    assert_eq!(outcome.code, Some(0), "after `{last}`: {}", outcome.stderr);
    let missed = missed(&outcome, |_| true);
    assert!(missed.is_empty(), "{} expected passes:\n{}", missed.len(), missed.join("\n"));
    let others = EXPECTED_FAILURES.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(
        results(&printed).len(),
        EXPECTED_PASS.lines().count() + others,
        "tests that are in no list"
    );
}

#[test]
fn every_method_can_be_decompiled_and_compiled_again() {
    let Some(place) = Place::with_image() else { return };
    let outcome = place.run_script(RECOMPILE, LIMIT);
    let expected = "methods 21345 same 20590 different 746 failed 9 checksum 608233711\n";
    assert_eq!(outcome.printed(), expected, "{outcome:?}");
    assert_eq!(outcome.code, Some(0));
}
