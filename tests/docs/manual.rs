//! The manual and the help: options, exit codes, replies, stages, ends, fields.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::process::Command;

use smtps_bridge::cli::{self, FLAGS};
use smtps_bridge::error::Stage;
use smtps_bridge::exit::Exit;

use crate::support::bridge::PROGRAM;
use crate::support::limit::skip;

use super::causes::every_error;
use super::{every_end, options_of_the_manual, read, root, section, MANUAL};

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

/// Goal: an option that is added is completed too. packaging/package/check tries the completions in their shells.
#[test]
fn the_completions_have_every_option() {
    for (shell, before, after) in
        [("smtps-bridge.bash", " ", " "), ("_smtps-bridge", "", "["), ("smtps-bridge.fish", "", " ")]
    {
        let text = read(&format!("packaging/completions/{shell}")).replace(['\'', '"', ',', '{', '}', '*', '\n'], " ");
        for name in FLAGS.iter().flat_map(|flag| flag.names) {
            let word = match (shell, name.strip_prefix("--")) {
                ("smtps-bridge.fish", Some(long)) => format!("-l {long}"),
                ("smtps-bridge.fish", None) => format!("-s {}", &name[1..]),
                _ => (*name).to_owned(),
            };
            let found = [after, " "].iter().any(|after| text.contains(&format!("{before}{word}{after}")));
            assert!(found, "{shell} lacks {name}");
        }
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
    // Behind the greeting there is none.
    let ours = errors.iter().filter(|error| error.stage() != Stage::Relay);
    let ours = ours.map(|error| (error.status().to_owned(), error.exit().code()));
    // The panic hook's reply is no error's.
    let ours: BTreeSet<(String, i32)> = ours.chain([("4.3.0".to_owned(), 70)]).collect();
    assert_eq!(rows.collect::<BTreeSet<_>>(), ours);
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
fn the_manual_shows_the_packaged_line_for_inetd() {
    let inetd = read("packaging/inetd/debian.conf");
    let inetd = inetd.lines().find(|line| !line.starts_with('#')).expect("a line for inetd");
    assert!(read(MANUAL).lines().any(|line| line == inetd), "the manual lacks {inetd}");
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
