//! Public keys: their kind and length in words, and the limits of what webpki verifies signatures by.

use std::ops::RangeInclusive;

use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Encode, NestedReader, Reader, SliceReader, Tag};
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};

#[derive(Clone, Debug)]
pub struct Key {
    /// The SubjectPublicKeyInfo.
    pub der: Vec<u8>,
    /// `RSA 2048`, `ECDSA P-256`.
    pub words: String,
    /// The length of an RSA key's modulus; None for other keys.
    pub rsa_bits: Option<usize>,
}

impl Key {
    pub fn read(key: &SubjectPublicKeyInfoOwned) -> Option<Key> {
        let der = key.to_der().ok()?;
        let rsa_bits = modulus_bits(&der);
        let curve = key.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        let known = |oid: ObjectIdentifier| KINDS.iter().find(|(known, _)| *known == oid).map(|(_, words)| *words);
        let words = match (rsa_bits, curve.and_then(known).or_else(|| known(key.algorithm.oid))) {
            (Some(bits), _) => format!("RSA {bits}"),
            (None, Some(words)) => words.to_owned(),
            (None, None) => format!("key of type {}", curve.unwrap_or(key.algorithm.oid)),
        };
        Some(Key { der, words, rsa_bits })
    }
}

/// The same of a trust anchor's key, which webpki keeps as the inside of its SEQUENCE.
pub fn anchor_rsa_bits(inside: &[u8]) -> Option<usize> {
    modulus_bits(&AnyRef::new(Tag::Sequence, inside).ok()?.to_der().ok()?)
}

fn modulus_bits(public_key: &[u8]) -> Option<usize> {
    let key = SubjectPublicKeyInfoRef::from_der(public_key).ok()?;
    if key.algorithm.oid != RSA_ENCRYPTION {
        return None;
    }
    // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 appendix A.1.1)
    let modulus = |inside: &mut NestedReader<SliceReader>| {
        let (modulus, _) = (UintRef::decode(inside)?, UintRef::decode(inside)?);
        Ok(modulus.as_bytes().len() * 8)
    };
    SliceReader::new(key.subject_public_key.as_bytes()?).ok()?.sequence(modulus).ok()
}

/// What webpki verifies signatures by; other lengths look to it like signatures that do not verify.
pub const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// RFC 5480 section 2.1.1.1 and RFC 8410 section 3.
const KINDS: [(ObjectIdentifier, &str); 5] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), "ECDSA P-256"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "ECDSA P-384"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "ECDSA P-521"),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), "Ed25519"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "Ed448"),
];
