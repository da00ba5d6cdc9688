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
        /// The date of an intermediate that has expired beside the leaf.
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

/// What is wrong beside it, so that to mend one thing alone is no cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untrusted {
    SelfSigned,
    UnknownCa,
}

/// Where the chain that a server sent comes to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The leaf is signed by itself.
    Itself,
    /// The top is a root: it was sent, and is none of our trust anchors.
    Sent { name: Foreign, expired: Option<String> },
    /// Somebody who was not sent. `only_leaf`: no intermediate was, either.
    Missing { name: Foreign, only_leaf: bool },
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

const CA_AS_SERVER: &str = "CA certificate, not a server's";
const ANOTHER: &str = "ask the server's administrator for another";

impl Fault {
    pub fn sentence(&self, facts: &Facts) -> Sentence {
        let sentence = self.with_sni(facts);
        match self {
            // Without a name a server shows a certificate that says nothing of the one that is meant; a key that is pinned does.
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
                let (whose, who) = match place.rank {
                    Rank::Leaf => ("the server's key".to_owned(), "the server's"),
                    Rank::Intermediate | Rank::CrossSigned | Rank::Root => {
                        (format!("the key of {}", which(place)), "the server's")
                    }
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
        Rank::Intermediate | Rank::CrossSigned => format!("intermediate {number} of {of}"),
        Rank::Root => format!("root CA {number} of {of}"),
        Rank::Ours => "our root CA".to_owned(),
    }
}

/// The leaf's is the server's own.
fn name(place: &Place) -> String {
    match place.rank {
        Rank::Leaf => String::new(),
        Rank::Intermediate | Rank::CrossSigned | Rank::Root | Rank::Ours => place.name.to_string(),
    }
}

fn expired(
    on: &str,
    place: &Place,
    intermediate: Option<&str>,
    untrusted: Option<Untrusted>,
    facts: &Facts,
) -> Sentence {
    let today = &facts.today;
    let cause = |what: &str| format!("{what} expired on {on}, today is {today}");
    match (place.rank, untrusted, intermediate) {
        (Rank::Leaf, Some(Untrusted::SelfSigned), _) => {
            Sentence::new(cause("self-signed certificate"), "ask the server's administrator for another")
                .more(in_between(&here("use --pin-only", facts)))
        }
        (Rank::Leaf, Some(Untrusted::UnknownCa), _) => {
            Sentence::new(cause("certificate"), "ask the server's administrator to renew it")
                .detail("and its CA is unknown")
                .more("maybe somebody in between answers")
        }
        (Rank::Leaf, None, Some(other)) => {
            let cause = format!("certificate and its intermediate expired, today is {today}");
            Sentence::new(cause, "ask the server's administrator to renew both").detail(format!("on {on} and {other}"))
        }
        (Rank::Leaf, None, None) => Sentence::new(cause("certificate"), "ask the server's administrator to renew it")
            .more("or set this machine's clock if that date is wrong"),
        (Rank::CrossSigned, _, _) => Sentence::new(cause(&which(place)), format!("update {}", ours(facts)))
            .detail(name(place))
            .more("or ask the server's administrator for another chain"),
        (Rank::Intermediate | Rank::Root | Rank::Ours, _, _) => {
            Sentence::new(cause(&which(place)), "ask the server's administrator to replace it")
                .detail(name(place))
                .more("the server's own certificate is not to blame")
        }
    }
}

/// What holds the trust anchors, and can be updated here.
fn ours(facts: &Facts) -> &str {
    if has_own_anchors(facts) {
        &facts.anchors
    } else {
        "this program"
    }
}

/// Under `--ca-file` and `--system-roots`, which exclude the other options of trust.
fn has_own_anchors(facts: &Facts) -> bool {
    facts.given.ca_file || facts.given.system_roots
}

/// `option`, or what excludes it.
fn here(option: &str, facts: &Facts) -> String {
    once_confirmed(if has_own_anchors(facts) { "trust it here" } else { option })
}

fn not_yet_valid(from: &str, place: &Place, facts: &Facts) -> Sentence {
    let cause = format!("{} not valid before {from}, today is {}", which(place), facts.today);
    match facts.clock_behind {
        Some(roots) => Sentence::new(cause, "set this machine's clock, it is wrong")
            .detail(name(place))
            .more(format!("because this program's roots are of {roots}")),
        None => Sentence::new(cause, "set this clock, or ask its administrator")
            .detail(name(place))
            .more("it may have been installed too early"),
    }
}

fn wrong_name(names: &Names, expired: Option<&str>, untrusted: Option<Untrusted>, facts: &Facts) -> Sentence {
    let (cause, detail) = match names {
        Names::Others { first, more, deeper } => {
            let others = if first.len() == 1 && *more == 0 { "is for another name" } else { "is for other names" };
            let more = if *more == 0 { String::new() } else { format!(" and {more} more") };
            let star = if *deeper { ", and * stands for one label" } else { "" };
            (others, format!("{}{more}{star}", joined(first)))
        }
        Names::AddressAsDns => ("has the address as a DNS name", String::new()),
        Names::CommonNameOnly(common) => ("has a CN but no SAN", format!("CN={common:.NAME$}, and only a SAN counts")),
        Names::None => ("is for no name", "no SAN".to_owned()),
        Names::NoHostName => ("is for no host", "its SAN has no DNS name".to_owned()),
        Names::Malformed(found) => ("has a malformed SAN", joined(found)),
    };
    let subject = if untrusted == Some(Untrusted::SelfSigned) { "self-signed certificate" } else { "certificate" };
    let too = match (expired, untrusted) {
        (None, None | Some(Untrusted::SelfSigned)) => "",
        (None, Some(Untrusted::UnknownCa)) => ", from an unknown CA",
        (Some(_), None | Some(Untrusted::SelfSigned)) => ", and expired",
        (Some(_), Some(Untrusted::UnknownCa)) => ", expired, from an unknown CA",
    };
    let cause = format!("{subject} {cause}{too}");
    let more = expired.map(|on| format!("it expired on {on}, today is {}", facts.today)).unwrap_or_default();
    // The log and the report tell of HOST, and not of what is wanted in its place.
    let wanted = match facts.named_by {
        NamedBy::Host => String::new(),
        NamedBy::Option => format!("wanted is {}", facts.server_name),
    };
    let detail = [wanted, detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", and it has ");
    let sentence = |cure: &str| Sentence::new(cause, cure).detail(detail).more(more);
    if facts.needs_sni() && !matches!(names, Names::AddressAsDns) {
        return sentence(facts.no_sni());
    }
    match (names, facts.named_by) {
        (Names::CommonNameOnly(_) | Names::None | Names::NoHostName, _) => {
            sentence("ask its administrator to reissue it with a SAN")
        }
        (Names::AddressAsDns | Names::Malformed(_), _) => sentence("ask its administrator to reissue it"),
        (Names::Others { .. }, NamedBy::Option) => sentence("correct --server-name; maybe somebody in between"),
        (Names::Others { .. }, NamedBy::Host) => match (expired, untrusted) {
            (None, None) => sentence("correct HOST, or ask the server's administrator; maybe somebody in between")
                .more("--server-name is for a name that its administrator confirms"),
            _ => sentence("correct HOST; maybe somebody in between"),
        },
    }
}

fn unknown_issuer(issuer: &Issuer, facts: &Facts) -> Sentence {
    const UNKNOWN: &str = "certificate from an unknown CA";
    let none_of = format!("not in {}", facts.anchors);
    match issuer {
        // A root need not be sent, and is what is probably missing.
        Issuer::Missing { name, only_leaf: false } if facts.given.ca_file => {
            Sentence::new(UNKNOWN, in_between(&once_confirmed("trust it here")))
                .detail(format!("{name:.NAME$}, {none_of}"))
                .more("or leave out --ca-file if it is a public CA, or ask for the whole chain")
        }
        Issuer::Missing { name, .. } => {
            let sentence = Sentence::new(
                "certificate from an unknown CA, not sent",
                "ask its administrator for the chain or CA; maybe somebody in between",
            );
            if has_own_anchors(facts) {
                sentence.detail(format!("{name:.NAME$}, {none_of}"))
            } else {
                sentence.detail(format!("{name:.NAME$}")).more("a CA of its own is for --ca-file")
            }
        }
        Issuer::Sent { name, expired: None } => Sentence::new(UNKNOWN, in_between(&here("use --ca-file", facts)))
            .detail(format!("{name:.NAME$}, {none_of}")),
        Issuer::Sent { name, expired: Some(on) } => Sentence::new(
            format!("unknown CA, expired on {on}, today is {}", facts.today),
            "ask its administrator; maybe somebody in between",
        )
        .detail(format!("{name:.NAME$}, {none_of}")),
        Issuer::Itself => {
            Sentence::new("self-signed certificate", in_between(&here("use --pin-only", facts))).detail(none_of)
        }
        Issuer::Namesake(name) => Sentence::new(
            "its CA has a trusted name but another key",
            "ask its administrator for the new CA; maybe somebody in between",
        )
        .detail(name.to_string()),
        Issuer::Unread => Sentence::new(UNKNOWN, in_between(&here("use --ca-file", facts))).detail(none_of),
    }
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
