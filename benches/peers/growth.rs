//! How cost grows: with sessions at once, with the size of a message, with the roots in the CA file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::crowd;
use crate::numbers::{rounded, Series};
use crate::place::Place;
use crate::programs::{Program, Target};
use crate::say;
use crate::session::Session;
use crate::svg::{Line, Plot};

/// A program that needs longer is not asked for more: gnutls-cli takes a second for a MB down.
const TOO_SLOW: Duration = Duration::from_secs(5);

/// What one program showed so far: x, and the values of the rounds there.
#[derive(Clone, Default)]
struct Points {
    series: BTreeMap<u64, Series>,
    /// It failed or was too slow, and is not run again.
    over: bool,
}

struct Growth<'a> {
    programs: Vec<&'a Program>,
    rounds: usize,
    failures: Vec<String>,
}

pub struct Grown {
    /// Each plot with the name of its file.
    pub plots: Vec<(&'static str, Plot)>,
    pub failures: Vec<String>,
}

pub fn measure(place: &Place, programs: &[Program], quick: bool) -> io::Result<Grown> {
    let rounds = if quick { 1 } else { 5 };
    let mut growth = Growth { programs: programs.iter().collect(), rounds, failures: Vec::new() };
    let parallel: &[u64] = if quick { &[1, 10, 30] } else { &[1, 10, 100, 300] };
    let octets: &[u64] =
        if quick { &[1_000, 1_000_000] } else { &[1_000, 100_000, 10_000_000, 100_000_000, 1_000_000_000] };
    let roots: &[u64] = if quick { &[1, 20] } else { &[1, 10, 150, 1000] };
    let small = Target { place, port: place.server.tls, ca_file: &place.small, anchor: None };

    say("growth: sessions at once ...")?;
    let greeted = growth.lines(parallel, |program, count| {
        let crowd = crowd::gather(program, &small, count as usize)?;
        let greeted = crowd.greeted_ms;
        crowd.end()?;
        Ok(greeted)
    });
    let private = growth.lines(parallel, |program, count| {
        let crowd = crowd::gather(program, &small, count as usize)?;
        let sum = crowd.private_mib()?;
        crowd.end()?;
        Ok(sum)
    });
    say("growth: size of a message ...")?;
    let up =
        growth.lines(octets, |program, octets| message(program, &small, |session| session.client.up(octets).map(drop)));
    let down = growth
        .lines(octets, |program, octets| message(program, &small, |session| session.client.down(octets).map(drop)));
    say("growth: roots in the CA file ...")?;
    let files: BTreeMap<u64, PathBuf> =
        roots.iter().map(|&count| Ok((count, place.roots(count as usize)?))).collect::<io::Result<_>>()?;
    growth.programs.retain(|program| program.has_tls());
    let trust = growth.lines(roots, |program, count| {
        let ca_file = files.get(&count).unwrap_or(&place.small);
        message(program, &Target { place, port: place.server.tls, ca_file, anchor: None }, |session| {
            session.client.mail()
        })
    });

    let plot = |title: &'static str, x: &'static str, y: &'static str, lines| Plot { title, x, y, lines };
    let plots = vec![
        ("parallel-time", plot("Sessions started at once", "sessions", "ms until the last has its greeting", greeted)),
        ("parallel-memory", plot("Sessions at once, idle", "sessions", "private memory of all, MiB", private)),
        ("message-up", plot("A message up", "octets", "CPU ms of the session", up)),
        ("message-down", plot("A message down", "octets", "CPU ms of the session", down)),
        ("roots", plot("A CA file of many roots", "roots", "CPU ms of a short session", trust)),
    ];
    Ok(Grown { plots, failures: growth.failures })
}

/// The figures of a plot, a row a program.
pub fn table(plot: &Plot) -> String {
    let mut text = format!("{}: {} by {}\n", plot.title, plot.y, plot.x);
    for line in &plot.lines {
        let points: Vec<String> = line.points.iter().map(|(x, y)| format!("{x}: {}", rounded(*y))).collect();
        let _ = writeln!(text, "  {:<14} {}", line.name, points.join("   "));
    }
    text
}

/// What the session cost, CPU milliseconds.
fn message(program: &Program, target: &Target, carry: impl Fn(&mut Session) -> io::Result<()>) -> io::Result<f64> {
    let mut session = Session::start(program, target)?;
    session.greeting()?;
    carry(&mut session)?;
    session.client.quit()?;
    session.end().map(|cost| cost.cpu_ms)
}

impl Growth<'_> {
    /// Round after round, and in each of them program after program.
    fn lines(&mut self, xs: &[u64], run: impl Fn(&Program, u64) -> io::Result<f64>) -> Vec<Line> {
        let mut all = vec![Points::default(); self.programs.len()];
        for x in xs {
            for _ in 0..self.rounds {
                for (program, points) in self.programs.iter().zip(&mut all).filter(|(_, points)| !points.over) {
                    let started = Instant::now();
                    match run(program, *x) {
                        Ok(value) => points.series.entry(*x).or_default().push(value),
                        Err(error) => {
                            points.over = true;
                            self.failures.push(format!("{} from {x} on: {error}", program.name));
                        }
                    }
                    points.over |= started.elapsed() > TOO_SLOW;
                }
            }
        }
        let median = |(x, series): (&u64, &Series)| Some((*x as f64, series.median()?));
        let line = |(program, points): (&&Program, &Points)| Line {
            name: program.name,
            points: points.series.iter().filter_map(median).collect(),
        };
        self.programs.iter().zip(&all).map(line).collect()
    }
}
