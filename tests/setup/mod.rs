//! `--print-config`: what is printed for which words, and what is refused. tests/real/ runs what is printed.

mod bugs;
mod lines;
pub mod ready;
mod refused;
mod words;

use std::ffi::OsString;
use std::process::Command;

use smtps_bridge::cli::{parse, Action};
use smtps_bridge::error::Error;
use smtps_bridge::options::Lines;
use smtps_bridge::setup::{self, Fill};

use crate::support::bridge;

/// Where packages put the program, and what the ready files name.
pub const PROGRAM: &str = "/usr/bin/smtps-bridge";
const HOST: &str = "smtp.example.com";

/// In this process: what these words ask for.
#[track_caller]
fn lines(words: &[&str]) -> Lines {
    match parse(words.iter().map(OsString::from).collect()) {
        Ok(Action::PrintConfig(Some(lines))) => *lines,
        Ok(_) => panic!("{words:?} asks for something else"),
        Err(error) => panic!("{words:?}: {error}"),
    }
}

/// In this process: what a program at `program` prints for these words if no package has made a user.
fn try_render(program: &str, kind: &str, words: &[&str]) -> Result<String, Error> {
    try_render_for("nobody", program, kind, words)
}

fn try_render_for(user: &'static str, program: &str, kind: &str, words: &[&str]) -> Result<String, Error> {
    let words: Vec<&str> = ["--print-config", kind].iter().chain(words).copied().collect();
    setup::named(kind, &Fill::new(program, user, &lines(&words))?)
}

#[track_caller]
fn render(kind: &str, words: &[&str]) -> String {
    try_render(PROGRAM, kind, words).unwrap_or_else(|error| panic!("{kind} {words:?}: {error}"))
}

/// Why `kind` cannot hold these words.
#[track_caller]
fn refusal(program: &str, kind: &str, words: &[&str]) -> String {
    match try_render(program, kind, words) {
        Err(Error::Usage(sentence)) => sentence,
        Err(error) => panic!("{kind} {words:?}: no usage error: {error:?}"),
        Ok(text) => panic!("{kind} {words:?} is printed:\n{text}"),
    }
}

/// What the program itself prints.
#[track_caller]
fn print(words: &[&str]) -> String {
    let output = Command::new(bridge::PROGRAM).arg("--print-config").args(words).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
