//! Criterion benchmarks of what needs an image: exceptions, unwinding and process switches; each in the interpreter
//! and as native code. Without an image they say so and do nothing.
//!
//! A sample is a start of the image, whose script (`image.st`) measures itself and writes the time into a file:
//! starting and quitting do not count.

use std::path::{Path, PathBuf};
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
    fn time(&self, operation: &str, iterations: u64, when: When) -> Result<Duration, String> {
        let text = |error: &dyn std::fmt::Display| format!("{operation}: {error}");
        let mut vm = Vm::open(&self.path("copy.image"), &HeapOptions::default())
            .map_err(|error| text(&error))?;
        vm.modules.add(rowel_plugins::MODULES);
        let (script, answer) = (self.path("image.st"), self.path("time"));
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let rounds = (ROUNDS * iterations).to_string();
        let words = ["-e", "-s", &path(&script), operation, &rounds, &path(&answer)];
        vm.host.image_arguments = words.map(str::to_owned).to_vec();
        let options = JitOptions { when, ..JitOptions::default() };
        Tiered::attach(&mut vm, options).map_err(|error| text(&error))?;
        vm.resume_image().map_err(|error| text(&error))?;
        let code = vm.run();
        rowel_plugins::flush_files(&mut vm);
        let said = std::fs::read_to_string(&answer).map_err(|error| text(&error))?;
        match said.trim().parse() {
            Ok(time) if code == 0 => Ok(Duration::from_micros(time)),
            _ => Err(format!("{operation}: exit code {code}, time {said}")),
        }
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10)
        .configure_from_args();
    let Some(image) = real_image::real_image() else { return };
    let place = Place::new(image).unwrap_or_else(|why| panic!("{}: {why}", image.display()));
    for (group, operations) in OPERATIONS {
        for operation in *operations {
            let mut group = criterion.benchmark_group(format!("{group}/{operation}"));
            group.throughput(Throughput::Elements(ROUNDS));
            for (name, when) in [("interpreter", When::Off), ("native", When::On)] {
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    bencher.iter_custom(|iterations| {
                        place
                            .time(operation, iterations, when)
                            .unwrap_or_else(|why| panic!("{why}"))
                    });
                });
            }
            group.finish();
        }
    }
    criterion.final_summary();
}
