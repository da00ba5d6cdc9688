//! What is wrong with the certificates that a server presented.
//!
//! Somebody between us and the smarthost can present certificates too. So no sentence advises to trust what was presented
//! before its administrator has confirmed it, and none holds a pin to paste, except that of a key that is not the pinned
//! one.

mod dates;
mod issuer;
mod name;

use super::{Facts, Place, Rank, Sentence, Version};
use crate::text::Foreign;

use dates::{expired, not_yet_valid, subject, which};
use issuer::unknown_issuer;
use name::wrong_name;

#[derive(Clone, Debug)]
pub enum Fault {
    Expired {
        on: String,
        place: Place,
        /// The date of an intermediate that has expired as well as the leaf.
        intermediate: Option<String>,
        /// The one that would be refused next.
        untrusted: Option<Untrusted>,
    },
    NotYetValid {
        from: String,
        place: Place,
    },
    WrongName {
        names: Names,
        /// The leaf's date.
        expired: Option<String>,
        untrusted: Option<Untrusted>,
    },
    UnknownIssuer(Issuer),
    /// webpki takes no CA certificate for a server's.
    CaAsServer,
    /// As `--pin` takes it; None if it cannot be read.
    PinMismatch {
        presented: Option<String>,
    },
    /// X.509 version 1: only TLS 1.3 can check a signature by its key, and only if the key is the whole trust.
    VersionOne,
    WeakKey {
        bits: usize,
        place: Place,
    },
    /// Signed with a hash that proves nothing any more.
    OldSignature {
        hash: &'static str,
        place: Place,
    },
    /// The handshake is not signed by the certificate's key.
    NotItsKey,
    /// Anything else: what is wrong with it or with the chain.
    Broken(&'static str),
}

/// The names of a certificate that is for another one.
#[derive(Clone, Debug)]
pub enum Names {
    /// The first ones, and how many more there are. `deeper`: it would be one of them if `*` stood for more than a label.
    Others {
        first: Vec<Foreign>,
        more: usize,
        deeper: bool,
    },
    /// The server name is an address, and stands among the DNS names.
    AddressAsDns,
    /// No subjectAltName, which alone counts (RFC 9525 section 2).
    CommonNameOnly(Foreign),
    None,
    /// A SAN without a DNS name or an address.
    NoHostName,
    /// What there is of it.
    Malformed(Vec<Foreign>),
}

/// What else is wrong, so that mending one thing alone does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrusted {
    SelfSigned,
    UnknownCa,
}

/// Where the chain that a server sent ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The leaf is signed by itself.
    Itself,
    /// The top is a root: it was sent, and is none of our trust anchors.
    Sent { name: Foreign, expired: Option<String> },
    /// An issuer whose certificate was not sent. `only_leaf`: no intermediate was sent, either.
    Missing { name: Foreign, only_leaf: bool },
    /// One of our trust anchors, by its name; its key is another.
    Namesake(Foreign),
    /// Nothing could be read.
    Unread,
}

/// A name among others, with our words about it behind; a DNS name has at most 253 octets (RFC 1035 section 2.3.4).
const NAME: usize = 64;

const CA_AS_SERVER: &str = "CA certificate, not a server's";
const ANOTHER: &str = "ask the server's administrator for another";

impl Fault {
    pub fn sentence(&self, facts: &Facts) -> Sentence {
        let sentence = self.with_sni(facts);
        match self {
            // Without a server name a server shows a certificate that says nothing about the intended one; only a pinned
            // key does.
            Fault::PinMismatch { .. } if facts.needs_sni() => sentence.more(facts.no_sni()),
            Fault::PinMismatch { .. } | Fault::WrongName { .. } | Fault::NotYetValid { .. } => sentence,
            _ if facts.needs_sni() && !facts.given.pin_only => {
                let more = format!("{}; {}", sentence.cure, sentence.more);
                sentence.cure(facts.no_sni()).more(more.trim_end_matches("; "))
            }
            _ => sentence,
        }
    }

    /// As if the name had been sent.
    fn with_sni(&self, facts: &Facts) -> Sentence {
        match self {
            Fault::Expired { on, place, intermediate, untrusted } => {
                expired(on, place, intermediate.as_deref(), *untrusted, facts)
            }
            Fault::NotYetValid { from, place } => not_yet_valid(from, place, facts),
            Fault::WrongName { names, expired, untrusted } => wrong_name(names, expired.as_deref(), *untrusted, facts),
            Fault::UnknownIssuer(issuer) => unknown_issuer(issuer, facts),
            Fault::CaAsServer => {
                Sentence::new(CA_AS_SERVER, confirmed("use --pin-only")).more("a server certificate would be better")
            }
            Fault::PinMismatch { presented } => {
                let it_is = presented.as_ref().map_or("it cannot be read".to_owned(), |pin| format!("it is {pin}"));
                let cause = "the server's key is not the pinned one";
                Sentence::new(cause, "ask the server's administrator; maybe somebody in between answers").detail(it_is)
            }
            Fault::VersionOne => version_one(facts),
            Fault::WeakKey { bits, place } => {
                let whose = if place.rank == Rank::Leaf {
                    "the server's key".to_owned()
                } else {
                    format!("the key of {}", which(place))
                };
                let who = if place.rank == Rank::Ours { "the CA's" } else { "the server's" };
                Sentence::new(
                    format!("{whose} cannot be used: RSA of {bits} bits"),
                    "it needs RSA of 2048 to 8192 bits, or ECDSA",
                )
                .detail(subject(place))
                .more(format!("ask {who} administrator for it"))
            }
            Fault::OldSignature { hash, place } => {
                let cause = format!("{} is signed with {hash}, which is not safe", which(place));
                Sentence::new(cause, ANOTHER).detail(subject(place))
            }
            Fault::NotItsKey => Sentence::new(
                "the server does not prove that it has its certificate's key",
                "ask its administrator; maybe somebody in between",
            ),
            Fault::Broken(what) => Sentence::new(format!("certificate refused: {what}"), ANOTHER),
        }
    }
}

/// Both explanations, because we cannot know which one is true.
fn confirmed(cure: &str) -> String {
    in_between(&once_confirmed(cure))
}

fn in_between(cure: &str) -> String {
    format!("maybe somebody in between; {cure}")
}

fn once_confirmed(cure: &str) -> String {
    format!("{cure} once its administrator confirms it")
}

/// `option`, or what excludes it.
fn here(option: &str, facts: &Facts) -> String {
    once_confirmed(if facts.given.has_own_anchors() { "trust it here" } else { option })
}

fn version_one(facts: &Facts) -> Sentence {
    let cure = "ask the server's administrator for one of version 3";
    if facts.given.pin_only || facts.version == Some(Version::Tls12) {
        Sentence::new("X.509 version 1 certificate on TLS 1.2", cure)
            .more("TLS 1.3 could check its key, if the server had it")
    } else {
        Sentence::new("X.509 version 1 certificate", cure).more(confirmed("use --pin-only"))
    }
}
