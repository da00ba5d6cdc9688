//! The server's FIN and RST at each point of a session. Before the end of the greeting the client reads a 421; after it
//! the client reads nothing of ours.

use std::io::Read;

use crate::hostile::{cases, Group};
use crate::relay::{greeted, noise, trickle, unchanged};
use crate::support::bridge::House;
use crate::support::kernel::until_read;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{refusal, GREETING};
use crate::support::peer::{self, Link, Peer};
use crate::support::talk::{Hear, Talk};

/// The server ends at some point before its greeting: a temporary failure of `stage`.
fn before_the_greeting(stage: &str, script: impl FnOnce(Link) + Send + 'static) {
    let house = House::new();
    let peer = Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), script);
    let refusal = refusal(house.bridge(peer.host()));
    refusal.assert("4.4.2", 75, &[&format!("failed stage={stage} "), "reply=\"421 4.4.2\""]);
    assert!(refusal.reply.contains(" 127.0.0.1: the "), "{}", refusal.reply);
    peer.done();
    cases(Group::TlsServers, 1);
}

/// Reads the hello and hands out the server's answer.
fn answer(link: &mut Link) -> Vec<u8> {
    while !link.tls.wants_write() {
        link.feed().unwrap();
    }
    link.pending()
}

#[test]
fn a_reset_on_accept_is_a_421() {
    within(USUAL, || before_the_greeting("handshake", |link| link.reset()));
}

#[test]
fn a_reset_after_our_hello_is_a_421() {
    within(USUAL, || {
        before_the_greeting("handshake", |mut link| {
            answer(&mut link);
            link.reset();
        });
    });
}

#[test]
fn a_reset_in_the_middle_of_the_servers_hello_is_a_421() {
    within(USUAL, || {
        before_the_greeting("handshake", |mut link| {
            let flight = answer(&mut link);
            link.raw(&flight[..flight.len() / 2]);
            until_read(&link.tcp);
            link.reset();
        });
    });
}

#[test]
fn a_reset_after_the_handshake_and_before_the_greeting_is_a_421() {
    within(USUAL, || {
        before_the_greeting("greeting", |mut link| {
            link.handshake();
            until_read(&link.tcp);
            link.reset();
        });
    });
}

#[test]
fn an_end_of_file_on_accept_is_a_421() {
    within(USUAL, || {
        before_the_greeting("handshake", |mut link| {
            link.fin();
            link.until_closed();
        });
    });
}

/// Goal: a middlebox that dislikes a large hello closes on it, and so does a server for many another reason: the sentence
/// names no cure that has not been tried.
#[test]
fn an_end_of_file_after_our_hello_is_a_421_that_names_the_check_and_no_cure() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), |mut link| {
            answer(&mut link);
            link.fin();
            link.until_closed();
        });
        let refusal = refusal(house.bridge(peer.name()));
        refusal.assert("4.4.2", 75, &["closed at our TLS hello; on this machine, run smtps-bridge --check"]);
        assert!(!refusal.log.contains("--no-pq"), "{refusal:#?}");
        peer.done();
        cases(Group::TlsServers, 1);
    });
}

#[test]
fn an_end_of_file_in_the_middle_of_the_servers_hello_is_a_421() {
    within(USUAL, || {
        before_the_greeting("handshake", |mut link| {
            let flight = answer(&mut link);
            link.raw(&flight[..flight.len() / 2]);
            link.fin();
            link.until_closed();
        });
    });
}

#[test]
fn an_end_of_file_before_the_greeting_is_a_421() {
    within(USUAL, || {
        before_the_greeting("greeting", |mut link| {
            link.handshake();
            link.fin();
            link.until_closed();
        });
    });
}

#[test]
fn a_close_notify_before_the_greeting_is_a_421() {
    within(USUAL, || {
        before_the_greeting("greeting", |mut link| {
            link.handshake();
            link.close_notify();
            link.until_closed();
        });
    });
}

/// Goal: the client has read nothing of a greeting that never became whole, and reads why.
#[test]
fn a_reset_in_the_middle_of_the_greeting_is_a_421() {
    within(USUAL, || {
        before_the_greeting("greeting", |mut link| {
            link.handshake();
            link.send(&GREETING.as_bytes()[..7]);
            until_read(&link.tcp);
            link.reset();
        });
    });
}

/// Goal: the client is in the middle of its message: it reads an end (451 by RFC 5321), by FIN, and no RST of ours.
#[test]
fn a_reset_in_the_middle_of_an_upload_ends_in_fin_for_the_client() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            link.take(100_000);
            link.reset();
        });
        let writing = trickle(client.try_clone().unwrap(), noise(4 << 20, 1));
        assert!(client.rest().is_empty());
        // What no one can take any more is drained: the client's writes do not fail either.
        writing.join().unwrap().unwrap();
        drop(client);
        peer.done();
        bridge.finish().assert("reset", 74);
        cases(Group::TlsServers, 1);
    });
}

/// Goal: the server resets after the final dot, before its answer.
#[test]
fn a_reset_instead_of_the_answer_to_the_final_dot_ends_in_fin_and_nothing_else() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            assert_eq!(link.line(), ".\r\n");
            link.reset();
        });
        client.say(".\r\n");
        assert!(client.rest().is_empty());
        drop(client);
        peer.done();
        bridge.finish().assert("reset", 74);
        cases(Group::TlsServers, 1);
    });
}

/// Goal: a server that closes with our bytes unread sends RST behind its last words; they must still arrive.
#[test]
fn a_last_reply_with_a_reset_right_behind_it_arrives() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let mut some = [0; 1];
            link.tcp.read_exact(&mut some).unwrap();
            link.send(b"421 4.7.0 too many errors\r\n");
            until_read(&link.tcp);
            peer::reset(link.tcp);
        });
        client.say("NONSENSE\r\n");
        assert_eq!(client.rest(), b"421 4.7.0 too many errors\r\n");
        drop(client);
        peer.done();
        bridge.finish().assert("eof", 0);
    });
}
