//! What isolates take and give back: memory, maps, descriptors, threads. One test, as it counts what the
//! process has.

#[path = "../../objmem/tests/support/real_image.rs"]
mod support;

use std::time::Duration;

use rowel_isolates::{Entry, Settings, Spawner, Template, Value};
use support::real_image;

/// How many maps, descriptors and threads the process has.
fn counted() -> [usize; 3] {
    let maps = std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count());
    let entries = |path| std::fs::read_dir(path).map_or(0, Iterator::count);
    [maps, entries("/proc/self/fd"), entries("/proc/self/task")]
}

/// Kilobytes that are this process's alone.
fn kilobytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Pss:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

fn run(spawner: &Spawner, template: &Template, count: usize) {
    for round in 0..count / 10 {
        let isolates: Vec<_> = (0..10)
            .map(|index| {
                let entry = match (round + index) % 3 {
                    0 => Entry::value(Value::Integer(10), "benchFib", Vec::new()),
                    1 => Entry::source("(1 to: 20) inject: 0 into: [ :a :b | a + b ]"),
                    _ => Entry::source("Semaphore new wait"),
                };
                spawner.spawn(template, entry, Settings::default()).expect("an isolate")
            })
            .collect();
        isolates.iter().skip(round % 5).for_each(|isolate| isolate.kill());
        spawner.end_all();
        for isolate in isolates {
            assert!(isolate.wait_for(Duration::from_secs(60)).is_some());
        }
    }
}

#[test]
fn hundreds_of_isolates_leave_nothing_behind() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let spawner = Spawner::new();
    run(&spawner, &template, 100);
    std::thread::sleep(Duration::from_millis(200));
    let (before, memory) = (counted(), kilobytes());
    run(&spawner, &template, 300);
    std::thread::sleep(Duration::from_millis(200));
    let (after, grown) = (counted(), kilobytes().saturating_sub(memory));
    for (before, after) in before.into_iter().zip(after) {
        // Threads that have ended leave their stacks to those to come.
        assert!(after <= before + 20, "{before} have become {after}");
    }
    assert!(grown < 20 << 10, "{grown} kB more");
}
