//! From the connection to the greeting, which is a stage of its own.

use rustls::ServerConfig;

use crate::support::bridge::House;
use crate::support::kernel::until_read;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{refusal, GREETING};
use crate::support::peer::{Link, Peer, TLS_1_2, TLS_1_3};
use crate::support::talk::{Hear, Talk};

/// A session of one QUIT, whose greeting comes as `tls` and `greet` want it.
fn quits(house: &House, tls: ServerConfig, greet: impl FnOnce(&mut Link) + Send + 'static) {
    let peer = Peer::before_handshake(tls, |mut link| {
        greet(&mut link);
        assert_eq!(link.line(), "QUIT\r\n");
        link.send(b"221 bye\r\n");
        link.close_notify();
    });
    let (bridge, mut client) = house.bridge(peer.host()).socket();
    assert_eq!(client.line(), GREETING);
    client.say("QUIT\r\n");
    assert_eq!(client.rest(), b"221 bye\r\n");
    peer.done();
    drop(client);
    bridge.finish().assert("close_notify", 0);
}

/// Goal: TLS 1.3 allows the server to speak right behind its Finished, before ours: the greeting sits in rustls when
/// the handshake ends, and no byte follows that would wake a poll.
#[test]
fn a_greeting_in_the_same_segment_as_the_tls_1_3_finished_is_seen() {
    within(USUAL, || {
        let house = House::new();
        let mut tls = house.leaf.server(TLS_1_3);
        tls.send_half_rtt_data = true;
        quits(&house, tls, |link| {
            while !link.tls.wants_write() {
                link.feed().unwrap();
            }
            let flight = link.records(GREETING.as_bytes());
            link.raw(&flight);
            link.handshake();
        });
    });
}

/// Goal: the same behind the session tickets, in one segment with them.
#[test]
fn a_greeting_in_the_same_segment_as_the_session_tickets_is_seen() {
    within(USUAL, || {
        let house = House::new();
        let tls = house.leaf.server(TLS_1_3);
        quits(&house, tls, |link| {
            while link.tls.is_handshaking() {
                let flight = link.pending();
                link.raw(&flight);
                link.feed().unwrap();
            }
            let last = link.records(GREETING.as_bytes());
            link.raw(&last);
        });
    });
}

#[test]
fn a_greeting_in_the_same_segment_as_the_tls_1_2_finished_is_seen() {
    within(USUAL, || {
        let house = House::new();
        let tls = house.leaf.server(TLS_1_2);
        quits(&house, tls, |link| {
            while link.tls.is_handshaking() {
                let flight = link.pending();
                link.raw(&flight);
                link.feed().unwrap();
            }
            let last = link.records(GREETING.as_bytes());
            link.raw(&last);
        });
    });
}

/// Goal: a handshake in segments of one byte is one all the same.
#[test]
fn a_handshake_that_comes_byte_by_byte_works() {
    within(USUAL, || {
        let house = House::new();
        let tls = house.leaf.server(TLS_1_3);
        quits(&house, tls, |link| {
            while link.tls.is_handshaking() {
                let flight = link.pending();
                flight.chunks(1).for_each(|octet| link.raw(octet));
                link.feed().unwrap();
            }
            link.send(GREETING.as_bytes());
        });
    });
}

/// Goal: promise 4. A server that shakes hands and says nothing, or accepts and never answers the hello.
#[test]
fn promise_4_a_server_that_falls_silent_does_not_outlast_the_deadline() {
    within(USUAL, || {
        let house = House::new();
        // A busy machine shakes hands in 3 s.
        let start = |host, timeout| house.bridge(host).args(["--setup-timeout", timeout]);
        let peer = Peer::start(&house.leaf, |mut link| link.until_closed());
        refusal(start(peer.host(), "3")).assert("4.4.2", 75, &["failed stage=greeting "]);
        peer.done();
        let peer = Peer::tcp(|mut tcp| {
            let _ = std::io::copy(&mut tcp, &mut std::io::sink());
        });
        refusal(start(peer.host(), "1")).assert("4.4.2", 75, &["failed stage=handshake "]);
        peer.done();
    });
}

/// Goal: a greeting of many lines and segments, each of one octet, is passed on whole.
#[test]
fn a_greeting_that_comes_in_pieces_passes_unchanged() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            for octet in b"220-smarthost.test\r\n220 ready\r\n" {
                link.send(&[*octet]);
                until_read(&link.tcp);
            }
            link.close_notify();
        });
        let (bridge, mut client) = house.bridge(peer.host()).socket();
        client.expect("220-smarthost.test\r\n220 ready\r\n");
        assert!(client.rest().is_empty());
        peer.done();
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: in TLS 1.3 a refusal of our (missing) certificate comes after our handshake is done, on the first read.
#[test]
fn a_server_that_wants_a_certificate_that_we_have_not_is_told_apart() {
    within(USUAL, || {
        let house = House::new();
        for versions in [TLS_1_2, TLS_1_3] {
            let tls = house.leaf.server_with(versions, Some(&house.ca));
            let peer = Peer::before_handshake(tls, |mut link| {
                let refused = link.try_handshake().is_err();
                let alert = link.pending();
                link.raw(&alert);
                link.fin();
                link.until_closed();
                refused
            });
            refusal(house.bridge(peer.host())).assert("4.7.5", 76, &["client certificate", "--cert"]);
            assert!(peer.done());
        }
    });
}

/// Goal: with another host in hand the greeting is judged before it is passed on; one that never ends its line costs no
/// memory and no session.
#[test]
fn an_endless_greeting_of_a_host_that_is_not_the_last_is_bounded() {
    within(USUAL, || {
        let house = House::new();
        let first = Peer::start(&house.leaf, |mut link| {
            let mut sent = 0_usize;
            while sent < 256 << 20 && link.try_send(&[b'x'; 1 << 16]).is_ok() {
                sent += 1 << 16;
            }
            sent
        });
        let second = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            assert_eq!(link.line(), "QUIT\r\n");
            link.send(b"221 bye\r\n");
            link.close_notify();
        });
        let (bridge, mut client) = house.bridge(first.host()).arg(second.host()).socket();
        assert_eq!(client.line(), GREETING);
        let resident = bridge.memory("VmHWM");
        assert!(resident < 24 * 1024, "{resident} KiB resident");
        client.say("QUIT\r\n");
        assert_eq!(client.rest(), b"221 bye\r\n");
        drop(client);
        let sent = first.done();
        assert!(sent < 64 << 20, "the bridge took {sent} octets");
        second.done();
        bridge.finish().assert("close_notify", 0);
    });
}
