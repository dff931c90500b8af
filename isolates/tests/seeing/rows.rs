//! Rows of isolates that really run.

use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rowel_interpreter::primitive::Primitive;
use rowel_interpreter::vm::Vm;
use rowel_isolates::channel::Channel;
use rowel_isolates::message::Border;
use rowel_isolates::seeing::{IsolateRow, Snapshot, State};
use rowel_isolates::{
    Entry, ExitReason, Isolate, IsolateId, Outcome, Settings, Spawner, Template, Value,
    channel_plugin,
};
use rowel_jit::{JitOptions, When};
use rowel_objmem::Oop;

use crate::patience::patience;
use crate::real_image::real_image;

pub fn template() -> Option<&'static Template> {
    static TEMPLATE: OnceLock<Option<Template>> = OnceLock::new();
    let made = || real_image().map(|path| Template::open(path).expect("a template"));
    TEMPLATE.get_or_init(made).as_ref()
}

pub fn start(spawner: &Spawner, name: &str, code: &str, settings: Settings) -> Isolate {
    let template = template().expect("asked before");
    let settings = Settings { name: name.into(), ..settings };
    spawner.spawn(template, Entry::source(code), settings).expect("an isolate")
}

fn row(snapshot: &Snapshot, id: IsolateId) -> Option<&IsolateRow> {
    snapshot.isolates.iter().find(|row| row.id == id)
}

/// Look until the row of `isolate` is as it should be.
fn until(spawner: &Spawner, isolate: &Isolate, is_so: impl Fn(&IsolateRow) -> bool) -> IsolateRow {
    let start = Instant::now();
    loop {
        let snapshot = spawner.snapshot_with_pages();
        let found = row(&snapshot, isolate.id()).cloned();
        match found {
            Some(row) if is_so(&row) => return row,
            other => assert!(start.elapsed() < patience(), "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn rows_say_what_isolates_do() {
    if template().is_none() {
        return;
    }
    let spawner = Spawner::new();
    let interpreted = || Settings {
        jit: JitOptions { when: When::Off, ..JitOptions::default() },
        ..Settings::default()
    };
    let busy = "[ true ] whileTrue: [ 3 printString ]";
    let busy = start(&spawner, "busy", busy, interpreted());
    // An image starts this when it is resumed.
    let delay = "Delay startTimerEventLoop. (Delay forSeconds: 1000) wait";
    let delay = start(&spawner, "delay", delay, interpreted());
    let semaphore = start(&spawner, "semaphore", "Semaphore new wait", interpreted());
    assert_eq!(until(&spawner, &delay, |row| row.state == State::Sleeping).name, "delay");
    let waiting = until(&spawner, &semaphore, |row| row.state == State::Waiting);
    let first =
        until(&spawner, &busy, |row| row.state == State::Running && row.heap.eden_bytes > 0);
    // No tick makes it look up, but who asks does; it goes on all the while.
    let second = until(&spawner, &busy, |row| {
        row.scavenges.count > first.scavenges.count
            && row.processor > first.processor
            && row.age > first.age
    });
    assert!(second.scavenges.total > first.scavenges.total);
    assert!(second.scavenges.longest > Duration::ZERO);
    assert!(second.scavenges.longest <= second.scavenges.total);
    assert_eq!(second.code.units, 0);
    let still = until(&spawner, &semaphore, |row| row.state == State::Waiting);
    assert_eq!(still.scavenges, waiting.scavenges);
    assert!(still.processor - waiting.processor < Duration::from_millis(5));
    busy.kill();
    drop(busy.wait());
    let after = spawner.snapshot();
    assert!(row(&after, busy.id()).is_none());
    let last = &after.ended[0];
    assert_eq!((last.id, &last.state), (busy.id(), &State::Ended(ExitReason::Killed)));
    assert!(last.scavenges.count >= second.scavenges.count);
    assert!(last.processor >= second.processor.saturating_sub(Duration::from_millis(1)));
    assert!(after.totals.scavenges >= last.scavenges.count);
    assert_eq!((after.totals.started, after.isolates.len()), (3, 2));
    spawner.end_all();
    let after = spawner.snapshot();
    assert_eq!(after.totals.ended, [("killed", 3)].into());
    assert_eq!((after.isolates.len(), after.ended.len()), (0, 3));
}

#[test]
fn rows_say_what_isolates_take() {
    if template().is_none() {
        return;
    }
    let spawner = Spawner::new();
    let idle = start(&spawner, "", "Semaphore new wait", Settings::default());
    let idle = until(&spawner, &idle, |row| row.state == State::Waiting);
    let code = "| all | all := (1 to: 8) collect: [ :i | (ByteArray new: 1 << 20) atAllPut: 7 ].
        Smalltalk garbageCollect. Semaphore new wait. all";
    let large = start(&spawner, "", code, Settings::default());
    let large = until(&spawner, &large, |row| row.state == State::Waiting);
    let (small, big) = (idle.pages.expect("smaps"), large.pages.expect("smaps"));
    assert!(large.heap.old_bytes >= 8 << 20, "{large:?}");
    assert!(idle.heap.old_bytes < 1 << 20, "{idle:?}");
    assert!(large.heap.old_committed_bytes >= large.heap.old_bytes);
    assert!(big.private_bytes >= 8 << 20 && big.private_bytes < 64 << 20, "{big:?}");
    assert!(small.private_bytes < 4 << 20, "{small:?}");
    assert!(small.shared_bytes > small.private_bytes / 8, "{small:?}");
    assert!(small.proportional_bytes >= small.private_bytes, "{small:?}");
    assert!(large.full_collections.count >= 1);
    assert!(large.full_collections.longest > Duration::ZERO);
    spawner.end_all();
}

#[test]
fn rows_count_native_code() {
    if template().is_none() {
        return;
    }
    let spawner = Spawner::new();
    let jit = JitOptions { when: When::Always, ..JitOptions::default() };
    let settings = Settings { jit, jit_after: Duration::ZERO, ..Settings::default() };
    let code = "[ true ] whileTrue: [ 20 benchFib. 3 printString ]";
    let isolate = start(&spawner, "", code, settings);
    let first = until(&spawner, &isolate, |row| row.code.units > 0 && row.code.entries > 0);
    assert!(first.code.bytes > 0 && first.code.bytes <= first.code.budget_bytes);
    until(&spawner, &isolate, |row| row.code.entries > first.code.entries);
    spawner.end_all();
}

fn primitive(name: &str) -> Primitive {
    channel_plugin::MODULE.rows.iter().find(|row| row.0 == name).expect("a primitive").1
}

/// An isolate that sends as many messages as it is told to send, and says when it has.
fn sends(vm: &mut Vm, numbers: &std::sync::mpsc::Receiver<i64>) -> Outcome {
    let to = Channel::bounded(1000);
    let border: &mut Border = vm.modules.state();
    let handle = border.ports.add(to.clone());
    let end = vm.array_object(&[Oop::small_integer(handle)]).expect("memory");
    let (send, receive) = (primitive("primitiveChannelSend"), primitive("primitiveChannelReceive"));
    let mut received = 0;
    for count in numbers.iter() {
        for index in 0..count {
            vm.apply(send, end, &[Oop::small_integer(index)]).expect("sent");
        }
        vm.apply(receive, end, &[]).expect("received");
        received += 1;
        // No image runs that would look up.
        if let Some(mut keeper) = vm.keeper.take() {
            keeper.rest(vm);
            vm.keeper = Some(keeper);
        }
    }
    Outcome::normal(Value::Integer(received))
}

#[test]
fn rows_count_messages() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let (sender, receiver) = channel();
    let work = move |vm: &mut Vm| sends(vm, &receiver);
    let isolate = spawner.spawn_with(template, work, Settings::default()).expect("an isolate");
    sender.send(5).expect("it lives");
    until(&spawner, &isolate, |row| (row.messages.sent, row.messages.received) == (5, 1));
    sender.send(7).expect("it lives");
    until(&spawner, &isolate, |row| (row.messages.sent, row.messages.received) == (12, 2));
    drop(sender);
    assert_eq!(isolate.wait().value(), Ok(Value::Integer(2)));
    let after = spawner.snapshot();
    assert_eq!((after.totals.messages.sent, after.totals.messages.received), (12, 2));
}

#[test]
fn the_table_is_quick_with_many_and_remembers_a_hundred() {
    if template().is_none() {
        return;
    }
    let spawner = Spawner::new();
    let isolates: Vec<Isolate> = (0..150)
        .map(|index| start(&spawner, &index.to_string(), "Semaphore new wait", Settings::default()))
        .collect();
    until(&spawner, &isolates[149], |row| row.state == State::Waiting);
    let snapshot = spawner.snapshot();
    assert_eq!(snapshot.isolates.len(), 150);
    assert!(snapshot.isolates.is_sorted_by_key(|row| row.id));
    let before = Instant::now();
    drop(spawner.snapshot_with_pages());
    assert!(before.elapsed() < Duration::from_secs(5));
    isolates.iter().for_each(Isolate::kill);
    isolates.iter().for_each(|isolate| drop(isolate.wait()));
    let snapshot = spawner.snapshot();
    assert_eq!((snapshot.ended.len(), snapshot.totals.ended["killed"]), (100, 150));
}
