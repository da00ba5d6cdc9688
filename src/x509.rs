//! What we read from a certificate ourselves, accepted or refused: its dates, key, names. Nothing here decides trust.

mod describe;

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{DateTime, Decode, Encode, NestedReader, Reader, SliceReader, Tag};
use x509_cert::spki::SubjectPublicKeyInfoRef;

pub use describe::{anchor_name, anchor_subject, describe, matches, most_specific, names, Described, ADDRESS_AS_NAME};

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

/// None where the certificate cannot be read.
pub fn validity(cert: &CertificateDer) -> Option<Validity> {
    let validity = parse(cert)?.tbs_certificate.validity;
    Some(Validity {
        not_before: validity.not_before.to_unix_duration(),
        not_after: validity.not_after.to_unix_duration(),
    })
}

/// The SubjectPublicKeyInfo in DER, version 1 certificates included; None where the certificate cannot be read.
pub fn public_key(cert: &CertificateDer) -> Option<Vec<u8>> {
    parse(cert)?.tbs_certificate.subject_public_key_info.to_der().ok()
}

/// X.509 version 1 has no extensions, and webpki does not take it as a server's certificate.
pub fn is_version_one(cert: &CertificateDer) -> bool {
    parse(cert).is_some_and(|cert| cert.tbs_certificate.version == x509_cert::Version::V1)
}

/// The length of an RSA key's modulus; None for other keys.
pub fn rsa_bits(cert: &CertificateDer) -> Option<usize> {
    modulus_bits(&parse(cert)?.tbs_certificate.subject_public_key_info.to_der().ok()?)
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

/// The hash of a signature that is no proof any more.
pub fn old_signature(cert: &CertificateDer) -> Option<&'static str> {
    let algorithm = parse(cert)?.signature_algorithm.oid;
    OLD_SIGNATURES.iter().find(|(oid, _)| *oid == algorithm).map(|(_, hash)| *hash)
}

/// RFC 8017 appendix A.2.4, RFC 3279 section 2.2.
const OLD_SIGNATURES: [(ObjectIdentifier, &str); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), "MD5"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"), "SHA-1"),
];

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

/// `Raw`: a serial number that breaks RFC 5280 must not hide the dates from us.
fn parse(cert: &CertificateDer) -> Option<CertificateInner<Raw>> {
    CertificateInner::<Raw>::from_der(cert).ok()
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
}
