//! The one place that waits: until a descriptor is ready, a deadline passes, or SIGTERM asks us to end.
//!
//! SIGTERM is blocked before the first thread exists and read from a descriptor by the main thread, so that it ends a
//! session cleanly (a reply, a close_notify) and never in the middle of a write.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

use crate::deadline::Deadline;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    Ready,
    Deadline,
    Terminated,
}

pub struct Waiter {
    /// None when the process has no descriptor left for it: then SIGTERM keeps its default action.
    signals: Option<signals::Signals>,
}

impl Waiter {
    /// Takes SIGTERM over. Call it before the first thread starts: threads inherit the mask.
    pub fn for_sigterm() -> Waiter {
        Waiter { signals: signals::take_over().ok() }
    }

    /// A waiter that does not hear SIGTERM, because it has been heard already.
    pub const DEAF: Waiter = Waiter { signals: None };

    /// Waits until one of `wanted` is ready, the deadline passes, or SIGTERM has come. `wanted` then says which descriptor,
    /// and otherwise nothing.
    ///
    /// # Errors
    /// What poll(2) says, EINTR excepted.
    pub fn wait<'a>(&'a self, wanted: &mut [PollFd<'a>], deadline: Deadline) -> io::Result<Woken> {
        let signals = self.signals.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN));
        let mut all: Vec<PollFd> = wanted.iter().cloned().chain(signals).collect();
        loop {
            match poll(&mut all, timeout(deadline)) {
                Ok(0) if deadline.passed() => return Ok(Woken::Deadline),
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(errno) => return Err(errno.into()),
            }
            if all.len() > wanted.len() && all.last().and_then(PollFd::any) == Some(true) {
                return Ok(Woken::Terminated);
            }
            wanted.iter_mut().zip(all).for_each(|(wanted, polled)| *wanted = polled);
            return Ok(Woken::Ready);
        }
    }

    /// `wait` for one descriptor to become readable (`POLLIN`) or writable (`POLLOUT`). The deadline wins even over a
    /// server that drips octets, and so is always ready.
    ///
    /// # Errors
    /// As `wait`.
    pub fn wait_for<'a>(&'a self, fd: BorrowedFd<'a>, flags: PollFlags, deadline: Deadline) -> io::Result<Woken> {
        if deadline.passed() {
            return Ok(Woken::Deadline);
        }
        self.wait(&mut [PollFd::new(fd, flags)], deadline)
    }

    /// Whether SIGTERM has come.
    pub fn is_terminated(&self) -> bool {
        self.signals.as_ref().is_some_and(|signals| ready(signals.as_fd(), PollFlags::POLLIN, Deadline::now()))
    }
}

/// True as soon as `fd` is ready, false when `deadline` passed first. No signals: for last words and log lines, and for a
/// thread that may block.
pub fn ready(fd: BorrowedFd, flags: PollFlags, deadline: Deadline) -> bool {
    Waiter::DEAF.wait(&mut [PollFd::new(fd, flags)], deadline).is_ok_and(|woken| woken == Woken::Ready)
}

/// Writes a short text as far as `fd` takes it before `deadline`, piece by piece if need be; true when all of it is out.
/// What is ready takes a piece without blocking: a pipe 512 octets at least (PIPE_BUF, pipe(7)), a socket more.
pub fn write_before(fd: BorrowedFd, mut text: &[u8], deadline: Deadline) -> bool {
    while !text.is_empty() {
        if !ready(fd, PollFlags::POLLOUT, deadline) {
            return false;
        }
        match nix::unistd::write(fd, text) {
            Ok(n) => text = text.get(n..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) if !deadline.passed() => {}
            Err(_) => return false,
        }
    }
    true
}

/// Rounded up to a whole millisecond: rounding down would spin through the last one.
fn timeout(deadline: Deadline) -> PollTimeout {
    let millis = deadline.left().as_micros().div_ceil(1000);
    i32::try_from(millis).ok().and_then(|m| PollTimeout::try_from(m).ok()).unwrap_or(PollTimeout::MAX)
}

#[cfg(target_os = "linux")]
mod signals {
    use nix::sys::signal::{SigSet, Signal};
    use nix::sys::signalfd::{SfdFlags, SignalFd};

    pub type Signals = SignalFd;

    pub fn take_over() -> nix::Result<Signals> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTERM);
        // The descriptor first: with the signal blocked and no descriptor nothing could end us.
        let fd = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        mask.thread_block()?;
        Ok(fd)
    }
}

/// If there is no signalfd: a thread in sigwait(3) that closes its end of a pair.
#[cfg(not(target_os = "linux"))]
mod signals {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use nix::sys::signal::{SigSet, Signal};

    pub type Signals = UnixStream;

    pub fn take_over() -> std::io::Result<Signals> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTERM);
        let (ours, theirs) = UnixStream::pair()?;
        mask.thread_block()?;
        let waiting = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let _ = mask.wait();
            drop(theirs);
        });
        if let Err(error) = waiting {
            mask.thread_unblock()?;
            return Err(error);
        }
        Ok(ours)
    }
}
