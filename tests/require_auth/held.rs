//! MAIL without a 235: held, whatever it comes with, until nothing is owed; then our words, and not an octet of it goes up.

use crate::dialogue::{begin, millis, piped, test, Lines, EHLO, HELLO, NOTHING};
use crate::require_auth::{held, ours, required, session, LOGIN_REFUSED, MAIL, NO, NO_PASSWORD, REFUSED};
use crate::support::bridge::Start;
use crate::support::kernel::until_read;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{assert_reply, refusal, GREETING};
use crate::support::peer::Link;
use crate::support::talk::{Hear, Talk};

/// Goal: the usual case, a mail program whose password is missing or wrong and that waits for each reply.
#[test]
fn mail_that_cannot_log_in_is_answered_by_us_and_not_by_the_smarthost() {
    test(|| {
        held(EHLO, MAIL, NOTHING, NO_PASSWORD, 78);
        held(REFUSED, MAIL, NOTHING, LOGIN_REFUSED, 78);
        // One that does not even say EHLO.
        held(NOTHING, MAIL, NOTHING, NO_PASSWORD, 78);
        held(&[("HELO me\r\n", "250 smarthost.test\r\n")], MAIL, NOTHING, NO_PASSWORD, 78);
    });
}

/// Goal: Exim with PIPECONNECT. The reply to EHLO is the smarthost's, and stands before ours.
#[test]
fn ehlo_mail_rcpt_and_bdat_in_one_flight_are_answered_one_by_one_up_to_mail() {
    test(|| {
        let flight = format!("{}{MAIL}RCPT TO:<bob@example.net>\r\nBDAT 7 LAST\r\nhello\r\nQUIT\r\n", HELLO.0);
        held(NOTHING, &flight, EHLO, NO_PASSWORD, 78);
        held(EHLO, &format!("{MAIL}RCPT TO:<bob@example.net>\r\nDATA\r\n"), NOTHING, NO_PASSWORD, 78);
    });
}

/// Goal: a queue runner that tries its next mail after a refusal (RFC 2920 allows RSET and MAIL in one write).
#[test]
fn rset_and_mail_in_one_write_after_a_535() {
    test(|| {
        held(REFUSED, &format!("RSET\r\n{MAIL}"), &[("RSET\r\n", "250 Ok\r\n")], LOGIN_REFUSED, 78);
        let said = format!("RSET\r\nNOOP\r\nNOOP\r\n{MAIL}");
        let answered: Lines = &[("RSET\r\nNOOP\r\nNOOP\r\n", "250 Ok\r\n250 Ok\r\n250 Ok\r\n")];
        held(REFUSED, &said, answered, LOGIN_REFUSED, 78);
    });
}

/// Goal: more than one reply may be owed, and they come one at a time: ours waits for the last.
#[test]
fn all_that_is_owed_is_answered_before_us() {
    test(|| {
        let mut session = session(EHLO, |mut link| {
            link.expect("NOOP\r\nVRFY bob\r\n");
            for part in ["250 O", "k\r\n", "252-2.5.2", " who\r\n", "252 2.5.2 knows\r", "\n"] {
                link.expect_silence(millis(100));
                link.say(part);
            }
            link.expect_end();
        });
        session.say(&format!("NOOP\r\nVRFY bob\r\n{MAIL}"));
        session.expect_last(&format!("250 Ok\r\n252-2.5.2 who\r\n252 2.5.2 knows\r\n{}", ours(NO_PASSWORD)));
        session.ends("unauthenticated", 78);
    });
}

/// Goal: the verb is known by its first octets, in any case and however they come; a tab stands behind it as well as a blank.
#[test]
fn mail_in_pieces_of_one_octet_is_held_from_its_first_octet_on() {
    test(|| {
        for said in ["MAIL ", "mAiL\t", "NOOP\r\nmail "] {
            let before = said.strip_suffix(&said[said.len() - 5..]).unwrap();
            let mut session = session(EHLO, move |mut link| {
                link.expect(before);
                link.say(if before.is_empty() { "" } else { "250 Ok\r\n" });
                link.expect_end();
            });
            for octet in said.chars() {
                session.say(&octet.to_string());
                until_read(&session.client);
            }
            let reply = if before.is_empty() { "" } else { "250 Ok\r\n" };
            // No one has to wait for the rest of the line.
            session.expect_last(&format!("{reply}{}", ours(NO_PASSWORD)));
            session.ends("unauthenticated", 78);
        }
    });
}

/// Goal: an early talker hears the greeting first.
#[test]
fn mail_before_the_greeting_is_answered_behind_it() {
    test(|| {
        let mut session = begin(|start| required(start).socket(), NOTHING, |mut link| link.expect_end());
        session.client.say(MAIL);
        assert_eq!(String::from_utf8(session.client.rest()).unwrap(), format!("{GREETING}{}", ours(NO_PASSWORD)));
        session.ends("unauthenticated", 78);
    });
}

const NO_AUTH: Lines = &[("EHLO me\r\n", "250-smarthost.test\r\n250-SIZE 1000\r\n250 X-AUTHOR\r\n")];

/// Goal: the reason stands first, because sendmail's mailq shows 60 characters; the log says who must do what.
#[test]
fn the_words_are_the_reason_and_the_log_has_the_cure() {
    test(|| {
        const LATER: Lines = &[HELLO, ("AUTH PLAIN AGEAYg==\r\n", "454 4.7.0 Try again later\r\n")];
        const OLD: Lines =
            &[("EHLO me\r\n", "250-smarthost.test\r\n250 AUTH=LOGIN\r\n"), ("AUTH LOGIN\r\n", "503 5.5.1 No\r\n")];
        for (lines, reason, code, cure) in [
            (EHLO, NO_PASSWORD, 78, "give the client the user name and password"),
            (NO_AUTH, "not logged in: it offers no AUTH", 78, "leave --require-auth out if it knows this machine"),
            (
                REFUSED,
                LOGIN_REFUSED,
                78,
                "check the client's user name and password; each try with a wrong one is a failed login",
            ),
            (LATER, "login refused: 454 4.7.0 Try again later", 75, "the client keeps its mail and tries again"),
            (OLD, "login refused: 503 5.5.1 No", 78, "check the client's user name and password"),
        ] {
            let line = held(lines, MAIL, NOTHING, reason, code);
            let wanted = format!(" end=unauthenticated mails=0 reason=\"{reason}; MAIL was not passed on");
            assert!(line.contains(&wanted) && line.contains(cure), "{cure}: {line}");
            let refused = reason.strip_prefix("login refused: ").map(|line| format!(" refused=\"{line}\""));
            assert_eq!(line.split_once(" refused=").map(|(_, value)| format!(" refused={value}")), refused);
        }
    });
}

/// Goal: the name is the smarthost's, and a foreign line of any length and of any octets makes one line of at most 200.
#[test]
fn our_line_has_at_most_200_octets_and_printable_ones_only() {
    test(|| {
        let no: Lines = Vec::leak(vec![
            HELLO,
            ("AUTH PLAIN AGEAYg==\r\n", format!("535 5.7.8 \x1b[31m\u{e9}\"\\ {}\r\n", "x".repeat(400)).leak()),
        ]);
        let mut long = session(no, |mut link| link.expect_end());
        long.say(MAIL);
        let reply = long.client.rest();
        assert_reply(&reply);
        let wanted = b"421 4.7.0 127.0.0.1: login refused: 535 5.7.8 \\x1b[31m\\xc3\\xa9\"\\\\ xxxx";
        assert!(reply.starts_with(wanted) && reply.ends_with(b"xxx...\r\n"), "{}", String::from_utf8_lossy(&reply));
        long.ends("unauthenticated", 78);
        // Of several lines the last one is quoted.
        let many: Lines =
            &[HELLO, ("AUTH PLAIN AGEAYg==\r\n", "535-5.7.8 Not accepted.\r\n535 5.7.8  see example.test\r\n")];
        held(many, MAIL, NOTHING, "login refused: 535 5.7.8  see example.test", 78);
    });
}

/// Goal: the server name is the one that was verified, not that of the machine in its greeting.
#[test]
fn our_line_names_the_smarthost_as_it_was_dialled() {
    test(|| {
        let script = |mut link: Link| {
            link.say("220 mx7.inner.test ESMTP\r\n");
            link.expect_end();
        };
        let house = crate::support::bridge::House::new();
        let peer = crate::support::peer::Peer::start(&house.leaf, script);
        let (bridge, mut client) = required(house.bridge(format!("localhost:{}", peer.addr.port())).arg("-4")).socket();
        client.expect("220 mx7.inner.test ESMTP\r\n");
        client.say(MAIL);
        assert_eq!(client.rest(), b"421 4.7.0 localhost: not logged in: no password given\r\n");
        drop(client);
        peer.done();
        bridge.finish().assert("unauthenticated", 78);
    });
}

/// Goal: the same with descriptors that are pipes, and with lines that are converted.
#[test]
fn pipes_and_crlf_are_no_way_around() {
    test(|| {
        for converted in [false, true] {
            let (end, options) = if converted { ("\n", &["--crlf"][..]) } else { ("\r\n", &[][..]) };
            let script = ["EHLO me", "AUTH PLAIN AGEAYg==", "MAIL FROM:<a@b.c>", "QUIT", ""].join(end);
            let (session, mut output) = piped(
                |start| required(start).args(options),
                &script,
                |mut link| {
                    link.expect("EHLO me\r\n");
                    link.say("250 AUTH PLAIN\r\n");
                    link.expect("AUTH PLAIN AGEAYg==\r\n");
                    link.say(NO);
                    link.expect_end();
                },
            );
            let heard = String::from_utf8(output.rest()).unwrap();
            assert_eq!(heard, format!("{GREETING}250 AUTH PLAIN\r\n{NO}{}", ours(LOGIN_REFUSED)));
            session.ends("unauthenticated", 78);
        }
    });
}

/// Goal: the beginning of a line that never comes is dropped; a line that is known by its verb is what it is, whole or not.
#[test]
fn an_unfinished_line_at_the_client_s_end() {
    test(|| {
        for said in ["M", "mai", "MAIL"] {
            let mut session = session(EHLO, |mut link| {
                link.expect_end();
                link.close_notify();
            });
            session.say(said);
            session.hang_up();
            session.expect_last("");
            session.ends("local_eof", 0);
        }
        for (options, said) in [(&[][..], "MAIL FROM:<a@b"), (&["--crlf"], "MAIL FROM:<a@b"), (&["--crlf"], "MAIL ")] {
            let script = |mut link: Link| link.expect_end();
            let (session, mut output) = piped(|start| required(start).args(options), said, script);
            let heard = String::from_utf8(output.rest()).unwrap();
            assert_eq!(heard, format!("{GREETING}{}", ours(NO_PASSWORD)));
            session.ends("unauthenticated", 78);
        }
        // The same under --crlf, where a line waits for its LF.
        let script = |mut link: Link| {
            link.expect_end();
            link.close_notify();
        };
        let (session, mut output) = piped(|start| required(start).arg("--crlf"), "MAI", script);
        assert_eq!(output.rest(), GREETING.as_bytes());
        session.ends("local_eof", 0);
    });
}

/// Goal: for other protocols there is no MAIL, and the option would promise what it cannot keep.
#[test]
fn it_excludes_no_reply() {
    within(USUAL, || {
        let start = Start::new().args(["--require-auth", "--no-reply", "smtp.example.com"]);
        let (bridge, mut client) = start.socket();
        assert!(client.rest().is_empty());
        drop(client);
        let ended = bridge.finish();
        assert!(
            ended.code == 64 && ended.log.contains("--require-auth and --no-reply exclude each other"),
            "{ended:?}"
        );
        refusal(Start::new().args(["--require-auth", "--require-auth", "smtp.example.com"])).assert("4.3.5", 64, &[]);
    });
}
