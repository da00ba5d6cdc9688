//! Servers that break the rules in mid-session, under its keys: what came before is delivered, and the end says why.

use std::io::Write;
use std::net::TcpStream;

use rustls::SupportedProtocolVersion;

use crate::hostile::alerts::ALERTS;
use crate::hostile::by_hand::SERVER_HELLO;
use crate::hostile::{
    cases, costs_little, message, Group, ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, GOOD_TICKET, HANDSHAKE, TICKET,
};
use crate::relay::{self, greeted};
use crate::support::bridge::{Bridge, House};
use crate::support::forge::{forging, large_record, record, unchanged};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{Link, Peer, TLS_1_2, TLS_1_3};
use crate::support::talk::{Hear, Talk};

// Handshake messages (RFC 8446 section 4, RFC 5246 section 7.4).
const HELLO_REQUEST: u8 = 0;
const CERTIFICATE_REQUEST: u8 = 13;
const KEY_UPDATE: u8 = 24;

const PLAIN_CHANGE_CIPHER_SPEC: &[u8] = &[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1];

const WARNING: u8 = 1;
const FATAL: u8 = 2;
const USER_CANCELED: u8 = 90;
const NO_RENEGOTIATION: u8 = 100;

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

/// A record that claims another version.
fn versioned(mut record: Vec<u8>, version: [u8; 2]) -> Vec<u8> {
    record[1..3].copy_from_slice(&version);
    record
}

/// A ticket of 60 kB, in several records.
fn large_ticket(link: &mut Link) -> Vec<u8> {
    let ticket = [&GOOD_TICKET[..9], &60_000_u16.to_be_bytes(), &[7; 60_000], &[0, 0]].concat();
    message(TICKET, &ticket).chunks(16_000).flat_map(|piece| record(link, HANDSHAKE, piece)).collect()
}

/// One that asks for one in return.
fn key_update(link: &mut Link) -> Vec<u8> {
    link.tls.refresh_traffic_keys().unwrap();
    link.pending()
}

/// Goal: each ends the session behind what came before it, by FIN, and adds nothing.
#[test]
fn a_record_that_breaks_the_rules_ends_the_session_behind_what_came_before() {
    let table: [(&str, Versions, &str, Script); 30] = [
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
        ("a ServerHello", TLS_1_2, "bad_record", |link| record(link, HANDSHAKE, &message(SERVER_HELLO, &[0; 40]))),
        ("a KeyUpdate", TLS_1_2, "bad_record", |link| record(link, HANDSHAKE, &message(KEY_UPDATE, &[0]))),
        ("five warnings of TLS 1.2", TLS_1_2, "bad_record", |link| {
            (0..5).flat_map(|_| record(link, ALERT, &[WARNING, NO_RENEGOTIATION])).collect()
        }),
        ("five times user_canceled", TLS_1_3, "bad_record", |link| {
            (0..5).flat_map(|_| record(link, ALERT, &[WARNING, USER_CANCELED])).collect()
        }),
        ("half a message and data behind it", TLS_1_2, "bad_record", |link| {
            let half = record(link, HANDSHAKE, &message(HELLO_REQUEST, &[])[..2]);
            [half, link.records(b"250 never\r\n")].concat()
        }),
        ("two HelloRequests in a row", TLS_1_2, "bad_record", |link| {
            (0..2).flat_map(|_| record(link, HANDSHAKE, &message(HELLO_REQUEST, &[]))).collect()
        }),
        // rustls counts them over the whole of a session.
        ("two HelloRequests and a record of data between them", TLS_1_2, "bad_record", |link| {
            let [one, two] = [(), ()].map(|()| message(HELLO_REQUEST, &[]));
            let between = record(link, HANDSHAKE, &one);
            [between, record(link, APPLICATION_DATA, &[]), record(link, HANDSHAKE, &two)].concat()
        }),
        ("100 000 empty records", TLS_1_2, "bad_record", |link| {
            (0..100_000).flat_map(|_| record(link, APPLICATION_DATA, &[])).collect()
        }),
        ("a record of more than 16 KiB", TLS_1_3, "bad_record", |link| large_record(link, APPLICATION_DATA)),
        ("a record of more than 16 KiB", TLS_1_2, "bad_record", |link| large_record(link, APPLICATION_DATA)),
        ("a record of 64 KiB", TLS_1_3, "bad_record", |_| {
            [&[APPLICATION_DATA, 3, 3, 0xff, 0xff], [0; 65_535].as_slice()].concat()
        }),
        ("another major version", TLS_1_3, "bad_record", |link| versioned(link.records(b"250 never\r\n"), [9, 9])),
        ("another major version", TLS_1_2, "bad_record", |link| versioned(link.records(b"250 never\r\n"), [9, 9])),
        ("plain change_cipher_specs without an end", TLS_1_3, "bad_record", |_| {
            PLAIN_CHANGE_CIPHER_SPEC.repeat(100_000)
        }),
        ("plain change_cipher_specs without an end", TLS_1_2, "bad_record", |_| {
            PLAIN_CHANGE_CIPHER_SPEC.repeat(100_000)
        }),
        ("a plain alert", TLS_1_3, "bad_record", |_| vec![ALERT, 3, 3, 0, 2, 2, 80]),
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
            assert_eq!(ended.log.lines().count(), 1, "{what}: {}", ended.log);
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: every alert that is no warning ends the session behind what came before it, under the name of the RFC.
#[test]
fn every_alert_in_mid_session_has_its_name_in_the_line() {
    within(USUAL, || {
        for (code, name) in ALERTS {
            let (bridge, mut client, peer) = session(TLS_1_2, move |link| {
                [link.records(b"250 before\r\n"), record(link, ALERT, &[FATAL, code])].concat()
            });
            assert_eq!(String::from_utf8_lossy(&client.rest()), "250 before\r\n", "alert {code}");
            drop(client);
            let ended = bridge.finish();
            ended.assert("alert", 76);
            // Here there is the bare name.
            let name = match code {
                70 => "protocol_version",
                99 => "99",
                255 => "255",
                _ => name,
            };
            let reason = ended.line().split(' ').find_map(|field| field.strip_prefix("reason="));
            assert_eq!(reason, Some(name), "alert {code}: {}", ended.log);
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: 32 KeyUpdates in a row are allowed (as by BoringSSL), and what both sides say behind them is read; one more is
/// an end.
#[test]
fn key_updates_in_a_row_pass_up_to_32() {
    within(USUAL, || {
        for n in [1, 31, 32, 33] {
            let (bridge, mut client, peer) = greeted(relay::unchanged, move |mut link| {
                link.send(b"250-before\r\n");
                let sent =
                    [(0..n).flat_map(|_| key_update(&mut link)).collect(), link.records(b"250 behind\r\n")].concat();
                // The bridge may be gone before the end of it.
                let _ = link.tcp.write_all(&sent);
                if n <= 32 {
                    assert_eq!(link.line(), "QUIT\r\n");
                    link.send(b"221 heard\r\n");
                    link.close_notify();
                }
                link.until_closed();
            });
            assert_eq!(client.line(), "250-before\r\n", "{n}");
            if n > 32 {
                assert_eq!(client.rest(), b"");
            } else {
                assert_eq!(client.line(), "250 behind\r\n", "{n}");
                client.say("QUIT\r\n");
                assert_eq!(String::from_utf8_lossy(&client.rest()), "221 heard\r\n", "{n}");
            }
            drop(client);
            let ended = bridge.finish();
            match n > 32 {
                true => ended.assert("bad_record", 76),
                false => ended.assert("close_notify", 0),
            }
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: what is allowed, though odd, costs no byte of the session.
#[test]
fn odd_records_among_the_data_cost_no_byte() {
    let table: [(&str, Versions, Script); 9] = [
        // OpenSSL of old sends an empty one before each other (CBC).
        ("30 empty records", TLS_1_3, |link| (0..30).flat_map(|_| record(link, APPLICATION_DATA, &[])).collect()),
        ("30 empty records", TLS_1_2, |link| (0..30).flat_map(|_| record(link, APPLICATION_DATA, &[])).collect()),
        ("100 000 tickets", TLS_1_3, |link| {
            let ticket = message(TICKET, &GOOD_TICKET);
            (0..100_000).flat_map(|_| record(link, HANDSHAKE, &ticket)).collect()
        }),
        ("100 tickets of 60 kB", TLS_1_3, |link| (0..100).flat_map(|_| large_ticket(link)).collect()),
        ("a ticket in two records", TLS_1_3, |link| {
            let ticket = message(TICKET, &GOOD_TICKET);
            [record(link, HANDSHAKE, &ticket[..7]), record(link, HANDSHAKE, &ticket[7..])].concat()
        }),
        ("four warnings", TLS_1_2, |link| {
            (0..4).flat_map(|_| record(link, ALERT, &[WARNING, NO_RENEGOTIATION])).collect()
        }),
        // It is ignored in TLS 1.3 (RFC 8446 section 5.1).
        ("an old version in the header", TLS_1_3, |link| {
            versioned(record(link, HANDSHAKE, &message(TICKET, &GOOD_TICKET)), [3, 1])
        }),
        ("another content type in the header", TLS_1_3, |link| {
            let mut record = record(link, HANDSHAKE, &message(TICKET, &GOOD_TICKET));
            record[0] = HANDSHAKE;
            record
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
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: user_canceled announces a close_notify (RFC 8446 section 6.1).
#[test]
fn user_canceled_before_close_notify_is_a_clean_end() {
    within(USUAL, || {
        let (bridge, mut client, peer) = session(TLS_1_3, |link| {
            let reply = link.records(b"250 ok\r\n");
            [reply, record(link, ALERT, &[WARNING, USER_CANCELED]), link.close_notify_record()].concat()
        });
        assert_eq!(client.rest(), b"250 ok\r\n");
        drop(client);
        bridge.finish().assert("close_notify", 0);
        peer.done();
    });
}
