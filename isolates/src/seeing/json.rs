//! The table as JSON: for `rowel top`, and for programmes.
//!
//! Owns the names of the fields. Times are seconds, sizes bytes; what is not known is null.

use std::time::Duration;

use serde_json::{Value, json};

use super::snapshot::{Collections, IsolateRow, Messages, Snapshot, State, Totals};

/// The table as JSON on one line.
pub fn text(snapshot: &Snapshot) -> String {
    format!("{}\n", value(snapshot))
}

/// The table as a JSON value.
pub fn value(snapshot: &Snapshot) -> Value {
    json!({
        "process": std::process::id(),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "uptime": seconds(snapshot.uptime),
        "totals": totals(&snapshot.totals),
        "isolates": snapshot.isolates.iter().map(row).collect::<Vec<_>>(),
        "ended": snapshot.ended.iter().map(row).collect::<Vec<_>>(),
    })
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn totals(totals: &Totals) -> Value {
    json!({
        "started": totals.started,
        "ended": totals.ended,
        "processor": seconds(totals.processor),
        "scavenges": totals.scavenges,
        "full_collections": totals.full_collections,
        "messages": messages(totals.messages),
    })
}

fn row(row: &IsolateRow) -> Value {
    let reason = match &row.state {
        State::Ended(reason) => json!({ "kind": reason.kind(), "text": reason.to_string() }),
        _ => Value::Null,
    };
    let pages = row.pages.map(|pages| {
        json!({
            "private": pages.private_bytes,
            "shared": pages.shared_bytes,
            "proportional": pages.proportional_bytes,
        })
    });
    json!({
        "id": row.id.0,
        "name": row.name,
        "state": row.state.name(),
        "reason": reason,
        "age": seconds(row.age),
        "processor": seconds(row.processor),
        "queued": row.queued.map(seconds),
        "heap": {
            "eden": row.heap.eden_bytes,
            "survivor": row.heap.survivor_bytes,
            "old": row.heap.old_bytes,
            "old_committed": row.heap.old_committed_bytes,
        },
        "scavenges": collections(&row.scavenges),
        "full_collections": collections(&row.full_collections),
        "code": {
            "bytes": row.code.bytes,
            "budget": row.code.budget_bytes,
            "units": row.code.units,
            "entries": row.code.entries,
            "leaves": row.code.leaves,
            "evictions": row.code.evictions,
        },
        "messages": messages(row.messages),
        "pages": pages,
    })
}

fn collections(collections: &Collections) -> Value {
    json!({
        "count": collections.count,
        "total": seconds(collections.total),
        "longest": seconds(collections.longest),
    })
}

fn messages(messages: Messages) -> Value {
    json!({ "sent": messages.sent, "received": messages.received })
}
