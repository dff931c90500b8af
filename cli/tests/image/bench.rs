//! `rowel bench`: one small benchmark in both modes, what the reports say of it, and bad usage.

use serde_json::Value;

use crate::place::Place;

#[test]
fn a_benchmark_runs_in_both_modes_and_is_reported() {
    let Some(place) = Place::with_image() else { return };
    let outcome = place.run(&[
        "bench",
        "queens",
        "--image",
        "c.image",
        "--turns",
        "1",
        "--warm-up",
        "0",
        "--iterations",
        "1",
        "--json",
        "report.json",
        "--svg",
        "report.svg",
    ]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let head: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(head, ["milliseconds", "interp", "jit", "interp/jit"]);
    assert!(
        lines[1].starts_with("queens ") && lines[2].starts_with("geometric mean "),
        "{lines:?}"
    );

    let text = std::fs::read_to_string(place.path("report.json")).expect("the report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    for machine in ["interp", "jit"] {
        let series = &report["benchmarks"][0]["machines"][machine];
        assert_eq!(series["result"], "27600", "{text}");
        assert_eq!(series["turns"][0].as_array().map(Vec::len), Some(1), "{text}");
        assert!(series["median"].as_f64().is_some_and(|time| time > 0.0), "{text}");
    }
    let picture = std::fs::read_to_string(place.path("report.svg")).expect("the picture");
    assert_eq!(picture.matches("<polyline").count(), 2);
}

#[test]
fn benchmarks_run_in_the_image_that_is_brought_along() {
    let few = ["--turns", "1", "--warm-up", "0", "--iterations", "1"];
    let words = ["bench", "queens", "micro/fib32", "--json", "report.json"];
    let place = Place::empty();
    let outcome = place.run(&[&words[..], &few].concat());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
    let text = std::fs::read_to_string(place.path("report.json")).expect("the report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let result = |row: usize| &report["benchmarks"][row]["machines"]["jit"]["result"];
    assert_eq!((result(0), result(1)), (&Value::from("27600"), &Value::from("7049155")), "{text}");
}

#[test]
fn benchmarks_are_listed() {
    let outcome = Place::empty().run(&["bench", "--list"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    for name in ["richards ", "deltablue ", "micro/fib32 "] {
        assert!(outcome.stdout.lines().any(|line| line.starts_with(name)), "{name}: {outcome:?}");
    }
    let outcome = Place::empty().run(&["bench", "--list", "micro/sieve"]);
    assert_eq!(outcome.stdout.lines().count(), 1, "{outcome:?}");
}

#[test]
fn what_bench_is_told_wrong() {
    let place = Place::empty();
    place.write("c.image", "no image");
    for (words, message) in [
        (&["queens", "kings"][..], "kings: no such benchmark"),
        (&["queens", "--image", "nothing.image"], "nothing.image: no such image"),
        (&["queens", "--image", "c.image", "--peer", "nothing"], "nothing: "),
        (
            &["queens", "--image", "c.image", "--json", "nowhere/report.json"],
            "nowhere/report.json: ",
        ),
    ] {
        place.run(&[&["bench"], words].concat()).assert_refused(message);
    }
    let outcome = place.run(&["bench", "queens", "--turns", "0"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    let outcome = place.run(&["bench", "queens", "--image", "c.image", "--turns", "1"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("failed"), "{outcome:?}");
    assert!(outcome.stderr.starts_with("rowel: queens on interp: "), "{outcome:?}");
    assert!(outcome.stderr.contains("\nrowel: queens on jit: "), "{outcome:?}");
}
