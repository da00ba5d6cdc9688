//! Sessions that end without a word of ours: what was said before a 235 has more than one meaning, or the server has ended.

use crate::dialogue::{millis, test, Lines, BYE, EHLO, HELLO, NOTHING};
use crate::require_auth::{passes, session, ACCEPTED, MAIL};
use crate::support::peer::{Link, Received};

const LATER: Lines = &[HELLO, ("AUTH PLAIN AGEAYg==\r\n", "454 4.7.0 Not now\r\n")];

/// The client says what servers read differently: an end of file, and nothing that may be MAIL went up.
#[track_caller]
fn lost(lines: Lines, said: &str, code: i32) {
    let mut session = session(lines, |mut link| {
        let (heard, end) = link.rest();
        (String::from_utf8_lossy(&heard).to_uppercase(), end)
    });
    session.say(said);
    session.expect_last("");
    let over = session.ends("unauthenticated", code);
    assert!(!over.peer.0.contains("MAIL") && over.peer.1 == Received::CloseNotify, "{said:?}: {:?}", over.peer);
    assert!(over.line.contains("said what has more than one meaning"), "{}", over.line);
}

/// Goal: servers differ on where a command begins, so no one can say what MAIL is.
#[test]
fn a_client_that_cannot_be_followed_before_a_235_reads_an_end_of_file() {
    test(|| {
        for said in [
            "\r\nMAIL FROM:<a@b.c>\r\n",
            " MAIL FROM:<a@b.c>\r\n",
            "\tMAIL FROM:<a@b.c>\r\n",
            "\rMAIL FROM:<a@b.c>\r\n",
            "NOOP\rMAIL FROM:<a@b.c>\r\n",
            "BDAT x LAST\r\nMAIL FROM:<a@b.c>\r\n",
            "DATA\r\nMAIL FROM:<a@b.c>\r\n",
            "STARTTLS\r\nMAIL FROM:<a@b.c>\r\n",
        ] {
            lost(EHLO, said, 78);
        }
        lost(EHLO, &format!("{}{MAIL}", "NOOP\r\n".repeat(4097)), 78);
        lost(LATER, &format!("\r\n{MAIL}"), 75);
    });
}

/// Goal: what is owed to the lines before it is answered all the same.
#[test]
fn what_stands_before_an_unclear_line_is_answered() {
    test(|| {
        let mut session = session(NOTHING, |mut link| {
            link.expect(HELLO.0);
            link.expect_silence(millis(100));
            link.say(HELLO.1);
            link.expect_end();
        });
        session.say(&format!("{} {MAIL}", HELLO.0));
        session.expect_last(HELLO.1);
        session.ends("unauthenticated", 78);
    });
}

/// Goal: a server that answers what no one asked may have taken anything for a command; its words reach the client whole.
#[test]
fn a_server_that_cannot_be_followed_before_a_235_is_heard_and_then_the_session_ends() {
    test(|| {
        for (asked, answer) in [
            ("NOOP\r\n", "what is it\r\n"),
            ("NOOP\r\n", "250-half\r\n550 and half\r\n"),
            ("NOOP\r\n", "250 Ok\r\n250 Ok\r\n"),
            ("NOOP\r\n", "354 Go on\r\n"),
            ("NOOP\r\n", "334 \r\n"),
            ("STARTTLS\r\n", "220 2.0.0 Go ahead\r\n"),
            ("XCLIENT NAME=a.b\r\n", "220 hello\r\n"),
            // Which of the two is the answer?
            ("AUTH PLAIN AGEAYg==\r\n", "535-5.7.8 No\r\n235 2.7.0 Yes\r\n"),
            ("", "250 unasked\r\n"),
            ("", "235 2.7.0 unasked\r\n"),
        ] {
            let mut session = session(EHLO, move |mut link| {
                link.expect(asked);
                link.say(answer);
                link.expect_end();
            });
            // MAIL behind them is held, and lost.
            session.say(asked);
            session.expect_last(answer);
            let line = session.ends("unauthenticated", 78).line;
            assert!(line.contains("said what has more than one meaning"), "{line}");
        }
    });
}

/// Goal: the same with a MAIL that waits for the answer.
#[test]
fn a_held_mail_whose_server_cannot_be_followed_is_dropped() {
    test(|| {
        for answer in ["what is it\r\n", "250 Ok\r\n250 Ok\r\n"] {
            let mut session = session(EHLO, move |mut link| {
                link.expect("NOOP\r\n");
                link.say(answer);
                link.expect_end();
            });
            session.say(&format!("NOOP\r\n{MAIL}"));
            session.expect_last(answer);
            session.ends("unauthenticated", 78);
        }
    });
}

/// Goal: after a 235 there is nothing to protect, and a session that cannot be followed goes on like any other.
#[test]
fn behind_a_235_who_cannot_be_followed_goes_on() {
    test(|| {
        passes(ACCEPTED, "\r\n MAIL FROM:<a@b.c>\r\n", &[("\r\n MAIL FROM:<a@b.c>\r\n", "what is it\r\n250 Ok\r\n")]);
        let junk: Lines = &[("NOOP\r\n", "what is it\r\n")];
        passes(Vec::leak([ACCEPTED, junk].concat()), MAIL, &[(MAIL, "250 2.1.0 Ok\r\n")]);
    });
}

/// A flight whose MAIL is held while the server answers `said` and ends by `end`: all that the client reads are its words.
#[track_caller]
fn server_ends(said: &'static str, end: impl FnOnce(Link) + Send + 'static, ends: &[(&str, i32)]) {
    let mut session = session(NOTHING, move |mut link| {
        link.expect(HELLO.0);
        link.say(said);
        end(link);
    });
    session.say(&format!("{}{MAIL}QUIT\r\n", HELLO.0));
    session.expect_last(said);
    let line = session.ends_one_of(ends).line;
    assert!(!line.contains("more than one meaning"), "{line}");
}

/// Goal: an end of file means 451. A 421 of ours behind half a reply would be read as something else.
#[test]
fn the_server_s_end_while_mail_is_held_is_the_client_s() {
    test(|| {
        for said in ["", "250-smarthost.test\r\n", "250-smarthost.test\r\n250 AU"] {
            let close = |mut link: Link| {
                link.close_notify();
                link.until_closed();
            };
            server_ends(said, close, &[("truncated", 76)]);
            let fin = |mut link: Link| {
                link.fin();
                link.until_closed();
            };
            server_ends(said, fin, &[("truncated", 76)]);
            server_ends(said, Link::reset, &[("reset", 74)]);
        }
    });
}

/// Goal: a 421 or a 221 of the server is its end, and answers the client's MAIL; one answer is enough. The server may be
/// slow to close.
#[test]
fn behind_the_server_s_421_or_221_there_is_none_of_ours() {
    test(|| {
        for said in ["421 4.3.2 smarthost.test: shutting down\r\n", "421-4.7.0 go\r\n421 4.7.0 away\r\n", BYE] {
            let close = |mut link: Link| {
                link.close_notify();
                link.until_closed();
            };
            server_ends(said, close, &[("close_notify", 0), ("eof", 0)]);
            server_ends(said, |mut link| link.expect_end(), &[("eof", 0)]);
        }
        // In answer to a login too.
        let mut session = session(EHLO, |mut link| {
            link.expect("AUTH PLAIN AGEAYg==\r\n");
            link.say("421 4.7.0 too many logins\r\n");
            link.expect_end();
        });
        session.say(&format!("AUTH PLAIN AGEAYg==\r\n{MAIL}"));
        session.expect_last("421 4.7.0 too many logins\r\n");
        let line = session.ends("eof", 0).line;
        assert!(line.ends_with(" refused=\"421 4.7.0 too many logins\""), "{line}");
    });
}

/// Goal: a client that says QUIT and then MAIL gets the answer to QUIT.
#[test]
fn mail_behind_quit_is_not_passed_on() {
    test(|| {
        let mut session = session(EHLO, |mut link| {
            link.expect("QUIT\r\n");
            link.expect_silence(millis(100));
            link.say(BYE);
            link.expect_end();
        });
        session.say(&format!("QUIT\r\n{MAIL}"));
        session.expect_last(BYE);
        session.ends("eof", 0);
    });
}
