//! A certificate that leads to none of our trust anchors.

use super::super::{Facts, Sentence};
use super::{here, in_between, once_confirmed, Issuer, NAME};

pub fn unknown_issuer(issuer: &Issuer, facts: &Facts) -> Sentence {
    const UNKNOWN: &str = "certificate from an unknown CA";
    let none_of = format!("not in {}", facts.anchors);
    match issuer {
        // A root need not be sent, and the missing issuer is probably one.
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
            if facts.given.has_own_anchors() {
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
