//! What is wrong with the certificates that a server presented.
//!
//! Whoever sits between us and the smarthost presents certificates too: no sentence teaches to trust what was presented
//! without its administrator's word, and none holds a pin to paste, but that of a key that is not the pinned one.

use super::{Facts, NamedBy, Place, Rank, Sentence, Version};
use crate::text::Foreign;

#[derive(Clone, Debug)]
pub enum Fault {
    Expired {
        on: String,
        place: Place,
    },
    NotYetValid {
        from: String,
        place: Place,
    },
    WrongName {
        names: Names,
        too: Option<Too>,
    },
    UnknownIssuer(Issuer),
    /// webpki takes no CA certificate for a server's.
    CaAsServer,
    /// As `--pin` takes it; None where it cannot be read.
    PinMismatch {
        presented: Option<String>,
    },
    /// X.509 version 1: only TLS 1.3 can check a signature by its key, and only where the key is the whole trust.
    VersionOne,
    WeakKey {
        bits: usize,
        place: Place,
    },
    /// Signed with a hash that is no proof any more.
    OldSignature {
        hash: &'static str,
        place: Place,
    },
    /// The handshake is not signed by the certificate's key.
    NotItsKey,
    /// Anything else: what it, or the chain, is.
    Broken(&'static str),
}

/// The names of a certificate that is for another one.
#[derive(Clone, Debug)]
pub enum Names {
    /// The first ones, and how many more there are.
    Others(Vec<Foreign>, usize),
    /// The server name is an address, and stands among the DNS names.
    AddressAsDns,
    /// No subjectAltName, which alone counts (RFC 9525 section 2).
    CommonNameOnly(Foreign),
    None,
    /// What there is of it.
    Malformed(Vec<Foreign>),
}

/// What is wrong beside the name, so that to mend one of them alone is no cure.
#[derive(Clone, Debug)]
pub enum Too {
    Expired(String),
    UnknownIssuer,
}

/// Where the chain that a server sent comes to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The leaf is signed by itself.
    Itself,
    /// The top is a root: it was sent, and is none of our trust anchors.
    Sent(Foreign),
    /// Somebody who was not sent.
    Missing(Foreign),
    /// One of our trust anchors, by its name; its key is another.
    Namesake(Foreign),
    /// Nothing could be read.
    Unread,
}

/// A name beside others, and before what we say of it; a DNS name has at most 253 octets (RFC 1035 section 2.3.4).
const NAME: usize = 64;

fn joined(names: &[Foreign]) -> String {
    names.iter().map(|name| format!("{name:.NAME$}")).collect::<Vec<_>>().join(", ")
}

/// HOST is an address: what a server shows, or does, without a name says nothing of the one that is meant.
pub const NO_SNI: &str = "give HOST by name, because no SNI is sent for an address";

const CA_AS_SERVER: &str = "CA certificate, not a server's";
const ANOTHER: &str = "ask its administrator for another";

impl Fault {
    pub fn sentence(&self, facts: &Facts) -> Sentence {
        match self {
            Fault::Expired { on, place } => expired(on, place, facts),
            Fault::NotYetValid { from, place } => not_yet_valid(from, place, facts),
            Fault::WrongName { names, too } => wrong_name(names, too.as_ref(), facts),
            Fault::UnknownIssuer(issuer) => unknown_issuer(issuer, facts),
            Fault::CaAsServer if facts.needs_sni() => {
                Sentence::new(CA_AS_SERVER, NO_SNI).more(confirmed("use --pin-only"))
            }
            Fault::CaAsServer => Sentence::new(CA_AS_SERVER, confirmed("use --pin-only"))
                .more("--check shows its pin; a server certificate would be better"),
            Fault::PinMismatch { presented } => {
                let it_is = presented.as_ref().map_or("it cannot be read".to_owned(), |pin| format!("it is {pin}"));
                let cause = "the server's key is not the pinned one";
                Sentence::new(cause, "ask its administrator; maybe somebody in between answers")
                    .detail(it_is)
                    .more(if facts.needs_sni() { NO_SNI } else { "" })
            }
            Fault::VersionOne => version_one(facts),
            Fault::WeakKey { bits, place } => {
                let (whose, who) = match place.rank {
                    Rank::Leaf => ("the server's key".to_owned(), "the server's"),
                    Rank::Intermediate | Rank::Root => (format!("the key of {}", which(place)), "the server's"),
                    Rank::Ours => (format!("the key of {}", which(place)), "the CA's"),
                };
                Sentence::new(
                    format!("{whose} cannot be used: RSA of {bits} bits"),
                    "it needs RSA of 2048 to 8192 bits, or ECDSA",
                )
                .detail(name(place))
                .more(format!("ask {who} administrator for it"))
            }
            Fault::OldSignature { hash, place } => {
                let cause = format!("{} is signed with {hash}, which is not safe", which(place));
                Sentence::new(cause, ANOTHER).detail(name(place))
            }
            Fault::NotItsKey => Sentence::new(
                "the server does not prove that it has its certificate's key",
                "ask its administrator; maybe somebody in between",
            ),
            Fault::Broken(what) => Sentence::new(format!("certificate refused: {what}"), ANOTHER),
        }
    }
}

/// Both explanations of what nobody here knows.
fn confirmed(cure: &str) -> String {
    in_between(&once_confirmed(cure))
}

fn in_between(cure: &str) -> String {
    format!("maybe somebody in between; {cure}")
}

fn once_confirmed(cure: &str) -> String {
    format!("{cure} once its administrator confirms it")
}

/// `certificate`, or which of those above it.
fn which(place: &Place) -> String {
    let Place { number, of, rank, .. } = place;
    match rank {
        Rank::Leaf => "certificate".to_owned(),
        Rank::Intermediate => format!("intermediate {number} of {of}"),
        Rank::Root => format!("root CA {number} of {of}"),
        Rank::Ours => "our root CA".to_owned(),
    }
}

/// The leaf's is the server's own.
fn name(place: &Place) -> String {
    match place.rank {
        Rank::Leaf => String::new(),
        Rank::Intermediate | Rank::Root | Rank::Ours => place.name.to_string(),
    }
}

fn expired(on: &str, place: &Place, facts: &Facts) -> Sentence {
    let cause = format!("{} expired on {on}, today is {}", which(place), facts.today);
    let (cure, more) = match place.rank {
        Rank::Leaf => {
            ("ask the server's administrator to renew it", "or set this machine's clock if that date is wrong")
        }
        Rank::Intermediate => {
            ("ask the server's administrator to replace it", "the server's own certificate is not to blame")
        }
        Rank::Root | Rank::Ours => {
            ("ask its administrator for another chain", "if it has one, update the roots on this machine")
        }
    };
    Sentence::new(cause, cure).detail(name(place)).more(more)
}

fn not_yet_valid(from: &str, place: &Place, facts: &Facts) -> Sentence {
    let cause = format!("{} not valid before {from}, today is {}", which(place), facts.today);
    match facts.clock_behind {
        Some(roots) => Sentence::new(cause, "set this machine's clock, it is wrong")
            .detail(name(place))
            .more(format!("this program's roots are of {roots}")),
        None => Sentence::new(cause, "set this clock, or ask its administrator")
            .detail(name(place))
            .more("it may have been installed too early"),
    }
}

fn wrong_name(names: &Names, too: Option<&Too>, facts: &Facts) -> Sentence {
    let (cause, detail) = match names {
        Names::Others(first, 0) if first.len() == 1 => ("certificate is for another name", joined(first)),
        Names::Others(first, 0) => ("certificate is for other names", joined(first)),
        Names::Others(first, more) => ("certificate is for other names", format!("{} and {more} more", joined(first))),
        Names::AddressAsDns => ("certificate has the address as a DNS name", String::new()),
        Names::CommonNameOnly(common) => {
            ("certificate has a CN but no SAN", format!("CN={common:.NAME$}, and only a SAN counts"))
        }
        Names::None => ("certificate is for no name (no SAN)", String::new()),
        Names::Malformed(found) => ("certificate has a malformed SAN", joined(found)),
    };
    let (too, more) = match too {
        None => ("", String::new()),
        Some(Too::UnknownIssuer) => (", from an unknown CA", String::new()),
        Some(Too::Expired(on)) => (", and expired", format!("it expired on {on}, today is {}", facts.today)),
    };
    // The log and the report tell of HOST, and not of what is wanted in its place.
    let wanted = match facts.named_by {
        NamedBy::Host => String::new(),
        NamedBy::Option => format!("wanted is {}", facts.server_name),
    };
    let detail = [wanted, detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", and it has ");
    let sentence = |cure: &str| Sentence::new(format!("{cause}{too}"), cure).detail(detail).more(more);
    match names {
        Names::CommonNameOnly(_) | Names::None => sentence("ask its administrator to reissue it with a SAN"),
        Names::AddressAsDns | Names::Malformed(_) => sentence("ask its administrator to reissue it"),
        Names::Others(..) if facts.needs_sni() => sentence(NO_SNI),
        Names::Others(..) => match facts.named_by {
            NamedBy::Host if too.is_empty() => {
                sentence("correct HOST, or ask its administrator; maybe somebody in between answers")
                    .more("--server-name is for a name that its administrator confirms")
            }
            NamedBy::Host => sentence("correct HOST; maybe somebody in between answers"),
            NamedBy::Option => sentence("correct --server-name; maybe somebody in between answers"),
        },
    }
}

fn unknown_issuer(issuer: &Issuer, facts: &Facts) -> Sentence {
    const UNKNOWN: &str = "certificate from an unknown CA";
    let none_of = format!("not in {}", facts.anchors);
    // --ca-file and --system-roots exclude the other options of trust; the detail names the one that is in force.
    let excluded = facts.given.ca_file || facts.given.system_roots;
    let here = |option| once_confirmed(if excluded { "trust it here" } else { option });
    let mut sentence = match issuer {
        Issuer::Missing(name) => Sentence::new(
            "certificate from an unknown CA, not sent",
            "ask its administrator for the whole chain; maybe somebody in between",
        )
        .detail(format!("{name:.NAME$}, {none_of}"))
        .more(format!("if the server has a CA of its own, {}", here("use --ca-file"))),
        Issuer::Sent(name) => {
            Sentence::new(UNKNOWN, in_between(&here("use --ca-file"))).detail(format!("{name:.NAME$}, {none_of}"))
        }
        Issuer::Itself => Sentence::new("self-signed certificate", in_between(&here("use --pin-only"))).detail(none_of),
        Issuer::Namesake(name) => Sentence::new(
            "its CA has a trusted name but another key",
            "ask its administrator for the new CA; maybe somebody in between",
        )
        .detail(name.to_string()),
        Issuer::Unread => Sentence::new(UNKNOWN, in_between(&here("use --ca-file"))).detail(none_of),
    };
    if facts.needs_sni() {
        sentence.more = std::mem::replace(&mut sentence.cure, NO_SNI.to_owned());
    }
    sentence
}

fn version_one(facts: &Facts) -> Sentence {
    let cure = "ask its administrator for one of version 3";
    if facts.given.pin_only || facts.version == Some(Version::Tls12) {
        Sentence::new("X.509 version 1 certificate on TLS 1.2", cure).more("TLS 1.3 could check its key")
    } else {
        Sentence::new("X.509 version 1 certificate", cure).more(confirmed("use --pin-only"))
    }
}
