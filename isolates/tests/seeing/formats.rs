//! What is written of a table that is known.

use std::time::Duration;

use rowel_isolates::seeing::pages::Pages;
use rowel_isolates::seeing::snapshot::{CodeFigures, Collections, HeapFigures, Messages};
use rowel_isolates::seeing::{IsolateRow, Snapshot, State, Totals, json, prometheus};
use rowel_isolates::{ExitReason, IsolateId};

use crate::exposition::{labels, parse};

/// A name that has to be escaped.
const NAME: &str = "a \"name\"\nwith \\ in it";

fn row(id: u64, state: State) -> IsolateRow {
    let collections = |count| Collections {
        count,
        total: Duration::from_millis(3 * count),
        longest: Duration::from_millis(4),
    };
    IsolateRow {
        id: IsolateId(id),
        name: NAME.into(),
        state,
        age: Duration::from_secs(90),
        processor: Duration::from_millis(1500),
        queued: None,
        heap: HeapFigures {
            eden_bytes: 1,
            survivor_bytes: 2,
            old_bytes: 3,
            old_committed_bytes: 1 << 40,
        },
        scavenges: collections(5),
        full_collections: collections(2),
        code: CodeFigures {
            bytes: 10,
            budget_bytes: 11,
            units: 12,
            entries: 13,
            leaves: 14,
            evictions: 15,
        },
        messages: Messages { sent: 16, received: 17 },
        pages: Some(Pages { private_bytes: 18, shared_bytes: 19, proportional_bytes: 20 }),
    }
}

fn snapshot() -> Snapshot {
    let waiting = IsolateRow {
        queued: Some(Duration::from_micros(7)),
        pages: None,
        ..row(8, State::Waiting)
    };
    Snapshot {
        uptime: Duration::from_secs(100),
        isolates: vec![row(7, State::Running), waiting],
        ended: vec![row(5, State::Ended(ExitReason::Error("enough".into())))],
        totals: Totals {
            started: 3,
            ended: [("error", 1)].into(),
            processor: Duration::from_millis(4500),
            scavenges: 15,
            full_collections: 6,
            messages: Messages { sent: 48, received: 51 },
        },
    }
}

#[test]
fn prometheus_reads_each_figure_as_it_is() {
    let text = prometheus::text(&snapshot());
    let families = parse(&text);
    let of = |name: &str, extra: &[(&str, &str)]| {
        let both = [&[("isolate", "7"), ("name", NAME)], extra].concat();
        families[name].samples[&labels(&both)]
    };
    assert_eq!(of("rowel_isolate_age_seconds", &[]), 90.0);
    assert_eq!(of("rowel_isolate_processor_seconds_total", &[]), 1.5);
    let heap = |space| of("rowel_isolate_heap_bytes", &[("space", space)]);
    assert_eq!(["eden", "survivor", "old"].map(heap), [1.0, 2.0, 3.0]);
    assert_eq!(of("rowel_isolate_old_space_committed_bytes", &[]), (1_u64 << 40) as f64);
    for (kind, values) in [("scavenge", [5.0, 0.015, 0.004]), ("full", [2.0, 0.006, 0.004])] {
        let names = ["collections_total", "collection_seconds_total", "collection_longest_seconds"];
        let found = names.map(|name| of(&format!("rowel_isolate_{name}"), &[("kind", kind)]));
        assert_eq!(found, values);
    }
    let memory = |kind| of("rowel_isolate_memory_bytes", &[("kind", kind)]);
    assert_eq!(["private", "shared", "proportional"].map(memory), [18.0, 19.0, 20.0]);
    let code = |name| of(&format!("rowel_isolate_code_{name}"), &[]);
    let names =
        ["bytes", "budget_bytes", "units", "entries_total", "leaves_total", "evictions_total"];
    assert_eq!(names.map(code), [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
    let messages = |direction| of("rowel_isolate_messages_total", &[("direction", direction)]);
    assert_eq!(["sent", "received"].map(messages), [16.0, 17.0]);
    // What is not known is not there.
    let other = labels(&[("isolate", "8"), ("name", NAME)]);
    let queued = &families["rowel_isolate_queued_seconds_total"].samples;
    assert_eq!(queued.iter().collect::<Vec<_>>(), [(&other, &7e-6)]);
    assert_eq!(families["rowel_isolate_memory_bytes"].samples.len(), 3);
}

#[test]
fn prometheus_reads_what_all_have_done() {
    let families = parse(&prometheus::text(&snapshot()));
    let one = |name: &str, pairs: &[(&str, &str)]| families[name].samples[&labels(pairs)];
    let states = ["starting", "running", "sleeping", "waiting"];
    let states = states.map(|state| one("rowel_isolates", &[("state", state)]));
    assert_eq!(states, [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(one("rowel_isolates_started_total", &[]), 3.0);
    assert_eq!(one("rowel_isolates_ended_total", &[("reason", "error")]), 1.0);
    assert_eq!(one("rowel_processor_seconds_total", &[]), 4.5);
    assert_eq!(one("rowel_scavenges_total", &[]), 15.0);
    assert_eq!(one("rowel_full_collections_total", &[]), 6.0);
    assert_eq!(one("rowel_messages_sent_total", &[]), 48.0);
    assert_eq!(one("rowel_messages_received_total", &[]), 51.0);
    assert_eq!(one("rowel_uptime_seconds", &[]), 100.0);
}

#[test]
fn json_has_all_of_it() {
    let text = json::text(&snapshot());
    assert_eq!(text.lines().count(), 1);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let expected = serde_json::json!({
        "id": 7, "name": NAME, "state": "running", "reason": null,
        "age": 90.0, "processor": 1.5, "queued": null,
        "heap": { "eden": 1, "survivor": 2, "old": 3, "old_committed": 1_u64 << 40 },
        "scavenges": { "count": 5, "total": 0.015, "longest": 0.004 },
        "full_collections": { "count": 2, "total": 0.006, "longest": 0.004 },
        "code": { "bytes": 10, "budget": 11, "units": 12, "entries": 13, "leaves": 14,
            "evictions": 15 },
        "messages": { "sent": 16, "received": 17 },
        "pages": { "private": 18, "shared": 19, "proportional": 20 },
    });
    assert_eq!(value["isolates"][0], expected);
    assert_eq!(
        (&value["isolates"][1]["queued"], &value["isolates"][1]["pages"]),
        (&7e-6.into(), &serde_json::Value::Null)
    );
    let reason = serde_json::json!({ "kind": "error", "text": "enough" });
    assert_eq!(
        (&value["ended"][0]["state"], &value["ended"][0]["reason"]),
        (&"ended".into(), &reason)
    );
    assert_eq!(value["totals"]["ended"], serde_json::json!({ "error": 1 }));
    assert_eq!(value["process"], std::process::id());
}
