//! Names in a certificate that are none, and rules of X.509 that it breaks: in words.

use rcgen::{CertificateParams, CustomExtension, DnType, GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints};

use crate::support::ca::{Ca, Leaf};
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::trust::{chain, refuses_by_name, trusting};

const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];

/// The octets of a subjectAltName, for localhost by its CN.
fn with_san(ca: &Ca, octets: &[u8]) -> Leaf {
    ca.leaf_with(&[], |params| {
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.custom_extensions.push(CustomExtension::from_oid_content(&SUBJECT_ALT_NAME, octets.to_vec()));
    })
}

/// Goal: a pattern is not a name that could be dialled or given to --server-name.
#[test]
fn a_pattern_is_not_offered_as_a_server_name() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let words = ["certificate is for another name (*.example.com); correct HOST"];
        refuses_by_name(
            trusting(&ca, &dir),
            chain(&ca.leaf_for(&["*.example.com"]), &[]),
            &words,
            &["--server-name *"],
        );
        let words = ["for other names (host-0.example.net, host-1.example.net, host-2.example.net and 3 more)"];
        refuses_by_name(trusting(&ca, &dir), chain(&ca.leaf_with_many_names(6), &[]), &words, &["--server-name host"]);
    });
}

/// Goal: only a subjectAltName counts (RFC 9525 section 2), and many who make certificates do not know that.
#[test]
fn a_cn_without_a_san_is_told_as_that() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let leaf = ca.leaf_with(&[], |params| params.distinguished_name.push(DnType::CommonName, "localhost"));
        let words = ["certificate has a CN but no SAN (CN=localhost, and only a SAN counts); ask its administrator to reissue it"];
        refuses_by_name(trusting(&ca, &dir), chain(&leaf, &[]), &words, &[]);
    });
}

/// Goal: a bug that was: an empty list, or one that ends in the middle, read like a list of good names.
#[test]
fn an_empty_or_malformed_list_of_names_does_not_read_like_a_good_one() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let other = [&[0x82, 9][..], b"a.example"].concat();
        for (octets, words) in [
            (vec![0x30, 0], "certificate is for no host (a SAN without a DNS name)"),
            // An empty name.
            (vec![0x30, 2, 0x82, 0], "certificate has a malformed SAN"),
            // An address of three octets behind another name.
            ([&[0x30, 16][..], &other, &[0x87, 3, 1, 2, 3]].concat(), "certificate has a malformed SAN (a.example)"),
            // Another name, and no end of the next one.
            ([&[0x30, 13][..], &other, &[0x82, 9]].concat(), "certificate has a malformed SAN (a.example)"),
        ] {
            let leaf = with_san(&ca, &octets);
            refuses_by_name(
                trusting(&ca, &dir),
                chain(&leaf, &[]),
                &[words, "ask its administrator to reissue it"],
                &[],
            );
        }
    });
}

/// Goal: a bug that was: NameConstraintViolation, EndEntityUsedAsCa and BadEncoding, to a mail administrator.
#[test]
fn what_breaks_the_rules_is_told_in_words() {
    within(USUAL, || {
        let (dir, root) = (Dir::new(), Ca::new());
        let elsewhere = root.sub_with("Sub of another house", |params| {
            let permitted = vec![GeneralSubtree::DnsName("example.com".to_owned())];
            params.name_constraints =
                Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        });
        let no_ca = root.sub_with("No CA", |params| params.is_ca = IsCa::ExplicitNoCa);
        let leaf = root.sub_with("No Sub below", |params| {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        });
        let below = leaf.sub("Sub below");
        let critical = root.leaf_with(&["localhost"], |params| {
            let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
        });
        for (tls, words) in [
            (chain(&elsewhere.leaf_for(&["localhost"]), &[&elsewhere]), "a CA above it may not certify this name"),
            (chain(&no_ca.leaf(), &[&no_ca]), "what signed it is no CA"),
            (chain(&below.leaf(), &[&below, &leaf]), "a CA above it may have no CA below it"),
            (chain(&critical, &[]), "it has an unknown critical extension"),
        ] {
            let words = format!("certificate refused: {words}; ask the server's administrator for another");
            refuses_by_name(trusting(&root, &dir), tls, &[&words], &[]);
        }
    });
}

/// Goal: the control of the case above: a certificate made in the same way with nothing wrong in it gives a session.
#[test]
fn a_certificate_below_a_constrained_ca_for_a_permitted_name_is_a_session() {
    within(USUAL, || {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let permitted = vec![GeneralSubtree::DnsName("localhost".to_owned())];
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        let root = params.self_signed(&key).unwrap();
        let (dir, leaf_key) = (Dir::new(), KeyPair::generate().unwrap());
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let cert_pem = leaf.signed_by(&leaf_key, &Issuer::new(params, key)).unwrap().pem();
        let leaf = Leaf { cert_pem, key_pem: leaf_key.serialize_pem(), pin: String::new() };
        let peer = crate::support::outcome::good(&leaf);
        let start = crate::support::bridge::Start::new().arg("--ca-file").arg(dir.write("ca.pem", root.pem()));
        crate::support::outcome::session(start.args(["-4", &peer.name()]));
        peer.done();
    });
}
