//! The table that a comparison prints. A ratio is the other machine's time over Rowel's: above 1
//! Rowel is the faster one.

use std::fmt;
use std::time::Duration;

use super::bench::{Sample, geometric_mean, median};
use super::run::Outcome;

/// A benchmark's line.
#[derive(Debug)]
pub struct Row {
    label: String,
    ours: f64,
    theirs: f64,
    agree: bool,
}

impl Row {
    /// The line of a benchmark from the turns of both machines.
    pub fn new(label: &str, ours: &[Sample], theirs: &[Sample]) -> Row {
        let middle = |samples: &[Sample]| median(samples.iter().map(|it| it.microseconds));
        let result = |samples: &[Sample]| samples.first().map(|it| it.result.clone());
        let expected = result(ours);
        let all = ours.iter().chain(theirs);
        let agree = all.map(|it| Some(&it.result)).all(|it| it == expected.as_ref());
        Row { label: label.to_owned(), ours: middle(ours), theirs: middle(theirs), agree }
    }

    /// How many times as long the other machine takes.
    pub fn ratio(&self) -> f64 {
        self.theirs / self.ours
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { label, ours, theirs, agree } = self;
        let note = if *agree { "" } else { "  RESULTS DIFFER" };
        write!(f, "{label:<50} {ours:>12.0} {theirs:>12.0} {:>7.2}{note}", self.ratio())
    }
}

/// Print the table's head.
pub fn heading() {
    println!("{:<50} {:>12} {:>12} {:>7}", "microseconds", "rowel", "peer", "ratio");
}

/// Print the means of the table.
pub fn summary(rows: &[Row]) {
    let mean = geometric_mean(rows.iter().map(Row::ratio));
    println!("{:<50} {:>33.2}", "geometric mean", mean);
    let below = |limit| rows.iter().filter(|row| row.ratio() < limit).count();
    println!("of {} below 1.25: {}, below 0.8: {}", rows.len(), below(1.25), below(0.8));
    println!("load of the computer: {}", load().as_deref().unwrap_or("unknown"));
}

/// The mean load of the last 1, 5 and 15 minutes, where the system tells.
fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

/// One of the times of a process.
type Time = fn(&Outcome) -> Duration;

/// Print times and memory of starting the image.
pub fn starts(ours: &[Outcome], theirs: &[Outcome]) {
    let times: [(&str, Time); 3] = [
        ("start to first output", |it| it.to_line),
        ("start to end", |it| it.to_end),
        ("processor time of that", |it| it.processor),
    ];
    let middle = |outcomes: &[Outcome], time: Time| {
        median(outcomes.iter().map(|it| time(it).as_secs_f64() * 1e6))
    };
    for (label, time) in times {
        line(label, middle(ours, time), middle(theirs, time));
    }
    let memory = |outcomes: &[Outcome]| median(outcomes.iter().map(|it| it.memory as f64 / 1000.0));
    line("peak resident memory of that, kB", memory(ours), memory(theirs));
}

/// Print how the first benchmark compares with LuaJIT's interpreter.
pub fn luajit(fib: &Row, theirs: f64) {
    line("32 benchFib, luajit -joff as peer", fib.ours, theirs);
}

fn line(label: &str, ours: f64, theirs: f64) {
    println!("{label:<50} {ours:>12.0} {theirs:>12.0} {:>7.2}", theirs / ours);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[(f64, &str)]) -> Vec<Sample> {
        let sample = |&(microseconds, result): &(f64, &str)| Sample {
            microseconds,
            result: result.to_owned(),
        };
        values.iter().map(sample).collect()
    }

    #[test]
    fn a_row_has_medians_and_their_ratio() {
        let ours = samples(&[(30.0, "7"), (10.0, "7"), (20.0, "7")]);
        let theirs = samples(&[(40.0, "7")]);
        let row = Row::new("fib", &ours, &theirs);
        assert_eq!(row.ratio(), 2.0);
        let words: Vec<_> = row.to_string().split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["fib", "20", "40", "2.00"]);
    }

    #[test]
    fn a_row_says_when_results_differ() {
        let row = Row::new("fib", &samples(&[(1.0, "7")]), &samples(&[(1.0, "8")]));
        assert!(row.to_string().ends_with("RESULTS DIFFER"));
    }
}
