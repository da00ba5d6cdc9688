//! As much SMTP as a look at a server needs, behind its greeting: EHLO and QUIT. Never a credential, never MAIL.

use std::net::SocketAddr;

use crate::deadline::{seconds, Deadline};
use crate::error::{Error, Stage};
use crate::smtp::{address_literal, Code, Reply};
use crate::text::{escape, Foreign};
use crate::tls::{Attempt, Tls};

/// QUIT is a courtesy: a server that does not answer it must not hold us.
const QUIT_S: u64 = 5;

pub struct Dialogue<'a> {
    pub tls: Tls,
    pub attempt: Attempt<'a>,
}

impl Dialogue<'_> {
    /// EHLO with the address literal of our socket (RFC 5321 section 4.1.4: a client without a name of its own).
    ///
    /// # Errors
    /// `Error::Turned` for anything but 250, `Error::NotSmtp`, and all that can happen to a connection.
    pub fn ehlo(&mut self, local: SocketAddr) -> Result<Reply, Error> {
        let line = format!("EHLO {}\r\n", address_literal(local.ip()));
        self.tls.write(line.as_bytes(), Stage::Relay)?;
        let reply = self.tls.reply(Stage::Relay, &self.attempt)?.reply;
        if reply.code == Code::OK {
            Ok(reply)
        } else {
            Err(Error::Turned { stage: Stage::Relay, line: escape(&reply.words()) })
        }
    }

    /// # Errors
    /// No answer is one; it says nothing about the server as a smarthost.
    pub fn quit(&mut self) -> Result<Foreign, Error> {
        self.attempt.deadline = self.attempt.deadline.min(Deadline::after(seconds(QUIT_S)));
        self.tls.write(b"QUIT\r\n", Stage::Close)?;
        Ok(escape(self.tls.reply(Stage::Close, &self.attempt)?.reply.first()))
    }
}
