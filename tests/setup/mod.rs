//! `--print-config`: what is printed for which words, and what is refused. tests/real/ runs what is printed.

mod lines;
mod refused;

use std::ffi::OsString;

use smtps_bridge::cli::{parse, Action};
use smtps_bridge::error::Error;
use smtps_bridge::kinds::{example, find, Kind, Shipped, Wanted, KINDS};
use smtps_bridge::options::Lines;
use smtps_bridge::setup::{self, Fill};

/// In this process: what these words ask for.
#[track_caller]
fn lines(words: &[&str]) -> Lines {
    match parse(words.iter().map(OsString::from).collect()) {
        Ok(Action::PrintConfig(lines)) => *lines,
        Ok(_) => panic!("{words:?} asks for something else"),
        Err(error) => panic!("{words:?}: {error}"),
    }
}

/// In this process: `kind` as a program at `program` prints it for these words.
fn try_render(program: &str, kind: &Kind, words: &[&str]) -> Result<String, Error> {
    let words: Vec<&str> = ["--print-config", kind.name].iter().chain(words).copied().collect();
    let lines = lines(&words);
    let options = lines.options.as_ref().expect("options");
    setup::all(kind, &Fill { program, lines: &lines, options })
}

#[track_caller]
fn render(kind: &str, words: &[&str]) -> String {
    try_render(example::PROGRAM, kind_of(kind), words).unwrap_or_else(|error| panic!("{kind} {words:?}: {error}"))
}

/// Why `kind` cannot hold these words.
#[track_caller]
fn refusal(program: &str, kind: &str, words: &[&str]) -> String {
    match try_render(program, kind_of(kind), words) {
        Err(Error::Usage(sentence)) => sentence,
        Err(error) => panic!("{kind} {words:?}: no usage error: {error:?}"),
        Ok(text) => panic!("{kind} {words:?} is printed:\n{text}"),
    }
}

#[track_caller]
fn kind_of(name: &str) -> &'static Kind {
    match find(name) {
        Some(Wanted::All(kind)) => kind,
        _ => panic!("{name} is no kind"),
    }
}

fn shipped() -> impl Iterator<Item = &'static Shipped> {
    KINDS.iter().flat_map(|kind| kind.files)
}
