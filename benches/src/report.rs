//! What is said about measurements: [`table`] for people, [`json`] for programmes, [`svg`] as a picture.
//!
//! Owns what a report is of. Must not know how the measurements were made.

pub mod json;
pub mod svg;
pub mod table;

use crate::measure::{Amount, Machine, Row};
use crate::statistics::geometric_mean;

/// What a report is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The machines; the first is the one that ratios compare with the others.
    pub machines: Vec<Machine>,
    /// How much was run.
    pub amount: Amount,
    /// The benchmarks.
    pub rows: Vec<Row>,
}

impl Report {
    /// How many times as long the machine `one` takes as the machine `other`: the geometric mean of the
    /// benchmarks that both ran.
    pub fn mean_ratio(&self, one: usize, other: usize) -> Option<f64> {
        geometric_mean(self.rows.iter().filter_map(|row| row.ratio(one, other)))
    }

    /// The ratios that are worth telling, each as the indices of two machines: the time of the first over
    /// that of the second, so that above 1 the second is the faster one. Each machine but the first beside the
    /// first, and the last machine beside those between.
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        pairs(self.machines.len())
    }

    /// What is wrong, in all benchmarks.
    pub fn faults(&self) -> Vec<String> {
        self.rows.iter().flat_map(|row| row.faults(&self.machines)).collect()
    }
}

fn pairs(count: usize) -> Vec<(usize, usize)> {
    match count {
        0 | 1 => Vec::new(),
        2 => vec![(0, 1)],
        // With a peer: native code beside the interpreter, then both beside the peer.
        _ => std::iter::once((0, 1)).chain((0..count - 1).map(|one| (count - 1, one))).collect(),
    }
}

/// Rows for the tests of reports.
#[cfg(test)]
mod example {
    use super::*;
    use crate::measure::Series;
    use crate::suite;
    use std::path::PathBuf;

    pub fn machine(label: &str) -> Machine {
        Machine { label: label.to_owned(), executable: PathBuf::from("vm"), options: Vec::new() }
    }

    pub fn series(turns: &[&[f64]]) -> Result<Series, String> {
        let turns = turns.iter().map(|turn| turn.to_vec()).collect();
        Ok(Series { turns, warm_up: 1, result: "7".to_owned() })
    }

    pub fn report() -> Report {
        let names = ["queens".to_owned(), "towers".to_owned(), "micro/fib32".to_owned()];
        let mut benchmarks = suite::select(&names).expect("benchmarks").into_iter();
        let mut row = |series| Row { benchmark: benchmarks.next().expect("one"), series };
        let slow: &[&[f64]] = &[&[9e4, 8e4, 8e4], &[9e4, 8e4, 8e4]];
        let fast: &[&[f64]] = &[&[12e4, 2e4, 1e4], &[8e4, 2e4, 3e4]];
        let rows = vec![
            row(vec![series(slow), series(fast)]),
            row(vec![series(slow), Err("it broke".to_owned())]),
            row(vec![series(&[&[500.0, 400.0, 400.0]]), series(&[&[500.0, 400.0, 400.0]])]),
        ];
        let machines = vec![machine("interp"), machine("jit")];
        Report { machines, amount: Amount { turns: 2, warm_up: 1, iterations: 2 }, rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_of_what_both_ran() {
        let report = example::report();
        assert_eq!(report.pairs(), [(0, 1)]);
        let mean = report.mean_ratio(0, 1).expect("a mean");
        assert!((mean - 2.0).abs() < 1e-9, "{mean}");
        assert_eq!(report.mean_ratio(0, 2), None);
        assert_eq!(report.faults(), ["towers on jit: it broke"]);
    }

    #[test]
    fn a_peer_is_beside_both() {
        assert_eq!(pairs(1), []);
        assert_eq!(pairs(3), [(0, 1), (2, 0), (2, 1)]);
    }
}
