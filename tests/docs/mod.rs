//! What the manual, the README, the help and the packaged files say, compared with the program. Style 29.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

use smtps_bridge::cli::{self, FLAGS};
use smtps_bridge::error::{Error, Heard, Issuer, Sent, Stage};
use smtps_bridge::exit::Exit;
use smtps_bridge::relay::End;
use smtps_bridge::trust::ROOTS;

use crate::support::bridge::PROGRAM;
use crate::support::limit::skip;

const MANUAL: &str = "man/smtps-bridge.8";

/// Long options of other programs that our pages mention.
const FOREIGN: [&str; 10] =
    ["--auth", "--auth-user", "--example", "--from", "--now", "--pipe", "--release", "--server", "--ssl", "--to"];

#[test]
fn the_manual_describes_the_options_of_the_program_in_the_order_of_the_help() {
    let ours: BTreeSet<_> = FLAGS.iter().map(|flag| (flag.names.join(", "), flag.value.to_owned())).collect();
    let theirs: BTreeSet<_> = options_of_the_manual().into_iter().collect();
    assert_eq!(theirs, ours);
    let names = |pairs: Vec<(String, String)>| -> Vec<String> { pairs.into_iter().map(|(name, _)| name).collect() };
    let order = names(FLAGS.iter().map(|flag| (flag.names.join(", "), String::new())).collect());
    let manual = names(options_of_the_manual());
    assert_eq!(manual, order);
}

#[test]
fn the_synopsis_has_every_option() {
    let synopsis = section("SYNOPSIS").join(" ").replace("Fl ", "-").replace(" .", " ");
    for name in FLAGS.iter().flat_map(|flag| flag.names).filter(|name| !["--help", "-V", "--version"].contains(name)) {
        assert!(synopsis.split(' ').any(|word| word == *name), "{name}");
    }
}

#[test]
fn the_help_has_every_option_and_fits_a_terminal_of_80_by_40() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(help, cli::help());
    assert!(help.lines().count() <= 40 && help.lines().all(|line| line.len() <= 80), "{help}");
    for flag in &FLAGS {
        let line = format!("  {} {}", flag.names.join(", "), flag.value);
        assert!(help.lines().any(|l| l.starts_with(line.trim_end()) && l.ends_with(flag.help)), "{line}");
    }
}

#[test]
fn the_exit_status_of_the_manual_is_that_of_the_program() {
    let manual = section("EXIT STATUS");
    let rows: Vec<(i32, String)> = manual
        .iter()
        .zip(manual.iter().skip(1))
        .filter_map(|(item, text)| Some((item.strip_prefix(".It ")?.parse().ok()?, text.clone())))
        .collect();
    let ours = Exit::ALL.map(|(exit, words)| {
        let (first, rest) = words.split_at(1);
        (exit.code(), format!("{}{rest}.", first.to_uppercase()))
    });
    assert_eq!(rows, ours);
}

#[test]
fn the_replies_of_the_manual_are_those_of_the_program() {
    let rows = section("EXIT STATUS").into_iter().filter_map(|line| {
        let cells: Vec<String> = line.strip_prefix(".It 421 ")?.split(" Ta ").map(str::to_owned).collect();
        Some((cells[0].clone(), cells[1].parse().unwrap()))
    });
    let errors = every_error();
    let ours = errors.iter().map(|error| (error.status().to_owned(), error.exit().code()));
    // The panic hook's reply is no error's.
    let ours: BTreeSet<(String, i32)> = ours.chain([("4.3.0".to_owned(), 70)]).collect();
    assert_eq!(rows.collect::<BTreeSet<_>>(), ours);
}

#[test]
fn every_reason_is_a_sentence_in_house_style() {
    for error in every_error() {
        let (sentence, reply) = (error.to_string(), error.reply());
        for text in [&sentence, &reply] {
            assert!(!text.is_empty() && text.bytes().all(|b| (0x20..=0x7e).contains(&b)), "{text}");
            assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
        }
        assert!(!reply.contains("/etc/"), "a path in a reply: {reply}");
    }
}

#[test]
fn the_manual_has_every_stage_and_every_end() {
    let manual = section("LOG MESSAGES");
    let stages: BTreeSet<String> = every_error().iter().map(|error| error.stage().to_string()).collect();
    for stage in stages {
        assert!(manual.iter().any(|line| line.split([' ', ',']).any(|word| word == stage)), "stage {stage}");
    }
    let rows: BTreeSet<String> =
        manual.iter().filter_map(|line| Some(line.strip_prefix(".It Cm ")?.split_once(" Ta ")?.0.to_owned())).collect();
    let ours: BTreeSet<String> = every_end().map(|end| end.word().to_owned()).into();
    assert_eq!(rows, ours);
}

#[test]
fn the_manual_has_every_field_of_the_log() {
    let manual = section("LOG MESSAGES").join("\n");
    let items: BTreeSet<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .filter(|line| !line.contains(" Ta "))
        .flat_map(|line| line.split(" , "))
        .collect();
    let source = read("src/report.rs");
    let fields: BTreeSet<&str> = source
        .match_indices("={")
        .filter_map(|(at, _)| source[..at].rsplit([' ', '"']).next())
        .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .collect();
    assert!(fields.len() > 10, "report.rs was not understood: {fields:?}");
    assert_eq!(items, fields);
}

#[test]
fn our_pages_and_sentences_name_no_option_that_does_not_exist() {
    let known: BTreeSet<&str> = FLAGS.iter().flat_map(|flag| flag.names).copied().collect();
    let mut wrong = Vec::new();
    for path in pages().into_iter().chain(files("src")) {
        let text = read(&path);
        // Comments may speak of options that are still to come; sentences may not.
        let source = path.ends_with(".rs");
        let lines = text.lines().filter(|line| !(source && line.trim_start().starts_with("//")));
        for option in lines.flat_map(long_options) {
            if !known.contains(option) && (source || !FOREIGN.contains(&option)) {
                wrong.push(format!("{path}: {option}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn our_pages_name_no_file_that_does_not_exist() {
    let mut wrong = Vec::new();
    for path in pages() {
        let text = read(&path);
        let words = text.split(|c: char| c.is_whitespace() || "()[]`,;\"'".contains(c));
        for word in words.map(|word| word.trim_end_matches(['.', ':', '/'])) {
            let ours = ["packaging/", "tests/", "examples/", "man/", "src/", ".cargo/"];
            if ours.iter().any(|folder| word.starts_with(folder)) && !word.contains('*') && !root().join(word).exists()
            {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_manual_shows_the_packaged_line_for_inetd() {
    let inetd = read("packaging/inetd/debian.conf");
    let inetd = inetd.lines().find(|line| !line.starts_with('#')).expect("a line for inetd");
    assert!(read(MANUAL).lines().any(|line| line == inetd), "the manual lacks {inetd}");
}

/// Goal: what the README says goes into sendmail's files is what the tests of sendmail put there.
#[test]
fn the_readme_has_the_line_for_sendmails_password() {
    let mailer = read("packaging/mta/sendmail.mailer.mc");
    let authinfo = mailer.lines().find_map(|line| line.strip_prefix("dnl authinfo: ")).expect("a line for authinfo");
    assert!(read("README.md").lines().any(|line| line.trim() == authinfo), "the README lacks {authinfo}");
}

/// Goal: each answer to a fault of our relatives has a test, and it is there.
#[test]
fn the_tests_that_security_md_names_exist() {
    let security = read("SECURITY.md");
    let table = security.split("## What went wrong elsewhere").nth(1).expect("the table").split("\n## ").next();
    let rows: Vec<&str> = table.unwrap_or_default().lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 12, "{rows:?}");
    let tests: String = files("tests").into_iter().map(|path| read(&path)).collect();
    for row in rows {
        let name = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default().trim_matches('`');
        assert!(tests.contains(&format!("\nfn {name}()")), "no test {name}");
    }
}

#[test]
fn the_sentences_in_the_readme_are_those_of_the_program() {
    let host = || "smtp.example.com".to_owned();
    let causes = [
        Error::Expired { not_after: "2026-11-01".to_owned() },
        Error::Refused { port: 465 },
        Error::NoSuchName { host: host() },
        Error::WrongName { wanted: host(), names: vec!["mail.example.net".to_owned()], more: 0 },
        Error::UnknownIssuer {
            issuer: Some(Issuer::Missing("CN=Example CA".to_owned())),
            anchors: format!("not one of Mozilla's roots of {}", ROOTS.1),
        },
        Error::PlainSmtp { line: "220 smtp.example.com ESMTP".to_owned() },
    ];
    // Broken between words as the page likes.
    let readme = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for cause in causes {
        assert!(readme.contains(&cause.to_string()), "the README lacks: {cause}");
    }
}

#[test]
fn the_date_of_the_roots_belongs_to_the_version_in_the_lock_file() {
    let lock = read("Cargo.lock");
    let version = lock
        .split("[[package]]")
        .filter(|package| package.contains("name = \"webpki-roots\""))
        .find_map(|package| Some(package.split_once("version = \"")?.1.split_once('"')?.0.to_owned()));
    assert_eq!(version.as_deref(), Some(ROOTS.0), "a new version: look its date up and change trust::ROOTS");
}

#[test]
fn the_change_log_begins_with_this_version() {
    let changes = read("CHANGELOG.md");
    let first = changes.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some(concat!("## ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn mandoc_finds_nothing_to_warn_about() {
    let output = match Command::new("mandoc").args(["-Tlint", "-W", "warning", MANUAL]).current_dir(root()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return skip("needs mandoc"),
        other => other.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

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

fn every_end() -> [End; 10] {
    use End::{Alert, BadRecord, ClientGone, CloseNotify, Eof, Idle, LocalEof, Reset, Terminated, Truncated};
    let all = [CloseNotify, Eof, Truncated, LocalEof, ClientGone, Alert, BadRecord, Reset, Terminated, Idle];
    for end in all {
        // A new end is an error of the compiler here: it belongs into `all` too.
        match end {
            CloseNotify | Eof | Truncated | LocalEof | ClientGone | Alert | BadRecord | Reset | Terminated | Idle => {}
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
        Error::HostIsAFile("/etc/stunnel.conf".to_owned()),
        Error::Unusable { role: "--ca-file", object: "/etc/ca.pem".to_owned(), problem: text() },
        Error::Descriptor("descriptor 0 is a listening socket"),
        Error::ClientGone,
        Error::Stranger { client: text() },
        Error::OutOf { stage: Stage::Relay, source: io::Error::from_raw_os_error(24) },
        Error::Rights(text()),
        Error::Terminated { stage },
        Error::NoSuchName { host: text() },
        Error::NoAddress { host: text(), family: "IPv4" },
        Error::ResolverFailed { host: text(), problem: text() },
        Error::ResolverSilent { host: text() },
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
    ];
    let places: Vec<usize> = all.iter().map(place).collect();
    assert_eq!(places, (0..all.len()).collect::<Vec<_>>(), "one of each, in the order of `place`");
    all
}

/// A new variant is an error of the compiler here, and one of the test above until `every_error` has it.
fn place(error: &Error) -> usize {
    match error {
        Error::Usage(_) => 0,
        Error::HostIsAFile(_) => 1,
        Error::Unusable { .. } => 2,
        Error::Descriptor(_) => 3,
        Error::ClientGone => 4,
        Error::Stranger { .. } => 5,
        Error::OutOf { .. } => 6,
        Error::Rights(_) => 7,
        Error::Terminated { .. } => 8,
        Error::NoSuchName { .. } => 9,
        Error::NoAddress { .. } => 10,
        Error::ResolverFailed { .. } => 11,
        Error::ResolverSilent { .. } => 12,
        Error::Refused { .. } => 13,
        Error::Unreachable { .. } => 14,
        Error::ConnectTimeout { .. } => 15,
        Error::Closed { .. } => 16,
        Error::Reset { .. } => 17,
        Error::Silent { .. } => 18,
        Error::Turned { .. } => 19,
        Error::Expired { .. } => 20,
        Error::NotYetValid { .. } => 21,
        Error::WrongName { .. } => 22,
        Error::UnknownIssuer { .. } => 23,
        Error::CaAsServer { .. } => 24,
        Error::PinMismatch { .. } => 25,
        Error::VersionOne => 26,
        Error::WeakKey { .. } => 27,
        Error::BadCertificate { .. } => 28,
        Error::PlainSmtp { .. } => 29,
        Error::NotTls { .. } => 30,
        Error::OldTls => 31,
        Error::NothingInCommon { .. } => 32,
        Error::Alert { .. } => 33,
        Error::OurCertificate { .. } => 34,
        Error::Protocol { .. } => 35,
        Error::NoRoute { .. } => 36,
        Error::NotSmtp { .. } => 37,
    }
}
