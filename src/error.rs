//! Every cause of "no session": one variant each, with its stage, exit code, enhanced status code (RFC 3463) and the
//! sentence that an operator reads. The log line, the 421 and `--check` take their words from here and nowhere else.
//!
//! A sentence is made from facts, not from the cause alone: what we sent, what was presented, which options are given,
//! what day it is, what the report has just seen (facts.rs).

mod certificate;
mod facts;
mod in_clear;
mod sentence;
mod table;
mod trouble;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::exit::Exit;
use crate::text::Foreign;

pub use certificate::{Fault, Issuer, Names, Untrusted};
pub use facts::{Elsewhere, Facts, Given, NamedBy, OnHello, OwnFault, Place, Rank, Seen, Version};
pub use in_clear::{Asked, InClear};
pub use sentence::Sentence;
pub use trouble::{Clear, Trouble};

/// Where in the story something happened; the same word in code, logs and manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Arguments,
    Resolve,
    Connect,
    /// The clear-text way to the handshake.
    StartTls,
    Handshake,
    Greeting,
    Relay,
    Close,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Stage::Arguments => "arguments",
            Stage::Resolve => "resolve",
            Stage::Connect => "connect",
            Stage::StartTls => "starttls",
            Stage::Handshake => "handshake",
            Stage::Greeting => "greeting",
            Stage::Relay => "relay",
            Stage::Close => "close",
        })
    }
}

#[derive(Debug)]
pub enum Error {
    /// argv; the sentence names the word and the cure.
    Usage(String),
    /// A file or user named by an option: `role` says which, `object` (a path) goes to the log only.
    Unusable {
        role: &'static str,
        object: String,
        problem: String,
    },
    /// Descriptor 0 cannot be a client.
    Descriptor(&'static str),
    Stranger {
        client: String,
    },
    OutOf {
        stage: Stage,
        source: io::Error,
    },
    Rights(String),
    Terminated {
        stage: Stage,
    },

    NoSuchName,
    NoAddress {
        family: &'static str,
    },
    /// 0.0.0.0 or `::`, which is how a resolver blocks a name.
    Blocked,
    ResolverFailed {
        problem: String,
    },
    /// `seconds`: how long it was given.
    ResolverSilent {
        seconds: u64,
    },

    Refused {
        port: u16,
    },
    /// The zone of a link-local address.
    NoInterface {
        name: Foreign,
    },
    /// In the system's words, without the error number.
    Unreachable {
        problem: String,
    },
    /// This machine has no way to any address of this family.
    NoRoute {
        family: &'static str,
    },
    ConnectTimeout {
        port: u16,
    },

    InClear(InClear),

    /// The server's end, a reset or silence before the session, except in answer to our hello (`Trouble`).
    Closed {
        stage: Stage,
        heard: Heard,
    },
    Reset {
        stage: Stage,
        heard: Heard,
    },
    /// `seconds`: how long it was given.
    Silent {
        stage: Stage,
        port: u16,
        seconds: u64,
    },
    /// A greeting other than 220; under `--check` also a refused EHLO.
    Turned {
        stage: Stage,
        line: Foreign,
    },

    /// The first line is not an SMTP reply, or it never ends.
    NotSmtp {
        stage: Stage,
        line: Foreign,
    },

    /// What the server presented is refused.
    Certificate {
        fault: Fault,
        facts: Box<Facts>,
    },
    /// TLS fails, and no certificate is to blame.
    Tls {
        stage: Stage,
        trouble: Trouble,
        facts: Box<Facts>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    Something,
}

impl Error {
    /// No later attempt would do better: SIGTERM, no descriptors, no threads.
    pub fn ends_all(&self) -> bool {
        matches!(self, Error::Terminated { .. } | Error::OutOf { .. })
    }

    /// A reply of 4yz or 5yz in place of a session: providers ban clients that ask again.
    pub fn says_no(&self) -> bool {
        matches!(
            self,
            Error::Turned { .. }
                | Error::InClear(InClear::Refused { .. })
                | Error::Tls { trouble: Trouble::Clear { what: Clear::TurnedAway { .. }, .. }, .. }
        )
    }

    /// What was said without TLS. Somebody in between may have said it, so it is quoted to the administrator, marked as
    /// such, and never to the client.
    pub fn clear(&self) -> Option<&Foreign> {
        match self {
            Error::Tls { trouble: Trouble::Clear { line, .. }, .. } => Some(line),
            Error::InClear(cause) => cause.said(),
            _ => None,
        }
    }
}

/// The exit code of several hosts: the first one's, or 75 if any cause was temporary, because then trying again may help.
pub fn exit<'a>(errors: impl Iterator<Item = &'a Error>) -> Exit {
    let exits: Vec<Exit> = errors.map(Error::exit).collect();
    if exits.contains(&Exit::TempFail) {
        Exit::TempFail
    } else {
        exits.first().copied().unwrap_or(Exit::Ok)
    }
}

/// One host (and address) that gave no session.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    /// HOST as it was given; None before there is one.
    pub host: Option<String>,
    /// What is verified; the name in the 421.
    pub server_name: Option<String>,
    pub addr: Option<SocketAddr>,
    /// Addresses tried.
    pub tried: usize,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error, host: None, server_name: None, addr: None, tried: 0 }
    }
}
