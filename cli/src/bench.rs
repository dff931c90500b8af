//! `rowel bench`: this executable with and without native code, and another machine if one is named, at the
//! benchmarks of the crate `rowel-benches`.
//!
//! Owns the spelling of the command, which image is used, and where reports go. Must not know: what the
//! benchmarks are, how they are run, or how reports look.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use rowel_benches::measure::{Amount, Bench, Machine};
use rowel_benches::report::{Report, json, svg, table};
use rowel_benches::suite::{self, Benchmark};

use crate::commands::{flag, path};
use crate::{at, fetch, places, print};

/// The variable that names the image.
const IMAGE_VARIABLE: &str = "ROWEL_IMAGE";

/// The command as clap knows it.
pub fn command() -> Command {
    let file = |name| path(name).long(name).value_name("FILE");
    let count = |name: &'static str, least: u64, default: &'static str| {
        let parser = value_parser!(u64).range(least..=100_000);
        Arg::new(name).long(name).value_name("N").value_parser(parser).default_value(default)
    };
    Command::new("bench")
        .about("Run benchmarks with and without native code, and print times and ratios")
        .after_help(
            "They run in the image that rowel brings along, or in copies of a Cuis image. Each turn is a process of its own: the interpreter, native\n\
             code and the peer take turns. A wrong result is an error.",
        )
        .arg(
            Arg::new("names")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Benchmarks, or all of `macro` or `micro`; `micro/sieve` where both have one [default: macro]"),
        )
        .arg(flag("list").help("List the benchmarks and leave"))
        .arg(file("image").help("A Cuis image [default: that in ROWEL_IMAGE, else the image that is brought along; with a peer the fetched one]"))
        .arg(file("peer").help("Another virtual machine's executable, to compare with"))
        .arg(
            Arg::new("peer-options")
                .long("peer-options")
                .value_name("WORDS")
                .default_value("-vm-display-null -vm-sound-null")
                .allow_hyphen_values(true)
                .help("Its options before the image, separated by blanks"),
        )
        .arg(count("turns", 1, "2").help("Processes of each machine for each benchmark"))
        .arg(count("warm-up", 0, "5").help("Iterations in each process before those that count"))
        .arg(count("iterations", 1, "10").help("Iterations in each process that count"))
        .arg(file("json").help("Write all times there too"))
        .arg(file("svg").help("Draw the time of each iteration, and the ratios, there"))
}

/// Does what the command asks for.
///
/// # Errors
/// A message for people: a benchmark, image, executable or file that is not there, or what went wrong in
/// a benchmark.
pub fn run(arguments: &ArgMatches) -> Result<ExitCode, String> {
    let words: Vec<String> = arguments.get_many("names").into_iter().flatten().cloned().collect();
    let benchmarks = suite::select(&words)
        .map_err(|name| format!("{name}: no such benchmark; rowel bench --list lists them"))?;
    if arguments.get_flag("list") {
        let listed = if words.is_empty() { suite::all() } else { benchmarks };
        return print(list(&listed)).map(|()| ExitCode::SUCCESS);
    }
    let machines = machines(arguments)?;
    let mut files = Files::create(arguments)?;
    let bench = Bench::new(&machines, image(arguments)?.as_deref(), amount(arguments))
        .map_err(|error| error.to_string())?;
    print(table::head(&machines))?;
    let mut rows = Vec::new();
    for benchmark in &benchmarks {
        let row = bench.run(benchmark).map_err(|error| format!("{benchmark}: {error}"))?;
        print(table::line(&row))?;
        rows.push(row);
    }
    let report = Report { machines, amount: amount(arguments), rows };
    print(table::foot(&report))?;
    files.write(&report)?;
    let faults = report.faults();
    if faults.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(faults.join("\nrowel: ")) }
}

/// Benchmarks with what they do.
fn list(benchmarks: &[Benchmark]) -> String {
    let line = |benchmark: &Benchmark| format!("{benchmark:<24} {}\n", benchmark.title);
    benchmarks.iter().map(line).collect()
}

/// How much is to be run.
fn amount(arguments: &ArgMatches) -> Amount {
    let count = |name| arguments.get_one::<u64>(name).map_or(1, |&count| count as usize);
    Amount { turns: count("turns"), warm_up: count("warm-up"), iterations: count("iterations") }
}

/// This executable twice, and the peer.
fn machines(arguments: &ArgMatches) -> Result<Vec<Machine>, String> {
    let rowel = std::env::current_exe().map_err(|error| format!("this executable: {error}"))?;
    let machine = |label: &str, executable: &Path, options: &str| Machine {
        label: label.to_owned(),
        executable: executable.to_owned(),
        options: options.split_whitespace().map(Into::into).collect(),
    };
    let mut machines =
        vec![machine("interp", &rowel, "--jit=off"), machine("jit", &rowel, "--jit=on")];
    if let Some(peer) = arguments.get_one::<PathBuf>("peer") {
        let options = arguments.get_one::<String>("peer-options").map_or("", String::as_str);
        machines.push(machine("peer", peer, options));
    }
    Ok(machines)
}

/// The image named, by the command line or the environment; else none, which is the one that is brought along,
/// or, for a peer, the one in the cache.
fn image(arguments: &ArgMatches) -> Result<Option<PathBuf>, String> {
    let named = arguments.get_one::<PathBuf>("image").cloned();
    let named = named.or_else(|| places::named(IMAGE_VARIABLE));
    if let Some(path) = named {
        return if path.is_file() {
            Ok(Some(path))
        } else {
            Err(format!("{}: no such image", path.display()))
        };
    }
    if arguments.get_one::<PathBuf>("peer").is_none() {
        return Ok(None);
    }
    let cached = fetch::cached_cuis().filter(|path| path.is_file());
    cached.map(Some).ok_or_else(|| {
        format!("a peer needs an image: none was named, by --image or {IMAGE_VARIABLE}, and none is in the cache; `rowel fetch cuis` gets one")
    })
}

/// How a report becomes a text.
type Form = fn(&Report) -> String;

/// The files that reports go into, made before anything is measured.
struct Files(Vec<(PathBuf, File, Form)>);

impl Files {
    fn create(arguments: &ArgMatches) -> Result<Files, String> {
        let mut files = Vec::new();
        for (name, form) in [("json", json::text as Form), ("svg", svg::text as Form)] {
            if let Some(path) = arguments.get_one::<PathBuf>(name) {
                let file = File::create(path).map_err(at(path))?;
                files.push((path.clone(), file, form));
            }
        }
        Ok(Files(files))
    }

    fn write(&mut self, report: &Report) -> Result<(), String> {
        for (path, file, form) in &mut self.0 {
            file.write_all(form(report).as_bytes()).map_err(at(path))?;
        }
        Ok(())
    }
}
