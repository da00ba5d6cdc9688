//! Every cause of "no session": one variant each, with its stage, exit code, enhanced status code (RFC 3463) and the
//! sentence that an operator reads. The log line, the 421 and `--check` take their words from here and nowhere else.

mod sentence;
mod table;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::exit::Exit;

/// Where in the story something happened; the same word in code, logs and manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Arguments,
    Resolve,
    Connect,
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
            Stage::Handshake => "handshake",
            Stage::Greeting => "greeting",
            Stage::Relay => "relay",
            Stage::Close => "close",
        })
    }
}

/// Foreign text inside a variant is escaped and capped (text.rs) by whoever makes it.
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

    NoSuchName {
        host: String,
    },
    NoAddress {
        host: String,
        family: &'static str,
    },
    ResolverFailed {
        host: String,
        problem: String,
    },
    /// `seconds`: how long it was given.
    ResolverSilent {
        host: String,
        seconds: u64,
    },

    Refused {
        port: u16,
    },
    /// 465, and behind it 587, where `--check` looked.
    RefusedBoth,
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

    /// The server's end, a reset or silence before the session: `stage` is handshake or greeting.
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
        seconds: u64,
    },
    /// A greeting other than 220; under `--check` also a refused EHLO. At the handshake, a reply of 4yz in plain text.
    Turned {
        stage: Stage,
        line: String,
    },

    /// The first line is no reply of SMTP, or one that never ends.
    NotSmtp {
        stage: Stage,
        line: String,
    },

    Expired {
        not_after: String,
    },
    NotYetValid {
        not_before: String,
    },
    WrongName {
        wanted: String,
        names: Vec<String>,
        more: usize,
    },
    UnknownIssuer {
        issuer: Option<Issuer>,
        anchors: String,
    },
    CaAsServer {
        key: Pin,
    },
    PinMismatch {
        presented: Pin,
    },
    /// X.509 version 1 on TLS 1.2: no signature of its key can be checked there.
    VersionOne,
    WeakKey {
        problem: String,
    },
    BadCertificate {
        problem: String,
    },

    PlainSmtp {
        line: String,
    },
    NotTls {
        looks_like: &'static str,
        line: String,
    },
    OldTls,
    NothingInCommon {
        problem: String,
    },
    Alert {
        stage: Stage,
        name: String,
    },
    /// An alert that can only be about the certificate that we sent, or did not send.
    OurCertificate {
        stage: Stage,
        name: String,
        sent: Sent,
    },
    Protocol {
        stage: Stage,
        problem: String,
    },
}

/// A pin as `--pin` takes it: `sha256//BASE64`, or nothing where the certificate cannot be read.
pub type Pin = Option<String>;

/// Where the chain that a server sent comes to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The leaf is signed by itself.
    Itself,
    /// The top is a root: it was sent, and is none of our trust anchors.
    Sent(String),
    /// Somebody who was not sent.
    Missing(String),
    /// One of our trust anchors, by its name; its key is another.
    Namesake(String),
    /// A CA, sent or a trust anchor, whose RSA key is too short (or too long) for any signature.
    Weak { name: String, bits: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    Something,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Certificate,
    None,
}

/// The exit code of several hosts: the first one's, or 75 if any cause was temporary, because then trying again may help.
pub fn exit<'a>(errors: impl Iterator<Item = &'a Error>) -> Exit {
    let exits: Vec<Exit> = errors.map(Error::exit).collect();
    match exits.contains(&Exit::TempFail) {
        true => Exit::TempFail,
        false => exits.first().copied().unwrap_or(Exit::Ok),
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
