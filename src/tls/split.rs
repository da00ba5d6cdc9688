//! One connection, two threads: a `Sender` and a `Receiver` around the locked rustls connection (rules in tls.rs).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use nix::poll::PollFlags;
use rustls::ClientConnection;

use super::failure;
use super::raw::{receive_now, send_now, Raw};
use crate::deadline::Deadline;
use crate::wait::ready;

/// The two ends of one connection; `raw` may hold what came right behind the handshake.
pub fn split(conn: ClientConnection, raw: Raw, stream: TcpStream) -> (Sender, Receiver) {
    let shared = Arc::new(Shared { conn: Mutex::new(conn), outgoing: Mutex::new(Outgoing::default()), stream });
    (Sender(shared.clone()), Receiver { shared, raw, failed: None, told: false })
}

pub struct Shared {
    conn: Mutex<ClientConnection>,
    outgoing: Mutex<Outgoing>,
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
    /// The error of the socket that a send met. The system tells it once: a reset that the sender met looks like a plain
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

    /// Takes what the connection wants to send; false when there is nothing to do.
    fn refill(&mut self, conn: &mut ClientConnection) -> bool {
        if self.left().is_empty() {
            while conn.wants_write() && conn.write_tls(&mut self.buffer).is_ok_and(|n| n > 0) {}
        }
        !self.left().is_empty()
    }
}

#[derive(Clone)]
pub struct Sender(Arc<Shared>);

impl Sender {
    /// Encrypts and sends all of `data`; blocks while the server does not read.
    ///
    /// # Errors
    /// What the socket says: the server is gone, or we shut it down.
    pub fn send(&self, mut data: &[u8]) -> io::Result<()> {
        let mut outgoing = self.0.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        while !data.is_empty() {
            let taken = self.0.conn().writer().write(data)?;
            data = data.get(taken..).unwrap_or_default();
            self.flush(&mut outgoing, None)?;
        }
        drop(outgoing);
        // What reception queued while we held the buffer found nobody to send it.
        self.send_waiting(None)
    }

    /// Sends what reception queued (an alert, a warning), if nobody else is sending: then they do it.
    ///
    /// # Errors
    /// As `send`.
    pub fn send_waiting(&self, deadline: Option<Deadline>) -> io::Result<()> {
        while self.0.conn().wants_write() {
            let Some(mut outgoing) = self.try_outgoing() else { break };
            self.flush(&mut outgoing, deadline)?;
        }
        Ok(())
    }

    /// Sends close_notify, unless another send holds the wire until `deadline`.
    pub fn close(&self, deadline: Deadline) {
        loop {
            if let Some(mut outgoing) = self.try_outgoing() {
                self.0.conn().send_close_notify();
                let _ = self.flush(&mut outgoing, Some(deadline));
                return;
            }
            if deadline.passed() {
                return;
            }
            // A mutex has no timed lock; the holder is inside write(2) and may stay there.
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the socket: `Write` sends FIN, `Both` also wakes a thread that is blocked in it.
    pub fn shutdown(&self, how: Shutdown) {
        let _ = self.0.stream.shutdown(how);
    }

    fn try_outgoing(&self) -> Option<MutexGuard<'_, Outgoing>> {
        match self.0.outgoing.try_lock() {
            Ok(outgoing) => Some(outgoing),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Without a deadline it blocks; with one it leaves the rest in the buffer when time is up.
    fn flush(&self, outgoing: &mut Outgoing, deadline: Option<Deadline>) -> io::Result<()> {
        while outgoing.refill(&mut self.0.conn()) {
            let sent = match deadline {
                None => (&self.0.stream).write(outgoing.left()),
                Some(deadline) if ready(self.0.stream.as_fd(), PollFlags::POLLOUT, deadline) => {
                    send_now(&self.0.stream, outgoing.left())
                }
                Some(_) => return Err(ErrorKind::TimedOut.into()),
            };
            match sent {
                Ok(n) => outgoing.advance(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    // EPIPE is our own shutdown, or the end that the receiver sees as well.
                    if kind != ErrorKind::BrokenPipe {
                        outgoing.broken = Some(error);
                    }
                    return Err(kind.into());
                }
            }
        }
        Ok(())
    }

    /// What a send has met. Ask after `close`, which waits for a send that is just returning.
    pub fn broken(&self) -> Option<io::Error> {
        self.try_outgoing()?.broken.take()
    }
}

pub struct Receiver {
    pub shared: Arc<Shared>,
    raw: Raw,
    /// A fatal error, kept until what was authenticated before it is delivered.
    failed: Option<rustls::Error>,
    /// `Received::SendWaiting` was told, and what waits has not left since.
    told: bool,
}

/// What `Receiver::receive` brings.
#[derive(Debug)]
pub enum Received {
    Data(usize),
    /// No data yet, but reception queued something to send: see `Sender::send_waiting`.
    SendWaiting,
    CloseNotify,
    /// End of file without close_notify.
    End,
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
    /// Blocks until the server sends data or ends.
    pub fn receive(&mut self, out: &mut [u8]) -> Received {
        loop {
            match self.next(out) {
                Next::Data(n) => return Received::Data(n),
                Next::CloseNotify => return Received::CloseNotify,
                Next::End => return Received::End,
                Next::Failed(rustls::Error::AlertReceived(alert)) => {
                    return Received::Alert(failure::alert_name(alert))
                }
                Next::Failed(error) => return Received::BadRecord(failure::shown(&error)),
                Next::Starved if self.has_news_to_send() => return Received::SendWaiting,
                Next::Starved => {}
            }
            if let Err(error) = self.fill() {
                return Received::Reset(error);
            }
        }
    }

    /// Told before reception blocks again: an answer must not wait for the server's next word.
    fn has_news_to_send(&mut self) -> bool {
        let waits = self.shared.conn().wants_write();
        let news = waits && !self.told;
        self.told = waits;
        news
    }

    /// Plaintext first, then more ciphertext from the buffer; no I/O.
    pub fn next(&mut self, out: &mut [u8]) -> Next {
        let mut conn = self.shared.conn();
        loop {
            match conn.reader().read(out) {
                Ok(0) => return Next::CloseNotify,
                Ok(n) => return Next::Data(n),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Next::End,
                Err(_) => {}
            }
            if let Some(error) = self.failed.take() {
                return Next::Failed(error);
            }
            if self.raw.is_empty() {
                return Next::Starved;
            }
            self.failed = self.raw.feed(&mut conn).err();
        }
    }

    /// One read from the socket if it has something; for the stages that have a deadline.
    pub fn fill_now(&mut self) -> io::Result<()> {
        if let Some(0) = receive_now(&self.shared.stream, &mut self.raw)? {
            self.end_of_file();
        }
        Ok(())
    }

    /// One read from the socket, blocking, without the lock.
    fn fill(&mut self) -> io::Result<()> {
        loop {
            match (&self.shared.stream).read(self.raw.space()) {
                Ok(0) => self.end_of_file(),
                Ok(n) => self.raw.end = n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    /// An empty read is the end of file to rustls: this is a real one.
    fn end_of_file(&self) {
        let _ = self.shared.conn().read_tls(&mut io::empty());
    }
}
