//! Distinguished names: in words, and to compare.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Tag};
use x509_cert::name::RdnSequence;

use crate::text::{cut, escape};

/// Subject or issuer of a certificate; equal where its octets are.
#[derive(Clone, Debug)]
pub struct Name {
    /// The inside of the SEQUENCE, as webpki keeps the names of trust anchors.
    inside: Vec<u8>,
    /// `CN=R11, O=Let's Encrypt, C=US`: the most specific first, as in RFC 4514.
    pub whole: String,
    /// `CN=R11`, for a sentence.
    pub short: String,
    /// What stands behind `CN=`.
    pub common: Option<String>,
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.inside == other.inside
    }
}

impl Name {
    pub fn read(name: &RdnSequence) -> Option<Name> {
        let der = name.to_der().ok()?;
        let parts: Vec<String> = name.0.iter().rev().flat_map(|set| set.0.iter()).take(PARTS).map(part).collect();
        let common = parts.iter().find_map(|part| part.strip_prefix("CN=").map(str::to_owned));
        let short = parts.first().cloned().unwrap_or_else(|| "(no name)".to_owned());
        let whole = if parts.is_empty() { short.clone() } else { cut(&parts.join(", "), NAME) };
        Some(Name { inside: AnyRef::from_der(&der).ok()?.value().to_owned(), whole, short, common })
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

/// A distinguished name, and one value of it; a certificate may hold a novel.
const NAME: usize = 160;
const PARTS: usize = 40;

/// `CN=R11`, escaped and capped.
fn part(part: &AttributeTypeAndValue) -> String {
    // The octets as they are: every string type of a certificate but BMPString and UniversalString reads so.
    let value = escape(part.value.value(), NAME);
    match ATTRIBUTES.iter().find(|(oid, _)| *oid == part.oid) {
        Some((_, key)) => format!("{key}={value}"),
        None => format!("{}={value}", part.oid),
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
