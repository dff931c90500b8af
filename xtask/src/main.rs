//! `cargo xtask`: checks of the project that the compiler does not make, tests under tools that watch
//! memory, and the comparison with another virtual machine.
//!
//! Owns the choice of the task. Must not know: the crates of the VM; it reads their text and runs
//! their command.

mod compare;
#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;
mod sanitize;
mod tidy;

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let matches = Command::new("cargo xtask")
        .subcommand_required(true)
        .subcommand(Command::new("tidy").about("Check the house rules and who depends on whom"))
        .subcommand(compare::command())
        .subcommand(sanitize::command())
        .get_matches();
    match matches.subcommand() {
        Some(("compare", options)) => ended("compare", compare::compare(root, options)),
        Some(("sanitize", options)) => ended("sanitize", sanitize::sanitize(root, options)),
        _ => tidy(root),
    }
}

fn ended<E: Display>(task: &str, outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{task}: {error}");
            ExitCode::from(1)
        }
    }
}

fn tidy(root: &Path) -> ExitCode {
    match tidy::tidy(root) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("tidy: {error}");
            ExitCode::from(1)
        }
    }
}
