//! Remote to local: the thread that blocks in read(2) on the smarthost's socket, and what it tells the supervisor.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender as Outbox;
use std::sync::Arc;

use nix::sys::socket::send;
use zeroize::Zeroize;

use super::clock::Activity;
use super::last_line::LastLine;
use super::PIECE;
use crate::buffer::Buffer;
use crate::hooks;
use crate::options::Replies;
use crate::socket::at_once;
use crate::stdio;
use crate::tls::{Received, Receiver};

pub enum Event {
    /// The client's connection is broken: it takes nothing more.
    ClientGone(io::Error),
    /// The server has ended, one way or another; all it sent is delivered. Its last line.
    RemoteEnd(Received, LastLine),
    /// The client has all of the greeting.
    Greeted,
    /// The last line so far, told when the client is gone.
    LastLine(LastLine),
    /// Reception queued something to send.
    SendWaiting,
}

/// Tells the supervisor, which sleeps in poll(2).
pub struct Bell {
    pub outbox: Outbox<Event>,
    pub wake: UnixStream,
}

impl Bell {
    /// For the supervisor to know when it wakes anyway.
    fn note(&self, event: Event) {
        let _ = self.outbox.send(event);
    }

    fn ring(&self, event: Event) {
        self.note(event);
        // A full pair has rung already.
        let _ = send(self.wake.as_raw_fd(), &[0], at_once());
    }
}

pub struct Down {
    pub receiver: Receiver,
    pub bell: Bell,
    pub activity: Arc<Activity>,
    pub last: LastLine,
    pub replies: Replies,
}

impl Down {
    pub fn run(mut self, greeting: &[u8]) {
        // The supervisor's SIGTERM reply or the panic hook may have been first: then this session never began.
        if self.replies == Replies::Smtp && !stdio::claim_first_byte() {
            return;
        }
        let mut gone = self.deliver(greeting, false);
        self.bell.note(Event::Greeted);
        hooks::enter("relay");
        let mut buffer = Buffer::new(PIECE);
        loop {
            match self.receiver.receive(buffer.space()) {
                Received::Data(n) => {
                    let data = buffer.filled(n);
                    gone = self.deliver(data, gone);
                    data.zeroize();
                }
                Received::SendWaiting => self.bell.ring(Event::SendWaiting),
                end => return self.bell.ring(Event::RemoteEnd(end, self.last)),
            }
        }
    }

    /// Returns whether the client is gone; then the rest is read for its last line and dropped.
    fn deliver(&mut self, data: &[u8], gone: bool) -> bool {
        self.last.read(data);
        if gone {
            self.bell.ring(Event::LastLine(self.last));
            return true;
        }
        match stdio::write_all(data) {
            Ok(()) => {
                self.activity.down(data.len());
                false
            }
            Err(error) => {
                self.bell.ring(Event::LastLine(self.last));
                self.bell.ring(Event::ClientGone(error));
                true
            }
        }
    }
}
