//! What the fuzzers run (fuzz/README.md says how), and once more, in every run of the tests, what they found worth keeping:
//! the corpus stays true, and a finding stays fixed.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::Duration;

use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::namespace::alone;

mod address;
mod argv;
mod ca_file;
mod certificate;
mod clear;
mod dialogue;
mod refusal;
mod relay;
mod session;
mod text;

/// Every file of a corpus, in the order of their names.
fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&corpus).expect("a corpus").flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{} is nearly empty", corpus.display());
    for file in files {
        let data = fs::read(&file).expect("a file of the corpus");
        assert!(catch_unwind(|| run(&data)).is_ok(), "{} fails", file.display());
    }
}

#[test]
fn argv() {
    within(USUAL, || replay("argv", argv::run));
}

#[test]
fn address() {
    within(USUAL, || replay("address", address::run));
}

#[test]
fn ca_file() {
    within(USUAL, || replay("ca_file", ca_file::run));
}

#[test]
fn certificate() {
    within(USUAL, || replay("certificate", certificate::run));
}

#[test]
fn clear() {
    within(USUAL, || replay("clear", clear::run));
}

#[test]
fn dialogue() {
    within(USUAL, || replay("dialogue", dialogue::run));
}

#[test]
fn text() {
    within(USUAL, || replay("text", text::run));
}

/// In a process of its own: the relay's client is on descriptors 0 and 1.
#[test]
fn relay() {
    if without_hooks() {
        return;
    }
    alone(Duration::from_secs(120), &[("SMTPS_BRIDGE_TEST_SPEED", relay::SPEED)], || {
        replay("relay", relay::run);
    });
}

/// The same, for the same reason.
#[test]
fn session() {
    if without_hooks() {
        return;
    }
    alone(Duration::from_secs(120), &[], || replay("session", session::run));
}
