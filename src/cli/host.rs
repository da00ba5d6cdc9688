//! `HOST[:PORT]`, and what people write in its place.

use std::ffi::OsStr;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;

use dns_lookup::{getaddrinfo, AddrInfoHints, SockType};
use rustls::pki_types::ServerName;

use super::values::{number, utf8};
use super::{shown, usage};
use crate::error::Error;
use crate::options::{Dial, Host, Mode, SUBMISSION, SUBMISSIONS};

/// HOST, HOST:PORT, `[V6]` or `[V6]:PORT`, with a zone (RFC 4007 section 11) as in `[fe80::1%eth0]`; `server_name` replaces what
/// is verified.
pub fn host(word: &OsStr, mode: Mode, server_name: Option<&ServerName<'static>>) -> Result<Host, Error> {
    not_a_host(word)?;
    let text = utf8("HOST", word)?;
    let (inside, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((inside, "")) => (inside, None),
            Some((inside, behind)) if behind.starts_with(':') => (inside, behind.get(1..)),
            _ => return usage(format!("{}: write an IPv6 address as [2001:db8::1] or [2001:db8::1]:465", shown(word))),
        },
        None if text.matches(':').count() > 1 => {
            return usage(format!("{}: an IPv6 address needs brackets, as in [2001:db8::1]:465", shown(word)))
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let number = port.map_or(Ok(mode.port()), |port| self::port(word, port))?;
    let (dial, zone) = if text.starts_with('[') {
        let (address, zone) = in_brackets(word, inside, port)?;
        (Dial::Address(address.into()), zone.map(str::to_owned))
    } else {
        (inside.parse().map_or_else(|_| Dial::Name(inside.to_owned()), Dial::Address), None)
    };
    let own = match &dial {
        Dial::Address(address) => ServerName::IpAddress((*address).into()),
        Dial::Name(name) => dns_name(word, name)?,
    };
    Ok(Host { name: inside.to_owned(), dial, zone, port: number, server_name: server_name.cloned().unwrap_or(own) })
}

/// What people write in its place.
fn not_a_host(word: &OsStr) -> Result<(), Error> {
    let text = word.to_str().unwrap_or_default();
    if text.contains("://") {
        return usage(format!(
            "{}: no URL here; give the host alone, as in `smtps-bridge smtp.example.com`",
            shown(word)
        ));
    }
    if let Some((_, host)) = text.rsplit_once('@') {
        return usage(format!(
            "{}: that is an account, not a host; give the smarthost of {}, the account is your mail program's matter",
            shown(word),
            if host.is_empty() { "the host".to_owned() } else { shown(host.as_ref()) }
        ));
    }
    // As stunnel takes its configuration. There is no top-level domain "conf".
    if word.as_bytes().contains(&b'/') || word.as_bytes().ends_with(b".conf") {
        return usage(format!(
            "{}: there is no configuration file; give the smarthost's name, as in `smtps-bridge smtp.example.com`",
            shown(word)
        ));
    }
    if let Some((host, port)) = text.split_once(' ').filter(|(host, port)| !host.is_empty() && is_port(port)) {
        return usage(format!(
            "{}: a colon belongs before the port, as in {}:{port}",
            shown(word),
            shown(host.as_ref())
        ));
    }
    if is_port(text) {
        return usage(format!("{text}: a port belongs behind its host and a colon, as in smtp.example.com:{text}"));
    }
    Ok(())
}

/// The address, and its zone.
fn in_brackets<'a>(word: &OsStr, inside: &'a str, port: Option<&str>) -> Result<(Ipv6Addr, Option<&'a str>), Error> {
    let (address, zone) = inside.split_once('%').map_or((inside, None), |(address, zone)| (address, Some(zone)));
    let Ok(address) = address.parse::<Ipv6Addr>() else {
        let plain = format!("{inside}{}", port.map(|port| format!(":{port}")).unwrap_or_default());
        return usage(format!(
            "{}: no IPv6 address between the brackets; write {} without them",
            shown(word),
            shown(plain.as_ref())
        ));
    };
    match zone {
        None if address.is_unicast_link_local() => {
            usage(format!("{}: a link-local address needs its interface, as in [{address}%eth0]", shown(word)))
        }
        Some(zone) if !is_zone(zone) => {
            usage(format!("{}: behind % belongs an interface, as in [fe80::1%eth0]", shown(word)))
        }
        None | Some(_) => Ok((address, zone)),
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && number::<u16>(text).is_some_and(|port| port > 0)
}

/// An interface's name or number (IFNAMSIZ is 16 with its NUL).
fn is_zone(text: &str) -> bool {
    (1..16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:@".contains(&b))
}

/// A DNS name as SNI and certificates have it: ASCII, without the dot of an absolute name.
pub fn dns_name(word: &OsStr, name: &str) -> Result<ServerName<'static>, Error> {
    let relative = name.strip_suffix('.').unwrap_or(name);
    match ServerName::try_from(relative.to_owned()) {
        // rustls takes one dot more, which SNI must not have (RFC 6066 section 3).
        Ok(server_name) if !relative.ends_with('.') => Ok(server_name),
        _ if name.is_empty() => {
            usage(format!("{}: no host name", if word.is_empty() { "HOST is empty".into() } else { shown(word) }))
        }
        _ if !name.is_ascii() => {
            usage(format!("{}: write the name in its ASCII form (xn--..., RFC 5890), as `idn2` prints it", shown(word)))
        }
        // getaddrinfo(3) reads 127.1 and 2130706433 as addresses (inet_aton(3)); certificates do not.
        _ if looks_like_address(relative) => usage(format!(
            "{}: an IPv4 address is four numbers from 0 to 255 without zeros in front, as in 192.0.2.1",
            shown(word)
        )),
        _ if relative.len() > 253 => usage(format!(
            "{}: a name has at most 253 octets (RFC 1035 section 2.3.4), this has {}",
            shown(word),
            relative.len()
        )),
        _ => usage(format!("{}: not a host name", shown(word))),
    }
}

/// No top-level domain is a number (RFC 3696 section 2).
fn looks_like_address(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())
}

/// A number from 1 to 65535 or a service name of /etc/services.
fn port(word: &OsStr, text: &str) -> Result<u16, Error> {
    // IANA's names, so that a machine without /etc/services knows them too.
    match text {
        "submissions" | "smtps" => return Ok(SUBMISSIONS),
        "submission" => return Ok(SUBMISSION),
        _ => {}
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match number(text) {
            Some(port) if port > 0 => Ok(port),
            _ => usage(format!("{}: a port is a number from 1 to 65535", shown(word))),
        };
    }
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    // A letter somewhere (RFC 6335 section 5.1): getaddrinfo(3) reads "+465" as a number.
    let known = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    known
        .then(|| getaddrinfo(None, Some(text), Some(hints)).ok()?.find_map(Result::ok))
        .flatten()
        .map(|found| found.sockaddr.port())
        .filter(|port| *port > 0)
        .ok_or_else(|| {
            Error::Usage(format!("{}: no such service in /etc/services; give the port's number", shown(word)))
        })
}

/// HOST or an option is the word before all others.
pub fn misplaced<T>(word: &OsStr) -> Result<T, Error> {
    usage(format!(
        "{}: it stands where the program's own name belongs; behind the program's path write `smtps-bridge {}`",
        shown(word),
        shown(word)
    ))
}

pub fn is_one(word: &OsStr) -> bool {
    let text = word.to_str().unwrap_or_default();
    !text.contains("smtps-bridge") && text.contains(['.', ':']) && host(word, Mode::ImplicitTls, None).is_ok()
}
