//! What the manual, the README, the help and the packaged files say, compared with the program. Style 29.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use smtps_bridge::error::{Error, Heard, Sent, Stage};
use smtps_bridge::relay::End;

mod builds;
mod elsewhere;
mod manual;
mod pages;

const MANUAL: &str = "man/smtps-bridge.8";

/// Name and value of each `.It Fl` of the manual: `-v`, `--pin`.
fn options_of_the_manual() -> Vec<(String, String)> {
    let items = section("OPTIONS").into_iter().filter_map(|line| line.strip_prefix(".It Fl ").map(str::to_owned));
    items
        .map(|item| {
            let (names, value) = item.split_once(" Ar ").unwrap_or((&item, ""));
            let names: Vec<String> = names.split(" , ").map(|name| format!("-{name}")).collect();
            (names.join(", "), value.to_owned())
        })
        .collect()
}

fn section(name: &str) -> Vec<String> {
    let manual = read(MANUAL);
    let lines = manual.lines().skip_while(|line| *line != format!(".Sh {name}")).skip(1);
    let lines: Vec<_> = lines.take_while(|line| !line.starts_with(".Sh ")).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "the manual has no section {name}");
    lines
}

/// `--word` with nothing but a space, a quote, a bracket or the like before it.
fn long_options(line: &str) -> Vec<&str> {
    let mut options = Vec::new();
    for (at, _) in line.match_indices("--") {
        let before = line[..at].chars().next_back();
        let end = line[at + 2..].find(|c: char| !c.is_ascii_lowercase() && c != '-').map_or(line.len(), |n| at + 2 + n);
        let option = &line[at..end];
        let word = option.len() > 3 && !option.ends_with('-') && option.as_bytes()[2] != b'-';
        if word && before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-') {
            options.push(option);
        }
    }
    options
}

fn pages() -> Vec<String> {
    let mut pages = files("packaging");
    // Scripts for cargo, tar and others.
    pages.retain(|path| !path.starts_with("packaging/release/") && !path.starts_with("packaging/package/"));
    pages.extend(["README.md", "CHANGELOG.md", "SECURITY.md", MANUAL].map(str::to_owned));
    pages
}

/// All files under a folder, as paths from the root of the tree.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}")) {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn every_end() -> [End; 12] {
    use End::{
        Alert, BadRecord, ClientGone, ClientTls, CloseNotify, Eof, Idle, LocalEof, Reset, Terminated, Truncated,
        Unauthenticated,
    };
    let all = [
        CloseNotify,
        Eof,
        Truncated,
        LocalEof,
        ClientGone,
        ClientTls,
        Unauthenticated,
        Alert,
        BadRecord,
        Reset,
        Terminated,
        Idle,
    ];
    for end in all {
        // A new end is an error of the compiler here: it belongs into `all` too.
        match end {
            CloseNotify | Eof | Truncated | LocalEof | ClientGone | ClientTls | Unauthenticated | Alert | BadRecord
            | Reset | Terminated | Idle => {}
        }
    }
    all
}

/// One of each variant.
fn every_error() -> Vec<Error> {
    let text = || "smtp.example.com".to_owned();
    let stage = Stage::Handshake;
    let heard = Heard::Nothing;
    let all = vec![
        Error::Usage(text()),
        Error::Unusable { role: "--ca-file", object: "/etc/ca.pem".to_owned(), problem: text() },
        Error::Descriptor("descriptor 0 is a listening socket"),
        Error::Stranger { client: text() },
        Error::OutOf { stage: Stage::Relay, source: io::Error::from_raw_os_error(24) },
        Error::Rights(text()),
        Error::Terminated { stage },
        Error::NoSuchName { host: text() },
        Error::NoAddress { host: text(), family: "IPv4" },
        Error::ResolverFailed { host: text(), problem: text() },
        Error::ResolverSilent { host: text(), seconds: 60 },
        Error::Refused { port: 465 },
        Error::Unreachable { problem: text() },
        Error::ConnectTimeout { port: 465 },
        Error::Closed { stage, heard },
        Error::Reset { stage, heard },
        Error::Silent { stage: Stage::Greeting, seconds: 60 },
        Error::Turned { stage: Stage::Relay, line: text() },
        Error::Expired { not_after: text() },
        Error::NotYetValid { not_before: text() },
        Error::WrongName { wanted: text(), names: vec![text()], more: 2 },
        Error::UnknownIssuer { issuer: None, anchors: text() },
        Error::CaAsServer { key: None },
        Error::PinMismatch { presented: None },
        Error::VersionOne,
        Error::WeakKey { problem: text() },
        Error::BadCertificate { problem: text() },
        Error::PlainSmtp { line: text() },
        Error::NotTls { looks_like: "HTTP", line: text() },
        Error::OldTls,
        Error::NothingInCommon { problem: text() },
        Error::Alert { stage, name: text() },
        Error::OurCertificate { stage, name: text(), sent: Sent::None },
        Error::Protocol { stage, problem: text() },
        Error::NoRoute { family: "IPv6" },
        Error::NotSmtp { stage: Stage::Greeting, line: text() },
        Error::RefusedBoth,
    ];
    let places: Vec<usize> = all.iter().map(place).collect();
    assert_eq!(places, (0..all.len()).collect::<Vec<_>>(), "one of each, in the order of `place`");
    all
}

/// A new variant is an error of the compiler here, and one of the test above until `every_error` has it.
fn place(error: &Error) -> usize {
    match error {
        Error::Usage(_) => 0,
        Error::Unusable { .. } => 1,
        Error::Descriptor(_) => 2,
        Error::Stranger { .. } => 3,
        Error::OutOf { .. } => 4,
        Error::Rights(_) => 5,
        Error::Terminated { .. } => 6,
        Error::NoSuchName { .. } => 7,
        Error::NoAddress { .. } => 8,
        Error::ResolverFailed { .. } => 9,
        Error::ResolverSilent { .. } => 10,
        Error::Refused { .. } => 11,
        Error::Unreachable { .. } => 12,
        Error::ConnectTimeout { .. } => 13,
        Error::Closed { .. } => 14,
        Error::Reset { .. } => 15,
        Error::Silent { .. } => 16,
        Error::Turned { .. } => 17,
        Error::Expired { .. } => 18,
        Error::NotYetValid { .. } => 19,
        Error::WrongName { .. } => 20,
        Error::UnknownIssuer { .. } => 21,
        Error::CaAsServer { .. } => 22,
        Error::PinMismatch { .. } => 23,
        Error::VersionOne => 24,
        Error::WeakKey { .. } => 25,
        Error::BadCertificate { .. } => 26,
        Error::PlainSmtp { .. } => 27,
        Error::NotTls { .. } => 28,
        Error::OldTls => 29,
        Error::NothingInCommon { .. } => 30,
        Error::Alert { .. } => 31,
        Error::OurCertificate { .. } => 32,
        Error::Protocol { .. } => 33,
        Error::NoRoute { .. } => 34,
        Error::NotSmtp { .. } => 35,
        Error::RefusedBoth => 36,
    }
}
