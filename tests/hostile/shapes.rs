//! Certificates of strange shape: whatever stands in one, the client reads one clean line, and the log gets one.

use rcgen::{CustomExtension, KeyPair, PKCS_ECDSA_P521_SHA512, PKCS_ED25519};

use crate::hostile::{cases, no_session, Group};
use crate::support::bridge::House;
use crate::support::ca::{presenting, Ca, Leaf, LOCAL_NAMES};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::{assert_reply, good, refusal, serve, session, unsuccessful, Refusal};
use crate::support::peer::{Peer, TLS_1_2, TLS_1_3};
use crate::support::syslog::Syslog;
use crate::support::talk::Hear;

const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];

/// Goal of every refusal here: exit 69 and 421 4.7.5 (69), one line of printable ASCII, and the server hears nothing.
#[track_caller]
fn refuses(house: &House, leaf: &Leaf, words: &[&str]) -> Refusal {
    let server = || unsuccessful(presenting(leaf.chain(), leaf.key(), rustls::ALL_VERSIONS).unwrap());
    let (refusal, heard) = no_session(server, |host| house.bridge(host));
    refusal.assert("4.7.5", 69, words);
    assert_eq!(refusal.log.trim_end_matches('\n'), refusal.line, "more than one line");
    assert!(refusal.line.len() < 1024, "{} octets: {refusal:#?}", refusal.line.len());
    assert!(refusal.line.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{refusal:#?}");
    assert_eq!(heard, b"");
    cases(Group::Certificates, 1);
    refusal
}

/// A certificate whose subjectAltName holds these octets as DNS names.
fn named(ca: &Ca, names: &[&[u8]]) -> Leaf {
    // dNSName [2] and SEQUENCE, each behind its length (X.690 section 8.1.3).
    let tagged = |tag: u8, content: &[u8]| {
        let length = match u32::try_from(content.len()).unwrap().to_be_bytes() {
            [0, 0, 0, short @ ..0x80] => vec![short],
            [0, 0, 0, long] => vec![0x81, long],
            [0, 0, long @ ..] => [[0x82].as_slice(), &long].concat(),
            [_, long @ ..] => [[0x83].as_slice(), &long].concat(),
        };
        [&[tag], length.as_slice(), content].concat()
    };
    let names: Vec<u8> = names.iter().flat_map(|name| tagged(0x82, name)).collect();
    ca.leaf_with(&[], |params| {
        let names = CustomExtension::from_oid_content(&SUBJECT_ALT_NAME, tagged(0x30, &names));
        params.custom_extensions.push(names);
    })
}

/// Goal: no octet of a name breaks a line, colours a terminal or is read as another name.
#[test]
fn names_of_strange_octets_are_escaped_in_line_and_reply() {
    within(USUAL, || {
        let house = House::new();
        let long = vec![b'a'; 60_000];
        let table: [(&[&[u8]], &str); 9] = [
            (&[b"a\nb.example"], "malformed SAN (a\\x0ab.example)"),
            (&[b"127.0.0.1\0.example"], "malformed SAN (127.0.0.1\\x00.example)"),
            (&[b"\x1b[2J.example"], "malformed SAN (\\x1b[2J.example)"),
            (&[b"a\r\n250 ok"], "malformed SAN (a\\x0d\\x0a250 ok)"),
            (&["b\u{fc}cher.example".as_bytes()], "malformed SAN (b\\xc3\\xbccher.example)"),
            (&[b"\xff\xfe", b"good.example"], "for other names (\\xff\\xfe, good.example)"),
            (&[b"a\" reply=\"250 2.0.0\" x=\""], "malformed SAN (a' reply='250 2.0.0' x=')"),
            (&[&long], "malformed SAN (aaaaaaa"),
            (&[b""], "malformed SAN; "),
        ];
        for (names, words) in table {
            refuses(&house, &named(&house.ca, names), &[words]);
        }
    });
}

/// Goal: the same in the name of an unknown issuer.
#[test]
fn an_issuer_of_strange_octets_is_escaped_in_line_and_reply() {
    within(USUAL, || {
        let house = House::new();
        let long = "a".repeat(50_000);
        for (name, words) in [
            ("a\nb", "CN=a\\x0ab,"),
            ("a\0b", "CN=a\\x00b,"),
            ("\x1b[31mred", "CN=\\x1b[31mred,"),
            ("B\u{fc}cher CA", "CN=B\\xc3\\xbccher CA,"),
            ("a\" reply=\"250", "CN=a' reply='250,"),
            (&long, "aaa...,"),
            ("", "CN=,"),
        ] {
            refuses(&house, &Ca::named(name).leaf(), &["unknown CA, not sent (", words]);
        }
    });
}

/// Goal: very many names are shown as three and a count; if they make the message larger than rustls reads, the sentence
/// says so.
#[test]
fn very_many_names_are_told_by_three_and_a_count() {
    within(USUAL, || {
        let house = House::new();
        refuses(&house, &house.ca.leaf_with_many_names(1000), &["host-2.example.net and 997 more"]);
        let leaf = house.ca.leaf_with_many_names(10_000);
        let server = || unsuccessful(presenting(leaf.chain(), leaf.key(), rustls::ALL_VERSIONS).unwrap());
        let (refusal, heard) = no_session(server, |host| house.bridge(host));
        refusal.assert("4.7.5", 76, &["a message of 64 kB or more", "fewer names"]);
        assert_eq!(heard, b"");
        cases(Group::Certificates, 1);
    });
}

/// Goal: a bug that was: just below 64 KiB the buffer of rustls is full, which was reported as "message buffer full".
/// Above, it is the length that is refused.
#[test]
fn a_name_of_64_kb_is_told_as_a_message_that_is_too_large() {
    within(USUAL, || {
        let house = House::new();
        for octets in [65_000, 65_100, 65_536, 1_000_000] {
            let leaf = named(&house.ca, &[&vec![b'a'; octets]]);
            for version in [TLS_1_2, TLS_1_3] {
                let server = || unsuccessful(presenting(leaf.chain(), leaf.key(), version).unwrap());
                let (refusal, heard) = no_session(server, |host| house.bridge(host));
                refusal.assert("4.7.5", 76, &["a message of 64 kB or more; ask the server's administrator to send"]);
                assert_eq!(heard, b"");
                cases(Group::Certificates, 1);
            }
        }
    });
}

/// Goal: what syslog gets is one clean line too, and one only.
#[test]
fn a_name_of_strange_octets_is_one_clean_line_in_syslog() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        for name in [
            b"a\nb".as_slice(),
            b"a\0b",
            b"\x1b[2J",
            "\u{2028}\u{fc}".as_bytes(),
            b"\xff\n<19>x[1]: y",
            &[b'a'; 60_000],
        ] {
            let leaf = named(&house.ca, &[name]);
            let peer = unsuccessful(presenting(leaf.chain(), leaf.key(), rustls::ALL_VERSIONS).unwrap());
            let syslog = Syslog::datagram(&house.dir);
            let (bridge, mut client) = house.bridge(peer.host()).syslog(&syslog.path).inetd();
            assert_reply(&client.rest());
            drop(client);
            assert_eq!(bridge.finish().code, 69);
            let line = syslog.line("failed ");
            assert_eq!(syslog.lines().len(), 1, "{:?}", syslog.lines());
            assert!(line.starts_with("<19>smtps-bridge[") && line.len() < 1024, "{line}");
            assert!(line.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{line}");
            peer.done();
            cases(Group::Certificates, 1);
        }
    });
}

/// Goal: a good certificate may have 1000 names and strange ones beside the right one.
#[test]
fn the_right_name_among_strange_ones_is_a_session() {
    within(USUAL, || {
        let house = House::new();
        let mut names: Vec<String> = (0..1000).map(|i| format!("host-{i}.example.net")).collect();
        names.push("127.0.0.1".to_owned());
        let many = house.ca.leaf_for(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let peer = good(&many);
        session(house.bridge(peer.host()));
        peer.done();
        let strange = named(&house.ca, &[b"a\nb", b"\xff\xfe", b"mail.example.com"]);
        let tls = presenting(strange.chain(), strange.key(), rustls::ALL_VERSIONS).unwrap();
        let peer = Peer::with(tls, serve);
        session(house.bridge(peer.host()).args(["--server-name", "mail.example.com"]));
        peer.done();
        cases(Group::Certificates, 2);
    });
}

/// Goal: a bug that was: "certificate is not for 127.0.0.1 but for 127.0.0.1".
#[test]
fn an_address_among_the_dns_names_is_told_as_what_it_is() {
    within(USUAL, || {
        let house = House::new();
        let refusal = refuses(
            &house,
            &named(&house.ca, &[b"127.0.0.1"]),
            &["certificate has the address as a DNS name; ask its administrator to reissue it"],
        );
        assert!(!refusal.line.contains("but for"), "{refusal:#?}");
    });
}

/// Goal: kinds of keys that are rare and good. ring knows no P-521, and offers none.
#[test]
fn p_521_and_ed25519_are_sessions() {
    within(USUAL, || {
        let house = House::new();
        for algorithm in [&PKCS_ECDSA_P521_SHA512, &PKCS_ED25519] {
            let leaf = house.ca.leaf_of(&KeyPair::generate_for(algorithm).unwrap(), &LOCAL_NAMES, |_| {});
            if cfg!(feature = "ring") && algorithm == &PKCS_ECDSA_P521_SHA512 {
                let peer = unsuccessful(leaf.server(rustls::ALL_VERSIONS));
                refusal(house.bridge(peer.host())).assert("4.7.5", 76, &["alert"]);
                peer.done();
                continue;
            }
            let peer = good(&leaf);
            session(house.bridge(peer.host()));
            peer.done();
            cases(Group::Certificates, 1);
        }
    });
}

/// Goal: a chain may come in any order behind its leaf, twice, and with strangers in it.
#[test]
fn a_chain_in_disorder_is_a_session_and_an_incomplete_one_names_what_is_missing() {
    within(USUAL, || {
        let house = House::new();
        let (one, two) = (house.ca.sub("Sub 1"), Ca::named("Stranger"));
        let sub = one.sub("Sub 2");
        let leaf = sub.leaf();
        let [root, one, two, sub] = [&house.ca, &one, &two, &sub].map(Ca::cert);
        let leaf_der = leaf.chain().remove(0);
        let orders: [Vec<_>; 4] = [
            vec![&leaf_der, &sub, &one],
            vec![&leaf_der, &one, &sub, &root],
            vec![&leaf_der, &one, &one, &sub, &sub, &leaf_der, &one],
            vec![&leaf_der, &two, &sub, &two, &one],
        ];
        for order in orders {
            let chain = order.into_iter().cloned().collect();
            let peer = Peer::with(presenting(chain, leaf.key(), rustls::ALL_VERSIONS).unwrap(), serve);
            session(house.bridge(peer.host()));
            peer.done();
            cases(Group::Certificates, 1);
        }
        for (chain, words) in [
            (vec![&leaf_der], "unknown CA, not sent (CN=Sub 2,"),
            (vec![&leaf_der, &sub], "unknown CA (CN=Sub 1,"),
            (vec![&leaf_der, &one], "unknown CA, not sent (CN=Sub 2,"),
            (vec![&one, &leaf_der], "CA certificate, not a server's"),
        ] {
            let chain: Vec<_> = chain.into_iter().cloned().collect();
            let server = || unsuccessful(presenting(chain.clone(), leaf.key(), rustls::ALL_VERSIONS).unwrap());
            let (refusal, _) = no_session(server, |host| house.bridge(host));
            refusal.assert("4.7.5", 69, &[words]);
            cases(Group::Certificates, 1);
        }
    });
}
