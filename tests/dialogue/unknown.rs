//! Each way in which a dialogue becomes unknown, seen by its effect: after the client's end the server gets ours after 30 s,
//! neither at once (nothing owed) nor after 660 s (a reply owed), and the log counts no mails.

use std::thread;
use std::time::Duration;

use crate::dialogue::{leaves_at_once, millis, part, session, test, Lines, BYE, DATA, EHLO, MESSAGE, QUEUED};
use crate::support::talk::Hear;

/// 30 s are one, 660 s are 22.
const SPEED: u32 = 30;

/// Less than 30 s, more than 5.
const NOT_AT_ONCE: Duration = Duration::from_millis(500);

/// Less than 660 s.
const BUT_SOON: Duration = Duration::from_secs(15);

struct Way {
    name: &'static str,
    before: Lines,
    said: &'static str,
    /// The server's answer; `behind` is what the client says when it has it.
    reply: &'static str,
    behind: &'static str,
}

const fn says(name: &'static str, before: Lines, said: &'static str) -> Way {
    Way { name, before, said, reply: "", behind: "" }
}

const fn hears(name: &'static str, before: Lines, said: &'static str, reply: &'static str) -> Way {
    Way { name, before, said, reply, behind: "" }
}

const GSSAPI: Lines = &[("EHLO me\r\n", "250 AUTH GSSAPI\r\n"), ("AUTH GSSAPI\r\n", "334 \r\n")];
const DIGEST: Lines = &[("EHLO me\r\n", "250 AUTH DIGEST-MD5\r\n"), ("auth digest-md5\r\n", "334 cmVhbG09\r\n")];
const LOGIN: Lines = &[("EHLO me\r\n", "250 AUTH LOGIN\r\n"), ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n")];

const WAYS: &[Way] = &[
    says("octets behind DATA before its reply", EHLO, "DATA\r\nhello\r\n"),
    says("a whole script", EHLO, "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\ndata\r\nhi\r\n.\r\nRSET\r\n"),
    says("octets behind AUTH before its reply", EHLO, "AUTH LOGIN\r\nYWxpY2U=\r\n"),
    says("two lines in answer to one 334", LOGIN, "YWxpY2U=\r\nc2VjcmV0\r\n"),
    says("octets behind STARTTLS before its reply", EHLO, "STARTTLS\r\nEHLO me\r\n"),
    says("LF.LF in a text", DATA, "hello\n.\nmore\r\n"),
    says("LF.CRLF in a text", DATA, "hello\n.\r\nmore\r\n"),
    says("CRLF.LF in a text", DATA, "hello\r\n.\nmore\r\n"),
    says(".LF as a whole text", DATA, ".\nmore\r\n"),
    says("a blank line", EHLO, "\r\n"),
    says("a BDAT size that is no number", EHLO, "BDAT many LAST\r\n"),
    says("a BDAT without a size", EHLO, "BDAT\r\n"),
    says("a BDAT size that no number holds", EHLO, "BDAT 99999999999999999999999999 LAST\r\n"),
    hears("a reply that is none", EHLO, "NOOP\r\n", "what is it\r\n"),
    hears("a blank line for a reply", EHLO, "NOOP\r\n", "\r\n"),
    hears("a code that changes within a reply", EHLO, "NOOP\r\n", "250-hello\r\n550 or not\r\n"),
    hears("a reply to nothing", EHLO, "", "250 unasked\r\n"),
    hears("more replies than commands", EHLO, "NOOP\r\n", "250 Ok\r\n250 Ok\r\n"),
    hears("a reply before the end of a text", DATA, "Subject: hello\r\n", "552 5.3.4 Too much\r\n"),
    hears("2yz to STARTTLS", EHLO, "STARTTLS\r\n", "220 2.0.0 Go ahead\r\n"),
    hears("2yz to TURN", EHLO, "TURN\r\n", "250 Ok\r\n"),
    hears("2yz to ATRN", EHLO, "atrn example.org\r\n", "250 Ok\r\n"),
    hears("2yz to XCLIENT", EHLO, "XCLIENT NAME=spike.example\r\n", "220 hello\r\n"),
    hears("354 to another command", EHLO, "NOOP\r\n", "354 Go on\r\n"),
    hears("334 to another command", EHLO, "NOOP\r\n", "334 \r\n"),
    Way {
        name: "3yz to the end of a text",
        before: DATA,
        said: MESSAGE,
        reply: "353 content analysis started\r\n",
        // Else a lone dot would be the last words.
        behind: "NOOP\r\n",
    },
    hears("235 to GSSAPI", GSSAPI, "YIIB\r\n", "235 2.7.0 Ok\r\n"),
    hears("235 to DIGEST-MD5", DIGEST, "dXNlcm5hbWU9\r\n", "235 2.7.0 Ok\r\n"),
    // For good: what looks like a good dialogue behind it changes nothing.
    Way { name: "and for ever", before: EHLO, said: "\r\n", reply: "500 what\r\n", behind: "NOOP\r\n" },
];

/// Goal: each of them. All at once: each waits for a clock.
#[test]
fn whoever_cannot_be_followed_is_given_30_seconds() {
    test(|| {
        thread::scope(|scope| {
            let checks: Vec<_> = WAYS.iter().map(|way| (way.name, scope.spawn(move || unknown(way)))).collect();
            let failed = checks.into_iter().filter_map(|(name, check)| check.join().is_err().then_some(name));
            let failed: Vec<&str> = failed.collect();
            assert!(failed.is_empty(), "{failed:?}");
        });
    });
}

fn unknown(way: &'static Way) {
    let mut session = session(SPEED, way.before, |mut link| {
        link.expect(way.said);
        link.say(way.reply);
        link.expect(way.behind);
        link.expect_silence(NOT_AT_ONCE);
        link.patience(BUT_SOON);
        part(link);
    });
    session.say(way.said);
    session.expect(way.reply);
    session.say(way.behind);
    session.hang_up();
    session.expect_last("");
    // The server's close_notify behind ours is an end of its own.
    let line = session.ends_one_of(&[("local_eof", 74), ("close_notify", 0)]).line;
    assert!(!line.contains(" mails=") && !line.contains(" refused="), "{}: {line}", way.name);
}

/// Goal: the same answers if they are no surprise. Nothing is owed, and the end goes out at once.
#[test]
fn what_is_refused_or_cancelled_changes_nothing() {
    test(|| {
        thread::scope(|scope| {
            for said in [
                ("STARTTLS\r\n", "454 4.7.0 not now\r\n"),
                ("TURN\r\n", "502 5.5.2 never\r\n"),
                ("ATRN example.org\r\n", "450 4.3.2 later\r\n"),
                ("XCLIENT NAME=spike.example\r\n", "550 5.7.1 no\r\n"),
                ("DATA\r\n", "503 5.5.1 no\r\n"),
                ("BDAT 0 LAST\r\n", "503 5.5.1 no\r\n"),
                ("AUTH GSSAPI\r\n", "535 5.7.8 no\r\n"),
                ("VRFY bob\r\n", "252 2.5.2 who knows\r\n"),
                ("NONSENSE FOR A VERB OF MORE THAN EIGHT OCTETS\r\n", "500-what\r\n500 is it\r\n"),
            ] {
                let lines: Lines = Vec::leak([EHLO, &[said]].concat());
                scope.spawn(move || {
                    let line = leaves_at_once(lines, "", 0);
                    assert!(line.contains(" mails=0"), "{said:?}: {line}");
                });
            }
        });
    });
}

/// Goal: 4096 owed replies can be counted, one more cannot.
#[test]
fn more_than_4096_owed_replies_are_unknown() {
    test(|| {
        let ask = |n: usize| "NOOP\r\n".repeat(n);
        let answer = |n: usize| "250 Ok\r\n".repeat(n);
        for n in [4096, 4097] {
            let mut session = session(SPEED, EHLO, move |mut link| {
                link.expect(&ask(n));
                link.expect_silence(NOT_AT_ONCE);
                if n > 4096 {
                    link.patience(BUT_SOON);
                } else {
                    // 30 s pass as well.
                    link.expect_silence(millis(1500));
                    link.say(&answer(n));
                }
                part(link);
            });
            session.say(&ask(n));
            session.hang_up();
            let heard = session.client.rest();
            if n > 4096 {
                assert!(heard.is_empty());
                let line = session.ends_one_of(&[("local_eof", 74), ("close_notify", 0)]).line;
                assert!(!line.contains(" mails="), "{line}");
            } else {
                assert!(heard == answer(n).as_bytes(), "{} octets", heard.len());
                let line = session.ends("local_eof", 0).line;
                assert!(line.contains(" mails=0"), "{line}");
            }
        }
    });
}

/// Goal: a server that hears our end after 30 s still answers, and is heard; the session was no success for all we know.
#[test]
fn what_an_unknown_server_says_behind_our_end_is_delivered() {
    test(|| {
        let mut session = session(SPEED, EHLO, |mut link| {
            link.expect("DATA\r\nhello\r\n");
            link.patience(BUT_SOON);
            link.expect_end();
            // 5 s more would be the end for a server that owes nothing.
            thread::sleep(millis(500));
            link.say("354 Go on\r\n");
            link.say("451 4.3.0 but you went\r\n");
            link.fin();
        });
        session.say("DATA\r\nhello\r\n");
        session.hang_up();
        session.expect_last("354 Go on\r\n451 4.3.0 but you went\r\n");
        session.ends("local_eof", 74);
    });
}

/// Goal: a script that sends a whole session at once works with every server that takes one.
#[test]
fn a_whole_session_in_one_write_is_delivered_and_answered() {
    const SCRIPT: &str =
        "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";
    const ANSWER: &str = "250 hi\r\n250 Ok\r\n250 Ok\r\n354 Go on\r\n250 2.0.0 Ok: queued\r\n221 2.0.0 Bye\r\n";
    test(|| {
        assert!(ANSWER.contains(QUEUED) && ANSWER.ends_with(BYE));
        let mut session = session(1, &[], |mut link| {
            link.expect(SCRIPT);
            link.say(ANSWER);
            link.close_notify();
        });
        session.say(SCRIPT);
        session.hang_up();
        session.expect_last(ANSWER);
        // 221 is an end that even here is known.
        session.ends_one_of(&[("close_notify", 0), ("local_eof", 0)]);
    });
}
