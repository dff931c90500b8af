//! Scripts: what they print and the code they end with.

use std::fs::File;
use std::process::Stdio;

use crate::place::{Place, USUAL};

const HELLO: &str = include_str!("../../../examples/hello.st");
/// What `hello.st` prints.
const HELLO_PRINTS: &str = include_str!("scripts/hello.txt");

#[test]
fn hello_prints_what_it_should_and_ends_with_its_code() {
    let Some(place) = Place::with_image() else { return };
    let outcome = place.run_script(HELLO, USUAL);
    assert_eq!(outcome.printed(), HELLO_PRINTS, "{}", outcome.stderr);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(3), ""));
}

#[test]
fn native_code_gives_the_same() {
    let Some(place) = Place::with_image() else { return };
    place.write("script.st", HELLO);
    for when in ["on", "always"] {
        let words = ["--jit", when, "c.image", "-e", "-s", "script.st"];
        let outcome = place.start(&words, Stdio::null()).end(USUAL);
        assert_eq!(outcome.printed(), HELLO_PRINTS, "{when}: {}", outcome.stderr);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(3), ""), "{when}");
    }
}

#[test]
fn a_process_that_may_not_have_many_addresses_runs() {
    let Some(place) = Place::with_image() else { return };
    let words =
        ["-c", "ulimit -v 4000000; exec \"$0\" c.image -e -d 'Smalltalk quitPrimitive: 12'"];
    let mut shell = std::process::Command::new("sh");
    shell.args(words).arg(env!("CARGO_BIN_EXE_rowel")).current_dir(place.path(""));
    let output = shell.stdin(Stdio::null()).output().expect("a shell");
    assert_eq!(output.status.code(), Some(12), "{output:?}");
}

#[test]
fn image_segments_hold_graphs_contexts_and_classes() {
    let Some(place) = Place::with_image() else { return };
    let outcome = place.run_script(include_str!("scripts/segments.st"), USUAL);
    let expected = [
        "nil true true one 100000000000000000000 #(1 2) (3/4) true Array true",
        "nil MethodContext 43",
        "nil false true 2 true true",
        "3000 true 598 bad argument",
    ];
    let printed = outcome.printed().replace('\n', " ");
    assert_eq!(printed.trim_end(), expected.join(" "), "{}", outcome.stderr);
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn every_scavenge_that_can_be_changes_nothing() {
    let Some(place) = Place::with_image() else { return };
    place.write(
        "s.st",
        "Smalltalk quitPrimitive: ('hello' reversed size + #(1 2 3) asOrderedCollection size)",
    );
    let words = ["--stress-scavenge", "-leakcheck", "1", "c.image", "-e", "-s", "s.st"];
    let outcome = place.start(&words, Stdio::null()).end(USUAL * 5);
    assert_eq!(outcome.code, Some(8), "{outcome:?}");
}

#[test]
fn expressions_arguments_and_exit_codes() {
    let Some(place) = Place::with_image() else { return };
    for (code, expected) in [(0, 0), (7, 7), (255, 255), (256 + 9, 9), (-1, 255)] {
        let expression = format!("Smalltalk quitPrimitive: {code}");
        let outcome = place.run(&["c.image", "-e", "-d", &expression]);
        assert_eq!(outcome.code, Some(expected), "{code}: {outcome:?}");
    }
    place.write(
        "a.st",
        "Smalltalk quitPrimitive: (Smalltalk startUpScriptArguments inject: 0 into: [ :sum :each | sum + each size ])",
    );
    let outcome = place.run(&["c", "-e", "-s", "a.st", "one", "two", "three"]);
    assert_eq!(outcome.code, Some(11), "the suffix may be left out: {outcome:?}");
    let outcome =
        place.run(&["-vm-display-null", "-eden", "2m", "c.image", "-e", "-d", "nil zork"]);
    assert_eq!(outcome.code, Some(1), "an error ends the image: {outcome:?}");
}

#[test]
fn a_script_reads_what_is_piped_into_it() {
    let Some(place) = Place::with_image() else { return };
    place.write("lines", "seven\neleven\n");
    place.write(
        "s.st",
        "| in size |
        in := StdIOReadStream stdin.
        size := [ | count | count := 0. [ in next = Character lf ] whileFalse: [ count := count + 1 ]. count ].
        Smalltalk quitPrimitive: size value * 10 + size value",
    );
    let input = Stdio::from(File::open(place.path("lines")).expect("a file"));
    let outcome = place.start(&["c.image", "-e", "-s", "s.st"], input).end(USUAL);
    assert_eq!(outcome.code, Some(56), "{outcome:?}");
}

#[test]
fn options_reach_the_image() {
    let Some(place) = Place::with_image() else { return };
    place.write(
        "p.st",
        "| out | out := StdIOWriteStream stdout.
        out print: ((Smalltalk vmParameterAt: 44) between: 4 << 20 and: 6 << 20); newLine; print: (Smalltalk vmParameterAt: 49); newLine.
        -1 to: -4 by: -1 do: [ :i | out print: (Smalltalk getSystemAttribute: i); newLine ].
        out flush. Smalltalk quitPrimitive: 0",
    );
    let words = ["-eden", "4m", "-numextsems", "500", "c.image", "-e", "-s", "p.st"];
    let outcome = place.run(&words);
    assert_eq!(outcome.printed(), "true\n500\n'-eden'\n'4m'\n'-numextsems'\n'500'\n");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn the_image_in_the_cache_is_that_of_the_demonstration() {
    let Some(place) = Place::with_image() else { return };
    std::fs::create_dir(place.path("cache")).expect("a directory");
    std::fs::rename(place.path("c.image"), place.path("cache/cuis-7.7-7777.image")).expect("it");
    let outcome = place.run(&["demo"]);
    assert!(outcome.stdout.contains("30 benchFib: 2692537 sends in "), "{outcome:?}");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:?}");
}

#[test]
fn without_an_image_the_one_that_is_brought_along_is_run() {
    let outcome = Place::empty().run(&["--", "--eval", "Smalltalk quit: 11"]);
    assert_eq!(outcome.code, Some(11), "{outcome:?}");
}

#[test]
fn an_image_that_cannot_go_on_says_so_and_leaves_a_report() {
    let Some(place) = Place::with_image() else { return };
    // Nobody understands the message that says that a message was not understood.
    let outcome = place.run(&[
        "c.image",
        "-e",
        "-d",
        "Smalltalk specialObjectsArray at: 21 put: #nobodyHasThis. 3 zork",
    ]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("does not understand even"), "{outcome:?}");
    assert!(outcome.stderr.contains("UndefinedObject>>DoIt"), "stacks: {outcome:?}");
    let reports: Vec<_> = std::fs::read_dir(place.path(""))
        .expect("a directory")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("rowel-crash-"))
        .collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(outcome.stderr.contains(&reports[0]), "it says where: {outcome:?}");
    let report = std::fs::read_to_string(place.path(&reports[0])).expect("the report");
    assert!(report.contains("does not understand even") && report.contains("DoIt"), "{report}");
}
