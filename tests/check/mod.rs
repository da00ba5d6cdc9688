//! `--check`: what a person reads, whether something is wrong or not.

mod ahead;
mod certificates;
pub mod failures;
mod network;
mod other_port;
mod polite;
mod screen;
mod tries;

use std::io::Read;
use std::process::Stdio;

use crate::support::bridge::{House, Start};
use crate::support::peer::{Link, Peer};

pub const GREETING: &str = "220 smarthost.test ESMTP ready";

/// Everything that the report names.
pub const EHLO: &str =
    "250-smarthost.test greets you\r\n250-AUTH PLAIN LOGIN\r\n250-SIZE 35882577\r\n250-PIPELINING\r\n\
                        250-8BITMIME\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n";

/// What `--check` wrote and how it ended.
#[derive(Debug)]
pub struct Report {
    pub screen: String,
    pub code: i32,
    /// Stderr, where nothing belongs.
    pub log: String,
}

impl Report {
    /// The screen as one line: a sentence is found wherever it was wrapped.
    pub fn flat(&self) -> String {
        flat(&self.screen)
    }

    #[track_caller]
    pub fn has(&self, words: &[&str]) {
        for word in words {
            assert!(self.flat().contains(word), "{word:?} is missing in:\n{}", self.screen);
        }
    }

    #[track_caller]
    pub fn assert(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}", self.screen);
        self.has(words);
    }

    /// The labels in their order; lines without one are left out.
    pub fn labels(&self) -> Vec<String> {
        let labels = self.screen.lines().filter_map(|line| line.strip_prefix("  ")?.get(..10));
        labels.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect()
    }

    /// The text behind the first line with this label, unwrapped.
    #[track_caller]
    pub fn line(&self, label: &str) -> String {
        let mut lines = self.screen.lines().skip_while(|line| !line.starts_with(&format!("  {label:<10}")));
        let first = lines.next().unwrap_or_else(|| panic!("no line {label:?} in:\n{}", self.screen));
        let wrapped = lines.take_while(|line| line.starts_with("            "));
        [first].into_iter().chain(wrapped).map(|line| line[12..].trim()).collect::<Vec<_>>().join(" ")
    }
}

pub fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs `--check` with nothing on descriptor 0, and holds it to what is true of every report.
#[track_caller]
pub fn report(start: Start) -> Report {
    let mut bridge = start.arg("--check").on(Stdio::null(), Stdio::piped(), Stdio::piped());
    let mut screen = Vec::new();
    bridge.child.stdout.take().unwrap().read_to_end(&mut screen).unwrap();
    let ended = bridge.finish();
    let report = Report { screen: String::from_utf8(screen).unwrap(), code: ended.code, log: ended.log };
    for line in report.screen.lines() {
        assert!(line.len() <= 80, "{} columns: {line:?}", line.len());
        assert!(line.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "not printable: {line:?}");
    }
    assert_eq!(report.log, "", "{}", report.screen);
    report
}

/// A smarthost for one look; returns what it heard.
pub fn smarthost(mut link: Link) -> Vec<String> {
    link.send(format!("{GREETING}\r\n").as_bytes());
    let mut heard = vec![link.line()];
    link.send(EHLO.as_bytes());
    heard.push(link.line());
    link.send(b"221 2.0.0 Bye\r\n");
    let (rest, _) = link.rest();
    heard.push(String::from_utf8_lossy(&rest).into_owned());
    link.close_notify();
    heard
}

/// What a good look says: EHLO, QUIT, and nothing more.
pub fn polite() -> Vec<String> {
    vec!["EHLO [127.0.0.1]\r\n".to_owned(), "QUIT\r\n".to_owned(), String::new()]
}

pub fn good(house: &House) -> Peer<Vec<String>> {
    Peer::start(&house.leaf, smarthost)
}
