//! What passes: everything after a 235, and everything before it that is not MAIL. Not an octet is changed, and none waits.

use std::io::Write;
use std::thread;

use crate::dialogue::{test, Lines, DATA, EHLO, HELLO, MESSAGE, NOTHING, QUEUED};
use crate::relay::noise;
use crate::require_auth::{passes, required, session, ACCEPTED, MAIL};
use crate::support::bridge::House;
use crate::support::ca::sha256;
use crate::support::kernel::until_read;
use crate::support::limit::{within, USUAL};
use crate::support::mail::{assert_arrived, smarthost, submit};
use crate::support::talk::Hear;

/// Goal: what the option is for must not be in the way of a mail that can go.
#[test]
fn a_mail_that_logs_in_is_delivered() {
    within(USUAL, || {
        for options in [&[][..], &["--crlf"]] {
            let house = House::new();
            let server = smarthost(&house.leaf);
            let (bridge, client) = required(house.bridge(server.host())).args(options).socket();
            submit(&mut &client, &mut &client);
            assert!((&client).rest().is_empty());
            drop(client);
            assert_arrived(&server, 1);
            bridge.finish().assert("close_notify", 0);
        }
    });
}

/// One mail of a pipelined session: `MAIL` stands in its chunk too.
fn transaction(number: u64) -> Vec<u8> {
    let chunk = [noise(70_000, number), b"\r\nMAIL FROM:<chunk@example.org>\r\n.\r\n".to_vec()].concat();
    let head = format!("RSET\r\n{MAIL}RCPT TO:<{number}@example.net>\r\nBDAT {} LAST\r\n", chunk.len());
    [head.as_bytes(), &chunk].concat()
}

/// Goal: 14 MB of mail after mail without a pause, cut anywhere: both ends have the same octets.
#[test]
fn behind_a_235_not_an_octet_is_changed() {
    const MAILS: u64 = 200;
    test(|| {
        let replies = |number: u64| format!("250 Ok\r\n250 Ok\r\n250-{number}\r\n250 Ok\r\n{QUEUED}");
        let mut session = session(ACCEPTED, move |mut link| {
            let mut heard = Vec::new();
            for number in 0..MAILS {
                heard.extend(link.take(transaction(number).len()));
                link.say(&replies(number));
            }
            link.close_notify();
            sha256(&heard)
        });
        let said: Vec<u8> = (0..MAILS).flat_map(transaction).collect();
        let hash = sha256(&said);
        let mut writer = session.client.try_clone().unwrap();
        let writing = thread::spawn(move || {
            let (mut rest, mut cut) = (&said[..], 1);
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                writer.write_all(piece).unwrap();
                // 1 to 65 536, and no pattern of the lines.
                (rest, cut) = (behind, (cut * 37 + 11) % 65_537);
            }
        });
        session.expect_last(&(0..MAILS).map(replies).collect::<String>());
        writing.join().unwrap();
        let over = session.ends("close_notify", 0);
        assert_eq!(over.peer, hash);
        assert!(over.line.contains(&format!(" mails={MAILS}")), "{}", over.line);
    });
}

/// The server has each piece before the next one is said.
#[track_caller]
fn at_once(lines: Lines, pieces: &'static [&'static str]) {
    let mut session = session(lines, move |mut link| {
        for piece in pieces {
            link.expect(piece);
            link.say("250 heard\r\n");
        }
        link.rest();
    });
    for piece in pieces {
        session.say(piece);
        session.expect("250 heard\r\n");
    }
    drop(session);
}

/// Goal: nothing waits behind a 235, not even a first octet. (The server's answers are early: only octets count here.)
#[test]
fn behind_a_235_not_an_octet_is_delayed() {
    test(|| at_once(ACCEPTED, &["M", "A", "IL", " ", "FROM:<a@b.c>", "\r", "\n"]));
}

/// Goal: before a 235 only what may be MAIL waits, and only as long as it may be.
#[test]
fn before_a_235_only_the_first_octets_of_mail_wait() {
    test(|| {
        let mut session = session(EHLO, |mut link| {
            for piece in ["N", "OOP MAIL FROM:<a@b.c>\r\n", "MAIX", "\r\n", "MR\r\n"] {
                link.expect(piece);
            }
            link.say("250 Ok\r\n500 What\r\n500 What\r\n");
            link.close_notify();
        });
        for piece in ["N", "OOP MAIL FROM:<a@b.c>\r\n", "M", "AI", "X", "\r\n", "M", "R\r\n"] {
            session.say(piece);
            until_read(&session.client);
        }
        session.expect_last("250 Ok\r\n500 What\r\n500 What\r\n");
        session.ends("close_notify", 0);
    });
}

/// Goal: servers have commands of their own, and `MAIL` without anything behind it is an error that is theirs to tell.
#[test]
fn what_only_begins_like_mail_is_no_mail() {
    test(|| {
        for said in
            ["MAILX FROM:<a@b.c>\r\n", "mailx\r\n", "MAILFROM:<a@b.c>\r\n", "MAIL:\r\n", "MAIL\r\n", "XMAIL \r\n"]
        {
            passes(EHLO, said, Vec::leak(vec![(said, "500 5.5.2 What\r\n")]));
        }
        passes(EHLO, "VRFY MAIL \r\n", &[("VRFY MAIL \r\n", "252 Who knows\r\n")]);
        passes(EHLO, "RCPT TO:<a@b.c>\r\n", &[("RCPT TO:<a@b.c>\r\n", "503 5.5.1 MAIL first\r\n")]);
        passes(NOTHING, HELLO.0, EHLO);
    });
}

/// Goal: a text and a chunk are no commands, whatever stands at the beginning of their lines.
#[test]
fn mail_inside_a_text_or_a_chunk_is_no_command() {
    test(|| {
        let logged_in: Lines = Vec::leak([ACCEPTED, &DATA[1..]].concat());
        let text: &str = format!("{MAIL}mail\tx\r\nMAIL \r\n{MESSAGE}").leak();
        passes(logged_in, text, Vec::leak(vec![(text, QUEUED)]));
        let chunk: &str = format!("BDAT {} LAST\r\n{MAIL}", MAIL.len()).leak();
        passes(Vec::leak([ACCEPTED, &DATA[1..3]].concat()), chunk, Vec::leak(vec![(chunk, QUEUED)]));
        let two: &str = format!("BDAT 6\r\nMAIL \nBDAT {} LAST\r\n{MAIL}", MAIL.len()).leak();
        passes(
            Vec::leak([ACCEPTED, &DATA[1..3]].concat()),
            two,
            Vec::leak(vec![(two, "250 Ok\r\n250 2.0.0 Ok: queued\r\n")]),
        );
    });
}
