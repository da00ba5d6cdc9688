//! The rustls connection: handshake, greeting, then a `Sender` and a `Receiver` that two threads own. The only file
//! that names `rustls::ClientConnection`; the shape is that of `split()` in rustls 0.24.
//!
//! Rules: no I/O while the connection is locked. Order of encryption is order on the wire, so only the holder of the
//! outgoing buffer calls `write_tls` or writes the socket. Locks are taken outgoing first, then connection. Reception
//! never waits for transmission: the receiver never takes the outgoing lock (both directions full must not deadlock).

mod failure;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use nix::poll::PollFlags;
use nix::sys::socket::{recv, send, MsgFlags};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ProtocolVersion};
use zeroize::Zeroizing;

use crate::deadline::{millis, Deadline};
use crate::error::{Error, Heard, Stage};
use crate::hooks;
use crate::trust::Trusted;
use crate::wait::{ready, Waiter, Woken};
use crate::x509;

pub use failure::alert_name;

/// Two TLS records (RFC 8446 section 5.2: 2^14 octets and 256 of overhead, 5 of header): what one read(2) may bring.
const RAW: usize = 2 * (16_384 + 256 + 5);

/// What the log says of a connection.
#[derive(Clone, Debug)]
pub struct Facts {
    pub version: String,
    pub suite: String,
    pub group: String,
    pub validity: Option<x509::Validity>,
}

/// A connection that has finished its handshake.
pub struct Tls {
    pub sender: Sender,
    pub receiver: Receiver,
    pub facts: Facts,
}

/// Everything that belongs to one connection under construction.
pub struct Attempt<'a> {
    pub trusted: &'a Trusted,
    pub server_name: &'a ServerName<'static>,
    pub deadline: Deadline,
    /// How long the attempt was given, for the sentence when it is over.
    pub seconds: u64,
    pub waiter: &'a Waiter,
}

/// Handshake on a connected socket.
///
/// # Errors
/// Those of the handshake stage, `Error::Terminated`.
pub fn handshake(stream: TcpStream, attempt: &Attempt) -> Result<Tls, Error> {
    hooks::enter("handshake");
    let mut conn = ClientConnection::new(attempt.trusted.config.clone(), attempt.server_name.clone())
        .map_err(|error| attempt.explain(Stage::Handshake, &error, &[]))?;
    let mut raw = Raw::new();
    let mut head = Vec::new();
    let mut waiting_to_go = Vec::new();
    loop {
        conn.write_tls(&mut waiting_to_go).map_err(|error| protocol(Stage::Handshake, &error))?;
        while !waiting_to_go.is_empty() {
            attempt.ready(&stream, PollFlags::POLLOUT, Stage::Handshake)?;
            let sent = send_now(&stream, &waiting_to_go).map_err(|error| broken(Stage::Handshake, &error))?;
            waiting_to_go.drain(..sent);
        }
        if !conn.is_handshaking() {
            break;
        }
        if raw.is_empty() {
            attempt.ready(&stream, PollFlags::POLLIN, Stage::Handshake)?;
            match receive_now(&stream, &mut raw) {
                Ok(Some(0)) if head.is_empty() => {
                    return Err(Error::Closed { stage: Stage::Handshake, heard: Heard::Nothing })
                }
                Ok(Some(0)) if !failure::looks_like_tls(&head) => return Err(failure::not_tls(&head)),
                Ok(Some(0)) => return Err(Error::Closed { stage: Stage::Handshake, heard: Heard::Something }),
                Ok(_) => {}
                Err(_) if head.is_empty() => return Err(Error::Reset { stage: Stage::Handshake }),
                Err(error) => return Err(broken(Stage::Handshake, &error)),
            }
            // The first octets tell plain SMTP, HTTP and SSH apart when they turn out not to be TLS.
            head.extend(raw.filled().iter().take(64_usize.saturating_sub(head.len())));
        }
        if let Err(error) = raw.feed(&mut conn) {
            // The alert that says why is for the server's log; it must not hold us.
            let _ = conn.write_tls(&mut waiting_to_go);
            let _ = send_now(&stream, &waiting_to_go);
            return Err(attempt.explain(Stage::Handshake, &error, &head));
        }
    }
    let facts = facts(&conn);
    let shared = Arc::new(Shared { conn: Mutex::new(conn), outgoing: Mutex::new(Outgoing::default()), stream });
    Ok(Tls { sender: Sender(shared.clone()), receiver: Receiver { shared, raw, failed: None }, facts })
}

impl Tls {
    /// The greeting's first octets, at least `wanted` of them: they may sit in rustls already, and a TLS 1.3 server
    /// refuses our certificate only now.
    ///
    /// # Errors
    /// Those of the greeting stage, `Error::Terminated`.
    pub fn greeting(&mut self, wanted: usize, attempt: &Attempt) -> Result<Vec<u8>, Error> {
        hooks::enter("greeting");
        let stage = Stage::Greeting;
        let mut greeting = Vec::new();
        let mut buffer = [0; 1024];
        while greeting.len() < wanted {
            match self.receiver.next(&mut buffer) {
                Next::Data(n) => greeting.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Next::CloseNotify | Next::End => return Err(Error::Closed { stage, heard: Heard::Something }),
                Next::Failed(error) => return Err(attempt.explain(stage, &error, &[])),
                Next::Starved => {
                    attempt.ready(&self.receiver.shared.stream, PollFlags::POLLIN, stage)?;
                    self.receiver.fill().map_err(|error| broken(stage, &error))?;
                }
            }
        }
        Ok(greeting)
    }

    /// Ends a connection whose session will not be: its certificate or greeting is not what we want.
    pub fn abandon(self) {
        self.sender.close(Deadline::after(millis(100)));
        self.sender.shutdown(Shutdown::Both);
    }
}

impl Attempt<'_> {
    /// Waits for the socket; one clock for connect, handshake and greeting together.
    fn ready(&self, stream: &TcpStream, flags: PollFlags, stage: Stage) -> Result<(), Error> {
        // A server that drips octets is always ready: the deadline must win all the same.
        let woken = match self.deadline.passed() {
            true => Woken::Deadline,
            false => self.waiter.wait_for(stream.as_fd(), flags, self.deadline).map_err(|e| broken(stage, &e))?,
        };
        match woken {
            Woken::Ready => Ok(()),
            Woken::Deadline => Err(Error::Silent { stage, seconds: self.seconds }),
            Woken::Terminated => Err(Error::Terminated),
        }
    }

    fn explain(&self, stage: Stage, error: &rustls::Error, head: &[u8]) -> Error {
        failure::explain(stage, error, head, self.server_name, self.trusted)
    }
}

struct Shared {
    conn: Mutex<ClientConnection>,
    outgoing: Mutex<Outgoing>,
    stream: TcpStream,
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
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

pub struct Receiver {
    shared: Arc<Shared>,
    raw: Raw,
    /// A fatal error, kept until what was authenticated before it is delivered.
    failed: Option<rustls::Error>,
}

/// What `Receiver::receive` brings.
#[derive(Debug)]
pub enum Received {
    Data(usize),
    CloseNotify,
    /// End of file without close_notify.
    End,
    Alert(String),
    BadRecord(String),
    Reset(io::Error),
}

enum Next {
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
                Next::Failed(rustls::Error::AlertReceived(alert)) => return Received::Alert(alert_name(alert)),
                Next::Failed(error) => return Received::BadRecord(failure::shown(&error)),
                Next::Starved => {}
            }
            if let Err(error) = self.fill() {
                return Received::Reset(error);
            }
        }
    }

    /// Whether reception queued something to send (see `Sender::send_waiting`).
    pub fn wants_send(&self) -> bool {
        self.shared.conn().wants_write()
    }

    /// Plaintext first, then more ciphertext from the buffer; no I/O.
    fn next(&mut self, out: &mut [u8]) -> Next {
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

    /// One read from the socket, without the lock.
    fn fill(&mut self) -> io::Result<()> {
        loop {
            match (&self.shared.stream).read(self.raw.space()) {
                Ok(0) => {
                    // An empty slice is the end of file to rustls: this is a real one.
                    let _ = self.shared.conn().read_tls(&mut io::empty());
                    return Ok(());
                }
                Ok(n) => {
                    self.raw.end = n;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Ciphertext between the socket and rustls.
struct Raw {
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Raw {
    fn new() -> Raw {
        Raw { buffer: Zeroizing::new(vec![0; RAW]), start: 0, end: 0 }
    }

    fn filled(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// The whole buffer, to read into; what was in it is used up.
    fn space(&mut self) -> &mut [u8] {
        self.start = 0;
        self.end = 0;
        &mut self.buffer
    }

    /// Hands rustls what fits (it takes 4 KiB at a time) and lets it work. After close_notify it takes nothing more,
    /// and what follows is dropped.
    fn feed(&mut self, conn: &mut ClientConnection) -> Result<(), rustls::Error> {
        match conn.read_tls(&mut self.filled()) {
            Ok(0) => self.start = self.end,
            Ok(n) => self.start += n,
            Err(error) => return Err(rustls::Error::General(error.to_string())),
        }
        conn.process_new_packets().map(|_| ())
    }
}

/// None: nothing there after all.
fn receive_now(stream: &TcpStream, raw: &mut Raw) -> io::Result<Option<usize>> {
    match recv(stream.as_raw_fd(), raw.space(), MsgFlags::MSG_DONTWAIT).map_err(io::Error::from) {
        Ok(n) => {
            raw.end = n;
            Ok(Some(n))
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

fn send_now(stream: &TcpStream, data: &[u8]) -> io::Result<usize> {
    match send(stream.as_raw_fd(), data, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL).map_err(io::Error::from) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        other => other,
    }
}

fn broken(stage: Stage, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Error::Reset { stage },
        _ => protocol(stage, error),
    }
}

fn protocol(stage: Stage, error: &dyn std::fmt::Display) -> Error {
    Error::Protocol { stage, problem: crate::text::escape(error.to_string().as_bytes(), 200) }
}

fn facts(conn: &ClientConnection) -> Facts {
    let version = match conn.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "?",
    };
    let suite = conn.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    let group = conn.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())).unwrap_or_default();
    Facts {
        version: version.to_owned(),
        suite: suite.trim_start_matches("TLS13_").trim_start_matches("TLS_").to_owned(),
        group,
        validity: conn.peer_certificates().and_then(|chain| chain.first()).and_then(x509::validity),
    }
}
