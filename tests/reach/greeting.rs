//! The greeting decides between hosts, and it is the server's own.

use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{Link, Peer};
use crate::support::talk::Hear;

/// Goal: a 220 that comes octet by octet, each in a record of its own, is a 220.
#[test]
fn a_greeting_in_pieces_is_judged_whole_and_passed_on_whole() {
    within(USUAL, || {
        let house = House::new();
        let slow = |greeting: &'static str| {
            Peer::start(&house.leaf, move |mut link: Link| {
                for octet in greeting.as_bytes() {
                    if link.try_send(&[*octet]).is_err() {
                        return;
                    }
                }
                link.close_notify();
                link.until_closed();
            })
        };
        let (first, second) = (slow("554 no\r\n"), slow(GREETING));
        let third = Peer::listener(|_| ());
        let (bridge, mut client) = house.bridge(first.host()).arg(second.host()).arg(third.host()).socket();
        client.expect(GREETING);
        assert!(client.rest().is_empty());
        drop(client);
        bridge.finish().assert("close_notify", 0);
        [first, second, third].into_iter().for_each(Peer::done);
    });
}

/// Goal: a server that greets inside the last flight of its handshake has greeted.
#[test]
fn a_greeting_behind_the_handshake_in_one_segment_counts() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), |mut link| {
            while link.tls.is_handshaking() {
                let flight = link.pending();
                link.raw(&flight);
                link.feed().unwrap();
            }
            // Session tickets and greeting together.
            let records = link.records(GREETING.as_bytes());
            link.raw(&records);
            link.close_notify();
            link.until_closed();
        });
        let (bridge, mut client) = house.bridge(peer.host()).arg("[::1]:1").socket();
        client.expect(GREETING);
        assert!(client.rest().is_empty());
        drop(client);
        bridge.finish().assert("close_notify", 0);
        peer.done();
    });
}

/// Goal: with --no-reply the client may have to speak first: no greeting is waited for, and any host that ends its
/// handshake has the session.
#[test]
fn with_no_reply_there_is_no_greeting_stage() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            assert_eq!(link.take(4), b"ping");
            link.send(b"pong");
            link.close_notify();
            link.until_closed();
        });
        let (bridge, mut client) = house.bridge(peer.host()).arg("--no-reply").arg("[::1]:1").socket();
        std::io::Write::write_all(&mut client, b"ping").unwrap();
        assert_eq!(client.rest(), b"pong");
        drop(client);
        bridge.finish();
        peer.done();
    });
}
