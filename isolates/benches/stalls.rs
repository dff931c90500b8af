//! Whether an isolate notices that its neighbour collects garbage: the longest stalls of a busy isolate while a
//! neighbour runs full collections back to back, against those beside one that only computes, and alone.
//!
//! `cargo bench -p rowel-isolates --bench stalls`; needs an image. The forms take turns. A stall
//! is the time between two looks at the clock with a little work between them. On a machine that others use, most of
//! that is waiting for a processor, so how long the thread was ready to run and did not is taken off each stall:
//! what is left is what the isolate did or was made to wait for, its own scavenges included.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_isolates::{Entry, Isolate, Outcome, Settings, Spawner, Template, Value};
use rowel_objmem::ChildSizes;

#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;
mod support;

const ROUNDS: usize = 9;
const MEASURED: Duration = Duration::from_millis(1500);
/// Time for the neighbours to begin.
const BEGIN: Duration = Duration::from_millis(400);
/// Stalls that are counted.
const LONG: Duration = Duration::from_millis(1);

/// Looks at the clock until the time is over.
const BUSY: &str = "
Object compileSilently: 'look <primitive: ''primitiveLook'' module: ''Stalls''> ^ self error: ''no clock'''
    classified: 'stalls'.
[ nil perform: #look ] whileTrue: [ 10 timesRepeat: [ Array new: 10 ]]";

const COMPUTES: &str = "[ true ] whileTrue: [ 20 benchFib ]";
/// Marks, sweeps and compacts 50 MB of small objects again and again.
const COLLECTS: &str = "
| all | all := (1 to: 500000) collect: [ :i | Array with: i with: i printString ].
[ true ] whileTrue: [
    1 to: all size by: 7 do: [ :i | all at: i put: (Array with: i with: i printString) ].
    Smalltalk primitiveGarbageCollect ]";

const MODULE: Module =
    Module { name: "Stalls", rows: &[("primitiveLook", Primitive::Value(look))] };

/// What the busy isolate's primitive keeps.
#[derive(Debug, Default)]
struct Clock {
    schedule: Option<File>,
    begun: Option<Instant>,
    last: Option<(Instant, Duration)>,
    all: Stalls,
    own: Stalls,
    queued: Duration,
}

/// The stalls of one kind.
#[derive(Debug, Default)]
struct Stalls {
    longest: Duration,
    long: u32,
}

impl Stalls {
    fn add(&mut self, stall: Duration) {
        self.longest = self.longest.max(stall);
        self.long += u32::from(stall > LONG);
    }
}

impl Clock {
    /// The time, and for how long this thread has been ready to run and did not, as of the same moment.
    fn now(&mut self) -> (Instant, Duration) {
        let open = || File::open("/proc/thread-self/schedstat").expect("figures of the scheduler");
        let file = self.schedule.get_or_insert_with(open);
        let mut before = queued(file);
        loop {
            let now = Instant::now();
            let after = queued(file);
            if before == after {
                return (now, after);
            }
            before = after;
        }
    }
}

/// How long the thread of this `schedstat` was ready to run and did not.
fn queued(file: &File) -> Duration {
    let mut text = [0; 128];
    let length = file.read_at(&mut text, 0).expect("figures of the scheduler");
    let text = String::from_utf8_lossy(&text[..length]);
    let waited = text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Duration::from_nanos(waited.expect("a time"))
}

/// Answers whether there is time left.
fn look(vm: &mut Vm) -> PrimitiveResult {
    let clock: &mut Clock = vm.modules.state();
    let (now, queued) = clock.now();
    let begun = *clock.begun.get_or_insert(now);
    if let Some((last, queued_then)) = clock.last.replace((now, queued)) {
        let (stall, queued) = (now - last, queued - queued_then);
        clock.all.add(stall);
        clock.own.add(stall.saturating_sub(queued));
        clock.queued += queued;
    }
    Ok(vm.heap.boolean(now - begun < MEASURED))
}

/// What one run has seen; times in microseconds.
struct Seen {
    longest: f64,
    own: f64,
    own_long: f64,
    queued: f64,
    collections: f64,
}

fn large() -> Settings {
    let memory = ChildSizes { eden_bytes: 4 << 20, ..ChildSizes::default() };
    Settings { memory, ..Settings::default() }
}

fn run(template: &Template, neighbours: &[&str]) -> Seen {
    let spawner = Spawner::new();
    let start = |code: &&str| -> Isolate {
        spawner.spawn(template, Entry::source(*code), large()).expect("an isolate")
    };
    let others: Vec<Isolate> = neighbours.iter().map(start).collect();
    // Until its objects are there.
    while others.iter().any(|one| neighbours[0] == COLLECTS && one.info().full_collections == 0) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(BEGIN);
    let collections =
        |others: &[Isolate]| -> u64 { others.iter().map(|one| one.info().full_collections).sum() };
    let before = collections(&others);
    let (sender, receiver) = channel();
    let work = move |vm: &mut Vm| {
        vm.modules.add(&[MODULE]);
        support::evaluate(vm, BUSY);
        let clock: &mut Clock = vm.modules.state();
        sender.send(std::mem::take(clock)).expect("a listener");
        Outcome::normal(Value::Nil)
    };
    spawner.spawn_with(template, work, large()).expect("an isolate");
    let clock = receiver.recv().expect("figures");
    let collections = (collections(&others) - before) as f64;
    spawner.end_all();
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
    Seen {
        longest: microseconds(clock.all.longest),
        own: microseconds(clock.own.longest),
        own_long: f64::from(clock.own.long),
        queued: microseconds(clock.queued),
        collections,
    }
}

fn main() {
    let Some(image) = real_image::real_image() else {
        return println!("stalls: there is no image");
    };
    let template = Template::open(image).expect("a template");
    println!("load {}", support::load());
    let forms: [(&str, &[&str]); 3] = [
        ("alone", &[]),
        ("beside one that computes", &[COMPUTES]),
        ("beside one that collects", &[COLLECTS]),
    ];
    let mut all: [Vec<Seen>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (seen, (_, neighbours)) in all.iter_mut().zip(&forms) {
            seen.push(run(&template, neighbours));
        }
    }
    println!(
        "{:<26}{:>14}{:>14}{:>14}{:>12}{:>16}{:>18}",
        "longest stall, medians",
        "own",
        "least",
        "with waiting",
        "over 1 ms",
        "not scheduled",
        "full collections"
    );
    for ((name, _), seen) in forms.iter().zip(&all) {
        let of = |figure: fn(&Seen) -> f64| support::median(seen.iter().map(figure).collect());
        let least = seen.iter().map(|one| one.own).fold(f64::INFINITY, f64::min);
        println!(
            "{name:<26}{:>11.0} µs{least:>11.0} µs{:>11.0} µs{:>12}{:>13.1} ms{:>18}",
            of(|one| one.own),
            of(|one| one.longest),
            of(|one| one.own_long),
            of(|one| one.queued) / 1e3,
            of(|one| one.collections),
        );
    }
    println!("load {}", support::load());
}
