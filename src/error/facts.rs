//! What a sentence is made from, besides its cause.

use std::fmt;

use crate::text::Foreign;

/// The facts of one handshake: filled once, when it has failed, from the command line and from what came.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What is verified; sent as SNI too, unless it is an address (RFC 6066 section 3).
    pub server_name: String,
    pub named_by: NamedBy,
    pub is_address: bool,
    pub port: u16,
    pub given: Given,
    /// The trust anchors in words.
    pub anchors: String,
    /// This machine's date.
    pub today: String,
    /// The date of our roots, if this machine's date is earlier: then its clock is wrong.
    pub clock_behind: Option<&'static str>,
    /// Whether the server asked for a client certificate, and what is wrong with ours.
    pub asked: bool,
    pub identity: Option<OwnFault>,
    /// Agreed on; None before the server's hello.
    pub version: Option<Version>,
    /// Whether the certificate is for `server_name`; None if none came or its name does not matter (`--pin-only`).
    pub name_fits: Option<bool>,
}

impl Facts {
    /// Without SNI a server shows its default certificate, or refuses us.
    pub fn needs_sni(&self) -> bool {
        self.is_address && self.name_fits != Some(true)
    }

    /// Its cure.
    pub fn no_sni(&self) -> &'static str {
        match self.named_by {
            NamedBy::Host => "give HOST by name, as an address has no SNI",
            NamedBy::Option => "--server-name needs a name, not an address",
        }
    }
}

/// Of the certificate of `--cert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnFault {
    Expired(String),
    /// Its extended key usage.
    NotForClients,
}

/// Where the server name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    Host,
    /// `--server-name`
    Option,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Version::Tls12 => "TLSv1.2",
            Version::Tls13 => "TLSv1.3",
        })
    }
}

/// The options that it would be useless to advise, because they are given already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    pub ca_file: bool,
    pub system_roots: bool,
    pub pin_only: bool,
    pub cert: bool,
    pub min_tls: bool,
    pub no_pq: bool,
}

impl Given {
    /// `--ca-file` or `--system-roots`, which exclude the other options of trust.
    pub fn has_own_anchors(self) -> bool {
        self.ca_file || self.system_roots
    }
}

/// Which of the certificates that were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The leaf is 1.
    pub number: usize,
    pub of: usize,
    pub rank: Rank,
    /// `CN=R11`
    pub name: Foreign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    Leaf,
    Intermediate,
    /// A newer root, signed by one of our trust anchors.
    CrossSigned,
    /// Signed by itself.
    Root,
    /// A trust anchor.
    Ours,
}

/// What the report has seen before it gives the reason; empty in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `--check` says it, and need not be advised.
    pub in_report: bool,
    pub on_hello: Option<OnHello>,
    /// What is on the other port of a mail server.
    pub other_port: Option<(u16, Elsewhere)>,
}

impl Seen {
    /// A report that has tried nothing.
    pub fn report() -> Seen {
        Seen { in_report: true, ..Seen::default() }
    }
}

/// What answered other hellos, if nothing answered the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHello {
    /// A hello without ML-KEM is answered each time, and one with it never.
    MlKemInTheWay,
    /// The same, and one with ML-KEM in small packets is answered too.
    LargePacketsLost,
    /// None is answered.
    Never,
    /// The connection ends although we say nothing.
    EndsUnasked,
    /// The same one is answered a second later.
    ComesAndGoes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    Refused,
    Silent,
    StartTls,
    /// SMTP without STARTTLS.
    Plain,
    ImplicitTls,
    /// Whatever it is, it has been reported.
    Other,
}

impl Elsewhere {
    pub fn words(self) -> &'static str {
        match self {
            Elsewhere::Refused => "connection refused",
            Elsewhere::Silent => "it is silent",
            Elsewhere::StartTls => "it offers STARTTLS",
            Elsewhere::Plain => "it does not offer STARTTLS",
            Elsewhere::ImplicitTls => "it speaks implicit TLS",
            Elsewhere::Other => "",
        }
    }
}
