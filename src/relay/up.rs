//! Local to remote: reads when the client has something and the smarthost takes it. Never blocks, so that the supervisor,
//! which drives it, hears signals and clocks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags};
use zeroize::Zeroize;

use super::clock::Activity;
use super::PIECE;
use crate::buffer::Buffer;
use crate::options::Newlines;
use crate::stdio::{self, Kind, Local};
use crate::tls::Sender;

pub struct Up<'a> {
    pub sender: Sender,
    local: &'a Local,
    /// The client has ended.
    done: bool,
    /// The connection to the server is gone, and `down` reads how. We go on reading and drop what we read: closing a
    /// socket with unread input sends RST, which would destroy the last reply on its way to the client.
    deaf: bool,
    buffer: Buffer,
    crlf: Crlf,
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
    pub fn new(sender: Sender, local: &'a Local, newlines: Newlines) -> Up<'a> {
        Up { sender, local, done: false, deaf: false, buffer: Buffer::new(PIECE), crlf: Crlf::new(newlines) }
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The server does not take what the client said.
    pub fn is_stuck(&self) -> bool {
        !self.deaf && self.sender.waits()
    }

    /// What the socket must be ready for, if anything waits.
    pub fn socket(&self) -> Option<PollFd<'_>> {
        self.is_stuck().then(|| PollFd::new(self.sender.as_fd(), PollFlags::POLLOUT))
    }

    /// What the client must be ready for. While the server does not take what the client said, it is only watched for
    /// hanging up (POLLHUP and POLLERR come unasked, poll(2)), until that is `known`. A pipe is not: it hangs up while its
    /// last words are unread.
    pub fn client<'b>(&self, stdin: BorrowedFd<'b>, known: bool) -> Option<PollFd<'b>> {
        match () {
            () if self.done => None,
            () if !self.is_stuck() => Some(PollFd::new(stdin, PollFlags::POLLIN)),
            () if known || self.local.input != Kind::Socket => None,
            () => Some(PollFd::new(stdin, PollFlags::empty())),
        }
    }

    /// Sends what waits, as far as the socket takes it.
    pub fn flush(&mut self) {
        self.deaf |= self.sender.flush().is_err();
    }

    /// Reads once, when descriptor 0 is ready, and sends what it brought.
    pub fn read(&mut self, activity: &Activity) -> Heard {
        let n = match stdio::read_ready(self.local, self.buffer.space()) {
            Ok(None) => return Heard::Words,
            Ok(Some(n)) => n,
            Err(error) => {
                self.done = true;
                return Heard::Gone(error);
            }
        };
        if n == 0 {
            self.done = true;
            return Heard::End;
        }
        let read = self.buffer.filled(n);
        if !self.deaf {
            activity.up(0);
            let data = self.crlf.converted(read);
            match self.sender.send(data) {
                Ok(()) => activity.up(data.len()),
                Err(_) => self.deaf = true,
            }
        }
        // It may have been a password, and the next octet may be an hour away.
        read.zeroize();
        self.crlf.wipe();
        Heard::Words
    }
}

/// LF without a CR before it becomes CRLF, also across reads.
struct Crlf {
    newlines: Newlines,
    after_cr: bool,
    /// Never moved by growing: the old place would keep what was in it.
    out: Vec<u8>,
}

impl Crlf {
    fn new(newlines: Newlines) -> Crlf {
        let room = match newlines {
            Newlines::AsTheyAre => 0,
            Newlines::Crlf => 2 * PIECE,
        };
        Crlf { newlines, after_cr: false, out: Vec::with_capacity(room) }
    }

    fn converted<'a>(&'a mut self, data: &'a [u8]) -> &'a [u8] {
        if self.newlines == Newlines::AsTheyAre {
            return data;
        }
        for &octet in data {
            if octet == b'\n' && !self.after_cr {
                self.out.push(b'\r');
            }
            self.out.push(octet);
            self.after_cr = octet == b'\r';
        }
        &self.out
    }

    fn wipe(&mut self) {
        self.out.as_mut_slice().zeroize();
        self.out.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_becomes_crlf_once_also_across_reads() {
        let mut crlf = Crlf::new(Newlines::Crlf);
        let mut all = Vec::new();
        for part in [&b"a\nb\r"[..], b"\nc\n\n", b"\r\r\n"] {
            all.extend_from_slice(crlf.converted(part));
            crlf.wipe();
        }
        assert_eq!(all, b"a\r\nb\r\nc\r\n\r\n\r\r\n");
    }
}
