//! Runs the experiments, program after program and round after round, so that a slow moment hits all of them alike.

use std::collections::BTreeMap;
use std::io;

use serde_json::{json, Map, Value};

use crate::measures::{Better, Effort, Experiment, Measure, EXPERIMENTS, HELD_BACK, MEASURES};
use crate::numbers::Series;
use crate::place::Place;
use crate::programs::{Kind, Program, Target};
use crate::say;
use crate::warm;

const ENOUGH_FAILURES: usize = 2;

/// Whom the programs trust.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Roots {
    Small,
    Public,
}

impl Roots {
    pub const BOTH: [Roots; 2] = [Roots::Small, Roots::Public];

    pub fn word(self) -> &'static str {
        match self {
            Roots::Small => "small CA",
            Roots::Public => "public roots",
        }
    }
}

#[derive(Default)]
pub struct Results {
    series: BTreeMap<(&'static str, &'static str, Roots), Series>,
    /// What a client that already runs pays for a handshake, CPU milliseconds.
    pub warm: Series,
    /// Rounds without a figure, and the last reason.
    pub failures: BTreeMap<String, (usize, String)>,
}

/// The target of these roots; None if this machine has no public ones.
pub fn target(place: &Place, roots: Roots) -> Option<Target<'_>> {
    let ca_file = match roots {
        Roots::Small => &place.small,
        Roots::Public => place.public.as_ref()?,
    };
    let built_in = roots == Roots::Public && cfg!(feature = "test-hooks");
    Some(Target { place, port: place.server.tls, ca_file, anchor: built_in.then_some(place.small.as_path()) })
}

pub fn measure(place: &Place, programs: &[Program], effort: &Effort, words: &[String]) -> io::Result<Results> {
    let mut results = Results { warm: warm::handshakes(place, effort.sessions)?, ..Results::default() };
    let asked = |experiment: &&Experiment| words.is_empty() || words.iter().any(|word| experiment.name.contains(word));
    for experiment in EXPERIMENTS.iter().filter(asked) {
        say(&format!("{} ...", experiment.name))?;
        for _ in 0..(experiment.rounds)(effort) {
            for roots in Roots::BOTH.into_iter().filter(|roots| *roots == Roots::Small || experiment.public) {
                let Some(target) = target(place, roots) else { continue };
                for program in programs.iter().filter(|program| roots == Roots::Small || program.has_tls()) {
                    results.take(experiment, program, roots, &target, effort);
                }
            }
        }
    }
    Ok(results)
}

impl Results {
    /// One round of one program; one that failed so often is not tried again.
    fn take(&mut self, experiment: &Experiment, program: &Program, roots: Roots, target: &Target, effort: &Effort) {
        let what = format!("{}, {}, {}", program.name, experiment.name, roots.word());
        let failed = self.failures.get(&what).map_or(0, |(count, _)| *count);
        if failed >= ENOUGH_FAILURES {
            return;
        }
        match (experiment.run)(program, target, effort) {
            Ok(values) => values.into_iter().for_each(|(key, value)| {
                self.series.entry((program.name, key, roots)).or_default().push(value);
            }),
            Err(error) => {
                self.failures.insert(what, (failed + 1, error.to_string()));
            }
        }
    }

    /// The programs that held back the end of a download, and how often.
    pub fn held_back(&self) -> Vec<String> {
        let ours = self.series.iter().filter(|((_, key, _), _)| *key == HELD_BACK);
        ours.map(|((name, _, _), series)| format!("{name}, in {} rounds", series.len())).collect()
    }

    pub fn series(&self, program: &Program, key: &'static str, roots: Roots) -> Option<&Series> {
        // Without TLS nothing is verified: one series serves for both.
        let roots = if program.has_tls() { roots } else { Roots::Small };
        self.series.get(&(program.name, key, roots))
    }

    pub fn of_kind(&self, programs: &[Program], kind: Kind, key: &'static str, roots: Roots) -> Option<Series> {
        programs
            .iter()
            .find(|program| program.kind == kind)
            .and_then(|program| self.series(program, key, roots))
            .cloned()
    }

    /// The peer with the best median.
    pub fn best<'a>(&self, programs: &'a [Program], measure: &Measure, roots: Roots) -> Option<(&'a Program, Series)> {
        let peers = programs.iter().filter(|program| program.kind == Kind::Peer);
        let known = peers.filter_map(|peer| Some((peer, self.series(peer, measure.key, roots)?.clone())));
        let by_median = |(_, a): &(&Program, Series), (_, b): &(&Program, Series)| {
            let (a, b) = (a.median().unwrap_or(f64::NAN), b.median().unwrap_or(f64::NAN));
            if measure.better == Better::Less {
                a.total_cmp(&b)
            } else {
                b.total_cmp(&a)
            }
        };
        known.min_by(by_median)
    }

    /// The plain pipe; for CPU with the warm handshake that it does not make.
    pub fn floor(&self, programs: &[Program], measure: &Measure) -> Option<Series> {
        let pipe = self.of_kind(programs, Kind::Floor, measure.key, Roots::Small)?;
        if measure.key == "cpu" {
            self.warm.median().map(|cost| pipe.plus(cost))
        } else {
            Some(pipe)
        }
    }

    /// Medians, spreads and all values.
    pub fn json(&self, programs: &[Program], place: &Place) -> Value {
        let figures = |series: &Series| json!({ "median": series.median(), "spread": series.spread(), "values": series.values() });
        let rows = programs.iter().map(|program| {
            let mut measures = Map::new();
            for measure in &MEASURES {
                let mut both = Map::new();
                for roots in Roots::BOTH {
                    let series = self.series.get(&(program.name, measure.key, roots));
                    both.extend(series.map(|series| (roots.word().to_owned(), figures(series))));
                }
                measures.insert(measure.title.to_owned(), Value::Object(both));
            }
            json!({ "program": program.name, "version": program.version, "measures": measures })
        });
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|(what, (count, error))| json!({ "what": what, "rounds": count, "reason": error }))
            .collect();
        json!({
            "programs": rows.collect::<Vec<Value>>(),
            "warm handshake CPU ms": figures(&self.warm),
            "public roots": place.public_count,
            "built-in roots": cfg!(feature = "test-hooks"),
            "failures": failures,
        })
    }
}
