//! What we read from a certificate ourselves, accepted or refused: once, into one value that the verifier, the sentences,
//! the log and `--check` ask. Nothing here decides trust.

mod key;
mod name;
mod names;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Encoding};
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{BitStringRef, ObjectIdentifier};
use x509_cert::der::{DateTime, Decode};
use x509_cert::ext::Extension;

use crate::crypto::sha256;

pub use key::{anchor_rsa_bits, Key, RSA_BITS};
pub use name::Name;
pub use names::{AltName, AltNames, Kind};

/// All text in here is escaped and capped.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub subject: Name,
    pub issuer: Name,
    pub validity: Validity,
    pub key: Key,
    /// SHA-256 of the SubjectPublicKeyInfo (RFC 7469 section 2.4).
    pub key_hash: [u8; 32],
    pub names: AltNames,
    /// Whether its key may sign a handshake, and be a client's (RFC 5280 sections 4.2.1.3 and 4.2.1.12).
    pub may_sign: bool,
    pub may_be_a_client: bool,
    /// X.509 version 1 has no extensions, and webpki does not take it as a server's certificate.
    pub is_version_one: bool,
    /// The hash of its signature, if that proves nothing any more.
    pub old_signature: Option<&'static str>,
}

impl Certificate {
    /// None if the certificate cannot be read.
    pub fn read(cert: &CertificateDer) -> Option<Certificate> {
        // `Raw`: a serial number that breaks RFC 5280 must not hide the dates from us.
        let cert = CertificateInner::<Raw>::from_der(cert).ok()?;
        let content = &cert.tbs_certificate;
        let key = Key::read(&content.subject_public_key_info)?;
        let extensions = content.extensions.as_deref().unwrap_or_default();
        let old = OLD_SIGNATURES.iter().find(|(oid, _)| *oid == cert.signature_algorithm.oid);
        Some(Certificate {
            subject: Name::read(&content.subject)?,
            issuer: Name::read(&content.issuer)?,
            validity: Validity {
                not_before: content.validity.not_before.to_unix_duration(),
                not_after: content.validity.not_after.to_unix_duration(),
            },
            key_hash: sha256(&key.der)?,
            key,
            names: AltNames::read(extensions),
            may_sign: may_sign(extensions),
            may_be_a_client: may_be_a_client(extensions),
            is_version_one: content.version == x509_cert::Version::V1,
            old_signature: old.map(|(_, hash)| *hash),
        })
    }

    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// As `--pin` takes it.
    pub fn pin(&self) -> String {
        format!("sha256//{}", Base64::encode_string(&self.key_hash))
    }
}

/// Without the extension everything is allowed; what cannot be read is left to the verifier.
fn may_sign(extensions: &[Extension]) -> bool {
    let Some(usage) = find(extensions, KEY_USAGE) else { return true };
    let bits = BitStringRef::from_der(usage).ok();
    // digitalSignature is the first bit.
    bits.is_none_or(|bits| bits.raw_bytes().first().is_some_and(|octet| octet & 0x80 != 0))
}

fn may_be_a_client(extensions: &[Extension]) -> bool {
    let Some(usage) = find(extensions, EXTENDED_KEY_USAGE) else { return true };
    let purposes = Vec::<ObjectIdentifier>::from_der(usage).ok();
    purposes.is_none_or(|purposes| purposes.iter().any(|purpose| [CLIENT_AUTH, ANY_PURPOSE].contains(purpose)))
}

fn find(extensions: &[Extension], id: ObjectIdentifier) -> Option<&[u8]> {
    extensions.iter().find(|extension| extension.extn_id == id).map(|extension| extension.extn_value.as_bytes())
}

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// RFC 8017 appendix A.2.4, RFC 3279 section 2.2.
const OLD_SIGNATURES: [(ObjectIdentifier, &str); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), "MD5"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"), "SHA-1"),
];

/// notBefore and notAfter (RFC 5280 section 4.1.2.5), as time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: Duration,
    pub not_after: Duration,
}

/// Fourteen days: long enough to act, short enough that a certificate that renews itself does not cry wolf.
const NOTICE: Duration = Duration::from_secs(14 * 86_400);

impl Validity {
    /// Whether less is left than the smaller of 14 days and a fifth of the certificate's life.
    pub fn ends_soon(&self, now: Duration) -> bool {
        let life = self.not_after.saturating_sub(self.not_before);
        self.not_after.saturating_sub(now) < NOTICE.min(life / 5)
    }

    pub fn valid_at(&self, now: Duration) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    pub fn days_left(&self, now: Duration) -> u64 {
        self.not_after.saturating_sub(now).as_secs() / 86_400
    }
}

/// Now, as time since 1970; zero on a clock before it.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `2026-11-01`.
pub fn date(since_1970: Duration) -> String {
    DateTime::from_unix_duration(since_1970).map_or_else(
        |_| "a date out of range".to_owned(),
        |d| format!("{:04}-{:02}-{:02}", d.year(), d.month(), d.day()),
    )
}

pub fn date_of(time: UnixTime) -> String {
    date(Duration::from_secs(time.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_comes_at_the_smaller_of_14_days_and_a_fifth_of_the_life() {
        let day = |n: u64| Duration::from_secs(n * 86_400);
        let year = Validity { not_before: day(0), not_after: day(365) };
        assert!(!year.ends_soon(day(350)));
        assert!(year.ends_soon(day(352)));
        let week = Validity { not_before: day(0), not_after: day(7) };
        assert!(!week.ends_soon(day(5)));
        assert!(week.ends_soon(day(6)));
    }

    #[test]
    fn a_date_is_the_day_in_utc() {
        assert_eq!(date(Duration::from_secs(1_793_491_200)), "2026-11-01");
        assert_eq!(date(Duration::MAX), "a date out of range");
    }

    #[test]
    fn what_is_no_certificate_is_not_read() {
        assert!(Certificate::read(&CertificateDer::from(vec![0x30, 0])).is_none());
        assert!(Certificate::read(&CertificateDer::from(vec![1, 2, 3])).is_none());
        assert!(Name::of_anchor(&[0x31, 5]).is_none());
    }
}
