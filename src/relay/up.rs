//! Local to remote: what the client says, as far as the dialogue and the smarthost's socket take it. Never blocks, so that
//! the main thread, which drives it, hears signals and clocks.

use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::Arc;

use zeroize::Zeroize;

use super::crlf::{unit, Crlf, Unit};
use super::{Shared, PIECE};
use crate::buffer::Buffer;
use crate::deadline::{millis, Deadline};
use crate::options::{Newlines, Replies};
use crate::smtp::Hold;
use crate::stdio::{self, Local};
use crate::tls::Sender;

/// How long close_notify may wait for a server that does not read.
const CLOSE_NOTIFY_MS: u64 = 200;

pub struct Up<'a> {
    pub sender: Sender,
    local: &'a Local,
    shared: Arc<Shared>,
    socket: Socket,
    /// As the client said it.
    buffer: Buffer,
    /// Its lines on their way up, if they are converted.
    crlf: Option<Crlf>,
    hold: Hold,
}

/// What becomes of what goes up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Socket {
    Takes,
    /// The connection is gone, and `down` reads how. What the client says is read and dropped: closing a socket with unread
    /// input sends RST, which would destroy the last reply on its way to the client.
    Gone,
}

/// What reading from the client brought.
pub enum Heard {
    /// Some octets, or none after all.
    Words,
    End,
    /// Its connection is broken.
    Gone(io::Error),
}

impl<'a> Up<'a> {
    pub fn new(sender: Sender, local: &'a Local, newlines: Newlines, shared: Arc<Shared>) -> Up<'a> {
        let crlf = (newlines == Newlines::Crlf).then(|| Crlf::new(PIECE));
        Up { sender, local, shared, socket: Socket::Takes, buffer: Buffer::new(PIECE), crlf, hold: Hold::Nothing }
    }

    /// Why not all that the client said has gone up.
    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// What was said and has not gone up.
    pub fn holds_something(&self) -> bool {
        self.held() > 0
    }

    /// The socket does not take what may go up.
    pub fn is_stuck(&self) -> bool {
        self.socket == Socket::Takes && self.sender.unsent() > 0
    }

    /// The client may say more.
    pub fn wants_words(&self) -> bool {
        !self.is_stuck() && matches!(self.hold, Hold::Nothing | Hold::Unsure) && !self.buffer.is_full()
    }

    /// Sends what waits, as far as the socket takes it.
    pub fn flush(&mut self) {
        let before = self.sender.unsent();
        if let Err(error) = self.sender.flush() {
            self.gone(&error);
        }
        if self.sender.unsent() < before {
            self.shared.activity.progress();
        }
    }

    /// Reads once, when descriptor 0 is ready.
    pub fn read(&mut self) -> Heard {
        match stdio::read_ready(self.local, self.buffer.space()) {
            Ok(None) => Heard::Words,
            Ok(Some(0)) => Heard::End,
            Ok(Some(n)) => {
                self.buffer.fill(n);
                self.shared.activity.progress();
                Heard::Words
            }
            Err(error) => Heard::Gone(error),
        }
    }

    /// Lets go up what may. `ended`: the client will say nothing more.
    pub fn pump(&mut self, ended: bool) {
        while self.holds_something() && !self.is_stuck() {
            if self.socket == Socket::Gone {
                return self.drop_held();
            }
            let before = self.held();
            self.convert(ended);
            self.send();
            wipe_stack();
            if self.held() == before {
                if ended && self.hold == Hold::Unsure {
                    // The beginning of a line that never comes.
                    self.drop_held();
                }
                return;
            }
        }
    }

    /// Under `--crlf`, once a unit is gone, converts another one, if there is one that need not wait for a reply.
    fn convert(&mut self, ended: bool) {
        let Some(crlf) = self.crlf.as_mut().filter(|crlf| crlf.left().is_empty()) else { return };
        let mut dialogue = self.shared.dialogue();
        let expected = dialogue.expected();
        match unit(self.buffer.filled(), expected, ended || self.buffer.is_full()) {
            Unit::Unfinished => self.hold = Hold::Unsure,
            Unit::Line(_) if !dialogue.is_settled() => self.hold = Hold::Reply,
            Unit::Line(octets) | Unit::More(octets) => {
                crlf.take(self.buffer.filled().get(..octets).unwrap_or_default(), expected);
                self.buffer.wipe(octets);
            }
        }
    }

    /// As much as may go of what the client said, or of the unit that was converted.
    fn send(&mut self) {
        let said = self.crlf.as_ref().map_or(self.buffer.filled(), Crlf::left);
        if said.is_empty() {
            return;
        }
        let pass = self.shared.dialogue().pass(said);
        self.hold = pass.hold;
        if pass.go == 0 {
            // No progress: the clocks go on.
            return;
        }
        match self.sender.send(said.get(..pass.go).unwrap_or_default()) {
            Ok(()) => self.shared.activity.up(pass.go),
            Err(error) => self.gone(&error),
        }
        match &mut self.crlf {
            Some(crlf) => crlf.wipe(pass.go),
            None => self.buffer.wipe(pass.go),
        }
    }

    /// What could not be sent is lost: the server must not wait for it, nor `down` for the server.
    fn gone(&mut self, error: &io::Error) {
        self.socket = Socket::Gone;
        // EPIPE is our own end, behind which it may still speak.
        if error.kind() != ErrorKind::BrokenPipe {
            self.sender.shutdown(Shutdown::Both);
        }
    }

    fn held(&self) -> usize {
        self.buffer.filled().len() + self.crlf.as_ref().map_or(0, |crlf| crlf.left().len())
    }

    /// What is held never goes up.
    pub fn drop_held(&mut self) {
        self.buffer.wipe(PIECE);
        if let Some(crlf) = &mut self.crlf {
            crlf.wipe(crlf.left().len());
        }
        self.hold = Hold::Nothing;
    }

    /// close_notify; an alert that rustls has queued leaves with it.
    pub fn say_goodbye(&mut self) {
        self.sender.close(Deadline::after(millis(CLOSE_NOTIFY_MS)));
    }

    /// rustls has queued our alert; nothing else may follow it.
    pub fn send_alert(&mut self) {
        self.sender.flush_before(Deadline::after(millis(CLOSE_NOTIFY_MS)));
    }

    /// Leaves a server with which there will be no session.
    pub fn leave(&mut self, replies: Replies) {
        let deadline = Deadline::after(millis(CLOSE_NOTIFY_MS));
        match replies {
            Replies::Smtp => self.sender.leave(deadline),
            Replies::None => self.sender.close(deadline),
        }
    }
}

/// A search that looks at 32 octets at once may leave them on the stack below us: it may have been a password.
#[inline(never)]
fn wipe_stack() {
    let mut frames = [0; 4096];
    black_box(&mut frames).zeroize();
}
