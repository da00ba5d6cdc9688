//! Distinguished names: in words, and to compare.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Tag};
use x509_cert::name::RdnSequence;

use crate::text::{escape, Foreign};

/// Subject or issuer of a certificate; two are equal if their octets are.
#[derive(Clone, Debug)]
pub struct Name {
    /// The inside of the SEQUENCE, as webpki keeps the names of trust anchors.
    inside: Vec<u8>,
    /// `CN=R11, O=Let's Encrypt, C=US`: the most specific first, as in RFC 4514.
    pub whole: Foreign,
    /// `CN=R11`, for a sentence.
    pub short: Foreign,
    /// What stands behind `CN=`.
    pub common: Option<Foreign>,
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.inside == other.inside
    }
}

impl Name {
    pub fn read(name: &RdnSequence) -> Option<Name> {
        let der = name.to_der().ok()?;
        let mut parts: Vec<Vec<u8>> = name.0.iter().rev().flat_map(|set| set.0.iter()).map(part).collect();
        if parts.is_empty() {
            parts.push(b"(no name)".to_vec());
        }
        Some(Name {
            inside: AnyRef::from_der(&der).ok()?.value().to_owned(),
            whole: escape(&parts.join(b", ".as_slice())),
            short: escape(parts.first()?),
            common: parts.iter().find_map(|part| part.strip_prefix(b"CN=")).map(escape),
        })
    }

    /// The name of a trust anchor.
    pub fn of_anchor(inside: &[u8]) -> Option<Name> {
        Name::read(&AnyRef::new(Tag::Sequence, inside).ok()?.decode_as::<RdnSequence>().ok()?)
    }

    /// Whether it is the name of a trust anchor, which is given as its inside.
    pub fn is(&self, anchor: &[u8]) -> bool {
        self.inside == anchor
    }
}

/// `CN=R11`. The octets as they are: this is how every string type of a certificate but BMPString and UniversalString is
/// read.
fn part(part: &AttributeTypeAndValue) -> Vec<u8> {
    let known = ATTRIBUTES.iter().find(|(oid, _)| *oid == part.oid);
    let key = known.map_or_else(|| part.oid.to_string(), |(_, key)| (*key).to_owned());
    [key.as_bytes(), b"=", part.value.value()].concat()
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
