//! The client ends the session: with nothing owed the smarthost's connection is given back at once, with a reply owed nothing
//! reaches the smarthost that would make it drop the mail.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use crate::dialogue::{
    begin, leaves_at_once, millis, part, session, test, AT_ONCE, BYE, DATA, EHLO, MESSAGE, NOTHING, QUEUED,
};
use crate::support::kernel::until_read;
use crate::support::outcome::GREETING;
use crate::support::talk::Hear;

/// Goal: promise 5. Programs that never say QUIT (nodemailer, Python's smtplib after a failure) fill no limit of connections.
#[test]
fn promise_5_a_client_that_leaves_with_nothing_owed_gives_the_connection_back_at_once() {
    test(|| {
        leaves_at_once(NOTHING, "", 0);
        leaves_at_once(EHLO, "", 0);
        leaves_at_once(&[("EHLO me\r\n", "250 hi\r\n"), ("AUTH PLAIN AGEAYg==\r\n", "535 5.7.8 No\r\n")], "", 0);
        leaves_at_once(&[("EHLO me\r\n", "250 hi\r\n"), ("NOOP\r\nRSET\r\n", "250 Ok\r\n250 Ok\r\n")], "", 0);
    });
}

/// Goal: the same through two pipes, where the end is that of a pipe.
#[test]
fn promise_5_the_end_of_a_pipe_gives_the_connection_back_at_once() {
    test(|| {
        let mut output = None;
        let session = begin(
            |start| {
                let (bridge, input, ours) = start.pipes();
                output = Some(ours);
                (bridge, input)
            },
            NOTHING,
            |mut link| {
                link.patience(AT_ONCE);
                part(link);
            },
        );
        let mut output = output.expect("a pipe");
        output.expect(GREETING);
        session.ends("local_eof", 0);
        assert!(output.rest().is_empty());
    });
}

/// Goal: a mail that was taken is a mail that was taken: no QUIT makes no warning.
#[test]
fn a_client_that_leaves_behind_its_accepted_mail_is_in_order() {
    test(|| {
        let mut session = session(1, DATA, |mut link| {
            link.expect(MESSAGE);
            link.say(QUEUED);
            link.patience(AT_ONCE);
            part(link);
        });
        session.say(MESSAGE);
        session.expect(QUEUED);
        session.hang_up();
        session.expect_last("");
        let over = session.ends("local_eof", 0);
        assert!(over.line.contains(" mails=1"), "{}", over.line);
    });
}

/// Goal: an end inside a text delivers nothing anywhere; it is passed on at once, and worth a warning.
#[test]
fn a_client_that_leaves_inside_its_text_is_passed_on_at_once_and_warned_about() {
    test(|| {
        leaves_at_once(DATA, "", 74);
        leaves_at_once(DATA, "Subject: hello\r\n\r\nhalf a mess", 74);
        leaves_at_once(DATA, "Subject: hello\r\n\r\n.", 74);
        leaves_at_once(DATA, "Subject: hello\r\n\r\n..\r\n", 74);
    });
}

/// Goal: promise 5, and a bug that was: the answer to a chunk was waited for, 660 s, although its octets would never come.
#[test]
fn promise_5_a_client_that_leaves_inside_a_chunk_is_passed_on_at_once_and_warned_about() {
    test(|| {
        leaves_at_once(EHLO, "BDAT 5\r\n", 74);
        leaves_at_once(EHLO, "BDAT 500 LAST\r\nSubject: hello\r\n\r\nhalf a mess", 74);
    });
}

/// Goal: an unfinished command owes nothing; some servers answer it when they see the end, and that is delivered.
#[test]
fn a_client_that_leaves_inside_a_command_still_reads_the_answer_to_it() {
    test(|| {
        leaves_at_once(EHLO, "NOO", 0);
        let mut session = session(1, EHLO, |mut link| {
            link.expect("NOOP");
            link.patience(AT_ONCE);
            link.expect_end();
            link.say("250 as if it were a line\r\n");
            link.close_notify();
        });
        session.say("NOOP");
        session.hang_up();
        session.expect_last("250 as if it were a line\r\n");
        session.ends("local_eof", 0);
    });
}

/// Goal: what the server says behind our end is the client's, whether or not it ends with close_notify.
#[test]
fn what_the_server_says_behind_our_end_is_delivered() {
    test(|| {
        for alert in [true, false] {
            let mut session = session(1, EHLO, move |mut link| {
                link.expect_end();
                link.say("421 4.4.2 until then\r\n");
                if alert {
                    link.close_notify();
                }
                link.fin();
            });
            session.hang_up();
            session.expect_last("421 4.4.2 until then\r\n");
            // After a 421 the server's end is a clean one, whichever side was first.
            session.ends_one_of(&[("local_eof", 0), (if alert { "close_notify" } else { "eof" }, 0)]);
        }
    });
}

/// Goal: promise 4. A server that does not end, silent or not, is heard out for 5 s.
#[test]
fn promise_4_a_server_that_ignores_our_end_is_waited_for_5_seconds() {
    test(|| {
        for talks in [false, true] {
            let mut session = session(10, EHLO, move |mut link| {
                link.expect_end();
                let ours = Instant::now();
                while talks && link.try_send(b"421-more\r\n").is_ok() {
                    // The pace of the server.
                    thread::sleep(millis(20));
                }
                (link, ours)
            });
            session.hang_up();
            let heard = session.client.rest();
            assert_eq!(heard.is_empty(), !talks);
            let took = session.ends("local_eof", 0).peer.1.elapsed();
            assert!(took >= millis(500), "{took:?} for 5 s / 10");
        }
    });
}

/// Goal: Postfix closes behind its QUIT and does not wait for the 221: we wait a little for it, and then no more.
#[test]
fn with_only_the_reply_to_quit_owed_our_end_goes_out_after_5_seconds() {
    test(|| {
        let mut session = session(10, EHLO, |mut link| {
            link.expect("QUIT\r\n");
            link.expect_silence(millis(400));
            // The next longer clock is 30 s.
            link.patience(millis(2200));
            part(link);
        });
        session.say("QUIT\r\n");
        session.hang_up();
        session.expect_last("");
        session.ends("local_eof", 0);
    });
}

#[test]
fn a_reply_to_quit_that_comes_after_the_clients_end_arrives() {
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            link.expect("QUIT\r\n");
            link.expect_silence(millis(3000));
            link.say(BYE);
            link.close_notify();
        });
        session.say("QUIT\r\n");
        session.hang_up();
        session.expect_last(BYE);
        // With the 221 nothing is owed: it is chance whose end comes first.
        session.ends_one_of(&[("close_notify", 0), ("local_eof", 0)]);
    });
}

/// Goal: Exim half-closes behind BDAT or dot and QUIT, with up to four replies owed; servers that see our end drop the mail.
#[test]
fn with_replies_owed_besides_that_to_quit_no_end_of_ours_reaches_the_server() {
    test(|| {
        // 5 s are 50 ms, 30 s are 300 ms, 660 s are 6.6 s.
        let mut session = session(100, DATA, |mut link| {
            link.expect(MESSAGE);
            link.expect("QUIT\r\n");
            link.expect_silence(millis(600));
            link.say(QUEUED);
            link.expect_end();
            link.say(BYE);
        });
        session.say(&format!("{MESSAGE}QUIT\r\n"));
        session.hang_up();
        session.expect_last(&format!("{QUEUED}{BYE}"));
        // After a 221 the server's end is a clean one, whichever side was first.
        let over = session.ends_one_of(&[("local_eof", 0), ("eof", 0)]);
        assert!(over.line.contains(" mails=1"), "{}", over.line);
    });
}

/// Goal: the last owed reply is delivered, and then the row of "nothing owed" holds: at once.
#[test]
fn the_last_owed_reply_is_followed_by_our_end_at_once() {
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            link.expect("MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n");
            link.say("250 Ok\r\n");
            link.expect_silence(millis(1000));
            link.say("550 5.1.1 No\r\n");
            link.patience(AT_ONCE);
            part(link);
        });
        session.say("MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n");
        session.hang_up();
        session.expect_last("250 Ok\r\n550 5.1.1 No\r\n");
        session.ends("local_eof", 0);
    });
}

/// Goal: a client that resets lost something only if it was owed something.
#[test]
fn a_client_that_resets_is_gone_with_0_where_nothing_was_owed() {
    test(|| {
        for (said, reply, code) in [
            ("", "", 0),
            ("NOOP\r\n", "250 Ok\r\n", 0),
            ("QUIT\r\n", BYE, 0),
            ("NOOP\r\n", "", 74),
            ("NOOP\r\nRSET\r\n", "250 Ok\r\n", 74),
            ("DATA\r\n", "354 Go on\r\n", 74),
        ] {
            let mut session = session(1, EHLO, move |mut link| {
                link.expect(said);
                link.say(reply);
                part(link);
            });
            session.say(said);
            session.expect(reply);
            // A reset may overtake what the bridge has not read yet.
            until_read(&session.client);
            session.resets().ends("client_gone", code);
        }
    });
}

/// Goal: a client that has ended can still go away, and is noticed at once.
#[test]
fn a_client_that_resets_after_its_end_is_gone_at_once() {
    test(|| {
        let (tell, told) = channel();
        let mut session = session(1, DATA, move |mut link| {
            link.expect(MESSAGE);
            // Long enough for the client's end to be read.
            link.expect_silence(millis(300));
            tell.send(()).unwrap();
            link.patience(AT_ONCE);
            part(link);
        });
        session.say(MESSAGE);
        session.hang_up();
        told.recv().unwrap();
        session.resets().ends("client_gone", 74);
    });
}
