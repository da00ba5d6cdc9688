//! Every cause of "no session": one variant each, with its stage, exit code, enhanced status code (RFC 3463) and the
//! sentence that an operator reads. The log line, the 421 and `--check` take their words from here and nowhere else.

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
    /// A word of argv that is a path, as stunnel takes its configuration.
    HostIsAFile(String),
    /// A file or user named by an option: `role` says which, `object` (a path) goes to the log only.
    Unusable {
        role: &'static str,
        object: String,
        problem: String,
    },
    /// Descriptor 0 cannot be a client.
    Descriptor(&'static str),
    /// The client's connection was gone before we looked at it.
    ClientGone,
    Stranger {
        client: String,
    },
    OutOf {
        what: &'static str,
        source: io::Error,
    },
    Rights(String),
    Terminated,

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
    ResolverSilent {
        host: String,
    },

    Refused {
        port: u16,
    },
    Unreachable {
        problem: String,
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
    },
    Silent {
        stage: Stage,
        seconds: u64,
    },
    /// A greeting other than 220 of a host that is not the last one.
    Turned {
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

impl Error {
    pub fn stage(&self) -> Stage {
        match self {
            Error::Usage(_)
            | Error::HostIsAFile(_)
            | Error::Unusable { .. }
            | Error::Descriptor(_)
            | Error::ClientGone
            | Error::Stranger { .. }
            | Error::OutOf { .. }
            | Error::Rights(_)
            | Error::Terminated => Stage::Arguments,
            Error::NoSuchName { .. }
            | Error::NoAddress { .. }
            | Error::ResolverFailed { .. }
            | Error::ResolverSilent { .. } => Stage::Resolve,
            Error::Refused { .. } | Error::Unreachable { .. } | Error::ConnectTimeout { .. } => Stage::Connect,
            Error::Closed { stage, .. }
            | Error::Reset { stage }
            | Error::Silent { stage, .. }
            | Error::Alert { stage, .. }
            | Error::OurCertificate { stage, .. }
            | Error::Protocol { stage, .. } => *stage,
            Error::Turned { .. } => Stage::Greeting,
            Error::Expired { .. }
            | Error::NotYetValid { .. }
            | Error::WrongName { .. }
            | Error::UnknownIssuer { .. }
            | Error::CaAsServer { .. }
            | Error::PinMismatch { .. }
            | Error::VersionOne
            | Error::WeakKey { .. }
            | Error::BadCertificate { .. }
            | Error::PlainSmtp { .. }
            | Error::NotTls { .. }
            | Error::OldTls
            | Error::NothingInCommon { .. } => Stage::Handshake,
        }
    }

    pub fn exit(&self) -> Exit {
        self.row().0
    }

    /// The enhanced status code (RFC 3463) behind the 421.
    pub fn status(&self) -> &'static str {
        self.row().1
    }

    /// The table of the manual's EXIT STATUS and of design section 6.
    fn row(&self) -> (Exit, &'static str) {
        match self {
            Error::Usage(_) | Error::HostIsAFile(_) => (Exit::Usage, "4.3.5"),
            Error::Unusable { .. } | Error::Descriptor(_) => (Exit::Config, "4.3.5"),
            Error::ClientGone => (Exit::IoError, "4.4.2"),
            Error::Stranger { .. } => (Exit::NoPermission, "4.7.0"),
            Error::OutOf { .. } | Error::Rights(_) => (Exit::OsError, "4.3.0"),
            Error::Terminated => (Exit::TempFail, "4.3.2"),
            Error::ResolverFailed { .. } | Error::ResolverSilent { .. } => (Exit::TempFail, "4.4.3"),
            Error::NoSuchName { .. } | Error::NoAddress { .. } => (Exit::TempFail, "4.4.4"),
            Error::Refused { .. } | Error::Unreachable { .. } | Error::ConnectTimeout { .. } => {
                (Exit::TempFail, "4.4.1")
            }
            Error::Closed { .. } | Error::Reset { .. } | Error::Silent { .. } => (Exit::TempFail, "4.4.2"),
            Error::Turned { .. } => (Exit::TempFail, "4.3.2"),
            Error::Expired { .. }
            | Error::NotYetValid { .. }
            | Error::WrongName { .. }
            | Error::UnknownIssuer { .. }
            | Error::CaAsServer { .. }
            | Error::PinMismatch { .. }
            | Error::VersionOne
            | Error::WeakKey { .. }
            | Error::BadCertificate { .. } => (Exit::Unavailable, "4.7.5"),
            Error::PlainSmtp { .. }
            | Error::NotTls { .. }
            | Error::OldTls
            | Error::NothingInCommon { .. }
            | Error::Alert { .. }
            | Error::OurCertificate { .. }
            | Error::Protocol { .. } => (Exit::Protocol, "4.7.5"),
        }
    }

    /// The sentence for the client: as for the log, without a local path.
    pub fn reply(&self) -> String {
        match self {
            Error::HostIsAFile(_) => HOST_IS_A_FILE.to_owned(),
            Error::Unusable { role, problem, .. } => format!("{role}: {problem}"),
            other => other.to_string(),
        }
    }
}

const HOST_IS_A_FILE: &str = "there is no configuration file: give the smarthost's name, as in \
                              `smtps-bridge smtp.example.com`";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Usage(sentence) | Error::Rights(sentence) => f.write_str(sentence),
            Error::HostIsAFile(path) => write!(f, "{path}: {HOST_IS_A_FILE}"),
            Error::Unusable { role, object, problem } => write!(f, "{role} {object}: {problem}"),
            Error::Descriptor(problem) => f.write_str(problem),
            Error::ClientGone => f.write_str("the client went away before the session began"),
            Error::Stranger { client } => {
                write!(f, "client {client} is not on this machine and no --allow-from names it")
            }
            Error::OutOf { what, source } => write!(f, "out of {what}: {source}"),
            Error::Terminated => f.write_str("told to end (SIGTERM) before the session began; try again later"),

            Error::NoSuchName { host } => write!(f, "no such name: {host}; is it spelled right?"),
            Error::NoAddress { host, family } => write!(f, "{host} has no {family} address"),
            Error::ResolverFailed { host, problem } => {
                write!(f, "the name lookup for {host} failed: {problem}; does this machine's resolver work?")
            }
            Error::ResolverSilent { host } => {
                write!(f, "the name lookup for {host} got no answer in time; does this machine's resolver work?")
            }

            Error::Refused { port } => write!(f, "connection refused{}", only_587(*port)),
            Error::Unreachable { problem } => write!(f, "unreachable: {problem}"),
            Error::ConnectTimeout { port } => {
                write!(f, "no answer{}; a firewall may drop it", only_587(*port))
            }

            Error::Closed { stage: Stage::Handshake, heard: Heard::Nothing } => {
                f.write_str("the server closed on our hello: if it is old or behind a middlebox, try --no-pq")
            }
            Error::Closed { stage, .. } => {
                write!(f, "the server closed the connection {}", before(*stage))
            }
            Error::Reset { stage } => write!(f, "the server reset the connection {}", before(*stage)),
            Error::Silent { stage, seconds } => {
                write!(f, "the server connected but was silent or slow: not done after {seconds} s, {}", before(*stage))
            }
            Error::Turned { line } => write!(f, "the server turned us away: {line}"),

            Error::Expired { not_after } => {
                write!(f, "certificate expired on {not_after}: its administrator must renew it")
            }
            Error::NotYetValid { not_before } => {
                write!(f, "certificate not valid before {not_before}: is this machine's clock right?")
            }
            Error::WrongName { wanted, names, more } => {
                write!(f, "certificate is not for {wanted}")?;
                match names.as_slice() {
                    [] => f.write_str(" and has no name at all"),
                    names => write!(f, " but for {}", names.join(", ")),
                }?;
                match more {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }?;
                f.write_str(": use its name as HOST or as --server-name")
            }
            // No pin here: whoever sits between us and the smarthost would be trusted by a paste. `--check` shows it.
            Error::UnknownIssuer { anchors } => {
                write!(f, "certificate from an unknown issuer ({anchors}): use --ca-file with its CA")
            }
            Error::CaAsServer { key: Some(pin) } => {
                write!(f, "a CA certificate used as a server certificate: use --pin-only {pin}")
            }
            Error::CaAsServer { key: None } => {
                f.write_str("a CA certificate used as a server certificate: use --pin-only")
            }
            Error::PinMismatch { presented: Some(pin) } => {
                write!(f, "the server's key is not the pinned one: it is {pin}; ask its administrator before you trust it")
            }
            Error::PinMismatch { presented: None } => {
                f.write_str("the server's key is not the pinned one, and its certificate cannot be read")
            }
            Error::VersionOne => f.write_str(
                "an X.509 version 1 certificate works with TLS 1.3 and --pin-only alone, and this server speaks TLS 1.2",
            ),
            Error::WeakKey { problem } => {
                write!(f, "the server's key cannot be used ({problem}): it needs RSA of 2048 bits or more, or ECDSA")
            }
            Error::BadCertificate { problem } => write!(f, "certificate refused: {problem}"),

            Error::PlainSmtp { line } => write!(
                f,
                "plain SMTP instead of TLS ({line}): this port is for STARTTLS, as 587 is; implicit TLS is usually on 465"
            ),
            Error::NotTls { looks_like, line } => write!(f, "{looks_like} instead of TLS ({line}): is the port right?"),
            Error::OldTls => f.write_str("the server has only TLS 1.1 or older, which nobody should use: upgrade it"),
            Error::NothingInCommon { problem } => write!(f, "no TLS version, suite or group in common: {problem}"),
            Error::Alert { stage, name } => write!(f, "the server ended TLS {} with the alert {name}", before(*stage)),
            Error::OurCertificate { name, sent: Sent::None, .. } => {
                write!(f, "the server wants a client certificate (alert {name}): use --cert and --key")
            }
            Error::OurCertificate { name, sent: Sent::Certificate, .. } => {
                write!(f, "the server refuses our client certificate (alert {name}): is --cert the one it expects?")
            }
            Error::Protocol { stage, problem } => write!(f, "TLS failed {}: {problem}", before(*stage)),
        }
    }
}

fn before(stage: Stage) -> &'static str {
    match stage {
        Stage::Handshake => "in the handshake",
        Stage::Arguments | Stage::Resolve | Stage::Connect | Stage::Greeting => "before its greeting",
        Stage::Relay | Stage::Close => "in the session",
    }
}

fn only_587(port: u16) -> String {
    match port {
        465 => " on port 465: does the server use only 587? then let your MTA do STARTTLS".to_owned(),
        other => format!(" on port {other}"),
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
