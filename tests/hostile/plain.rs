//! Servers that break the handshake before there are keys: what answers our hello is made by hand.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::hostile::by_hand::{hello, record, Link, AES_128_GCM_SHA256, SERVER_HELLO, TLS_1_2};
use crate::hostile::{breaks_rules, message, ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::relay::noise;
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::peer::Peer;

// Handshake messages (RFC 8446 section 4).
const HELLO_REQUEST: u8 = 0;
const CERTIFICATE: u8 = 11;
const FINISHED: u8 = 20;

// Extensions (RFC 8446 section 4.2).
const VERSION_1_3: &[u8] = &[0, 43, 0, 2, 3, 4];
/// X25519 and a key that is as good as any.
const X25519: &[u8] = &[
    0, 51, 0, 36, 0, 0x1d, 0, 32, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9,
];
const SECP256R1_WANTED: &[u8] = &[0, 51, 0, 2, 0, 0x17];
const SECP384R1_WANTED: &[u8] = &[0, 51, 0, 2, 0, 0x18];
const X25519_WANTED: &[u8] = &[0, 51, 0, 2, 0, 0x1d];
/// A group that no one has.
const UNKNOWN_WANTED: &[u8] = &[0, 51, 0, 2, 0x55, 0x55];
const COOKIE: &[u8] = &[0, 44, 0, 4, 0, 2, 1, 2];
const ALPN_H2: &[u8] = &[0, 16, 0, 5, 0, 3, 2, b'h', b'2'];

type Script = fn(&mut Link);

/// A hello of an old kind that agrees on this version.
fn version(link: &mut Link, version: [u8; 2]) {
    let hello = hello(&link.session, &[7; 32], version, [0xc0, 0x2f], 0, &[]);
    link.send(HANDSHAKE, &hello);
}

/// Each script answers our hello; what comes of it is a refusal that says what was wrong.
fn refuses(table: &[(&'static str, &str, Script)]) {
    let house = House::new();
    for &(what, word, script) in table {
        let server = || {
            Peer::tcp(move |tcp| {
                let mut link = Link::new(tcp);
                script(&mut link);
                let _ = link.tcp.shutdown(Shutdown::Write);
                // All that may follow is alerts.
                let mut heard = Vec::new();
                let _ = link.tcp.read_to_end(&mut heard);
                heard
            })
        };
        let heard = breaks_rules(what, &house, server, 76, word);
        assert!(heard.is_empty() || heard[0] == ALERT, "{what}: the server heard {heard:02x?}");
    }
}

/// Goal: whatever is not TLS is recognised, each kind by itself.
#[test]
fn what_is_no_tls_is_refused_with_its_first_octets() {
    within(USUAL, || {
        refuses(&[
            ("zeros", "clear=\"\\x00", |link| link.tcp.write_all(&[0; 5000]).unwrap()),
            ("noise", "something instead of TLS; ", |link| {
                // Not by chance a record's first octet.
                link.tcp.write_all(&[b"~", noise(5000, 3).as_slice()].concat()).unwrap();
            }),
            ("one octet", "clear=\"!\"", |link| link.tcp.write_all(b"!").unwrap()),
            ("a line without an end", "...", |link| link.tcp.write_all(&[b'a'; 100_000]).unwrap()),
            ("SSH", "SSH", |link| link.tcp.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap()),
            ("POP3", "POP3", |link| link.tcp.write_all(b"+OK ready\r\n").unwrap()),
            ("IMAP", "IMAP", |link| link.tcp.write_all(b"* OK ready\r\n").unwrap()),
            ("a terminal's escapes", "\\x1b[2J", |link| link.tcp.write_all(b"\x1b[2J\x07\x90\xff\r\n").unwrap()),
            ("plain SMTP", "plain SMTP", |link| link.tcp.write_all(b"220 mail.test ESMTP\r\n").unwrap()),
            ("HTTP", "HTTP", |link| link.tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap()),
            ("SSL 2.0", "instead of TLS", |link| link.tcp.write_all(&[0x80, 3, 0, 0, 1]).unwrap()),
        ]);
    });
}

/// Goal: records that no TLS has.
#[test]
fn a_record_that_breaks_the_rules_is_refused() {
    within(USUAL, || {
        refuses(&[
            ("an unknown content type", "instead of TLS", |link| link.send(99, b"hello")),
            ("a heartbeat", "invalid content type", |link| link.send(24, &[1, 0x40, 0])),
            ("another major version", "something instead of TLS", |link| {
                let _ = link.tcp.write_all(&[HANDSHAKE, 9, 9, 0, 1, 0]);
            }),
            ("a record of 64 KiB", "message too large", |link| {
                let _ = link.tcp.write_all(&[&[HANDSHAKE, 3, 3, 0xff, 0xff], [0; 65_535].as_slice()].concat());
            }),
            ("an empty record", "invalid empty payload", |link| link.send(HANDSHAKE, &[])),
            ("empty records without an end", "invalid empty payload", |link| link.flood(HANDSHAKE, &[])),
            ("a message of 16 MiB", "a message of 64 kB or more", |link| {
                link.send(HANDSHAKE, &[SERVER_HELLO, 0xff, 0xff, 0xff, 3, 3]);
            }),
            ("change_cipher_spec without an end", "got change cipher spec", |link| {
                link.flood(CHANGE_CIPHER_SPEC, &[1])
            }),
            ("a wrong change_cipher_spec", "invalid ccs", |link| link.send(CHANGE_CIPHER_SPEC, &[2])),
            ("application data", "got application data", |link| link.send(APPLICATION_DATA, b"220 hello\r\n")),
            (
                "a message in pieces with another record between them",
                "message interleaved with handshake message",
                |link| {
                    let hello = hello(&link.session, &[7; 32], TLS_1_2, AES_128_GCM_SHA256, 0, &[VERSION_1_3, X25519]);
                    link.send(HANDSHAKE, &hello[..20]);
                    link.send(APPLICATION_DATA, b"between");
                    link.send(HANDSHAKE, &hello[20..]);
                },
            ),
        ]);
    });
}

/// Goal: messages at the wrong place, and hellos that agree on what we did not offer.
#[test]
fn a_hello_that_breaks_the_rules_is_refused() {
    within(USUAL, || {
        refuses(&[
            ("a certificate first", "trailing data", |link| link.send(HANDSHAKE, &message(CERTIFICATE, &[0; 4]))),
            ("a Finished first", "got Finished", |link| link.send(HANDSHAKE, &message(FINISHED, &[0; 32]))),
            ("HelloRequest without an end", "got hello request", |link| {
                link.flood(HANDSHAKE, &message(HELLO_REQUEST, &[]))
            }),
            ("an unknown message", "got handshake type(0x63)", |link| link.send(HANDSHAKE, &message(99, &[0; 4]))),
            ("an extension twice", "duplicate extension(43)", |link| {
                link.server_hello(&[VERSION_1_3, VERSION_1_3, X25519])
            }),
            ("ALPN that nobody offered", "unsolicited server hello extension", |link| {
                link.server_hello(&[VERSION_1_3, X25519, ALPN_H2])
            }),
            ("no key", "missing key share", |link| link.server_hello(&[VERSION_1_3])),
            ("a key of no length", "illegal empty value", |link| {
                link.server_hello(&[VERSION_1_3, &[0, 51, 0, 4, 0, 0x1d, 0, 0]])
            }),
            ("a key of another group", "wrong group for key share", |link| {
                link.server_hello(&[VERSION_1_3, &[0, 51, 0, 6, 0, 0x17, 0, 2, 4, 4]]);
            }),
            ("TLS 1.1", "only TLS 1.1 or older", |link| version(link, [3, 2])),
            ("TLS 1.0", "only TLS 1.1 or older", |link| version(link, [3, 1])),
            ("SSL 3.0", "only TLS 1.1 or older", |link| version(link, [3, 0])),
            ("a version of the future", "only TLS 1.1 or older", |link| version(link, [3, 5])),
            ("TLS 1.0 in the place of 1.3", "only TLS 1.1 or older", |link| {
                link.server_hello(&[&[0, 43, 0, 2, 3, 1], X25519]);
            }),
            ("ALPN that nobody offered, on TLS 1.2", "unsolicited server hello extension", |link| {
                let hello = hello(&link.session, &[7; 32], TLS_1_2, [0xc0, 0x2f], 0, &[ALPN_H2]);
                link.send(HANDSHAKE, &hello);
            }),
            ("a suite that nobody offered", "selected unoffered cipher suite", |link| {
                let hello = hello(&link.session, &[7; 32], TLS_1_2, [0, 5], 0, &[]);
                link.send(HANDSHAKE, &hello);
            }),
            ("compression", "selected unoffered compression", |link| {
                let extensions = [VERSION_1_3, X25519];
                let hello = hello(&link.session, &[7; 32], TLS_1_2, AES_128_GCM_SHA256, 1, &extensions);
                link.send(HANDSHAKE, &hello);
            }),
            // RFC 8446 section 4.1.3: a server that speaks 1.3 and was made to say 1.2 by somebody in between says so here.
            ("a downgrade", "attempted downgrade to tls12 when tls13 is supported", |link| {
                let random = [&[7; 24], b"DOWNGRD\x01".as_slice()].concat();
                let hello = hello(&link.session, &random, TLS_1_2, [0xc0, 0x2f], 0, &[]);
                link.send(HANDSHAKE, &hello);
            }),
        ]);
    });
}

/// Goal: HelloRetryRequest is for a group that we have and gave no key for, and once.
#[test]
fn a_hello_retry_request_that_breaks_the_rules_is_refused() {
    within(USUAL, || {
        refuses(&[
            ("a second one", "got hello retry request", |link| {
                link.retry(&[VERSION_1_3, SECP256R1_WANTED]);
                link.hello();
                link.retry(&[VERSION_1_3, SECP384R1_WANTED]);
            }),
            ("one for another session than ours", "illegal hello retry request with wrong session id", |link| {
                link.session = vec![9; 32];
                link.retry(&[VERSION_1_3, SECP256R1_WANTED]);
            }),
            ("one that changes nothing", "illegal hello retry request with no changes", |link| {
                link.retry(&[VERSION_1_3])
            }),
            ("one for a group that has a key already", "illegal hello retry request with offered group", |link| {
                link.retry(&[VERSION_1_3, X25519_WANTED])
            }),
            ("one for a group that nobody offered", "illegal hello retry request with unoffered named group", |link| {
                link.retry(&[VERSION_1_3, UNKNOWN_WANTED])
            }),
            ("one with an extension that nobody offered", "unknown hello retry request extension", |link| {
                link.retry(&[VERSION_1_3, SECP256R1_WANTED, ALPN_H2]);
            }),
            ("a cookie of 60 kB", "wrong group for key share", |link| {
                let octets = [60_002_u16, 60_000].map(u16::to_be_bytes).concat();
                let cookie = [&[0, 44], octets.as_slice(), &[7; 60_000]].concat();
                link.retry(&[VERSION_1_3, &cookie, SECP256R1_WANTED]);
                // It comes back, in a hello of four records.
                link.hello();
                for _ in 0..3 {
                    assert_eq!(record(&mut link.tcp).0, HANDSHAKE);
                }
                link.server_hello(&[VERSION_1_3, X25519]);
            }),
            ("an answer in another group than it wanted", "wrong group for key share", |link| {
                link.retry(&[VERSION_1_3, COOKIE, SECP256R1_WANTED]);
                link.hello();
                link.server_hello(&[VERSION_1_3, X25519]);
            }),
        ]);
    });
}
