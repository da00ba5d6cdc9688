//! The client's end of descriptors 0 and 1.

use std::io::{pipe, Error, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::socket::{shutdown, Shutdown};
use nix::unistd::{read, write};

pub struct Client {
    /// Where it writes and where it reads: one socket, or two pipes.
    writes: Option<OwnedFd>,
    reads: Option<OwnedFd>,
    socket: bool,
    pub sent: Vec<u8>,
    pub got: Vec<u8>,
    /// It closed, or stopped reading, before it read the end.
    pub left: bool,
    /// It said that it has no more to say.
    pub half_closed: bool,
    /// It read the end.
    pub read_the_end: bool,
    pub was_reset: bool,
}

impl Client {
    /// With it, what becomes descriptors 0 and 1.
    pub fn new(pipes: bool, narrow: bool) -> (Client, OwnedFd, OwnedFd) {
        let (reads, writes, zero, one) = match pipes {
            true => {
                let (zero, writes) = pipe().expect("a pipe");
                let (reads, one) = pipe().expect("a pipe");
                (OwnedFd::from(reads), OwnedFd::from(writes), OwnedFd::from(zero), OwnedFd::from(one))
            }
            false => {
                let (theirs, ours) = UnixStream::pair().expect("a pair");
                if narrow {
                    super::narrow(&theirs);
                    super::narrow(&ours);
                }
                let [reads, one] = [&theirs, &ours].map(|end| OwnedFd::from(end.try_clone().expect("a descriptor")));
                (reads, OwnedFd::from(theirs), OwnedFd::from(ours), one)
            }
        };
        for fd in [&reads, &writes] {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("O_NONBLOCK");
        }
        let client = Client {
            writes: Some(writes),
            reads: Some(reads),
            socket: !pipes,
            sent: Vec::new(),
            got: Vec::new(),
            left: false,
            half_closed: false,
            read_the_end: false,
            was_reset: false,
        };
        (client, zero, one)
    }

    pub fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.reads.as_ref().map(AsFd::as_fd)
    }

    /// As much as is taken at once.
    pub fn write(&mut self, data: &[u8]) {
        let Some(fd) = &self.writes else { return };
        let mut left = data;
        while !left.is_empty() {
            match write(fd, left) {
                Ok(n) => left = &left[n..],
                Err(_) => break,
            }
        }
        self.sent.extend_from_slice(&data[..data.len() - left.len()]);
    }

    pub fn read(&mut self, most: usize) {
        let mut buffer = vec![0; most.min(65_536)];
        let mut left = most;
        while left > 0 {
            let Some(fd) = &self.reads else { return };
            let room = buffer.len().min(left);
            match read(fd, &mut buffer[..room]).map_err(Error::from) {
                Ok(0) => {
                    self.read_the_end = true;
                    self.reads = None;
                }
                Ok(n) => {
                    self.got.extend_from_slice(&buffer[..n]);
                    left -= n;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.was_reset = true;
                    self.reads = None;
                }
            }
        }
    }

    pub fn half_close(&mut self) {
        let Some(fd) = self.writes.take() else { return };
        self.half_closed = true;
        if self.socket {
            let _ = shutdown(fd.as_raw_fd(), Shutdown::Write);
        }
    }

    pub fn stop_reading(&mut self) {
        let Some(fd) = self.reads.take() else { return };
        self.left = true;
        if self.socket {
            let _ = shutdown(fd.as_raw_fd(), Shutdown::Read);
        }
    }

    pub fn close(&mut self) {
        self.left |= self.reads.is_some();
        self.half_closed |= self.writes.is_some() && !self.read_the_end;
        (self.reads, self.writes) = (None, None);
    }
}
