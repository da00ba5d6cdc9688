//! Servers that refuse us, by an alert: what it is about, and what it is not about.

use std::io::{self, Write};

use crate::hostile::{cases, Group, ALERTS};
use crate::support::bridge::{House, Start};
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::refusal;
use crate::support::peer::Peer;
use crate::trust::openssl::Server;

/// Goal: a bug that was: "the server wants a client certificate", of a server that never asked for one.
#[test]
fn an_alert_about_certificates_straight_after_our_hello_is_not_about_ours() {
    within(USUAL, || {
        let house = House::new();
        for (code, name) in ALERTS.iter().filter(|(code, _)| (41..=49).contains(code) && *code != 47) {
            let peer = Peer::tcp(move |mut tcp| {
                tcp.write_all(&[21, 3, 3, 0, 2, 2, *code]).unwrap();
                let _ = io::copy(&mut tcp, &mut io::sink());
            });
            let refusal = refusal(house.bridge(peer.name()).arg("-4"));
            let words =
                format!("the server ended TLS with the alert {name}; ask the server's administrator for its log");
            refusal.assert("4.7.5", 76, &[&words]);
            assert!(!refusal.log.contains("client certificate") && !refusal.log.contains("--cert"), "{refusal:#?}");
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}

/// The bridge is refused by this openssl for want of something in common.
#[track_caller]
fn nothing_in_common(house: &House, args: &[&str], change: fn(Start) -> Start, cure: &str) {
    let Some(server) = Server::start(&house.dir, args) else { return };
    let host = server.host().replace("127.0.0.1", "localhost");
    let refusal = refusal(change(house.bridge(host).arg("-4")));
    refusal.assert("4.7.5", 76, &["no cipher or key exchange in common (alert handshake_failure); ", cure]);
    assert!(!refusal.log.contains("TLS 1.2 with ECDHE"), "it has that: {refusal:#?}");
    cases(Group::TlsServers, 1);
}

/// Goal: a bug that was: "must allow TLS 1.2 with ECDHE, or TLS 1.3", to servers that do.
#[test]
fn a_server_that_shares_no_cipher_or_group_is_told_what_to_allow() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        house.dir.write("cert.pem", &house.leaf.cert_pem);
        house.dir.write("key.pem", &house.leaf.key_pem);
        let allow = "ask the server's administrator for ECDHE with AES-GCM and X25519";
        for args in [
            &["-tls1_3", "-groups", "P-521"][..],
            &["-tls1_2", "-groups", "P-521"],
            // ECDHE with CBC alone.
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        ] {
            nothing_in_common(&house, args, |start| start, allow);
        }
        nothing_in_common(
            &house,
            &["-tls1_3", "-groups", "P-521"],
            |start| start.arg("--no-pq"),
            "leave out --no-pq, or",
        );
        nothing_in_common(
            &house,
            &["-tls1_3", "-groups", "P-521"],
            |start| start.args(["--min-tls", "1.3"]),
            "leave out --min-tls, or",
        );
    });
}

/// Goal: a bug that was: --no-pq given, a server with X25519MLKEM768 alone, and a sentence about ECDHE.
#[cfg(not(feature = "ring"))]
#[test]
fn a_server_with_ml_kem_alone_is_reached_without_no_pq() {
    use std::sync::Arc;

    use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
    use rustls::crypto::CryptoProvider;
    use rustls::ServerConfig;

    use crate::support::outcome::unsuccessful;

    within(USUAL, || {
        let house = House::new();
        let server = || {
            let provider = CryptoProvider { kx_groups: vec![kx_group::X25519MLKEM768], ..default_provider() };
            ServerConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(house.leaf.chain(), house.leaf.key())
                .unwrap()
        };
        let peer = unsuccessful(server());
        let refusal = refusal(house.bridge(peer.name()).args(["-4", "--no-pq"]));
        refusal.assert("4.7.5", 76, &["no cipher or key exchange in common", "; leave out --no-pq"]);
        peer.done();
        let peer = Peer::with(server(), crate::support::outcome::serve);
        crate::support::outcome::session(house.bridge(peer.name()).arg("-4"));
        peer.done();
    });
}
