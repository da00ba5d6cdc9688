//! The handshake, octet by octet: what each end or silence in it means.

use std::net::TcpStream;

use nix::poll::PollFlags;
use nix::sys::socket::MsgFlags;
use rustls::{ClientConnection, ProtocolVersion};

use super::raw::{send_apart, send_now, Raw};
use super::{failure, split, Agreed, Attempt, Packets, Tls};
use crate::error::{Error, Heard, Stage, Trouble, Version};
use crate::hooks;
use crate::socket::acknowledge;

const STAGE: Stage = Stage::Handshake;

/// Enough to tell plain SMTP, HTTP and SSH apart, and one octet more than a line shows, so that a cut is seen.
const HEAD: usize = 201;

/// With its headers less than 576.
const SMALL: usize = 500;

/// Handshake on a connected socket. What was agreed on before a failure stays in `learned`.
///
/// # Errors
/// Those of the handshake stage, `Error::Terminated`.
pub fn handshake(stream: TcpStream, attempt: &Attempt, learned: &mut Option<Agreed>) -> Result<Tls, Error> {
    hooks::enter("handshake");
    // What an earlier server presented or asked for must not be taken for this one's.
    attempt.trusted.forget();
    let conn = ClientConnection::new(attempt.trusted.config.clone(), attempt.host.server_name.clone())
        .map_err(|error| failure::explain(STAGE, &error, &[], attempt, None))?;
    let mut handshake = Handshake { conn, stream: &stream, attempt, raw: Raw::new(), head: Vec::new() };
    let done = handshake.run();
    let Handshake { conn, raw, .. } = handshake;
    let failed = done.inspect_err(|_| *learned = version(&conn).map(|_| attempt.agreed(&conn)))?;
    let facts = attempt.agreed(&conn);
    let (sender, receiver) = split::split(conn, raw, failed, stream);
    Ok(Tls { sender, receiver, facts, behind: Vec::new() })
}

pub fn version(conn: &ClientConnection) -> Option<Version> {
    conn.protocol_version().map(|version| match version {
        ProtocolVersion::TLSv1_3 => Version::Tls13,
        _ => Version::Tls12,
    })
}

struct Handshake<'a> {
    conn: ClientConnection,
    stream: &'a TcpStream,
    attempt: &'a Attempt<'a>,
    raw: Raw,
    /// The first octets of the server, should they turn out not to be TLS.
    head: Vec<u8>,
}

impl Handshake<'_> {
    /// Returns what was wrong with what came behind the handshake.
    fn run(&mut self) -> Result<Option<rustls::Error>, Error> {
        loop {
            self.send()?;
            if !self.conn.is_handshaking() {
                // A server may hold its greeting until its session tickets are acknowledged.
                acknowledge(self.stream);
                return Ok(None);
            }
            // An empty slice would be the end of file to rustls.
            while self.raw.is_empty() {
                self.receive()?;
            }
            if let Err(error) = self.raw.feed(&mut self.conn) {
                // This is the session's error, and not the handshake's: what stands between the two is delivered.
                if !self.conn.is_handshaking() {
                    return Ok(Some(error));
                }
                // The alert gives the reason to the server's log; it must not hold us.
                let _ = send_now(self.stream, &self.flight());
                return Err(failure::explain(STAGE, &error, &self.head, self.attempt, version(&self.conn)));
            }
        }
    }

    /// What rustls wants to send.
    fn flight(&mut self) -> Vec<u8> {
        let mut flight = Vec::new();
        // Into memory it cannot fail.
        let _ = self.conn.write_tls(&mut flight);
        flight
    }

    fn send(&mut self) -> Result<(), Error> {
        let flight = self.flight();
        let mut left = flight.as_slice();
        while !left.is_empty() {
            let sent = match self.attempt.packets {
                Packets::Usual => send_now(self.stream, left),
                Packets::Small => send_apart(self.stream, left.get(..SMALL).unwrap_or(left)),
            };
            let sent = sent.map_err(|error| match self.attempt.broken(STAGE, &error, version(&self.conn)) {
                Error::Reset { stage, .. } if self.head.is_empty() => Error::Reset { stage, heard: Heard::Nothing },
                other => other,
            })?;
            left = left.get(sent..).unwrap_or_default();
            if !left.is_empty() {
                self.attempt.ready(self.stream, PollFlags::POLLOUT, STAGE)?;
            }
        }
        Ok(())
    }

    /// One read, which may bring nothing after all.
    fn receive(&mut self) -> Result<(), Error> {
        let attempt = self.attempt;
        let failed = |trouble| Err(Error::Tls { stage: STAGE, trouble, facts: attempt.facts(version(&self.conn)) });
        let nothing_came = self.head.is_empty();
        match attempt.ready(self.stream, PollFlags::POLLIN, STAGE) {
            Err(Error::Silent { seconds, .. }) if nothing_came => return failed(Trouble::SilentOnHello { seconds }),
            other => other?,
        }
        match self.raw.read(self.stream, MsgFlags::MSG_DONTWAIT) {
            Ok(Some(0)) if nothing_came => failed(Trouble::ClosedOnHello),
            Ok(Some(0)) if !failure::looks_like_tls(&self.head) => failed(failure::not_tls(&self.head)),
            Ok(Some(0)) => Err(Error::Closed { stage: STAGE, heard: Heard::Something }),
            Err(_) if nothing_came => failed(Trouble::ResetOnHello),
            Err(error) => Err(attempt.broken(STAGE, &error, version(&self.conn))),
            Ok(_) => {
                self.head.extend(self.raw.filled().iter().take(HEAD.saturating_sub(self.head.len())));
                Ok(())
            }
        }
    }
}
