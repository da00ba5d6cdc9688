//! What the line of a session says of its mail: `mails=`, `refused=`, and a level that says whether somebody should look.

use crate::dialogue::{leaves_at_once, session, test, Lines, BYE, DATA, EHLO, MESSAGE, QUEUED};
use crate::relay::greeted;
use crate::support::talk::{Hear, Talk};

const QUIT: (&str, &str) = ("QUIT\r\n", BYE);

/// The line of a session that says `lines` behind EHLO, and QUIT.
#[track_caller]
fn line(lines: &[(&'static str, &'static str)]) -> String {
    let lines: Lines = Vec::leak([EHLO, lines, &[QUIT]].concat());
    let mut session = session(1, lines, |mut link| link.close_notify());
    session.expect_last("");
    session.ends("close_notify", 0).line
}

/// The value of `refused=`, without its quotes; the last word of the line.
#[track_caller]
fn refused(line: &str) -> &str {
    let value = line.split_once(" refused=\"").and_then(|(_, rest)| rest.strip_suffix('"'));
    value.unwrap_or_else(|| panic!("no refused= at the end of {line}"))
}

const MAIL: (&str, &str) = ("MAIL FROM:<alice@example.org>\r\n", "250 Ok\r\n");
const RCPT: (&str, &str) = ("RCPT TO:<bob@example.net>\r\n", "250 Ok\r\n");
const TEXT: (&str, &str) = ("DATA\r\n", "354 Go on\r\n");

/// Goal: the one question that an administrator has: did the mail go, and if not, why.
#[test]
fn a_session_that_delivered_is_told_from_one_whose_login_was_refused() {
    test(|| {
        let delivered = line(&[MAIL, RCPT, TEXT, (MESSAGE, QUEUED)]);
        assert!(delivered.ends_with(" end=close_notify mails=1"), "{delivered}");
        let refused = line(&[("AUTH PLAIN AGEAYg==\r\n", "535 5.7.8 Authentication credentials invalid\r\n")]);
        let wanted = " end=close_notify mails=0 refused=\"535 5.7.8 Authentication credentials invalid\"";
        assert!(refused.ends_with(wanted), "{refused}");
    });
}

#[test]
fn each_message_that_the_smarthost_accepted_is_counted() {
    test(|| {
        let one = [MAIL, RCPT, TEXT, (MESSAGE, QUEUED)];
        assert!(line(&[one, one, one].concat()).ends_with(" mails=3"));
        let lost = [MAIL, RCPT, TEXT, (MESSAGE, "451 4.3.0 Try again\r\n")];
        let line = line(&[one, lost].concat());
        assert!(line.ends_with(" mails=1 refused=\"451 4.3.0 Try again\""), "{line}");
    });
}

/// Goal: the log has no refusal that was overcome, and none that does not concern a mail.
#[test]
fn refused_is_about_the_mail_and_the_login() {
    test(|| {
        let no = |line: &str| assert!(line.ends_with(" mails=0"), "{line}");
        no(&line(&[("AUTH PLAIN AGEAYg==\r\n", "535 5.7.8 No\r\n"), ("AUTH PLAIN AGEAYw==\r\n", "235 Ok\r\n")]));
        no(&line(&[("VRFY bob\r\n", "502 5.5.1 No\r\n"), ("NONSENSE\r\n", "500 5.5.2 What\r\n")]));
        let (mail, rcpt) =
            (("MAIL FROM:<a@b.c>\r\n", "530 5.7.0 Log in\r\n"), ("RCPT TO:<d@e.f>\r\n", "503 5.5.1 MAIL\r\n"));
        assert_eq!(refused(&line(&[mail])), "530 5.7.0 Log in");
        assert_eq!(refused(&line(&[mail, rcpt])), "530 5.7.0 Log in");
        assert_eq!(refused(&line(&[MAIL, rcpt, ("RSET\r\n", "250 Ok\r\n")])), "503 5.5.1 MAIL");
        assert_eq!(refused(&line(&[MAIL, ("DATA\r\n", "554 5.5.1 No recipients\r\n")])), "554 5.5.1 No recipients");
        assert_eq!(refused(&line(&[MAIL, RCPT, ("BDAT 5 LAST\r\nhello", "552 5.3.4 Big\r\n")])), "552 5.3.4 Big");
        assert_eq!(refused(&line(&[MAIL, RCPT, TEXT, (MESSAGE, "552 5.3.4 Big\r\n")])), "552 5.3.4 Big");
        // A login that succeeds later says nothing about a recipient.
        let login = ("AUTH PLAIN AGEAYw==\r\n", "235 Ok\r\n");
        assert_eq!(refused(&line(&[mail, login])), "530 5.7.0 Log in");
    });
}

/// Goal: of a refusal of several lines the log has the last one, escaped, in at most 120 octets.
#[test]
fn refused_is_one_last_line_escaped_and_capped() {
    test(|| {
        let rcpt = |reply: String| ("RCPT TO:<d@e.f>\r\n", &*reply.leak());
        let many = rcpt("550-5.7.1 first\r\n550-5.7.1 second\r\n550 5.7.1 the last\r\n".to_owned());
        assert_eq!(refused(&line(&[MAIL, many])), "550 5.7.1 the last");
        let long = line(&[MAIL, rcpt(format!("550 5.7.1 {}\r\n", "x".repeat(400)))]);
        let value = refused(&long);
        assert!(value.starts_with("550 5.7.1 xxxx") && value.len() <= 120, "{} octets: {value}", value.len());
        let forged = line(&[MAIL, rcpt("550 \x1b[31m\" end=eof mails=9 refused=\"\u{e9}\r\n".to_owned())]);
        assert!(forged.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{forged:?}");
        assert!(!forged.contains("\" end=eof") && forged.contains(" end=close_notify mails=0 refused="), "{forged}");
    });
}

/// Goal: fields that tell of the mail stand in the line however the session ended.
#[test]
fn every_end_of_a_known_dialogue_says_how_many_mails() {
    test(|| {
        let taken: Lines = Vec::leak([DATA, &[(MESSAGE, QUEUED)]].concat());
        let line = leaves_at_once(taken, "", 0);
        assert!(line.ends_with(" end=local_eof mails=1"), "{line}");
        let mut session = session(1, taken, |mut link| {
            link.expect("NOOP\r\n");
            link.fin();
        });
        session.say("NOOP\r\n");
        session.expect_last("");
        let line = session.ends("truncated", 76).line;
        assert!(line.contains(" end=truncated mails=1"), "{line}");
    });
}

/// Goal: `-q` leaves the lines that somebody should look at.
#[test]
fn under_q_a_session_in_order_has_no_line_and_a_lost_one_has() {
    test(|| {
        for lost in [false, true] {
            let (bridge, mut client, peer) = greeted(
                |start| start.arg("-q"),
                move |mut link| {
                    link.expect("NOOP\r\n");
                    if !lost {
                        link.say("250 Ok\r\n");
                    }
                    link.fin();
                    link.until_closed();
                },
            );
            client.say("NOOP\r\n");
            assert_eq!(client.rest().is_empty(), lost);
            drop(client);
            peer.done();
            let ended = bridge.finish();
            if lost {
                ended.assert("truncated", 76);
            } else {
                assert!(ended.code == 0 && ended.log.is_empty(), "{ended:?}");
            }
        }
    });
}
