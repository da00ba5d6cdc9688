//! What the manual, the README, the help and the packaged files say, compared with the program. Style 29.

use std::fs;
use std::path::{Path, PathBuf};

use smtps_bridge::relay::End;

mod builds;
mod causes;
mod elsewhere;
mod manual;
mod pages;
mod sentences;

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
    let scripts = ["packaging/release/", "packaging/package/", "packaging/first-hour/"];
    pages.retain(|path| !scripts.iter().any(|folder| path.starts_with(folder)));
    let others =
        ["README.md", "CHANGELOG.md", "SECURITY.md", MANUAL, "tests/README.md", "benches/README.md", "fuzz/README.md"];
    pages.extend(others.map(str::to_owned));
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
