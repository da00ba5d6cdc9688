//! From what rustls and webpki say to the sentence that an operator reads.

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use crate::error::{Error, Pin, Sent, Stage};
use crate::options::Versions;
use crate::text::{cut, escape};
use crate::trust::{PinMismatch, Trusted, UnusableSignature};
use crate::x509::{date_of, Kind, RSA_BITS};

/// How many of a certificate's names are told; it may hold 10 000.
const NAMES: usize = 3;

/// One of them; a DNS name has at most 253 octets (RFC 1035 section 2.3.4).
const NAME: usize = 64;

/// An issuer's name inside the sentence, which must fit a 421.
const ISSUER: usize = 50;

/// `head`: the first octets that the server sent.
pub fn explain(stage: Stage, error: &rustls::Error, head: &[u8], name: &ServerName, trusted: &Trusted) -> Error {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate(error, name, trusted),
        rustls::Error::AlertReceived(alert) => received(stage, *alert, trusted),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => too_old(trusted),
        rustls::Error::PeerIncompatible(what) => {
            Error::NothingInCommon { problem: escape(spoken(&format!("{what:?}")).as_bytes(), 100) }
        }
        rustls::Error::InvalidMessage(_) if !looks_like_tls(head) && stage == Stage::Handshake => not_tls(head),
        // SSL 3.0 to TLS 1.1 as rustls meets them: a version it does not know.
        rustls::Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => too_old(trusted),
        // rustls reads no larger one, and nothing else that a server says is large.
        rustls::Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => Error::Protocol {
            stage,
            problem: "a message of 64 kB or more: does the server send more certificates than its own chain, or one \
                      for very many names?"
                .to_owned(),
        },
        other => Error::Protocol { stage, problem: shown(other) },
    }
}

/// A sentence of rustls, which may quote the server.
pub fn shown(error: &rustls::Error) -> String {
    let sentence = match error {
        rustls::Error::PeerMisbehaved(what) => {
            format!("the server breaks the rules: {}", spoken(&format!("{what:?}")))
        }
        other => other.to_string(),
    };
    escape(sentence.as_bytes(), 200)
}

/// `TooManyWarningAlertsReceived`, the name that a library gives a cause, in words; anything else as it is.
fn spoken(name: &str) -> String {
    if !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return name.to_owned();
    }
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn certificate(error: &CertificateError, name: &ServerName, trusted: &Trusted) -> Error {
    let key = trusted.presented_pin();
    let chain = trusted.presented();
    let leaf = chain.leaf();
    match error {
        CertificateError::ExpiredContext { not_after, .. } => Error::Expired { not_after: date_of(*not_after) },
        CertificateError::NotValidYetContext { not_before, .. } => {
            Error::NotYetValid { not_before: date_of(*not_before) }
        }
        // Its names in rustls' words would have to be read back from a debug format.
        CertificateError::NotValidForNameContext { .. } => {
            let names = leaf.map(|leaf| leaf.names.all.as_slice()).unwrap_or_default();
            let wanted = name.to_str();
            if names.iter().any(|name| name.kind == Kind::AddressAsDns && name.text == wanted) {
                return Error::BadCertificate {
                    problem: format!(
                        "it has {wanted} as a DNS name, not as an address: its administrator must put it in as an \
                         address, or confirm its key for --pin-only"
                    ),
                };
            }
            let more = names.len().saturating_sub(NAMES);
            let names = names.iter().take(NAMES).map(|name| cut(&name.text, NAME)).collect();
            Error::WrongName { wanted: wanted.into_owned(), names, more }
        }
        CertificateError::UnknownIssuer => {
            Error::UnknownIssuer { issuer: trusted.issuer(ISSUER), anchors: trusted.anchors.clone() }
        }
        CertificateError::Other(other) if other.0.is::<PinMismatch>() => Error::PinMismatch { presented: key },
        CertificateError::Other(other) if other.0.is::<UnusableSignature>() => {
            let old = chain.certs().find_map(|cert| cert.old_signature);
            Error::BadCertificate {
                problem: match old {
                    Some(old) => format!("it, or a CA's above it, is signed with {old}, which is not safe any more"),
                    None => "it, or a CA's above it, is signed in a way, or with a kind of key, that is not supported"
                        .to_owned(),
                } + ": its administrator needs a new one",
            }
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => Error::CaAsServer { key },
            Some(webpki::Error::UnsupportedCertVersion) => version_one(trusted, key),
            Some(error) => Error::BadCertificate { problem: escape(format!("{error:?}").as_bytes(), 150) },
            None => Error::BadCertificate { problem: escape(other.to_string().as_bytes(), 150) },
        },
        CertificateError::BadEncoding if leaf.is_some_and(|leaf| leaf.is_version_one) => version_one(trusted, key),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            Error::WeakKey { problem: "its signature algorithm is not supported".to_owned() }
        }
        CertificateError::BadSignature => match leaf.and_then(|leaf| leaf.key.rsa_bits) {
            Some(bits) if !RSA_BITS.contains(&bits) => Error::WeakKey { problem: format!("RSA of {bits} bits") },
            _ => Error::BadCertificate { problem: "a signature does not verify".to_owned() },
        },
        other => Error::BadCertificate { problem: escape(other.to_string().as_bytes(), 150) },
    }
}

fn version_one(trusted: &Trusted, key: Pin) -> Error {
    match (trusted.anchors.as_str(), key) {
        ("--pin-only", _) | (_, None) => Error::VersionOne,
        (_, Some(pin)) => Error::BadCertificate {
            problem: format!("X.509 version 1: if its administrator confirms the key, --pin-only {pin}"),
        },
    }
}

/// Alerts that are about a client's certificate (RFC 8446 section 6.2): the server has no other reason to send them.
fn received(stage: Stage, alert: AlertDescription, trusted: &Trusted) -> Error {
    let (name, sent) = (alert_name(alert), trusted.sent);
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => Error::OurCertificate { stage, name, sent },
        // What OpenSSL says on TLS 1.2 when it asked for a certificate and got none.
        AlertDescription::HandshakeFailure if sent == Sent::None && trusted.was_asked() => {
            Error::OurCertificate { stage, name, sent }
        }
        AlertDescription::ProtocolVersion => too_old(trusted),
        _ => Error::Alert { stage, name },
    }
}

fn too_old(trusted: &Trusted) -> Error {
    match trusted.versions {
        Versions::Tls12AndLater => Error::OldTls,
        Versions::Tls13Only => Error::NothingInCommon {
            problem: "the server has only TLS 1.2 or older, and --min-tls asks for 1.3".to_owned(),
        },
    }
}

/// The alert's name as RFC 8446 writes it: `handshake_failure`.
pub fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnrecognisedName => return "unrecognized_name".to_owned(),
        AlertDescription::UnknownPSKIdentity => return "unknown_psk_identity".to_owned(),
        AlertDescription::EncryptedClientHelloRequired => return "ech_required".to_owned(),
        AlertDescription::Unknown(code) => return code.to_string(),
        _ => {}
    }
    let mut name = String::new();
    for (at, letter) in format!("{alert:?}").chars().take(60).enumerate() {
        // UnknownCA is unknown_ca: a letter behind a capital belongs to it.
        if letter.is_ascii_uppercase() && at > 0 && !name.ends_with("_c") {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The content type and major version of a TLS record (RFC 8446 section 5.1).
pub fn looks_like_tls(head: &[u8]) -> bool {
    matches!(head, [] | [20..=24] | [20..=24, 3, ..])
}

/// What else is there, by its first octets.
pub fn not_tls(head: &[u8]) -> Error {
    let line = head.split(|b| *b == b'\r' || *b == b'\n').next().unwrap_or_default();
    // A busy Exim says so before TLS, also on a port of implicit TLS.
    if let [b'4', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] = head {
        return Error::Turned { stage: Stage::Handshake, line: escape(line, 100) };
    }
    let line = escape(line, 60);
    match head {
        [b'2' | b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] => Error::PlainSmtp { line },
        [b'H', b'T', b'T', b'P', ..] => Error::NotTls { looks_like: "HTTP", line },
        [b'S', b'S', b'H', b'-', ..] => Error::NotTls { looks_like: "SSH", line },
        [b'*', b' ', b'O', b'K', ..] => Error::NotTls { looks_like: "IMAP", line },
        [b'+', b'O', b'K', ..] => Error::NotTls { looks_like: "POP3", line },
        _ => Error::NotTls { looks_like: "something", line },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_rfc() {
        assert_eq!(alert_name(AlertDescription::HandshakeFailure), "handshake_failure");
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::CertificateRequired), "certificate_required");
        assert_eq!(alert_name(AlertDescription::BadRecordMac), "bad_record_mac");
        assert_eq!(alert_name(AlertDescription::UnknownPSKIdentity), "unknown_psk_identity");
    }

    /// A bug that was: the log said TooManyWarningAlertsReceived.
    #[test]
    fn names_of_the_library_are_said_in_words() {
        let error = rustls::Error::PeerMisbehaved(rustls::PeerMisbehaved::TooManyWarningAlertsReceived);
        assert_eq!(shown(&error), "the server breaks the rules: too many warning alerts received");
        assert_eq!(spoken("a sentence, as it is"), "a sentence, as it is");
    }

    #[test]
    fn plain_smtp_is_told_from_http_and_from_tls() {
        assert!(matches!(not_tls(b"220 mail.example.com ESMTP\r\n"), Error::PlainSmtp { .. }));
        assert!(matches!(not_tls(b"554 go away\r\n"), Error::PlainSmtp { .. }));
        assert!(matches!(not_tls(b"421 too many\r\n"), Error::Turned { stage: Stage::Handshake, .. }));
        assert!(matches!(not_tls(b"HTTP/1.1 400 Bad Request\r\n"), Error::NotTls { looks_like: "HTTP", .. }));
        assert!(looks_like_tls(&[21, 3, 1]));
        assert!(!looks_like_tls(b"220 "));
    }
}
