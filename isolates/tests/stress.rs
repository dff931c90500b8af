//! Isolates that are killed at random moments while they exchange messages: nobody crashes, nobody hangs, no
//! message comes twice or torn, and all memory comes back.
//!
//! `ROWEL_STRESS=full` has a thousand of them; else there are few. One test, as it counts what the process has.

#[path = "support/counted.rs"]
mod counted;
#[path = "support/patience.rs"]
mod patience;
#[path = "two_images/place.rs"]
#[allow(dead_code, reason = "only the image is needed here")]
mod place;
#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rowel_interpreter::vm::Vm;
use rowel_isolates::channel::Channel;
use rowel_isolates::channel_plugin;
use rowel_isolates::message::{Border, Message, Origin, Value as Sent};
use rowel_isolates::{ExitReason, Isolate, Settings, Spawner, Template, run_root};
use rowel_jit::{JitOptions, When};

use counted::{Counted, is_full};

/// So many are there at a time.
const AT_ONCE: usize = 16;
/// So many channels do they share.
const CHANNELS: usize = 6;
/// Each waits at most so many milliseconds for its end.
const LONGEST_LIFE: u64 = 400;

/// Sends and receives until it is killed. A message says who has sent it, the how manieth it is, what it carries,
/// and the sum of that; each that comes is handed on to the test as it is.
const CODE: &str = "
| in out report state below sequence sum |
in := Channel named: 'in'. out := Channel named: 'out'. report := Channel named: 'report'.
state := %SEED%.
below := [ :bound |
    state := (state * 1103515245 + 12345) bitAnd: 16r3FFFFFFF. (state bitShift: -8) \\\\ bound ].
sum := [ :all | all inject: 17 into: [ :so :each | (so * 31 + each) bitAnd: 16rFFFFFF ]].
sequence := 0.
[ [ true ] whileTrue: [ | all |
    sequence := sequence + 1.
    all := (1 to: (below value: 100)) collect: [ :i | below value: 256 ].
    sequence even ifTrue: [ all := all asByteArray ].
    out send: { %ID%. sequence. all. sum value: all. String new: all size withAll: $x }.
    sequence \\\\ 50 = 0 ifTrue: [ Smalltalk primitiveGarbageCollect ]]]
    forkAt: Processor userBackgroundPriority.
[ true ] whileTrue: [ report send: in receive ]";

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What the allocator may keep, which has an arena for each of the threads that are there at once: 14 to 23 were
/// seen after sixty isolates, 43 after a thousand, 13 of these with `MALLOC_ARENA_MAX=1`.
const MEGABYTES: u64 = 40;

struct World {
    spawner: Spawner,
    template: Template,
    channels: Vec<Channel<Message>>,
    report: Channel<Message>,
    origin: Origin,
}

impl World {
    fn start(&self, id: u64, numbers: &mut Numbers) -> Isolate {
        let mut pick = || self.channels[numbers.below(CHANNELS as u64) as usize].clone();
        let named = [("in", pick()), ("out", pick()), ("report", self.report.clone())];
        let code = CODE.replace("%ID%", &id.to_string());
        let code = code.replace("%SEED%", &(1 + numbers.below(1 << 30)).to_string());
        let origin = self.origin.clone();
        let work = move |vm: &mut Vm| {
            vm.modules.add(&[channel_plugin::MODULE]);
            let border: &mut Border = vm.modules.state();
            border.origin = origin;
            for (name, channel) in named {
                border.ports.grant(name, channel);
            }
            let compiler = vm.find_class("Compiler").expect("a compiler");
            let selector = vm.find_selector(compiler, "evaluate:").expect("evaluate:");
            let source = vm.string_object(code.as_bytes()).expect("memory");
            vm.start(compiler, selector, &[source], 40).expect("a start");
            run_root(vm)
        };
        let when = [When::Off, When::On, When::Always][numbers.below(3) as usize];
        let jit = JitOptions { when, ..JitOptions::default() };
        let settings = Settings { jit, jit_after: Duration::from_millis(5), ..Settings::default() };
        self.spawner.spawn_with(&self.template, work, settings).expect("an isolate")
    }

    /// Run `count` isolates, each killed after a random time. Answers how many messages came.
    fn run(&self, count: u64, first: u64) -> usize {
        let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15 ^ first);
        let report = self.report.clone();
        let reader = std::thread::spawn(move || read(&report));
        let mut living: Vec<(Instant, Isolate)> = Vec::new();
        for id in 0..count {
            while living.len() >= AT_ONCE {
                let next = living.iter().map(|(end, _)| *end).min().unwrap_or_else(Instant::now);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
                living.retain(|(end, isolate)| Instant::now() < *end || kill(isolate));
            }
            let life = Duration::from_micros(numbers.below(LONGEST_LIFE * 1000));
            living.push((Instant::now() + life, self.start(first + id, &mut numbers)));
        }
        living.retain(|(_, isolate)| kill(isolate));
        // What is in the channels still is as good as what was received.
        for channel in &self.channels {
            while let Ok(message) = channel.try_receive() {
                self.report.send(message, None).expect("open");
            }
        }
        self.report.send(Message::from(Sent::Nil), None).expect("open");
        reader.join().expect("no message is wrong")
    }
}

/// Answers false: it lives no more.
fn kill(isolate: &Isolate) -> bool {
    isolate.kill();
    let outcome = isolate.wait_for(patience::patience()).expect("an end in time");
    assert_eq!(outcome.reason, ExitReason::Killed);
    false
}

/// Check each message until the last one. Answers how many there were.
fn read(report: &Channel<Message>) -> usize {
    let mut seen = HashSet::new();
    loop {
        let deadline = Instant::now() + patience::patience();
        let message = report.receive(Some(deadline)).expect("a message in time");
        let fields = match Sent::try_from(&message).expect("a value") {
            Sent::Nil => return seen.len(),
            Sent::Array(fields) => fields,
            other => panic!("torn: {other:?}"),
        };
        let [
            Sent::Integer(id),
            Sent::Integer(sequence),
            all,
            Sent::Integer(sum),
            Sent::String(text),
        ] = fields.as_slice()
        else {
            panic!("torn: {fields:?}")
        };
        let numbers: Vec<i64> = match all {
            Sent::Bytes(bytes) if sequence % 2 == 0 => {
                bytes.iter().map(|&byte| byte.into()).collect()
            }
            Sent::Array(all) if sequence % 2 == 1 => all.iter().map(integer).collect(),
            other => panic!("torn: {other:?}"),
        };
        let sum_here = numbers.iter().fold(17, |so, each| (so * 31 + each) & 0xFF_FFFF);
        assert_eq!(
            (sum_here, text.as_slice()),
            (*sum, vec![b'x'; numbers.len()].as_slice()),
            "torn"
        );
        assert!(seen.insert((*id, *sequence)), "message {sequence} of {id} came twice");
    }
}

fn integer(value: &Sent) -> i64 {
    match value {
        Sent::Integer(value) => *value,
        other => panic!("torn: {other:?}"),
    }
}

#[test]
fn killed_while_they_exchange_messages() {
    let Some(image) = place::image_with_package() else { return };
    let world = World {
        spawner: Spawner::new(),
        template: Template::open(image).expect("a template"),
        channels: (0..CHANNELS).map(|_| Channel::bounded(8)).collect(),
        report: Channel::bounded(64),
        origin: Origin::new(),
    };
    world.run(2 * AT_ONCE as u64, 1_000_000);
    let before = Counted::now();
    let (count, start) = (if is_full() { 1000 } else { 60 }, Instant::now());
    let messages = world.run(count, 0);
    let after = Counted::now();
    eprintln!(
        "{count} isolates, {messages} messages in {:?}: {before:?}, then {after:?}",
        start.elapsed()
    );
    assert!(messages as u64 > count, "only {messages} messages");
    let megabytes = if is_full() { 2 * MEGABYTES } else { MEGABYTES };
    after.assert_like(&before, megabytes);
    let snapshot = world.spawner.snapshot();
    assert!(snapshot.isolates.is_empty());
    assert_eq!(snapshot.totals.ended, [("killed", count + 2 * AT_ONCE as u64)].into());
    assert!(world.channels.iter().all(Channel::is_empty));
}
