//! `--pin-only`: the key is the whole trust, for smarthosts that made their certificate themselves.

use std::process::Command;

use base64ct::{Base64, Encoding};
use rcgen::SigningKey;
use x509_cert::der::asn1::BitString;
use x509_cert::der::{Decode, Encode};
use x509_cert::Certificate;

use crate::support::bridge::Start;
use crate::support::ca::{pin, self_signed_ca_leaf, self_signed_leaf, Ca, Leaf};
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{good, session};
use crate::support::peer::{TLS_1_2, TLS_1_3};
use crate::trust::openssl::Server;
use crate::trust::{refuses_certificate, trusting};

fn only(pin: &str) -> Start {
    Start::new().arg("--pin-only").arg(pin)
}

#[test]
fn the_right_key_is_enough_whatever_else_the_certificate_says() {
    within(USUAL, || {
        let ca = Ca::new();
        for leaf in [
            self_signed_ca_leaf(),
            self_signed_leaf(),
            ca.leaf(),
            ca.leaf_for(&["other.example"]),
            ca.leaf_for(&[]),
            ca.leaf_with_many_names(2000),
        ] {
            let peer = good(&leaf);
            let ended =
                session(Start::new().args(["--pin-only", &pin(b"a key"), "--pin-only", &leaf.pin, &peer.host()]));
            assert_eq!(ended.log.lines().count(), 1, "{}", ended.log);
            peer.done();
        }
    });
}

/// Goal: dates stop nothing here, but are reported: a certificate that no one renews means a server that no one looks
/// after.
#[test]
fn dates_that_do_not_hold_are_warned_about() {
    within(USUAL, || {
        let ca = Ca::new();
        let rows =
            [(ca.leaf_expired((2021, 11, 1)), "2021-11-01"), (ca.leaf_not_yet_valid((3021, 12, 31)), "3021-12-31")];
        for (leaf, date) in rows {
            let peer = good(&leaf);
            let ended = session(only(&leaf.pin).arg(peer.host()));
            let warning = ended.log.lines().find(|line| !line.contains("closed ")).unwrap_or_default();
            assert!(warning.contains(date) && warning.contains("host=127.0.0.1"), "{}", ended.log);
            peer.done();
        }
    });
}

#[test]
fn promise_3_another_key_is_refused_and_shown() {
    within(USUAL, || {
        for leaf in [self_signed_ca_leaf(), Ca::new().leaf()] {
            for version in [TLS_1_2, TLS_1_3] {
                refuses_certificate(only(&pin(b"a key")), leaf.server(version), &["not the pinned one", &leaf.pin]);
            }
        }
    });
}

/// Goal: promise 3. The sentence about a CA certificate as a server's names the option that serves it, and no pin to paste:
/// it may be that of somebody in between.
#[test]
fn promise_3_the_cure_for_a_ca_certificate_as_a_servers_is_no_pin_to_paste() {
    within(USUAL, || {
        let (dir, leaf) = (Dir::new(), self_signed_ca_leaf());
        let start = Start::new().arg("--ca-file").arg(dir.write("ca.pem", &leaf.cert_pem));
        let words = [
            "CA certificate, not a server's",
            "maybe somebody in between",
            "--pin-only once its administrator confirms it",
        ];
        let refusal = refuses_certificate(start, leaf.server(rustls::ALL_VERSIONS), &words);
        assert!(!refusal.log.contains("sha256//"), "{refusal:#?}");
        let peer = good(&leaf);
        session(only(&leaf.pin).arg(peer.host()));
        peer.done();
    });
}

/// Goal: the certificate that `openssl req -x509` makes, as the real one makes it.
#[test]
fn what_openssl_req_makes_is_served_by_its_pin_alone() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let dir = Dir::new();
        let leaf = crate::trust::openssl::self_signed(&dir, &["-newkey", "rsa:2048"]);
        for version in [TLS_1_2, TLS_1_3] {
            refuses_certificate(Start::new(), leaf.server(version), &["CA certificate, not a server's"]);
            let peer = crate::support::peer::Peer::with(leaf.server(version), crate::support::outcome::serve);
            session(only(&leaf.pin).arg(peer.host()));
            peer.done();
        }
        // The recipe that curl's manual gives for a pin finds the same.
        let hash = "openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der \
                    | openssl dgst -sha256 -binary | openssl base64";
        let pin = Command::new("/bin/sh").args(["-c", hash]).current_dir(dir.path("")).output().unwrap().stdout;
        assert_eq!(format!("sha256//{}", String::from_utf8_lossy(&pin).trim()), leaf.pin);
    });
}

/// Goal: version 1 (what `openssl x509 -req` made for decades) works if the key alone can be verified.
#[test]
fn a_certificate_of_version_1_works_on_tls_1_3_and_has_its_sentence_on_tls_1_2() {
    within(USUAL, || {
        let leaf = version_one(&self_signed_leaf());
        let server = |versions| crate::trust::presenting(&leaf, &leaf, versions);
        let peer = crate::support::peer::Peer::with(server(TLS_1_3), crate::support::outcome::serve);
        session(only(&leaf.pin).arg(peer.host()));
        peer.done();
        refuses_certificate(only(&leaf.pin), server(TLS_1_2), &["version 1", "TLS 1.3"]);
        let (dir, ca) = (Dir::new(), Ca::new());
        refuses_certificate(trusting(&ca, &dir), server(TLS_1_3), &["version 1", "--pin-only once its administrator"]);
        // A bug that was: --pin-only was advised here too, and is the next refusal.
        let refusal = refuses_certificate(trusting(&ca, &dir), server(TLS_1_2), &["version 1", "one of version 3"]);
        assert!(!refusal.line.contains("--pin-only"), "{refusal:#?}");
        refuses_certificate(only(&pin(b"a key")), server(TLS_1_3), &["not the pinned one", &leaf.pin]);
    });
}

/// Goal: a key that is no longer verified is reported as such, on either version.
#[test]
fn a_key_of_rsa_1024_has_its_sentence() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let dir = Dir::new();
        let leaf = crate::trust::openssl::self_signed(&dir, &["-newkey", "rsa:1024"]);
        for version in ["-tls1_2", "-tls1_3"] {
            let Some(server) = Server::start(&dir, &[version, "-cipher", "DEFAULT@SECLEVEL=0"]) else { return };
            let refusal = crate::support::outcome::refusal(only(&leaf.pin).arg(server.host()));
            refusal.assert("4.7.5", 69, &["RSA of 1024 bits", "2048"]);
        }
    });
}

/// The same names and key in a certificate of version 1: without a version field and without extensions.
fn version_one(leaf: &Leaf) -> Leaf {
    let mut cert = Certificate::from_der(&leaf.chain()[0]).unwrap();
    cert.tbs_certificate.version = x509_cert::Version::V1;
    cert.tbs_certificate.extensions = None;
    let key = rcgen::KeyPair::from_pem(&leaf.key_pem).unwrap();
    let signature = key.sign(&cert.tbs_certificate.to_der().unwrap()).unwrap();
    cert.signature = BitString::from_bytes(&signature).unwrap();
    let base64 = Base64::encode_string(&cert.to_der().unwrap());
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let cert_pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    Leaf { cert_pem, ..leaf.clone() }
}
