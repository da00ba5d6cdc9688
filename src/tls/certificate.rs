//! From what rustls and webpki say of a certificate to what is wrong with it, and with which one.

use rustls::CertificateError;

use super::Attempt;
use crate::error::{Fault, Issuer, Names, OwnFault, Place, Rank, Untrusted};
use crate::trust::{Chain, End, Refusal};
use crate::x509::{date, date_of, now, AltNames, Certificate, Kind, Name, RSA_BITS};

/// How many of a certificate's names are shown; it may hold 10 000.
const NAMES: usize = 3;

pub fn fault(error: &CertificateError, attempt: &Attempt) -> Fault {
    let chain = attempt.trusted.presented();
    let leaf = chain.leaf();
    let fault = match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            let place = place(&chain, attempt, |cert| cert.validity.not_after.as_secs() == not_after.as_secs());
            expired(date_of(*not_after), place, &chain, attempt)
        }
        CertificateError::NotValidYetContext { not_before, .. } => Fault::NotYetValid {
            from: date_of(*not_before),
            place: place(&chain, attempt, |cert| cert.validity.not_before.as_secs() == not_before.as_secs()),
        },
        // Its names in rustls' words would have to be read back from a debug format.
        CertificateError::NotValidForNameContext { .. } => wrong_name(leaf, attempt),
        CertificateError::UnknownIssuer => unknown_issuer(&chain, attempt),
        CertificateError::Other(other) if other.0.downcast_ref() == Some(&Refusal::PinMismatch) => {
            Fault::PinMismatch { presented: leaf.map(Certificate::pin) }
        }
        CertificateError::Other(other) if other.0.downcast_ref() == Some(&Refusal::UnusableSignature) => {
            // The signature on a root does not matter.
            let old = |cert: &Certificate| cert.old_signature.filter(|_| !cert.is_self_issued());
            match chain.certs().find_map(old) {
                Some(hash) => Fault::OldSignature { hash, place: place(&chain, attempt, |cert| old(cert).is_some()) },
                None => Fault::Broken("a CA signed it in a way that is not supported"),
            }
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => Fault::CaAsServer,
            Some(webpki::Error::UnsupportedCertVersion) if leaf.is_some_and(|leaf| leaf.is_version_one) => {
                Fault::VersionOne
            }
            Some(error) => Fault::Broken(rule(error)),
            None => Fault::Broken(BREAKS_RULES),
        },
        CertificateError::BadEncoding => match leaf {
            Some(leaf) if leaf.is_version_one => Fault::VersionOne,
            Some(leaf) if leaf.names.is_malformed => wrong_name(Some(leaf), attempt),
            Some(_) | None => Fault::Broken("it cannot be read"),
        },
        // What is checked by the leaf's key is the handshake.
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            match leaf.and_then(|leaf| leaf.key.rsa_bits) {
                Some(bits) if !RSA_BITS.contains(&bits) => {
                    Fault::WeakKey { bits, place: place(&chain, attempt, |_| true) }
                }
                _ if matches!(error, CertificateError::BadSignature) => Fault::NotItsKey,
                _ => Fault::Broken("its key is of a kind that is not supported"),
            }
        }
        CertificateError::InvalidPurposeContext { .. } => Fault::Broken("it is not for servers (extended key usage)"),
        CertificateError::Expired => Fault::Broken("it ends before it begins"),
        _ => Fault::Broken(BREAKS_RULES),
    };
    with_its_name(fault, leaf, attempt)
}

const BREAKS_RULES: &str = "it breaks the rules of X.509";

/// Of ours.
pub fn own_fault(cert: &Certificate) -> Option<OwnFault> {
    if cert.validity.not_after < now() {
        Some(OwnFault::Expired(date(cert.validity.not_after)))
    } else {
        (!cert.may_be_a_client).then_some(OwnFault::NotForClients)
    }
}

fn wrong_name(leaf: Option<&Certificate>, attempt: &Attempt) -> Fault {
    Fault::WrongName { names: names(leaf, attempt), expired: None, untrusted: None }
}

fn expired(on: String, place: Place, chain: &Chain, attempt: &Attempt) -> Fault {
    let untrusted = match attempt.trusted.end(chain) {
        End::Itself => Some(Untrusted::SelfSigned),
        // For the verifier, a trust anchor of ours has no dates.
        End::Root(name) if place.rank == Rank::Root => {
            return Fault::UnknownIssuer(Issuer::Sent { name: name.short.clone(), expired: Some(on) })
        }
        End::Root(_) | End::Missing(_) => Some(Untrusted::UnknownCa),
        End::Namesake(_) | End::WeakAnchor(..) | End::Weak(..) | End::Unread => None,
    };
    let is_expired = |cert: &&Certificate| cert.validity.not_after < now() && !cert.is_self_issued();
    let intermediate = chain.certs().skip(1).find(is_expired).filter(|_| place.rank == Rank::Leaf);
    Fault::Expired { on, place, intermediate: intermediate.map(|cert| date(cert.validity.not_after)), untrusted }
}

/// If the name is wrong too, that is the likelier cause: another server answers, or somebody in between.
fn with_its_name(fault: Fault, leaf: Option<&Certificate>, attempt: &Attempt) -> Fault {
    let Some(false) = attempt.name_fits() else { return fault };
    let names = names(leaf, attempt);
    match fault {
        Fault::Expired { on, place, untrusted, .. } if place.rank == Rank::Leaf => {
            Fault::WrongName { names, expired: Some(on), untrusted }
        }
        Fault::UnknownIssuer(Issuer::Sent { .. } | Issuer::Missing { .. }) => {
            Fault::WrongName { names, expired: None, untrusted: Some(Untrusted::UnknownCa) }
        }
        // One without a name is a machine's own, as it is made at its first start.
        Fault::UnknownIssuer(Issuer::Itself) if matches!(names, Names::Others { .. }) => {
            Fault::WrongName { names, expired: None, untrusted: Some(Untrusted::SelfSigned) }
        }
        other => other,
    }
}

fn unknown_issuer(chain: &Chain, attempt: &Attempt) -> Fault {
    let text = |name: &Name| name.short.clone();
    Fault::UnknownIssuer(match attempt.trusted.end(chain) {
        End::Itself => Issuer::Itself,
        End::Root(name) => Issuer::Sent { name: text(name), expired: None },
        End::Missing(name) => {
            let only_leaf = chain.leaf().is_some_and(|leaf| leaf.issuer == *name);
            Issuer::Missing { name: text(name), only_leaf }
        }
        End::Namesake(name) => Issuer::Namesake(text(name)),
        End::Unread => Issuer::Unread,
        End::Weak(at, bits) => return Fault::WeakKey { bits, place: place_at(chain, attempt, at) },
        End::WeakAnchor(name, bits) => {
            let place = Place { number: 0, of: 0, rank: Rank::Ours, name: text(name) };
            return Fault::WeakKey { bits, place };
        }
    })
}

/// The first certificate that is so, or the leaf if none is.
fn place(chain: &Chain, attempt: &Attempt, is: impl Fn(&Certificate) -> bool) -> Place {
    let found = chain.links.iter().position(|link| link.cert.as_ref().is_some_and(&is));
    place_at(chain, attempt, found.unwrap_or(0))
}

fn place_at(chain: &Chain, attempt: &Attempt, found: usize) -> Place {
    let cert = chain.links.get(found).and_then(|link| link.cert.as_ref());
    // What signs the signer of the leaf's signer, or is called so, is a root in its own right elsewhere.
    let is_a_root = |cert: &Certificate| found > 1 || cert.subject.whole.whole().to_ascii_lowercase().contains("root");
    let rank = match cert {
        _ if found == 0 => Rank::Leaf,
        Some(cert) if cert.is_self_issued() => Rank::Root,
        Some(cert) if is_a_root(cert) && attempt.trusted.has_anchor(&cert.issuer) => Rank::CrossSigned,
        Some(_) | None => Rank::Intermediate,
    };
    let name = cert.map(|cert| cert.subject.short.clone()).unwrap_or_default();
    Place { number: found + 1, of: chain.links.len() + chain.more, rank, name }
}

fn names(leaf: Option<&Certificate>, attempt: &Attempt) -> Names {
    let Some(leaf) = leaf else { return Names::None };
    let wanted = attempt.host.server_name.to_str();
    let AltNames { is_there, is_malformed, all } = &leaf.names;
    let first = || all.iter().take(NAMES).map(|name| name.text.clone()).collect();
    if all.iter().any(|name| name.kind == Kind::AddressAsDns && name.text.whole() == wanted) {
        return Names::AddressAsDns;
    }
    let has_a_good_one = all.iter().any(|name| name.kind != Kind::NotAName);
    match &leaf.subject.common {
        _ if *is_malformed || !all.is_empty() && !has_a_good_one => Names::Malformed(first()),
        _ if !all.is_empty() => {
            let deeper = leaf.names.is_for_a_parent_of(&attempt.host.server_name);
            Names::Others { first: first(), more: all.len().saturating_sub(NAMES), deeper }
        }
        Some(common) if !is_there => Names::CommonNameOnly(common.clone()),
        Some(_) | None if *is_there => Names::NoHostName,
        Some(_) | None => Names::None,
    }
}

/// What webpki found, in words.
fn rule(error: &webpki::Error) -> &'static str {
    match error {
        webpki::Error::NameConstraintViolation => "a CA above it may not certify this name",
        webpki::Error::PathLenConstraintViolated => "a CA above it may have no CA below it",
        webpki::Error::EndEntityUsedAsCa => "what signed it is no CA",
        webpki::Error::EmptyEkuExtension => "it is for no use at all (extended key usage)",
        webpki::Error::UnsupportedCriticalExtension => "it has an unknown critical extension",
        webpki::Error::UnsupportedCertVersion => "a CA above it is not of X.509 version 3",
        webpki::Error::InvalidCertValidity => "it ends before it begins",
        webpki::Error::InvalidSerialNumber => "its serial number is malformed",
        webpki::Error::SignatureAlgorithmMismatch => "it names two kinds of signature",
        webpki::Error::MaximumSignatureChecksExceeded
        | webpki::Error::MaximumPathBuildCallsExceeded
        | webpki::Error::MaximumPathDepthExceeded
        | webpki::Error::MaximumNameConstraintComparisonsExceeded => "its chain is too complicated",
        webpki::Error::MalformedNameConstraint | webpki::Error::InvalidNetworkMaskConstraint => {
            "a CA above it has malformed name constraints"
        }
        webpki::Error::MalformedExtensions | webpki::Error::ExtensionValueInvalid => "it has a malformed extension",
        _ => BREAKS_RULES,
    }
}
