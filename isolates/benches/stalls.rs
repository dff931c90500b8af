//! Whether an isolate notices that its neighbour collects garbage: the longest stalls of a busy isolate while a
//! neighbour runs full collections back to back, against those beside one that only computes, and alone.
//!
//! `cargo bench -p rowel-isolates --bench stalls`; needs an image. The forms take turns. A stall
//! is the time between two looks at the clock with a little work between them. On a machine that others use,
//! stalls are theirs mostly: how long the thread was ready to run and did not is given beside them.

use std::time::Duration;

use rowel_interpreter::vm::Vm;
use rowel_isolates::{Entry, Isolate, Outcome, Settings, Spawner, Template, Value};
use rowel_objmem::ChildSizes;

#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;
mod support;

const ROUNDS: usize = 9;
const MEASURED: Duration = Duration::from_millis(1000);
/// Time for the neighbours to begin.
const BEGIN: Duration = Duration::from_millis(400);

/// Answers the longest stall, how many took more than a millisecond, and how often the clock was looked at.
const BUSY: &str = "
| last now longest long looks until |
longest := long := looks := 0.
last := Time primLocalMicrosecondClock. until := last + %MEASURED%.
[ (now := Time primLocalMicrosecondClock) < until ] whileTrue: [
    now - last > longest ifTrue: [ longest := now - last ].
    now - last > 1000 ifTrue: [ long := long + 1 ].
    last := now. looks := looks + 1.
    10 timesRepeat: [ Array new: 10 ]].
{ longest. long. looks }";

const COMPUTES: &str = "[ true ] whileTrue: [ 20 benchFib ]";
/// Marks, sweeps and compacts 50 MB of small objects again and again.
const COLLECTS: &str = "
| all | all := (1 to: 500000) collect: [ :i | Array with: i with: i printString ].
[ true ] whileTrue: [
    1 to: all size by: 7 do: [ :i | all at: i put: (Array with: i with: i printString) ].
    Smalltalk primitiveGarbageCollect ]";

/// What one run has seen.
struct Seen {
    longest: f64,
    long: f64,
    queued: f64,
    collections: f64,
}

/// How long this thread was ready to run and did not, in microseconds.
fn queued() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let words = text.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok());
    words.unwrap_or(f64::NAN) / 1e3
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
    let work = |vm: &mut Vm| {
        let before = queued();
        let code = BUSY.replace("%MEASURED%", &MEASURED.as_micros().to_string());
        let Value::Array(mut seen) = support::evaluate(vm, &code) else { panic!("no answer") };
        seen.push(Value::Float(queued() - before));
        Outcome::normal(Value::Array(seen))
    };
    let busy = spawner.spawn_with(template, work, large()).expect("an isolate");
    let Value::Array(seen) = busy.wait().value else { panic!("no answer") };
    let collections = (collections(&others) - before) as f64;
    spawner.end_all();
    match seen.as_slice() {
        [Value::Integer(longest), Value::Integer(long), _, Value::Float(queued)] => {
            Seen { longest: *longest as f64, long: *long as f64, queued: *queued, collections }
        }
        other => panic!("{other:?}"),
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
        "{:<26}{:>16}{:>16}{:>16}{:>16}{:>18}",
        "", "longest, median", "least", "over 1 ms", "not scheduled", "full collections"
    );
    for ((name, _), seen) in forms.iter().zip(&all) {
        let of = |figure: fn(&Seen) -> f64| support::median(seen.iter().map(figure).collect());
        let least = seen.iter().map(|one| one.longest).fold(f64::INFINITY, f64::min);
        println!(
            "{name:<26}{:>13.0} µs{:>13.0} µs{:>16}{:>13.1} ms{:>18}",
            of(|one| one.longest),
            least,
            of(|one| one.long),
            of(|one| one.queued) / 1e3,
            of(|one| one.collections),
        );
    }
    println!("load {}", support::load());
}
