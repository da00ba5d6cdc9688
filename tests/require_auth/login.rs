//! What counts as a login: each way in which mail programs log in, succeed, fail and give up. Only a 235 that answers AUTH
//! opens the way for MAIL, and it holds for the session.

use crate::dialogue::{millis, test, Lines, BYE, EHLO, HELLO, NOTHING};
use crate::require_auth::{held, passes, session, ACCEPTED, LOGIN_REFUSED, MAIL, NO, NO_PASSWORD, REFUSED};

const OK: &str = "235 2.7.0 Ok\r\n";
const SENT: (&str, &str) = (MAIL, "250 2.1.0 Ok\r\n");

const CANCELLED: Lines = &[HELLO, ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"), ("*\r\n", "501 5.7.0 Cancelled\r\n")];
const XOAUTH2: Lines = &[HELLO, ("AUTH XOAUTH2 dXNlcj1hAQ==\r\n", "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"), ("\r\n", NO)];

/// Goal: in whichever way a login fails, the smarthost's last words are the reason.
#[test]
fn a_login_that_fails_in_whichever_way_holds_mail_with_its_words() {
    test(|| {
        held(CANCELLED, MAIL, NOTHING, "login refused: 501 5.7.0 Cancelled", 78);
        held(XOAUTH2, MAIL, NOTHING, LOGIN_REFUSED, 78);
        let no: &[Lines] = &[
            &[HELLO, ("AUTH PLAIN =\r\n", NO)],
            &[HELLO, ("AUTH PLAIN\r\n", "334 \r\n"), ("AGEAYg==\r\n", NO)],
            &[
                HELLO,
                ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"),
                ("YQ==\r\n", "334 UGFzc3dvcmQ6\r\n"),
                ("Yg==\r\n", NO),
            ],
            &[HELLO, ("AUTH EXTERNAL =\r\n", NO)],
            &[HELLO, ("AUTH EXTERNAL\r\n", "334 \r\n"), ("\r\n", NO)],
            // Four letters of base64 are what a name begins with, and no command.
            &[HELLO, ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"), ("MAIL \r\n", NO)],
            &[HELLO, ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"), ("MAIL FROM:<a@b>\r\n", NO)],
        ];
        for lines in no {
            held(lines, MAIL, NOTHING, LOGIN_REFUSED, 78);
        }
    });
}

#[test]
fn a_login_that_succeeds_in_whichever_way_lets_mail_pass() {
    test(|| {
        let yes: &[Lines] = &[
            ACCEPTED,
            &[HELLO, ("auth plain =\r\n", OK)],
            &[HELLO, ("AUTH PLAIN\r\n", "334 \r\n"), ("AGEAYw==\r\n", OK)],
            &[
                HELLO,
                ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"),
                ("YQ==\r\n", "334 UGFzc3dvcmQ6\r\n"),
                ("MAIL\r\n", OK),
            ],
            &[HELLO, ("AUTH EXTERNAL =\r\n", OK)],
            &[HELLO, ("AUTH EXTERNAL\r\n", "334 \r\n"), ("\r\n", OK)],
            &[HELLO, ("AUTH PLAIN AGEAYw==\r\n", "235-2.7.0 Hello\r\n235 2.7.0 Ok\r\n")],
            // It answers what a server said that had not offered it.
            &[("EHLO me\r\n", "250 smarthost.test\r\n"), ("AUTH PLAIN AGEAYw==\r\n", OK)],
        ];
        for lines in yes {
            passes(lines, MAIL, &[SENT]);
        }
        // The security layer is unknown for good, and logged in.
        let layer: Lines = &[HELLO, ("AUTH GSSAPI\r\n", "334 \r\n"), ("YIIB\r\n", OK)];
        passes(layer, MAIL, &[SENT]);
    });
}

/// Goal: programs try one mechanism after the other; the last answer counts, and no answer after a 235 matters.
#[test]
fn a_later_login_counts_and_a_235_holds_for_the_session() {
    test(|| {
        let good = ("AUTH PLAIN AGEAYw==\r\n", OK);
        passes(Vec::leak([REFUSED, &[good]].concat()), MAIL, &[SENT]);
        passes(Vec::leak([CANCELLED, &[good]].concat()), MAIL, &[SENT]);
        passes(Vec::leak([XOAUTH2, &[good]].concat()), MAIL, &[SENT]);
        // A second mail, a second EHLO, a login that comes too late.
        let late: Lines =
            &[("RSET\r\n", "250 Ok\r\n"), HELLO, ("AUTH PLAIN AGEAYg==\r\n", "503 5.5.1 Already\r\n"), SENT];
        passes(Vec::leak([ACCEPTED, &[SENT], late].concat()), MAIL, &[SENT]);
        let later: Lines = &[("AUTH PLAIN AGEAYg==\r\n", "454 4.7.0 Not now\r\n")];
        held(Vec::leak([REFUSED, later].concat()), MAIL, NOTHING, "login refused: 454 4.7.0 Not now", 75);
        let never: Lines = &[("AUTH PLAIN AGEAYg==\r\n", NO)];
        held(Vec::leak([&[HELLO], later, never].concat()), MAIL, NOTHING, LOGIN_REFUSED, 78);
    });
}

/// Goal: a password that was right for something else, or a number that looks like it, is no login.
#[test]
fn a_235_that_answers_no_auth_is_none() {
    test(|| {
        held(&[HELLO, ("NOOP\r\n", OK)], MAIL, NOTHING, NO_PASSWORD, 78);
        held(&[HELLO, ("AUTHENTICATE me\r\n", OK)], MAIL, NOTHING, NO_PASSWORD, 78);
        held(&[("EHLO me\r\n", "235 Ok\r\n")], MAIL, NOTHING, "not logged in: it offers no AUTH", 78);
        // Two commands in one write: the 235 is the answer to the first.
        let two: Lines = &[HELLO, ("NOOP\r\nAUTH PLAIN AGEAYg==\r\n", "235 Ok\r\n535 5.7.8 No\r\n")];
        held(two, MAIL, NOTHING, "login refused: 535 5.7.8 No", 78);
        // No 235, whatever it may mean.
        held(&[HELLO, ("AUTH PLAIN AGEAYg==\r\n", "250 Ok\r\n")], MAIL, NOTHING, "login refused: 250 Ok", 78);
    });
}

/// Goal: a client that says everything at once is heard line by line, because behind AUTH the next octet may be a password.
#[test]
fn behind_auth_the_lines_go_up_one_at_a_time_and_mail_with_the_235() {
    test(|| {
        let said = format!("AUTH LOGIN\r\nYQ==\r\nYg==\r\n{MAIL}RCPT TO:<b@c.d>\r\n");
        let login: Lines = &[
            ("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"),
            ("YQ==\r\n", "334 UGFzc3dvcmQ6\r\n"),
            ("Yg==\r\n", "235 2.7.0 Ok\r\n"),
            ("MAIL FROM:<alice@example.org>\r\nRCPT TO:<b@c.d>\r\n", "250 Ok\r\n250 Ok\r\n"),
        ];
        for refused in [false, true] {
            let mut session = session(EHLO, move |mut link| {
                for (number, (line, reply)) in login.iter().enumerate().take(if refused { 3 } else { 4 }) {
                    link.expect(line);
                    link.expect_silence(millis(100));
                    link.say(if refused && number == 2 { NO } else { reply });
                }
                if refused {
                    link.expect_end();
                } else {
                    link.close_notify();
                }
            });
            session.say(&said);
            if refused {
                let ours = crate::require_auth::ours(LOGIN_REFUSED);
                session.expect_last(&format!("{}{}{NO}{ours}", login[0].1, login[1].1));
                session.ends("unauthenticated", 78);
            } else {
                session.expect_last(&login.iter().map(|(_, reply)| *reply).collect::<String>());
                session.ends("close_notify", 0);
            }
        }
    });
}

/// Goal: AUTH and MAIL in one write: the 235 comes while MAIL is held, and MAIL goes up unchanged with all behind it.
#[test]
fn a_235_that_comes_while_mail_is_held_lets_it_pass() {
    test(|| {
        let all = format!("{}AUTH PLAIN AGEAYw==\r\n{MAIL}RCPT TO:<b@c.d>\r\nQUIT\r\n", HELLO.0);
        let first: Lines = &[HELLO, ("AUTH PLAIN AGEAYw==\r\n", OK)];
        let second: Lines =
            &[(MAIL, "250 2.1.0 Ok\r\n"), ("RCPT TO:<b@c.d>\r\n", "250 2.1.5 Ok\r\n"), ("QUIT\r\n", BYE)];
        passes(NOTHING, &all, Vec::leak([first, second].concat()));
        // A 535 drops what is held while a 235 is awaited.
        let said = format!("AUTH PLAIN AGEAYg==\r\n{MAIL}");
        held(EHLO, &said, &[("AUTH PLAIN AGEAYg==\r\n", NO)], LOGIN_REFUSED, 78);
        // Refused, and tried again in the same write.
        let said = format!("AUTH PLAIN AGEAYg==\r\nAUTH PLAIN AGEAYw==\r\n{MAIL}");
        let twice: Lines = &[("AUTH PLAIN AGEAYg==\r\n", NO), ("AUTH PLAIN AGEAYw==\r\n", OK), SENT];
        passes(EHLO, &said, twice);
    });
}
