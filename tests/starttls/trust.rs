//! Behind the 220 everything is as with implicit TLS (rule 10), and what TLS 1.3 reports late is waited for (rule 12).

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::{behind_tls, carries, serve, start, up_to_tls};
use crate::support::bridge::{House, Start};
use crate::support::ca::{Ca, Leaf};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{refusal, Refusal};
use crate::support::peer::{Link, Peer, TLS_1_2, TLS_1_3};
use crate::support::talk::Hear;

/// A server whose handshake fails; what it heard over TLS.
fn unsuccessful(tls: ServerConfig) -> Peer<Vec<u8>> {
    Peer::before_handshake(tls, |mut link| {
        up_to_tls(&mut link.tcp);
        let mut heard = Vec::new();
        if link.try_handshake().is_ok() {
            while link.feed().unwrap_or(false) {
                let _ = std::io::Read::read_to_end(&mut link.tls.reader(), &mut heard);
            }
        }
        let alert = link.pending();
        let _ = std::io::Write::write_all(&mut link.tcp, &alert);
        link.until_closed();
        heard
    })
}

/// Goal: promise 3: STARTTLS is no weaker than implicit TLS.
#[test]
fn promise_3_a_wrong_certificate_behind_starttls_is_refused_with_its_reason() {
    within(USUAL, || {
        let house = House::new();
        let table: [(Leaf, &str); 3] = [
            (house.ca.leaf_for(&["mail.example.net"]), "certificate is for another name"),
            (house.ca.leaf_expired((2026, 1, 1)), "certificate expired"),
            (Ca::named("Another CA").leaf(), "certificate from an unknown CA"),
        ];
        for (leaf, words) in &table {
            for versions in [TLS_1_2, TLS_1_3] {
                let peer = unsuccessful(leaf.server(versions));
                refusal(start(&house, peer.host())).assert("4.7.5", 69, &["failed stage=handshake ", words]);
                assert_eq!(peer.done(), b"");
            }
        }
        let peer = unsuccessful(house.leaf.server(TLS_1_3));
        let other = start(&house, peer.host()).arg("--pin").arg(&table[0].0.pin);
        refusal(other).assert("4.7.5", 69, &["failed stage=handshake ", "pinned"]);
        assert_eq!(peer.done(), b"");
    });
}

/// Goal: the options of trust are those of implicit TLS.
#[test]
fn a_pin_alone_serves_behind_starttls_too() {
    within(USUAL, || {
        let house = House::new();
        let leaf = Ca::named("Nobody's CA").leaf_expired((2026, 1, 1));
        let peer = behind_tls(leaf.server(TLS_1_3), serve);
        carries(Start::new().arg("--starttls").arg("--pin-only").arg(&leaf.pin).arg(peer.host()));
        peer.done();
        drop(house);
    });
}

fn asking(house: &House, clients: &Ca, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    house.leaf.server_with(versions, Some(clients))
}

fn with_certificate(house: &House, start: Start, issuer: &Ca) -> Start {
    let client = issuer.client("bridge.example");
    house.dir.write("cert.pem", &client.cert_pem);
    house.dir.write("key.pem", &client.key_pem);
    start.arg("--cert").arg(house.dir.path("cert.pem")).arg("--key").arg(house.dir.path("key.pem"))
}

/// The session behind a NOOP that the client knows nothing of.
fn serve_behind_noop(reply: &'static str) -> impl FnOnce(Link) + Send + 'static {
    move |mut link| {
        link.expect("NOOP\r\n");
        link.say(reply);
        serve(link);
    }
}

/// Goal: if a certificate is asked for, a NOOP shows whether it was taken; its reply is not the client's, whatever it says.
#[test]
fn a_client_certificate_that_is_asked_for_is_shown_and_confirmed_by_a_noop() {
    within(USUAL, || {
        for versions in [TLS_1_2, TLS_1_3] {
            for reply in ["250 2.0.0 Ok\r\n", "503 5.5.1 EHLO first\r\n", "250-a\r\n250 b\r\n", "450 no\r\n"] {
                let (house, clients) = (House::new(), Ca::named("CA of clients"));
                let peer = behind_tls(asking(&house, &clients, versions), serve_behind_noop(reply));
                let line = carries(with_certificate(&house, start(&house, peer.host()), &clients));
                peer.done();
                // What the client said and heard, and no NOOP among it.
                assert!(line.contains(" up=15 down=51 "), "{line}");
            }
        }
    });
}

/// Goal: TLS 1.3 refuses our certificate, or having none, when we believe that all is done: the client reads a 421 that
/// says so.
#[test]
fn a_client_certificate_that_is_refused_or_missing_is_a_421_with_either_version() {
    within(USUAL, || {
        for versions in [TLS_1_2, TLS_1_3] {
            let (house, clients) = (House::new(), Ca::named("CA of clients"));
            let peer = unsuccessful(asking(&house, &clients, versions));
            refusal(start(&house, peer.host())).assert("4.7.5", 76, &["wants a client certificate", "--cert"]);
            peer.done();
            let peer = unsuccessful(asking(&house, &clients, versions));
            let stranger = with_certificate(&house, start(&house, peer.host()), &Ca::named("Another CA"));
            refusal(stranger).assert("4.7.5", 76, &["refuses our client certificate"]);
            peer.done();
        }
    });
}

/// Goal: a server that asks and does not insist gives a session to a client that has none.
#[test]
fn a_client_certificate_that_is_optional_may_be_missing() {
    within(USUAL, || {
        for versions in [TLS_1_2, TLS_1_3] {
            let (house, clients) = (House::new(), Ca::named("CA of clients"));
            let provider = Arc::new(default_provider());
            let mut roots = RootCertStore::empty();
            roots.add(clients.cert()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            let tls = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(versions)
                .unwrap()
                .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
                .with_single_cert(house.leaf.chain(), house.leaf.key())
                .unwrap();
            let peer = behind_tls(tls, serve_behind_noop("250 2.0.0 Ok\r\n"));
            carries(start(&house, peer.host()));
            peer.done();
        }
    });
}

/// Goal: an end there gives no session; the reason has the smarthost's words, which TLS authenticates.
#[test]
fn an_end_in_answer_to_the_noop_is_a_421() {
    within(USUAL, || {
        let answers: [(&'static str, &str, i32, &str); 5] = [
            ("421 4.7.0 who are you\r\n", "4.3.2", 75, "(421 4.7.0 who are you)"),
            ("221 2.0.0 bye\r\n", "4.3.2", 75, "(221 2.0.0 bye)"),
            ("", "4.4.2", 75, "closed"),
            ("25", "4.4.2", 75, "closed"),
            ("hello\r\n", "4.7.5", 76, "not SMTP"),
        ];
        for (answer, status, code, words) in answers {
            let (house, clients) = (House::new(), Ca::named("CA of clients"));
            let peer = behind_tls(asking(&house, &clients, TLS_1_3), move |mut link| {
                link.expect("NOOP\r\n");
                // The bridge may have heard enough before the end of it.
                let end = [link.records(answer.as_bytes()), link.close_notify_record()].concat();
                link.raw(&end);
                link.until_closed();
            });
            let refusal: Refusal = refusal(with_certificate(&house, start(&house, peer.host()), &clients));
            refusal.assert(status, code, &["failed stage=greeting ", words]);
            peer.done();
        }
    });
}

/// Goal: what stands behind the reply to the NOOP is the client's, behind our line.
#[test]
fn what_stands_behind_the_reply_to_the_noop_reaches_the_client() {
    within(USUAL, || {
        let (house, clients) = (House::new(), Ca::named("CA of clients"));
        let peer = behind_tls(asking(&house, &clients, TLS_1_3), |mut link| {
            link.expect("NOOP\r\n");
            link.say("250 2.0.0 Ok\r\n421 4.3.2 going down\r\n");
            link.close_notify();
            link.until_closed();
        });
        let (bridge, mut client) = with_certificate(&house, start(&house, peer.host()), &clients).socket();
        assert_eq!(String::from_utf8_lossy(&client.rest()), format!("{}421 4.3.2 going down\r\n", super::OURS));
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}
