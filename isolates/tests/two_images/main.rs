//! Real images with channels: the tests of the package in one of them, and two of them on two threads of this
//! process that send each other objects.
//!
//! The image is found as `real_image` says; without one (never in CI) these tests do nothing.

mod package;
mod place;
#[path = "../../../objmem/tests/support/real_image.rs"]
mod real_image;

use rowel_isolates::channel::Channel;
use rowel_isolates::message::{Message, Origin, Value};

use self::place::{image_with_package, reported, start};

fn text(value: &str) -> Value {
    Value::String(value.as_bytes().to_vec())
}

fn run_tests(jit: bool) {
    let Some(image) = image_with_package() else { return };
    let report = Channel::bounded(100);
    let code = "
        ChannelTest allTestSelectors asArray sort do: [ :each |
            [ (ChannelTest selector: each) runCase ]
                on: TestResult failure, Error
                do: [ :problem | report send: each, ': ', problem messageText asString ]].
        report send: ChannelTest allTestSelectors size";
    let thread = start(image, &Origin::new(), &[("report", &report)], code, jit);
    let mut failures = Vec::new();
    let count = loop {
        match reported(&report) {
            Value::Integer(count) => break count,
            other => failures.push(other),
        }
    };
    assert_eq!(failures, []);
    assert!(count > 15);
    assert_eq!(thread.join().expect("no panic"), 0);
}

#[test]
fn the_tests_of_the_package_pass() {
    run_tests(false);
}

#[test]
fn the_tests_of_the_package_pass_in_native_code() {
    run_tests(true);
}

/// Two images, one of which answers what the other asks. What the asking one reports.
fn talk(origins: [Origin; 2], answer: &str, ask: &str) -> Option<Vec<Value>> {
    let image = image_with_package()?;
    let report = Channel::bounded(100);
    let (requests, replies): (Channel<Message>, Channel<Message>) =
        (Channel::bounded(4), Channel::bounded(4));
    let names = [("requests", &requests), ("replies", &replies), ("report", &report)];
    let open = "requests := Channel named: 'requests'. replies := Channel named: 'replies'. ";
    let [one, other] = origins;
    let threads = [(one, answer), (other, ask)].map(|(origin, code)| {
        start(image, &origin, &names, &format!("{open} [ {code} ] value"), false)
    });
    let mut reports = Vec::new();
    loop {
        match reported(&report) {
            Value::Symbol(end) if end == b"end" => break,
            value => reports.push(value),
        }
    }
    requests.close();
    replies.close();
    for thread in threads {
        assert_eq!(thread.join().expect("no panic"), 0);
    }
    Some(reports)
}

const ECHO: &str = "requests do: [ :each | replies send: each ]";

#[test]
fn what_comes_back_is_as_it_was() {
    for origins in [
        [Origin::new(), Origin::new()],
        [(); 2].map({
            let same = Origin::new();
            move |()| same.clone()
        }),
    ] {
        let ask = "
            | new |
            new := ('neverSeen' , Time millisecondClockValue printString) asSymbol.
            { 3. 'text'. #(1 $a (2.5 nil)). 1000 factorial. #at:put:. new. OrderedCollection. ChannelTest.
                Object >> #printString. Set withAll: #(1 2 3). Channel class. Smalltalk } do: [ :each | | back |
                requests send: each.
                back := replies receive.
                report send: (back = each and: [ back class == each class ]) ].
            requests send: [ :x | x + 1 ].
            report send: (replies receive value: 4).
            requests send: #end.
            report send: replies receive";
        let Some(reports) = talk(origins, ECHO, ask) else { return };
        let mut expected = vec![Value::Boolean(true); 12];
        expected.push(Value::Integer(5));
        assert_eq!(reports, expected);
    }
}

#[test]
fn work_is_done_elsewhere_and_answered_through_a_channel_that_came_along() {
    let answer = "requests do: [ :each | each key send: (each value value) ]";
    let ask = "
        | back |
        back := Channel capacity: 3.
        requests send: back -> [ 20 factorial ].
        requests send: back -> [ (1 to: 100) inject: 0 into: [ :sum :each | sum + each ]].
        requests send: back -> [ 'elsewhere' asUppercase asSymbol ].
        3 timesRepeat: [ report send: back receive ].
        report send: #end";
    let Some(reports) = talk([Origin::new(), Origin::new()], answer, ask) else { return };
    let expected = [
        Value::Integer(2_432_902_008_176_640_000),
        Value::Integer(5050),
        Value::Symbol(b"ELSEWHERE".to_vec()),
    ];
    assert_eq!(reports, expected);
}

#[test]
fn only_the_process_waits_that_receives() {
    let ask = "
        | count ticker |
        count := 0.
        ticker := [ [ (Delay forMilliseconds: 1) wait. count := count + 1 ] repeat ] newProcess.
        ticker priority: 45; resume.
        report send: (replies receiveWithin: 200 ifTimedOut: [ #none ]).
        report send: count > 3.
        ticker terminate.
        requests send: 1.
        report send: replies receive.
        report send: #end";
    let Some(reports) = talk([Origin::new(), Origin::new()], ECHO, ask) else { return };
    let expected = [Value::Symbol(b"none".to_vec()), Value::Boolean(true), Value::Integer(1)];
    assert_eq!(reports, expected);
}

#[test]
fn a_class_that_the_other_does_not_have_is_an_error_there() {
    let answer = "
        [ requests do: [ :each | replies send: each ]]
            on: CannotReceive do: [ :problem | replies send: problem messageText ]";
    let ask = "
        | class |
        class := Object subclass: #OnlyHere instanceVariableNames: 'a b' classVariableNames: ''
            poolDictionaries: '' category: 'Test'.
        requests send: class new.
        report send: replies receive.
        report send: #end";
    let Some(reports) = talk([Origin::new(), Origin::new()], answer, ask) else { return };
    assert_eq!(reports, [text("cannot receive the message: the class OnlyHere is not here")]);
}
