//! What the command line can say: plain types that hold no forbidden combination. cli.rs makes them, all others read them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::kinds::Wanted;
use crate::smtp::{address_literal, Rules};

/// Port of mail servers among themselves, `smtp` (RFC 5321 section 4.5.4.2).
pub const SMTP: u16 = 25;

/// Port of implicit TLS, `submissions` (RFC 8314 section 7.3).
pub const SUBMISSIONS: u16 = 465;

/// Port of STARTTLS, `submission` (RFC 6409 section 3.1).
pub const SUBMISSION: u16 = 587;

pub struct Options {
    /// Invariant: never empty.
    pub hosts: Vec<Host>,
    pub mode: Mode,
    pub trust: Trust,
    pub family: Family,
    /// None: the clocks of dial.rs.
    pub setup_timeout: Option<Duration>,
    /// None: off.
    pub idle_timeout: Option<Duration>,
    pub allow_from: Vec<Network>,
    pub user: Option<UserSpec>,
    pub logging: Logging,
    pub newlines: Newlines,
    /// `--no-reply`, `--require-auth`. Invariant: with STARTTLS it is SMTP.
    pub rules: Rules,
}

impl Options {
    /// Whether the client is one of SMTP.
    pub fn replies(&self) -> Replies {
        match self.rules {
            Rules::NotSmtp => Replies::None,
            Rules::Follow | Rules::RequireAuth => Replies::Smtp,
        }
    }
}

/// What `--print-config` fills in: a command line that has been checked, in its own words.
pub struct Lines {
    pub wanted: Wanted,
    pub options: Options,
    /// In the order of the help.
    pub given: Vec<Given>,
    pub hosts: Vec<String>,
    /// Invariant: loopback, or one address with at least one `--allow-from`; the port is above 0.
    pub listen: SocketAddr,
}

/// An option of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub name: &'static str,
    pub value: Option<String>,
}

/// A smarthost: what is dialled (`dial`, `port`) and what is verified and sent as SNI (`server_name`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// HOST as it was given, without the port.
    pub name: String,
    pub dial: Dial,
    /// The interface of a link-local address.
    pub zone: Option<String>,
    pub port: u16,
    pub server_name: ServerName<'static>,
}

impl Host {
    /// The server name for people: the log and the 421.
    pub fn server_name_text(&self) -> String {
        self.server_name.to_str().into_owned()
    }

    /// The same in a greeting of ours, which has an address in brackets.
    pub fn greeting_name(&self) -> String {
        match self.server_name {
            ServerName::IpAddress(address) => address_literal(address.into()),
            _ => self.server_name_text(),
        }
    }

    /// Whether `--server-name`, and not HOST, says what is verified.
    pub fn is_named_by_option(&self) -> bool {
        let own = match &self.dial {
            Dial::Name(name) => name.trim_end_matches('.').to_owned(),
            Dial::Address(address) => address.to_string(),
        };
        !own.eq_ignore_ascii_case(&self.server_name_text())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dial {
    Name(String),
    Address(IpAddr),
}

/// How TLS begins, with every host of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    ImplicitTls,
    StartTls,
}

impl Mode {
    /// The port if none is given.
    pub fn port(self) -> u16 {
        match self {
            Mode::ImplicitTls => SUBMISSIONS,
            Mode::StartTls => SUBMISSION,
        }
    }

    /// In the log line; None for the usual one.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Mode::ImplicitTls => None,
            Mode::StartTls => Some("starttls"),
        }
    }
}

pub struct Trust {
    pub server: ServerTrust,
    pub identity: Option<Identity>,
    pub versions: Versions,
    pub groups: Groups,
}

pub enum ServerTrust {
    /// Chain, name and dates to a trust anchor; with pins, the leaf's key must also be one of them.
    Chain { anchors: Anchors, pins: Vec<KeyHash> },
    /// The key is the whole trust.
    KeyOnly { pins: Vec<KeyHash> },
}

pub enum Anchors {
    #[cfg(not(feature = "system-roots"))]
    BuiltIn,
    File(PathBuf),
    System,
}

impl Anchors {
    /// What is used without an option.
    #[cfg(not(feature = "system-roots"))]
    pub const USUAL: Anchors = Anchors::BuiltIn;
    #[cfg(feature = "system-roots")]
    pub const USUAL: Anchors = Anchors::System;
}

/// SHA-256 of the SubjectPublicKeyInfo in DER (RFC 7469 section 2.4), as curl's `--pinnedpubkey` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

pub struct Identity {
    pub cert: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    Tls12AndLater,
    Tls13Only,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    PostQuantumFirst,
    Classical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Both,
    V4,
    V6,
}

impl Family {
    pub fn fits(self, dial: &Dial) -> bool {
        match (self, dial) {
            (Family::V4, Dial::Address(address)) => address.is_ipv4(),
            (Family::V6, Dial::Address(address)) => address.is_ipv6(),
            (Family::Both, _) | (_, Dial::Name(_)) => true,
        }
    }
}

/// Invariant: the length is at least 1 and at most the address's, no bit is set behind it, and the address is not
/// IPv4-mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    pub length: u8,
}

impl Network {
    /// The one of that length which holds `address`.
    pub fn around(address: IpAddr, length: u8) -> Network {
        let behind = |bits: u32| bits.saturating_sub(length.into());
        let address = match address {
            IpAddr::V4(v4) => (v4 & Ipv4Addr::from(u32::MAX.checked_shl(behind(32)).unwrap_or(0))).into(),
            IpAddr::V6(v6) => (v6 & Ipv6Addr::from(u128::MAX.checked_shl(behind(128)).unwrap_or(0))).into(),
        };
        Network { address, length }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        Network::around(address.to_canonical(), self.length) == *self
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserSpec {
    Name(String),
    Ids { uid: u32, gid: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logging {
    /// None: syslog if descriptor 2 is the client's or closed, else stderr.
    pub to: Option<LogTo>,
    pub level: log::LevelFilter,
}

impl Default for Logging {
    fn default() -> Logging {
        Logging { to: None, level: log::LevelFilter::Info }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    Syslog,
    Stderr,
    None,
}

/// How much `--check` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    All,
    WrongOnly,
}

impl Verbosity {
    /// `-q` means the same to a session's log and to the report.
    pub fn of(logging: Logging) -> Verbosity {
        match logging.level {
            log::LevelFilter::Warn => Verbosity::WrongOnly,
            _ => Verbosity::All,
        }
    }
}

/// What descriptor 2 is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stderr {
    /// The client's, and now /dev/null; or it was closed.
    NotOurs,
    Ours,
}

/// What becomes of LF from the local side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newlines {
    AsTheyAre,
    Crlf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// 421 on failure.
    Smtp,
    /// Nothing of ours, and no greeting stage: in the protocol the client may speak first.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, length: u8) -> Network {
        Network { address: address.parse().expect("address"), length }
    }

    #[test]
    fn a_network_holds_its_addresses_and_their_mapped_form_and_no_others() {
        let lan = network("192.168.1.0", 24);
        assert!(lan.contains("192.168.1.77".parse().expect("address")));
        assert!(lan.contains("::ffff:192.168.1.77".parse().expect("address")));
        assert!(!lan.contains("192.168.2.1".parse().expect("address")));
        assert!(!lan.contains("::1".parse().expect("address")));
        let six = network("2001:db8::", 32);
        assert!(six.contains("2001:db8:1::9".parse().expect("address")));
        assert!(!six.contains("2001:db9::".parse().expect("address")));
        assert!(network("10.0.0.1", 32).contains("10.0.0.1".parse().expect("address")));
        assert!(!network("10.0.0.1", 32).contains("10.0.0.2".parse().expect("address")));
    }
}
