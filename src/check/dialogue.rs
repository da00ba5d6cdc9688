//! As much SMTP as a look at a server needs: read the greeting, say EHLO, say QUIT. Never a credential, never MAIL.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use nix::poll::PollFlags;

use crate::deadline::{seconds, Deadline};
use crate::error::{Error, Heard, Stage};
use crate::smtp::{Code, Collector, Reply};
use crate::text::escape;
use crate::tls::{Attempt, Tls};
use crate::wait::{Waiter, Woken};

/// One line of a reply (RFC 5321 section 4.5.3.1.5).
const LINE: usize = 512;

/// QUIT is a courtesy: a server that does not answer it must not hold us.
const QUIT_S: u64 = 5;

/// What the words travel on.
pub trait Wire {
    fn send(&mut self, data: &[u8], stage: Stage) -> Result<(), Error>;

    /// At least one octet.
    fn receive(&mut self, buffer: &mut [u8], stage: Stage) -> Result<usize, Error>;

    /// No later than `deadline` from now on.
    fn hurry(&mut self, deadline: Deadline);
}

pub struct Dialogue<W> {
    wire: W,
    /// Received and not yet read.
    pending: Vec<u8>,
}

impl<W: Wire> Dialogue<W> {
    pub fn new(wire: W) -> Dialogue<W> {
        Dialogue { wire, pending: Vec::new() }
    }

    /// # Errors
    /// `Error::Turned` for anything but 220, `Error::NotSmtp`, and all that can happen to a connection at the greeting stage.
    pub fn greeting(&mut self, said: &mut Option<String>) -> Result<(), Error> {
        let reply = self.reply(Stage::Greeting)?;
        *said = Some(escape(reply.first(), LINE));
        turned_unless(reply, Code::READY, Stage::Greeting).map(drop)
    }

    /// EHLO with the address literal of our socket (RFC 5321 section 4.1.4: a client without a name of its own).
    ///
    /// # Errors
    /// `Error::Turned` for anything but 250, `Error::NotSmtp`, and all that can happen to a connection.
    pub fn ehlo(&mut self, local: SocketAddr) -> Result<Reply, Error> {
        let literal = match local.ip().to_canonical() {
            std::net::IpAddr::V4(v4) => format!("[{v4}]"),
            std::net::IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
        };
        self.wire.send(format!("EHLO {literal}\r\n").as_bytes(), Stage::Relay)?;
        turned_unless(self.reply(Stage::Relay)?, Code::OK, Stage::Relay)
    }

    /// # Errors
    /// No answer is one; it says nothing about the server as a smarthost.
    pub fn quit(&mut self) -> Result<String, Error> {
        self.wire.hurry(Deadline::after(seconds(QUIT_S)));
        self.wire.send(b"QUIT\r\n", Stage::Close)?;
        Ok(escape(self.reply(Stage::Close)?.first(), LINE))
    }

    pub fn into_wire(self) -> W {
        self.wire
    }

    fn reply(&mut self, stage: Stage) -> Result<Reply, Error> {
        let mut collector = Collector::default();
        loop {
            if self.pending.is_empty() {
                let mut buffer = [0; 1024];
                let n = self.wire.receive(&mut buffer, stage)?;
                self.pending.extend_from_slice(buffer.get(..n).unwrap_or_default());
            }
            let (taken, reply) = collector.take(&self.pending);
            self.pending.drain(..taken);
            match reply {
                None => {}
                Some(Ok(reply)) => return Ok(reply),
                Some(Err(fault)) => return Err(Error::not_smtp(stage, fault, collector.last())),
            }
        }
    }
}

fn turned_unless(reply: Reply, wanted: Code, stage: Stage) -> Result<Reply, Error> {
    if reply.code == wanted {
        Ok(reply)
    } else {
        Err(Error::Turned { stage, line: escape(&reply.words(), 160) })
    }
}

/// Through TLS.
pub struct Secure<'a> {
    pub tls: Tls,
    pub attempt: Attempt<'a>,
}

impl Wire for Secure<'_> {
    fn send(&mut self, data: &[u8], stage: Stage) -> Result<(), Error> {
        self.tls.write(data, stage)
    }

    fn receive(&mut self, buffer: &mut [u8], stage: Stage) -> Result<usize, Error> {
        self.tls.read(buffer, stage, &self.attempt)
    }

    fn hurry(&mut self, deadline: Deadline) {
        self.attempt.deadline = self.attempt.deadline.min(deadline);
    }
}

/// In clear, on the port of STARTTLS.
pub struct Plain<'a> {
    pub stream: TcpStream,
    pub deadline: Deadline,
    pub seconds: u64,
    pub waiter: &'a Waiter,
}

impl Wire for Plain<'_> {
    fn send(&mut self, data: &[u8], stage: Stage) -> Result<(), Error> {
        self.stream.write_all(data).map_err(|_| Error::Reset { stage, heard: Heard::Something })
    }

    fn receive(&mut self, buffer: &mut [u8], stage: Stage) -> Result<usize, Error> {
        let reset = || Error::Reset { stage, heard: Heard::Something };
        loop {
            match self.waiter.wait_for(self.stream.as_fd(), PollFlags::POLLIN, self.deadline).map_err(|_| reset())? {
                Woken::Terminated => return Err(Error::Terminated { stage }),
                Woken::Deadline => return Err(Error::Silent { stage, seconds: self.seconds }),
                Woken::Ready => {}
            }
            match self.stream.read(buffer) {
                Ok(0) => return Err(Error::Closed { stage, heard: Heard::Something }),
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(reset()),
            }
        }
    }

    fn hurry(&mut self, deadline: Deadline) {
        self.deadline = self.deadline.min(deadline);
    }
}
