//! What the benchmarks are and what a run of one says.
//!
//! Owns the format of the file of benchmarks (methods separated by lines of `%%`; a benchmark is a
//! unary method whose comment starts with `Benchmark: `) and that of the lines that `run.st` prints;
//! medians and means. Must not know: who runs them.

/// A benchmark: its selector, and what it does.
#[derive(Debug, PartialEq, Eq)]
pub struct Benchmark {
    /// The selector.
    pub name: String,
    /// What the table calls it.
    pub label: String,
}

/// One turn of a machine at a benchmark.
#[derive(Debug, PartialEq)]
pub struct Sample {
    /// The fastest of the turn's runs.
    pub microseconds: f64,
    /// What the benchmark answered, printed.
    pub result: String,
}

/// The benchmarks in a file of methods.
pub fn benchmarks(methods: &str) -> Vec<Benchmark> {
    let units = methods.split("\n%%\n");
    units.filter_map(benchmark).collect()
}

fn benchmark(method: &str) -> Option<Benchmark> {
    let (name, body) = method.trim().split_once('\n')?;
    let label = body.trim_start().strip_prefix("\"Benchmark: ")?.split_once('"')?.0;
    Some(Benchmark { name: name.trim().to_owned(), label: label.to_owned() })
}

/// The sample in what a machine printed when it ran the benchmark `name`.
pub fn sample(output: &str, name: &str) -> Option<Sample> {
    output.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        if words.next() != Some("MICRO") || words.next() != Some(name) {
            return None;
        }
        let microseconds = words.next()?.parse().ok()?;
        let result = words.skip(1).collect::<Vec<_>>().join(" ");
        Some(Sample { microseconds, result })
    })
}

/// The median; of an even number of values the mean of the two in the middle. 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// The geometric mean. 1 of none.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values
        .into_iter()
        .fold((0.0, 0_u32), |(sum, count), value: f64| (sum + value.ln(), count + 1));
    if count == 0 { 1.0 } else { (sum / f64::from(count)).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_say_so_are_benchmarks() {
        let methods = "fib\n\t\"Benchmark: 32 benchFib\"\n\t^ 1\n%%\nhelp: x\n\t^ x\n%%\n\
                       one\n\t\"Benchmark: the one\" | a |\n\t^ a\n";
        let found = benchmarks(methods);
        let names: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.label.as_str())).collect();
        assert_eq!(names, [("fib", "32 benchFib"), ("one", "the one")]);
    }

    #[test]
    fn the_projects_benchmarks_are_found() {
        let found = benchmarks(include_str!("../../../benches/micro/methods.txt"));
        assert_eq!(found[0].name, "fib32");
        assert!(found.iter().all(|it| it.name.chars().all(char::is_alphanumeric)));
        assert_eq!(found.len(), 23);
    }

    #[test]
    fn samples_are_found_among_other_output() {
        let output = "something\nMICRO fibs 1 2 3\nMICRO fib 117 120 a String\nMICRO fib 1 1 x\n";
        let found = sample(output, "fib").expect("a sample");
        assert_eq!(found, Sample { microseconds: 117.0, result: "a String".to_owned() });
        assert_eq!(sample(output, "fact"), None);
        assert_eq!(sample("MICRO fib many 2 3", "fib"), None);
        assert_eq!(sample("MICRO fib", "fib"), None);
    }

    #[test]
    fn medians_and_means() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
        assert!((geometric_mean([2.0, 8.0]) - 4.0).abs() < 1e-9);
        assert_eq!(geometric_mean([]), 1.0);
    }
}
