//! The table that people read: median and spread of each machine, ratios, and their geometric means.
//!
//! Must not know where it is printed. A line for each benchmark can be had as soon as that has run.

use super::pairs;
use crate::measure::{Machine, Row, Series};
use crate::report::Report;

/// How wide the names are.
const NAME: usize = 24;
/// How wide a time and its spread are.
const TIME: usize = 9;
const SPREAD: usize = 8;
/// How wide a ratio is.
const RATIO: usize = 12;

/// The lines above the table.
pub fn head(machines: &[Machine]) -> String {
    let mut line = format!("{:<NAME$}", "milliseconds");
    for machine in machines {
        line.push_str(&format!(" {:>width$}", machine.label, width = TIME + SPREAD));
    }
    for (one, other) in pairs(machines.len()) {
        let name = format!("{}/{}", machines[one].label, machines[other].label);
        line.push_str(&format!(" {name:>RATIO$}"));
    }
    line + "\n"
}

/// The line of a benchmark.
pub fn line(row: &Row) -> String {
    let mut line = format!("{:<NAME$}", row.benchmark);
    for series in &row.series {
        line.push_str(&series.as_ref().map_or_else(|_| failed(), time));
    }
    for (one, other) in pairs(row.series.len()) {
        line.push_str(&ratio(row.ratio(one, other)));
    }
    line + "\n"
}

/// The lines below the table.
pub fn foot(report: &Report) -> String {
    let mut line = format!("{:<NAME$}", "geometric mean");
    line.push_str(&" ".repeat(report.machines.len() * (TIME + SPREAD + 1)));
    for (one, other) in report.pairs() {
        line.push_str(&ratio(report.mean_ratio(one, other)));
    }
    let amount = report.amount;
    format!(
        "{}\nMedian of {} x {} iterations after {} to warm up; ±: the middle half of them lies so close together.\n\
         A ratio is of times: above 1 the second machine is the faster one.\n",
        line.trim_end(),
        amount.turns,
        amount.iterations,
        amount.warm_up,
    )
}

/// Median and spread of a machine.
fn time(series: &Series) -> String {
    let summary = series.steady();
    let half = summary.spread() * 50.0;
    let spread = format!("±{half:.1}%");
    format!(" {:>TIME$}{spread:>SPREAD$}", milliseconds(summary.median))
}

fn failed() -> String {
    format!(" {:>width$}", "failed", width = TIME + SPREAD)
}

fn ratio(value: Option<f64>) -> String {
    let text = value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    format!(" {text:>RATIO$}")
}

/// A time with three digits or more.
fn milliseconds(microseconds: f64) -> String {
    let value = microseconds / 1000.0;
    let places = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn a_table() {
        let report = example::report();
        let mut table = head(&report.machines);
        report.rows.iter().for_each(|row| table.push_str(&line(row)));
        table.push_str(&foot(&report));
        let expected = "\
milliseconds                        interp               jit   interp/jit
queens                        80.0   ±0.0%      20.0  ±12.5%         4.00
towers                        80.0   ±0.0%            failed            -
micro/fib32                   0.40   ±0.0%      0.40   ±0.0%         1.00
geometric mean                                                       2.00
Median of 2 x 2 iterations after 1 to warm up; ±: the middle half of them lies so close together.
A ratio is of times: above 1 the second machine is the faster one.
";
        assert_eq!(table, expected);
    }

    #[test]
    fn times_have_three_digits() {
        let texts = [0.0, 40.0, 1234.0, 56_780.0, 1_234_567.0].map(milliseconds);
        assert_eq!(texts, ["0.00", "0.04", "1.23", "56.8", "1235"]);
    }
}
