//! The log on descriptor 2, whatever is there to read it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::support::bridge::{tcp_pair, House};
use crate::support::limit::{within, USUAL};
use crate::support::mail;
use crate::support::peer::nobody_listens;
use crate::support::talk::Hear;

/// A message whose log goes to `stderr`.
fn mail_goes_through(stderr: impl Into<Stdio>, arguments: &[&str]) -> String {
    let house = House::new();
    let smarthost = mail::smarthost(&house.leaf);
    let (mut client, theirs) = tcp_pair();
    let copy = theirs.try_clone().unwrap();
    let start = house.bridge(smarthost.host()).args(arguments.iter().copied());
    let bridge = start.on(OwnedFd::from(copy), OwnedFd::from(theirs), stderr);
    mail::submit(&mut client.try_clone().unwrap(), &mut client);
    assert!(client.rest().is_empty());
    drop(client);
    let ended = bridge.finish();
    assert_eq!(ended.code, 0, "{}", ended.log);
    mail::assert_arrived(&smarthost, 1);
    ended.log
}

#[test]
fn a_pipe_as_2_gets_one_line_a_session() {
    within(USUAL, || {
        let log = mail_goes_through(Stdio::piped(), &[]);
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.starts_with("smtps-bridge: closed ") && log.ends_with('\n'), "{log}");
    });
}

#[test]
fn with_q_a_session_in_order_leaves_no_line_and_a_failure_one() {
    within(USUAL, || {
        assert_eq!(mail_goes_through(Stdio::piped(), &["-q"]), "");
        let house = House::new();
        let (bridge, mut client) = house.bridge(nobody_listens().to_string()).arg("-q").socket();
        client.rest();
        drop(client);
        let ended = bridge.finish();
        assert!(ended.line().contains("failed stage=connect "), "{}", ended.log);
    });
}

#[test]
fn with_log_none_there_is_no_line() {
    within(USUAL, || assert_eq!(mail_goes_through(Stdio::piped(), &["--log", "none", "-v"]), ""));
}

/// Goal: `-v` says more, and never what a mail session contains: no password, no address.
#[test]
fn with_v_each_step_is_logged_and_no_credential() {
    within(USUAL, || {
        let log = mail_goes_through(Stdio::piped(), &["-v"]);
        assert!(log.lines().count() > 1, "{log}");
        assert!(log.lines().all(|line| line.starts_with("smtps-bridge: ")), "{log}");
        for secret in ["AGFsaWNlAHNlY3JldA", "secret", "alice", "bob@"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    });
}

/// Goal: promise 6. A pipe that is full and that no one reads holds no mail.
#[test]
fn promise_6_a_full_pipe_as_2_stops_no_mail() {
    within(USUAL, || {
        let (read, write) = std::io::pipe().unwrap();
        fill(&write);
        mail_goes_through(write, &["-v"]);
        drop(read);
    });
}

fn fill(pipe: &std::io::PipeWriter) {
    use nix::fcntl::{fcntl, FcntlArg, OFlag};
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while std::io::Write::write(&mut &*pipe, &[0; 512]).is_ok() {}
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
}

/// Goal: promise 6. A pipe whose reader is gone: EPIPE does not end a session.
#[test]
fn promise_6_a_broken_pipe_as_2_stops_no_mail() {
    within(USUAL, || {
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        mail_goes_through(write, &["-v"]);
    });
}

#[test]
fn promise_6_a_full_disk_as_2_stops_no_mail() {
    within(USUAL, || {
        mail_goes_through(File::options().write(true).open("/dev/full").unwrap(), &["-v"]);
    });
}
