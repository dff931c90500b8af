//! The tiers agree: random valid programs are run by the interpreter and by compiled code, and after each call
//! the graphs of objects that can be reached must be the same.
//!
//! `ROWEL_PROGRAMS` is how many, `ROWEL_SEED` the number of the first one, `ROWEL_JOBS` how many processes
//! run them, and `ROWEL_PATIENCE` the seconds after which a program is taken for one that does not end; with
//! `ROWEL_VERBOSE` the number of each is written before it runs. A program on which they disagree
//! is made smaller and printed.
//!
//! | concept | where |
//! |---|---|
//! | what a program is | `syntax`, and how it is written `listing` |
//! | how one is made up | `generate`, `choices` |
//! | the methods that all have | `kernel` |
//! | to bytecodes | `emit`, `assembler` |
//! | the heap that it runs in | `world` |
//! | running and comparing | `run`, `graph` |
//! | making it smaller | `shrink`, `children` |

mod assembler;
mod children;
mod choices;
mod emit;
mod generate;
mod graph;
mod kernel;
mod listing;
mod run;
mod shrink;
mod syntax;
mod world;

use std::collections::BTreeSet;
use std::io::{Seek, Write};
use std::path::Path;

use children::{Failed, Job, PROGRESS, REDUCTIONS};
use choices::Choices;
use emit::{Compiled, Constant};
use rowel_bytecode::{Bytecode, BytecodeSet, walk};
use run::{Tier, Way, disagreement};
use syntax::{Program, Set};

/// Programs in a usual run.
const USUALLY: u64 = if cfg!(emulated) { 300 } else { 4000 };
/// Disagreements after which a process runs no more programs.
const ENOUGH: usize = 3;
/// The test below.
const NAME: &str = "compiled_code_does_what_the_interpreter_does";

/// How the program with this number is run beside the interpreter alone.
fn way(seed: u64) -> Way {
    let mut choices = Choices::new(!seed);
    let first = choices.between(2, 13);
    let second = choices.between(first + 1, 40);
    let before = Tier::Before([first, second]);
    let (stress, small_stack) = choices.weighted(&[
        (6, (false, false)),
        (2, (true, false)),
        (1, (false, true)),
        (1, (true, true)),
    ]);
    let tiers = [(4, before), (4, Tier::AtOnce), (8, Tier::Early), (1, Tier::Interpreter)];
    let tier = choices.weighted(&tiers);
    Way { tier, stress, small_stack, cold_kernel: !choices.one_in(8) }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Write what is wrong with a program.
fn report(program: &Program, why: &str) {
    let seed = program.seed;
    eprintln!("ROWEL_SEED={seed}, {:?}\n{program}{why}\n", way(seed));
}

#[test]
fn compiled_code_does_what_the_interpreter_does() {
    let first = number("ROWEL_SEED");
    let count = number("ROWEL_PROGRAMS").unwrap_or(if first.is_some() { 1 } else { USUALLY });
    let first = first.unwrap_or(0);
    match std::env::var(PROGRESS) {
        Ok(progress) => run_programs(first, count, Path::new(&progress)),
        Err(_) => run_children(first, count),
    }
}

/// What a child does.
fn run_programs(first: u64, count: u64, progress: &Path) {
    let mut progress = std::fs::File::create(progress).expect("a file");
    let is_verbose = std::env::var_os("ROWEL_VERBOSE").is_some();
    let reductions = std::env::var(REDUCTIONS).ok();
    let mut wrong = 0;
    for seed in first..first + count {
        progress.rewind().and_then(|()| progress.write_all(&seed.to_le_bytes())).expect("a file");
        if is_verbose {
            eprintln!("ROWEL_SEED={seed}");
        }
        let program = generate::program(seed);
        if let Some(reductions) = &reductions {
            let numbers: Vec<usize> = reductions.split(',').flat_map(str::parse).collect();
            let program = shrink::follow(program, &numbers);
            assert_eq!(disagreement(&program, way(seed)), None);
        } else if let Some(difference) = disagreement(&program, way(seed)) {
            report_smaller(&program, difference);
            wrong += 1;
            if wrong == ENOUGH {
                break;
            }
        }
    }
    assert_eq!(wrong, 0, "compiled code and interpreter disagree");
}

/// Make a program smaller on which they disagree, and report it.
fn report_smaller(program: &Program, difference: String) {
    let way = way(program.seed);
    let is_bad = |smaller: &Program, _: &[usize]| disagreement(smaller, way).is_some();
    let reductions = shrink::shrink(program, is_bad);
    let smaller = shrink::follow(program.clone(), &reductions);
    report(&smaller, &disagreement(&smaller, way).unwrap_or(difference));
}

/// Have children run the programs, and look at what happens to them.
fn run_children(first: u64, count: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let processors = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let jobs = number("ROWEL_JOBS").unwrap_or(processors).clamp(1, count.max(1));
    let share = count.div_ceil(jobs);
    let starts = (0..jobs).map(|job| first + (job * share).min(count));
    let ends = |start: u64| (start + share).min(first + count);
    let all: Vec<Job> =
        starts.map(|start| Job::start(folder.path(), start, ends(start) - start, None)).collect();
    let mut failed = 0;
    for job in all {
        match job.wait() {
            Ok(()) => continue,
            Err(Failed::Reported) => {}
            Err(Failed::Died(seed, how)) => report_deadly(folder.path(), seed, &how),
        }
        failed += 1;
    }
    assert_eq!(failed, 0, "compiled code and interpreter disagree");
}

/// Make a program smaller that takes its process down, and report it.
fn report_deadly(folder: &Path, seed: u64, how: &str) {
    let program = generate::program(seed);
    report(&program, how);
    let is_bad = |_: &Program, reductions: &[usize]| {
        matches!(Job::start(folder, seed, 1, Some(reductions)).wait(), Err(Failed::Died(..)))
    };
    let reductions = shrink::shrink(&program, is_bad);
    report(&shrink::follow(program, &reductions), how);
}

/// What is made up runs, mostly to the end, and answers objects of many classes.
#[test]
fn programs_do_something() {
    const PROGRAMS: usize = 200;
    let (mut encoded, mut complete, mut activations, mut calls) = (0, 0, 0, 0);
    let mut classes = BTreeSet::new();
    for seed in 0..PROGRAMS as u64 {
        let program = generate::program(seed);
        let outcome = run::outcome(&program, Way::PLAIN, |_, _, world| {
            calls += 1;
            activations += run::FUEL - world.get("Fuel").integer_value();
            classes.insert(world.vm.heap.class_index(world.get("Result")).0);
        });
        let Some(outcome) = outcome else { continue };
        assert_eq!(outcome.end, None, "program {seed}");
        encoded += 1;
        complete += usize::from(outcome.digests.len() == program.inputs.len());
    }
    assert!(encoded * 10 > PROGRAMS * 9, "{encoded} can be encoded");
    assert!(complete * 10 > PROGRAMS * 7, "{complete} come to their end");
    assert!(activations > 2 * calls, "{activations} activations in {calls} calls");
    assert!(classes.len() > 15, "results of {} classes", classes.len());
}

/// The bytecodes that stand in `code`, by name.
fn mnemonics(code: &Compiled, names: &mut BTreeSet<(bool, &'static str)>) {
    let set = match code.set {
        Set::SistaV1 => BytecodeSet::SistaV1,
        Set::V3 => BytecodeSet::V3PlusClosures,
    };
    for step in walk(&code.bytes, set) {
        names.insert(match step.expect("a bytecode").bytecode {
            Bytecode::SistaV1(bytecode) => (true, bytecode.mnemonic()),
            Bytecode::V3(bytecode) => (false, bytecode.mnemonic()),
        });
    }
    for constant in &code.literals {
        if let Constant::Block(block) = constant {
            mnemonics(block, names);
        }
    }
}

/// No compiler makes these.
const UNUSED: &[&str] = &["trap", "call_mapped_inlined_primitive", "nop"];

#[test]
fn programs_have_every_bytecode() {
    let mut found = BTreeSet::new();
    for seed in 0..400 {
        let program = generate::program(seed);
        let methods = kernel::methods(program.kernel).into_iter().chain(program.methods);
        methods.flat_map(|method| emit::compile(&method)).for_each(|code| {
            mnemonics(&code, &mut found);
        });
    }
    let sista = rowel_bytecode::sista_v1::ROWS.iter().map(|row| (true, row.name));
    let v3 = rowel_bytecode::v3::ROWS.iter().map(|row| (false, row.name));
    let missing: Vec<_> =
        sista.chain(v3).filter(|row| !UNUSED.contains(&row.1) && !found.contains(row)).collect();
    assert_eq!(missing, [], "true for SistaV1");
}
