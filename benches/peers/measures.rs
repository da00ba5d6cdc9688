//! The one table of measures, and the experiments that take them.

use std::fs;
use std::io;
use std::process::Command;

use crate::crowd;
use crate::listener;
use crate::programs::{Program, Target};
use crate::session::Session;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Less,
    More,
}

pub struct Measure {
    pub key: &'static str,
    pub title: &'static str,
    pub better: Better,
    /// Taken with the public roots too, not only with one small CA.
    pub public: bool,
}

const fn less(key: &'static str, title: &'static str) -> Measure {
    Measure { key, title, better: Better::Less, public: true }
}

pub const MEASURES: [Measure; 10] = [
    less("greeting", "greeting ms"),
    less("cpu", "CPU ms"),
    less("rss", "peak RSS MiB"),
    less("faults", "page faults"),
    less("private", "private MiB, idle"),
    less("idle", "idle CPU us/s"),
    Measure { key: "rate", title: "sessions/s", better: Better::More, public: true },
    Measure { key: "up", title: "up MB/s", better: Better::More, public: false },
    Measure { key: "down", title: "down MB/s", better: Better::More, public: false },
    less("syscalls", "syscalls"),
];

/// How much of everything.
#[derive(Clone, Copy)]
pub struct Effort {
    pub sessions: usize,
    pub transfers: usize,
    pub octets: u64,
    pub crowds: usize,
    pub crowd: usize,
    pub rates: usize,
    pub seconds: f64,
    pub traces: usize,
}

impl Effort {
    pub const FULL: Effort = Effort {
        sessions: 41,
        transfers: 15,
        octets: 256 << 20,
        crowds: 6,
        crowd: 100,
        rates: 11,
        seconds: 1.5,
        traces: 6,
    };

    /// To see whether the benchmark works; its figures are not worth much.
    pub const QUICK: Effort =
        Effort { sessions: 7, transfers: 1, octets: 16 << 20, crowds: 1, crowd: 10, rates: 1, seconds: 0.5, traces: 1 };
}

/// Octets of a download that a program did not pass on: no column, a line below the table.
pub const HELD_BACK: &str = "held back";

type Values = Vec<(&'static str, f64)>;

/// What is done with one program in one round.
pub struct Experiment {
    pub name: &'static str,
    pub rounds: fn(&Effort) -> usize,
    pub public: bool,
    pub run: fn(&Program, &Target, &Effort) -> io::Result<Values>,
}

pub const EXPERIMENTS: [Experiment; 6] = [
    Experiment { name: "short sessions", rounds: |effort| effort.sessions, public: true, run: short_session },
    Experiment {
        name: "uploads",
        rounds: |effort| effort.transfers,
        public: false,
        run: |p, t, e| bulk(p, t, e, "up"),
    },
    Experiment {
        name: "downloads",
        rounds: |effort| effort.transfers,
        public: false,
        run: |p, t, e| bulk(p, t, e, "down"),
    },
    Experiment { name: "idle sessions", rounds: |effort| effort.crowds, public: true, run: idle },
    Experiment { name: "sessions a second", rounds: |effort| effort.rates, public: true, run: rate },
    Experiment { name: "system calls", rounds: |effort| effort.traces, public: true, run: syscalls },
];

const MIB: f64 = 1024.0 * 1024.0;

fn short_session(program: &Program, target: &Target, _: &Effort) -> io::Result<Values> {
    let mut session = Session::start(program, target)?;
    let greeting = session.greeting()?;
    session.client.mail()?;
    // Of the process alone: ru_maxrss begins with that of the process that started it.
    let rss = kib(&fs::read_to_string(format!("/proc/{}/status", session.pid()))?, "VmHWM:")? * 1024.0 / MIB;
    session.client.quit()?;
    let cost = session.end()?;
    Ok(vec![("greeting", greeting), ("cpu", cost.cpu_ms), ("rss", rss), ("faults", cost.page_faults)])
}

/// A program that is slow does not hold up the others: no more than about two seconds' worth.
fn bulk(program: &Program, target: &Target, effort: &Effort, way: &'static str) -> io::Result<Values> {
    let (first, _) = transfer(program, target, 1 << 20, way)?;
    let (rate, held_back) = transfer(program, target, ((first * 2.0) as u64).clamp(1 << 20, effort.octets), way)?;
    let held_back = (held_back > 0).then_some((HELD_BACK, held_back as f64));
    Ok([(way, rate / 1e6)].into_iter().chain(held_back).collect())
}

/// One transfer in a session of its own: octets a second, and how many did not come.
fn transfer(program: &Program, target: &Target, octets: u64, way: &str) -> io::Result<(f64, u64)> {
    let mut session = Session::start(program, target)?;
    session.greeting()?;
    let (got, seconds) = if way == "up" { session.client.up(octets)? } else { session.client.down(octets)? };
    // The rest, if it ever comes, is no answer to QUIT.
    if got == octets {
        session.client.quit()?;
        session.end()?;
    }
    Ok((got as f64 / seconds, octets - got))
}

/// Of all sessions of a crowd together, so that a round is one value.
fn idle(program: &Program, target: &Target, effort: &Effort) -> io::Result<Values> {
    let crowd = crowd::gather(program, target, effort.crowd)?;
    let values =
        vec![("private", crowd.private_mib()? / effort.crowd as f64), ("idle", crowd.idle_us(effort.seconds)?)];
    crowd.end()?;
    Ok(values)
}

fn rate(program: &Program, target: &Target, effort: &Effort) -> io::Result<Values> {
    Ok(vec![("rate", listener::rate(program, target, effort.seconds)?)])
}

/// As strace counts them, from execve to exit_group, in all threads.
fn syscalls(program: &Program, target: &Target, _: &Effort) -> io::Result<Values> {
    let output = target.place.directory.join("strace");
    let plain = program.command(target)?;
    let mut traced = Command::new("strace");
    traced.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced.args(["-f", "-c", "-o"]).arg(&output).arg("--").arg(plain.get_program()).args(plain.get_args());
    traced.stderr(std::process::Stdio::null());
    let mut session = Session::start_as(traced)?;
    session.greeting()?;
    session.client.mail()?;
    session.client.quit()?;
    session.end()?;
    let table = fs::read_to_string(&output)?;
    // % time, seconds, microseconds a call, calls, errors where there are any, the word.
    let total = table.lines().rfind(|line| line.ends_with(" total"));
    let calls = total.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    calls.map(|calls| vec![("syscalls", calls)]).ok_or_else(|| io::Error::other("strace counted nothing"))
}

/// The sum of a field of a file in /proc/PID.
pub fn kib(text: &str, field: &str) -> io::Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no {field} in /proc")))
}
