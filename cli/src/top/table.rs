//! The table of `rowel top`, from what the process has told.
//!
//! Pure: JSON in, text out. Must not know where either comes from or goes.

use std::cmp::Reverse;

use serde_json::Value;

/// What rows can be ordered by.
pub const ORDERS: [&str; 5] = ["id", "processor", "memory", "heap", "messages"];
/// So many of those that have ended are shown.
const MOST_ENDED: usize = 5;
/// Names longer than this are cut.
const NAME_WIDTH: usize = 20;
/// So are reasons of ends.
const REASON_WIDTH: usize = 100;

const COLUMNS: [&str; 17] = [
    "ID", "NAME", "STATE", "CPU%", "CPU", "YOUNG", "OLD", "PRIVATE", "SHARED", "SCAV", "FULL",
    "GC%", "PAUSE", "CODE", "HITS", "IN", "OUT",
];
/// Columns that hold words.
const LEFT: [usize; 2] = [1, 2];

/// The table of `now`; shares of time are those since `before`, or, without that, since the start.
pub fn text(now: &Value, before: Option<&Value>, order: &str) -> String {
    let mut isolates: Vec<&Value> = list(now, "isolates").iter().collect();
    isolates.sort_by_key(|isolate| (Reverse(rank(isolate, order)), integer(&isolate["id"])));
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    rows.extend(isolates.iter().map(|isolate| row(isolate, earlier(isolate, before))));
    let mut text = head(now);
    text.push_str(&aligned(&rows));
    let ended = list(now, "ended");
    for isolate in ended.iter().take(MOST_ENDED) {
        text.push_str(&format!("{}\n", end(isolate)));
    }
    if ended.len() > MOST_ENDED {
        text.push_str(&format!("… and {} that ended before\n", ended.len() - MOST_ENDED));
    }
    text
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn integer(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// What is to come first has most of this.
fn rank(isolate: &Value, order: &str) -> u64 {
    let (heap, messages) = (&isolate["heap"], &isolate["messages"]);
    match order {
        "processor" => (number(&isolate["processor"]) * 1e9) as u64,
        "memory" => integer(&isolate["pages"]["private"]),
        "heap" => integer(&heap["old"]) + integer(&heap["eden"]) + integer(&heap["survivor"]),
        "messages" => integer(&messages["sent"]) + integer(&messages["received"]),
        _ => 0,
    }
}

/// The same isolate as it was told of before, with the time since.
fn earlier<'a>(isolate: &Value, before: Option<&'a Value>) -> Option<&'a Value> {
    let rows = before?["isolates"].as_array()?;
    rows.iter().find(|row| row["id"] == isolate["id"])
}

fn head(now: &Value) -> String {
    let isolates = list(now, "isolates");
    let states = ["running", "sleeping", "waiting", "starting"].map(|state| {
        let count = isolates.iter().filter(|isolate| isolate["state"] == state).count();
        (count > 0).then(|| format!("{count} {state}"))
    });
    let states: Vec<String> = states.into_iter().flatten().collect();
    let ends = now["totals"]["ended"].as_object();
    let ends: Vec<String> = ends
        .map(|ends| ends.iter().map(|(kind, count)| format!("{count} {kind}")).collect())
        .unwrap_or_default();
    let totals = &now["totals"];
    let list = |words: Vec<String>| if words.is_empty() { "none".into() } else { words.join(", ") };
    format!(
        "process {}, up {}, {} processors\nisolates: {}; {} started; ended: {}; messages: {} sent, {} received\n\n",
        now["process"],
        time(number(&now["uptime"])),
        now["processors"],
        list(states),
        totals["started"],
        list(ends),
        totals["messages"]["sent"],
        totals["messages"]["received"],
    )
}

fn row(isolate: &Value, before: Option<&Value>) -> Vec<String> {
    let (heap, code, pages) = (&isolate["heap"], &isolate["code"], &isolate["pages"]);
    let collecting = |isolate: &Value| {
        number(&isolate["scavenges"]["total"]) + number(&isolate["full_collections"]["total"])
    };
    let since = |of: &dyn Fn(&Value) -> f64| of(isolate) - before.map_or(0.0, of);
    let age = since(&|isolate| number(&isolate["age"]));
    let share = |of: &dyn Fn(&Value) -> f64| {
        if age > 0.0 { format!("{:.1}", 100.0 * since(of) / age) } else { "–".into() }
    };
    let longest = number(&isolate["scavenges"]["longest"])
        .max(number(&isolate["full_collections"]["longest"]));
    let page = |value: &Value| value.as_u64().map_or("–".into(), bytes);
    vec![
        isolate["id"].to_string(),
        name(isolate),
        isolate["state"].as_str().unwrap_or("?").to_owned(),
        share(&|isolate| number(&isolate["processor"])),
        time(number(&isolate["processor"])),
        bytes(integer(&heap["eden"]) + integer(&heap["survivor"])),
        bytes(integer(&heap["old"])),
        page(&pages["private"]),
        page(&pages["shared"]),
        isolate["scavenges"]["count"].to_string(),
        isolate["full_collections"]["count"].to_string(),
        share(&collecting),
        time(longest),
        bytes(integer(&code["bytes"])),
        count(integer(&code["entries"])),
        count(integer(&isolate["messages"]["received"])),
        count(integer(&isolate["messages"]["sent"])),
    ]
}

/// How one has ended: of a reason with a stack the first line.
fn end(isolate: &Value) -> String {
    let name = name(isolate);
    let name = if name.is_empty() { name } else { format!(" ({name})") };
    let reason = isolate["reason"]["text"].as_str().unwrap_or("?");
    format!(
        "isolate {}{name} ended after {}: {}",
        isolate["id"],
        time(number(&isolate["age"])),
        cut(reason.lines().next().unwrap_or(""), REASON_WIDTH),
    )
}

fn name(isolate: &Value) -> String {
    cut(isolate["name"].as_str().unwrap_or(""), NAME_WIDTH)
}

/// So much of a text, without what a terminal would obey.
fn cut(text: &str, width: usize) -> String {
    let plain: String = text.chars().filter(|character| !character.is_control()).collect();
    if plain.chars().count() <= width {
        return plain;
    }
    plain.chars().take(width - 1).chain(['…']).collect()
}

/// Columns below each other.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..COLUMNS.len()).filter_map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if LEFT.contains(&column) {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join(" ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A size with at most three digits before its unit.
fn bytes(value: u64) -> String {
    scaled(value as f64, 1024.0, &["", "k", "M", "G", "T"])
}

/// A number, the same way.
fn count(value: u64) -> String {
    scaled(value as f64, 1000.0, &["", "k", "M", "G", "T"])
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$}{}", units[unit])
}

/// A time in the unit that suits it.
fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        0.0 => return "0".into(),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s if s < 600.0 => (s, "s"),
        s if s < 36_000.0 => (s / 60.0, "min"),
        s => (s / 3600.0, "h"),
    };
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn isolate(id: u64, name: &str, processor: f64) -> Value {
        json!({
            "id": id, "name": name, "state": "running", "reason": null, "age": 2.0,
            "processor": processor, "queued": null,
            "heap": { "eden": 2048, "survivor": 1024, "old": 5 << 20, "old_committed": 8 << 20 },
            "scavenges": { "count": 12, "total": 0.02, "longest": 0.0005 },
            "full_collections": { "count": 1, "total": 0.02, "longest": 0.02 },
            "code": { "bytes": 1500, "budget": 1 << 20, "units": 3, "entries": 123_456,
                "leaves": 1, "evictions": 0 },
            "messages": { "sent": 10 * id, "received": 999 },
            "pages": { "private": 3 << 20, "shared": 20 << 20, "proportional": 4 << 20 },
        })
    }

    fn table(isolates: &[Value]) -> Value {
        let mut ended = isolate(3, "gone", 0.1);
        ended["reason"] =
            json!({ "kind": "error", "text": "Error: \u{1b}no more\nBlock>>on:do:\nX>>y" });
        json!({
            "process": 77, "processors": 2, "uptime": 65.0,
            "totals": { "started": 3, "ended": { "error": 1 }, "processor": 3.1,
                "scavenges": 24, "full_collections": 2, "messages": { "sent": 30, "received": 40 } },
            "isolates": isolates, "ended": [ended],
        })
    }

    #[test]
    fn a_table_looks_like_this() {
        let mut other = isolate(2, "an\u{1b}other one with a long name", 1.0);
        other["pages"] = Value::Null;
        let now = table(&[isolate(1, "main", 0.5), other]);
        let expected = "\
process 77, up 65s, 2 processors
isolates: 2 running; 3 started; ended: 1 error; messages: 30 sent, 40 received

ID NAME                 STATE   CPU%   CPU YOUNG  OLD PRIVATE SHARED SCAV FULL GC% PAUSE CODE HITS  IN OUT
 1 main                 running 25.0 500ms  3.0k 5.0M    3.0M    20M   12    1 2.0  20ms 1.5k 123k 999  10
 2 another one with a … running 50.0  1.0s  3.0k 5.0M       –      –   12    1 2.0  20ms 1.5k 123k 999  20
isolate 3 (gone) ended after 2.0s: Error: no more
";
        assert_eq!(text(&now, None, "id"), expected);
    }

    #[test]
    fn shares_are_those_since_the_last_table_and_rows_are_ordered() {
        let before = table(&[isolate(1, "one", 0.5), isolate(2, "two", 0.5)]);
        let mut now = table(&[isolate(1, "one", 0.5), isolate(2, "two", 1.25)]);
        for row in now["isolates"].as_array_mut().expect("rows") {
            row["age"] = json!(3.0);
        }
        let text = text(&now, Some(&before), "processor");
        let rows: Vec<&str> = text.lines().skip(4).take(2).collect();
        assert!(rows[0].starts_with(" 2 two  running 75.0"), "{text}");
        assert!(rows[1].starts_with(" 1 one  running  0.0"), "{text}");
    }

    #[test]
    fn sizes_and_times_are_short() {
        let sizes = [0, 1023, 1024, 10_200, 1 << 20, 1023 << 20, 5 << 40].map(bytes);
        assert_eq!(sizes, ["0", "1023", "1.0k", "10k", "1.0M", "1023M", "5.0T"]);
        let times = [0.0, 2e-6, 0.0123, 3.0, 125.0, 700.0, 80_000.0].map(time);
        assert_eq!(times, ["0", "2.0µs", "12ms", "3.0s", "125s", "12min", "22h"]);
        assert_eq!([999, 1000, 25_000_000].map(count), ["999", "1.0k", "25M"]);
    }
}
