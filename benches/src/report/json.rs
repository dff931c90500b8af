//! The report for programmes.
//!
//! Owns the names of the fields. All times are microseconds; a ratio is the time of `of` over that of `to`.

use serde_json::{Map, Value, json};

use crate::measure::{Machine, Row, Series};
use crate::report::Report;

/// The report as JSON, on several lines.
pub fn text(report: &Report) -> String {
    format!("{:#}\n", value(report))
}

/// The report as a JSON value.
pub fn value(report: &Report) -> Value {
    let machines: Vec<Value> = report.machines.iter().map(machine).collect();
    let rows: Vec<Value> = report.rows.iter().map(|each| row(each, report)).collect();
    json!({
        "computer": {
            "os": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
        },
        "unit": "microseconds",
        "turns": report.amount.turns,
        "warm_up": report.amount.warm_up,
        "iterations": report.amount.iterations,
        "machines": machines,
        "benchmarks": rows,
        "geometric_means": ratios(report, |one, other| report.mean_ratio(one, other)),
        "faults": report.faults(),
    })
}

fn machine(machine: &Machine) -> Value {
    let options: Vec<_> = machine.options.iter().map(|it| it.to_string_lossy()).collect();
    json!({ "label": machine.label, "executable": machine.executable.display().to_string(), "options": options })
}

fn row(row: &Row, report: &Report) -> Value {
    let labels = report.machines.iter().map(|machine| machine.label.clone());
    let times: Map<String, Value> = labels.zip(row.series.iter().map(series)).collect();
    json!({
        "name": row.benchmark.to_string(),
        "title": row.benchmark.title,
        "machines": times,
        "ratios": ratios(report, |one, other| row.ratio(one, other)),
    })
}

fn series(series: &Result<Series, String>) -> Value {
    match series {
        Err(fault) => json!({ "fault": fault }),
        Ok(series) => {
            let steady = series.steady();
            json!({
                "result": series.result,
                "median": steady.median,
                "lower_quartile": steady.lower,
                "upper_quartile": steady.upper,
                "least": steady.least,
                "most": steady.most,
                "turns": series.turns,
            })
        }
    }
}

/// The ratios between machines for which there is one.
fn ratios(report: &Report, ratio: impl Fn(usize, usize) -> Option<f64>) -> Vec<Value> {
    let label = |index: usize| report.machines[index].label.as_str();
    let told = report.pairs().into_iter().filter_map(|(one, other)| {
        let ratio = ratio(one, other)?;
        Some(json!({ "of": label(one), "to": label(other), "ratio": ratio }))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_report_can_be_read_again() {
        let text = text(&example::report());
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&value["turns"], &value["iterations"]), (&json!(2), &json!(2)));
        let queens = &value["benchmarks"][0];
        assert_eq!(
            (&queens["name"], &queens["ratios"][0]["ratio"]),
            (&json!("queens"), &json!(4.0))
        );
        let native = &queens["machines"]["jit"];
        assert_eq!((&native["median"], &native["result"]), (&json!(2e4), &json!("7")));
        assert_eq!(native["turns"][1], json!([8e4, 2e4, 3e4]));
        assert_eq!(value["benchmarks"][1]["machines"]["jit"], json!({ "fault": "it broke" }));
        assert_eq!(value["benchmarks"][1]["ratios"], json!([]));
        assert_eq!(value["faults"], json!(["towers on jit: it broke"]));
        let mean = &value["geometric_means"][0];
        assert_eq!((&mean["of"], &mean["to"]), (&json!("interp"), &json!("jit")));
    }
}
