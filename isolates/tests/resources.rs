//! What isolates take and give back: memory, maps, descriptors, threads. One test, as it counts what the
//! process has. `ROWEL_STRESS=full` starts ten thousand.

#[path = "support/counted.rs"]
mod counted;
#[path = "support/patience.rs"]
mod patience;
#[path = "../../objmem/tests/support/real_image.rs"]
mod support;

use std::time::Instant;

use rowel_isolates::{Entry, Settings, Spawner, Template, Value};

use counted::{Counted, is_full};
use support::real_image;

/// So many are there at a time.
const AT_ONCE: usize = 10;
/// What the allocator may keep.
const MEGABYTES: u64 = 20;

fn run(spawner: &Spawner, template: &Template, count: usize) {
    for round in 0..count / AT_ONCE {
        let isolates: Vec<_> = (0..AT_ONCE)
            .map(|index| {
                let entry = match (round + index) % 3 {
                    0 => Entry::object(Value::Integer(10), "benchFib"),
                    1 => Entry::source("(1 to: 20) inject: 0 into: [ :a :b | a + b ]"),
                    _ => Entry::source("Semaphore new wait"),
                };
                spawner.spawn(template, entry, Settings::default()).expect("an isolate")
            })
            .collect();
        isolates.iter().skip(round % 5).for_each(|isolate| isolate.kill());
        spawner.end_all();
        for isolate in isolates {
            assert!(isolate.wait_for(patience::patience()).is_some());
        }
    }
}

#[test]
fn isolates_leave_nothing_behind() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let spawner = Spawner::new();
    run(&spawner, &template, 100);
    let before = Counted::now();
    let (count, start) = (if is_full() { 10_000 } else { 300 }, Instant::now());
    run(&spawner, &template, count);
    let after = Counted::now();
    eprintln!("{count} isolates in {:?}: {before:?}, then {after:?}", start.elapsed());
    after.assert_like(&before, MEGABYTES);
    let snapshot = spawner.snapshot();
    assert_eq!(snapshot.totals.started as usize, count + 100);
    assert_eq!(snapshot.totals.ended.values().sum::<u64>() as usize, count + 100);
}
