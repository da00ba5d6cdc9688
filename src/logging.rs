//! The sink: syslog, stderr or none; one record is one line, capped. Logging never fails, delays or stops mail.
//!
//! Around the `syslog` crate, which sends blocking, never reconnects and stamps UTC: our own socket (non-blocking), our
//! own format (no time: syslogd puts its own), and silence if there is no syslogd. Text in a record was escaped where it
//! came in from outside (text.rs); here only the length is left to check.

use std::io::{self, BufWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::errno::Errno;
use nix::poll::PollFlags;
use socket2::{Domain, SockAddr, Type};
use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};

use crate::deadline::{millis, Deadline};
use crate::options::{LogTo, Logging, Stderr};
use crate::socket::non_blocking;
use crate::text::{self, LOG_LINE};
use crate::wait::{ready, write_before};

/// How long a line may wait for a syslogd or a pipe that is busy; then it is lost.
const PATIENCE_MS: u64 = 250;

/// A sink that took nothing in that time is not waited for again: all lines of a session together delay it only once.
static STUCK: AtomicBool = AtomicBool::new(false);

const TAG: &str = "smtps-bridge";

static SINK: OnceLock<Sink> = OnceLock::new();

/// Chooses and opens the sink; before rights are dropped. Calling it twice changes nothing.
pub fn open(logging: Logging, stderr: Stderr) {
    let to = match (logging.to, stderr) {
        // On the client's socket a log line would be a message in the mail session.
        (None | Some(LogTo::Stderr), Stderr::NotOurs) => LogTo::Syslog,
        (None, Stderr::Ours) => LogTo::Stderr,
        (Some(to), _) => to,
    };
    let sink = SINK.get_or_init(|| match to {
        LogTo::Syslog => Sink::Syslog(Mutex::new(connect())),
        LogTo::Stderr => Sink::Stderr,
        LogTo::None => Sink::None,
    });
    if log::set_logger(sink).is_ok() {
        log::set_max_level(if matches!(sink, Sink::None) { LevelFilter::Off } else { logging.level });
    }
}

enum Sink {
    /// None: no syslogd answered; the next line tries again.
    Syslog(Mutex<Option<Logger<LoggerBackend, Line>>>),
    Stderr,
    None,
}

impl Log for Sink {
    /// Our own records only: no library adds any.
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.target().starts_with("smtps_bridge")
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = text::line(&record.args().to_string(), LOG_LINE);
        match self {
            Sink::None => {}
            Sink::Stderr => {
                // A pipe that no one reads must not hold mail.
                let line = format!("{TAG}: {line}\n");
                patiently(|deadline| write_before(io::stderr().as_fd(), line.as_bytes(), deadline));
            }
            Sink::Syslog(logger) => {
                // try_lock: the panic hook may come here while another thread holds it, and must not wait.
                let mut logger = match logger.try_lock() {
                    Ok(logger) => logger,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) => return,
                };
                if !send(&mut logger, record.level(), &line) {
                    // syslogd was restarted: its new socket is a new connection.
                    *logger = connect();
                    send(&mut logger, record.level(), &line);
                }
            }
        }
    }

    fn flush(&self) {}
}

/// Does it; true if the sink took the line.
fn patiently(act: impl FnOnce(Deadline) -> bool) -> bool {
    let patience = if STUCK.load(Ordering::Relaxed) { 0 } else { PATIENCE_MS };
    let took = act(Deadline::after(millis(patience)));
    STUCK.store(!took, Ordering::Relaxed);
    took
}

/// False if the connection is gone and a new one may help.
fn send(logger: &mut Option<Logger<LoggerBackend, Line>>, level: Level, line: &str) -> bool {
    let Some(logger) = logger else { return false };
    let fd = match &logger.backend {
        LoggerBackend::Unix(socket) => Some(socket.as_fd()),
        LoggerBackend::UnixStream(socket) => Some(socket.get_ref().as_fd()),
        LoggerBackend::Udp(..) | LoggerBackend::Tcp(_) => None,
    };
    // A full queue is worth a moment: a burst of sessions that end together fills it.
    if !fd.is_some_and(|fd| patiently(|deadline| ready(fd, PollFlags::POLLOUT, deadline))) {
        return true;
    }
    let sent = match level {
        Level::Error => logger.err(line),
        Level::Warn => logger.warning(line),
        Level::Info => logger.info(line),
        Level::Debug | Level::Trace => logger.debug(line),
    };
    match sent {
        Ok(()) => true,
        Err(syslog::Error::Write(error) | syslog::Error::Io(error)) => error.kind() == io::ErrorKind::WouldBlock,
        Err(_) => false,
    }
}

/// `<PRI>TAG[PID]: MESSAGE`: RFC 3164 section 5.4 without the time, as every syslogd takes it from a local program.
#[derive(Clone)]
struct Line;

impl LogFormat<&str> for Line {
    fn format<W: io::Write>(&self, writer: &mut W, severity: Severity, message: &str) -> syslog::Result<()> {
        let priority = Facility::LOG_MAIL as u32 | severity as u32;
        // One write_fmt is one datagram.
        write!(writer, "<{priority}>{TAG}[{}]: {message}", process::id()).map_err(syslog::Error::Write)
    }
}

/// Datagram first, stream if syslogd wants it; non-blocking before the connect, because a stream socket with a full
/// backlog would hold it.
fn connect() -> Option<Logger<LoggerBackend, Line>> {
    let datagrams = non_blocking(Domain::UNIX, Type::DGRAM).ok()?;
    for path in paths() {
        let Ok(address) = SockAddr::unix(path) else { continue };
        let backend = match datagrams.connect(&address) {
            Ok(()) => LoggerBackend::Unix(UnixDatagram::from(OwnedFd::from(datagrams))),
            Err(error) if error.raw_os_error() == Some(Errno::EPROTOTYPE as i32) => match stream(&address) {
                Ok(stream) => LoggerBackend::UnixStream(BufWriter::new(stream)),
                Err(_) => continue,
            },
            Err(_) => continue,
        };
        return Some(Logger::new(backend, Line));
    }
    None
}

fn stream(address: &SockAddr) -> io::Result<UnixStream> {
    let socket = non_blocking(Domain::UNIX, Type::STREAM)?;
    socket.connect(address)?;
    Ok(OwnedFd::from(socket).into())
}

/// Linux and the BSDs, then macOS, as in the syslog crate.
fn paths() -> Vec<std::path::PathBuf> {
    #[cfg(feature = "test-hooks")]
    if let Some(path) = std::env::var_os("SMTPS_BRIDGE_TEST_SYSLOG") {
        return vec![path.into()];
    }
    ["/dev/log", "/var/run/syslog"].map(Into::into).to_vec()
}
