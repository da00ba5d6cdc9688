//! The table: medians, ratios, noise.

use std::fmt::Write;

use crate::measures::{Measure, MEASURES};
use crate::numbers::{rounded, Ratio, Series};
use crate::place::Place;
use crate::programs::{Kind, Program};
use crate::results::{Results, Roots};

/// Markdown, as benches/README.md shows it.
pub fn medians(results: &Results, programs: &[Program]) -> String {
    let ours = |measure: &Measure, roots| results.of_kind(programs, Kind::Ours, measure.key, roots).unwrap_or_default();
    let median = |series: Option<&Series>| series.and_then(Series::median).map_or("-".to_owned(), rounded);
    let mut rows: Vec<Vec<String>> = vec![head()];
    for program in programs {
        rows.push(row(program.name, |measure| {
            cell(program, measure, |roots| median(results.series(program, measure.key, roots)))
        }));
    }
    rows.push(row("we : best peer", |measure| {
        both(measure, |roots| {
            let best = results.best(programs, measure, roots).map(|(_, series)| series).unwrap_or_default();
            Ratio::shown(ours(measure, roots).ratio(&best))
        })
    }));
    rows.push(row("we : floor", |measure| {
        let floor = results.floor(programs, measure).unwrap_or_default();
        both(measure, |roots| Ratio::shown(ours(measure, roots).ratio(&floor)))
    }));
    if let Some(also) = programs.iter().find(|program| program.kind == Kind::Also) {
        rows.push(row("we : another build", |measure| {
            both(measure, |roots| {
                let theirs = results.series(also, measure.key, roots).cloned().unwrap_or_default();
                Ratio::shown(ours(measure, roots).ratio(&theirs))
            })
        }));
    }
    aligned(&rows)
}

/// How far each series scatters: its interquartile range in per cent of its median.
pub fn noise(results: &Results, programs: &[Program]) -> String {
    let spread = |series: Option<&Series>| {
        series.and_then(Series::spread).map_or("-".to_owned(), |spread| format!("{:.0}%", spread * 100.0))
    };
    let mut rows = vec![head()];
    for program in programs {
        rows.push(row(program.name, |measure| {
            cell(program, measure, |roots| spread(results.series(program, measure.key, roots)))
        }));
    }
    aligned(&rows)
}

/// What the reader must know to judge the figures.
pub fn foot(results: &Results, place: &Place, load: &str) -> String {
    let mut text = String::new();
    let warm = results.warm.median().map_or("-".to_owned(), rounded);
    let ours = if cfg!(feature = "test-hooks") {
        "Ours trusts its built-in roots then, and the smarthost's CA from a file, which the feature test-hooks lets it add: \
         no public CA certifies a smarthost on loopback. Reading that file makes ours a little dearer than it is."
    } else {
        "Ours reads that whole file as --ca-file, which it need not in real life: built with `--features test-hooks` the \
         benchmark measures the built-in roots instead."
    };
    let _ = writeln!(
        text,
        "Left: a CA file of one certificate; right: {} public roots with the smarthost's CA behind them. {ours}\n\
         The floor is the plain pipe; for CPU it is the pipe and a warm handshake ({warm} ms).\n\
         Idle CPU: of a session in which nobody speaks. CPU, page faults: of the process and its threads. Peak RSS: before QUIT. System calls: as strace counts them.\n\
         ~ is a ratio that the noise does not carry: its 95 % interval reaches further than a fifth to a side.\n\
         {load}",
        place.public_count,
    );
    for who in results.held_back() {
        let _ = writeln!(text, "kept the end of a download (its rate is that of what came): {who}");
    }
    for (what, (rounds, reason)) in &results.failures {
        let _ = writeln!(text, "without a figure: {what}: {rounds} times, at last: {reason}");
    }
    text
}

fn head() -> Vec<String> {
    row("", |measure| measure.title.to_owned())
}

fn row(name: &str, cell: impl Fn(&Measure) -> String) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    row.extend(MEASURES.iter().map(cell));
    row
}

fn cell(program: &Program, measure: &Measure, text: impl Fn(Roots) -> String) -> String {
    if program.has_tls() {
        both(measure, text)
    } else {
        text(Roots::Small)
    }
}

fn both(measure: &Measure, text: impl Fn(Roots) -> String) -> String {
    if measure.public {
        format!("{} / {}", text(Roots::Small), text(Roots::Public))
    } else {
        text(Roots::Small)
    }
}

/// Markdown, each column as wide as its widest cell.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            let lines: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            let _ = writeln!(text, "|{}|", lines.join("|"));
        }
    }
    text
}
