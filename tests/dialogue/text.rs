//! What a message is and where it ends: DATA, BDAT, and what looks like an end and is none.

use std::io::Write;
use std::thread;

use crate::dialogue::{millis, part, session, test, Session, AT_ONCE, BYE, DATA, EHLO, MESSAGE, NOTHING, QUEUED};
use crate::support::peer::Link;
use crate::support::talk::{Hear, Talk};

/// The client has heard everything that it asked for and ends: the end is passed on at once, because all of it was understood.
#[track_caller]
fn leaves<T: Send + 'static>(mut session: Session<T>, mails: usize) -> String {
    session.hang_up();
    session.expect_last("");
    let line = session.ends("local_eof", 0).line;
    assert!(line.contains(&format!(" mails={mails}")), "not {mails}: {line}");
    line
}

/// The server's side: hears `said` and answers, and the end comes at once.
fn answers(mut link: Link, said: &str, reply: &str) {
    link.expect(said);
    link.say(reply);
    link.patience(AT_ONCE);
    part(link);
}

/// Goal: texts of every shape, each of which ends at its one CRLF.CRLF: the CRLF of the DATA line counts.
#[test]
fn a_text_ends_at_crlf_dot_crlf_and_nowhere_else() {
    test(|| {
        for text in [
            ".\r\n",
            "\r\n.\r\n",
            MESSAGE,
            "..\r\n.\r\n",
            ".x\r\n..\r\n.\r\n",
            "a.\r\n.\r\n",
            "..\n\r\n.\r\n",
            "DATA\r\nQUIT\r\nBDAT x\r\nAUTH\r\n\r\n.\r\n",
        ] {
            let mut session = session(1, DATA, move |link| answers(link, text, QUEUED));
            session.say(text);
            session.expect(QUEUED);
            leaves(session, 1);
        }
    });
}

#[test]
fn a_text_in_writes_of_one_octet_ends_where_it_ends() {
    test(|| {
        let mut session = session(1, DATA, |link| answers(link, MESSAGE, QUEUED));
        for octet in MESSAGE.bytes() {
            session.client.write_all(&[octet]).unwrap();
        }
        session.expect(QUEUED);
        leaves(session, 1);
    });
}

/// Goal: two messages in one session, with commands around and between them.
#[test]
fn commands_go_on_behind_a_message() {
    const AGAIN: &str = "RSET\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n";
    const ANSWER: &str = "250 Ok\r\n250 Ok\r\n250 Ok\r\n354 Go on\r\n";
    test(|| {
        let mut session = session(1, DATA, |mut link| {
            link.expect(MESSAGE);
            link.say(QUEUED);
            link.expect(AGAIN);
            link.say(ANSWER);
            answers(link, MESSAGE, QUEUED);
        });
        session.say(MESSAGE);
        session.expect(QUEUED);
        session.say(AGAIN);
        session.expect(ANSWER);
        session.say(MESSAGE);
        session.expect(QUEUED);
        leaves(session, 2);
    });
}

/// Goal: in a chunk nothing is looked at: its length alone is its end.
#[test]
fn a_bdat_chunk_may_hold_anything() {
    const CHUNK: &str = "Subject: x\r\n\r\n.\r\nDATA\r\nQUIT\r\nBDAT 9 LAST\r\n\n.\n\r\n";
    test(|| {
        let said = format!("BDAT {}\r\n{CHUNK}bdat 0 last\r\n", CHUNK.len());
        let theirs = said.clone();
        let mut session = session(1, EHLO, move |link| answers(link, &theirs, "250 Ok\r\n250 2.0.0 Ok: queued\r\n"));
        session.say(&said);
        session.expect("250 Ok\r\n250 2.0.0 Ok: queued\r\n");
        leaves(session, 1);
    });
}

/// Goal: a chunk whose octets come one by one, and with the next command in the same write.
#[test]
fn a_bdat_chunk_ends_behind_its_last_octet_however_it_is_cut() {
    const SAID: &str = "BDAT 7 LAST\r\n\r\n.\r\n\r\nNOOP\r\n";
    const ANSWER: &str = "250 2.0.0 Ok: queued\r\n250 Ok\r\n";
    test(|| {
        for pieces in [1, SAID.len()] {
            let mut session = session(1, EHLO, |link| answers(link, SAID, ANSWER));
            for piece in SAID.as_bytes().chunks(SAID.len() / pieces) {
                session.client.write_all(piece).unwrap();
            }
            session.expect(ANSWER);
            leaves(session, 1);
        }
    });
}

/// Goal: a server that refuses a large chunk at once is heard, the rest of the chunk is no command, and the session goes on.
#[test]
fn an_early_552_in_the_middle_of_a_bdat_chunk_is_its_reply() {
    const HALF: usize = 50_000;
    const TOO_BIG: &str = "552 5.3.4 too big\r\n";
    test(|| {
        let half = "x\r\n.\r\n".repeat(HALF / 6 + 1)[..HALF].to_owned();
        let theirs = half.clone();
        let mut session = session(1, EHLO, move |mut link| {
            link.expect(&format!("BDAT {} LAST\r\n{theirs}", 2 * HALF));
            link.say(TOO_BIG);
            link.expect(&theirs);
            answers(link, "NOOP\r\n", "250 Ok\r\n");
        });
        session.say(&format!("BDAT {} LAST\r\n{half}", 2 * HALF));
        session.expect(TOO_BIG);
        session.say(&half);
        session.say("NOOP\r\n");
        session.expect("250 Ok\r\n");
        let line = leaves(session, 0);
        assert!(line.ends_with(" refused=\"552 5.3.4 too big\""), "{line}");
    });
}

/// Goal: Exim with PIPECONNECT sends EHLO, MAIL, RCPT and BDAT in one flight.
#[test]
fn a_whole_mail_in_one_flight_of_bdat_is_followed() {
    const FLIGHT: &str =
        "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 7 LAST\r\nhello\r\nQUIT\r\n";
    test(|| {
        let mut session = session(100, NOTHING, |mut link| {
            link.expect(FLIGHT);
            // 30 s are 300 ms.
            link.expect_silence(millis(600));
            link.say("250-hi\r\n250 CHUNKING\r\n250 Ok\r\n250 Ok\r\n");
            link.expect_silence(millis(600));
            link.say(QUEUED);
            link.say(BYE);
            link.close_notify();
        });
        session.say(FLIGHT);
        session.hang_up();
        session.expect_last(&format!("250-hi\r\n250 CHUNKING\r\n250 Ok\r\n250 Ok\r\n{QUEUED}{BYE}"));
        let line = session.ends_one_of(&[("close_notify", 0), ("local_eof", 0)]).line;
        assert!(line.contains(" mails=1"), "{line}");
    });
}

/// Goal: PRDR answers a text once for each recipient: more than we can count, and all of it is delivered.
#[test]
fn promise_2_every_reply_of_prdr_is_delivered() {
    const REPLIES: &str = "353 PRDR content analysis beginning\r\n250 first\r\n550 second\r\n250 2.0.0 Ok: queued\r\n";
    test(|| {
        let mut session = session(1, DATA, |mut link| {
            link.expect(MESSAGE);
            link.say(REPLIES);
            link.expect("QUIT\r\n");
            link.say(BYE);
            link.fin();
            link.expect_end();
        });
        session.say(MESSAGE);
        session.expect(REPLIES);
        session.say("QUIT\r\n");
        session.expect_last(BYE);
        session.ends("eof", 0);
    });
}

/// Goal: `printf '...\n.\n' | smtps-bridge`: whether that dot ends the text is the server's to say. A server that takes it
/// for one may work on its answer for minutes.
#[test]
fn a_lone_dot_in_any_line_ends_is_given_the_time_of_a_message() {
    test(|| {
        thread::scope(|scope| {
            for (lines, said) in [
                (DATA, "hello\n.\n"),
                (DATA, "hello\r\n.\n"),
                (DATA, "hello\n.\r\n"),
                (DATA, "hello\n.\nQUIT\n"),
                (DATA, "hello\n.\nQUIT\r\n"),
                (EHLO, "DATA\r\nhello\r\n.\r\n"),
                (EHLO, "DATA\nhello\n.\nQUIT\n"),
            ] {
                scope.spawn(move || {
                    // 30 s are 1 s, 660 s are 22 s.
                    let mut session = session(30, lines, move |mut link| {
                        link.expect(said);
                        link.expect_silence(millis(1500));
                        link.say(QUEUED);
                        link.close_notify();
                    });
                    session.say(said);
                    session.hang_up();
                    session.expect_last(QUEUED);
                    session.ends("close_notify", 0);
                });
            }
        });
    });
}

/// Goal: constant memory and not a reply lost, whatever a client pipelines.
#[test]
fn promise_2_ten_thousand_pipelined_noops_are_all_answered() {
    const N: usize = 10_000;
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            link.expect(&"NOOP\r\n".repeat(N));
            link.expect("QUIT\r\n");
            link.say(&"250 2.0.0 Ok\r\n".repeat(N));
            link.say(BYE);
            link.close_notify();
        });
        let mut writer = session.client.try_clone().unwrap();
        let writing = thread::spawn(move || writer.say(&format!("{}QUIT\r\n", "NOOP\r\n".repeat(N))));
        let heard = session.client.exactly("250 2.0.0 Ok\r\n".len() * N);
        assert!(heard == "250 2.0.0 Ok\r\n".repeat(N).as_bytes());
        session.expect_last(BYE);
        writing.join().unwrap();
        let resident = session.bridge.memory("VmHWM");
        assert!(resident < 24 * 1024, "{resident} KiB resident");
        session.ends("close_notify", 0);
    });
}
