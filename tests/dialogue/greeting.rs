//! The greeting is the complete reply. What is not 220 is no session: the next address and the next host get their turn,
//! and if there is none left, the client reads a 421 of ours with the server's words in it.

use std::io::Write;

use crate::dialogue::{millis, test};
use crate::support::bridge::{Ended, House};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{good, refusal, serve, session, Refusal, GREETING};
use crate::support::peer::{Peer, Received};
use crate::support::talk::{Hear, Talk};

/// A server that greets like this, and waits for our end.
fn greets(house: &House, greeting: impl Into<Vec<u8>>) -> Peer<(Vec<u8>, Received)> {
    let greeting = greeting.into();
    Peer::start(&house.leaf, move |mut link| {
        // The bridge may have heard enough before the end of it.
        let _ = link.try_send(&greeting);
        link.rest()
    })
}

/// A single host with this greeting: the client reads our 421, the server QUIT and close_notify.
#[track_caller]
fn turned_away(greeting: impl Into<Vec<u8>>) -> Refusal {
    let house = House::new();
    let peer = greets(&house, greeting);
    let refusal = refusal(house.bridge(peer.host()));
    let (heard, end) = peer.done();
    assert_eq!((&*String::from_utf8_lossy(&heard), end), ("QUIT\r\n", Received::CloseNotify), "{refusal:#?}");
    refusal
}

/// A session behind a greeting that is one.
#[track_caller]
fn taken(greeting: &'static str) -> Ended {
    let house = House::new();
    let peer = Peer::start(&house.leaf, move |mut link| {
        link.say(greeting);
        link.expect("QUIT\r\n");
        link.say("221 2.0.0 Bye\r\n");
        link.close_notify();
    });
    let (bridge, mut client) = house.bridge(peer.host()).socket();
    client.expect(greeting);
    client.say("QUIT\r\n");
    client.expect("221 2.0.0 Bye\r\n");
    assert!(client.rest().is_empty());
    drop(client);
    peer.done();
    let ended = bridge.finish();
    ended.assert("close_notify", 0);
    ended
}

/// Goal: postscreen sends `220-`, waits, and throws out clients that talk before `220 `: a pipe's EHLO is there from the
/// start.
#[test]
fn not_an_octet_of_the_client_goes_out_before_the_last_line_of_the_greeting() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            for line in ["220-smarthost.test\r\n", "220-please wait\r\n", "220 "] {
                link.say(line);
                link.expect_silence(millis(300));
            }
            link.say("ready\r\n");
            link.expect("EHLO me\r\n");
            link.say("250 hello\r\n");
            link.expect("QUIT\r\n");
            link.say("221 bye\r\n");
            link.close_notify();
        });
        let (bridge, mut input, mut output) = house.bridge(peer.host()).pipes();
        input.write_all(b"EHLO me\r\n").unwrap();
        output.expect("220-smarthost.test\r\n220-please wait\r\n220 ready\r\n250 hello\r\n");
        input.write_all(b"QUIT\r\n").unwrap();
        assert_eq!(output.rest(), b"221 bye\r\n");
        drop(input);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: what the parser of replies takes: no text, no blank, bare line feeds, a hundred lines.
#[test]
fn a_greeting_of_any_form_that_rfc_5321_allows_is_passed_on_unchanged() {
    within(USUAL, || {
        for greeting in ["220\r\n", "220 \r\n", "220 a\n", "220-a\n220 b\n", "220-\r\n220-\r\n220\r\n"] {
            taken(greeting);
        }
        let lines = ["220-x\r\n".repeat(99), "220 last\r\n".to_owned()].concat();
        taken(lines.leak());
    });
}

/// Goal: promise 1. The words of a 421 or 554 reach the administrator's queue, and no 5xx of a greeting the client.
#[test]
fn promise_1_a_greeting_other_than_220_is_our_421_with_its_words() {
    within(USUAL, || {
        for (greeting, words) in [
            ("554 5.7.1 we know you\r\n", "(554 5.7.1 we know you)"),
            ("421 4.7.0 too many connections\r\n", "(421 4.7.0 too many connections)"),
            ("554-5.7.1 we\r\n554 5.7.1 know you\r\n", "(554"),
            ("550 5.7.1 no\n", "(550 5.7.1 no)"),
            ("421\r\n", "(421)"),
            ("450 4.3.2 later\r\n", "(450 4.3.2 later)"),
            ("250 hello\r\n", "(250 hello)"),
        ] {
            let refusal = turned_away(greeting);
            refusal.assert("4.3.2", 75, &["failed stage=greeting ", "turned us away", "reply=\"421 4.3.2\"", words]);
            assert!(refusal.reply.starts_with("421 4.3.2 127.0.0.1: "), "{refusal:#?}");
            assert!(refusal.reply.contains(words), "{refusal:#?}");
            assert_eq!(refusal.log.lines().count(), 1, "{refusal:#?}");
        }
    });
}

/// Goal: a server that changes its mind has not greeted; the last line's code is the reply's.
#[test]
fn a_code_that_changes_within_the_greeting_is_no_session() {
    within(USUAL, || {
        turned_away("220-hello\r\n421 busy\r\n").assert("4.3.2", 75, &["421 busy"]);
        turned_away("220-hello\r\n220-still\r\n554 5.7.1 no\r\n").assert("4.3.2", 75, &["554 5.7.1 no"]);
    });
}

/// Goal: a long sentence of the server is cut, ours is not, and nothing in it can forge a line.
#[test]
fn the_words_of_a_greeting_are_escaped_and_capped() {
    within(USUAL, || {
        let refusal = turned_away(format!("554 \x1b[31m\"\u{fffd}{}\r\n", "x".repeat(400)));
        refusal.assert("4.3.2", 75, &["(554 "]);
        assert!(refusal.line.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{refusal:#?}");
    });
}

/// Goal: what is not a reply at all is not SMTP, and costs neither memory nor time.
#[test]
fn a_greeting_that_is_no_reply_is_no_session() {
    within(USUAL, || {
        for greeting in [
            b"* OK IMAP4rev1 ready\r\n".to_vec(),
            b"+OK POP3\r\n".to_vec(),
            b"220x\r\n".to_vec(),
            b"22 hello\r\n".to_vec(),
            b"220 a\0b\r\n".to_vec(),
            b"220-a\r\nb\r\n".to_vec(),
            b"220-a\r\n".repeat(200),
            [b"220 ".to_vec(), vec![b'x'; 20_000]].concat(),
            vec![b'x'; 1 << 20],
        ] {
            let house = House::new();
            let peer = greets(&house, &*greeting);
            let refusal = refusal(house.bridge(peer.host()));
            refusal.assert("4.7.5", 76, &["failed stage=greeting "]);
            peer.done();
        }
    });
}

/// Goal: an end in the middle of the greeting is one before it: the client has read nothing and reads why.
#[test]
fn an_end_inside_the_greeting_is_a_421() {
    within(USUAL, || {
        for half in ["2", "220 smart", "220-smarthost.test\r\n", "554 5.7", "421-busy\r\n"] {
            for alert in [true, false] {
                let house = House::new();
                let peer = Peer::start(&house.leaf, move |mut link| {
                    link.say(half);
                    if alert {
                        link.close_notify();
                    }
                    link.fin();
                    link.until_closed();
                });
                refusal(house.bridge(peer.host())).assert("4.4.2", 75, &["failed stage=greeting ", "closed"]);
                peer.done();
            }
        }
    });
}

/// Goal: whatever the first host's greeting says, the next one has its turn; the one that is left gets QUIT, not waited for.
#[test]
fn a_host_that_turns_us_away_leaves_the_next_one_its_turn() {
    within(USUAL, || {
        for greeting in
            ["554 5.7.1 no\r\n", "421 busy\r\n", "220-hello\r\n421 busy\r\n", "220-hello\r\n554 5.7.1 no\r\n"]
        {
            let house = House::new();
            let (first, second) = (greets(&house, greeting), good(&house.leaf));
            let ended = session(house.bridge(first.host()).arg(second.host()));
            assert!(ended.log.contains("passed stage=greeting "), "{}", ended.log);
            assert_eq!(first.done(), (b"QUIT\r\n".to_vec(), Received::CloseNotify));
            second.done();
        }
    });
}

/// Goal: with no host left, reply and exit code are the first host's.
#[test]
fn when_all_hosts_turn_us_away_the_first_ones_words_are_told() {
    within(USUAL, || {
        let house = House::new();
        let (first, second) = (greets(&house, "554 5.7.1 no\r\n"), greets(&house, "421 4.7.0 busy\r\n"));
        let refusal = refusal(house.bridge(first.host()).arg(second.host()));
        refusal.assert("4.3.2", 75, &["(554 5.7.1 no)", &format!("addr={}", first.host())]);
        assert!(refusal.reply.ends_with(" (+1 more)\r\n"), "{refusal:#?}");
        let warning = refusal.log.lines().find(|line| line.contains("passed ")).unwrap_or_default();
        assert!(warning.contains("421 4.7.0 busy"), "{refusal:#?}");
        for peer in [first, second] {
            assert_eq!(peer.done(), (b"QUIT\r\n".to_vec(), Received::CloseNotify));
        }
    });
}

/// Goal: what stands behind the greeting in its record arrives behind it, and the dialogue has heard it.
#[test]
fn what_stands_behind_the_greeting_is_delivered_and_counts() {
    test(|| {
        for (behind, end, code) in [
            ("", "eof", 0),
            ("421 4.4.2 timeout\r\n", "eof", 0),
            ("250 unasked\r\n", "truncated", 76),
            ("25", "truncated", 76),
        ] {
            let house = House::new();
            let peer = Peer::start(&house.leaf, move |mut link| {
                link.say(&format!("{GREETING}{behind}"));
                link.fin();
                link.expect_end();
            });
            let (bridge, mut client) = house.bridge(peer.host()).socket();
            assert_eq!(String::from_utf8_lossy(&client.rest()), format!("{GREETING}{behind}"));
            drop(client);
            peer.done();
            bridge.finish().assert(end, code);
        }
    });
}

/// Goal: with `--no-reply` the client may have to speak first, and the server's words are not looked at.
#[test]
fn with_no_reply_there_is_no_greeting_to_judge() {
    within(USUAL, || {
        let house = House::new();
        let silent = Peer::start(&house.leaf, |mut link| {
            link.expect("ping");
            link.say("554 pong\r\n");
            link.close_notify();
            link.until_closed();
        });
        let unused = Peer::start(&house.leaf, serve);
        let (bridge, mut client) = house.bridge(silent.host()).arg(unused.host()).arg("--no-reply").socket();
        client.say("ping");
        client.expect("554 pong\r\n");
        assert!(client.rest().is_empty());
        drop(client);
        silent.done();
        let ended = bridge.finish();
        ended.assert("close_notify", 0);
        assert_eq!(ended.log.lines().count(), 1, "{}", ended.log);
    });
}
