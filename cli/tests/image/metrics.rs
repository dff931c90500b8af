//! `--metrics` and `rowel top`.

use std::process::Stdio;

use serde_json::Value;

use crate::place::{Place, Running, USUAL};

/// An image that has collected garbage, says that it is there, and sleeps.
const SLEEPS: &str = "
| out | out := StdIOWriteStream stdout.
(1 to: 2000) collect: [ :each | each printString ].
Smalltalk garbageCollect.
out nextPutAll: 'here'; newLine; flush.
(Delay forSeconds: 100) wait";

fn sleeping(place: &Place, option: &str) -> Running {
    place.write("script.st", SLEEPS);
    let words = [option, "c.image", "-e", "-s", "script.st"];
    let running = place.start(&words, Stdio::null());
    running.wait_until(|running| running.said().contains("here"));
    running
}

#[test]
fn a_process_is_seen_by_its_number_and_by_its_address() {
    let Some(place) = Place::with_image() else { return };
    let running = sleeping(&place, "--metrics");
    let seen = Place::empty();
    // Socket files are below TMPDIR, which each place has of its own.
    let address = running.complained();
    let address =
        address.lines().find_map(|line| line.strip_prefix("rowel: figures of isolates at "));
    let address = address.expect("an address").to_owned();
    assert!(address.starts_with("unix:"), "{address}");
    let table = seen.run(&["top", &address, "--once"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("process {}, up ", running.child.id())), "{table:?}");
    assert!(lines[1].starts_with("isolates: 1 "), "{table:?}");
    assert!(lines[3].starts_with("ID NAME "), "{table:?}");
    let words: Vec<&str> = lines[4].split_whitespace().collect();
    assert_eq!(words[..2], ["1", "c"], "{table:?}");
    assert!(["sleeping", "running", "waiting"].contains(&words[2]), "{table:?}");
    let process = running.child.id().to_string();
    let json = place.run(&["top", &process, "--once", "--json"]);
    assert_eq!(json.code, Some(0), "{json:?}");
    let told: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(told["isolates"][0]["name"], "c");
    assert!(told["isolates"][0]["full_collections"]["count"].as_u64() >= Some(1));
    assert!(told["isolates"][0]["pages"]["private"].as_u64() > Some(1 << 20));
    // The only one there is.
    let only = place.run(&["top", "--once", "--json"]);
    assert_eq!(only.code, Some(0), "{only:?}");
    // It goes on as long as the process does.
    let watching = place.start(&["top", &process, "--every", "0.05"], Stdio::null());
    watching.wait_until(|watching| watching.said().matches("ID NAME").count() >= 3);
    drop(running);
    let watched = watching.end(USUAL);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert!(watched.stderr.contains("does not answer any more"), "{watched:?}");
}

#[test]
fn a_port_is_of_this_machine_alone_unless_told() {
    let Some(place) = Place::with_image() else { return };
    let running = sleeping(&place, "--metrics=:0");
    let complained = running.complained();
    let address = complained.split("isolates at ").nth(1).and_then(|rest| rest.lines().next());
    let address = address.expect("an address");
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    let table = place.run(&["top", address, "--once"]);
    assert_eq!(table.code, Some(0), "{table:?}");
}

#[test]
fn who_is_not_there_is_told_of() {
    let place = Place::empty();
    place.run(&["top", "--once"]).assert_refused("start one with --metrics");
    place.run(&["top", "1", "--once"]).assert_refused("was started with --metrics");
    place.run(&["top", "nowhere"]).assert_refused("is no address");
    place.run(&["top", "unix:x", "--every", "0"]).assert_refused("--every");
    let Some(place) = Place::with_image() else { return };
    place.run(&["--metrics=nowhere", "c.image"]).assert_refused("--metrics");
    place.run(&["--metrics=unix:/nowhere/at/all", "c.image"]).assert_refused("/nowhere/at/all");
}

#[test]
fn a_process_that_the_image_forks_leaves_the_figures_to_the_image() {
    let Some(place) = Place::with_image() else { return };
    place.write(
        "script.st",
        "| copy out |
        copy := UnixProcess forkHeadlessSqueakAndDoThenQuit: [ (Delay forMilliseconds: 10) wait ].
        [ copy isComplete ] whileFalse: [ (Delay forMilliseconds: 10) wait ].
        out := StdIOWriteStream stdout.
        out nextPutAll: 'it ended with '; print: copy exitStatus; newLine; flush.
        (Delay forSeconds: 100) wait",
    );
    let words = ["--metrics", "c.image", "-e", "-s", "script.st"];
    let running = place.start(&words, Stdio::null());
    running.wait_until(|running| running.said().contains("it ended with 0"));
    let process = running.child.id().to_string();
    let json = place.run(&["top", &process, "--once", "--json"]);
    let told: Value = serde_json::from_str(&json.stdout).unwrap_or_else(|_| panic!("{json:?}"));
    assert_eq!(told["isolates"][0]["name"], "c");
}
