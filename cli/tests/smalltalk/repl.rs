//! Expressions at a terminal.

use std::time::Duration;

use crate::terminal::Terminal;

#[test]
fn expressions_are_read_evaluated_and_remembered() {
    let state = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(state.path());
    terminal.wait_for("> ");
    terminal.press("300 + 4\r");
    terminal.wait_for("304\r\n");
    terminal.press("it * 2\r");
    terminal.wait_for("608\r\n");
    // An expression over three lines.
    terminal.press("(#(1 2) inject: 0 into: [ :a :b |\ra + b ]\r) + 1000\r");
    terminal.wait_for("1003\r\n");
    terminal.press("count := 70\r");
    terminal.wait_for("70\r\n");
    terminal.press("count zork\r");
    terminal.wait_for("does not understand #zork");
    // Completion: the only selector that begins so.
    terminal.press("'abc' asUpperc\t\r");
    terminal.wait_for("'ABC'\r\n");
    // The line before, from the history.
    terminal.press("count + 100\r");
    terminal.wait_for("170\r\n");
    terminal.press("\x1b[A\r");
    terminal.wait_for("170\r\n");
    // A text that stays incomplete, given up by an empty line.
    terminal.press("#(1 2\r\r");
    terminal.wait_for("expected");
    // A line that is given up, and the end.
    terminal.press("some thing\x03");
    terminal.press("3000 + 5\r");
    terminal.wait_for("3005\r\n");
    terminal.press("\x04");
    assert!(terminal.end().success());
    let history = std::fs::read_to_string(state.path().join("rowel/history")).expect("a history");
    assert!(history.contains("300 + 4") && history.contains("count + 100"), "{history}");
}

#[test]
fn an_evaluation_can_be_interrupted() {
    let state = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::start(state.path());
    terminal.wait_for("> ");
    terminal.press("[ true ] whileTrue: [ ]\r");
    terminal.wait_for("\r\n");
    std::thread::sleep(Duration::from_millis(500));
    terminal.interrupt();
    terminal.wait_for("nterrupt");
    terminal.press("3000 + 4\r");
    terminal.wait_for("3004\r\n");
    terminal.press("\x04");
    assert!(terminal.end().success());
}
