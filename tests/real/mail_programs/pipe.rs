//! swaks --pipe: no superserver, two pipes.

use std::process::Command;

use crate::support::bridge::{House, PROGRAM};
use crate::support::limit::{started, within, USUAL};
use crate::support::mail;
use crate::support::namespace::without_tool;

/// Goal: one line of shell sends a message, and the log goes to the terminal's side, not into the dialogue.
#[test]
fn swaks_sends_through_a_pipe() {
    within(USUAL, || {
        if without_tool("swaks") {
            return;
        }
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let said = swaks(&house, &smarthost.host());
        assert!(said.contains("<-  235 "), "{said}");
        assert!(said.contains(" end=close_notify"), "{said}");
        let inbox = smarthost.inbox();
        let [message] = inbox.as_slice() else { panic!("one message, not {inbox:?}") };
        assert_eq!(message.user, "alice");
    });
}

#[test]
fn swaks_shows_the_reason_through_a_pipe() {
    within(USUAL, || {
        if without_tool("swaks") {
            return;
        }
        let house = House::new();
        let smarthost = mail::smarthost(&house.ca.leaf_expired((2026, 1, 15)));
        let said = swaks(&house, &smarthost.host());
        assert!(said.contains("<** 421 4.7.5 127.0.0.1: ") && said.contains("expired on 2026-01-15"), "{said}");
    });
}

fn swaks(house: &House, host: &str) -> String {
    let ca_file = house.dir.path("ca.pem");
    let child = Command::new("swaks")
        .arg("--pipe")
        .arg(format!("{PROGRAM} --ca-file {} {host}", ca_file.display()))
        .args(["--auth", "PLAIN", "--auth-user", "alice", "--auth-password", "secret"])
        .args(["--ehlo", "laptop.test", "--from", "alice@example.org", "--to", "bob@example.net"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("swaks");
    started(child.id());
    let output = child.wait_with_output().expect("swaks");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
