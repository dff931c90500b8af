//! What was recorded, for people as a table and for programs as JSON.
//!
//! Must not know: how it is recorded, or where it goes.

use std::fmt::Write;
use std::time::Duration;

use rowel_interpreter::native::EntryKind;
use serde_json::{Map, Value, json};

use crate::reasons::Reason;
use crate::records::{Gone, Place, Record};
use crate::stats::Stats;

/// The table has so many units at most: the hottest.
const MOST_ROWS: usize = 60;

/// What there is to tell.
#[derive(Clone, Debug)]
pub struct Report {
    /// All in all.
    pub stats: Stats,
    /// So often the interpreter was found running.
    pub interpreted_samples: u64,
    /// Of each unit, the hottest first.
    pub units: Vec<Record>,
}

impl Report {
    /// Lines for people.
    pub fn table(&self) -> String {
        let mut text = format!("native code: {}\n", self.stats);
        let native: u64 = self.units.iter().map(|unit| unit.samples).sum();
        let interpreted = self.interpreted_samples;
        let mut line = |args: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{args}");
        };
        line(format_args!(
            "found running: native code {native} times, the interpreter {interpreted} times"
        ));
        let head = [
            "samples", "entered", "compiled", "IR µs", "code µs", "bytes", "inlined", "left",
            "flushed", "evicted",
        ];
        let columns = |cells: [String; 10]| -> String {
            let widths = [8, 12, 9, 8, 8, 7, 8, 7, 8, 8];
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect()
        };
        line(format_args!("{}  unit", columns(head.map(String::from))));
        for unit in self.units.iter().take(MOST_ROWS) {
            let cells = [
                unit.samples,
                unit.entered,
                u64::from(unit.compilations),
                micros(unit.ir_time),
                micros(unit.machine_time),
                unit.bytes as u64,
                u64::from(unit.inlined),
                unit.leaves(),
                u64::from(unit.gone[Gone::Flushed as usize]),
                u64::from(unit.gone[Gone::Evicted as usize]),
            ];
            line(format_args!(
                "{}  {}{}",
                columns(cells.map(|cell| cell.to_string())),
                unit.name,
                remarks(unit)
            ));
        }
        if let Some(more) = self.units.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
            line(format_args!("and {more} more units"));
        }
        text
    }

    /// The same and all of it, for programs.
    pub fn json(&self) -> Value {
        let stats = &self.stats;
        json!({
            "compiled": stats.compiled,
            "refused": stats.refused,
            "inlined": stats.inlined,
            "bytes": stats.bytes,
            "leaves": stats.leaves,
            "flushes": stats.flushes,
            "evictions": stats.evictions,
            "isolate_us": micros(stats.pauses),
            "longest_pause_us": micros(stats.longest_pause),
            "longest_pause_processor_us": micros(stats.longest_work),
            "pauses_over_1_ms": stats.long_pauses,
            "back_end_us": micros(stats.time),
            "interpreted_samples": self.interpreted_samples,
            "units": self.units.iter().map(unit_json).collect::<Vec<_>>(),
        })
    }
}

fn unit_json(unit: &Record) -> Value {
    let mut places: Vec<_> = unit.places.iter().collect();
    places.sort_by_key(|place| std::cmp::Reverse(place.times));
    let place =
        |place: &&Place| json!({ "at": place.text, "why": place.why.text(), "times": place.times });
    let leaves: Map<String, Value> =
        reasons(unit).map(|(reason, times)| (reason.text().to_owned(), times.into())).collect();
    json!({
        "name": unit.name,
        "kind": match unit.kind {
            EntryKind::Method => "method",
            EntryKind::Block => "block",
            EntryKind::Loop => "loop",
        },
        "word": unit.word,
        "entered": unit.entered,
        "samples": unit.samples,
        "compilations": unit.compilations,
        "ir_us": micros(unit.ir_time),
        "machine_code_us": micros(unit.machine_time),
        "bytes": unit.bytes,
        "inlined": unit.inlined,
        "leaves": leaves,
        "places": places.iter().map(place).collect::<Vec<_>>(),
        "leaves_without_failure": unit.others,
        "flushed": unit.gone[Gone::Flushed as usize],
        "evicted": unit.gone[Gone::Evicted as usize],
        "freed": unit.gone[Gone::Freed as usize],
        "refused": unit.refused,
    })
}

/// How often `unit` was left for each reason that there was.
fn reasons(unit: &Record) -> impl Iterator<Item = (Reason, u64)> + '_ {
    let all = Reason::ALL.iter().map(|reason| (*reason, unit.leaves_for(*reason)));
    all.filter(|(_, times)| *times > 0)
}

/// What there is to say besides figures.
fn remarks(unit: &Record) -> String {
    let mut remarks: Vec<String> =
        reasons(unit).map(|(reason, times)| format!("{} {times}", reason.text())).collect();
    remarks.extend(unit.worst_place().map(|place| format!("most at {}", place.text)));
    if unit.gone[Gone::Freed as usize] > 0 {
        remarks.push("its method is no more".into());
    }
    remarks.extend(unit.refused.as_ref().map(|why| format!("refused: {why}")));
    if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::records::Records;

    use super::*;

    #[test]
    fn without_units_there_are_only_heads() {
        let report = Report {
            stats: Stats::default(),
            interpreted_samples: 3,
            units: Records::default().all(),
        };
        assert_eq!(report.table().lines().count(), 3);
        assert_eq!(report.json()["interpreted_samples"], 3);
        assert_eq!(report.json()["units"], json!([]));
    }
}
