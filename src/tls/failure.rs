//! From what rustls says to what is wrong, with the facts that the sentence is made from.

use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};

use super::{certificate, Attempt};
use crate::error::{Clear, Error, Facts, Stage, Trouble, Version};
use crate::text::{escape, in_words};

/// `head`: the first octets that the server sent.
pub fn explain(stage: Stage, error: &rustls::Error, head: &[u8], attempt: &Attempt, version: Option<Version>) -> Error {
    let facts = attempt.facts(version);
    let trouble = match error {
        rustls::Error::InvalidCertificate(error) => {
            return Error::Certificate { fault: certificate::fault(error, attempt), facts }
        }
        rustls::Error::AlertReceived(alert) => received(*alert, &facts),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Trouble::OldTls,
        rustls::Error::PeerIncompatible(what) => Trouble::NothingInCommon { how: in_words(&format!("{what:?}")) },
        rustls::Error::InvalidMessage(_) if !looks_like_tls(head) && stage == Stage::Handshake => not_tls(head),
        // SSL 3.0 to TLS 1.1 as rustls meets them: a version it does not know.
        rustls::Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => Trouble::OldTls,
        // rustls reads no larger one, and nothing else that a server says is large.
        rustls::Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => Trouble::TooLarge,
        other => Trouble::BreaksRules { how: shown(other) },
    };
    Error::Tls { stage, trouble, facts }
}

/// A sentence of rustls, which may quote the server.
pub fn shown(error: &rustls::Error) -> String {
    let sentence = match error {
        rustls::Error::PeerMisbehaved(what) => format!("the server breaks the rules: {what:?}"),
        rustls::Error::InvalidMessage(what) => format!("a message that cannot be read: {what:?}"),
        other => other.to_string(),
    };
    escape(in_words(&sentence).as_bytes()).to_string()
}

/// What an alert is about. Those about certificates (RFC 8446 section 6.2) mean ours only if the server asked for one.
fn received(alert: AlertDescription, facts: &Facts) -> Trouble {
    let name = alert_name(alert);
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        // What OpenSSL says on TLS 1.2 when it asked for a certificate and got none.
        | AlertDescription::HandshakeFailure
            if facts.asked =>
        {
            Trouble::OurCertificate { alert: name }
        }
        // Behind the server's hello they are agreed on.
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity if facts.version.is_none() => {
            Trouble::NothingInCommon { how: format!("alert {name}") }
        }
        AlertDescription::UnrecognisedName => Trouble::UnknownName { alert: name },
        // A server that insists on SNI (RFC 8446 section 9.2).
        AlertDescription::MissingExtension if facts.is_address => Trouble::UnknownName { alert: name },
        AlertDescription::ProtocolVersion => Trouble::OldTls,
        _ => Trouble::Alert { alert: name },
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

/// The other protocols, by their first octets.
pub fn not_tls(head: &[u8]) -> Trouble {
    let line = head.split(|b| *b == b'\r' || *b == b'\n').next().unwrap_or_default();
    let what = match head {
        [first @ (b'4' | b'5'), b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] => {
            Clear::TurnedAway { later: *first == b'4' }
        }
        [b'2', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..] => Clear::Smtp,
        [b'H', b'T', b'T', b'P', ..] => Clear::Named("HTTP"),
        [b'S', b'S', b'H', b'-', ..] => Clear::Named("SSH"),
        [b'*', b' ', b'O', b'K', ..] => Clear::Named("IMAP"),
        [b'+', b'O', b'K', ..] => Clear::Named("POP3"),
        _ => Clear::Something,
    };
    Trouble::Clear { what, line: escape(line) }
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

    #[test]
    fn names_of_the_library_are_said_in_words() {
        let error = rustls::Error::PeerMisbehaved(rustls::PeerMisbehaved::TooManyWarningAlertsReceived);
        assert_eq!(shown(&error), "the server breaks the rules: too many warning alerts received");
    }

    #[test]
    fn plain_smtp_is_told_from_http_and_from_tls() {
        let what = |head: &[u8]| match not_tls(head) {
            Trouble::Clear { what, .. } => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(what(b"220 mail.example.com ESMTP\r\n"), Clear::Smtp);
        assert_eq!(what(b"554 go away\r\n"), Clear::TurnedAway { later: false });
        assert_eq!(what(b"421 too many\r\n"), Clear::TurnedAway { later: true });
        assert_eq!(what(b"HTTP/1.1 400 Bad Request\r\n"), Clear::Named("HTTP"));
        assert!(looks_like_tls(&[21, 3, 1]));
        assert!(!looks_like_tls(b"220 "));
    }
}
