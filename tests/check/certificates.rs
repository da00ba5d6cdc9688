//! Certificates that are refused: the sentence with its cure, and the certificate shown all the same.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;

use super::failures::fails;
use super::Report;
use crate::support::bridge::{House, Start};
use crate::support::build::GROUP;
use crate::support::ca::{self_signed_ca_leaf, self_signed_leaf, Ca, Leaf};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::unsuccessful;

#[test]
fn an_expired_certificate() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_expired((2021, 11, 1));
        let report = refuses(
            &house,
            &leaf,
            &["certificate expired on 2021-11-01, today is 20", "; ask the server's administrator to renew it"],
        );
        assert!(report.line("chain 1").contains("issued by CN=Throw-away CA 2020-01-01 to 2021-11-01"));
        assert!(report.line("days left").starts_with("none: expired on 2021-11-01, "), "{}", report.screen);
        assert_eq!(report.line("names"), "127.0.0.1, localhost");
        assert_eq!(report.line("match"), "localhost");
    });
}

/// Goal: the days left are the leaf's, and the certificate that is over is marked.
#[test]
fn an_expired_intermediate() {
    within(USUAL, || {
        let house = House::new();
        let sub = house.ca.sub_with("Old Sub", |params| params.not_after = rcgen::date_time_ymd(2021, 11, 1));
        let mut leaf = sub.leaf();
        leaf.cert_pem += sub.pem();
        let report = refuses_chain(&house, &leaf, "intermediate 2 of 2 expired on 2021-11-01, today is 20");
        assert!(report.line("chain 2").contains("to 2021-11-01, expired, "), "{}", report.screen);
        assert!(report.line("days left").ends_with(", until 2100-01-01"), "{}", report.screen);
        assert!(!report.screen.contains("renew"), "{}", report.screen);
    });
}

/// Goal: a malformed name does not look like a good one.
#[test]
fn names_that_are_none() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_with(&["a.example"], |params| {
            let name = |name: &str| rcgen::SanType::DnsName(rcgen::string::Ia5String::try_from(name).unwrap());
            params.subject_alt_names.extend(["127.0.0.1", "https://b.example"].map(name));
        });
        let report =
            refuses(&house, &leaf, &["certificate is for other names (a.example, 127.0.0.1, https://b.example)"]);
        let names = "a.example, 127.0.0.1 (as a DNS name), https://b.example (no host name)";
        assert_eq!((report.line("names"), report.line("match")), (names.to_owned(), "none for localhost".to_owned()));
        let report = refuses(&house, &house.ca.leaf_for(&[]), &["certificate has a CN but no SAN"]);
        assert_eq!(report.line("names"), "none (no SAN)");
    });
}

/// Goal: a clock that is off.
#[test]
fn a_certificate_that_is_not_yet_valid() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_not_yet_valid((3000, 1, 1));
        let words = [
            "certificate not valid before 3000-01-01, today is 20",
            "check this machine's clock",
            "installed too early",
        ];
        let report = refuses(&house, &leaf, &words);
        assert_eq!(report.line("days left"), "not valid before 3000-01-01");
    });
}

#[test]
fn a_certificate_for_another_name() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_for(&["a.example", "b.example", "c.example", "d.example"]);
        let report = refuses(&house, &leaf, &["certificate is for other names (a.example,", "; correct HOST"]);
        assert_eq!(report.line("names"), "a.example, b.example, c.example and 1 more");
        assert_eq!(report.line("match"), "none for localhost");
    });
}

#[test]
fn a_root_that_nobody_knows() {
    within(USUAL, || {
        let house = House::new();
        let other = Ca::named("Another CA");
        let mut sent = other.leaf();
        sent.cert_pem += other.pem();
        // The server sends the root behind the leaf.
        let report = refuses_chain(&house, &sent, "certificate from an unknown CA (CN=Another CA, not in our CA file)");
        assert!(report.line("chain 2").starts_with("CN=Another CA issued by itself"), "{}", report.screen);
    });
}

/// Goal: a server that forgot its intermediate certificate: the missing issuer has a name.
#[test]
fn an_incomplete_chain() {
    within(USUAL, || {
        let house = House::new();
        let (_, leaf) = intermediate("Intermediate 7");
        let words = "certificate from an unknown CA, not sent (CN=Intermediate 7, not in our CA file); ask its \
                     administrator for the chain or CA; maybe somebody in between";
        refuses_chain(&house, &leaf, words);
    });
}

/// Goal: the missing certificate is the issuer of the last one that was sent, not of the first.
#[test]
fn a_chain_that_ends_before_its_root() {
    within(USUAL, || {
        let house = House::new();
        let (between, mut leaf) = intermediate("Intermediate 8");
        leaf.cert_pem += &between;
        let report = refuses_chain(
            &house,
            &leaf,
            "unknown CA (CN=Root of none, not in our CA file); maybe somebody in between; trust it here",
        );
        assert!(report.line("chain 2").starts_with("CN=Intermediate 8 issued by CN=Root of none"), "{}", report.screen);
    });
}

#[test]
fn a_self_signed_certificate() {
    within(USUAL, || {
        let house = House::new();
        let report = refuses(
            &house,
            &self_signed_leaf(),
            &["self-signed certificate", "in between", "once its administrator confirms it"],
        );
        assert!(report.line("chain 1").contains("issued by itself"), "{}", report.screen);
    });
}

#[test]
fn a_ca_certificate_used_as_a_server_certificate() {
    within(USUAL, || {
        let house = House::new();
        let leaf = self_signed_ca_leaf();
        let words = ["CA certificate, not a server's", "--pin-only once its administrator confirms it"];
        refuses(&house, &leaf, &words);
    });
}

#[test]
fn another_key_than_the_pinned_one() {
    within(USUAL, || {
        let house = House::new();
        let other = house.ca.leaf().pin;
        let start = || house.bridge("--pin").arg(&*other);
        let tls = || house.leaf.server(rustls::ALL_VERSIONS);
        let report =
            fails(start, || unsuccessful(tls()), 69, "handshake", &["key is not the pinned one (it is sha256//"]);
        assert_eq!(report.line("pin"), house.leaf.pin);
        assert_eq!(report.line("anchor"), "CN=Throw-away CA in our CA file");
    });
}

/// Goal: a certificate with 2000 names, and one whose names try to write on the screen.
#[test]
fn a_hostile_certificate_keeps_the_screen_whole() {
    within(USUAL, || {
        let house = House::new();
        let many = refuses(&house, &house.ca.leaf_with_many_names(2000), &["1997 more"]);
        assert!(many.screen.lines().count() < 40, "{}", many.screen);
        let hostile = house.ca.leaf_with(&["x.example"], |params| {
            params.distinguished_name.push(
                DnType::CommonName,
                "\u{1b}[2J\r\n  result      fine\u{7f}\u{202e}".to_owned() + &"y".repeat(300),
            );
            params.distinguished_name.push(DnType::OrganizationName, "\u{9b}0m, CN=trusted");
        });
        let report = refuses(&house, &hostile, &["certificate is for another name (x.example)"]);
        assert!(report.flat().contains("\\x1b[2J\\x0d\\x0a"), "{}", report.screen);
        assert!(!report.labels().contains(&"result".to_owned()), "{}", report.screen);
    });
}

/// A certificate is refused, and shown all the same.
#[track_caller]
fn refuses(house: &House, leaf: &Leaf, words: &[&str]) -> Report {
    let tls = || leaf.server(rustls::ALL_VERSIONS);
    let start = || Start::new().arg("--ca-file").arg(house.dir.path("ca.pem"));
    let report = fails(start, || unsuccessful(tls()), 69, "handshake", words);
    let agreed = format!("TLSv1.3, AES_256_GCM_SHA384, {GROUP}");
    assert!(report.line("TLS").starts_with(&agreed), "{}", report.screen);
    assert_eq!(report.line("pin"), leaf.pin);
    report
}

/// `refuses` for a server that sends all certificates in `leaf.cert_pem`, which the support's `Leaf::chain` does not.
#[track_caller]
fn refuses_chain(house: &House, leaf: &Leaf, words: &str) -> Report {
    use rustls::pki_types::{pem::PemObject, CertificateDer};
    let tls = || {
        let chain = CertificateDer::pem_slice_iter(leaf.cert_pem.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder =
            ServerConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions().unwrap();
        builder.with_no_client_auth().with_single_cert(chain, leaf.key()).unwrap()
    };
    let start = || Start::new().arg("--ca-file").arg(house.dir.path("ca.pem"));
    let report = fails(start, || unsuccessful(tls()), 69, "handshake", &[words]);
    assert_eq!(report.line("pin"), leaf.pin);
    report
}

/// An intermediate CA below a root that no one has, and a leaf below it.
fn intermediate(name: &str) -> (String, Leaf) {
    let named = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let root = Issuer::new(named("Root of none"), KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    let pem = named(name).signed_by(&key, &root).unwrap().pem();
    let between = Issuer::new(named(name), key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let cert_pem = params.signed_by(&key, &between).unwrap().pem();
    let pin = crate::support::ca::pin(&rcgen::PublicKeyData::subject_public_key_info(&key));
    (pem, Leaf { cert_pem, key_pem: key.serialize_pem(), pin })
}
