//! A certificate that is for another name.

use super::super::{Facts, NamedBy, Sentence};
use super::{Names, Untrusted, NAME};
use crate::text::Foreign;

pub fn wrong_name(names: &Names, expired: Option<&str>, untrusted: Option<Untrusted>, facts: &Facts) -> Sentence {
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
        Names::NoHostName => ("is for no host", "a SAN without a DNS name".to_owned()),
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
    // The log and the report name HOST, and not the name that is expected instead.
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
        (Names::Others { .. }, NamedBy::Option) if expired.is_none() && untrusted.is_none() => {
            sentence("ask the server's administrator for its name; maybe somebody in between")
        }
        (Names::Others { .. }, NamedBy::Option) => sentence("ask its administrator; maybe somebody in between"),
        (Names::Others { .. }, NamedBy::Host) => match (expired, untrusted) {
            (None, None) => sentence("correct HOST, or ask the server's administrator; maybe somebody in between")
                .more("--server-name is for a name that its administrator confirms"),
            _ => sentence("correct HOST; maybe somebody in between"),
        },
    }
}

fn joined(names: &[Foreign]) -> String {
    names.iter().map(|name| format!("{name:.NAME$}")).collect::<Vec<_>>().join(", ")
}
