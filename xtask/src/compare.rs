//! `cargo xtask compare`: Rowel beside another virtual machine on copies of one image.
//!
//! Owns the command's options and the order of the runs: the two machines take turns, benchmark by
//! benchmark, so that what else the computer does meets both alike. Must not know: how either machine
//! works. The benchmarks are those of `benches/micro`.

mod bench;
mod report;
mod run;

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use self::bench::{Benchmark, Sample};
use self::report::Row;
use self::run::{Outcome, run};
use crate::real_image::real_image;

/// What the start script prints.
const READY: &str = "READY";

/// The command line of the task.
pub fn command() -> Command {
    let path = |name: &'static str| Arg::new(name).long(name).value_parser(value_parser!(PathBuf));
    let count = |name: &'static str, default: &'static str| {
        Arg::new(name).long(name).value_parser(value_parser!(u32).range(1..)).default_value(default)
    };
    Command::new("compare")
        .about("Run the micro-benchmarks here and on another virtual machine, in turns")
        .arg(path("peer").required(true).help("The other machine's executable"))
        .arg(
            Arg::new("peer-options")
                .long("peer-options")
                .default_value("-vm-display-null -vm-sound-null")
                .allow_hyphen_values(true)
                .help("Its options before the image, separated by blanks"),
        )
        .arg(path("rowel").help("Rowel's executable [default: a release build made now]"))
        .arg(path("image").help("The Cuis image [default: the one that the tests use]"))
        .arg(path("micro").help("The file of benchmarks [default: benches/micro/methods.txt]"))
        .arg(count("rounds", "3").help("Turns of each machine at each benchmark"))
        .arg(count("runs", "3").help("Timed runs of a benchmark in each turn"))
        .arg(count("starts", "9").help("Turns of each machine at starting"))
        .arg(
            Arg::new("name")
                .action(ArgAction::Append)
                .help("Benchmarks to run [default: all, and start and luajit]"),
        )
}

/// One of the two machines: how to start it, and its copy of the image.
struct Machine {
    label: &'static str,
    executable: PathBuf,
    options: Vec<String>,
    image: PathBuf,
}

impl Machine {
    /// Put the scripts and the benchmarks beside the image.
    fn furnish(&self, data: &Path, methods: &str) -> std::io::Result<()> {
        fs::write(self.image.with_file_name("methods.txt"), methods)?;
        for script in ["run.st", "start.st"] {
            fs::copy(data.join(script), self.image.with_file_name(script))?;
        }
        Ok(())
    }

    /// Run a script in the directory of the image's copy.
    fn script(&self, script: &str, arguments: &[&str]) -> Result<Outcome, Box<dyn Error>> {
        let mut process = Process::new(&self.executable);
        process.args(&self.options).arg(&self.image).args(["-e", "-s", script]).args(arguments);
        process.current_dir(self.image.parent().unwrap_or(Path::new(".")));
        let outcome = run(process, READY).map_err(|error| format!("{}: {error}", self.label))?;
        if outcome.status.success() {
            return Ok(outcome);
        }
        let what = format!("{} at {script} {}", self.label, arguments.join(" "));
        Err(format!("{what}: {}\n{}", outcome.status, outcome.output).into())
    }

    /// Take a turn at a benchmark.
    fn sample(&self, benchmark: &Benchmark, runs: u32) -> Result<Sample, Box<dyn Error>> {
        let outcome = self.script("run.st", &[&runs.to_string(), &benchmark.name])?;
        let found = bench::sample(&outcome.output, &benchmark.name);
        found.ok_or_else(|| format!("{}: no result\n{}", self.label, outcome.output).into())
    }
}

/// Compare, and print what comes out.
///
/// # Errors
/// When a file is missing, or a machine does not do what it is asked for.
pub fn compare(root: &Path, options: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let count = |name| options.get_one::<u32>(name).copied().unwrap_or(1);
    let data = root.join("benches/micro");
    let methods = options.get_one("micro").cloned().unwrap_or(data.join("methods.txt"));
    let methods = fs::read_to_string(methods)?;
    let names: Vec<&String> = options.get_many("name").into_iter().flatten().collect();
    let mut benchmarks = bench::benchmarks(&methods);
    benchmarks.retain(|benchmark| names.is_empty() || names.contains(&&benchmark.name));
    let place = tempfile::tempdir()?;
    let [rowel, peer] = machines(root, place.path(), options)?;
    for machine in [&rowel, &peer] {
        machine.furnish(&data, &methods)?;
    }

    report::heading();
    let mut rows = Vec::new();
    for benchmark in &benchmarks {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..count("rounds") {
            ours.push(rowel.sample(benchmark, count("runs"))?);
            theirs.push(peer.sample(benchmark, count("runs"))?);
        }
        let row = Row::new(&benchmark.label, &ours, &theirs);
        println!("{row}");
        if benchmark.name == "fib32" {
            luajit(&data, &row);
        }
        rows.push(row);
    }
    report::summary(&rows);
    if names.is_empty() {
        starts(&rowel, &peer, count("starts"))?;
    }
    Ok(())
}

/// Rowel and the other machine, each with a copy of the image in a directory of its own.
fn machines(
    root: &Path,
    place: &Path,
    options: &ArgMatches,
) -> Result<[Machine; 2], Box<dyn Error>> {
    let given = |name| options.get_one::<PathBuf>(name).cloned();
    let image = given("image").or_else(|| real_image().map(Path::to_owned));
    let image = image.ok_or("no image: give --image or set ROWEL_IMAGE")?;
    let machine = |label, executable: PathBuf, options: &str| -> Result<Machine, Box<dyn Error>> {
        let directory = place.join(label);
        fs::create_dir(&directory)?;
        let copy = directory.join("copy.image");
        fs::copy(&image, &copy)?;
        let executable = executable
            .canonicalize()
            .map_err(|error| format!("{}: {error}", executable.display()))?;
        let options = options.split_whitespace().map(str::to_owned).collect();
        Ok(Machine { label, executable, options, image: copy })
    };
    let rowel = given("rowel").map_or_else(|| build(root), Ok)?;
    let peer_options = options.get_one::<String>("peer-options").map_or("", String::as_str);
    Ok([
        machine("rowel", rowel, "--jit=off")?,
        machine("peer", given("peer").unwrap_or_default(), peer_options)?,
    ])
}

/// Make the release build and answer its executable.
fn build(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or(OsString::from("cargo"));
    let mut process = Process::new(cargo);
    process.current_dir(root).args(["build", "--quiet", "--release", "--package", "rowel-cli"]);
    if !process.status()?.success() {
        return Err("the release build failed".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(root.join(target.unwrap_or(PathBuf::from("target"))).join("release/rowel"))
}

/// Start the image on both machines in turns, and print times and memory.
fn starts(rowel: &Machine, peer: &Machine, turns: u32) -> Result<(), Box<dyn Error>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        ours.push(rowel.script("start.st", &[])?);
        theirs.push(peer.script("start.st", &[])?);
    }
    report::starts(&ours, &theirs);
    Ok(())
}

/// Print how `32 benchFib` compares with LuaJIT's interpreter, where that is installed.
fn luajit(data: &Path, fib: &Row) {
    let output = Process::new("luajit").arg("-joff").arg(data.join("fib.lua")).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if let Some((_, microseconds)) =
        text.ok().as_deref().and_then(|text| text.trim().split_once(' '))
        && let Ok(theirs) = microseconds.parse::<f64>()
    {
        report::luajit(fib, theirs);
    } else {
        println!("luajit is not there");
    }
}
