//! The values of options and operands: one parser each, one sentence each when a word is wrong.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use dns_lookup::{getaddrinfo, AddrInfoHints, SockType};
use rustls::pki_types::ServerName;

use super::{shown, usage};
use crate::error::Error;
use crate::options::{mask, Dial, Host, KeyHash, LogTo, Mode, Network, UserSpec, Versions, SUBMISSION, SUBMISSIONS};

/// HOST, HOST:PORT, [V6] or [V6]:PORT; `server_name` replaces what is verified.
///
/// # Errors
/// `Error::Usage`.
pub fn host(word: &OsStr, mode: Mode, server_name: Option<&ServerName<'static>>) -> Result<Host, Error> {
    if word.to_str().is_some_and(|text| text.contains("://")) {
        return usage(format!(
            "{}: no URL here: give the host alone, as in `smtps-bridge smtp.example.com`",
            shown(word)
        ));
    }
    if let Some((_, host)) = word.to_str().and_then(|text| text.rsplit_once('@')) {
        return usage(format!(
            "{}: that is an account, not a host: give {} alone; the account is your mail program's matter",
            shown(word),
            if host.is_empty() { "the host".to_owned() } else { shown(host.as_ref()) }
        ));
    }
    // As stunnel takes its configuration. There is no top-level domain "conf".
    if word.as_bytes().contains(&b'/') || word.as_bytes().ends_with(b".conf") {
        return usage(format!(
            "{}: there is no configuration file: give the smarthost's name, as in `smtps-bridge smtp.example.com`",
            shown(word)
        ));
    }
    let text = utf8("HOST", word)?;
    let (name, port) = match text.strip_prefix('[') {
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
    let port = port.map_or(Ok(mode.port()), |port| self::port(word, port))?;
    let dial = match (name.parse::<IpAddr>(), text.starts_with('[')) {
        (Ok(IpAddr::V6(address)), true) => Dial::Address(IpAddr::V6(address)),
        (_, true) => return usage(format!("{}: no IPv6 address between the brackets", shown(word))),
        (Ok(address), false) => Dial::Address(address),
        (Err(_), false) => Dial::Name(name.to_owned()),
    };
    let own = match &dial {
        Dial::Address(address) => ServerName::IpAddress((*address).into()),
        Dial::Name(name) => dns_name(word, name)?,
    };
    Ok(Host { name: name.to_owned(), dial, port, server_name: server_name.cloned().unwrap_or(own) })
}

/// A DNS name as SNI and certificates have it: ASCII, without the dot of an absolute name.
fn dns_name(word: &OsStr, name: &str) -> Result<ServerName<'static>, Error> {
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

pub fn server_name(name: &str, word: &OsStr) -> Result<ServerName<'static>, Error> {
    let text = utf8(name, word)?;
    match text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => Ok(ServerName::IpAddress(address.into())),
        Err(_) => dns_name(word, text),
    }
}

pub fn path(_name: &str, word: &OsStr) -> Result<PathBuf, Error> {
    Ok(PathBuf::from(word))
}

pub fn pin(name: &str, word: &OsStr) -> Result<KeyHash, Error> {
    let hash = word.to_str().and_then(|text| text.strip_prefix("sha256//")).and_then(|base64| {
        let mut hash = [0; 32];
        match Base64::decode(base64, &mut hash) {
            Ok(decoded) if decoded.len() == 32 => Some(KeyHash(hash)),
            _ => None,
        }
    });
    hash.ok_or_else(|| {
        Error::Usage(format!(
            "{name} {}: a pin is sha256// and the 44 characters of a SHA-256 in base64; repeat {name} for another key",
            shown(word)
        ))
    })
}

pub fn min_tls(name: &str, word: &OsStr) -> Result<Versions, Error> {
    match word.to_str() {
        Some("1.2") => Ok(Versions::Tls12AndLater),
        Some("1.3") => Ok(Versions::Tls13Only),
        _ => usage(format!("{name} {}: it is 1.2 or 1.3", shown(word))),
    }
}

pub fn log_to(name: &str, word: &OsStr) -> Result<LogTo, Error> {
    match word.to_str() {
        Some("syslog") => Ok(LogTo::Syslog),
        Some("stderr") => Ok(LogTo::Stderr),
        Some("none") => Ok(LogTo::None),
        _ => usage(format!("{name} {}: it is syslog, stderr or none", shown(word))),
    }
}

/// 1 to 3600: no session waits for ever, and an MTA gives up the greeting after 5 minutes (RFC 5321 section 4.5.3.2).
pub fn setup_timeout(name: &str, word: &OsStr) -> Result<Duration, Error> {
    match seconds(word) {
        Some(s @ 1..=3600) => Ok(Duration::from_secs(s)),
        _ => usage(format!("{name} {}: it is a number of seconds from 1 to 3600", shown(word))),
    }
}

/// A client may wait 10 minutes for the answer to its final dot (RFC 5321 section 4.5.3.2.6): nothing below 660.
pub fn idle_timeout(name: &str, word: &OsStr) -> Result<Option<Duration>, Error> {
    match seconds(word) {
        Some(0) => Ok(None),
        Some(s @ 660..=31_536_000) => Ok(Some(Duration::from_secs(s))),
        Some(1..=659) => usage(format!(
            "{name} {}: at least 660 seconds, because a client may wait 10 minutes after its final dot; or 0 for none",
            shown(word)
        )),
        _ => usage(format!("{name} {}: it is a number of seconds, 0 or from 660 to 31536000", shown(word))),
    }
}

fn seconds(word: &OsStr) -> Option<u64> {
    number(word.to_str()?)
}

/// Digits only: Rust's own parser also takes a plus sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

pub fn network(name: &str, word: &OsStr) -> Result<Network, Error> {
    let (address, length) = match word
        .to_str()
        .map(|text| text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l))))
    {
        Some((address, length)) => (address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>(), length),
        None => return usage(format!("{name} {}: it is an address or a network, as in 192.168.1.0/24", shown(word))),
    };
    let Ok(address) = address else {
        return usage(format!("{name} {}: it is an address or a network, as in 192.168.1.0/24", shown(word)));
    };
    let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
    let length = match length.map_or(Some(bits), number) {
        Some(length) if length <= bits => length,
        _ => return usage(format!("{name} {}: the length of a network is a number up to {bits}", shown(word))),
    };
    // ::ffff:192.168.1.0/120 is 192.168.1.0/24; shorter than 96 it would hold all of IPv4 and more.
    let (address, length) = match address.to_canonical() {
        IpAddr::V4(v4) if address.is_ipv6() => (IpAddr::V4(v4), length.saturating_sub(96)),
        same => (same, length),
    };
    if length == 0 {
        return usage(format!("{name} {}: that is everybody; this program never serves strangers", shown(word)));
    }
    let masked = match address {
        IpAddr::V4(v4) => {
            IpAddr::V4(u32::try_from(mask(u128::from(u32::from(v4)) << 96, length) >> 96).unwrap_or(0).into())
        }
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(mask(u128::from(v6), length))),
    };
    if masked != address {
        return usage(format!("{name} {}: the network is {masked}/{length}, or leave /{length} out", shown(word)));
    }
    Ok(Network { address, length })
}

/// One address and a port, both in numbers: what binds them has no name to look up.
pub fn listen(name: &str, word: &OsStr) -> Result<SocketAddr, Error> {
    let form = || format!("{name} {}: it is ADDR:PORT in numbers, as in 127.0.0.1:2525 or [::1]:2525", shown(word));
    let Some(listen) = word.to_str().and_then(|text| text.parse::<SocketAddr>().ok()) else { return usage(form()) };
    let ip = listen.ip().to_canonical();
    let scope = matches!(listen, SocketAddr::V6(v6) if v6.scope_id() != 0);
    if listen.port() == 0 || scope || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return usage(format!("{}, with a port from 1 to 65535", form()));
    }
    if ip.is_unspecified() {
        return usage(format!(
            "{name} {}: that is every address of this machine, those on the internet too, and the local side is \
             plaintext: name the one address that the clients use",
            shown(word)
        ));
    }
    Ok(SocketAddr::new(ip, listen.port()))
}

pub fn user(name: &str, word: &OsStr) -> Result<UserSpec, Error> {
    let text = utf8(name, word)?;
    match text.split_once(':') {
        None if text.bytes().all(|b| b.is_ascii_digit()) => {
            usage(format!("{name} {text}: a user's number needs a group's, as in 65534:65534"))
        }
        None => Ok(UserSpec::Name(text.to_owned())),
        Some((uid, gid)) => match (number(uid), number(gid)) {
            // -1 means "no change" to setresuid(2).
            (Some(uid), Some(gid)) if uid != u32::MAX && gid != u32::MAX => Ok(UserSpec::Ids { uid, gid }),
            _ => usage(format!("{name} {}: it is NAME, or UID:GID in numbers", shown(word))),
        },
    }
}

fn utf8<'a>(name: &str, word: &'a OsStr) -> Result<&'a str, Error> {
    match word.to_str() {
        Some(text) if !text.contains('\0') => Ok(text),
        _ => usage(format!("{name} {}: not a name", shown(word))),
    }
}
