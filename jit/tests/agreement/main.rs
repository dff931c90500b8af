//! The tiers agree: random valid programs are run by the interpreter and by compiled code, and after each call
//! the graphs of objects that can be reached must be the same.
//!
//! `ROWEL_PROGRAMS` is how many, `ROWEL_SEED` the number of the first one; with `ROWEL_VERBOSE` the number of
//! each is written before it runs. A program on which they disagree is made smaller and printed.
//!
//! | concept | where |
//! |---|---|
//! | what a program is | `syntax`, and how it is written `listing` |
//! | how one is made up | `generate`, `choices` |
//! | the methods that all have | `kernel` |
//! | to bytecodes | `emit`, `assembler` |
//! | the heap that it runs in | `world` |
//! | running and comparing | `run`, `graph` |
//! | making it smaller | `shrink` |

mod assembler;
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

use choices::Choices;
use run::{Tier, Way, disagreement};

/// Programs in a usual run.
const USUALLY: u64 = 2000;
/// Disagreements after which no more programs are run.
const ENOUGH: usize = 3;

/// How the program with this number is run beside the interpreter alone.
fn way(seed: u64) -> Way {
    let mut choices = Choices::new(!seed);
    let first = choices.between(2, 13);
    let before = Tier::Before([first, choices.between(first + 1, 20)]);
    let (stress, small_stack) = choices.weighted(&[
        (6, (false, false)),
        (2, (true, false)),
        (1, (false, true)),
        (1, (true, true)),
    ]);
    let tiers = [(4, before), (4, Tier::AtOnce), (1, Tier::Interpreter)];
    Way { tier: choices.weighted(&tiers), stress, small_stack }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn compiled_code_does_what_the_interpreter_does() {
    let first = number("ROWEL_SEED");
    let count = number("ROWEL_PROGRAMS").unwrap_or(if first.is_some() { 1 } else { USUALLY });
    let first = first.unwrap_or(0);
    let is_verbose = std::env::var_os("ROWEL_VERBOSE").is_some();
    let mut wrong = 0;
    for seed in first..first + count {
        if is_verbose {
            eprintln!("ROWEL_SEED={seed}");
        }
        let (program, way) = (generate::program(seed), way(seed));
        let Some(difference) = disagreement(&program, way) else { continue };
        let smaller = shrink::shrink(&program, way);
        let still = disagreement(&smaller, way).unwrap_or(difference);
        eprintln!("ROWEL_SEED={seed}, {way:?}\n{smaller}{still}\n");
        wrong += 1;
        if wrong == ENOUGH {
            break;
        }
    }
    assert_eq!(wrong, 0, "compiled code and interpreter disagree");
}
