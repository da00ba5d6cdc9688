//! Descriptors 0, 1 and 2: what they are, read, write, half-close, drain; the right to the first byte.
//!
//! Descriptors are the process's, so what is known of them is too: functions and one atomic, no object to pass around.
//! O_NONBLOCK is shared with the process that gave us the descriptor, and is never touched.

mod client;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::libc::{dev_t, ino_t};
use nix::poll::PollFlags;
use nix::sys::socket::{getsockopt, recv, shutdown, sockopt, MsgFlags, Shutdown};
use nix::sys::stat::{fstat, FileStat, SFlag};
use nix::unistd::{dup2_stderr, dup2_stdout, isatty};
use socket2::SockRef;

use crate::deadline::Deadline;
use crate::options::Stderr;
use crate::socket::acknowledge;
use crate::wait::{ready, write_before};

pub use client::{admit, is_own_port, Presence};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Socket,
    /// A socket that no one is connected to: a superserver's line or unit is wrong.
    Listener,
    Pipe,
    Terminal,
    /// A file or a device: there is nothing to half-close and no one to wait for.
    File,
}

/// The local side, once it is known to be one.
#[derive(Clone, Debug)]
pub struct Local {
    pub input: Kind,
    pub output: Kind,
    /// `127.0.0.1:40122`, `unix`, `pipe`, `terminal` or `file`, for the log.
    pub client: String,
}

/// Clients on a Unix socket, and on a socket that has not been looked at yet.
const UNIX: &str = "unix";
const UNKNOWN: &str = "unknown";

/// Taken by compare-and-swap by the first writer: the relay, a failure's reply, SIGTERM's, or the panic hook.
static FIRST_BYTE: AtomicBool = AtomicBool::new(false);

/// Device and inode of descriptor 2 if it was that of 0 or 1.
static STDERR_WAS: OnceLock<(dev_t, ino_t)> = OnceLock::new();

/// True for exactly one caller in the life of the process.
pub fn claim_first_byte() -> bool {
    FIRST_BYTE.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

/// Before anything can fail: inetd, xinetd and systemd put the client's socket on 0, 1 and 2, where a message of a
/// library or of the runtime would become part of the mail session. A terminal stays.
pub fn protect_stderr() -> Stderr {
    let Ok(two) = fstat(io::stderr()) else { return Stderr::NotOurs };
    let device = kind_bits(&two) == SFlag::S_IFCHR;
    if device && isatty(io::stderr()).unwrap_or(false) {
        return Stderr::Ours;
    }
    if was_closed(io::stderr().as_fd(), &two) {
        return Stderr::NotOurs;
    }
    let file = identity(&two);
    let same = |other: nix::Result<FileStat>| other.is_ok_and(|other| identity(&other) == file);
    if !same(fstat(io::stdin())) && !same(fstat(io::stdout())) {
        return Stderr::Ours;
    }
    let _ = STDERR_WAS.set(file);
    if let Ok(null) = open_null() {
        let _ = dup2_stderr(null);
    }
    Stderr::NotOurs
}

/// Tells a person, who did not ask for a session, what stderr cannot say because it was stdout (`2>&1`). On a socket, which
/// may be a superserver's client, nothing is said.
pub fn complain(sentence: &str, local: &Local) {
    let is_stdout = |file: &(dev_t, ino_t)| fstat(io::stdout()).is_ok_and(|one| identity(&one) == *file);
    if local.output != Kind::Socket && STDERR_WAS.get().is_some_and(is_stdout) {
        let _ = write_all(format!("smtps-bridge: {sentence}\n").as_bytes());
    }
}

/// What descriptors 0 and 1 are.
pub fn look() -> Local {
    let input = kind(io::stdin().as_fd());
    let client = match input {
        Kind::Socket | Kind::Listener => UNKNOWN,
        Kind::Pipe => "pipe",
        Kind::Terminal => "terminal",
        Kind::File => "file",
    };
    let output = kind(io::stdout().as_fd());
    if output == Kind::Pipe {
        // `half_close` needs it, when no file can be opened any more.
        null();
    }
    Local { input, output, client: client.to_owned() }
}

/// Reads from descriptor 0, which poll(2) has called readable; 0 octets is its end, None that there was nothing after all.
/// It blocks only if another process reads from the same pipe or terminal and was first.
///
/// # Errors
/// What read(2) says, EINTR and EAGAIN excepted.
pub fn read_ready(local: &Local, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let n = match local.input {
        Kind::Socket => recv(io::stdin().as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT),
        Kind::Pipe | Kind::Terminal | Kind::File | Kind::Listener => nix::unistd::read(io::stdin(), buffer),
    };
    match n {
        Ok(n) => {
            // A client with Nagle's algorithm on may hold the rest until it is acknowledged.
            if local.is_tcp() && (1..buffer.len()).contains(&n) {
                acknowledge(io::stdin());
            }
            Ok(Some(n))
        }
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// What poll(2) meant by POLLERR on descriptor 0.
pub fn error(local: &Local) -> io::Error {
    let stdin = io::stdin();
    let pending = if local.is_socket() { SockRef::from(&stdin).take_error().ok().flatten() } else { None };
    pending.unwrap_or(Errno::ECONNRESET.into())
}

/// Writes all of `data` to descriptor 1.
///
/// # Errors
/// What write(2) says, EINTR and EAGAIN excepted.
pub fn write_all(mut data: &[u8]) -> io::Result<()> {
    let will_take = || ready(io::stdout().as_fd(), PollFlags::POLLOUT, Deadline::after(Duration::MAX));
    while !data.is_empty() {
        match nix::unistd::write(io::stdout(), data).map_err(io::Error::from) {
            Ok(n) => data = data.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Non-blocking, because another process wants it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock && will_take() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes a short reply if descriptor 1 takes it before `deadline`; a client that does not read must not hold us. True
/// when all of it is out. At a terminal the sentence on stderr is enough.
pub fn write_last_words(reply: &[u8], deadline: Deadline) -> bool {
    match kind(io::stdout().as_fd()) {
        Kind::Terminal | Kind::Listener => false,
        Kind::Socket | Kind::Pipe | Kind::File => write_before(io::stdout().as_fd(), reply, deadline),
    }
}

/// Tells the client that nothing more will come: FIN on a socket, the end of a pipe.
pub fn half_close(local: &Local) {
    match local.output {
        Kind::Socket => {
            let _ = shutdown(io::stdout().as_raw_fd(), Shutdown::Write);
        }
        // The pipe is closed by putting /dev/null in its place: the number must not be used again by another file.
        Kind::Pipe => {
            if let Some(null) = null() {
                let _ = dup2_stdout(null);
            }
        }
        Kind::Terminal | Kind::File | Kind::Listener => {}
    }
}

/// Reads and drops what the client still sends, until its end or `deadline`: closing a socket with unread input sends
/// RST, which destroys the last reply on its way.
pub fn drain(local: &Local, deadline: Deadline) {
    let mut waste = zeroize::Zeroizing::new([0; 4096]);
    // A client that outruns us is always ready: the deadline must win all the same.
    while local.waits_for_us() && !deadline.passed() && ready(io::stdin().as_fd(), PollFlags::POLLIN, deadline) {
        match nix::unistd::read(io::stdin(), waste.as_mut_slice()) {
            Ok(0) => return,
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => return,
        }
    }
}

impl Local {
    /// Whether an exit with unread input can hurt the client: not at a terminal, and not when it is a file.
    pub fn waits_for_us(&self) -> bool {
        matches!(self.input, Kind::Socket | Kind::Pipe)
    }

    pub fn is_socket(&self) -> bool {
        self.input == Kind::Socket
    }

    pub fn is_tcp(&self) -> bool {
        self.is_socket() && self.client != UNIX
    }
}

fn kind(fd: BorrowedFd) -> Kind {
    match fstat(fd).map(|stat| kind_bits(&stat)) {
        Ok(SFlag::S_IFSOCK) if getsockopt(&fd, sockopt::AcceptConn) == Ok(true) => Kind::Listener,
        Ok(SFlag::S_IFSOCK) => Kind::Socket,
        Ok(SFlag::S_IFIFO) => Kind::Pipe,
        Ok(SFlag::S_IFCHR) if isatty(fd).unwrap_or(false) => Kind::Terminal,
        _ => Kind::File,
    }
}

fn kind_bits(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn identity(stat: &FileStat) -> (dev_t, ino_t) {
    (stat.st_dev, stat.st_ino)
}

/// /dev/null, opened once, while files can still be opened (and after `confine::close_inherited`).
fn null() -> Option<&'static File> {
    static NULL: OnceLock<Option<File>> = OnceLock::new();
    NULL.get_or_init(|| open_null().ok()).as_ref()
}

fn open_null() -> io::Result<File> {
    OpenOptions::new().write(true).open("/dev/null")
}

/// The runtime opens a closed descriptor as /dev/null for reading and writing; `2>/dev/null` writes only.
fn was_closed(fd: BorrowedFd, stat: &FileStat) -> bool {
    kind_bits(stat) == SFlag::S_IFCHR
        && nix::sys::stat::stat("/dev/null").is_ok_and(|null| null.st_rdev == stat.st_rdev)
        && fcntl(fd, FcntlArg::F_GETFL).is_ok_and(|flags| flags & OFlag::O_ACCMODE.bits() == OFlag::O_RDWR.bits())
}
