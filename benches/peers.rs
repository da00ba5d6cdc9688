//! What a session costs, side by side with the programs that people use instead, on this machine.
//!
//! `cargo bench --bench peers [--features test-hooks] -- [--quick] [--json FILE] [--also FILE] [WORD...]`
//! `cargo bench --bench peers [--features test-hooks] -- --growth [--quick] [--plots DIR]`
//! `cargo bench --bench peers [--features test-hooks] -- --latency [--quick] [--also FILE]`
//!
//! `--also FILE` takes another build of smtps-bridge along, to compare; a WORD, only the experiments with that word in
//! their names.
//!
//! `--latency` asks how long a client waits, with real smarthosts: Postfix and Exim, as tests/run unpacks them. It needs root.
//!
//! It installs nothing: programs that are not here are left out. As root it runs them all as `nobody`; it needs root to
//! see the memory of ours.

#![allow(clippy::expect_used, reason = "the test support that it borrows fails by panicking")]

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use growth::Grown;
use measures::Effort;
use place::{as_root, Place};
use programs::{Kind, Program, Target};
use results::Roots;
use session::Session;

#[path = "../tests/support/ca.rs"]
mod ca;
#[path = "peers/crowd.rs"]
mod crowd;
#[path = "peers/goals.rs"]
mod goals;
#[path = "peers/growth.rs"]
mod growth;
#[path = "peers/latency.rs"]
mod latency;
#[path = "peers/listener.rs"]
mod listener;
#[path = "peers/measures.rs"]
mod measures;
#[path = "peers/numbers.rs"]
mod numbers;
#[path = "peers/place.rs"]
mod place;
#[path = "peers/programs.rs"]
mod programs;
#[path = "peers/results.rs"]
mod results;
#[path = "peers/server.rs"]
mod server;
#[path = "peers/session.rs"]
mod session;
#[path = "peers/smarthosts.rs"]
mod smarthosts;
#[path = "peers/svg.rs"]
mod svg;
#[path = "peers/table.rs"]
mod table;
#[path = "peers/warm.rs"]
mod warm;

#[derive(Default)]
struct Asked {
    quick: bool,
    growth: bool,
    latency: bool,
    json: Option<PathBuf>,
    plots: Option<PathBuf>,
    also: Option<PathBuf>,
    /// Parts of experiments' names; none means all of them.
    words: Vec<String>,
}

fn main() -> ExitCode {
    match asked().and_then(|asked| run(&asked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = say(&format!("peers: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A line of the report. A reader that is gone (`| head`) ends the benchmark.
fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

fn asked() -> io::Result<Asked> {
    let (mut asked, mut words) = (Asked::default(), env::args().skip(1));
    let value = |word: Option<String>, flag: &str| {
        word.map(PathBuf::from).ok_or_else(|| io::Error::other(format!("{flag} needs a value")))
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            // What cargo bench adds.
            "--bench" => {}
            "--quick" => asked.quick = true,
            "--growth" => asked.growth = true,
            "--latency" => asked.latency = true,
            "--json" => asked.json = Some(value(words.next(), "--json")?),
            "--plots" => asked.plots = Some(value(words.next(), "--plots")?),
            "--also" => asked.also = Some(value(words.next(), "--also")?),
            _ if word.starts_with('-') => {
                return Err(io::Error::other(format!(
                    "{word}? It takes --quick, --json FILE, --also FILE, --growth, --plots DIR, --latency and names of experiments"
                )))
            }
            _ => asked.words.push(word),
        }
    }
    Ok(asked)
}

fn run(asked: &Asked) -> io::Result<()> {
    let place = Place::new(asked.also.as_deref())?;
    let (programs, mut missing) = programs::found(&place);
    let programs: Vec<Program> = programs
        .into_iter()
        .filter(|program| match trial(program, &place) {
            Ok(()) => true,
            Err(error) => {
                missing.push(format!("{} {}: {error}", program.name, program.version));
                false
            }
        })
        .collect();
    let names: Vec<String> = programs.iter().map(|program| format!("{} {}", program.name, program.version)).collect();
    say(&format!("programs: {}", names.join("; ")))?;
    missing.iter().try_for_each(|text| say(&format!("left out: {text}")))?;
    if !programs.iter().any(|program| program.kind == Kind::Ours) {
        return Err(io::Error::other("smtps-bridge itself does not work here"));
    }
    if asked.latency {
        waits(asked, &place, &programs)
    } else if asked.growth || asked.plots.is_some() {
        plots(asked, &place, &programs)
    } else {
        compare(asked, &place, &programs)
    }
}

/// One session with each kind of roots, and none with a smarthost of another CA: a program that does not verify has an
/// easier task, and is not a peer.
fn trial(program: &Program, place: &Place) -> io::Result<()> {
    let greeting = |target: &Target| Session::start(program, target)?.greeting();
    for roots in Roots::BOTH {
        let Some(target) = results::target(place, roots) else { continue };
        greeting(&target)?;
        if program.has_tls() && greeting(&target.trusting(&place.wrong)).is_ok() {
            return Err(io::Error::other("it takes a smarthost of an unknown CA"));
        }
    }
    Ok(())
}

fn compare(asked: &Asked, place: &Place, programs: &[Program]) -> io::Result<()> {
    let effort = if asked.quick { Effort::QUICK } else { Effort::FULL };
    let before = load();
    let results = results::measure(place, programs, &effort, &asked.words)?;
    let load = busy(&before);
    say(&format!("\nMedians\n\n{}", table::medians(&results, programs)))?;
    say(&table::foot(&results, place, &load))?;
    say(&format!("Noise: interquartile range, in per cent of the median\n\n{}", table::noise(&results, programs)))?;
    say(&format!("Goals: ratio (95 % interval)\n\n{}", goals::judged(&results, programs)))?;
    if let Some(path) = &asked.json {
        let mut json = results.json(programs, place);
        if let Some(object) = json.as_object_mut() {
            object.insert("load".to_owned(), load.into());
        }
        as_root(|| fs::write(path, format!("{json:#}\n")))?;
    }
    Ok(())
}

fn waits(asked: &Asked, place: &Place, programs: &[Program]) -> io::Result<()> {
    let before = load();
    let waits = latency::measure(place, programs, asked.quick)?;
    say(&format!("\nMedians\n\n{}", waits.medians()))?;
    say(&format!("Noise: interquartile range, in per cent of the median\n\n{}", waits.noise()))?;
    say(&format!("{}\n{}", waits.foot(), busy(&before)))
}

fn plots(asked: &Asked, place: &Place, programs: &[Program]) -> io::Result<()> {
    let Grown { plots, failures } = growth::measure(place, programs, asked.quick)?;
    plots.iter().try_for_each(|(_, plot)| say(&growth::table(plot)))?;
    failures.iter().try_for_each(|failure| say(&format!("without a figure: {failure}")))?;
    let Some(directory) = &asked.plots else { return Ok(()) };
    as_root(|| {
        fs::create_dir_all(directory)?;
        plots.iter().try_for_each(|(name, plot)| fs::write(directory.join(format!("{name}.svg")), plot.svg()))
    })
}

fn busy(before: &str) -> String {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{processors} processors; load {before} before, {} after: more than 1 before means that somebody else was busy.",
        load()
    )
}

/// The load of the last minute, if the system reports it.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("-").to_owned()
}
