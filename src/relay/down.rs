//! Remote to local: the thread that blocks in read(2) on the smarthost's socket, and what it tells the main thread.

use std::cell::Cell;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender as Outbox;
use std::sync::Arc;

use nix::sys::socket::send;

use super::{Shared, PIECE};
use crate::buffer::Buffer;
use crate::hooks;
use crate::options::Replies;
use crate::smtp::Greeting;
use crate::socket::at_once;
use crate::stdio;
use crate::tls::{Ending, Received, Receiver};

pub enum Event {
    /// The client's connection is broken: it takes nothing more.
    ClientGone(io::Error),
    /// The server has ended, one way or another; all it sent is delivered.
    RemoteEnd(Ending),
    /// What the main thread waited for is delivered.
    Delivered,
    /// Reception queued something to send.
    SendWaiting,
}

/// Tells the main thread, which sleeps in poll(2).
pub struct Bell {
    pub outbox: Outbox<Event>,
    pub wake: UnixStream,
}

impl Bell {
    fn ring(&self, event: Event) {
        let _ = self.outbox.send(event);
        // A full pair has rung already.
        let _ = send(self.wake.as_raw_fd(), &[0], at_once());
    }
}

pub struct Down {
    pub receiver: Receiver,
    pub bell: Bell,
    pub shared: Arc<Shared>,
    pub replies: Replies,
    /// The main thread waits to hear that all is delivered.
    pub due: Cell<bool>,
    pub client: Reader,
}

/// Whether the client still takes what the server says. If it does not, the rest is still read, because it decides the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Takes,
    Gone,
}

impl Down {
    /// `behind`: what the server has said already, behind its greeting.
    pub fn run(mut self, greeting: &Greeting, behind: &[u8]) {
        // The SIGTERM reply or the panic hook may have been first: then this session never began.
        if self.replies == Replies::Smtp && !stdio::claim_first_byte() {
            return;
        }
        match greeting {
            Greeting::Theirs(octets) => self.write(octets, octets.len()),
            Greeting::Ours(line) => self.write(line.as_bytes(), 0),
        }
        self.deliver(behind);
        hooks::enter("relay");
        let mut buffer = Buffer::new(PIECE);
        loop {
            // The main thread hears this before this thread sleeps, so that an end right behind the last words is heard
            // with them.
            let tell = || {
                if self.due.take() {
                    self.bell.ring(Event::Delivered);
                }
            };
            match self.receiver.receive(buffer.space(), tell) {
                Received::Data(n) => {
                    buffer.fill(n);
                    self.deliver(buffer.filled());
                    buffer.wipe(n);
                }
                Received::SendWaiting => self.bell.ring(Event::SendWaiting),
                Received::Ended(ending) => return self.bell.ring(Event::RemoteEnd(ending)),
            }
        }
    }

    fn deliver(&mut self, data: &[u8]) {
        if !data.is_empty() && self.shared.dialogue().received(data) && self.client == Reader::Takes {
            self.write(data, data.len());
        }
    }

    /// `counted`: as many octets as are the server's.
    fn write(&mut self, data: &[u8], counted: usize) {
        if let Err(error) = stdio::write_all(data) {
            self.bell.ring(Event::ClientGone(error));
            self.client = Reader::Gone;
            return;
        }
        self.shared.activity.down(counted);
        if self.shared.dialogue().delivered() {
            self.due.set(true);
        }
    }
}
