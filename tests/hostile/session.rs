//! Servers that break the rules in mid-session, under its keys: what came before is delivered, and the end says why.

use std::io::Write;
use std::net::TcpStream;

use rustls::SupportedProtocolVersion;

use crate::hostile::{costs_little, message};
use crate::support::bridge::{Bridge, House};
use crate::support::forge::{forging, record, unchanged};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{Link, Peer, TLS_1_2, TLS_1_3};
use crate::support::talk::{Hear, Talk};

// Content types and handshake messages (RFC 8446 sections 4 and 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HELLO_REQUEST: u8 = 0;
const SERVER_HELLO: u8 = 2;
const TICKET: u8 = 4;
const CERTIFICATE_REQUEST: u8 = 13;
const KEY_UPDATE: u8 = 24;

const WARNING: u8 = 1;
const USER_CANCELED: u8 = 90;
const NO_RENEGOTIATION: u8 = 100;

/// Lifetime, age, an empty nonce, a ticket of one octet, no extensions (RFC 8446 section 4.6.1).
const GOOD_TICKET: [u8; 14] = [0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 1, 7, 0, 0];

type Versions = &'static [&'static SupportedProtocolVersion];

type Script = fn(&mut Link) -> Vec<u8>;

/// A session with a server that sends what `script` makes, as soon as the client has said NOOP.
fn session(version: Versions, script: impl FnOnce(&mut Link) -> Vec<u8> + Send + 'static) -> (Bridge, TcpStream, Peer) {
    let house = House::new();
    let peer = Peer::with(forging(&house.leaf, version, unchanged), |mut link| {
        link.send(GREETING.as_bytes());
        assert_eq!(link.line(), "NOOP\r\n");
        let sent = script(&mut link);
        // The bridge may be gone before the end of it.
        let _ = link.tcp.write_all(&sent);
        link.until_closed();
    });
    let (bridge, mut client) = costs_little(house.bridge(peer.host())).socket();
    assert_eq!(client.line(), GREETING);
    client.say("NOOP\r\n");
    (bridge, client, peer)
}

/// Goal: each ends the session behind what came before it, by FIN, and adds nothing.
#[test]
fn a_record_that_breaks_the_rules_ends_the_session_behind_what_came_before() {
    let table: [(&str, Versions, &str, Script); 16] = [
        ("an unknown content type", TLS_1_3, "bad_record", |link| record(link, 99, b"hello")),
        ("no content type at all", TLS_1_3, "bad_record", |link| record(link, 0, &[0; 100])),
        ("a ServerHello", TLS_1_3, "bad_record", |link| record(link, HANDSHAKE, &message(SERVER_HELLO, &[0; 40]))),
        ("an encrypted change_cipher_spec", TLS_1_3, "bad_record", |link| record(link, CHANGE_CIPHER_SPEC, &[1])),
        ("a late demand for our certificate", TLS_1_3, "bad_record", |link| {
            record(link, HANDSHAKE, &message(CERTIFICATE_REQUEST, &[0; 3]))
        }),
        ("a KeyUpdate of nonsense", TLS_1_3, "bad_record", |link| record(link, HANDSHAKE, &message(KEY_UPDATE, &[2]))),
        ("a KeyUpdate and more behind it in its record", TLS_1_3, "bad_record", |link| {
            let both = [message(KEY_UPDATE, &[0]), message(KEY_UPDATE, &[0])].concat();
            record(link, HANDSHAKE, &both)
        }),
        ("half a message and data behind it", TLS_1_3, "bad_record", |link| {
            let half = record(link, HANDSHAKE, &message(TICKET, &[0; 50])[..20]);
            [half, link.records(b"250 never\r\n")].concat()
        }),
        ("a ticket of 16 MiB", TLS_1_3, "bad_record", |link| record(link, HANDSHAKE, &[TICKET, 0xff, 0xff, 0xff, 0])),
        ("a ticket of nonsense", TLS_1_3, "bad_record", |link| record(link, HANDSHAKE, &message(TICKET, &[0; 3]))),
        ("100 000 empty records", TLS_1_3, "bad_record", |link| {
            (0..100_000).flat_map(|_| record(link, APPLICATION_DATA, &[])).collect()
        }),
        ("a warning of TLS 1.3", TLS_1_3, "alert", |link| record(link, ALERT, &[WARNING, NO_RENEGOTIATION])),
        ("half an alert", TLS_1_3, "bad_record", |link| record(link, ALERT, &[WARNING])),
        ("an unknown content type", TLS_1_2, "bad_record", |link| record(link, 99, b"hello")),
        ("five warnings of TLS 1.2", TLS_1_2, "bad_record", |link| {
            (0..5).flat_map(|_| record(link, ALERT, &[WARNING, NO_RENEGOTIATION])).collect()
        }),
        ("two HelloRequests in a row", TLS_1_2, "bad_record", |link| {
            (0..2).flat_map(|_| record(link, HANDSHAKE, &message(HELLO_REQUEST, &[]))).collect()
        }),
    ];
    within(USUAL, move || {
        for (what, version, end, script) in table {
            let (bridge, mut client, peer) = session(version, move |link| {
                let before = link.records(b"250 before\r\n");
                [before, script(link)].concat()
            });
            let heard = client.rest();
            assert_eq!(String::from_utf8_lossy(&heard), "250 before\r\n", "{what}");
            drop(client);
            let ended = bridge.finish();
            ended.assert(end, 76);
            peer.done();
        }
    });
}

/// Goal: what is allowed, though odd, costs no byte of the session.
#[test]
fn odd_records_among_the_data_cost_no_byte() {
    let table: [(&str, Versions, Script); 6] = [
        // OpenSSL of old sends an empty one before each other (CBC).
        ("30 empty records", TLS_1_3, |link| (0..30).flat_map(|_| record(link, APPLICATION_DATA, &[])).collect()),
        ("30 empty records", TLS_1_2, |link| (0..30).flat_map(|_| record(link, APPLICATION_DATA, &[])).collect()),
        ("100 000 tickets", TLS_1_3, |link| {
            let ticket = message(TICKET, &GOOD_TICKET);
            (0..100_000).flat_map(|_| record(link, HANDSHAKE, &ticket)).collect()
        }),
        ("a ticket in two records", TLS_1_3, |link| {
            let ticket = message(TICKET, &GOOD_TICKET);
            [record(link, HANDSHAKE, &ticket[..7]), record(link, HANDSHAKE, &ticket[7..])].concat()
        }),
        ("four warnings", TLS_1_2, |link| {
            (0..4).flat_map(|_| record(link, ALERT, &[WARNING, NO_RENEGOTIATION])).collect()
        }),
        ("a HelloRequest", TLS_1_2, |link| record(link, HANDSHAKE, &message(HELLO_REQUEST, &[]))),
    ];
    within(USUAL, move || {
        for (what, version, script) in table {
            let (bridge, mut client, peer) = session(version, move |link| {
                [
                    link.records(b"250-before\r\n"),
                    script(link),
                    link.records(b"250 behind\r\n"),
                    link.close_notify_record(),
                ]
                .concat()
            });
            let heard = client.rest();
            assert_eq!(String::from_utf8_lossy(&heard), "250-before\r\n250 behind\r\n", "{what}: {}", bridge.log());
            drop(client);
            bridge.finish().assert("close_notify", 0);
            peer.done();
        }
    });
}

/// Goal: user_canceled announces a close_notify (RFC 8446 section 6.1).
#[test]
fn user_canceled_before_close_notify_is_a_clean_end() {
    within(USUAL, || {
        let (bridge, mut client, peer) = session(TLS_1_3, |link| {
            [record(link, ALERT, &[WARNING, USER_CANCELED]), link.close_notify_record()].concat()
        });
        assert_eq!(client.rest(), b"");
        drop(client);
        bridge.finish().assert("close_notify", 0);
        peer.done();
    });
}
