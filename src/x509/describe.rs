//! A certificate in words, for the person who has to find out why it is refused.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::{CertificateDer, ServerName};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode, NestedReader, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::name::RdnSequence;

use super::{parse, rsa_bits, validity, Validity};
use crate::text::escape;

/// All text in here is escaped and capped.
pub struct Described {
    pub subject: String,
    pub issuer: String,
    pub validity: Validity,
    /// `RSA 2048`, `ECDSA P-256`.
    pub key: String,
    /// DNS names and addresses of the subjectAltName (RFC 9525 section 2: the common name is none).
    pub names: Vec<String>,
}

/// A distinguished name; a certificate may hold a novel.
const NAME: usize = 160;

/// One name of a subjectAltName (RFC 1035 section 2.3.4 allows 253 octets).
const ALT_NAME: usize = 253;

/// None where the certificate cannot be read.
pub fn describe(cert: &CertificateDer) -> Option<Described> {
    let inner = parse(cert)?;
    Some(Described {
        subject: distinguished(&inner.tbs_certificate.subject, NAME),
        issuer: distinguished(&inner.tbs_certificate.issuer, NAME),
        validity: validity(cert)?,
        key: key(cert, &inner),
        names: alternative_names(&inner),
    })
}

/// The first name of the certificate that is this server's (RFC 9525 section 6).
pub fn matches(described: &Described, server: &ServerName) -> Option<String> {
    let wanted = server.to_str().to_ascii_lowercase();
    let is_address = matches!(server, ServerName::IpAddress(_));
    let fits = |name: &&String| {
        let name = name.to_ascii_lowercase();
        match (name.strip_prefix("*."), wanted.split_once('.')) {
            (Some(parent), Some((_, rest))) if !is_address => parent == rest,
            _ => name == wanted,
        }
    };
    described.names.iter().find(fits).cloned()
}

/// Subject and issuer, to follow a chain.
pub fn names(cert: &CertificateDer) -> Option<(RdnSequence, RdnSequence)> {
    parse(cert).map(|cert| (cert.tbs_certificate.subject, cert.tbs_certificate.issuer))
}

/// The name of a trust anchor, which webpki keeps as the inside of its SEQUENCE.
pub fn anchor_name(inside: &[u8]) -> Option<String> {
    anchor_subject(inside).map(|name| distinguished(&name, NAME))
}

/// The same, to compare.
pub fn anchor_subject(inside: &[u8]) -> Option<RdnSequence> {
    AnyRef::new(Tag::Sequence, inside).ok()?.decode_as::<RdnSequence>().ok()
}

/// `CN=R11`, for a sentence.
pub fn most_specific(name: &RdnSequence, cap: usize) -> String {
    distinguished(&RdnSequence(name.0.last().cloned().into_iter().collect()), cap)
}

/// `CN=R11, O=Let's Encrypt, C=US`, the most specific first as in RFC 4514, escaped and capped.
fn distinguished(name: &RdnSequence, cap: usize) -> String {
    let mut text = String::new();
    for part in name.0.iter().rev().flat_map(|set| set.0.iter()) {
        if text.len() > cap {
            break;
        }
        let separator = if text.is_empty() { "" } else { ", " };
        // The octets as they are: every string type of a certificate but BMPString and UniversalString reads so.
        let value = escape(part.value.value(), cap);
        let _ = match ATTRIBUTES.iter().find(|(oid, _)| *oid == part.oid) {
            Some((_, key)) => write!(text, "{separator}{key}={value}"),
            None => write!(text, "{separator}{}={value}", part.oid),
        };
    }
    match text.is_empty() {
        true => "(no name)".to_owned(),
        false => crate::text::cut(&text, cap),
    }
}

/// RFC 4519 section 2 and RFC 2985 section 5.2.1.
const ATTRIBUTES: [(ObjectIdentifier, &str); 8] = [
    (ObjectIdentifier::new_unwrap("2.5.4.3"), "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"), "DC"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1"), "emailAddress"),
];

fn key(cert: &CertificateDer, inner: &CertificateInner<Raw>) -> String {
    if let Some(bits) = rsa_bits(cert) {
        return format!("RSA {bits}");
    }
    let algorithm = &inner.tbs_certificate.subject_public_key_info.algorithm;
    let curve = algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let known = |oid: ObjectIdentifier| KEYS.iter().find(|(known, _)| *known == oid).map(|(_, words)| *words);
    match curve.and_then(known).or_else(|| known(algorithm.oid)) {
        Some(words) => words.to_owned(),
        None => format!("key of type {}", curve.unwrap_or(algorithm.oid)),
    }
}

/// RFC 5480 section 2.1.1.1 and RFC 8410 section 3.
const KEYS: [(ObjectIdentifier, &str); 5] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), "ECDSA P-256"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "ECDSA P-384"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "ECDSA P-521"),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), "Ed25519"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "Ed448"),
];

/// Names that a server can be verified by. Read one by one: a name that breaks RFC 5280 must not hide the others from us.
fn alternative_names(inner: &CertificateInner<Raw>) -> Vec<String> {
    let extensions = inner.tbs_certificate.extensions.as_deref().unwrap_or_default();
    let Some(found) = extensions.iter().find(|extension| extension.extn_id == SUBJECT_ALT_NAME) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let read = |inside: &mut NestedReader<SliceReader>| {
        while !inside.is_finished() {
            let name = AnyRef::decode(inside)?;
            names.extend(plain(name.tag(), name.value()));
        }
        Ok(())
    };
    // What comes behind an error stays unread.
    let _ = SliceReader::new(found.extn_value.as_bytes()).and_then(|mut reader| reader.sequence(read));
    names
}

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// GeneralName ::= CHOICE { dNSName [2], iPAddress [7] ... } (RFC 5280 section 4.2.1.6)
fn plain(tag: Tag, value: &[u8]) -> Option<String> {
    match tag {
        DNS_NAME => match std::str::from_utf8(value).ok().and_then(|name| name.parse::<IpAddr>().ok()) {
            // No verifier takes it for an address.
            Some(address) => Some(format!("{ADDRESS_AS_NAME}{address}")),
            None => Some(escape(value, ALT_NAME)),
        },
        IP_ADDRESS => {
            let v4 = <[u8; 4]>::try_from(value).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
            let v6 = <[u8; 16]>::try_from(value).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

const DNS_NAME: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber::N2 };
const IP_ADDRESS: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber::N7 };

/// Stands before an address that is among the DNS names.
pub const ADDRESS_AS_NAME: &str = "DNS:";

#[cfg(test)]
mod tests {
    use super::*;

    fn described(names: &[&str]) -> Described {
        let forever = Validity { not_before: super::super::now(), not_after: super::super::now() };
        Described {
            subject: String::new(),
            issuer: String::new(),
            validity: forever,
            key: String::new(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_star_stands_for_one_label_and_for_no_part_of_an_address() {
        let matched = |names: &[&str], server: &str| {
            matches(&described(names), &ServerName::try_from(server.to_owned()).expect("a server name"))
        };
        assert_eq!(matched(&["a.example", "*.Example.com"], "smtp.example.com").as_deref(), Some("*.Example.com"));
        assert_eq!(matched(&["*.example.com"], "a.b.example.com"), None);
        assert_eq!(matched(&["*.example.com"], "example.com"), None);
        assert_eq!(matched(&["*.0.0.1", "127.0.0.1"], "127.0.0.1").as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn what_is_no_certificate_is_not_described() {
        assert!(describe(&CertificateDer::from(vec![0x30, 0])).is_none());
        assert!(names(&CertificateDer::from(vec![1, 2, 3])).is_none());
        assert!(anchor_name(&[0x31, 5]).is_none());
    }
}
