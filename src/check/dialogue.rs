//! As much SMTP as a look at a server needs: read the greeting, say EHLO, say QUIT. Never a credential, never MAIL.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use nix::poll::PollFlags;

use crate::deadline::{seconds, Deadline};
use crate::error::{Error, Heard, Stage};
use crate::text::{cut, escape};
use crate::tls::{Attempt, Tls};
use crate::wait::{Waiter, Woken};

/// A reply has at most so many octets and lines here: a server must not fill our memory, nor the screen.
const REPLY: usize = 16 * 1024;
const LINES: usize = 100;

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

/// A reply, escaped.
pub struct Reply {
    lines: Vec<String>,
}

impl Reply {
    /// The first line as it came, its code included.
    pub fn first(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }

    pub fn has_code(&self, code: &str) -> bool {
        self.lines.last().is_some_and(|line| line.starts_with(code))
    }

    /// What stands behind the codes of all lines but the first (RFC 5321 section 4.1.1.1).
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(1).filter_map(|line| line.get(4..))
    }
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
    /// `Error::Turned` or `Error::NotSmtp` for anything but 220, and all that can happen to a connection at the greeting stage.
    pub fn greeting(&mut self, said: &mut Option<String>) -> Result<(), Error> {
        let reply = self.reply(Stage::Greeting)?;
        *said = Some(reply.first().to_owned());
        match reply.has_code("220") {
            true => Ok(()),
            false => Err(Error::turned(Stage::Greeting, cut(reply.first(), 100))),
        }
    }

    /// EHLO with the address literal of our socket (RFC 5321 section 4.1.4: a client without a name of its own).
    ///
    /// # Errors
    /// `Error::Turned` or `Error::NotSmtp` for anything but 250, and all that can happen to a connection.
    pub fn ehlo(&mut self, local: SocketAddr) -> Result<Reply, Error> {
        let literal = match local.ip().to_canonical() {
            std::net::IpAddr::V4(v4) => format!("[{v4}]"),
            std::net::IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
        };
        self.wire.send(format!("EHLO {literal}\r\n").as_bytes(), Stage::Relay)?;
        let reply = self.reply(Stage::Relay)?;
        match reply.has_code("250") {
            true => Ok(reply),
            false => Err(Error::turned(Stage::Relay, cut(reply.first(), 100))),
        }
    }

    /// # Errors
    /// No answer is one; it says nothing about the server as a smarthost.
    pub fn quit(&mut self) -> Result<String, Error> {
        self.wire.hurry(Deadline::after(seconds(QUIT_S)));
        self.wire.send(b"QUIT\r\n", Stage::Close)?;
        Ok(self.reply(Stage::Close)?.first().to_owned())
    }

    pub fn into_wire(self) -> W {
        self.wire
    }

    fn reply(&mut self, stage: Stage) -> Result<Reply, Error> {
        let (mut lines, mut octets) = (Vec::new(), 0);
        loop {
            let line = self.line(stage)?;
            octets += line.len();
            // `250-` has another line behind it, anything else ends the reply.
            let goes_on = line.get(3) == Some(&b'-');
            lines.push(escape(&line, LINE));
            if !goes_on {
                return Ok(Reply { lines });
            }
            if octets > REPLY || lines.len() >= LINES {
                return Err(Error::NotSmtp { stage, line: "a reply without an end".to_owned() });
            }
        }
    }

    /// Up to LF, which it leaves out with the CR before it.
    fn line(&mut self, stage: Stage) -> Result<Vec<u8>, Error> {
        let mut buffer = [0; 1024];
        loop {
            if let Some(end) = self.pending.iter().position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.pending.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.pending.len() > REPLY {
                return Err(Error::NotSmtp { stage, line: "a line without an end".to_owned() });
            }
            let n = self.wire.receive(&mut buffer, stage)?;
            self.pending.extend_from_slice(buffer.get(..n).unwrap_or_default());
        }
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
