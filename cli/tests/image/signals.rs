//! Signals sent to a running image.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, Running, USUAL};

/// A loop that says when it has begun, counts, and ends with code 6 when a file `stop` is there.
const LOOP: &str = "| out |
out := StdIOWriteStream stdout.
out nextPutAll: 'begun'; newLine; flush.
[ (DirectoryEntry currentDirectory // 'stop') exists ] whileFalse: [ 10 benchFib ].
Smalltalk quitPrimitive: 6";

fn start(place: &Place, script: &str) -> Running {
    place.write("loop.st", script);
    let running = place.start(&["c.image", "-e", "-s", "loop.st"], Stdio::null());
    running.wait_until(|running| running.said().contains("begun"));
    running
}

fn send(running: &Running, signal: Signal) {
    kill_process(Pid::from_child(&running.child), signal).expect("a process");
}

#[test]
fn usr1_prints_the_stacks_and_the_image_goes_on() {
    let Some(place) = Place::with_image() else { return };
    let running = start(&place, LOOP);
    for count in 1..=3 {
        send(&running, Signal::USR1);
        running.wait_until(|running| {
            running.complained().matches("blocked, priority").count() >= count
        });
        running.wait_until(|running| {
            running.complained().matches("running, priority").count() == count
        });
    }
    assert!(running.complained().contains(">>DoIt"), "{}", running.complained());
    place.write("stop", "");
    assert_eq!(running.end(USUAL).code, Some(6));
}

#[test]
fn a_second_interrupt_ends_what_does_not_react() {
    let Some(place) = Place::with_image() else { return };
    // The image's own reaction is taken away.
    let script =
        format!("Smalltalk specialObjectsArray at: 31 put: nil. {}", LOOP.replace("| out |", ""));
    let running = start(&place, &format!("| out | {script}"));
    send(&running, Signal::INT);
    std::thread::sleep(std::time::Duration::from_millis(200));
    send(&running, Signal::INT);
    let outcome = running.end(USUAL);
    assert_eq!(outcome.signal, Some(Signal::INT.as_raw()), "{outcome:?}");
}

#[test]
fn the_interrupt_key_reaches_the_image() {
    let Some(place) = Place::with_image() else { return };
    let script = "| out |
        out := StdIOWriteStream stdout.
        Smalltalk specialObjectsArray at: 31 put: Semaphore new.
        [ (Smalltalk specialObjectsArray at: 31) wait. Smalltalk quitPrimitive: 9 ] forkAt: 70.
        out nextPutAll: 'begun'; newLine; flush.
        [ true ] whileTrue: [ 10 benchFib ]";
    let running = start(&place, script);
    send(&running, Signal::INT);
    assert_eq!(running.end(USUAL).code, Some(9));
}

#[test]
fn term_and_hup_end_with_their_codes_after_flushing() {
    let Some(place) = Place::with_image() else { return };
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let running = start(&place, LOOP);
        send(&running, signal);
        let outcome = running.end(USUAL);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(code), ""), "{outcome:?}");
    }
}

#[test]
fn term_ends_an_image_that_waits_for_input() {
    let Some(place) = Place::with_image() else { return };
    let script = "| out | out := StdIOWriteStream stdout. out nextPutAll: 'begun'; newLine; flush.
        StdIOReadStream stdin nextLine. Smalltalk quitPrimitive: 5";
    place.write("loop.st", script);
    let running = place.start(&["c.image", "-e", "-s", "loop.st"], Stdio::piped());
    running.wait_until(|running| running.said().contains("begun"));
    send(&running, Signal::TERM);
    assert_eq!(running.end(USUAL).code, Some(143));
}
