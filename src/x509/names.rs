//! The names of the subjectAltName, good or not (RFC 9525 section 2: the common name is none).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::ServerName;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode, NestedReader, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::Extension;

use crate::text::{escape, Foreign};

#[derive(Clone, Debug, Default)]
pub struct AltNames {
    /// Whether there is such an extension.
    pub is_there: bool,
    /// It cannot be read to its end.
    pub is_malformed: bool,
    /// Its DNS names and addresses, as far as they can be read.
    pub all: Vec<AltName>,
}

#[derive(Clone, Debug)]
pub struct AltName {
    pub text: Foreign,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Dns,
    /// `*.example.com`: it stands for many names and is none of them.
    Pattern,
    Address,
    /// An address among the DNS names: no verifier takes it for an address.
    AddressAsDns,
    /// Empty, or with octets that no host name has.
    NotAName,
}

impl AltNames {
    /// Read one by one: a name that breaks RFC 5280 must not hide the others from us.
    pub fn read(extensions: &[Extension]) -> AltNames {
        let Some(found) = extensions.iter().find(|extension| extension.extn_id == SUBJECT_ALT_NAME) else {
            return AltNames::default();
        };
        let mut all = Vec::new();
        let mut is_malformed = false;
        let read = |inside: &mut NestedReader<SliceReader>| {
            while !inside.is_finished() {
                let name = AnyRef::decode(inside)?;
                match alt_name(name.tag(), name.value()) {
                    Ok(name) => all.extend(name),
                    Err(Malformed) => is_malformed = true,
                }
            }
            Ok(())
        };
        // What comes behind an error stays unread.
        let end = SliceReader::new(found.extn_value.as_bytes()).and_then(|mut reader| {
            reader.sequence(read)?;
            reader.finish(())
        });
        AltNames { is_there: true, is_malformed: is_malformed || end.is_err(), all }
    }

    /// The first name that is this server's (RFC 9525 section 6).
    pub fn matching(&self, server: &ServerName) -> Option<&AltName> {
        let wanted = server.to_str().to_ascii_lowercase();
        let is_address = matches!(server, ServerName::IpAddress(_));
        self.all.iter().find(|name| {
            let text = name.text.whole().to_ascii_lowercase();
            match name.kind {
                Kind::Dns => !is_address && text == wanted,
                Kind::Pattern => {
                    !is_address && wanted.split_once('.').is_some_and(|(_, rest)| text.strip_prefix("*.") == Some(rest))
                }
                Kind::Address => is_address && text == wanted,
                Kind::AddressAsDns | Kind::NotAName => false,
            }
        })
    }

    /// Whether one of them would match if `*` stood for more than one label.
    pub fn is_for_a_parent_of(&self, server: &ServerName) -> bool {
        let wanted = server.to_str().to_ascii_lowercase();
        let is_parent = |text: &str| text.strip_prefix('*').is_some_and(|parent| wanted.ends_with(parent));
        self.all.iter().any(|name| name.kind == Kind::Pattern && is_parent(&name.text.whole().to_ascii_lowercase()))
    }
}

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

struct Malformed;

/// `GeneralName ::= CHOICE { dNSName [2], iPAddress [7] ... }` (RFC 5280 section 4.2.1.6)
fn alt_name(tag: Tag, value: &[u8]) -> Result<Option<AltName>, Malformed> {
    match tag {
        DNS_NAME => Ok(Some(AltName { text: escape(value), kind: dns_kind(value) })),
        IP_ADDRESS => {
            let v4 = <[u8; 4]>::try_from(value).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
            let v6 = <[u8; 16]>::try_from(value).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
            let address = v4.or(v6).map_err(|_| Malformed)?;
            Ok(Some(AltName { text: escape(address.to_string().as_bytes()), kind: Kind::Address }))
        }
        Tag::ContextSpecific { .. } => Ok(None),
        _ => Err(Malformed),
    }
}

fn dns_kind(value: &[u8]) -> Kind {
    let Ok(text) = std::str::from_utf8(value) else { return Kind::NotAName };
    if text.parse::<IpAddr>().is_ok() {
        return Kind::AddressAsDns;
    }
    let (kind, name) = match text.strip_prefix("*.") {
        Some(parent) => (Kind::Pattern, parent),
        None => (Kind::Dns, text),
    };
    match ServerName::try_from(name) {
        Ok(ServerName::DnsName(_)) if !name.ends_with('.') => kind,
        _ => Kind::NotAName,
    }
}

const DNS_NAME: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber::N2 };
const IP_ADDRESS: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber::N7 };

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> AltNames {
        let dns = |name: &&str| alt_name(DNS_NAME, name.as_bytes()).ok().flatten();
        AltNames { is_there: true, is_malformed: false, all: names.iter().filter_map(dns).collect() }
    }

    fn matched(names: &AltNames, server: &str) -> Option<String> {
        let server = ServerName::try_from(server.to_owned()).expect("a server name");
        names.matching(&server).map(|name| name.text.to_string())
    }

    #[test]
    fn a_star_stands_for_one_label_and_for_no_part_of_an_address() {
        let stars = names(&["a.example", "*.Example.com"]);
        assert_eq!(matched(&stars, "smtp.example.com").as_deref(), Some("*.Example.com"));
        assert_eq!(matched(&stars, "a.b.example.com"), None);
        assert_eq!(matched(&stars, "example.com"), None);
        assert_eq!(matched(&names(&["*.0.0.1", "127.0.0.1"]), "127.0.0.1"), None);
        let address =
            AltNames { all: alt_name(IP_ADDRESS, &[127, 0, 0, 1]).ok().flatten().into_iter().collect(), ..stars };
        assert_eq!(matched(&address, "127.0.0.1").as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn what_no_host_is_called_is_no_name() {
        let kinds = |all: &[&str]| names(all).all.iter().map(|name| name.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&["a.example", "*.a.example"]), [Kind::Dns, Kind::Pattern]);
        assert_eq!(kinds(&["", "a.example.", "*", "a*.example", "https://a.example"]), [Kind::NotAName; 5]);
        assert_eq!(kinds(&["192.0.2.1", "::1"]), [Kind::AddressAsDns; 2]);
    }
}
