//! The clear-text way to the handshake (RFC 3207): greeting, EHLO, STARTTLS. There is no other clear-text mode, and the client has
//! no part in it. What a server says here is not authenticated: it is used only for the next step, and marked wherever it
//! is shown.
//!
//! ```text
//!   Greeting --220--> Ehlo --250 with STARTTLS--> StartTls --220--> the hello of TLS
//! ```
//!
//! Each step waits for the whole reply, and nothing may stand behind it: what is read before TLS must not be taken for something
//! that was said inside it (CVE-2011-0411, CVE-2021-38371).

use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{recv, MsgFlags};

use crate::deadline::{millis, Deadline};
use crate::error::{Asked, Error, Heard, InClear, Stage, Trouble};
use crate::hooks;
use crate::smtp::{address_literal, Code, Collector, Fault, Reply, OCTETS};
use crate::socket::acknowledge;
use crate::text::escape;
use crate::wait::{write_before, Waiter, Woken};

/// How long QUIT may take to leave: its answer is not waited for.
const QUIT_MS: u64 = 100;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The reply goes on.
    Reply,
    Ehlo,
    StartTls,
    Hello,
}

/// The steps: what may be said next, by what came. No I/O.
#[derive(Default)]
pub struct Steps {
    asked: Asked,
    collector: Collector,
    /// As they came, those that end the way too.
    pub replies: Vec<Reply>,
}

impl Steps {
    /// Takes what one read brought.
    ///
    /// # Errors
    /// Why the way ends here.
    pub fn hear(&mut self, data: &[u8]) -> Result<Next, InClear> {
        // The first octet of a record (RFC 8446 section 5.1), in place of a reply's.
        if !self.collector.has_begun() && matches!(data, [20..=24, ..]) {
            return Err(InClear::ImplicitTls);
        }
        let (taken, reply) = self.collector.take(data);
        let Some(reply) = reply else { return Ok(Next::Reply) };
        let reply = reply.map_err(|fault| self.not_smtp(fault))?;
        let asked = self.asked;
        if let Some(behind) = data.get(taken..).filter(|behind| !behind.is_empty()) {
            return Err(InClear::TextBehind { asked, said: escape(behind) });
        }
        let (code, offered) = (reply.code, reply.offers("STARTTLS"));
        let said = escape(&reply.words());
        self.replies.push(reply);
        match (asked, code) {
            (Asked::Greeting, Code::READY) => {
                self.asked = Asked::Ehlo;
                Ok(Next::Ehlo)
            }
            (Asked::Ehlo, Code::OK) if offered => {
                self.asked = Asked::StartTls;
                Ok(Next::StartTls)
            }
            (Asked::Ehlo, Code::OK) => Err(InClear::NotOffered { said }),
            (Asked::StartTls, Code::READY) => Ok(Next::Hello),
            // No HELO after a refused EHLO: it has no STARTTLS.
            (asked, code) => Err(InClear::Refused { asked, code, said }),
        }
    }

    fn not_smtp(&self, fault: Fault) -> InClear {
        let said = match fault {
            Fault::NoReply | Fault::Unlike => escape(self.collector.last()),
            Fault::TooLong => escape(b"a reply without an end"),
        };
        InClear::NotSmtp { said }
    }
}

/// A connection on which nothing is encrypted yet.
pub struct Clear<'a> {
    pub stream: &'a TcpStream,
    pub deadline: Deadline,
    /// How long it was given, for the sentence when it is over.
    pub seconds: u64,
    pub waiter: &'a Waiter,
}

impl Clear<'_> {
    /// Goes all the way: the hello of TLS goes out next.
    ///
    /// # Errors
    /// Those of the starttls stage, `Error::Terminated`. A server that greeted us and is left gets QUIT.
    pub fn start(&self, steps: &mut Steps) -> Result<(), Error> {
        self.walk(steps, Next::Hello)
    }

    /// Finds out whether STARTTLS is offered, and goes no further.
    ///
    /// # Errors
    /// As `start`; `InClear::NotOffered` if it is not offered.
    pub fn look(&self, steps: &mut Steps) -> Result<(), Error> {
        self.walk(steps, Next::StartTls)?;
        self.leave();
        Ok(())
    }

    fn walk(&self, steps: &mut Steps, to: Next) -> Result<(), Error> {
        hooks::enter("starttls");
        // One octet more than the longest reply: what stands behind it is seen.
        let mut buffer = [0; OCTETS + 1];
        loop {
            let n = self.receive(&mut buffer, steps)?;
            match steps.hear(buffer.get(..n).unwrap_or_default()) {
                Ok(next) if next == to => return Ok(()),
                Ok(Next::Ehlo) => self.say(&format!("EHLO {}\r\n", self.literal()?))?,
                Ok(Next::StartTls) => self.say("STARTTLS\r\n")?,
                Ok(Next::Reply | Next::Hello) => {}
                Err(cause) => {
                    if matches!(cause, InClear::Refused { .. } | InClear::NotOffered { .. }) {
                        self.leave();
                    }
                    return Err(Error::InClear(cause));
                }
            }
        }
    }

    /// At least one octet.
    fn receive(&self, buffer: &mut [u8], steps: &Steps) -> Result<usize, Error> {
        let stage = Stage::StartTls;
        loop {
            match self.waiter.wait_for(self.stream.as_fd(), PollFlags::POLLIN, self.deadline).map_err(|_| reset())? {
                Woken::Ready => {}
                Woken::Terminated => return Err(Error::Terminated { stage }),
                Woken::Deadline if steps.replies.is_empty() => {
                    return Err(Error::InClear(InClear::NoGreeting { seconds: self.seconds }))
                }
                Woken::Deadline => {
                    let port = self.stream.peer_addr().map_or(0, |addr| addr.port());
                    return Err(Error::Silent { stage, port, seconds: self.seconds });
                }
            }
            match recv(self.stream.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return Err(Error::Closed { stage, heard: Heard::Something }),
                Ok(n) => {
                    acknowledge(self.stream);
                    return Ok(n);
                }
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(_) => return Err(reset()),
            }
        }
    }

    fn say(&self, line: &str) -> Result<(), Error> {
        if write_before(self.stream.as_fd(), line.as_bytes(), self.deadline) {
            Ok(())
        } else {
            Err(reset())
        }
    }

    fn leave(&self) {
        write_before(self.stream.as_fd(), b"QUIT\r\n", Deadline::after(millis(QUIT_MS)));
    }

    /// EHLO of a client without a name of its own (RFC 5321 section 4.1.4).
    fn literal(&self) -> Result<String, Error> {
        self.stream.local_addr().map(|local| address_literal(local.ip())).map_err(|_| reset())
    }
}

/// What the handshake says of text, for which there is only one explanation after the server's 220.
pub fn behind(error: Error) -> Error {
    match error {
        Error::Tls { trouble: Trouble::Clear { line, .. }, .. } => Error::InClear(InClear::NotTls { said: line }),
        // It has said yes to STARTTLS.
        Error::Reset { stage, .. } => Error::Reset { stage, heard: Heard::Something },
        other => other,
    }
}

fn reset() -> Error {
    Error::Reset { stage: Stage::StartTls, heard: Heard::Something }
}
