//! The exchange of AUTH: lines that are no commands, of which nothing is kept.

use std::io::Write;
use std::time::Duration;

use crate::confine::memory::{found, middle};
use crate::dialogue::{leaves_at_once, millis, session, test, Lines, EHLO};
use crate::support::kernel::until_read;
use crate::support::limit::{until, without_root};
use crate::support::smarthost::Settings;

const OFFER: (&str, &str) = ("EHLO me\r\n", "250 AUTH PLAIN LOGIN XOAUTH2 EXTERNAL CRAM-MD5\r\n");

/// A whole exchange behind which nothing is owed; what the log says of it.
#[track_caller]
fn exchange(lines: Lines) -> String {
    let line = leaves_at_once(lines, "", 0);
    assert!(line.contains(" mails=0"), "not followed: {line}");
    line
}

/// Goal: each shape in which mail programs log in.
#[test]
fn every_usual_login_is_followed() {
    test(|| {
        exchange(&[OFFER, ("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", "235 2.7.0 Ok\r\n")]);
        exchange(&[OFFER, ("AUTH PLAIN\r\n", "334 \r\n"), ("AGFsaWNlAHNlY3JldA==\r\n", "235 2.7.0 Ok\r\n")]);
        exchange(&[OFFER, ("auth plain =\r\n", "235 2.7.0 Ok\r\n")]);
        exchange(&[
            OFFER,
            ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"),
            ("YWxpY2U=\r\n", "334 UGFzc3dvcmQ6\r\n"),
            ("c2VjcmV0\r\n", "235 2.7.0 Ok\r\n"),
        ]);
        exchange(&[OFFER, ("AUTH LOGIN YWxpY2U=\r\n", "334 UGFzc3dvcmQ6\r\n"), ("c2VjcmV0\r\n", "235 Ok\r\n")]);
        exchange(&[OFFER, ("AUTH CRAM-MD5\r\n", "334 PDE4OTYuNjk3QHg+\r\n"), ("dGltIGI5\r\n", "235 Ok\r\n")]);
        exchange(&[OFFER, ("AUTH EXTERNAL =\r\n", "235 Ok\r\n")]);
        exchange(&[OFFER, ("AUTH EXTERNAL\r\n", "334 \r\n"), ("=\r\n", "235 Ok\r\n")]);
    });
}

/// Goal: a client gives up with `*`; the exchange is over with its 501.
#[test]
fn a_cancelled_login_is_followed() {
    test(|| {
        let line = exchange(&[OFFER, ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"), ("*\r\n", "501 5.7.0 cancelled\r\n")]);
        assert!(line.ends_with(" refused=\"501 5.7.0 cancelled\""), "{line}");
        exchange(&[
            OFFER,
            ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"),
            ("*\r\n", "501 5.7.0 cancelled\r\n"),
            ("AUTH PLAIN AGEAYg==\r\n", "235 Ok\r\n"),
        ]);
    });
}

/// Goal: the error of XOAUTH2 comes as a 334, and its answer is an empty line; so is an empty answer of EXTERNAL.
#[test]
fn an_empty_line_in_answer_to_334_is_followed() {
    test(|| {
        let line = exchange(&[
            OFFER,
            ("AUTH XOAUTH2 dXNlcj1hAQ==\r\n", "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
            ("\r\n", "535 5.7.8 not accepted\r\n"),
        ]);
        assert!(line.ends_with(" refused=\"535 5.7.8 not accepted\""), "{line}");
        exchange(&[OFFER, ("AUTH EXTERNAL\r\n", "334 \r\n"), ("\r\n", "235 Ok\r\n")]);
    });
}

/// Goal: four letters are base64: an answer to 334 is no command, whatever it looks like.
#[test]
fn an_answer_that_looks_like_a_command_is_none() {
    test(|| {
        for answer in ["QUIT\r\n", "DATA\r\n", "AUTH\r\n", "BDAT\r\n", "STARTTLS\r\n"] {
            let login: Lines =
                Vec::leak(vec![OFFER, ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"), (answer, "535 5.7.8 No\r\n")]);
            exchange(login);
            // Were it QUIT, nothing would be owed any more; were it DATA, this would be text.
            let mut session = session(100, login, |mut link| {
                link.expect("RSET\r\nNOOP\r\n");
                // 30 s are 300 ms.
                link.expect_silence(millis(600));
                link.say("250 Ok\r\n250 Ok\r\n");
                link.expect_end();
            });
            session.say("RSET\r\nNOOP\r\n");
            session.hang_up();
            session.expect_last("250 Ok\r\n250 Ok\r\n");
            session.ends("local_eof", 0);
        }
    });
}

/// Goal: of a line whose end never comes no more is kept than the longest verb.
#[test]
fn of_an_unfinished_line_no_more_than_8_octets_are_kept() {
    if without_root() {
        return;
    }
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            link.expect("quartz-otter-velvet");
            link.expect_end();
        });
        session.say("quartz-otter-velvet");
        until_read(&session.client);
        let words = ["tz-otter-"].map(str::to_owned);
        until(Duration::from_secs(10), "nothing is left of it", || found(&session.bridge, &words).is_empty());
        session.hang_up();
        session.expect_last("");
        session.ends("local_eof", 0);
    });
}

/// Goal: nothing of a password stays with us as soon as it is on its way, in whichever line it came, cut anywhere, refused or
/// cancelled; an unfinished line is no exception.
#[test]
fn nothing_of_a_password_stays_in_the_memory() {
    const PASSWORD: &str = "moss-lantern-quartz-42-otter-velvet";
    if without_root() {
        return;
    }
    test(|| {
        let plain = Settings::plain("alice", PASSWORD);
        let (ours, said) = (plain.clone(), plain.clone());
        let mut session = session(1, EHLO, move |mut link| {
            let mut hear = |line: &str, reply: &str| {
                link.expect(line);
                link.say(reply);
            };
            hear(&format!("AUTH PLAIN {said}\r\n"), "535 5.7.8 No\r\n");
            hear("AUTH PLAIN\r\n", "334 \r\n");
            hear(&format!("{said}\r\n"), "535 5.7.8 No\r\n");
            // Sent as a command, as a client does that did not wait for the 334.
            hear(&format!("{said}\r\n"), "500 5.5.2 What\r\n");
            link.expect(&format!("AUTH PLAIN {said}"));
            link.expect_end();
        });
        let nothing = |bridge: &crate::support::bridge::Bridge| {
            let words = [middle(&ours), middle(PASSWORD)];
            // The answer may be here before the thread that sent the question has come back from it.
            until(Duration::from_secs(10), "nothing is left of it", || found(bridge, &words).is_empty());
        };
        for (line, reply) in [
            (format!("AUTH PLAIN {plain}\r\n"), "535 5.7.8 No\r\n"),
            ("AUTH PLAIN\r\n".to_owned(), "334 \r\n"),
            (format!("{plain}\r\n"), "535 5.7.8 No\r\n"),
            (format!("{plain}\r\n"), "500 5.5.2 What\r\n"),
        ] {
            for octet in line.as_bytes().chunks(7) {
                session.client.write_all(octet).unwrap();
            }
            session.expect(reply);
            nothing(&session.bridge);
        }
        session.say(&format!("AUTH PLAIN {plain}"));
        until_read(&session.client);
        nothing(&session.bridge);
        session.hang_up();
        session.expect_last("");
        session.ends("local_eof", 0);
    });
}
