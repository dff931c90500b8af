//! `cargo xtask sanitize`: the tests that look for wrong uses of memory and for races, each with the tool it needs.
//!
//! Owns which tests run under which tool. Must not know: what they test. Each builds into a directory of
//! its own below `target/sanitize`.

use std::path::Path;
use std::process::Command as Process;

use clap::{Arg, ArgAction, ArgMatches, Command};

/// What AddressSanitizer needs to be told of the target.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The tools, in the order in which they run.
const TOOLS: [&str; 4] = ["address", "thread", "miri", "valgrind"];
/// Tests of isolates in which threads meet.
const TESTS_OF_THREADS: [&str; 6] =
    ["channels", "isolates", "messages", "seeing", "stress", "resources"];

/// The command line of the task.
pub fn command() -> Command {
    Command::new("sanitize").about("Run tests under AddressSanitizer, ThreadSanitizer, Miri and Valgrind").arg(
        Arg::new("tool")
            .action(ArgAction::Append)
            .value_parser(TOOLS)
            .help("What to run [default: all; all but the last need a nightly toolchain, the second one its rust-src]"),
    )
}

/// Run the tests.
///
/// # Errors
/// The tool that cannot be run or found something.
pub fn sanitize(root: &Path, options: &ArgMatches) -> Result<(), String> {
    let wanted = options.get_many::<String>("tool").unwrap_or_default().map(String::as_str);
    let wanted: Vec<&str> = wanted.collect();
    for tool in TOOLS.into_iter().filter(|tool| wanted.is_empty() || wanted.contains(tool)) {
        eprintln!("sanitize: {tool}");
        let target = root.join("target/sanitize").join(tool);
        match tool {
            "address" => address(root, &target),
            "thread" => thread(root, &target),
            "miri" => miri(root, &target),
            _ => valgrind(root, &target),
        }
        .map_err(|why| format!("{tool}: {why}"))?;
    }
    Ok(())
}

/// The object memory and the interpreter under AddressSanitizer. (It knows the cage as one block: what
/// leaves it is found, and what uses memory beside it wrongly.)
fn address(root: &Path, target: &Path) -> Result<(), String> {
    let packages = ["-p", "rowel-objmem", "-p", "rowel-interpreter"];
    let mut cargo = cargo(root, target, &["+nightly", "test", "--target", TARGET]);
    cargo.args(packages).env("RUSTFLAGS", "-Zsanitizer=address");
    run(cargo)
}

/// Isolates and their channels under ThreadSanitizer, with a standard library that it sees into. (It has to be told
/// of each map that comes and goes, which it is when that is done by the C library.)
fn thread(root: &Path, target: &Path) -> Result<(), String> {
    let mut cargo = cargo(root, target, &["+nightly", "test", "-Zbuild-std", "--target", TARGET]);
    cargo.args(["--no-fail-fast", "-p", "rowel-isolates"]);
    for test in TESTS_OF_THREADS {
        cargo.args(["--test", test]);
    }
    cargo.env("RUSTFLAGS", "-Zsanitizer=thread --cfg=rustix_use_libc");
    cargo.env("ROWEL_PATIENCE", "1800").env("ROWEL_SANITIZED", "thread");
    run(cargo)
}

/// What needs no system calls that Miri does not know.
fn miri(root: &Path, target: &Path) -> Result<(), String> {
    let mut cargo = cargo(root, target, &["+nightly", "miri", "test", "-p", "rowel-bytecode"]);
    cargo.env("MIRIFLAGS", "-Zmiri-disable-isolation");
    run(cargo)
}

/// The example script in the image that the tests use. (Valgrind hides the vDSO, which rustix looks for
/// unless it is told to use the C library.)
fn valgrind(root: &Path, target: &Path) -> Result<(), String> {
    let image = crate::real_image::real_image().ok_or("there is no image")?;
    let mut cargo = cargo(root, target, &["build", "-p", "rowel-cli"]);
    cargo.env("RUSTFLAGS", "--cfg=rustix_use_libc");
    run(cargo)?;
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    // The image writes beside its directory.
    let inside = place.path().join("place");
    std::fs::create_dir(&inside).map_err(|error| error.to_string())?;
    std::fs::copy(image, inside.join("c.image")).map_err(|error| error.to_string())?;
    let mut valgrind = Process::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99"]).arg(target.join("debug/rowel"));
    valgrind.args(["c.image", "-e", "-s"]).arg(root.join("examples/hello.st"));
    let status = valgrind.current_dir(&inside).status().map_err(|error| error.to_string())?;
    // The script ends with 3.
    if status.code() == Some(3) { Ok(()) } else { Err(status.to_string()) }
}

/// Cargo as `rustup` starts it, so that a toolchain can be named.
fn cargo(root: &Path, target: &Path, arguments: &[&str]) -> Process {
    let mut cargo = Process::new("cargo");
    cargo.args(arguments).current_dir(root).env("CARGO_TARGET_DIR", target);
    // What the cargo of this task was told is not meant for another toolchain.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    cargo
}

fn run(mut process: Process) -> Result<(), String> {
    let status = process.status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}
