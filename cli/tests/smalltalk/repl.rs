//! Expressions at a terminal.

use std::time::Duration;

use crate::terminal::Terminal;

#[test]
fn expressions_are_read_evaluated_and_remembered() {
    let state = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(state.path());
    terminal.line("300 + 4\r", "304\r\n");
    terminal.line("it * 2\r", "608\r\n");
    // An expression over three lines.
    terminal.line("(#(1 2) inject: 0 into: [ :a :b |\ra + b ]\r) + 1000\r", "1003\r\n");
    terminal.line("count := 70\r", "70\r\n");
    terminal.line("count zork\r", "does not understand #zork");
    // Completion: the only selector that begins so.
    terminal.line("'abc' asUpperc\t\r", "'ABC'\r\n");
    // The line before, from the history.
    terminal.line("count + 100\r", "170\r\n");
    terminal.line("\x1b[A\r", "170\r\n");
    // A text that stays incomplete, given up by an empty line.
    terminal.line("#(1 2\r\r", "expected");
    // A line that is given up, and the end.
    terminal.line("some thing\x03", "\r\n");
    terminal.line("3000 + 5\r", "3005\r\n");
    terminal.line("\x04", "\r\n");
    assert!(terminal.end().success());
    let history = std::fs::read_to_string(state.path().join("rowel/history")).expect("a history");
    assert!(history.contains("300 + 4") && history.contains("count + 100"), "{history}");
}

#[test]
fn an_evaluation_can_be_interrupted() {
    let state = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(state.path());
    terminal.line("[ true ] whileTrue: [ ]\r", "\r\n");
    std::thread::sleep(Duration::from_millis(500));
    terminal.interrupt();
    terminal.wait_for("nterrupt");
    terminal.line("3000 + 4\r", "3004\r\n");
    terminal.line("\x04", "\r\n");
    assert!(terminal.end().success());
}
