//! How much more is done by several isolates at once: the macro benchmarks with native code in 1, 2, 4 and 8
//! isolates of one process, and, for what the machine can give, in two processes with one isolate each.
//!
//! `cargo bench -p rowel-isolates --bench scaling -- [NAME …]`; needs a Cuis image. Each figure
//! is the median of some rounds, in which the forms take turns. Throughput is the sum of what the isolates do in
//! the same seconds; a wrong answer ends it all.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use rowel_benches::suite::{self, Benchmark};
use rowel_interpreter::vm::Vm;
use rowel_isolates::{Isolate, Outcome, Settings, Spawner, Template, Value};
use rowel_jit::{JitOptions, When};
use rowel_objmem::ChildSizes;

#[path = "support/macros.rs"]
mod macros;
#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;
mod support;

/// How many isolates.
const COUNTS: [usize; 4] = [1, 2, 4, 8];
const ROUNDS: usize = 3;
/// Until native code is as it will be.
const WARM_UP: Duration = Duration::from_millis(1500);
/// What is measured.
const MEASURED: Duration = Duration::from_millis(2500);
/// Benchmarks where none are named.
const USUAL: [&str; 6] = ["richards", "deltablue", "json", "havlak", "raytracer", "queens"];
/// The first argument of a process that measures for another one.
const FOR_ANOTHER: &str = "--for-another";

/// Runs until the time is over; answers how many runs a second, or what is wrong.
const RUN: &str = "
| instance until start count answer |
instance := %CLASS% new.
(instance respondsTo: #setUp) ifTrue: [ instance setUp ].
until := Time primLocalMicrosecondClock + %WARM%.
[ Time primLocalMicrosecondClock < until ] whileTrue: [ instance %SELECTOR% ].
start := Time primLocalMicrosecondClock.
until := start + %MEASURED%. count := 0.
[ Time primLocalMicrosecondClock < until ] whileTrue: [ answer := instance %SELECTOR%. count := count + 1 ].
until := Time primLocalMicrosecondClock.
('%EXPECTED%' = '?' or: [ answer printString = '%EXPECTED%' ])
    ifTrue: [ count * 1000000.0 / (until - start) ]
    ifFalse: [ answer printString ]";

fn code(benchmark: &Benchmark) -> String {
    let [class, selector, expected] = macros::entry(benchmark);
    let code = RUN.replace("%CLASS%", &class).replace("%SELECTOR%", &selector);
    let code = code.replace("%EXPECTED%", &expected);
    let code = code.replace("%WARM%", &WARM_UP.as_micros().to_string());
    code.replace("%MEASURED%", &MEASURED.as_micros().to_string())
}

/// Runs a second of `count` isolates together.
fn isolates(template: &Template, benchmark: &Benchmark, count: usize) -> f64 {
    let spawner = Spawner::new();
    let barrier = Arc::new(Barrier::new(count));
    let start = |_| -> Isolate {
        let (code, barrier) = (code(benchmark), Arc::clone(&barrier));
        let work = move |vm: &mut Vm| {
            barrier.wait();
            Outcome::normal(support::evaluate(vm, &code))
        };
        // As a process of `rowel` has.
        let memory = ChildSizes { eden_bytes: 8 << 20, ..ChildSizes::default() };
        let jit = JitOptions { when: When::On, ..JitOptions::default() };
        let settings = Settings { memory, jit, jit_after: Duration::ZERO, ..Settings::default() };
        spawner.spawn_with(template, work, settings).expect("an isolate")
    };
    let all: Vec<Isolate> = (0..count).map(start).collect();
    let each = all.iter().map(|isolate| match isolate.wait().value() {
        Ok(Value::Float(rate)) => rate,
        other => panic!("{benchmark}: {other:?}"),
    });
    each.sum()
}

/// Another process that waits until it is told to begin.
fn another(benchmark: &Benchmark) -> Child {
    let this = std::env::current_exe().expect("this executable");
    let mut command = Command::new(this);
    command.args([FOR_ANOTHER, &benchmark.name]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("a process")
}

/// Runs a second of two processes together.
fn processes(benchmark: &Benchmark) -> f64 {
    let mut both = [another(benchmark), another(benchmark)];
    let mut readers = both.each_mut().map(|child| {
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("ready");
        reader
    });
    for child in &mut both {
        child.stdin.take().expect("a pipe").write_all(b"go\n").expect("told");
    }
    let rates = readers.each_mut().map(|reader| {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a rate");
        line.trim().parse::<f64>().expect("a rate")
    });
    both.each_mut().iter_mut().for_each(|child| drop(child.wait()));
    rates.iter().sum()
}

/// Be one of those processes.
fn measure_for_another(image: &Path, benchmark: &Benchmark) {
    let template = macros::template(image, std::slice::from_ref(benchmark));
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).expect("a word");
    println!("{}", isolates(&template, benchmark, 1));
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some(image) = real_image::real_image() else {
        return println!("scaling: there is no image");
    };
    if let [first, name] = words.as_slice()
        && first == FOR_ANOTHER
    {
        let named = suite::select(std::slice::from_ref(name)).expect("a benchmark");
        return measure_for_another(image, &named[0]);
    }
    let words = if words.is_empty() { USUAL.map(str::to_owned).to_vec() } else { words };
    let benchmarks = suite::select(&words).expect("benchmarks");
    let template = macros::template(image, &benchmarks);
    println!(
        "{} processors; load {}",
        std::thread::available_parallelism().map_or(0, usize::from),
        support::load()
    );
    println!("{:<14}{:>10}{:>22}{:>22}{:>22}{:>22}", "", "1: runs/s", "2", "4", "8", "2 processes");
    let mut ratios: [Vec<f64>; 4] = Default::default();
    for benchmark in &benchmarks {
        let mut rates: [Vec<f64>; 5] = Default::default();
        for _ in 0..ROUNDS {
            for (place, count) in COUNTS.iter().enumerate() {
                rates[place].push(isolates(&template, benchmark, *count));
            }
            rates[4].push(processes(benchmark));
        }
        let rates = rates.map(support::median);
        let shown: Vec<String> = (1..5)
            .map(|place| format!("{:>14.2}/s ×{:.2}", rates[place], rates[place] / rates[0]))
            .collect();
        for (place, all) in ratios.iter_mut().enumerate() {
            all.push(rates[place + 1] / rates[0]);
        }
        println!("{:<14}{:>10.2}  {}", benchmark.name, rates[0], shown.join("  "));
    }
    let means = ratios.map(|all| {
        let sum: f64 = all.iter().map(|ratio| ratio.ln()).sum();
        (sum / all.len() as f64).exp()
    });
    let [two, four, eight, processes] = means;
    println!(
        "geometric means: 2: ×{two:.2}, 4: ×{four:.2}, 8: ×{eight:.2}, 2 processes: ×{processes:.2}; 2 isolates against 2 processes: {:.2}",
        two / processes
    );
    println!("load {}", support::load());
}
