//! One connection, two threads: a `Sender` and a `Receiver` around the locked rustls connection (rules in tls.rs).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::poll::PollFlags;
use nix::sys::socket::MsgFlags;
use rustls::ClientConnection;

use super::failure;
use super::raw::{send_now, Raw};
use crate::deadline::Deadline;
use crate::text::escape;
use crate::wait::ready;

/// The two ends of one connection; `raw` may hold what came right behind the handshake, and `failed` says what was wrong
/// with it.
pub fn split(conn: ClientConnection, raw: Raw, failed: Option<rustls::Error>, stream: TcpStream) -> (Sender, Receiver) {
    let shared = Arc::new(Shared { conn: Mutex::new(conn), stream });
    (
        Sender { shared: shared.clone(), outgoing: Outgoing::default(), closed: false },
        Receiver { shared, raw, failed, told: false },
    )
}

pub struct Shared {
    conn: Mutex<ClientConnection>,
    pub stream: TcpStream,
}

impl Shared {
    fn conn(&self) -> MutexGuard<'_, ClientConnection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ciphertext that the socket has not taken yet. Invariant: whatever is in here goes out before anything newer.
#[derive(Default)]
struct Outgoing {
    buffer: Vec<u8>,
    sent: usize,
    /// The error of the socket that a send met. The system reports it once: a reset that the sender met looks like a plain
    /// end of file to the receiver.
    broken: Option<io::Error>,
}

impl Outgoing {
    fn left(&self) -> &[u8] {
        self.buffer.get(self.sent..).unwrap_or_default()
    }

    fn advance(&mut self, sent: usize) {
        self.sent += sent;
        if self.left().is_empty() {
            self.buffer.clear();
            self.sent = 0;
        }
    }

    /// Takes what the connection wants to send, behind what waits already.
    fn refill(&mut self, conn: &mut ClientConnection) {
        while conn.wants_write() && conn.write_tls(&mut self.buffer).is_ok_and(|n| n > 0) {}
    }
}

/// Never blocks: what the socket does not take waits here, and `unsent` says so.
pub struct Sender {
    shared: Arc<Shared>,
    outgoing: Outgoing,
    /// close_notify is queued: nothing newer goes out, no alert either (RFC 8446 section 6.1).
    closed: bool,
}

impl Sender {
    /// Encrypts all of `data` and sends as much as the socket takes. Give it nothing more while something is unsent.
    ///
    /// # Errors
    /// What the socket says: the server is gone, or we shut it down.
    pub fn send(&mut self, mut data: &[u8]) -> io::Result<()> {
        if self.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        while !data.is_empty() {
            let mut conn = self.shared.conn();
            let taken = conn.writer().write(data)?;
            if taken == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            data = data.get(taken..).unwrap_or_default();
            self.outgoing.refill(&mut conn);
        }
        self.flush()
    }

    /// Octets that are encrypted and not sent.
    pub fn unsent(&self) -> usize {
        self.outgoing.left().len()
    }

    /// Sends what waits, and what reception queued (an alert, a warning), as far as the socket takes it.
    ///
    /// # Errors
    /// As `send`.
    pub fn flush(&mut self) -> io::Result<()> {
        loop {
            if self.unsent() == 0 && !self.closed {
                self.outgoing.refill(&mut self.shared.conn());
            }
            if self.unsent() == 0 {
                return Ok(());
            }
            match send_now(&self.shared.stream, self.outgoing.left()) {
                Ok(0) => return Ok(()),
                Ok(n) => self.outgoing.advance(n),
                Err(error) => {
                    let kind = error.kind();
                    // EPIPE is our own shutdown, or the end that the receiver sees as well.
                    if kind != ErrorKind::BrokenPipe {
                        self.outgoing.broken = Some(error);
                    }
                    return Err(kind.into());
                }
            }
        }
    }

    /// The same, and waits for the socket until `deadline`.
    pub fn flush_before(&mut self, deadline: Deadline) {
        while self.flush().is_ok() && self.unsent() > 0 && ready(self.as_fd(), PollFlags::POLLOUT, deadline) {
            if deadline.passed() {
                return;
            }
        }
    }

    /// Sends close_notify, if what waits is out before `deadline`.
    pub fn close(&mut self, deadline: Deadline) {
        if !self.closed {
            let mut conn = self.shared.conn();
            conn.send_close_notify();
            self.outgoing.refill(&mut conn);
            self.closed = true;
        }
        self.flush_before(deadline);
    }

    /// Leaves a server that has greeted us: with QUIT, whose answer is not waited for, because providers count those who drop
    /// their connections.
    pub fn leave(&mut self, deadline: Deadline) {
        let _ = self.send(b"QUIT\r\n");
        self.close(deadline);
        self.shutdown(Shutdown::Both);
    }

    /// Ends the socket: `Write` sends FIN, `Both` also wakes a thread that is blocked in it.
    pub fn shutdown(&self, how: Shutdown) {
        let _ = self.shared.stream.shutdown(how);
    }

    /// What a send has met.
    pub fn broken(&mut self) -> Option<io::Error> {
        self.outgoing.broken.take()
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.stream.as_fd()
    }
}

pub struct Receiver {
    pub shared: Arc<Shared>,
    raw: Raw,
    /// A fatal error, kept until what was authenticated before it is delivered.
    failed: Option<rustls::Error>,
    /// `Received::SendWaiting` was returned, and what waits has not left since.
    told: bool,
}

/// What `Receiver::receive` brings.
#[derive(Debug)]
pub enum Received {
    Data(usize),
    /// No data yet, but reception queued something to send: see `Sender::flush`.
    SendWaiting,
    Ended(Ending),
}

/// How the server ended.
#[derive(Debug)]
pub enum Ending {
    CloseNotify,
    /// End of file without close_notify.
    Eof,
    Alert(String),
    BadRecord(String),
    Reset(io::Error),
}

pub enum Next {
    Data(usize),
    CloseNotify,
    End,
    Failed(rustls::Error),
    /// Nothing without another read from the socket.
    Starved,
}

impl Receiver {
    /// Blocks until the server sends data or ends; `idle` is called before that.
    pub fn receive(&mut self, out: &mut [u8], idle: impl Fn()) -> Received {
        loop {
            let ending = match self.next(out) {
                Next::Data(n) => return Received::Data(n),
                Next::Starved if self.has_news_to_send() => return Received::SendWaiting,
                Next::Starved => {
                    idle();
                    match self.fill(MsgFlags::empty()) {
                        Ok(()) => continue,
                        Err(error) => Ending::Reset(error),
                    }
                }
                Next::CloseNotify => Ending::CloseNotify,
                Next::End => Ending::Eof,
                Next::Failed(rustls::Error::AlertReceived(alert)) => Ending::Alert(failure::alert_name(alert)),
                Next::Failed(error) => Ending::BadRecord(self.in_clear().unwrap_or(failure::shown(&error))),
            };
            return Received::Ended(ending);
        }
    }

    /// What the server said without TLS instead of a record: for the log only, because it is not authenticated.
    fn in_clear(&self) -> Option<String> {
        self.raw.plain_text().map(|line| format!("plain text behind TLS: {}", escape(line)))
    }

    /// Reported before reception blocks again: an answer must not wait for the server's next word.
    fn has_news_to_send(&mut self) -> bool {
        let waits = self.shared.conn().wants_write();
        let news = waits && !self.told;
        self.told = waits;
        news
    }

    /// Plaintext first, then more ciphertext from the buffer, as much as `out` holds; no I/O.
    pub fn next(&mut self, out: &mut [u8]) -> Next {
        let mut conn = self.shared.conn();
        let mut filled = 0;
        // The end comes after what it ended; rustls and `failed` tell it again.
        let data_or = |filled, end| if filled > 0 { Next::Data(filled) } else { end };
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            match conn.reader().read(room) {
                Ok(0) => return data_or(filled, Next::CloseNotify),
                Ok(n) => {
                    filled += n;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return data_or(filled, Next::End),
                Err(_) => {}
            }
            match self.failed.take_if(|_| filled == 0) {
                Some(error) => return Next::Failed(error),
                None if self.failed.is_some() || self.raw.is_empty() => return data_or(filled, Next::Starved),
                None => self.failed = self.raw.feed(&mut conn).err(),
            }
        }
        Next::Data(filled)
    }

    /// One read from the socket, without the lock. It may bring nothing after all.
    pub fn fill(&mut self, flags: MsgFlags) -> io::Result<()> {
        if let Some(0) = self.raw.read(&self.shared.stream, flags)? {
            // An empty read is the end of file to rustls: this is a real one.
            let _ = self.shared.conn().read_tls(&mut io::empty());
        }
        Ok(())
    }
}
