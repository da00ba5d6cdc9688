//! How long a client waits: for the greeting and for replies of real smarthosts, and when somebody on the way waits for an
//! acknowledgement (40 ms on Linux).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use crate::numbers::{rounded, Ratio, Series};
use crate::place::Place;
use crate::programs::{Kind, Program, Target};
use crate::say;
use crate::session::Session;
use crate::smarthosts::{exim, postfix, Smarthost};
use crate::table::aligned;

/// Each column, and whether it has a figure for either version of TLS.
const COLUMNS: [(&str, bool); 6] = [
    ("greeting ms, Postfix", true),
    ("command ms, Postfix", true),
    ("greeting ms, Exim", true),
    ("command ms, Exim", true),
    ("text and dot apart, ms", false),
    ("reply in pieces, ms", false),
];

/// Commands whose median is one value; those that may wait 40 ms each are fewer.
const COMMANDS: usize = 20;
const SLOW_COMMANDS: usize = 4;

const ENOUGH_FAILURES: usize = 2;

/// A column, and TLS 1.2 or 1.3.
type Key = (usize, Tls);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tls {
    V12,
    V13,
}

pub struct Waits<'a> {
    programs: Vec<&'a Program>,
    smarthosts: Vec<String>,
    series: BTreeMap<(&'static str, Key), Series>,
    failures: BTreeMap<String, (usize, String)>,
}

pub fn measure<'a>(place: &Place, programs: &'a [Program], quick: bool) -> io::Result<Waits<'a>> {
    let (postfix, exim) = (postfix(place)?, exim(place)?);
    let mut waits = Waits {
        programs: programs.iter().filter(|program| program.has_tls()).collect(),
        smarthosts: [&postfix, &exim].map(|smarthost| format!("{} {}", smarthost.name, smarthost.version)).to_vec(),
        series: BTreeMap::new(),
        failures: BTreeMap::new(),
    };
    say("latency ...")?;
    // What follows the start of a program is asked here, not how it starts: one CA is enough.
    let target = |port| Target { place, port, ca_file: &place.small, anchor: None };
    let of = |smarthost: &Smarthost, tls| target(if tls == Tls::V12 { smarthost.tls12 } else { smarthost.tls13 });
    for _ in 0..if quick { 3 } else { 21 } {
        for program in waits.programs.clone() {
            for tls in [Tls::V12, Tls::V13] {
                waits.take(program, [(0, tls), (1, tls)], || dialogue(program, &of(&postfix, tls)));
                waits.take(program, [(2, tls), (3, tls)], || dialogue(program, &of(&exim, tls)));
            }
            waits.take(program, [(4, Tls::V13)], || messages(program, &target(place.server.tls)));
            waits.take(program, [(5, Tls::V13)], || pieces(program, &target(place.server.nagle)));
        }
    }
    Ok(waits)
}

/// The greeting, and the median of some commands.
fn dialogue(program: &Program, target: &Target) -> io::Result<[f64; 2]> {
    let mut session = Session::start(program, target)?;
    let greeting = session.greeting()?;
    session.client.command("EHLO client.test\r\n", "250")?;
    let command = median(COMMANDS, || session.client.latency("NOOP\r\n", "250"))?;
    session.client.quit()?;
    session.end()?;
    Ok([greeting, command])
}

/// Messages of a client that delays small packets, and writes text and dot apart.
fn messages(program: &Program, target: &Target) -> io::Result<[f64; 1]> {
    let mut session = Session::start(program, target)?;
    session.greeting()?;
    session.client.delaying()?;
    let message = median(SLOW_COMMANDS, || session.client.text_and_dot())?;
    session.client.quit()?;
    session.end()?;
    Ok([message])
}

/// Replies of a server that delays small packets, and writes them in two pieces.
fn pieces(program: &Program, target: &Target) -> io::Result<[f64; 1]> {
    let mut session = Session::start(program, target)?;
    session.greeting()?;
    let reply = median(SLOW_COMMANDS, || session.client.latency("XPIECES\r\n", "250"))?;
    session.client.quit()?;
    session.end()?;
    Ok([reply])
}

fn median(count: usize, mut take: impl FnMut() -> io::Result<f64>) -> io::Result<f64> {
    let mut series = Series::default();
    for _ in 0..count {
        series.push(take()?);
    }
    series.median().ok_or_else(|| io::Error::other("nothing measured"))
}

impl Waits<'_> {
    /// One round of one program; one that failed so often is not tried again.
    fn take<const N: usize>(&mut self, program: &Program, keys: [Key; N], run: impl FnOnce() -> io::Result<[f64; N]>) {
        let [(column, tls), ..] = keys.as_slice() else { return };
        let title = COLUMNS.get(*column).map_or("", |(title, _)| title);
        let tls = if *tls == Tls::V12 { "TLS 1.2" } else { "TLS 1.3" };
        let what = format!("{}, {title}, {tls}", program.name);
        let failed = self.failures.get(&what).map_or(0, |(count, _)| *count);
        if failed >= ENOUGH_FAILURES {
            return;
        }
        match run() {
            Ok(values) => keys.into_iter().zip(values).for_each(|(key, value)| {
                self.series.entry((program.name, key)).or_default().push(value);
            }),
            Err(error) => {
                self.failures.insert(what, (failed + 1, error.to_string()));
            }
        }
    }

    /// Markdown, in the style of the table of costs.
    pub fn medians(&self) -> String {
        let median = |series: Option<&Series>| series.and_then(Series::median).map_or("-".to_owned(), rounded);
        let mut rows = vec![head()];
        rows.extend(self.programs.iter().map(|program| row(program.name, |key| median(self.of(program, key)))));
        let ours = self.programs.iter().find(|program| program.kind == Kind::Ours);
        let ratio = |key, other: Option<&Series>| {
            let ours = ours.and_then(|ours| self.of(ours, key));
            Ratio::shown(ours.zip(other).and_then(|(ours, other)| ours.ratio(other)))
        };
        rows.push(row("we : best peer", |key| ratio(key, self.best(key))));
        if let Some(also) = self.programs.iter().find(|program| program.kind == Kind::Also) {
            rows.push(row("we : another build", |key| ratio(key, self.of(also, key))));
        }
        aligned(&rows)
    }

    /// How far each series scatters: its interquartile range in per cent of its median.
    pub fn noise(&self) -> String {
        let spread = |series: Option<&Series>| {
            series.and_then(Series::spread).map_or("-".to_owned(), |spread| format!("{:.0}%", spread * 100.0))
        };
        let mut rows = vec![head()];
        rows.extend(self.programs.iter().map(|program| row(program.name, |key| spread(self.of(program, key)))));
        aligned(&rows)
    }

    /// What the reader must know to judge the figures.
    pub fn foot(&self) -> String {
        let mut text = format!(
            "Left: TLS 1.2; right: TLS 1.3. Smarthosts: {}. Greeting: from the start of the program, with a CA file of one \
             certificate. Command: NOOP, the median of {COMMANDS} in a session. Text and dot apart: a client without \
             TCP_NODELAY; reply in pieces: a server without it; both with a smarthost of the benchmark's own.\n\
             ~ is a ratio that the noise does not carry: its 95 % interval reaches further than a fifth to a side.",
            self.smarthosts.join(", ")
        );
        for (what, (rounds, reason)) in &self.failures {
            let _ = write!(text, "\nwithout a figure: {what}: {rounds} times, at last: {reason}");
        }
        text
    }

    fn of(&self, program: &Program, key: Key) -> Option<&Series> {
        self.series.get(&(program.name, key))
    }

    /// That of the peer with the best median.
    fn best(&self, key: Key) -> Option<&Series> {
        let peers = self.programs.iter().filter(|program| program.kind == Kind::Peer);
        let known = peers.filter_map(|peer| self.of(peer, key));
        known.min_by(|a, b| a.median().unwrap_or(f64::NAN).total_cmp(&b.median().unwrap_or(f64::NAN)))
    }
}

fn head() -> Vec<String> {
    [""].into_iter().chain(COLUMNS.map(|(title, _)| title)).map(str::to_owned).collect()
}

fn row(name: &str, cell: impl Fn(Key) -> String) -> Vec<String> {
    let cells = COLUMNS.iter().enumerate().map(|(column, (_, both))| {
        let newest = cell((column, Tls::V13));
        if *both {
            format!("{} / {newest}", cell((column, Tls::V12)))
        } else {
            newest
        }
    });
    [name.to_owned()].into_iter().chain(cells).collect()
}
