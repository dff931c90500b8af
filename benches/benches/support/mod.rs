//! Methods written as bytecodes, run again and again with and without native code, on a heap made from nothing.
//!
//! Owns how a file of such methods becomes criterion benchmarks. The form of the file, and the heap, are those of
//! the interpreter's filetests.

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput};
use rowel_interpreter::dispatch::{Leave, run};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::syntax::{Case, Value, parse};
use crate::world::{Mode, World};

/// Slots of a class, and where the selectors begin in a method dictionary.
const SUPERCLASS: usize = 0;
const METHOD_DICTIONARY: usize = 1;
const VALUES: usize = 1;
const FIRST_SELECTOR: usize = 2;

/// A receiver that is less is not how often the method goes round, but how deep.
const FEWEST_ROUNDS: i64 = 1000;
/// Runs of a method before it is looked at, so that it is compiled.
const EARLY_RUNS: usize = 20;

/// A method that can be run.
struct Subject {
    world: World,
    receiver: Oop,
}

impl Subject {
    fn new(case: &Case, mode: Mode) -> Subject {
        let world = World::new(case, mode).unwrap_or_else(|why| panic!("{}: {why}", case.name));
        let receiver = Oop::small_integer(rounds(case));
        Subject { world, receiver }
    }

    /// Run the method once and answer its result.
    fn run(&mut self) -> Oop {
        let vm = &mut self.world.vm;
        let main = find_main(vm);
        let code = vm.code_for(main);
        vm.enter(code, self.receiver, &[]);
        match run(vm) {
            Leave::Finished(result) => result,
            _ => panic!("the method left the VM"),
        }
    }
}

/// The method `main`, which is in the class Object. It moves when there is a scavenge.
fn find_main(vm: &Vm) -> Oop {
    let heap = &vm.heap;
    let object = heap.fetch(heap.class_of(heap.nil()), SUPERCLASS);
    let dictionary = heap.fetch(object, METHOD_DICTIONARY);
    let count = heap.slot_count(dictionary) as usize - FIRST_SELECTOR;
    let is_main = |&index: &usize| {
        let selector = heap.fetch(dictionary, FIRST_SELECTOR + index);
        selector != heap.nil() && heap.bytes(selector) == b"main"
    };
    let index = (0..count).find(is_main).expect("a method main");
    heap.fetch(heap.fetch(dictionary, VALUES), index)
}

/// How often the method goes round.
fn rounds(case: &Case) -> i64 {
    match case.receiver {
        Value::Integer(rounds) => rounds,
        _ => panic!("{}: the receiver says how often it goes round", case.name),
    }
}

/// Measure each method in `path` in the interpreter and as native code. Names are `group/operation`.
pub fn measure(criterion: &mut Criterion, path: &Path) {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let cases = parse(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    for case in &cases {
        let mut group = criterion.benchmark_group(&case.name);
        if rounds(case) >= FEWEST_ROUNDS {
            group.throughput(Throughput::Elements(rounds(case).unsigned_abs()));
        }
        for (name, mode) in [("interpreter", Mode::Plain), ("native", Mode::Native)] {
            let mut subject = Subject::new(case, mode);
            for _ in 0..EARLY_RUNS {
                let result = subject.run();
                let result = subject.world.describe(result, 4);
                assert_eq!(result, case.expected, "{}, {name}", case.name);
            }
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| subject.run());
            });
        }
        group.finish();
    }
}
