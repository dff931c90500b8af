//! What can be seen of native code: figures of units, dumps, the file for perf, parameters for the image.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::Stdio;

use linux_perf_data::jitdump::{JitDumpReader, JitDumpRecord};
use serde_json::Value;

use crate::place::{Outcome, Place, USUAL};

/// Prints how often benchFib was sent.
const SCRIPT: &str = "
    StdIOWriteStream stdout print: 27 benchFib; newLine; flush.
    Smalltalk quitPrimitive: 0";

fn run(place: &Place, options: &[&str]) -> Outcome {
    place.write("s.st", SCRIPT);
    let words = [options, &["c.image", "-e", "-s", "s.st"]].concat();
    let outcome = place.start(&words, Stdio::null()).end(USUAL * 3);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome
}

/// The number that [`SCRIPT`] prints.
fn sends(outcome: &Outcome) -> u64 {
    let printed = outcome.printed();
    printed.lines().next().and_then(|line| line.parse().ok()).expect("a number")
}

fn json(place: &Place, name: &str) -> Value {
    let text = std::fs::read_to_string(place.path(name)).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

/// The units of this name.
fn units<'a>(figures: &'a Value, name: &str) -> Vec<&'a Value> {
    let units = figures["units"].as_array().expect("units");
    units.iter().filter(|unit| unit["name"] == name).collect()
}

#[test]
fn figures_of_units() {
    let Some(place) = Place::with_image() else { return };
    let outcome = run(&place, &["jit", "stats", "--jit=always", "--jit-stats=f.json"]);
    let rows = outcome.stdout.lines().filter(|line| line.contains("  Integer>>benchFib"));
    assert_eq!(rows.count(), 1, "{outcome:?}");
    assert!(outcome.stdout.contains("native code: in all "), "{outcome:?}");
    let figures = json(&place, "f.json");
    let unit = units(&figures, "Integer>>benchFib")[0];
    let entered = unit["entered"].as_u64().expect("a number");
    // What is inlined is not entered.
    assert!((1..=sends(&outcome)).contains(&entered), "{unit}");
    for positive in ["compilations", "bytes", "machine_code_us"] {
        assert!(unit[positive].as_u64().is_some_and(|number| number > 0), "{positive}: {unit}");
    }
    assert_eq!(unit["kind"], "method");
    let all = figures["units"].as_array().expect("units");
    let mut left = 0;
    for unit in all {
        let leaves = unit["leaves"].as_object().expect("leaves");
        let places = unit["places"].as_array().expect("places");
        let times = |value: &Value| value.as_u64().expect("a number");
        let by_reason: u64 = leaves.values().map(times).sum();
        let by_place: u64 = places.iter().map(|place| times(&place["times"])).sum();
        assert_eq!(by_reason, by_place, "{unit}");
        assert!(
            places
                .iter()
                .all(|place| place["at"].as_str().is_some_and(|at| at.contains(", word ")))
        );
        assert!(
            places.iter().all(|place| leaves.contains_key(place["why"].as_str().expect("a text")))
        );
        left += by_place;
    }
    assert!(left > 0 && figures["leaves"].as_u64() >= Some(left), "{left}: {}", figures["leaves"]);
    let total = figures["compiled"].as_u64().expect("a number");
    let each = figures["units"].as_array().expect("units").iter();
    let sum: u64 = each.filter_map(|unit| unit["compilations"].as_u64()).sum();
    assert_eq!(sum, total, "every compilation belongs to a unit");
}

#[test]
fn figures_on_stderr_and_none_without_native_code() {
    let Some(place) = Place::with_image() else { return };
    let outcome = run(&place, &["--jit=on", "--jit-stats"]);
    assert!(outcome.stderr.contains("found running: native code "), "{outcome:?}");
    assert!(!outcome.stdout.contains("native code"), "{outcome:?}");
    let outcome = run(&place, &["--jit=off", "--jit-stats"]);
    assert!(outcome.stderr.contains("without --jit=on"), "{outcome:?}");
    let words = ["--jit=on", "--jit-stats=no/such/place", "c.image"];
    place.run(&words).assert_refused("no/such/place");
}

#[test]
fn a_method_that_has_not_run_is_dumped() {
    let Some(place) = Place::with_image() else { return };
    let outcome = place.run(&["jit", "dump", "c.image", "Integer>>benchFib"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    let mut rest = outcome.stdout.as_str();
    for part in [
        "== Integer>>benchFib, Method at word 0\n",
        "-- bytecode",
        "send_less_than",
        "-- operations\n",
        "Send #benchFib",
        "-- IR\nfunction ",
        "iconst.i64 0x",
        "  ; word 13 of Integer>>benchFib\n",
        "-- IR, optimised\nfunction ",
        "-- machine code, ",
        "ret\n",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part}: {outcome:?}"));
        rest = &rest[at..];
    }
    let outcome = place.run(&["jit", "dump", "--asm", "c.image", "Collection>>inject:into:"]);
    let heads: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("==")).collect();
    assert_eq!(heads.len(), 2, "the method and its block: {heads:?}");
    assert!(heads[1].starts_with("== [] in Collection>>inject:into:, Block at word "));
    assert!(!outcome.stdout.contains("-- IR") && !outcome.stdout.contains("-- bytecode"));
    let class_side = place.run(&["jit", "dump", "--operations", "c.image", "Set class>>newFrom:"]);
    assert!(class_side.stdout.contains("== Set class>>newFrom:, Method"), "{class_side:?}");
    for missing in ["Integer>>zork", "Zork>>foo", "benchFib", ">>", ""] {
        place.run(&["jit", "dump", "c.image", missing]).assert_refused("no such method");
    }
}

#[test]
fn a_method_is_dumped_when_it_is_compiled() {
    let Some(place) = Place::with_image() else { return };
    let head = "== Integer>>benchFib, Method at word 0\n";
    let words = ["--jit=on", "--jit-dump", "Integer>>benchFib"];
    let outcome = run(&place, &words);
    assert!(outcome.stderr.starts_with(head), "{outcome:?}");
    assert!(outcome.stderr.contains("-- machine code, "), "{outcome:?}");
    let words = ["jit", "dump", "--ir", "c.image", "Zork>>foo", "-e", "-s", "s.st"];
    let outcome = place.start(&words, Stdio::null()).end(USUAL);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("Zork>>foo was not compiled"), "{outcome:?}");
    assert!(sends(&outcome) > 0, "{outcome:?}");
}

#[test]
fn perf_gets_names_and_code_also_where_memory_is_used_again() {
    let Some(place) = Place::with_image() else { return };
    std::fs::create_dir(place.path("perf")).expect("a directory");
    let words = ["--jit=always", "-codesize", "4m", "--jitdump=perf", "--jit-stats=f.json"];
    run(&place, &words);
    let files = std::fs::read_dir(place.path("perf")).expect("a directory");
    let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let mut reader = JitDumpReader::new(File::open(file).expect("a file")).expect("a header");
    let name = format!("jit-{}.dump", reader.header().pid);
    assert_eq!(file.file_name().and_then(|name| name.to_str()), Some(&*name));
    let mut last = reader.header().timestamp;
    let mut names: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    while let Some(raw) = reader.next_record().expect("readable") {
        assert!(raw.timestamp >= last);
        last = raw.timestamp;
        let Ok(JitDumpRecord::CodeLoad(load)) = raw.parse() else { panic!("not of code") };
        assert!(!load.code_bytes.is_empty());
        let name = String::from_utf8_lossy(&load.function_name.as_slice()).into_owned();
        names.entry(load.code_addr).or_default().push(name);
    }
    let all: Vec<&String> = names.values().flatten().collect();
    assert!(all.iter().any(|name| *name == "Integer>>benchFib"));
    assert!(all.iter().any(|name| *name == "rowel: Interpret, 0 arguments"));
    assert!(names.values().any(|names| names.len() > 1), "memory is used again");
    let figures = json(&place, "f.json");
    assert!(figures["evictions"].as_u64().is_some_and(|times| times > 0));
    let evicted = figures["units"].as_array().expect("units").iter();
    assert!(evicted.filter_map(|unit| unit["evicted"].as_u64()).sum::<u64>() > 0);
    let words = ["--jit=on", "--jitdump=no/such/place", "c.image"];
    place.run(&words).assert_refused("a file for perf");
}

#[test]
fn parameters_tell_the_image() {
    let Some(place) = Place::with_image() else { return };
    place.write(
        "p.st",
        "#(46 62 63 64) do: [ :index |
            StdIOWriteStream stdout print: (Smalltalk vmParameterAt: index); newLine; flush ].
        Smalltalk quitPrimitive: 0",
    );
    let told = |words: &[&str]| {
        let words = [words, &["c.image", "-e", "-s", "p.st"]].concat();
        let outcome = place.start(&words, Stdio::null()).end(USUAL * 3);
        let lines: Vec<Option<u64>> =
            outcome.printed().lines().map(|line| line.parse().ok()).collect();
        <[Option<u64>; 4]>::try_from(lines).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    assert_eq!(told(&["--jit=off"]), [Some(0), None, None, Some(0)]);
    assert_eq!(told(&[])[0], Some(32 << 20));
    let [budget, evictions, milliseconds, units] = told(&["--jit=always", "-codesize", "4m"]);
    assert_eq!(budget, Some(4 << 20));
    assert!(evictions > Some(0) && milliseconds.is_some() && units > Some(0));
}
