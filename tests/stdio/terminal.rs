//! A person at a terminal, made by script(1).

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::bridge::{House, PROGRAM};
use crate::support::limit::{skip, within, USUAL};
use crate::support::peer::{nobody_listens, Peer};
use crate::support::talk::Hear;

/// Starts the bridge with a terminal on 0, 1 and 2. What is typed stays open until the bridge has ended.
fn at_a_terminal(house: &House, arguments: &str, typed: &str) -> Option<(String, i32)> {
    let ca_file = house.dir.path("ca.pem");
    let command = format!("{PROGRAM} --ca-file {} {arguments}", ca_file.display());
    let child = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        skip("needs script(1) of util-linux");
        return None;
    };
    crate::support::limit::started(child.id());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    let seen = child.stdout.take().unwrap().rest();
    let status = child.wait().unwrap();
    drop(stdin);
    Some((String::from_utf8_lossy(&seen).into_owned(), status.code().unwrap()))
}

/// Goal: trying a smarthost by hand: typed lines go out as SMTP wants them, replies are seen, the log line too.
#[test]
fn a_person_at_a_terminal_has_a_session_with_crlf() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"220 smarthost.test\r\n");
            let line = link.line();
            link.send(b"221 bye\r\n");
            link.close_notify();
            line
        });
        let Some((seen, code)) = at_a_terminal(&house, &format!("--crlf {}", peer.host()), "QUIT\n") else { return };
        assert_eq!(code, 0, "{seen}");
        assert!(seen.contains("220 smarthost.test") && seen.contains("221 bye"), "{seen}");
        assert!(seen.contains("client=terminal") && seen.contains("end=close_notify"), "{seen}");
        assert_eq!(peer.done(), "QUIT\r\n");
    });
}

/// Goal: at a terminal the sentence is enough; a 421 would say it twice.
#[test]
fn a_person_at_a_terminal_reads_a_sentence_and_no_421() {
    within(USUAL, || {
        let house = House::new();
        let Some((seen, code)) = at_a_terminal(&house, &nobody_listens().to_string(), "") else { return };
        assert_eq!(code, 75, "{seen}");
        assert!(seen.contains("refused") && !seen.lines().any(|line| line.starts_with("421")), "{seen}");
    });
}

/// Goal: a word mistyped at a terminal is answered by one sentence, not by a record for the log.
#[test]
fn a_person_who_mistypes_at_a_terminal_reads_one_sentence() {
    within(USUAL, || {
        let house = House::new();
        for (words, sentence) in
            [("--bogus", "unknown option --bogus; --help lists them"), ("-4 -4", "-4 is given twice; try --help")]
        {
            let Some((seen, code)) = at_a_terminal(&house, words, "") else { return };
            assert_eq!(code, 64, "{seen}");
            assert_eq!(seen.trim_end(), format!("smtps-bridge: {sentence}"));
        }
    });
}
