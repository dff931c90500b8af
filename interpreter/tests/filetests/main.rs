//! Filetests: small methods, written as the bytecode listings write them, run on a heap made from
//! nothing. `README.md` beside this file has the form; `BLESS=1` rewrites the expectations.
//!
//! Each runs plainly, on a stack of two pages, and with a scavenge at every safepoint, which must give
//! the same. Every row of both bytecode tables stands in one of them.

mod assemble;
mod made_up;
mod run_made_up;
mod syntax;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rowel_interpreter::crash::Fatal;
use rowel_interpreter::dispatch::{Leave, run};
use run_made_up::run_made_up;
use syntax::{Case, Set};
use world::{Mode, World};

/// The files, in the order of their names.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interpreter/tests/filetests/run");
    let entries = fs::read_dir(folder).expect("the folder of tests");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn read(path: &Path) -> (String, Vec<Case>) {
    let text = fs::read_to_string(path).expect("a test file");
    let cases = syntax::parse(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    (text, cases)
}

/// What `case` answers.
fn outcome(case: &Case, mode: Mode) -> String {
    let mut world = World::new(case, mode).unwrap_or_else(|why| panic!("{}: {why}", case.name));
    match catch_unwind(AssertUnwindSafe(|| run(&mut world.vm))) {
        Ok(Leave::Quit) => match world.vm.check_heap().first() {
            None => world.describe(world.result(), 4),
            Some(problem) => format!("the heap is damaged: {problem}"),
        },
        Ok(_) => "the test did not quit".to_owned(),
        Err(payload) => match payload.downcast::<Fatal>() {
            Ok(fatal) => format!("fatal: {}", fatal.0),
            Err(_) => format!("{}: a panic", case.name),
        },
    }
}

#[test]
fn methods_answer_what_they_should_in_every_mode() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files() {
        let (mut text, cases) = read(&path);
        // From the end, so that the places of earlier ones stay.
        for case in cases.iter().rev() {
            let plain = outcome(case, Mode::Plain);
            let modes = [
                Mode::SmallStack,
                Mode::Stress,
                Mode::Native,
                Mode::NativeEarly,
                Mode::NativeStress,
            ];
            for mode in modes {
                let other = outcome(case, mode);
                if other != plain {
                    wrong.push(format!("{}: {mode:?} gives {other}, not {plain}", case.name));
                }
            }
            if bless {
                text.replace_range(case.expected_at.clone(), &plain);
            } else if plain != case.expected {
                wrong.push(format!("{}: {plain}, not {}", case.name, case.expected));
            }
        }
        if bless {
            fs::write(&path, text).expect("a test file");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_bytecode_of_both_sets_stands_in_a_test() {
    let mut covered = [BTreeSet::new(), BTreeSet::new()];
    for path in files() {
        for case in read(&path).1 {
            let names = &mut covered[usize::from(case.set == Set::V3)];
            names.extend(case.codes.iter().flat_map(|code| code.mnemonics()));
        }
    }
    let tables = [rowel_bytecode::sista_v1::ROWS, rowel_bytecode::v3::ROWS];
    for (rows, covered) in tables.iter().zip(&covered) {
        let missing: Vec<_> =
            rows.iter().map(|row| row.name).filter(|n| !covered.contains(*n)).collect();
        assert!(missing.is_empty(), "no test has {missing:?}");
    }
}

/// `ROWEL_METHODS` is how many, 3,000 if not set; `ROWEL_METHODS_SEED` the number of the first one.
#[test]
fn made_up_methods_leave_the_heap_in_order() {
    let environment = |name| std::env::var(name).ok().and_then(|value: String| value.parse().ok());
    let first: u64 = environment("ROWEL_METHODS_SEED").unwrap_or(0);
    for seed in first..first + environment("ROWEL_METHODS").unwrap_or(3000) {
        let mut state = seed;
        let mut choose = || {
            // SplitMix64.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (mixed >> 56) as u8
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| run_made_up(&mut choose)));
        assert!(outcome.is_ok(), "made-up test {seed}");
    }
}

/// Each primitive that does what it will with the stack, in methods with fewer and more arguments than it
/// takes: what was on the stack before is on top after it.
#[test]
fn primitives_leave_the_stack_as_a_send_does() {
    let mut wrong = Vec::new();
    for number in made_up::stack_primitives() {
        for (receiver, num_args) in made_up::receivers() {
            let case = made_up::sends(number, &receiver, num_args);
            let mut world = World::new(&case, Mode::Plain).expect("a test");
            match catch_unwind(AssertUnwindSafe(|| run(&mut world.vm))) {
                Ok(_) => {
                    let answer = world.describe(world.result(), 1);
                    if answer != "7777" && answer != "nil" {
                        wrong.push(format!("{number} of {receiver:?} with {num_args}: {answer}"));
                    }
                }
                Err(payload) => assert!(payload.is::<Fatal>(), "a panic: {case:#?}"),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
