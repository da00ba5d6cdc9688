//! Keys of RSA that are as large as any that is verified, larger, or made to be slow.

use rcgen::KeyPair;

use crate::hostile::{cases, costs_little, no_session, Group};
use crate::support::bridge::{House, Start};
use crate::support::ca::{presenting, Ca, Forged, LOCAL_NAMES};
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{good, session, unsuccessful};

/// It takes a minute to find one, so it is kept: no one trusts it.
const RSA_8192: &str = include_str!("rsa-8192.pem");

fn key() -> KeyPair {
    KeyPair::from_pem(RSA_8192).expect("a key")
}

/// Goal: the largest key that is verified is a session, as the server's own and as its CA's.
#[test]
fn rsa_of_8192_bits_is_a_session_for_little() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_of(&key(), &LOCAL_NAMES, |_| {});
        let peer = good(&leaf);
        session(costs_little(house.bridge(peer.host())));
        peer.done();

        let (dir, ca) = (Dir::new(), Ca::with_key("A CA of 8192 bits", key()));
        let peer = good(&ca.leaf());
        session(costs_little(Start::new().arg("--ca-file").arg(dir.write("ca.pem", ca.pem())).arg(peer.host())));
        peer.done();
        cases(Group::Certificates, 2);
    });
}

/// Goal: the sentence about a key that is never verified has its length, and numbers that would take long to compute with
/// are not used.
#[test]
fn rsa_larger_than_8192_bits_or_of_a_slow_exponent_is_refused_for_little() {
    within(USUAL, || {
        let house = House::new();
        for (bits, exponent, words) in [
            (16_384, vec![1, 0, 1], "RSA of 16384 bits"),
            (200_000, vec![1, 0, 1], "RSA of 200000 bits"),
            (8192, vec![0x7f; 1024], "does not prove that it has its certificate's key"),
            (8192, vec![1], "does not prove that it has its certificate's key"),
            (8192, vec![2], "does not prove that it has its certificate's key"),
            (8192, vec![], "does not prove that it has its certificate's key"),
        ] {
            let cert = house.ca.cert_of(&Forged { octets: public_key(bits, &exponent) });
            // What it signs with is not this key, and could not be.
            let key = house.ca.leaf_rsa();
            let server = || unsuccessful(presenting(vec![cert.clone()], key.key(), rustls::ALL_VERSIONS).unwrap());
            let (refusal, heard) = no_session(server, |host| house.bridge(host));
            refusal.assert("4.7.5", 69, &[words]);
            assert_eq!(refusal.log.lines().count(), 1, "{refusal:#?}");
            assert_eq!(heard, b"");
            cases(Group::Certificates, 1);
        }
    });
}

/// RSAPublicKey (RFC 8017 appendix A.1.1): a sequence of modulus and exponent, each of 128 octets or more behind a long
/// form of its length (X.690 section 8.1.3).
fn public_key(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let tagged = |tag: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        match content.len() {
            ..0x80 => [&[tag, length[3]], content].concat(),
            0x80..0x100 => [&[tag, 0x81, length[3]], content].concat(),
            0x100..0x1_0000 => [&[tag, 0x82, length[2], length[3]], content].concat(),
            _ => [&[tag, 0x83, length[1], length[2], length[3]], content].concat(),
        }
    };
    // Odd, and with its highest bit set: a zero before it keeps it positive.
    let modulus = [vec![0], vec![0xff; bits / 8]].concat();
    tagged(0x30, &[tagged(2, &modulus), tagged(2, exponent)].concat())
}
