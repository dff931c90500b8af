//! Which benchmarks there are, and the text from which an image compiles them.
//!
//! Owns the embedded sources. Must not know: how they are run. The form of the texts in `macro/` is told in
//! `macro/run.st`; `micro/methods.txt` has the methods of one class, each benchmark with a comment that
//! begins with `Benchmark: `.

use std::fmt;

/// The script that runs benchmarks; it reads [`TEXT_NAME`] in its directory.
pub const SCRIPT: &str = include_str!("../macro/run.st");
/// The name of the file that [`text`] goes into.
pub const TEXT_NAME: &str = "benchmarks.txt";

/// What all of `macro/` needs.
const BASE: &str = include_str!("../macro/base.txt");
/// The texts in `macro/`. Each stands for itself, given the base.
const MACRO: &[&str] = &[
    include_str!("../macro/richards.txt"),
    include_str!("../macro/deltablue.txt"),
    include_str!("../macro/havlak.txt"),
    include_str!("../macro/json.txt"),
    include_str!("../macro/raytracer.txt"),
    include_str!("../macro/numeric.txt"),
    include_str!("../macro/puzzles.txt"),
    include_str!("../macro/structures.txt"),
    include_str!("../macro/text.txt"),
];
const MICRO: &str = include_str!("../micro/methods.txt");
/// The class of the micro-benchmarks, and what some of them find ready.
const MICRO_BEFORE: &str = "%% extend Integer\n%%\nbenchFib\n\
    \t^ self < 2 ifTrue: [ 1 ] ifFalse: [ (self - 1) benchFib + (self - 2) benchFib + 1 ]\n\
    %% class RowelMicro Object\n%%\n";
const MICRO_AFTER: &str = "\n%% class RowelMicroSorting RowelMicro\n%%\nsetUp\n\
    \tSmalltalk at: #MicroInts put: self randomInts\n\
    %% class RowelMicroCollecting RowelMicro\n%%\nsetUp\n\
    \tSmalltalk at: #MicroOC put: ((OrderedCollection new: 1000000) addAll: (1 to: 1000000); yourself)\n";

/// The two sets of benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Programmes.
    Macro,
    /// Single operations, many times.
    Micro,
}

/// A benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benchmark {
    /// The set that it belongs to.
    pub suite: Suite,
    /// Its name in that set.
    pub name: String,
    /// What it does.
    pub title: String,
    /// The text that it is in.
    text: &'static str,
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suite {
            Suite::Macro => f.pad(&self.name),
            Suite::Micro => f.pad(&format!("micro/{}", self.name)),
        }
    }
}

/// All benchmarks, the macro ones first.
pub fn all() -> Vec<Benchmark> {
    let big = MACRO.iter().flat_map(|text| macro_benchmarks(text));
    let small = MICRO.split("\n%%\n").filter_map(micro_benchmark);
    big.chain(small).collect()
}

/// The benchmarks whose title lines `text` has.
fn macro_benchmarks(text: &'static str) -> impl Iterator<Item = Benchmark> {
    text.split("\n%% benchmark ").skip(1).filter_map(move |unit| {
        let (head, rest) = unit.split_once('\n')?;
        let name = head.split(' ').next()?.to_owned();
        let title = rest.lines().next()?.to_owned();
        Some(Benchmark { suite: Suite::Macro, name, title, text })
    })
}

/// The benchmark that a method is, if it is one.
fn micro_benchmark(method: &str) -> Option<Benchmark> {
    let (name, body) = method.trim().split_once('\n')?;
    let title = body.trim_start().strip_prefix("\"Benchmark: ")?.split_once('"')?.0;
    let (name, title) = (name.trim().to_owned(), title.to_owned());
    Some(Benchmark { suite: Suite::Micro, name, title, text: MICRO })
}

/// The benchmarks that `words` name: a set by `macro` or `micro`, one by its name, with `macro/` or `micro/`
/// before it where both sets have it. The macro ones when there are no words. Each comes once.
///
/// # Errors
/// The first word that names nothing.
pub fn select(words: &[String]) -> Result<Vec<Benchmark>, String> {
    let all = all();
    let usual = ["macro".to_owned()];
    let mut chosen: Vec<Benchmark> = Vec::new();
    for word in if words.is_empty() { &usual[..] } else { words } {
        let found = named(&all, word);
        if found.is_empty() {
            return Err(word.clone());
        }
        for benchmark in found {
            if !chosen.contains(benchmark) {
                chosen.push(benchmark.clone());
            }
        }
    }
    Ok(chosen)
}

/// Those among `all` that `word` names.
fn named<'a>(all: &'a [Benchmark], word: &str) -> Vec<&'a Benchmark> {
    let (suite, name) = match word.split_once('/') {
        Some(("macro", name)) => (Some(Suite::Macro), name),
        Some(("micro", name)) => (Some(Suite::Micro), name),
        _ => (None, word),
    };
    let of = |wanted: Suite| all.iter().filter(move |it| it.suite == wanted);
    match (suite, name) {
        (None, "macro") => of(Suite::Macro).collect(),
        (None, "micro") => of(Suite::Micro).collect(),
        (Some(suite), name) => of(suite).filter(|it| it.name == name).collect(),
        (None, name) => all.iter().find(|it| it.name == name).into_iter().collect(),
    }
}

/// The text that an image has to load for a benchmark.
pub fn text(benchmark: &Benchmark) -> String {
    let name = &benchmark.name;
    match benchmark.suite {
        Suite::Macro => [BASE, benchmark.text].concat(),
        Suite::Micro => {
            let class = match name {
                name if name.starts_with("sort") => "RowelMicroSorting",
                name if name.starts_with("oc") => "RowelMicroCollecting",
                _ => "RowelMicro",
            };
            let unit = format!("%% benchmark {name} {class} {name} ?\n");
            [MICRO_BEFORE, benchmark.text, MICRO_AFTER, &unit].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Result<Vec<String>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Ok(select(&words)?.iter().map(|it| it.to_string()).collect())
    }

    #[test]
    fn every_benchmark_has_a_name_of_its_own_and_a_title() {
        let all = all();
        for benchmark in &all {
            assert!(benchmark.name.chars().all(char::is_alphanumeric), "{benchmark:?}");
            assert!(!benchmark.title.is_empty() && benchmark.title.len() < 60, "{benchmark:?}");
            assert_eq!(all.iter().filter(|it| it.to_string() == benchmark.to_string()).count(), 1);
        }
        assert_eq!(all.iter().filter(|it| it.suite == Suite::Macro).count(), 20);
        assert_eq!(all.iter().filter(|it| it.suite == Suite::Micro).count(), 23);
    }

    #[test]
    fn all_files_are_embedded() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("macro");
        let files = std::fs::read_dir(folder).expect("the folder").flatten();
        let texts = files.filter(|file| file.path().extension().is_some_and(|it| it == "txt"));
        assert_eq!(texts.count(), MACRO.len() + 1);
    }

    #[test]
    fn words_select() {
        assert_eq!(names(&["queens", "fib32"]), Ok(vec!["queens".into(), "micro/fib32".into()]));
        let both = vec!["sieve".to_owned(), "micro/sieve".to_owned()];
        assert_eq!(names(&["sieve", "micro/sieve", "macro/sieve"]), Ok(both));
        assert_eq!(names(&[]), names(&["macro"]));
        assert_eq!(names(&["micro", "fib32"]), names(&["micro"]));
        assert_eq!(names(&["queens", "kings"]), Err("kings".to_owned()));
        assert_eq!(names(&["macro/fib32"]), Err("macro/fib32".to_owned()));
        assert_eq!(names(&["other/sieve"]), Err("other/sieve".to_owned()));
    }

    #[test]
    fn a_text_has_the_benchmark_and_what_it_needs() {
        for benchmark in all() {
            let text = text(&benchmark);
            let unit = format!("\n%% benchmark {} ", benchmark.name);
            let units: Vec<_> = text.match_indices(&unit).collect();
            assert_eq!(units.len(), 1, "{benchmark}");
            let class = text[units[0].0 + unit.len()..].split(' ').next().expect("a class");
            assert!(text.contains(&format!("\n%% class {class} ")), "{benchmark}: {class}");
        }
    }
}
