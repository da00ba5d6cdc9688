//! HOST is an address: no server name is sent (RFC 6066 section 3), and what the server shows or does then says nothing of
//! the one that is meant.

use std::io::{self, Write};
use std::net::Shutdown;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::ServerConfig;

use crate::hostile::ALERTS;
use crate::support::bridge::House;
use crate::support::ca::{self_signed_ca_leaf, self_signed_leaf, Ca, Leaf};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{refusal, serve, session, unsuccessful};
use crate::support::peer::Peer;

const CURE: &str = "give HOST by name, as an address has no SNI";

/// A server of several: the right certificate for a name that it knows, and this one, or none, without a name.
fn by_name(house: &House, default: Option<Leaf>) -> ServerConfig {
    #[derive(Debug)]
    struct ByName(Arc<CertifiedKey>, Option<Arc<CertifiedKey>>);

    impl ResolvesServerCert for ByName {
        fn resolve(&self, hello: ClientHello) -> Option<Arc<CertifiedKey>> {
            if hello.server_name().is_some() {
                Some(Arc::clone(&self.0))
            } else {
                self.1.clone()
            }
        }
    }

    let provider = default_provider();
    let certified = |leaf: &Leaf| {
        let key = provider.key_provider.load_private_key(leaf.key()).unwrap();
        Arc::new(CertifiedKey::new(leaf.chain(), key))
    };
    let resolver = ByName(certified(&house.leaf), default.as_ref().map(certified));
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver))
}

/// Goal: Gmail shows a self-signed certificate to clients that send no name, others that of their first customer. A bug
/// that was: it was recommended for --ca-file, --pin-only and --server-name.
#[test]
fn a_default_certificate_is_answered_with_the_name_to_dial() {
    within(USUAL, || {
        let house = House::new();
        let stranger = Ca::named("Somebody's CA");
        for default in [
            house.ca.leaf_for(&["first-customer.example"]),
            stranger.leaf_for(&["first-customer.example"]),
            self_signed_leaf_for_nobody(),
        ] {
            let peer = unsuccessful(by_name(&house, Some(default.clone())));
            let refusal = refusal(house.bridge(peer.host()));
            refusal.assert("4.7.5", 69, &[CURE]);
            let never =
                ["--ca-file", "--pin-only", "--server-name"].iter().find(|option| refusal.reply.contains(**option));
            assert!(never.is_none(), "{refusal:#?}");
            peer.done();
            // The cure, tried.
            let peer = Peer::with(by_name(&house, Some(default)), serve);
            session(house.bridge(peer.name()).arg("-4"));
            peer.done();
        }
    });
}

fn self_signed_leaf_for_nobody() -> Leaf {
    let leaf = self_signed_leaf();
    let key = rcgen::KeyPair::from_pem(&leaf.key_pem).unwrap();
    let params = rcgen::CertificateParams::new(vec!["invalid2.invalid".to_owned()]).unwrap();
    Leaf { cert_pem: params.self_signed(&key).unwrap().pem(), ..leaf }
}

/// Goal: a certificate that is for the address is not a default one: its own fault is reported.
#[test]
fn a_certificate_for_the_address_is_judged_for_what_it_is() {
    within(USUAL, || {
        let house = House::new();
        for (leaf, words) in [
            (house.ca.leaf_expired((2021, 11, 1)), "expired on 2021-11-01"),
            (Ca::named("Unknown CA").leaf(), "unknown CA"),
            (self_signed_ca_leaf(), "CA certificate, not a server's; maybe somebody in between"),
        ] {
            let peer = unsuccessful(leaf.server(rustls::ALL_VERSIONS));
            let refusal = refusal(house.bridge(peer.host()));
            refusal.assert("4.7.5", 69, &[words]);
            assert!(!refusal.log.contains("SNI"), "{refusal:#?}");
            peer.done();
        }
    });
}

/// Goal: a server that has no certificate without a name says so by an alert, a close or a reset. A bug that was: "it does
/// not know the name it was asked for", a sentence about ciphers, or --no-pq.
#[test]
fn a_server_that_wants_a_name_is_answered_with_the_name_to_dial() {
    within(USUAL, || {
        let house = House::new();
        let peer = unsuccessful(by_name(&house, None));
        refusal(house.bridge(peer.host())).assert("4.7.5", 76, &["alert access_denied", CURE]);
        peer.done();
        for (code, name) in ALERTS.iter().filter(|(_, name)| {
            ["handshake_failure", "internal_error", "unrecognized_name", "missing_extension"].contains(name)
        }) {
            let said = |server: fn(&Peer) -> String| {
                let peer = alert(*code);
                let refusal = refusal(house.bridge(server(&peer)).arg("-4"));
                refusal.assert("4.7.5", 76, &[name]);
                peer.done();
                refusal.log
            };
            let (by_address, by_name) = (said(Peer::host), said(Peer::name));
            assert!(by_address.contains(CURE) && !by_name.contains("SNI"), "{by_address}{by_name}");
            assert!(!by_address.contains("does not know") && !by_address.contains("AES"), "{by_address}");
        }
        let peer = Peer::tcp(|mut tcp| {
            tcp.shutdown(Shutdown::Write).unwrap();
            let _ = io::copy(&mut tcp, &mut io::sink());
        });
        refusal(house.bridge(peer.host())).assert("4.4.2", 75, &["closed at our TLS hello", CURE]);
        peer.done();
    });
}

fn alert(code: u8) -> Peer {
    Peer::tcp(move |mut tcp| {
        tcp.write_all(&[21, 3, 3, 0, 2, 2, code]).unwrap();
        let _ = io::copy(&mut tcp, &mut io::sink());
    })
}

/// Goal: the source of the name decides what is to be corrected.
#[test]
fn a_name_that_the_server_does_not_know_is_that_of_host_or_of_server_name() {
    within(USUAL, || {
        let house = House::new();
        let peer = alert(112);
        refusal(house.bridge(peer.name()).arg("-4")).assert(
            "4.7.5",
            76,
            &["does not know this name", "correct HOST, or"],
        );
        peer.done();
        let peer = alert(112);
        let start = house.bridge(peer.host()).args(["--server-name", "mail.example.com"]);
        refusal(start).assert("4.7.5", 76, &["does not know this name", "correct --server-name, or"]);
        peer.done();
    });
}
