//! The tests of the package, run in isolates of the image that has it filed in.

use std::time::{Duration, Instant};

use rowel_isolates::channel::Channel;
use rowel_isolates::message::{Message, Value};
use rowel_isolates::{Entry, Permissions, Settings, Spawner, Template};
use rowel_jit::{JitOptions, When};

use crate::place::image_with_package;

/// How long one class of tests may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Runs the tests of a class as an isolate does that others have started; says what went wrong, then how many
/// there were.
const RUN: &str = "
| report |
Isolate becomeChild.
report := Channel named: 'report'.
%CLASS% allTestSelectors asArray sort do: [ :each |
    [ (%CLASS% selector: each) runCase ]
        on: TestResult failure, Error
        do: [ :problem |
            report send: each, ': ', problem class name, ': ', problem messageText asString ]].
report send: %CLASS% allTestSelectors size";

/// Run the tests of `class`; there are at least so many.
fn run(class: &str, least: i64, jit: When) {
    let Some(image) = image_with_package() else { return };
    let template = Template::open(image).expect("a template");
    let spawner = Spawner::new();
    let report: Channel<Message> = Channel::bounded(100);
    let settings = Settings {
        name: class.into(),
        permissions: Permissions::ALL,
        jit: JitOptions { when: jit, ..JitOptions::default() },
        jit_after: Duration::ZERO,
        channels: vec![("report".into(), report.clone())],
        ..Settings::default()
    };
    let entry = Entry::source(RUN.replace("%CLASS%", class));
    let isolate = spawner.spawn(&template, entry, settings).expect("an isolate");
    let deadline = Instant::now() + LIMIT;
    let mut failures = Vec::new();
    let count = loop {
        let Ok(message) = report.receive(Some(deadline)) else {
            isolate.signaller().inspect(|signaller| signaller.dump());
            let end = isolate.wait_for(Duration::from_secs(1));
            panic!("{class} takes too long, or has ended: {end:?}; so far: {failures:#?}");
        };
        match Value::try_from(&message) {
            Ok(Value::Integer(count)) => break count,
            Ok(Value::String(text)) => failures.push(String::from_utf8_lossy(&text).into_owned()),
            other => failures.push(format!("{other:?}")),
        }
    };
    spawner.end_all();
    assert!(failures.is_empty(), "{class}: {failures:#?}");
    assert!(count >= least, "{class} has {count} tests only");
}

macro_rules! tests {
    ($($name:ident, $native:ident: $class:literal, $least:literal;)*) => {
        $(
            #[test]
            fn $name() {
                run($class, $least, When::Off);
            }

            #[test]
            fn $native() {
                run($class, $least, When::On);
            }
        )*
    };
}

tests! {
    isolates, isolates_in_native_code: "IsolateTest", 20;
    futures, futures_in_native_code: "IsolateFutureTest", 7;
    parallel_collections, parallel_collections_in_native_code: "ParallelCollectionTest", 6;
    pools, pools_in_native_code: "IsolatePoolTest", 5;
    supervisors, supervisors_in_native_code: "SupervisorTest", 11;
}

#[test]
fn supervisors_where_all_is_compiled_at_once() {
    run("SupervisorTest", 11, When::Always);
}
