//! Somebody between us and the smarthost, without a key, does things to records that are good in themselves.

use std::io::Write;
use std::mem::swap;
use std::sync::Arc;

use rustls::SupportedProtocolVersion;

use crate::hostile::{cases, costs_little, Group};
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{accept, Link, Peer, TLS_1_2, TLS_1_3};
use crate::support::talk::{Hear, Talk};

/// The records of four replies, `250 0` to `250 3`, to what arrives of them.
type Change = fn(&mut Vec<Vec<u8>>);

/// How many of the four are delivered before the session ends.
type Row = (&'static str, usize, Change);

const TABLE: [Row; 9] = [
    ("a record twice", 2, |records| records.insert(2, records[1].clone())),
    ("the first record again, later", 3, |records| records.insert(3, records[0].clone())),
    ("two records in the wrong order", 1, |records| records.swap(1, 2)),
    ("a record that does not arrive", 2, |records| drop(records.remove(2))),
    ("a record without its last octets", 2, |records| records[2].truncate(20)),
    ("a record of a length that is one less", 2, |records| records[2][4] -= 1),
    ("a bit of its tag", 2, |records| *records[2].last_mut().unwrap() ^= 1),
    ("a bit of its content", 2, |records| records[2][14] ^= 0x80),
    ("an octet between two records", 2, |records| records.insert(2, vec![0x17])),
];

/// Goal: of what was replayed, left out, put in another order or touched, no octet is delivered, and nothing behind it.
#[test]
fn promise_2_records_that_somebody_moved_or_touched_are_no_data() {
    within(USUAL, || {
        let house = House::new();
        for version in [TLS_1_2, TLS_1_3] {
            for (what, delivered, change) in TABLE {
                moved(&house, version, what, delivered, change);
            }
        }
        // That of TLS 1.3 is inside, and the one in the header is ignored.
        moved(&house, TLS_1_2, "another content type", 2, |records| records[2][0] = 22);
    });
}

fn moved(house: &House, version: &[&'static SupportedProtocolVersion], what: &str, delivered: usize, change: Change) {
    let replies: Vec<String> = (0..4).map(|n| format!("250 {n}\r\n")).collect();
    let expected = replies[..delivered].concat();
    let peer = Peer::with(house.leaf.server(version), move |mut link| {
        link.send(GREETING.as_bytes());
        assert_eq!(link.line(), "NOOP\r\n");
        let mut records: Vec<Vec<u8>> = replies.iter().map(|reply| link.records(reply.as_bytes())).collect();
        change(&mut records);
        // The bridge may be gone before the end of it.
        let _ = link.tcp.write_all(&records.concat());
        link.until_closed();
    });
    let (bridge, mut client) = costs_little(house.bridge(peer.host())).socket();
    assert_eq!(client.line(), GREETING, "{what}, {version:?}: {}", bridge.log());
    client.say("NOOP\r\n");
    assert_eq!(String::from_utf8_lossy(&client.rest()), expected, "{what}, {version:?}");
    drop(client);
    let ended = bridge.finish();
    ended.assert("bad_record", 76);
    assert_eq!(ended.log.lines().count(), 1, "{what}, {version:?}: {}", ended.log);
    peer.done();
    cases(Group::TlsServers, 1);
}

/// Goal: a record of another session between the same two, under other keys, is not accepted in this one.
#[test]
fn promise_3_a_record_of_another_session_is_no_data() {
    within(USUAL, || {
        let house = House::new();
        for version in [TLS_1_2, TLS_1_3] {
            let tls = Arc::new(house.leaf.server(version));
            let peer = Peer::listener(move |listener| {
                let [mut one, mut two] = [(), ()].map(|()| {
                    let tcp = accept(listener);
                    let mut link = Link::new(tcp, &tls);
                    link.handshake();
                    link.send(GREETING.as_bytes());
                    link
                });
                let mut records = [&mut one, &mut two].map(|link| link.records(b"250 mine\r\n"));
                let [ones, twos] = &mut records;
                swap(ones, twos);
                for link in [&mut one, &mut two] {
                    assert_eq!(link.line(), "NOOP\r\n");
                }
                for (link, record) in [&mut one, &mut two].into_iter().zip(&records) {
                    link.raw(record);
                    link.until_closed();
                }
            });
            let sessions = [(), ()].map(|()| {
                let (bridge, mut client) = house.bridge(peer.host()).socket();
                assert_eq!(client.line(), GREETING, "{version:?}: {}", bridge.log());
                client.say("NOOP\r\n");
                (bridge, client)
            });
            for (bridge, mut client) in sessions {
                assert_eq!(client.rest(), b"", "{version:?}");
                drop(client);
                bridge.finish().assert("bad_record", 76);
                cases(Group::TlsServers, 1);
            }
            peer.done();
        }
    });
}

/// Goal: a bug that was: a greeting that came in one segment with the end of the handshake was lost when what followed
/// it was no good, as if the handshake had failed.
#[test]
fn a_greeting_between_the_handshake_and_nonsense_in_one_segment_is_delivered() {
    within(USUAL, || {
        let house = House::new();
        for version in [TLS_1_2, TLS_1_3] {
            let mut tls = house.leaf.server(version);
            tls.send_half_rtt_data = true;
            let peer = Peer::before_handshake(tls, move |mut link| {
                let behind = |link: &mut Link| {
                    let mut records = [link.records(GREETING.as_bytes()), link.records(b"250 never\r\n")];
                    *records[1].last_mut().unwrap() ^= 1;
                    link.raw(&records.concat());
                };
                while !link.tls.wants_write() {
                    link.feed().unwrap();
                }
                if version == TLS_1_2 {
                    while link.tls.is_handshaking() {
                        let flight = link.pending();
                        link.raw(&flight);
                        link.feed().unwrap();
                    }
                }
                behind(&mut link);
                link.until_closed();
            });
            let (bridge, mut client) = costs_little(house.bridge(peer.host())).socket();
            assert_eq!(String::from_utf8_lossy(&client.rest()), GREETING, "{version:?}: {}", bridge.log());
            drop(client);
            let ended = bridge.finish();
            ended.assert("bad_record", 76);
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}
