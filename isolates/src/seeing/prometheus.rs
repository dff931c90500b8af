//! The table in the text format of Prometheus, version 0.0.4.
//!
//! Owns the names of the metrics. Times are seconds, sizes bytes, as is usual there. Source: Prometheus'
//! `docs/instrumenting/exposition_formats.md` and `docs/practices/naming.md`.

use std::fmt::Write;

use super::snapshot::{IsolateRow, Snapshot};

/// What an HTTP answer with it says that it is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A label beside those that name the isolate; an empty name for none.
type Label = (&'static str, &'static str);
const NONE: Label = ("", "");

/// What there is of each isolate: name, type, help, and the values, each with its label.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    values: fn(&IsolateRow) -> Vec<(Label, f64)>,
}

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

const fn family(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    values: fn(&IsolateRow) -> Vec<(Label, f64)>,
) -> Family {
    Family { name, kind, help, values }
}

fn bytes(value: u64) -> f64 {
    value as f64
}

const FAMILIES: &[Family] = &[
    family("rowel_isolate_age_seconds", GAUGE, "How long ago it was started", |row| {
        vec![(NONE, row.age.as_secs_f64())]
    }),
    family(
        "rowel_isolate_processor_seconds_total",
        COUNTER,
        "Processor time of its thread",
        |row| vec![(NONE, row.processor.as_secs_f64())],
    ),
    family(
        "rowel_isolate_queued_seconds_total",
        COUNTER,
        "How long its thread was ready to run while others ran",
        |row| row.queued.iter().map(|queued| (NONE, queued.as_secs_f64())).collect(),
    ),
    family("rowel_isolate_heap_bytes", GAUGE, "Objects, without the boot image", |row| {
        vec![
            (("space", "eden"), bytes(row.heap.eden_bytes)),
            (("space", "survivor"), bytes(row.heap.survivor_bytes)),
            (("space", "old"), bytes(row.heap.old_bytes)),
        ]
    }),
    family(
        "rowel_isolate_old_space_committed_bytes",
        GAUGE,
        "Old objects and what is free between them, without the boot image",
        |row| vec![(NONE, bytes(row.heap.old_committed_bytes))],
    ),
    family("rowel_isolate_collections_total", COUNTER, "Collections of garbage", |row| {
        vec![
            (("kind", "scavenge"), row.scavenges.count as f64),
            (("kind", "full"), row.full_collections.count as f64),
        ]
    }),
    family(
        "rowel_isolate_collection_seconds_total",
        COUNTER,
        "How long it has waited for collections of garbage",
        |row| {
            vec![
                (("kind", "scavenge"), row.scavenges.total.as_secs_f64()),
                (("kind", "full"), row.full_collections.total.as_secs_f64()),
            ]
        },
    ),
    family(
        "rowel_isolate_collection_longest_seconds",
        GAUGE,
        "How long it has waited for the longest collection of garbage",
        |row| {
            vec![
                (("kind", "scavenge"), row.scavenges.longest.as_secs_f64()),
                (("kind", "full"), row.full_collections.longest.as_secs_f64()),
            ]
        },
    ),
    family(
        "rowel_isolate_memory_bytes",
        GAUGE,
        "Pages of its heap in memory: its own, those shared with others, and its part of all",
        |row| match row.pages {
            Some(pages) => vec![
                (("kind", "private"), bytes(pages.private_bytes)),
                (("kind", "shared"), bytes(pages.shared_bytes)),
                (("kind", "proportional"), bytes(pages.proportional_bytes)),
            ],
            None => Vec::new(),
        },
    ),
    family("rowel_isolate_code_bytes", GAUGE, "Native code", |row| {
        vec![(NONE, bytes(row.code.bytes))]
    }),
    family("rowel_isolate_code_budget_bytes", GAUGE, "Native code at most", |row| {
        vec![(NONE, bytes(row.code.budget_bytes))]
    }),
    family(
        "rowel_isolate_code_units",
        GAUGE,
        "Methods, blocks and loops with native code",
        |row| vec![(NONE, row.code.units as f64)],
    ),
    family(
        "rowel_isolate_code_entries_total",
        COUNTER,
        "How often the interpreter has gone on in native code",
        |row| vec![(NONE, row.code.entries as f64)],
    ),
    family(
        "rowel_isolate_code_leaves_total",
        COUNTER,
        "How often native code was left because a guard failed",
        |row| vec![(NONE, row.code.leaves as f64)],
    ),
    family(
        "rowel_isolate_code_evictions_total",
        COUNTER,
        "How often room was made by dropping native code",
        |row| vec![(NONE, row.code.evictions as f64)],
    ),
    family("rowel_isolate_messages_total", COUNTER, "Messages through channels", |row| {
        vec![
            (("direction", "sent"), row.messages.sent as f64),
            (("direction", "received"), row.messages.received as f64),
        ]
    }),
];

/// States in which isolates are counted, so that none is missing when it is empty.
const STATES: [&str; 4] = ["starting", "running", "sleeping", "waiting"];

/// The table.
pub fn text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    of_all(snapshot, &mut text);
    for family in FAMILIES {
        head(&mut text, family.name, family.kind, family.help);
        for row in &snapshot.isolates {
            for ((label, value), number) in (family.values)(row) {
                let (id, name) = (row.id, Escaped(&row.name));
                let _ = write!(text, "{}{{isolate=\"{id}\",name=\"{name}\"", family.name);
                if !label.is_empty() {
                    let _ = write!(text, ",{label}=\"{value}\"");
                }
                let _ = writeln!(text, "}} {number}");
            }
        }
    }
    text
}

/// What there is of all isolates together.
fn of_all(snapshot: &Snapshot, text: &mut String) {
    let totals = &snapshot.totals;
    head(text, "rowel_isolates", GAUGE, "Isolates that live, by what they do");
    for state in STATES {
        let count = snapshot.isolates.iter().filter(|row| row.state.name() == state).count();
        let _ = writeln!(text, "rowel_isolates{{state=\"{state}\"}} {count}");
    }
    head(text, "rowel_isolates_started_total", COUNTER, "Isolates that were started");
    let _ = writeln!(text, "rowel_isolates_started_total {}", totals.started);
    head(text, "rowel_isolates_ended_total", COUNTER, "Isolates that have ended, by reason");
    for (reason, count) in &totals.ended {
        let _ = writeln!(text, "rowel_isolates_ended_total{{reason=\"{reason}\"}} {count}");
    }
    let of_dead_and_living = [
        ("rowel_processor_seconds_total", "Processor time", totals.processor.as_secs_f64()),
        ("rowel_scavenges_total", "Scavenges", totals.scavenges as f64),
        ("rowel_full_collections_total", "Full collections", totals.full_collections as f64),
        ("rowel_messages_sent_total", "Messages sent", totals.messages.sent as f64),
        ("rowel_messages_received_total", "Messages received", totals.messages.received as f64),
    ];
    for (name, what, value) in of_dead_and_living {
        head(text, name, COUNTER, &format!("{what}, of all isolates, dead or alive"));
        let _ = writeln!(text, "{name} {value}");
    }
    head(text, "rowel_uptime_seconds", GAUGE, "How long this is counted");
    let _ = writeln!(text, "rowel_uptime_seconds {}", snapshot.uptime.as_secs_f64());
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A value of a label, with what must not be in one spelled otherwise.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}
