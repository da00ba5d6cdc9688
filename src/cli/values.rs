//! The values of options and operands: one parser each, one sentence each when a word is wrong.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use rustls::pki_types::ServerName;

use super::host::dns_name;
use super::{shown, usage};
use crate::error::Error;
use crate::options::{KeyHash, LogTo, Network, UserSpec, Versions};

pub fn server_name(name: &str, word: &OsStr) -> Result<ServerName<'static>, Error> {
    let text = utf8(name, word)?;
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inside.unwrap_or(text).parse::<IpAddr>() {
        Ok(address) => Ok(ServerName::IpAddress(address.into())),
        Err(_) if text.contains(['[', ']', '%']) => {
            usage(format!("{name} {}: it is a name, an IPv4 address, or an IPv6 address as ::1 or [::1]", shown(word)))
        }
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

/// 1 to 3600: no session waits for ever, and an MTA stops waiting for the greeting after 5 minutes (RFC 5321 section
/// 4.5.3.2).
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
pub fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

pub fn network(name: &str, word: &OsStr) -> Result<Network, Error> {
    let text = word.to_str().unwrap_or_default();
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else {
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
    let network = Network::around(address, length);
    if network.address != address {
        let right = network.address;
        return usage(format!("{name} {}: the network is {right}/{length}, or leave /{length} out", shown(word)));
    }
    Ok(network)
}

/// One address and a port, both in numbers, because the superserver that binds them looks up no name.
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

pub fn utf8<'a>(name: &str, word: &'a OsStr) -> Result<&'a str, Error> {
    match word.to_str() {
        Some(text) if !text.contains('\0') => Ok(text),
        _ => usage(format!("{name} {}: not a name", shown(word))),
    }
}
