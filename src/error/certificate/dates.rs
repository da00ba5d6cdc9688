//! Certificates that have expired, or are not valid yet.

use super::super::{Facts, Place, Rank, Sentence};
use super::{confirmed, Untrusted};

/// `certificate`, or which of those above it.
pub fn which(place: &Place) -> String {
    let Place { number, of, rank, .. } = place;
    match rank {
        Rank::Leaf => "certificate".to_owned(),
        Rank::Intermediate | Rank::CrossSigned => format!("intermediate {number} of {of}"),
        Rank::Root => format!("root CA {number} of {of}"),
        Rank::Ours => "our root CA".to_owned(),
    }
}

/// The leaf's is the server's own.
pub fn subject(place: &Place) -> String {
    match place.rank {
        Rank::Leaf => String::new(),
        Rank::Intermediate | Rank::CrossSigned | Rank::Root | Rank::Ours => place.name.to_string(),
    }
}

pub fn expired(
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
                .more(if facts.given.has_own_anchors() { String::new() } else { confirmed("use --pin-only") })
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
            .detail(subject(place))
            .more("or ask the server's administrator for another chain"),
        (Rank::Intermediate | Rank::Root | Rank::Ours, _, _) => {
            Sentence::new(cause(&which(place)), "ask the server's administrator to replace it")
                .detail(subject(place))
                .more("the server's own certificate is not to blame")
        }
    }
}

/// What holds the trust anchors, and can be updated here.
fn ours(facts: &Facts) -> &str {
    if facts.given.has_own_anchors() {
        &facts.anchors
    } else {
        "this program"
    }
}

pub fn not_yet_valid(from: &str, place: &Place, facts: &Facts) -> Sentence {
    let cause = format!("{} not valid before {from}, today is {}", which(place), facts.today);
    match facts.clock_behind {
        Some(roots) => Sentence::new(cause, "set this machine's clock, which is wrong")
            .detail(subject(place))
            .more(format!("because this program's roots are of {roots}")),
        None => Sentence::new(cause, "check this machine's clock")
            .detail(subject(place))
            .more("or ask the server's administrator, because it may have been installed too early"),
    }
}
