//! What this project promises of its cost, each goal with its result: reached, missed, or undecided.

use std::fmt::Write;

use crate::measures::{Measure, MEASURES};
use crate::numbers::{rounded, Ratio, Series};
use crate::programs::{Kind, Program};
use crate::results::{Results, Roots};

struct Goals<'a> {
    results: &'a Results,
    programs: &'a [Program],
    text: String,
}

pub fn judged(results: &Results, programs: &[Program]) -> String {
    let mut goals = Goals { results, programs, text: String::new() };
    let public = Roots::Public;
    let (cpu, stunnel) = (goals.ours("cpu", public), goals.named("stunnel", "cpu"));
    goals.line("CPU, public roots: at most 1/4 of the best peer", goals.to_best("cpu", public), |r| r.at_most(0.25));
    goals.line("CPU, public roots: at most 1/25 of stunnel", cpu.ratio(&stunnel), |r| r.at_most(0.04));
    let floor = goals.floor("cpu");
    goals.line("CPU, public roots: at most 1.25 x pipe and warm handshake", cpu.ratio(&floor), |r| r.at_most(1.25));
    // A difference of 1.5 ms is a ratio of 1 to a pipe that is as much slower.
    let later = goals.floor("greeting").plus(1.5);
    let greeting = goals.ours("greeting", public).ratio(&later);
    goals.line("greeting: no later than 1.5 ms after the pipe's", greeting, |r| r.at_most(1.0));
    goals.line("sessions/s, public roots: 8 x the best peer", goals.to_best("rate", public), |r| r.at_least(8.0));
    let rate = goals.ours("rate", public).ratio(&goals.floor_of(Kind::Plain, "rate"));
    goals.line("sessions/s, public roots: half of plain nc's", rate, |r| r.at_least(0.5));
    let rate = goals.ours("rate", public).ratio(&goals.floor("rate"));
    goals.line("sessions/s, public roots: half of the pipe's", rate, |r| r.at_least(0.5));
    goals.limit("private memory, public roots: at most 0.25 MiB", &goals.ours("private", public), 0.25);
    goals.line("upload: 1.5 x the best peer", goals.to_best("up", Roots::Small), |r| r.at_least(1.5));
    goals.line("download: 1.4 x the best peer", goals.to_best("down", Roots::Small), |r| r.at_least(1.4));
    goals.limit("system calls: at most 200", &goals.ours("syscalls", Roots::Small), 200.0);
    goals.line("system calls: fewer than the best peer", goals.to_best("syscalls", Roots::Small), |r| r.at_most(0.999));
    goals.text
}

impl Goals<'_> {
    fn line(&mut self, goal: &str, ratio: Option<Ratio>, judge: impl Fn(&Ratio) -> Option<bool>) {
        let word = match ratio.map(|ratio| judge(&ratio)) {
            None => "not known",
            Some(None) => "inside the noise",
            Some(Some(true)) => "reached",
            Some(Some(false)) => "MISSED",
        };
        let figures = ratio.map_or("-".to_owned(), |ratio| {
            format!("{} ({} to {})", rounded(ratio.value), rounded(ratio.low), rounded(ratio.high))
        });
        let _ = writeln!(self.text, "{word:<16}  {goal}: {figures}");
    }

    /// The ratio to a value without noise.
    fn limit(&mut self, goal: &str, series: &Series, limit: f64) {
        let mut fixed = Series::default();
        (0..series.len()).for_each(|_| fixed.push(limit));
        self.line(goal, series.ratio(&fixed), |ratio| ratio.at_most(1.0));
    }

    fn ours(&self, key: &'static str, roots: Roots) -> Series {
        self.results.of_kind(self.programs, Kind::Ours, key, roots).unwrap_or_default()
    }

    fn floor_of(&self, kind: Kind, key: &'static str) -> Series {
        self.results.of_kind(self.programs, kind, key, Roots::Small).unwrap_or_default()
    }

    fn floor(&self, key: &str) -> Series {
        measure(key).and_then(|measure| self.results.floor(self.programs, measure)).unwrap_or_default()
    }

    fn named(&self, name: &str, key: &'static str) -> Series {
        let program = self.programs.iter().find(|program| program.name == name);
        program.and_then(|program| self.results.series(program, key, Roots::Public)).cloned().unwrap_or_default()
    }

    fn to_best(&self, key: &'static str, roots: Roots) -> Option<Ratio> {
        let (_, best) = self.results.best(self.programs, measure(key)?, roots)?;
        self.ours(key, roots).ratio(&best)
    }
}

fn measure(key: &str) -> Option<&'static Measure> {
    MEASURES.iter().find(|measure| measure.key == key)
}
