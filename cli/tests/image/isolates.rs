//! Isolates of an image that the command runs: the package is filed in, the examples run, and what lives when
//! the image quits ends with it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::Value;

use crate::in_image::{RUN_TESTS, alone, missed};
use crate::place::{Outcome, Place, Running, USUAL};

/// A script or a package of the checkout.
fn checkout(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    path.canonicalize().expect("a file of the checkout").display().to_string()
}

/// A place whose image has the package filed in; that is done once.
fn place() -> Option<Place> {
    static PREPARED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let prepare = || {
        let place = Place::with_image()?;
        let load = checkout("isolates/smalltalk/load.st");
        let outcome = place.start(&["c.image", "-e", "-s", &load], Stdio::null()).end(USUAL * 2);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let kept = kept.join(format!("isolates-{}.image", std::process::id()));
        std::fs::copy(place.path("c.image"), &kept).expect("a copy");
        Some(kept)
    };
    let image = PREPARED.get_or_init(prepare).as_ref()?;
    let place = Place::empty();
    std::fs::copy(image, place.path("c.image")).expect("a copy");
    Some(place)
}

fn start(place: &Place, jit: &str, script: &str, words: &[&str]) -> Running {
    let all: Vec<&str> =
        [jit, "c.image", "-e", "-s", script].into_iter().chain(words.iter().copied()).collect();
    place.start(&all, Stdio::null())
}

fn example(place: &Place, jit: &str, name: &str, words: &[&str]) -> Outcome {
    let script = checkout(&format!("examples/isolates/{name}"));
    let outcome = start(place, jit, &script, words).end(USUAL * 2);
    assert_eq!(outcome.code, Some(0), "{name}: {outcome:?}");
    outcome
}

#[test]
fn a_parameter_sweep_finds_the_same_with_and_without_isolates() {
    let Some(place) = place() else { return };
    for jit in ["--jit=off", "--jit=on"] {
        let printed = example(&place, jit, "sweep.st", &["40", "2000"]).printed();
        assert!(printed.contains("the same numbers"), "{printed}");
        assert!(printed.contains(" of 40 values of r, first at 3.5"), "{printed}");
    }
}

#[test]
fn what_things_cost_can_be_measured() {
    let Some(place) = place() else { return };
    let printed = example(&place, "--jit=on", "costs.st", &["3", "1"]).printed();
    assert_eq!(printed.lines().filter(|line| line.ends_with(" us")).count(), 8, "{printed}");
}

/// Width, height, and how many pixels of a 32-bit BMP file are not white.
fn coloured(path: &Path) -> (u32, u32, usize) {
    let bytes = std::fs::read(path).expect("a picture");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(&bytes[..2], b"BM");
    let depth = usize::from(u16::from_le_bytes([bytes[28], bytes[29]])) / 8;
    let pixels = bytes[word(10) as usize..].chunks_exact(depth);
    let coloured = pixels.filter(|pixel| pixel[..3] != [255; 3]).count();
    (word(18), word(22), coloured)
}

#[test]
fn a_graph_is_laid_out_and_drawn() {
    let Some(place) = place() else { return };
    let picture = place.path("layout.bmp");
    let words = ["5", "60", &picture.display().to_string()];
    let printed = example(&place, "--jit=on", "layout.st", &words).printed();
    assert!(printed.contains("25 nodes, 60 rounds in "), "{printed}");
    let (width, height, pixels) = coloured(&picture);
    // 25 nodes of 49 pixels and 40 edges.
    assert!(width == 400 && height == 400 && pixels > 25 * 49, "{width}×{height}: {pixels}");
}

#[test]
fn morphs_are_drawn_in_isolates_as_they_are_here() {
    let Some(place) = place() else { return };
    let picture = place.path("morphs.bmp");
    let words = [&*picture.display().to_string()];
    let printed = example(&place, "--jit=on", "render.st", &words).printed();
    assert!(printed.contains("the same pixels"), "{printed}");
    let (width, _, pixels) = coloured(&picture);
    assert!(width > 500 && pixels > 10_000, "{width}: {pixels}");
}

/// What the server answers to a request of this path: the status, and the body.
fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(USUAL)).expect("a time limit");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    assert_eq!(length.and_then(|text| text.parse().ok()), Some(body.len()), "{head}");
    (status, body.trim_end().to_owned())
}

#[test]
fn a_web_server_answers_by_supervised_isolates() {
    let Some(place) = place() else { return };
    let script = checkout("examples/isolates/web.st");
    let server = start(&place, "--metrics=:0", &script, &["0", "2"]);
    server.wait_until(|server| server.said().contains("isolates\n"));
    let said = server.said();
    let port = said.split_once("port ").and_then(|(_, rest)| rest.split(',').next());
    let port: u16 = port.and_then(|port| port.parse().ok()).expect("a port");
    let (status, body) = get(port, "/hello/world");
    assert!(status == 200 && body.starts_with("hello world, from isolate "), "{body}");
    assert_eq!(get(port, "/nothing").0, 404);
    // Many at once.
    let clients: Vec<_> =
        (0..8).map(|_| std::thread::spawn(move || get(port, "/fib/16"))).collect();
    for client in clients {
        let (status, body) = client.join().expect("an answer");
        assert!(status == 200 && body.starts_with("3193 sends, counted by isolate "), "{body}");
    }
    // Both isolates end, and two others take their places.
    let broken: Vec<_> =
        (0..2).map(|_| std::thread::spawn(move || get(port, "/broken").0)).collect();
    for client in broken {
        assert_eq!(client.join().expect("an answer"), 500);
    }
    assert_eq!(get(port, "/hello/again").0, 200);
    let told = server.complained();
    let address = told.trim_end().strip_prefix("rowel: figures of isolates at ");
    see_the_server(&place, address.unwrap_or_else(|| panic!("{told}")));
    assert_eq!(get(port, "/quit"), (200, "bye".to_owned()));
    // The commands that looked at it have written to the same place since.
    let outcome = server.end(USUAL);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{}", outcome.stdout);
}

/// What is told of the server above, two of whose isolates have ended: as a table, as JSON and for Prometheus.
fn see_the_server(place: &Place, address: &str) {
    let table = place.run(&["top", address, "--once"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert!(lines[1].contains("; 5 started; ended: 2 error; messages: "), "{table:?}");
    assert!(lines[3].starts_with("ID NAME "), "{table:?}");
    let rows: Vec<Vec<&str>> =
        lines[4..7].iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((rows[0][0], rows[1][1], rows[2][1]), ("1", "worker", "worker"), "{table:?}");
    // What ended them is told in a line each, without the stack.
    let why = "MessageNotUnderstood: UndefinedObject>>thisIsNotUnderstood";
    assert_eq!(lines.len(), 9, "{table:?}");
    assert!(lines[7..].iter().all(|line| line.ends_with(why)), "{table:?}");
    let json = place.run(&["top", address, "--once", "--json"]);
    let told: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let count = |rows: &str| told[rows].as_array().map_or(0, Vec::len);
    assert_eq!((count("isolates"), count("ended")), (3, 2), "{told}");
    assert!(told["totals"]["messages"]["sent"].as_u64() >= Some(11), "{told}");
    let stack = told["ended"][0]["reason"]["text"].as_str().expect("words");
    assert!(stack.starts_with(why) && stack.lines().count() > 3, "{told}");
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let (status, metrics) = get(port, "/metrics");
    assert_eq!(status, 200);
    for line in ["rowel_isolates_started_total 5", "rowel_isolates_ended_total{reason=\"error\"} 2"]
    {
        assert!(metrics.lines().any(|one| one == line), "{metrics}");
    }
    let named = |line: &&str| line.starts_with("rowel_isolate_messages_total{");
    assert_eq!(metrics.lines().filter(named).count(), 6, "{metrics}");
}

#[test]
fn isolates_have_native_code_as_their_parent_has() {
    let Some(place) = place() else { return };
    place.write(
        "s.st",
        "| busy bytes deadline |
        busy := [ [ true ] whileTrue: [ 20 benchFib ] ] forkIsolate isolate.
        deadline := ChannelWait milliseconds + 2000.
        bytes := 0.
        [ bytes = 0 and: [ ChannelWait milliseconds < deadline ]] whileTrue: [
            (Delay forMilliseconds: 20) wait.
            bytes := busy info at: #codeBytes ].
        Smalltalk quitPrimitive: (bytes > 0 ifTrue: [ 1 ] ifFalse: [ 0 ])",
    );
    for (jit, expected) in [("--jit=off", 0), ("--jit=on", 1), ("--jit=always", 1)] {
        let outcome = start(&place, jit, "s.st", &[]).end(USUAL);
        assert_eq!(outcome.code, Some(expected), "{jit}: {outcome:?}");
    }
}

#[test]
fn isolates_end_when_the_image_quits() {
    let Some(place) = place() else { return };
    place.write(
        "s.st",
        "3 timesRepeat: [ [ [ true ] whileTrue ] forkIsolate. [ Semaphore new wait ] forkIsolate ].
        [ Isolate all size = 7 ] whileFalse: [ Processor yield ].
        Smalltalk quitPrimitive: 7",
    );
    for jit in ["--jit=off", "--jit=on", "--jit=always"] {
        // That some did not end in time would be told on stderr.
        let outcome = start(&place, jit, "s.st", &[]).end(USUAL * 2);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(7), ""), "{jit}");
    }
}

#[test]
fn an_image_that_another_isolate_ends_says_why() {
    let Some(place) = place() else { return };
    place.write(
        "s.st",
        "[ nil thisIsNotUnderstood ] forkIsolate: (Isolate settings linked; yourself).
        (Delay forSeconds: 50) wait. Smalltalk quitPrimitive: 7",
    );
    let outcome = start(&place, "--jit=off", "s.st", &[]).end(USUAL);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("isolate 2 ended: MessageNotUnderstood"), "{outcome:?}");
}

#[test]
fn an_image_with_isolates_is_saved_and_starts_without_them() {
    let Some(place) = place() else { return };
    place.write(
        "s.st",
        "| channel |
        channel := Channel capacity: 1.
        [ channel receive ] forkIsolate.
        Smalltalk at: #KeptChannel put: channel.
        Smalltalk saveAndQuit",
    );
    assert_eq!(start(&place, "--jit=off", "s.st", &[]).end(USUAL).code, Some(0));
    // In the saved image the channel means nothing any more, and new isolates start.
    place.write(
        "t.st",
        "| failed |
        failed := [ (Smalltalk at: #KeptChannel) send: 1. 0 ] on: ChannelError do: [ :e | e return: 30 ].
        failed := failed + ([ nil foo ] forkIsolate valueIfFailed: [ 100 ]).
        Smalltalk quitPrimitive: [ 3 ] forkIsolate value + failed + (Isolate boot: [ (Smalltalk includesKey: #KeptChannel) ifTrue: [ 4 ] ifFalse: [ 0 ] ]) value",
    );
    let outcome = start(&place, "--jit=off", "t.st", &[]).end(USUAL);
    assert_eq!(outcome.code, Some(137), "{outcome:?}");
}

/// What the image keeps of files, programs and signals is made anew in a child, so that the tests of all that pass there
/// that pass in the image.
#[test]
fn tests_of_other_programs_pass_in_a_child_as_in_the_image() {
    let Some(place) = place() else { return };
    let _alone = alone();
    place.write("run_tests.st", RUN_TESTS);
    place.write(
        "s.st",
        "| run kind |
        run := (DirectoryEntry currentDirectory // 'run_tests.st') fileContents.
        kind := ([ Compiler evaluate: run ] forkIsolate: (Isolate settings everything; yourself)) wait kind.
        Smalltalk quitPrimitive: (kind == #quit ifTrue: [ 7 ] ifFalse: [ 8 ])",
    );
    let classes = ["OSPipeTestCase", "UnixProcessAccessorTestCase", "UnixProcessTestCase"];
    let outcome = start(&place, "--jit=on", "s.st", &classes).end(USUAL * 4);
    let mine = |test: &str| classes.iter().any(|class| test.starts_with(&format!("{class}>>")));
    let missed = missed(&outcome, mine);
    assert!(missed.is_empty(), "{} expected passes:\n{}", missed.len(), missed.join("\n"));
    assert_eq!(outcome.code, Some(7), "{outcome:?}");
}
