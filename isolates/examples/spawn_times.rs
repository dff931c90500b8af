//! How long it takes to start isolates, and what they cost: `spawn_times IMAGE [COUNT]`.
//!
//! Prints medians of the time from the spawn to the isolate's first answer, for a template, for one that
//! the parent is forked from, and what many idle isolates take.

use std::error::Error;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rowel_interpreter::start::Ended;
use rowel_interpreter::vm::Vm;
use rowel_isolates::{Entry, Outcome, Settings, Spawner, Template, Value};
use rowel_objmem::ChildSizes;
use rowel_objmem::layout::special;

const ROUNDS: usize = 201;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which image?")?;
    let count = arguments.next().map_or(Ok(1000), |count| count.parse())?;
    let start = Instant::now();
    let template = Template::open(Path::new(&path))?;
    println!("template: {:?}, {} MB", start.elapsed(), template.bytes() >> 20);
    let spawner = Spawner::new();
    from_template(&spawner, &template)?;
    forks(&spawner, &template)?;
    for round in 0..3 {
        println!("-- round {round}");
        many(&spawner, &template, count)?;
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// From the spawn to the first message that the isolate sends.
fn from_template(spawner: &Spawner, template: &Template) -> Result<(), Box<dyn Error>> {
    let (mut first, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (sender, receiver) = channel();
        let start = Instant::now();
        let its_template = template.clone();
        let work = move |vm: &mut Vm| {
            let entry = Entry::object(Value::Integer(1), "benchFib");
            let outcome = its_template.run(vm, &entry);
            // Nobody minds should the other end be gone.
            let _ = sender.send(start.elapsed());
            outcome
        };
        let isolate = spawner.spawn_with(template, work, Settings::default())?;
        first.push(receiver.recv()?);
        let outcome = isolate.wait();
        ended.push(start.elapsed());
        assert_eq!(outcome.value()?, Value::Integer(1));
    }
    println!("from a template to its first answer: {:?}", median(first));
    println!("from a template to its end: {:?}", median(ended));
    Ok(())
}

/// Forks of a VM that has 5 MB of its own.
fn forks(spawner: &Spawner, template: &Template) -> Result<(), Box<dyn Error>> {
    let work = |vm: &mut Vm| {
        let mut all = Vec::new();
        for _ in 0..5000 {
            all.push(vm.byte_array_object(&[1; 1000]).expect("memory"));
        }
        let all = vm.array_object(&all).expect("memory");
        let special = vm.heap.special_objects();
        let last = vm.heap.slot_count(special) as usize - 1;
        vm.heap.set_special(last, all);
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            vm.fork_heap(&ChildSizes::default()).expect("a fork");
            times.push(start.elapsed());
        }
        println!("fork of 5 MB: {:?}", median(times));
        Outcome::normal(Value::Nil)
    };
    spawner.spawn_with(template, work, Settings::default())?.wait();
    Ok(())
}

/// A figure of the process, in kilobytes.
fn kilobytes(of: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(of));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Wait for a new Semaphore.
fn wait(vm: &mut Vm) -> Outcome {
    let class = vm.heap.special(special::CLASS_SEMAPHORE);
    let new = vm.find_selector(class, "new").expect("new");
    vm.start(class, new, &[], 40).expect("a start");
    let Ended::Returned(semaphore) = vm.run_root() else { panic!("no Semaphore") };
    let wait = vm.find_selector(semaphore, "wait").expect("wait");
    vm.start(semaphore, wait, &[], 40).expect("a start");
    rowel_isolates::run_root(vm)
}

/// Many isolates that wait.
fn many(spawner: &Spawner, template: &Template, count: u64) -> Result<(), Box<dyn Error>> {
    let before = kilobytes("Pss:");
    let start = Instant::now();
    for _ in 0..count {
        spawner.spawn_with(template, wait, Settings::default())?;
    }
    println!("{count} isolates started: {:?}", start.elapsed());
    std::thread::sleep(Duration::from_millis(1000 + 2 * count));
    let pss = kilobytes("Pss:") - before;
    println!("one idle isolate: {} kB; all: {} MB", pss / count, pss >> 10);
    let maps = std::fs::read_to_string("/proc/self/maps")?.lines().count();
    let files = std::fs::read_dir("/proc/self/fd")?.count();
    println!("{maps} maps, {files} descriptors");
    let start = Instant::now();
    spawner.end_all();
    println!("all ended: {:?}", start.elapsed());
    std::thread::sleep(Duration::from_millis(200));
    println!("left: {} kB", kilobytes("Pss:") as i64 - before as i64);
    Ok(())
}
