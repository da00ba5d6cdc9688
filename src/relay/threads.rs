//! The two copying threads and what they tell the supervisor.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender as Outbox;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::clock::Activity;
use super::last_line::LastLine;
use crate::hooks;
use crate::options::{Newlines, Replies};
use crate::stdio;
use crate::tls::{Received, Receiver, Sender};

/// One TLS record of plaintext (RFC 8446 section 5.1: 2^14 octets).
const RECORD: usize = 16_384;

pub enum Event {
    /// The client's end of file.
    LocalEof,
    /// The client's connection is broken, reading or writing.
    ClientGone(io::Error),
    /// `up` has read the client's end, whatever happened before.
    UpDone,
    /// The server has ended, one way or another; all it sent is delivered.
    RemoteEnd(Received),
    /// The client has all of the greeting.
    Greeted,
    /// The last line so far, told when the client is gone and at the end.
    LastLine(LastLine),
    /// Reception queued something to send.
    SendWaiting,
}

/// Tells the supervisor, which sleeps in poll(2).
#[derive(Clone)]
pub struct Bell {
    pub outbox: Outbox<Event>,
    pub wake: Arc<UnixStream>,
}

impl Bell {
    fn ring(&self, event: Event) {
        let _ = self.outbox.send(event);
        // A full pair has rung already.
        let _ = (&*self.wake).write(&[0]);
    }
}

/// Local to remote.
pub struct Up {
    pub sender: Sender,
    pub bell: Bell,
    pub activity: Arc<Activity>,
    pub newlines: Newlines,
}

impl Up {
    pub fn run(self) {
        let mut buffer = Zeroizing::new(vec![0; RECORD]);
        // Never moved by growing: the old place would keep what was in it.
        let mut crlf = Zeroizing::new(Vec::with_capacity(match self.newlines {
            Newlines::AsTheyAre => 0,
            Newlines::Crlf => 2 * RECORD,
        }));
        let mut after_cr = false;
        let mut deaf = false;
        loop {
            let n = match stdio::read(&mut buffer) {
                Ok(0) => {
                    self.bell.ring(Event::LocalEof);
                    break;
                }
                Ok(n) => n,
                Err(error) => {
                    self.bell.ring(Event::ClientGone(error));
                    break;
                }
            };
            let read = buffer.get_mut(..n).unwrap_or_default();
            let data = match self.newlines {
                Newlines::AsTheyAre => &*read,
                Newlines::Crlf => {
                    to_crlf(read, &mut after_cr, &mut crlf);
                    &crlf
                }
            };
            if !deaf {
                self.activity.up(0);
                match self.sender.send(data) {
                    Ok(()) => self.activity.up(data.len()),
                    // The connection is gone, and `down` will read how. We go on reading and drop what we read: closing
                    // a socket with unread input sends RST, which would destroy the last reply on its way to the client.
                    Err(_) => deaf = true,
                }
            }
            // It may have been a password, and the next octet may be an hour away.
            read.zeroize();
            crlf.zeroize();
        }
        self.bell.ring(Event::UpDone);
    }
}

/// LF without a CR before it becomes CRLF, also across reads.
fn to_crlf(data: &[u8], after_cr: &mut bool, out: &mut Vec<u8>) {
    out.clear();
    for &octet in data {
        if octet == b'\n' && !*after_cr {
            out.push(b'\r');
        }
        out.push(octet);
        *after_cr = octet == b'\r';
    }
}

/// Remote to local.
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
        self.bell.ring(Event::Greeted);
        hooks::enter("relay");
        let mut buffer = Zeroizing::new(vec![0; RECORD]);
        loop {
            match self.receiver.receive(&mut buffer) {
                Received::Data(n) => gone = self.deliver(buffer.get(..n).unwrap_or_default(), gone),
                Received::SendWaiting => self.bell.ring(Event::SendWaiting),
                end => {
                    self.bell.ring(Event::LastLine(self.last));
                    self.bell.ring(Event::RemoteEnd(end));
                    return;
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_becomes_crlf_once_also_across_reads() {
        let (mut out, mut after_cr) = (Vec::new(), false);
        let mut all = Vec::new();
        for part in [&b"a\nb\r"[..], b"\nc\n\n", b"\r\r\n"] {
            to_crlf(part, &mut after_cr, &mut out);
            all.extend_from_slice(&out);
        }
        assert_eq!(all, b"a\r\nb\r\nc\r\n\r\n\r\r\n");
    }
}
