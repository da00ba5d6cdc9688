//! Staggered connects (RFC 8305): the first address that answers wins.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::poll::{PollFd, PollFlags};
use socket2::{Domain, Socket, Type};

use super::words;
use crate::deadline::{millis, Deadline};
use crate::error::{Error, Heard, Stage};
use crate::options::Family;
use crate::socket::{keep_alive, non_blocking, send_in_steps};
use crate::text::errno_text;
use crate::wait::{ready, Waiter, Woken};

/// Connection Attempt Delay (RFC 8305 section 5).
const STAGGER_MS: u64 = 250;

/// What became of a round of connects.
pub enum Race {
    /// The first to answer. Those still on their way were given up and stand in `untried` again.
    Won(TcpStream, SocketAddr),
    Lost,
}

struct Attempt {
    address: SocketAddr,
    socket: Socket,
    deadline: Deadline,
}

/// Connects to `untried` in order, the next one 250 ms after the last or as soon as it failed, until one answers.
/// Addresses that failed leave `untried` and go to `failed`.
///
/// # Errors
/// `Error::Terminated`; `Error::OutOf` when there is no descriptor for a socket.
pub fn connect(
    untried: &mut VecDeque<SocketAddr>,
    failed: &mut Vec<(SocketAddr, Error)>,
    deadline: Deadline,
    waiter: &Waiter,
) -> Result<Race, Error> {
    let mut waiting: Vec<Attempt> = Vec::new();
    let mut next_start = Deadline::now();
    loop {
        if next_start.passed() || waiting.is_empty() {
            if let Some(address) = untried.pop_front() {
                let share = deadline.share(untried.len() + 1);
                match start(address) {
                    Ok(socket) => waiting.push(Attempt { address, socket, deadline: share }),
                    Err(error @ Error::OutOf { .. }) => return Err(error),
                    Err(error) => {
                        failed.push((address, error));
                        continue;
                    }
                }
                next_start = Deadline::after(millis(STAGGER_MS));
            }
        }
        if waiting.is_empty() {
            return Ok(Race::Lost);
        }
        let failures = failed.len();
        if let Some(won) = first_answer(&mut waiting, failed) {
            untried.extend(waiting.into_iter().map(|attempt| attempt.address));
            return Ok(Race::Won(won.socket.into(), won.address));
        }
        waiting.retain(|attempt| {
            let late = attempt.deadline.passed();
            if late {
                failed.push((attempt.address, Error::ConnectTimeout { port: attempt.address.port() }));
            }
            !late
        });
        // A connect that failed makes room for the next one at once.
        if failed.len() > failures {
            next_start = Deadline::now();
            continue;
        }
        let next = (!untried.is_empty()).then_some(next_start);
        let wake = waiting.iter().map(|attempt| attempt.deadline).chain(next).min().unwrap_or(deadline);
        let mut fds: Vec<_> =
            waiting.iter().map(|attempt| PollFd::new(attempt.socket.as_fd(), PollFlags::POLLOUT)).collect();
        if waiter.wait(&mut fds, wake).map_err(out_of)? == Woken::Terminated {
            return Err(Error::Terminated { stage: Stage::Connect });
        }
    }
}

/// One address.
///
/// # Errors
/// Those of `connect`, and why it does not answer.
pub fn connect_one(address: SocketAddr, deadline: Deadline, waiter: &Waiter) -> Result<TcpStream, Error> {
    let mut failed = Vec::new();
    match connect(&mut [address].into(), &mut failed, deadline, waiter)? {
        Race::Won(stream, _) => Ok(stream),
        Race::Lost => Err(failed.pop().map_or(Error::ConnectTimeout { port: address.port() }, |(_, error)| error)),
    }
}

fn start(address: SocketAddr) -> Result<Socket, Error> {
    let socket = non_blocking(Domain::for_address(address), Type::STREAM).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => out_of(error),
            // This kernel does not have the family, or a policy denies it to us: the other one may work.
            _ => connect_error(address, &error),
        }
    })?;
    keep_alive(&socket);
    send_in_steps(&socket);
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => Ok(socket),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(socket),
        Err(error) => Err(connect_error(address, &error)),
        Ok(()) => Ok(socket),
    }
}

/// Takes the first attempt that is connected, blocking again, out of `waiting`; moves those that failed to `failed`.
fn first_answer(waiting: &mut Vec<Attempt>, failed: &mut Vec<(SocketAddr, Error)>) -> Option<Attempt> {
    let mut won = None;
    for attempt in std::mem::take(waiting) {
        if won.is_some() || !ready(attempt.socket.as_fd(), PollFlags::POLLOUT, Deadline::now()) {
            waiting.push(attempt);
            continue;
        }
        // A connection that came and went has no peer, and perhaps no error either.
        let connected = attempt.socket.peer_addr().map_err(|none| match attempt.socket.take_error() {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => none,
        });
        let blocking = || fcntl(&attempt.socket, FcntlArg::F_SETFL(OFlag::empty())).map_err(io::Error::from);
        match connected.and_then(|_| blocking()) {
            Ok(_) => won = Some(attempt),
            Err(error) => failed.push((attempt.address, connect_error(attempt.address, &error))),
        }
    }
    won
}

fn out_of(source: io::Error) -> Error {
    Error::OutOf { stage: Stage::Connect, source }
}

fn connect_error(address: SocketAddr, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::ConnectionRefused => Error::Refused { port: address.port() },
        ErrorKind::TimedOut => Error::ConnectTimeout { port: address.port() },
        // It was connected, and the server ended it before we could look.
        ErrorKind::ConnectionReset | ErrorKind::NotConnected => {
            Error::Reset { stage: Stage::Handshake, heard: Heard::Nothing }
        }
        ErrorKind::NetworkUnreachable => {
            Error::NoRoute { family: words(if address.is_ipv4() { Family::V4 } else { Family::V6 }) }
        }
        // We have no address to connect from: in most containers IPv6 is switched off.
        ErrorKind::AddrNotAvailable if address.is_ipv6() => Error::NoRoute { family: words(Family::V6) },
        _ => Error::Unreachable { problem: errno_text(error) },
    }
}
