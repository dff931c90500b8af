//! The report as a picture: for each benchmark the time of each iteration from the first on, and the steady
//! state; at the end all ratios.
//!
//! Owns the drawing, as plain SVG text. Must not know what the machines are; the first few have colours.

use std::fmt::Write;

use crate::measure::{Row, Series};
use crate::report::Report;

/// Colours of the machines.
const COLOURS: [&str; 4] = ["#4269d0", "#efb118", "#3ca951", "#9c6b4e"];
/// The colour of what compares the first two machines.
const BETWEEN: &str = "#8a8a8a";
/// Sizes in pixels: of a panel, what is left free around its curves, and of a bar.
const PANEL: (f64, f64) = (300.0, 190.0);
const MARGIN: (f64, f64) = (44.0, 26.0);
const BAR: f64 = 16.0;
/// Panels in a row.
const ACROSS: usize = 4;
/// Where the panels begin.
const TOP: f64 = 60.0;

/// The picture.
pub fn text(report: &Report) -> String {
    let down = report.rows.len().div_ceil(ACROSS);
    let bars_top = TOP + PANEL.1 * down as f64 + 30.0;
    let group = BAR * report.pairs().len() as f64 + 6.0;
    let height = bars_top + 30.0 + group * (report.rows.len() + 1) as f64;
    let width = PANEL.0 * ACROSS as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    heading(&mut out, report);
    for (index, row) in report.rows.iter().enumerate() {
        let left = PANEL.0 * (index % ACROSS) as f64;
        panel(&mut out, row, (left, TOP + PANEL.1 * (index / ACROSS) as f64));
    }
    bars(&mut out, report, bars_top, group);
    out.push_str("</svg>\n");
    out
}

/// What the colours mean.
fn heading(out: &mut String, report: &Report) {
    label(
        out,
        (12.0, 22.0),
        "start",
        15.0,
        "Time of each iteration, in milliseconds; the band is the steady state (quartiles)",
    );
    let mut x = 12.0;
    for (index, machine) in report.machines.iter().enumerate() {
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"34\" width=\"12\" height=\"12\" fill=\"{}\"/>",
            colour(index)
        );
        label(out, (x + 18.0, 44.0), "start", 12.0, &machine.label);
        x += 40.0 + 8.0 * machine.label.chars().count() as f64;
    }
}

/// The curves of a benchmark, in a panel whose corner is `corner`.
fn panel(out: &mut String, row: &Row, corner: (f64, f64)) {
    let series: Vec<(usize, &Series)> = row
        .series
        .iter()
        .enumerate()
        .filter_map(|(index, it)| Some((index, it.as_ref().ok()?)))
        .collect();
    let values = || series.iter().flat_map(|(_, series)| series.curve());
    let most = values().fold(0.0, f64::max).max(1.0);
    let length = series.iter().map(|(_, series)| series.curve().len()).max().unwrap_or(0).max(2);
    let (left, top) = (corner.0 + MARGIN.0, corner.1 + MARGIN.1);
    let (width, height) = (PANEL.0 - MARGIN.0 - 14.0, PANEL.1 - 2.0 * MARGIN.1);
    let x = |iteration: usize| left + width * iteration as f64 / (length - 1) as f64;
    let y = |time: f64| top + height * (1.0 - time / most);
    label(out, (left, top - 8.0), "start", 12.0, &row.benchmark.to_string());
    for part in [0.0, 0.5, 1.0] {
        let (line, end) = (y(part * most), left + width);
        let _ = writeln!(
            out,
            "<line x1=\"{left:.1}\" y1=\"{line:.1}\" x2=\"{end:.1}\" y2=\"{line:.1}\" stroke=\"#ddd\"/>"
        );
        let time = part * most / 1000.0;
        let places = usize::from(most < 10_000.0) + usize::from(most < 1_000.0);
        label(out, (left - 5.0, line + 4.0), "end", 10.0, &format!("{time:.places$}"));
    }
    label(out, (left, top + height + 14.0), "start", 10.0, "1");
    label(out, (left + width, top + height + 14.0), "end", 10.0, &length.to_string());
    for (index, series) in series {
        let steady = series.steady();
        let (band, depth) = (y(steady.upper), (y(steady.lower) - y(steady.upper)).max(1.0));
        let start = x(series.warm_up.min(length - 1));
        let _ = writeln!(
            out,
            "<rect x=\"{start:.1}\" y=\"{band:.1}\" width=\"{:.1}\" height=\"{depth:.1}\" fill=\"{}\" \
             fill-opacity=\"0.25\"/>",
            left + width - start,
            colour(index)
        );
        let points = series.curve().into_iter().enumerate();
        let points: Vec<String> =
            points.map(|(at, time)| format!("{:.1},{:.1}", x(at), y(time))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"/>",
            points.join(" "),
            colour(index)
        );
    }
}

/// The ratios of all benchmarks and their means, as bars from 1 on a logarithmic scale.
fn bars(out: &mut String, report: &Report, top: f64, group: f64) {
    let pairs = report.pairs();
    let ratio = |row: Option<&Row>, (one, other)| match row {
        Some(row) => row.ratio(one, other),
        None => report.mean_ratio(one, other),
    };
    let rows: Vec<Option<&Row>> = report.rows.iter().map(Some).chain([None]).collect();
    let all = rows.iter().flat_map(|row| pairs.iter().filter_map(|pair| ratio(*row, *pair)));
    let reach = all.map(|it| it.ln().abs()).fold(2.0_f64.ln(), f64::max);
    let (middle, scale) = (PANEL.0 * 2.0, PANEL.0 * 1.3 / reach);
    label(
        out,
        (12.0, top),
        "start",
        15.0,
        "Ratios of steady states, times of the first over the second",
    );
    for (index, row) in rows.into_iter().enumerate() {
        let y = top + 16.0 + group * index as f64;
        let name = row.map_or("geometric mean".to_owned(), |row| row.benchmark.to_string());
        label(out, (12.0, y + 12.0), "start", 11.0, &name);
        for (bar, pair) in pairs.iter().enumerate() {
            let Some(value) = ratio(row, *pair) else { continue };
            let (y, length) = (y + BAR * bar as f64, value.ln() * scale);
            let start = middle + length.min(0.0);
            let _ = writeln!(
                out,
                "<rect x=\"{start:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                length.abs().max(1.0),
                BAR - 3.0,
                if bar == 0 { BETWEEN } else { colour(pair.1) }
            );
            let names = [pair.0, pair.1].map(|index| report.machines[index].label.as_str());
            let text = format!("{value:.2}  {} / {}", names[0], names[1]);
            label(out, (middle + length.max(0.0) + 6.0, y + 11.0), "start", 10.0, &text);
        }
    }
}

fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// A piece of text.
fn label(out: &mut String, (x, y): (f64, f64), anchor: &str, size: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn a_picture_has_a_curve_for_each_series_and_a_bar_for_each_ratio() {
        let report = example::report();
        let picture = text(&report);
        assert_eq!(picture.matches("<polyline").count(), 5);
        assert!(picture.contains("<text x=\"12.0\"") && picture.contains("geometric mean"));
        assert!(picture.contains("4.00  interp / jit"), "{picture}");
        assert!(picture.contains("2.00  interp / jit"), "the mean: {picture}");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        let opened = picture.matches("<text").count();
        assert_eq!(opened, picture.matches("</text>").count());
    }

    #[test]
    fn the_slowest_iteration_is_at_the_top_and_zero_at_the_bottom() {
        let mut report = example::report();
        report.rows.truncate(1);
        report.rows[0].series = vec![example::series(&[&[100.0, 0.0]])];
        report.machines.truncate(1);
        let picture = text(&report);
        let (top, bottom) = (TOP + MARGIN.1, TOP + PANEL.1 - MARGIN.1);
        let (left, right) = (MARGIN.0, PANEL.0 - 14.0);
        let points = format!("points=\"{left:.1},{top:.1} {right:.1},{bottom:.1}\"");
        assert!(picture.contains(&points), "{points}\n{picture}");
    }

    #[test]
    fn names_are_escaped_and_nothing_is_drawn_of_nothing() {
        let mut report = example::report();
        report.machines[0].label = "<a & b>".to_owned();
        assert!(text(&report).contains(">&lt;a &amp; b&gt;</text>"));
        report.rows.clear();
        assert_eq!(text(&report).matches("<polyline").count(), 0);
        assert!(!text(&report).contains("NaN"));
    }
}
