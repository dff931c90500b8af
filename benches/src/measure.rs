//! Running benchmarks on machines in turns.
//!
//! Owns what a machine and a plan are, the places in which machines run, and what came out. Must not know
//! how it is reported. Each turn is a process of its own, on a copy of the image, so that no benchmark finds
//! what another has left; the machines take turns, so that what else the computer does meets them alike.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process;
use crate::sample::{Answer, answer};
use crate::statistics::{Summary, median};
use crate::suite::{self, Benchmark};

/// How long a turn may take before it is ended.
const LIMIT: Duration = Duration::from_secs(600);
/// The names of the files in the place of a machine.
const SCRIPT_NAME: &str = "run.st";
const IMAGE_NAME: &str = "copy.image";
/// So many lines of what a process said are shown when it fails.
const LINES_SHOWN: usize = 12;

/// Something that runs an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What the reports call it: one word.
    pub label: String,
    /// Its executable.
    pub executable: PathBuf,
    /// Its options, before the image.
    pub options: Vec<OsString>,
}

/// How much is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Processes of each machine for each benchmark.
    pub turns: usize,
    /// Iterations in a process that do not count, before those that do.
    pub warm_up: usize,
    /// Iterations in a process that count.
    pub iterations: usize,
}

/// What a machine needed for a benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Microseconds of each iteration of each turn, those of the warm-up included.
    pub turns: Vec<Vec<f64>>,
    /// How many at the start of each turn are warm-up.
    pub warm_up: usize,
    /// What the benchmark answered, printed.
    pub result: String,
}

impl Series {
    /// The iterations that count, of all turns.
    pub fn steady(&self) -> Summary {
        Summary::of(self.turns.iter().flat_map(|turn| turn.iter().skip(self.warm_up)).copied())
    }

    /// The median time of each iteration over the turns, in the order in which they ran.
    pub fn curve(&self) -> Vec<f64> {
        let length = self.turns.iter().map(Vec::len).max().unwrap_or(0);
        (0..length)
            .map(|at| median(self.turns.iter().filter_map(|turn| turn.get(at).copied())))
            .collect()
    }
}

/// A benchmark, and what each machine needed for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The benchmark.
    pub benchmark: Benchmark,
    /// One for each machine, in the order of the plan; else what went wrong.
    pub series: Vec<Result<Series, String>>,
}

impl Row {
    /// How many times as long the machine `one` takes as the machine `other`.
    pub fn ratio(&self, one: usize, other: usize) -> Option<f64> {
        let time = |index: usize| Some(self.series.get(index)?.as_ref().ok()?.steady().median);
        let (one, other) = (time(one)?, time(other)?);
        (one > 0.0 && other > 0.0).then_some(one / other)
    }

    /// What is wrong: machines that failed, or that answered differently.
    pub fn faults(&self, machines: &[Machine]) -> Vec<String> {
        let of = |label: &str, fault: &str| format!("{} on {label}: {fault}", self.benchmark);
        let mut faults = Vec::new();
        let mut first: Option<&Series> = None;
        for (machine, series) in machines.iter().zip(&self.series) {
            match (series, first) {
                (Err(fault), _) => faults.push(of(&machine.label, fault)),
                (Ok(series), Some(first)) if series.result != first.result => {
                    let fault = format!("answered {}, others {}", series.result, first.result);
                    faults.push(of(&machine.label, &fault));
                }
                (Ok(series), None) => first = Some(series),
                _ => {}
            }
        }
        faults
    }
}

/// The machines with their places.
pub struct Bench {
    machines: Vec<(Machine, PathBuf)>,
    /// What comes before the number of iterations.
    words: &'static [&'static str],
    amount: Amount,
    _root: TempDir,
}

impl Bench {
    /// Make a place for each machine, with a copy of the image; without `image` they run scripts by one that they
    /// bring along.
    ///
    /// # Errors
    /// When the image cannot be copied, or an executable is not there.
    pub fn new(machines: &[Machine], image: Option<&Path>, amount: Amount) -> io::Result<Bench> {
        let at = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        let root = tempfile::tempdir()?;
        let mut placed = Vec::new();
        for (index, machine) in machines.iter().enumerate() {
            let mut machine = machine.clone();
            let executable = &machine.executable;
            machine.executable =
                executable.canonicalize().map_err(|error| at(executable, error))?;
            // The image makes a directory beside its own.
            let place = root.path().join(index.to_string()).join("place");
            fs::create_dir_all(&place)?;
            if let Some(image) = image {
                fs::copy(image, place.join(IMAGE_NAME)).map_err(|error| at(image, error))?;
            }
            fs::write(place.join(SCRIPT_NAME), suite::SCRIPT)?;
            placed.push((machine, place));
        }
        let words: &[_] =
            if image.is_some() { &[IMAGE_NAME, "-e", "-s", SCRIPT_NAME] } else { &[SCRIPT_NAME] };
        Ok(Bench { machines: placed, words, amount, _root: root })
    }

    /// Run a benchmark on all machines. A machine that fails has no more turns.
    ///
    /// # Errors
    /// When files cannot be written or processes not started; what a benchmark does wrong is in the row.
    pub fn run(&self, benchmark: &Benchmark) -> io::Result<Row> {
        let warm_up = self.amount.warm_up;
        let empty = || Ok(Series { turns: Vec::new(), warm_up, result: String::new() });
        let mut series: Vec<Result<Series, String>> =
            self.machines.iter().map(|_| empty()).collect();
        let text = suite::text(benchmark);
        for (_, place) in &self.machines {
            fs::write(place.join(suite::TEXT_NAME), &text)?;
        }
        for _ in 0..self.amount.turns {
            for ((machine, place), so_far) in self.machines.iter().zip(&mut series) {
                let Ok(series) = so_far else { continue };
                match self.turn(machine, place, benchmark)? {
                    Ok((result, _)) if !series.turns.is_empty() && result != series.result => {
                        *so_far = Err(format!("answered {}, then {result}", series.result));
                    }
                    Ok((result, times)) => {
                        series.result = result;
                        series.turns.push(times.into_iter().map(|time| time as f64).collect());
                    }
                    Err(fault) => *so_far = Err(fault),
                }
            }
        }
        Ok(Row { benchmark: benchmark.clone(), series })
    }

    /// Run a process of a machine: what the benchmark answered, and the time of each iteration.
    fn turn(
        &self,
        machine: &Machine,
        place: &Path,
        benchmark: &Benchmark,
    ) -> io::Result<Result<(String, Vec<u64>), String>> {
        let mut command = Command::new(&machine.executable);
        let count = self.amount.warm_up + self.amount.iterations;
        command.args(&machine.options).args(self.words);
        command.args([&count.to_string(), &benchmark.name]).current_dir(place);
        let outcome = process::run(command, place, LIMIT)?;
        let answered = answer(&outcome.output, &benchmark.name);
        Ok(match (outcome.status, answered) {
            (None, _) => Err(format!("took longer than {} s", LIMIT.as_secs())),
            (Some(_), Some(Answer::Wrong(what))) => Err(what),
            (Some(status), Some(Answer::Ran { result, times }))
                if status.success() && times.len() == count =>
            {
                Ok((result, times))
            }
            (Some(status), _) => {
                Err(format!("{status}{}{}", end_of(&outcome.output), end_of(&outcome.complaints)))
            }
        })
    }
}

/// The first lines in which a process said what is wrong, each on a new line.
fn end_of(said: &str) -> String {
    // Cuis begins each note of its own with the time and the name of the process.
    let lines = said.lines().filter(|line| !line.contains(" process:") && !line.is_empty());
    lines.take(LINES_SHOWN).map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that does what a script says instead of running an image.
    fn machine(root: &Path, label: &str, script: &str) -> Machine {
        let path = root.join(label);
        fs::write(&path, script).expect("a script");
        let options = vec![path.into_os_string()];
        Machine { label: label.to_owned(), executable: PathBuf::from("/bin/sh"), options }
    }

    fn queens() -> Benchmark {
        suite::select(&["queens".to_owned()]).expect("a benchmark").remove(0)
    }

    const AMOUNT: Amount = Amount { turns: 2, warm_up: 1, iterations: 3 };

    /// Run the benchmark queens on machines that do what scripts say.
    fn run(scripts: &[&str]) -> (Row, Vec<String>) {
        let root = tempfile::tempdir().expect("a directory");
        let image = root.path().join("some.image");
        fs::write(&image, "an image").expect("a file");
        let machines: Vec<Machine> = scripts
            .iter()
            .enumerate()
            .map(|(index, script)| machine(root.path(), &format!("m{index}"), script))
            .collect();
        let bench = Bench::new(&machines, Some(&image), AMOUNT).expect("places");
        let row = bench.run(&queens()).expect("processes");
        let faults = row.faults(&machines);
        (row, faults)
    }

    #[test]
    fn turns_are_processes_with_an_image_and_the_benchmark() {
        let script = "test $6 = queens && test \"$(cat $1)\" = 'an image' && test $4 = run.st && \
                      grep -q RowelQueens benchmarks.txt && echo BENCH queens 7 90 $5 10 30";
        let (row, faults) = run(&[script, "echo BENCH queens 7 1 1 1 1"]);
        assert_eq!(faults, [""; 0]);
        let series = row.series[0].as_ref().expect("a series");
        assert_eq!(series.turns, [[90.0, 4.0, 10.0, 30.0]; 2]);
        assert_eq!(series.curve(), [90.0, 4.0, 10.0, 30.0]);
        assert_eq!((series.steady().median, series.steady().count), (10.0, 6));
        assert_eq!(row.ratio(0, 1), Some(10.0));
        assert_eq!(row.ratio(1, 0), Some(0.1));
    }

    #[test]
    fn faults_are_told_and_have_no_ratio() {
        let (row, faults) = run(&[
            "echo BENCH queens 7 1 1 1 1",
            "echo BENCH queens 8 1 1 1 1",
            "echo WRONG queens answered 9, but should have answered 7",
            "echo sorry; echo very sorry >&2; exit 3",
            "echo BENCH queens 7 1",
        ]);
        let [other, wrong, ended, short] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!(other, "queens on m1: answered 8, others 7");
        assert_eq!(wrong, "queens on m2: answered 9, but should have answered 7");
        assert_eq!(ended, "queens on m3: exit status: 3\n    sorry\n    very sorry");
        assert!(short.contains("on m4: exit status: 0"), "{short}");
        assert_eq!(row.ratio(0, 2), None);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let nowhere = Machine {
            label: "no".to_owned(),
            executable: PathBuf::from("/nowhere/vm"),
            options: Vec::new(),
        };
        let error =
            Bench::new(&[nowhere], Some(Path::new("/dev/null")), AMOUNT).err().expect("an error");
        assert!(error.to_string().starts_with("/nowhere/vm: "), "{error}");
        let shell = Machine {
            label: "sh".to_owned(),
            executable: PathBuf::from("/bin/sh"),
            options: Vec::new(),
        };
        let error =
            Bench::new(&[shell], Some(Path::new("/no.image")), AMOUNT).err().expect("an error");
        assert!(error.to_string().starts_with("/no.image: "), "{error}");
    }
}
