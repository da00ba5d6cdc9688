//! SIGTERM in a session: an orderly stop must make no duplicates.

use std::sync::mpsc::channel;
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::dialogue::{millis, session, test, Lines, DATA, EHLO, MESSAGE, NOTHING, QUEUED};
use crate::support::outcome::GREETING;
use crate::support::talk::Hear;

/// Goal: the smarthost has the message and works on it: its answer is waited for.
#[test]
fn sigterm_waits_for_the_answer_to_a_message() {
    test(|| {
        for (lines, said) in [(DATA, MESSAGE), (EHLO, "BDAT 7 LAST\r\nhello\r\n")] {
            let (tell, told) = channel();
            let mut session = session(1, lines, move |mut link| {
                link.expect(said);
                tell.send(()).unwrap();
                link.expect_silence(millis(2000));
                link.say(QUEUED);
                link.expect_end();
            });
            session.say(said);
            told.recv().unwrap();
            session.bridge.signal(Signal::SIGTERM);
            session.expect_last(QUEUED);
            let over = session.ends("terminated", 75);
            assert!(over.line.contains(" mails=1"), "{}", over.line);
        }
    });
}

/// Goal: promise 4. For 10 s, and then no more.
#[test]
fn promise_4_sigterm_waits_10_seconds_for_a_message() {
    test(|| {
        let (tell, told) = channel();
        let mut session = session(10, DATA, move |mut link| {
            link.expect(MESSAGE);
            tell.send(()).unwrap();
            link.expect_end();
            Instant::now()
        });
        session.say(MESSAGE);
        told.recv().unwrap();
        let asked = Instant::now();
        session.bridge.signal(Signal::SIGTERM);
        session.expect_last("");
        let took = session.ends("terminated", 75).peer - asked;
        assert!(took >= millis(1000), "{took:?} for 10 s / 10");
    });
}

/// The client has said `said` behind `lines`, and the server reads it and does not answer: SIGTERM ends both sides at once.
#[track_caller]
fn ends_at_once(lines: Lines, said: &'static str) {
    let (tell, told) = channel();
    let mut session = session(1, lines, move |mut link| {
        link.expect(said);
        tell.send(()).unwrap();
        // The wait for a message is 10 s.
        link.patience(millis(8000));
        link.expect_end();
    });
    session.say(said);
    told.recv().unwrap();
    session.bridge.signal(Signal::SIGTERM);
    session.expect_last("");
    session.ends("terminated", 75);
}

/// Goal: only a message is waited for: with anything else the client will try again.
#[test]
fn sigterm_waits_for_nothing_but_a_message() {
    test(|| {
        ends_at_once(NOTHING, "");
        ends_at_once(EHLO, "");
        ends_at_once(EHLO, "NOOP\r\n");
        ends_at_once(DATA, "Subject: hello\r\n\r\nhalf a mess");
    });
}

/// Goal: a client that has half-closed behind its message is waited for like any other.
#[test]
fn sigterm_waits_for_a_message_whose_client_has_ended() {
    test(|| {
        let (tell, told) = channel();
        let mut session = session(1, DATA, move |mut link| {
            link.expect(MESSAGE);
            link.expect("QUIT\r\n");
            tell.send(()).unwrap();
            link.expect_silence(millis(1500));
            link.say(QUEUED);
            link.rest();
        });
        session.say(&format!("{MESSAGE}QUIT\r\n"));
        session.hang_up();
        told.recv().unwrap();
        session.bridge.signal(Signal::SIGTERM);
        session.expect_last(QUEUED);
        session.ends("terminated", 75);
    });
}

/// A bug that was: `down=0` for a greeting that had been delivered when SIGTERM came right behind it.
#[test]
fn what_was_delivered_before_sigterm_is_counted() {
    test(|| {
        for _ in 0..20 {
            let mut session = session(1, NOTHING, |mut link| link.expect_end());
            session.bridge.signal(Signal::SIGTERM);
            assert!(session.client.rest().is_empty());
            let line = session.ends("terminated", 75).line;
            assert!(line.contains(&format!(" down={} ", GREETING.len())), "{line}");
        }
    });
}
