//! Servers that break the handshake under its keys: what stands in the encrypted part of TLS 1.3, and in the Finished of
//! TLS 1.2.

use std::io::Write;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::check::report;
use crate::hostile::{breaks_rules, cases, costs_little, message, Group, CHANGE_CIPHER_SPEC, TICKET};
use crate::support::bridge::House;
use crate::support::forge::{forging, unchanged, Change};
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{refusal, serve, session, unsuccessful};
use crate::support::peer::{Peer, TLS_1_2, TLS_1_3};
use crate::trust::openssl::Server;

// Handshake messages (RFC 8446 section 4, RFC 8879 section 7.2), extensions (RFC 8446 section 4.2).
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;
const COMPRESSED_CERTIFICATE: u8 = 25;
const ALPN: u8 = 16;
const MAX_FRAGMENT_LENGTH: u8 = 1;

fn replaced(flight: Vec<Vec<u8>>, kind: u8, with: &[u8]) -> Vec<Vec<u8>> {
    assert!(flight.iter().any(|message| message[0] == kind), "no message {kind} in {flight:02x?}");
    flight.into_iter().map(|message| if message[0] == kind { with.to_vec() } else { message }).collect()
}

/// Encrypted extensions with these in place of the server's.
fn extensions(flight: Vec<Vec<u8>>, extensions: &[u8]) -> Vec<Vec<u8>> {
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    replaced(flight, ENCRYPTED_EXTENSIONS, &message(ENCRYPTED_EXTENSIONS, &[&length, extensions].concat()))
}

/// Goal: each is a refusal with 421 4.7.5 and 76 (69 if the certificate is to blame), and the server hears nothing
/// behind the handshake.
#[test]
fn promise_3_a_handshake_that_breaks_the_rules_under_its_keys_is_refused() {
    let table: [(&str, i32, &str, Change); 21] = [
        ("a wrong Finished", 76, "cannot decrypt", |mut flight| {
            *flight.last_mut().unwrap().last_mut().unwrap() ^= 1;
            flight
        }),
        ("no Finished but another message", 76, "got key update when expecting Finished", |flight| {
            replaced(flight, FINISHED, &message(KEY_UPDATE, &[0]))
        }),
        ("an empty Finished", 76, "cannot decrypt", |flight| replaced(flight, FINISHED, &message(FINISHED, &[]))),
        ("a message behind the Finished in its record", 76, "key epoch with pending fragment", |mut flight| {
            flight.push(message(TICKET, &[0; 20]));
            flight
        }),
        ("ALPN that nobody offered", 76, "unsolicited encrypted extension", |flight| {
            extensions(flight, &[0, ALPN, 0, 5, 0, 3, 2, b'h', b'2'])
        }),
        ("an extension that nobody offered", 76, "unsolicited encrypted extension", |flight| {
            extensions(flight, &[0, MAX_FRAGMENT_LENGTH, 0, 1, 1])
        }),
        ("an extension twice", 76, "duplicate extension", |flight| extensions(flight, &[0, 0, 0, 0, 0, 0, 0, 0])),
        ("extensions that are longer than their message", 76, "message too short", |flight| {
            replaced(flight, ENCRYPTED_EXTENSIONS, &message(ENCRYPTED_EXTENSIONS, &[0xff, 0xff]))
        }),
        ("no extensions", 76, "got Certificate when expecting encrypted extensions", |mut flight| {
            flight.remove(0);
            flight
        }),
        ("no certificate in its message", 76, "no certificates", |flight| {
            replaced(flight, CERTIFICATE, &message(CERTIFICATE, &[0; 4]))
        }),
        ("a certificate that is none", 69, "certificate refused: it cannot be read", |flight| {
            replaced(flight, CERTIFICATE, &message(CERTIFICATE, &[0, 0, 0, 8, 0, 0, 3, 1, 2, 3, 0, 0]))
        }),
        ("an empty certificate", 69, "certificate refused: it cannot be read", |flight| {
            replaced(flight, CERTIFICATE, &message(CERTIFICATE, &[0, 0, 0, 5, 0, 0, 0, 0, 0]))
        }),
        ("a certificate of 16 MiB", 76, "a message of 64 kB or more", |flight| {
            replaced(flight, CERTIFICATE, &[CERTIFICATE, 0xff, 0xff, 0xff, 0])
        }),
        ("3000 empty certificates", 69, "certificate refused: it cannot be read", |flight| {
            // Each behind its length, and no extensions.
            let list = [0; 5].repeat(3000);
            let length = u32::try_from(list.len()).unwrap().to_be_bytes();
            replaced(flight, CERTIFICATE, &message(CERTIFICATE, &[&[0], &length[1..], &list].concat()))
        }),
        ("a record of more than 16 KiB", 76, "message too large", |flight| {
            replaced(flight, CERTIFICATE, &message(CERTIFICATE, &[0; 20_000]))
        }),
        ("a demand for our certificate, twice", 76, "got certificate request", |mut flight| {
            // An empty context, and signature_algorithms with ed25519 in it.
            let request = message(CERTIFICATE_REQUEST, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7]);
            flight.splice(1..1, [request.clone(), request]);
            flight
        }),
        ("the certificate twice", 76, "got Certificate when expecting certificate verify", |flight| {
            let twice = [flight[1].clone(), flight[1].clone()].concat();
            replaced(flight, CERTIFICATE, &twice)
        }),
        // zlib, 16 MiB out of 5 octets.
        ("a compressed certificate that nobody offered to unpack", 76, "got compressed certificate", |flight| {
            let bomb = [0, 1, 0xff, 0xff, 0xff, 0, 0, 5, 1, 2, 3, 4, 5];
            replaced(flight, CERTIFICATE, &message(COMPRESSED_CERTIFICATE, &bomb))
        }),
        ("no signature", 76, "got Finished when expecting certificate verify", |mut flight| {
            flight.retain(|message| message[0] != CERTIFICATE_VERIFY);
            flight
        }),
        ("a signature of a kind that nobody offered", 76, "signed handshake with unadvertised sig scheme", |flight| {
            // rsa_pkcs1_md5
            replaced(flight, CERTIFICATE_VERIFY, &message(CERTIFICATE_VERIFY, &[1, 1, 0, 2, 0, 0]))
        }),
        ("everything twice", 76, "key epoch with pending fragment", |flight| [flight.clone(), flight].concat()),
    ];
    within(USUAL, move || {
        let house = House::new();
        for (what, code, word, change) in table {
            let server = || unsuccessful(forging(&house.leaf, TLS_1_3, change));
            let heard = breaks_rules(what, &house, server, code, word);
            assert_eq!(heard, b"", "{what}: the server heard something");
        }
    });
}

/// Goal: the control of the tests that forge: with everything left as it is there is a session.
#[test]
fn a_forging_server_that_forges_nothing_is_a_good_one() {
    within(USUAL, || {
        for version in [TLS_1_2, TLS_1_3] {
            let house = House::new();
            let peer = Peer::with(forging(&house.leaf, version, unchanged), serve);
            session(house.bridge(peer.host()));
            peer.done();
        }
    });
}

#[test]
fn promise_3_a_wrong_finished_of_tls_1_2_is_refused() {
    within(USUAL, || {
        let house = House::new();
        let server = || {
            unsuccessful(forging(&house.leaf, TLS_1_2, |mut flight| {
                flight[0][7] ^= 1;
                flight
            }))
        };
        assert_eq!(breaks_rules("a wrong Finished", &house, server, 76, "cannot decrypt"), b"");
    });
}

/// Goal: a server that wants another group than those we gave a key for asks once more and gets it.
#[test]
fn a_hello_retry_request_for_a_group_that_we_have_is_a_session() {
    within(USUAL, || {
        let house = House::new();
        let provider = CryptoProvider { kx_groups: vec![kx_group::SECP384R1], ..default_provider() };
        let tls = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(house.leaf.chain(), house.leaf.key())
            .unwrap();
        let peer = Peer::with(tls, serve);
        let ended = session(house.bridge(peer.host()));
        assert!(ended.line().contains("group=secp384r1"), "{}", ended.log);
        peer.done();
        cases(Group::TlsServers, 1);
    });
}

/// Goal: no group in common: the server says so by an alert.
#[test]
fn a_server_without_a_group_in_common_is_refused() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        house.dir.write("cert.pem", &house.leaf.cert_pem);
        house.dir.write("key.pem", &house.leaf.key_pem);
        for version in ["-tls1_2", "-tls1_3"] {
            let Some(server) = Server::start(&house.dir, &[version, "-groups", "P-521"]) else { return };
            let told =
                "no cipher or key exchange in common (alert handshake_failure); ask the server's administrator for ECDHE";
            let host = server.host().replace("127.0.0.1", "localhost");
            let start = || costs_little(house.bridge(&*host));
            refusal(start()).assert("4.7.5", 76, &[told, "stage=handshake"]);
            report(start()).assert(76, &[told]);
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: change_cipher_spec means nothing in TLS 1.3 and is there for the sake of middleboxes (RFC 8446 appendix D.4):
/// two of them are allowed, and a flood of them between the records of a handshake is not.
#[test]
fn change_cipher_spec_between_the_records_of_a_handshake_is_allowed_twice() {
    within(USUAL, || {
        let house = House::new();
        for (n, is_session) in [(1, true), (2, false), (100_000, false)] {
            let server = || {
                let more = [CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1].repeat(n);
                Peer::before_handshake(house.leaf.server(TLS_1_3), move |mut link| {
                    while !link.tls.wants_write() {
                        link.feed().unwrap();
                    }
                    let flight = link.pending();
                    // The server has one of its own behind its hello.
                    let (hello, rest) = flight.split_at(5 + usize::from(u16::from_be_bytes([flight[3], flight[4]])));
                    // The bridge may be gone before the end of it.
                    let _ = link.tcp.write_all(&[hello, &more, rest].concat());
                    if is_session {
                        link.handshake();
                        serve(link);
                    } else {
                        link.until_closed();
                    }
                })
            };
            if is_session {
                let peer = server();
                session(costs_little(house.bridge(peer.host())));
                peer.done();
            } else {
                breaks_rules("a flood", &house, server, 76, "illegal middlebox change cipher spec");
            }
        }
    });
}

/// Goal: a server that would like to see a certificate, and does not insist.
#[test]
fn a_client_certificate_that_is_wanted_and_not_required_is_not_missed() {
    within(USUAL, || {
        let house = House::new();
        let mut roots = RootCertStore::empty();
        roots.add(house.ca.cert()).unwrap();
        let provider = Arc::new(default_provider());
        let wanting = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let wanting = wanting.allow_unauthenticated().build().unwrap();
        for version in [TLS_1_2, TLS_1_3] {
            let tls = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(version)
                .unwrap()
                .with_client_cert_verifier(Arc::clone(&wanting))
                .with_single_cert(house.leaf.chain(), house.leaf.key())
                .unwrap();
            let peer = Peer::with(tls, serve);
            session(house.bridge(peer.host()));
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}
