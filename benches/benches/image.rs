//! Criterion benchmarks of what needs an image: exceptions, unwinding and process switches; each in the interpreter
//! and as native code. Without an image they say so and do nothing.
//!
//! A sample is a process, this executable again, that starts the image, whose script (`image.st`) measures itself and
//! writes the time into a file: starting and quitting do not count.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use rowel_interpreter::vm::Vm;
use rowel_jit::{JitOptions, Tiered, When};
use rowel_objmem::image::HeapOptions;
use tempfile::TempDir;

#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;

/// The script.
const SCRIPT: &str = include_str!("image.st");
/// What it can measure, by group.
const OPERATIONS: &[(&str, &[&str])] =
    &[("exception", &["signal", "ensure"]), ("process", &["yield", "semaphores"])];
/// The modes.
const INTERPRETER: &str = "interpreter";
const NATIVE: &str = "native";
/// The first word of the process that runs the image.
const CHILD: &str = "run-image";
/// Iterations before any is measured: an operation that does not get through them is left out.
const EARLY_ITERATIONS: u64 = 100;
/// Rounds of an operation in an iteration.
const ROUNDS: u64 = 1000;

/// A directory with the image and the script.
struct Place(TempDir);

impl Place {
    fn new(image: &Path) -> std::io::Result<Place> {
        let root = tempfile::tempdir()?;
        // The image makes a directory beside its own.
        std::fs::create_dir(root.path().join("place"))?;
        let place = Place(root);
        std::fs::copy(image, place.path("copy.image"))?;
        std::fs::write(place.path("image.st"), SCRIPT)?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("place").join(name)
    }

    /// How long `iterations` of an operation take.
    fn time(&self, operation: &str, iterations: u64, mode: &str) -> Result<Duration, String> {
        let text = |error: &dyn std::fmt::Display| format!("{operation}, {mode}: {error}");
        let executable = std::env::current_exe().map_err(|error| text(&error))?;
        let rounds = (ROUNDS * iterations).to_string();
        let mut command = Command::new(executable);
        command.args([CHILD, mode, operation, &rounds]).current_dir(self.path(""));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status().map_err(|error| text(&error))?;
        let said = std::fs::read_to_string(self.path("time")).map_err(|error| text(&error))?;
        match said.trim().parse() {
            Ok(time) if status.success() => Ok(Duration::from_micros(time)),
            _ => Err(format!("{operation}, {mode}: {status}, time {said}")),
        }
    }
}

/// The process that runs the image, in its directory: the exit code. `words` are mode, operation and rounds.
fn run_image(words: &[String]) -> Result<i32, String> {
    let [mode, operation, rounds] = words else { return Err("three words are needed".to_owned()) };
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let options = HeapOptions::default();
    let mut vm = Vm::open(Path::new("copy.image"), &options).map_err(|error| text(&error))?;
    vm.modules.add(rowel_plugins::MODULES);
    vm.host.image_path = std::path::absolute("copy.image").map_err(|error| text(&error))?;
    vm.host.vm_path = std::env::current_exe().unwrap_or_default();
    let words = ["-e", "-s", "image.st", operation, rounds, "time"];
    vm.host.image_arguments = words.map(str::to_owned).to_vec();
    let when = if mode == NATIVE { When::On } else { When::Off };
    let options = JitOptions { when, ..JitOptions::default() };
    Tiered::attach(&mut vm, options).map_err(|error| text(&error))?;
    vm.resume_image().map_err(|error| text(&error))?;
    let code = vm.run();
    rowel_plugins::flush_files(&mut vm);
    Ok(code)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == CHILD) {
        let code = run_image(&words[1..]).unwrap_or_else(|why| panic!("{why}"));
        return ExitCode::from(code as u8);
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10)
        .configure_from_args();
    let Some(image) = real_image::real_image() else { return ExitCode::SUCCESS };
    let place = Place::new(image).unwrap_or_else(|why| panic!("{}: {why}", image.display()));
    for (group, operations) in OPERATIONS {
        for operation in *operations {
            let mut group = criterion.benchmark_group(format!("{group}/{operation}"));
            group.throughput(Throughput::Elements(ROUNDS));
            for name in [INTERPRETER, NATIVE] {
                if let Err(fault) = place.time(operation, EARLY_ITERATIONS, name) {
                    eprintln!("not measured: {fault}");
                    continue;
                }
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    bencher.iter_custom(|iterations| {
                        place
                            .time(operation, iterations, name)
                            .unwrap_or_else(|why| panic!("{why}"))
                    });
                });
            }
            group.finish();
        }
    }
    criterion.final_summary();
    ExitCode::SUCCESS
}
