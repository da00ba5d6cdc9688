//! From the connection to the first byte of the server: the greeting is a stage of its own.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;

use crate::relay::GREETING;
use crate::support::bridge::{Ended, House, Start};
use crate::support::limit::{within, USUAL};
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

/// What the client reads, and how the bridge ends, where there is no session.
pub fn refused(start: Start) -> (String, Ended) {
    let (bridge, mut client) = start.socket();
    let reply = String::from_utf8(client.rest()).expect("ASCII");
    drop(client);
    let ended = bridge.finish();
    assert!(reply.len() <= 200 && reply.ends_with("\r\n") && reply.matches('\n').count() == 1, "{reply:?}");
    assert!(reply.trim_end().bytes().all(|b| (0x20..=0x7e).contains(&b)), "{reply:?}");
    (reply, ended)
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

/// Goal: promise 4. Every read of a dripping handshake succeeds; the deadline must win all the same.
#[test]
fn promise_4_a_server_that_drips_its_handshake_does_not_outlast_the_deadline() {
    within(USUAL, || {
        let house = House::new();
        let tls = house.leaf.server(TLS_1_3);
        let peer = Peer::before_handshake(tls, |mut link| {
            while !link.tls.wants_write() {
                link.feed().unwrap();
            }
            for octet in link.pending() {
                if link.tcp.write_all(&[octet]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        let start = Instant::now();
        let (reply, ended) = refused(house.bridge(peer.host()).args(["--setup-timeout", "2"]));
        let took = start.elapsed();
        assert!(took > Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?} for 2 s");
        assert!(reply.starts_with("421 4.4.2 127.0.0.1: "), "{reply}");
        assert_eq!(ended.code, 75, "{}", ended.log);
        assert!(ended.line().contains("failed stage=handshake "), "{}", ended.log);
        peer.done();
    });
}

/// Goal: promise 4. A server that shakes hands and says nothing.
#[test]
fn promise_4_a_server_without_a_greeting_does_not_outlast_the_deadline() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| link.until_closed());
        let (reply, ended) = refused(house.bridge(peer.host()).args(["--setup-timeout", "1"]));
        assert!(reply.starts_with("421 4.4.2 127.0.0.1: "), "{reply}");
        assert_eq!(ended.code, 75, "{}", ended.log);
        assert!(ended.line().contains("failed stage=greeting "), "{}", ended.log);
        peer.done();
    });
}

/// Goal: promise 4. A server that accepts and never answers the hello.
#[test]
fn promise_4_a_server_without_a_handshake_does_not_outlast_the_deadline() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::tcp(|mut tcp| {
            let _ = std::io::copy(&mut tcp, &mut std::io::sink());
        });
        let (reply, ended) = refused(house.bridge(peer.host()).args(["--setup-timeout", "1"]));
        assert!(reply.starts_with("421 4.4.2 127.0.0.1: "), "{reply}");
        assert_eq!(ended.code, 75, "{}", ended.log);
        assert!(ended.line().contains("failed stage=handshake "), "{}", ended.log);
        peer.done();
    });
}

/// Goal: promise 2. A server's own refusal is the server's word: it passes as it is, 5xx included.
#[test]
fn promise_2_a_554_greeting_passes_unchanged() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"554 5.7.1 we know you\r\n");
            assert_eq!(link.line(), "QUIT\r\n");
            link.send(b"221 bye\r\n");
            link.close_notify();
        });
        let (bridge, mut client) = house.bridge(peer.host()).socket();
        assert_eq!(client.line(), "554 5.7.1 we know you\r\n");
        client.say("QUIT\r\n");
        assert_eq!(client.rest(), b"221 bye\r\n");
        peer.done();
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: a greeting of many lines and segments, the first of one byte, is passed on as it comes.
#[test]
fn a_greeting_that_comes_in_pieces_passes_unchanged() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            for octet in b"220-smarthost.test\r\n220 ready\r\n" {
                link.send(&[*octet]);
                thread::sleep(Duration::from_millis(5));
            }
            link.close_notify();
        });
        let (bridge, mut client) = house.bridge(peer.host()).socket();
        assert_eq!(client.rest(), b"220-smarthost.test\r\n220 ready\r\n");
        peer.done();
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: port 587 and its likes: a server that speaks SMTP in clear gets its own sentence.
#[test]
fn a_server_that_speaks_plain_smtp_is_told_apart() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::tcp(|mut tcp: TcpStream| {
            tcp.say("220 plain.test ESMTP\r\n");
            let _ = std::io::copy(&mut tcp, &mut std::io::sink());
        });
        let (reply, ended) = refused(house.bridge(peer.host()));
        assert!(reply.starts_with("421 4.7.5 127.0.0.1: plain SMTP"), "{reply}");
        assert!(reply.contains("587"), "{reply}");
        assert_eq!(ended.code, 76, "{}", ended.log);
        peer.done();
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
            let (reply, ended) = refused(house.bridge(peer.host()));
            assert!(reply.starts_with("421 4.7.5 127.0.0.1: "), "{reply}");
            assert!(reply.contains("client certificate") && reply.contains("--cert"), "{reply}");
            assert_eq!(ended.code, 76, "{}", ended.log);
            assert!(peer.done());
        }
    });
}

/// Goal: the older TLS that some devices still have gets its own sentence, and a server config that the bridge shares
/// nothing with ends in a protocol error, not in a hang.
#[test]
fn a_server_with_only_tls_1_2_is_refused_under_min_tls_1_3() {
    within(USUAL, || {
        let house = House::new();
        let tls = Arc::new(house.leaf.server(TLS_1_2));
        let peer = Peer::tcp(move |tcp| {
            let mut link = Link::new(tcp, &tls);
            let _ = link.try_handshake();
            let alert = link.pending();
            let _ = link.tcp.write_all(&alert);
            link.until_closed();
        });
        let (reply, ended) = refused(house.bridge(peer.host()).args(["--min-tls", "1.3"]));
        assert!(reply.starts_with("421 4.7.5 127.0.0.1: "), "{reply}");
        assert_eq!(ended.code, 76, "{}", ended.log);
        peer.done();
    });
}
