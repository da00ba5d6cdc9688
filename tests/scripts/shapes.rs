//! Scripts of every shape, each in one write.

use std::io::Write;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::dialogue::{begin, piped, test, Lines, BYE, NOTHING, QUEUED};
use crate::relay::quiet::{assert_quiet, window};
use crate::scripts::{converted, strict, works, works_from_a_file, Server, OVER, QUIT};
use crate::support::limit::{within, without_hooks};
use crate::support::outcome::GREETING;
use crate::support::talk::Hear;

const EHLO: (&str, &str) = ("EHLO me.example\r\n", "250-smarthost.test\r\n250 AUTH PLAIN LOGIN\r\n");
const MAIL: (&str, &str) = ("MAIL FROM:<a@b>\r\n", "250 2.1.0 Ok\r\n");
const RCPT: (&str, &str) = ("RCPT TO:<c@d>\r\n", "250 2.1.5 Ok\r\n");
const DATA: (&str, &str) = ("DATA\r\n", "354 Go on\r\n");
const OK: &str = "235 2.7.0 Ok\r\n";

const SCRIPT: &str = "EHLO me.example\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nSubject: t\n\nhello\n.\nQUIT\n";
const SAID: Lines = &[EHLO, MAIL, RCPT, DATA, ("Subject: t\r\n\r\nhello\r\n.\r\n", QUEUED), QUIT];

/// The lines as a script.
fn script(lines: Lines) -> String {
    lines.iter().map(|(line, _)| line.replace("\r\n", "\n")).collect()
}

/// Goal: the one of the manual, from a pipe and from a file; with line ends that need no conversion it is the same.
#[test]
fn a_whole_session_in_one_write_is_said_line_by_line() {
    test(|| {
        let line = works(SCRIPT, SAID);
        assert!(line.contains(" mails=1"), "{line}");
        works_from_a_file(SCRIPT, SAID);
        works(&SCRIPT.replace('\n', "\r\n"), SAID);
        // Some of both.
        works(&SCRIPT.replace("d>\n", "d>\r\n").replace("\n.\n", "\n.\r\n"), SAID);
    });
}

/// Goal: a strict server throws out the same script if its lines are not held: this tests the test.
#[test]
fn without_crlf_the_same_script_is_thrown_out() {
    test(|| {
        let said = SCRIPT.replace('\n', "\r\n");
        let (session, mut output) = piped(|start| start, &said, |link| strict(link, SAID));
        let heard = String::from_utf8(output.rest()).unwrap();
        assert_eq!(heard, format!("{GREETING}554 5.5.0 SMTP synchronization error\r\n"));
        assert_eq!(session.peer.done(), Server::ThrewOut(format!("{} and more", EHLO.0)));
        session.bridge.finish();
    });
}

#[test]
fn a_login_in_a_script_goes_line_by_line() {
    test(|| {
        let logins: [Lines; 5] = [
            &[EHLO, ("AUTH PLAIN AGEAYw==\r\n", OK), QUIT],
            &[EHLO, ("AUTH PLAIN\r\n", "334 \r\n"), ("AGEAYw==\r\n", OK), QUIT],
            &[
                EHLO,
                ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"),
                ("YQ==\r\n", "334 UGFzc3dvcmQ6\r\n"),
                ("Yw==\r\n", OK),
                QUIT,
            ],
            &[EHLO, ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"), ("*\r\n", "501 5.7.0 Cancelled\r\n"), QUIT],
            // A refusal by the server ends the exchange too: what was meant as an answer is then a command.
            &[EHLO, ("AUTH LOGIN\r\n", "504 5.5.4 What\r\n"), ("YQ==\r\n", "500 5.5.2 What\r\n"), QUIT],
        ];
        for lines in logins {
            works(&script(lines), lines);
        }
    });
}

/// Goal: octets of a chunk are counted, so nothing is converted in it, and nothing in it is a line.
#[test]
fn a_chunk_in_a_script_is_passed_on_as_it_is() {
    test(|| {
        let lines: Lines = &[
            EHLO,
            MAIL,
            RCPT,
            ("BDAT 12\r\nSubject: t\n\n", "250 2.0.0 Ok\r\n"),
            ("BDAT 19 LAST\r\nhello\nQUIT\r\n.\n\nEHLO", QUEUED),
            QUIT,
        ];
        let script = "EHLO me.example\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\nBDAT 12\nSubject: t\n\nBDAT 19 LAST\n\
                      hello\nQUIT\r\n.\n\nEHLOQUIT\n";
        let line = works(script, lines);
        assert!(line.contains(" mails=1"), "{line}");
    });
}

/// Goal: dots are the script's to double; a text goes up in one go to the dot that stands alone, and not beyond.
#[test]
fn a_text_with_dots_ends_with_the_lone_one() {
    test(|| {
        for text in [
            "..dots\r\n...\r\n. \r\n.x\r\n..\r\n.\r\n",
            ".\r\n",
            "\r\n.\r\n",
            "no line end of the last but one..\r\n.\r\n",
            "DATA\r\nQUIT\r\nMAIL FROM:<a@b>\r\n.\r\n",
        ] {
            let lines: Lines = Vec::leak(vec![EHLO, MAIL, RCPT, DATA, (text, QUEUED), QUIT]);
            let line = works(&script(lines), lines);
            assert!(line.contains(" mails=1"), "{text:?}: {line}");
        }
    });
}

/// Goal: two mails, and a text of 3 MB with lines of every length, some longer than our buffer.
#[test]
fn large_texts_go_up_whole() {
    test(|| {
        let lengths = (0..3000).map(|n| n * n % 1999).chain([65_535, 65_536, 65_537, 200_000]);
        let text = lengths.map(|n| "x".repeat(n) + "\r\n").collect::<String>() + ".\r\n";
        assert!(text.len() > 3_000_000);
        let text: &str = text.leak();
        let lines: Lines =
            Vec::leak(vec![EHLO, MAIL, RCPT, DATA, (text, QUEUED), MAIL, RCPT, DATA, ("short\r\n.\r\n", QUEUED), QUIT]);
        let script = script(lines);
        let mut session = begin(|start| converted(start).socket(), NOTHING, move |link| strict(link, lines));
        let mut writer = session.client.try_clone().unwrap();
        let writing = thread::spawn(move || writer.write_all(script.as_bytes()).unwrap());
        session.expect_last(&lines.iter().fold(GREETING.to_owned(), |all, (_, reply)| all + reply));
        writing.join().unwrap();
        let over = session.ends_one_of(OVER);
        assert_eq!(over.peer, Server::Served);
        assert!(over.line.contains(" mails=2"), "{}", over.line);
    });
}

/// Goal: one recipient of two is refused: the script knows nothing of it, and the mail goes to the other.
#[test]
fn a_refused_recipient_stops_no_script() {
    test(|| {
        let lines: Lines = &[
            EHLO,
            MAIL,
            ("RCPT TO:<nobody@d>\r\n", "550 5.1.1 No such user\r\n"),
            RCPT,
            DATA,
            ("Subject: t\r\n\r\nhello\r\n.\r\n", QUEUED),
            QUIT,
        ];
        let line = works(&script(lines), lines);
        assert!(line.ends_with(" mails=1 refused=\"550 5.1.1 No such user\""), "{line}");
    });
}

/// Goal: no recipient is taken, and DATA is refused: what was meant as the text is said as commands, each alone, and answered.
#[test]
fn a_refused_data_makes_commands_of_the_text() {
    test(|| {
        let lines: Lines = &[
            EHLO,
            MAIL,
            ("RCPT TO:<nobody@d>\r\n", "550 5.1.1 No such user\r\n"),
            ("DATA\r\n", "554 5.5.1 No valid recipients\r\n"),
            ("Subject: t\r\n", "500 5.5.2 What\r\n"),
            ("hello\r\n", "500 5.5.2 What\r\n"),
            (".\r\n", "500 5.5.2 What\r\n"),
            QUIT,
        ];
        let line = works(&script(lines), lines);
        assert!(line.contains(" mails=0 refused=\"550 5.1.1 No such user\""), "{line}");
    });
}

/// Goal: `printf QUIT` without a line feed: it goes up as it is when its turn comes, and our end behind it.
#[test]
fn an_unfinished_last_line_goes_up_at_the_end() {
    test(|| {
        for said in ["EHLO me.example\nQUIT", "QUIT"] {
            let before: Lines = if said.contains('\n') { &[EHLO] } else { &[] };
            let (session, mut output) = piped(converted, said, move |mut link| {
                for (line, reply) in before {
                    link.expect(line);
                    link.say(reply);
                }
                link.expect("QUIT");
                link.expect_end();
                link.say(BYE);
                link.close_notify();
            });
            let replies = before.iter().fold(GREETING.to_owned(), |all, (_, reply)| all + reply);
            assert_eq!(String::from_utf8(output.rest()).unwrap(), replies + BYE);
            session.ends("local_eof", 0);
        }
    });
}

/// Goal: promise 5. A script whose writer has gone waits for a reply without CPU.
#[test]
fn promise_5_a_script_that_waits_for_a_reply_uses_no_cpu() {
    if without_hooks() {
        return;
    }
    within(window() + Duration::from_secs(60), || {
        let (session, mut output) = piped(converted, SCRIPT, |mut link| {
            link.expect(EHLO.0);
            link.tcp.set_read_timeout(None).unwrap();
            link.rest();
        });
        output.expect(GREETING);
        assert_quiet(window(), &[("a script", &session.bridge)]);
        session.bridge.signal(Signal::SIGTERM);
        assert!(output.rest().is_empty());
        session.ends("terminated", 75);
    });
}
