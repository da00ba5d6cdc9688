//! The rustls connection: handshake, greeting, then a `Sender` and a `Receiver` that two threads own. The only
//! room that names `rustls::ClientConnection`; the shape is that of `split()` in rustls 0.24.
//!
//! Rules: no I/O while the connection is locked. Order of encryption is order on the wire, so only the one owner of the
//! `Sender` calls `write_tls` or writes the socket. Reception never waits for transmission (both directions full must
//! not deadlock): the connection's lock is the only one, and neither side holds it while it waits.

mod certificate;
mod failure;
mod handshake;
mod raw;
mod split;

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;

use nix::poll::PollFlags;
use nix::sys::socket::MsgFlags;
use rustls::pki_types::ServerName;
use rustls::ClientConnection;

use crate::deadline::{millis, Deadline};
use crate::error::{Error, Facts, Heard, NamedBy, Stage, Trouble, Version};
use crate::hooks;
use crate::options::Host;
use crate::smtp::{Collector, Reply};
use crate::text::{errno_text, escape, Foreign};
use crate::trust::{Trusted, ROOTS};
use crate::wait::{Waiter, Woken};
use crate::x509::{date, now, Validity};

use handshake::version;
use split::Next;

pub use handshake::handshake;
pub use split::{Ending, Received, Receiver, Sender};

/// What was agreed on, for the log.
#[derive(Clone, Debug)]
pub struct Agreed {
    pub version: Version,
    pub suite: String,
    pub group: String,
    /// None if none was agreed on; we offer none.
    pub alpn: Option<Foreign>,
    pub validity: Option<Validity>,
}

/// A connection that has finished its handshake.
pub struct Tls {
    pub sender: Sender,
    pub receiver: Receiver,
    pub facts: Agreed,
    /// What came behind the last reply.
    pub behind: Vec<u8>,
}

/// A reply, and its octets as they came.
pub struct Said {
    pub reply: Reply,
    pub octets: Vec<u8>,
}

/// Everything that belongs to one connection under construction.
pub struct Attempt<'a> {
    pub trusted: &'a Trusted,
    pub host: &'a Host,
    pub deadline: Deadline,
    /// How long the attempt was given, for the sentence when it is over.
    pub seconds: u64,
    pub waiter: &'a Waiter,
    pub packets: Packets,
}

/// How our side of the handshake is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packets {
    /// As large as the network takes them, for all we know.
    Usual,
    /// So small that every network takes them (RFC 1122 section 3.3.3: an MTU of 576).
    Small,
}

impl Tls {
    /// The greeting, or what stands in for it: it may sit in rustls already, and a TLS 1.3 server refuses our certificate only
    /// now.
    ///
    /// # Errors
    /// Those of the greeting stage, `Error::Terminated`.
    pub fn greeting(&mut self, attempt: &Attempt) -> Result<Said, Error> {
        hooks::enter("greeting");
        self.reply(Stage::Greeting, attempt)
    }

    /// One whole reply. What the server said behind it stays in `behind`.
    ///
    /// # Errors
    /// As `read`; `Error::NotSmtp`.
    pub fn reply(&mut self, stage: Stage, attempt: &Attempt) -> Result<Said, Error> {
        let mut collector = Collector::default();
        let mut octets = Vec::new();
        loop {
            if self.behind.is_empty() {
                let mut buffer = [0; 1024];
                let n = self.read(&mut buffer, stage, attempt)?;
                self.behind.extend_from_slice(buffer.get(..n).unwrap_or_default());
            }
            let (taken, reply) = collector.take(&self.behind);
            octets.extend(self.behind.drain(..taken));
            match reply {
                None => {}
                Some(Ok(reply)) => return Ok(Said { reply, octets }),
                Some(Err(fault)) => return Err(Error::not_smtp(stage, fault, collector.last())),
            }
        }
    }

    /// Some octets of the server, at least one, before the deadline.
    ///
    /// # Errors
    /// The end, a failure or silence of the server at `stage`; `Error::Terminated`.
    pub fn read(&mut self, buffer: &mut [u8], stage: Stage, attempt: &Attempt) -> Result<usize, Error> {
        loop {
            match self.receiver.next(buffer) {
                Next::Data(n) => return Ok(n),
                Next::CloseNotify | Next::End => return Err(Error::Closed { stage, heard: Heard::Something }),
                Next::Failed(error) => {
                    return Err(failure::explain(stage, &error, &[], attempt, Some(self.facts.version)))
                }
                Next::Starved => {
                    attempt.ready(&self.receiver.shared.stream, PollFlags::POLLIN, stage)?;
                    let version = Some(self.facts.version);
                    self.receiver
                        .fill(MsgFlags::MSG_DONTWAIT)
                        .map_err(|error| attempt.broken(stage, &error, version))?;
                }
            }
        }
    }

    /// Sends a line that the socket's buffer takes at once.
    ///
    /// # Errors
    /// The end of the connection at `stage`.
    pub fn write(&mut self, data: &[u8], stage: Stage) -> Result<(), Error> {
        self.sender.send(data).map_err(|_| Error::Reset { stage, heard: Heard::Something })
    }

    /// Our end of the connection.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.receiver.shared.stream.local_addr().ok()
    }

    /// Leaves a server that has greeted us.
    pub fn leave(mut self) {
        self.sender.leave(Deadline::after(millis(100)));
    }

    /// Ends a connection on which no session will be.
    pub fn abandon(mut self) {
        self.sender.close(Deadline::after(millis(100)));
        self.sender.shutdown(Shutdown::Both);
    }
}

impl Attempt<'_> {
    /// Waits for the socket; one clock for connect, handshake and greeting together.
    fn ready(&self, stream: &TcpStream, flags: PollFlags, stage: Stage) -> Result<(), Error> {
        match self.waiter.wait_for(stream.as_fd(), flags, self.deadline) {
            Ok(Woken::Ready) => Ok(()),
            Ok(Woken::Deadline) => Err(Error::Silent { stage, port: self.host.port, seconds: self.seconds }),
            Ok(Woken::Terminated) => Err(Error::Terminated { stage }),
            Err(error) => Err(self.broken(stage, &error, None)),
        }
    }

    fn broken(&self, stage: Stage, error: &io::Error, version: Option<Version>) -> Error {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Error::Reset { stage, heard: Heard::Something },
            _ => {
                let trouble = Trouble::Broken { how: errno_text(error) };
                Error::Tls { stage, trouble, facts: self.facts(version) }
            }
        }
    }

    /// What the sentence of a failure is made from.
    fn facts(&self, version: Option<Version>) -> Box<Facts> {
        let Attempt { trusted, host, .. } = self;
        let today = date(now());
        Box::new(Facts {
            server_name: host.server_name_text(),
            named_by: if host.is_named_by_option() { NamedBy::Option } else { NamedBy::Host },
            is_address: matches!(host.server_name, ServerName::IpAddress(_)),
            port: host.port,
            given: trusted.given,
            anchors: trusted.anchors.clone(),
            clock_behind: Some(ROOTS.1).filter(|roots| today.as_str() < *roots),
            today,
            asked: trusted.was_asked(),
            identity: trusted.identity.as_ref().and_then(certificate::own_fault),
            version,
            name_fits: self.name_fits(),
        })
    }

    /// Whether the certificate is for the server name; None if there is none, or if the key is the whole trust.
    fn name_fits(&self) -> Option<bool> {
        let chain = self.trusted.presented();
        let leaf = chain.leaf().filter(|_| !self.trusted.given.pin_only)?;
        Some(leaf.names.matching(&self.host.server_name).is_some())
    }

    fn agreed(&self, conn: &ClientConnection) -> Agreed {
        let suite = conn.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
        let group = conn.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())).unwrap_or_default();
        Agreed {
            // None is no agreement, which no one asks for.
            version: version(conn).unwrap_or(Version::Tls12),
            suite: suite.trim_start_matches("TLS13_").trim_start_matches("TLS_").to_owned(),
            group,
            alpn: conn.alpn_protocol().map(escape),
            validity: self.trusted.presented().leaf().map(|leaf| leaf.validity),
        }
    }
}
