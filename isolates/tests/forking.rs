//! Isolates that fork the process of the system: in the new process each is alone, and the process ends with it.

#[path = "support/patience.rs"]
mod patience;
#[path = "../../objmem/tests/support/real_image.rs"]
mod support;

use std::time::{Duration, Instant};

use patience::patience;
use rowel_interpreter::vm::Vm;
use rowel_isolates::channel::Channel;
use rowel_isolates::message::Border;
use rowel_isolates::{
    Entry, ExitReason, Outcome, Permissions, Settings, Spawner, Template, Value, isolate_of,
};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use support::real_image;

fn all() -> Settings {
    Settings { permissions: Permissions::ALL, name: "forking".into(), ..Settings::default() }
}

/// Fork; the number of the new process, 0 in it.
fn fork(vm: &mut Vm) -> i32 {
    let primitive = vm.modules.find(b"UnixOSProcessPlugin", b"primitiveForkSqueak");
    let receiver = vm.heap.nil();
    let pid = vm.apply(primitive.expect("allowed"), receiver, &[]).expect("forked");
    pid.as_integer().and_then(|pid| i32::try_from(pid).ok()).expect("a number")
}

/// The exit code of a process; one that does not end is killed.
fn exit_code(pid: i32) -> Option<i32> {
    let pid = Pid::from_raw(pid).expect("a process");
    let deadline = Instant::now() + patience();
    loop {
        if let Some((_, status)) = waitpid(Some(pid), WaitOptions::NOHANG).expect("a child") {
            return status.exit_status();
        }
        if Instant::now() > deadline {
            kill_process(pid, Signal::KILL).expect("a child");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether all is right in the new process: the isolate is the only one, under the number 1, what it starts is known
/// to it, and nobody there has the channels of before.
fn is_alone(vm: &mut Vm, template: &Template, handle: i64) -> bool {
    let Some((spawner, me)) = isolate_of(vm) else { return false };
    let alone = spawner.isolates().iter().map(|isolate| isolate.id()).eq([me.id()]);
    let known = me.id().0 == 1 && me.name() == "forking" && me.permissions() == Permissions::ALL;
    let child = spawner.spawn(template, Entry::source("6 * 7"), Settings::default());
    let answer = child.expect("an isolate").wait_for(patience()).map(|outcome| outcome.value());
    let unknown = vm.modules.state::<Border>().ports.channel(handle).is_none();
    alone && known && answer == Some(Ok(Value::Integer(42))) && unknown
}

#[test]
fn an_isolate_that_forks_is_alone_in_the_new_process_which_ends_with_it() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let spawner = Spawner::new();
    // Delays and budgets of others have threads, which the new process has not.
    let others: Vec<_> = (0..3)
        .map(|_| {
            let entry = Entry::source("Delay startTimerEventLoop. (Delay forSeconds: 1000) wait");
            let settings =
                Settings { time: Some(Duration::from_secs(1000)), ..Settings::default() };
            spawner.spawn(&template, entry, settings).expect("an isolate")
        })
        .collect();
    let ends = [
        (Outcome::normal(Value::Nil), 0),
        (Outcome::without_value(ExitReason::Quit(7)), 7),
        (Outcome::without_value(ExitReason::Error("no".into())), 1),
    ];
    for (end, expected) in ends {
        let (own, settings) = (template.clone(), Settings { time: Some(patience()), ..all() });
        let work = move |vm: &mut Vm| {
            let handle = vm.modules.state::<Border>().ports.add(Channel::bounded(1));
            match fork(vm) {
                0 if is_alone(vm, &own, handle) => end,
                0 => Outcome::without_value(ExitReason::Quit(99)),
                pid => Outcome::normal(Value::Integer(exit_code(pid).map_or(-1, i64::from))),
            }
        };
        let isolate = spawner.spawn_with(&template, work, settings).expect("an isolate");
        let outcome = isolate.wait_for(patience() * 2).expect("an end");
        assert_eq!(outcome.value(), Ok(Value::Integer(expected)), "{outcome:?}");
    }
    assert!(others.iter().all(|isolate| isolate.is_alive()), "they know nothing of it");
    spawner.end_all();
}

#[test]
fn a_vm_that_panics_in_a_forked_process_ends_that_process() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let work = |vm: &mut Vm| match fork(vm) {
        0 => panic!("on purpose"),
        pid => Outcome::normal(Value::Integer(exit_code(pid).map_or(-1, i64::from))),
    };
    let isolate = Spawner::new().spawn_with(&template, work, all()).expect("an isolate");
    let outcome = isolate.wait_for(patience() * 2).expect("an end");
    assert_eq!(outcome.value(), Ok(Value::Integer(1)), "{outcome:?}");
}

/// The image itself: another program, and a copy of the image in a process of its own.
#[test]
fn an_image_in_an_isolate_starts_programs_and_forks() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let code = "| shell copy |
        Delay startTimerEventLoop.
        ThisOSProcess startUp: true.
        shell := UnixProcess waitForCommand: 'exit 3'.
        copy := OSProcess accessor primForkSqueak.
        copy = 0 ifTrue: [ (Delay forMilliseconds: 10) wait. Smalltalk quitPrimitive: 5 ].
        copy := ExternalUnixOSProcess new pid: copy; running; yourself.
        OSProcess thisOSProcess registerChildProcess: copy.
        [ copy isComplete ] whileFalse: [ (Delay forMilliseconds: 10) wait ].
        { shell exitStatus. copy exitStatus }";
    let spawner = Spawner::new();
    let isolate = spawner.spawn(&template, Entry::source(code), all()).expect("an isolate");
    let outcome = isolate.wait_for(patience()).expect("an end");
    let codes = vec![Value::Integer(3 << 8), Value::Integer(5 << 8)];
    assert_eq!(outcome.value(), Ok(Value::Array(codes)), "{outcome:?}");
}
