//! The form of a reply in clear (rule 5): whatever RFC 5321 allows, cut anywhere; and no more than that.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::{carries, refused, serve, server, start, write, To, EACH, EHLO, STARTTLS};
use crate::support::bridge::House;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::talk::Hear;

/// A session behind these three replies, each said by `say`.
#[track_caller]
fn taken(replies: [&'static str; 3], say: fn(&mut TcpStream, &str)) {
    let house = House::new();
    let peer = server(&house, move |mut link| {
        say(&mut link.tcp, replies[0]);
        link.tcp.expect(EHLO);
        say(&mut link.tcp, replies[1]);
        link.tcp.expect(STARTTLS);
        say(&mut link.tcp, replies[2]);
        link.handshake();
        serve(link);
    });
    carries(start(&house, peer.host()));
    peer.done();
}

fn at_once(tcp: &mut TcpStream, reply: &str) {
    write(tcp, reply);
}

fn octet_by_octet(tcp: &mut TcpStream, reply: &str) {
    reply.as_bytes().iter().for_each(|octet| write(tcp, [*octet]));
}

const USUAL_REPLIES: [&str; 3] = [super::GREETING, super::OFFERS, super::READY];

#[test]
fn a_reply_may_come_octet_by_octet() {
    within(USUAL, || {
        taken(USUAL_REPLIES, octet_by_octet);
        taken(["220-a\r\n220-b\r\n220 c\r\n", super::OFFERS, "220-d\n220\n"], octet_by_octet);
    });
}

/// Goal: bare line feeds, no text, no blank, octets above 127, a hundred lines, 16 KiB.
#[test]
fn a_reply_may_have_any_form_that_rfc_5321_allows() {
    within(USUAL, || {
        taken(["220\r\n", "250-\r\n250 STARTTLS\r\n", "220\r\n"], at_once);
        taken(["220 a\n", "250-a\n250-STARTTLS\n250 \n", "220 \n"], at_once);
        taken(["220-\r\n220-\r\n220\r\n", "250-a\r\n250-STARTTLS\r\n250\r\n", "220-x\r\n220 y\r\n"], at_once);
        taken(["220 gr\u{fc}\u{df} gott\r\n", "250-\u{fc}\r\n250 STARTTLS\r\n", "220 \u{fc}\r\n"], at_once);
        let lines = |code: &str, last: &str| format!("{}{code} {last}\r\n", format!("{code}-x\r\n").repeat(99)).leak();
        taken([lines("220", "a"), lines("250", "STARTTLS"), lines("220", "b")], at_once);
        let long = |code: &str| format!("{code} {}\r\n", "x".repeat(16 * 1024 - 6)).leak();
        taken([long("220"), super::OFFERS, long("220")], at_once);
    });
}

/// Goal: sendmail's greet_pause lasts 20 s, and postscreen sends `220-` ahead of it: the client does not talk before the
/// last line.
#[test]
fn a_greeting_in_lines_with_a_pause_of_20_s_is_waited_for() {
    within(USUAL, || {
        if without_hooks() {
            return;
        }
        let house = House::new();
        let peer = server(&house, |mut link| {
            write(&mut link.tcp, "220-smarthost.test\r\n220-please wait\r\n");
            link.tcp.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            // The scenario: 20 s of a clock that runs ten times as fast.
            assert!(link.tcp.peek(&mut [0]).is_err(), "an octet before the last line of the greeting");
            link.patience(USUAL);
            write(&mut link.tcp, "220 ready\r\n");
            link.tcp.expect(EHLO);
            write(&mut link.tcp, super::OFFERS);
            link.tcp.expect(STARTTLS);
            write(&mut link.tcp, super::READY);
            link.handshake();
            serve(link);
        });
        carries(start(&house, peer.host()).speed(10));
        peer.done();
    });
}

/// Goal: one code in all lines of a reply, no NUL, no other form of a line.
#[test]
fn a_reply_of_another_form_is_refused() {
    within(USUAL, || {
        for to in EACH {
            let code = if to == To::Ehlo { "250" } else { "220" };
            for line in [
                format!("{code}-a\r\n221 b\r\n"),
                format!("{code}-a\r\n{code}x\r\n"),
                format!("{code}-a\r\n\r\n"),
                format!("{code} a\0b\r\n"),
                format!("{code}\0\r\n"),
                format!("{code}x\r\n"),
                format!("{code}\ta\r\n"),
                format!(" {code} a\r\n"),
                format!("+{code} a\r\n"),
                "22 a\r\n".to_owned(),
                "2\r\n".to_owned(),
                "\r\n".to_owned(),
                "\u{662}\u{662}\u{660} a\r\n".to_owned(),
            ] {
                let (refusal, heard) = refused(to, line.clone());
                refusal.assert("4.7.5", 76, &["this is not SMTP", " clear="]);
                assert_eq!(heard, "", "{to:?} {line:?}");
            }
        }
    });
}

/// Goal: a refusal behind lines of another code is still a refusal.
#[test]
fn a_reply_that_ends_with_a_refusal_is_one() {
    within(USUAL, || {
        refused(To::Connect, "220-hello\r\n421 busy\r\n").0.assert("4.3.2", 75, &["(code 421)"]);
        refused(To::Ehlo, "250-a\r\n250-STARTTLS\r\n550 no\r\n").0.assert("4.3.2", 75, &["(code 550)"]);
        refused(To::Starttls, "220-a\r\n554 no\r\n").0.assert("4.7.5", 76, &["(code 554)"]);
    });
}

/// Goal: promise 4: what never ends is refused after 16 KiB or 100 lines, and costs no memory.
#[test]
fn promise_4_a_reply_without_an_end_is_refused() {
    within(USUAL, || {
        for to in EACH {
            let code = if to == To::Ehlo { "250" } else { "220" };
            for endless in [
                format!("{code}-a\r\n").repeat(100_000),
                format!("{code} {}", "x".repeat(100_000)),
                format!("{code}-{}\r\n", "x".repeat(100_000)),
                "2".repeat(1 << 20),
            ] {
                let (refusal, heard) = refused(to, endless);
                refusal.assert("4.7.5", 76, &["this is not SMTP", "clear=\"a reply without an end\""]);
                assert_eq!(heard, "");
            }
        }
    });
}

/// Goal: a server that drips octets is always ready: the deadline wins all the same.
#[test]
fn promise_4_a_reply_that_drips_meets_the_deadline() {
    within(USUAL, || {
        for to in EACH {
            let house = House::new();
            let peer = crate::support::peer::Peer::tcp(move |mut tcp| {
                if to != To::Connect {
                    write(&mut tcp, super::GREETING);
                    tcp.expect(EHLO);
                }
                if to == To::Starttls {
                    write(&mut tcp, super::OFFERS);
                    tcp.expect(STARTTLS);
                }
                let drop = b"220-drip\r\n";
                for octet in drop.iter().cycle() {
                    if std::io::Write::write_all(&mut tcp, &[*octet]).is_err() {
                        return;
                    }
                    // The pace of the drops.
                    thread::sleep(Duration::from_millis(30));
                }
            });
            let refused = crate::support::outcome::refusal(start(&house, peer.host()).args(["--setup-timeout", "1"]));
            refused.assert("4.4.2", 75, &["stage=starttls", "within 1 s"]);
            peer.done();
        }
    });
}
