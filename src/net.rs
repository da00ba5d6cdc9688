//! The way to an address: name lookup, staggered connects (RFC 8305), socket options, all under a deadline.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

use dns_lookup::{getaddrinfo, AddrFamily, AddrInfoHints, LookupError, LookupErrorKind, SockType};
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags};
use socket2::{Domain, Socket, Type};

use crate::deadline::{millis, Deadline};
use crate::error::{Error, Heard, Stage};
use crate::options::{Dial, Family, Host};
use crate::socket::{keep_alive, non_blocking, send_in_steps};
use crate::text::{errno_text, escape};
use crate::wait::{ready, Waiter, Woken};

/// Connection Attempt Delay (RFC 8305 section 5).
const STAGGER_MS: u64 = 250;

/// More addresses than any smarthost needs: each gets an equal share of the time, and a name server must not be able
/// to make the shares too small for all.
const MOST_ADDRESSES: usize = 16;

/// The addresses of a host, families alternating (RFC 8305 section 4) beginning with the system's choice (RFC 6724).
///
/// # Errors
/// Those of the resolve stage, `Error::OutOf` without a thread, `Error::Terminated`.
pub fn resolve(
    host: &Host,
    family: Family,
    deadline: Deadline,
    waiter: &Waiter,
) -> Result<VecDeque<SocketAddr>, Error> {
    let shown = escape(host.name.as_bytes(), 255);
    let name = match &host.dial {
        dial if !family.fits(dial) => return Err(Error::NoAddress { host: shown, family: words(family) }),
        Dial::Address(ip) => return scoped(*ip, host).map(|address| [address].into()),
        Dial::Name(name) => name.clone(),
    };
    // getaddrinfo(3) has no deadline: it gets a thread, which is given up with the process. The pair wakes us.
    let out_of = |source| Error::OutOf { stage: Stage::Resolve, source };
    let given = deadline.seconds_left();
    let (done, theirs) = UnixStream::pair().map_err(out_of)?;
    let (sender, answers) = mpsc::channel();
    let resolver = move || {
        let found = look_up(&name, family);
        let full = found.as_ref().err().and_then(|_| no_descriptor_left());
        // glibc's "no such name" also means that /etc/hosts has it in the other family only.
        let other =
            family != Family::Both && full.is_none() && no_such_name(&found) && look_up(&name, Family::Both).is_ok();
        let _ = sender.send(match found {
            Err(_) if other => Ok(Vec::new()),
            found => found.map_err(|error| (error, full)),
        });
        drop(theirs);
    };
    thread::Builder::new().name("resolve".to_owned()).spawn(resolver).map_err(out_of)?;
    match waiter.wait_for(done.as_fd(), PollFlags::POLLIN, deadline).map_err(out_of)? {
        Woken::Terminated => return Err(Error::Terminated { stage: Stage::Resolve }),
        Woken::Deadline => return Err(Error::ResolverSilent { host: shown, seconds: given }),
        Woken::Ready => {}
    }
    let found = match answers.recv() {
        Ok(Ok(found)) => found,
        Ok(Err((_, Some(source)))) => return Err(out_of(source)),
        Ok(Err((error, None))) => return Err(lookup_error(shown, family, error)),
        Err(_) => return Err(Error::ResolverFailed { host: shown, problem: "it ended without an answer".to_owned() }),
    };
    let addresses: Vec<_> = found.into_iter().map(|address| at_port(address, host.port)).collect();
    if !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_unspecified()) {
        return Err(Error::Blocked { host: shown });
    }
    match alternate(&addresses) {
        none if none.is_empty() => Err(Error::NoAddress { host: shown, family: words(family) }),
        some => Ok(some),
    }
}

/// The interface of a link-local address stays.
fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// With the number of its interface, where it has a zone.
fn scoped(ip: IpAddr, host: &Host) -> Result<SocketAddr, Error> {
    let (IpAddr::V6(v6), Some(zone)) = (ip, &host.zone) else { return Ok(SocketAddr::new(ip, host.port)) };
    let scope = zone.parse().or_else(|_| if_nametoindex(zone.as_str()));
    let no_interface =
        |_| Error::Unreachable { problem: format!("no network interface {}", escape(zone.as_bytes(), 20)) };
    scope.map(|scope| SocketAddrV6::new(v6, host.port, 0, scope).into()).map_err(no_interface)
}

fn look_up(name: &str, family: Family) -> Result<Vec<SocketAddr>, LookupError> {
    let family = match family {
        Family::Both => 0,
        Family::V4 => AddrFamily::Inet.into(),
        Family::V6 => AddrFamily::Inet6.into(),
    };
    // No AI_ADDRCONFIG: it ignores loopback addresses, and an address without a route fails at once anyway.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), address: family, ..AddrInfoHints::default() };
    Ok(getaddrinfo(Some(name), None, Some(hints))?.filter_map(Result::ok).map(|found| found.sockaddr).collect())
}

fn no_such_name<T>(found: &Result<T, LookupError>) -> bool {
    found.as_ref().is_err_and(|error| matches!(error.kind(), LookupErrorKind::NoName))
}

/// Without a descriptor for /etc/hosts glibc says "no such name".
fn no_descriptor_left() -> Option<io::Error> {
    let full = [Some(Errno::EMFILE as i32), Some(Errno::ENFILE as i32)];
    File::open("/dev/null").err().filter(|error| full.contains(&error.raw_os_error()))
}

fn lookup_error(host: String, family: Family, error: LookupError) -> Error {
    let kind = error.kind();
    let problem = io::Error::from(error).to_string();
    let problem = escape(problem.trim_start_matches("failed to lookup address information: ").as_bytes(), 100);
    match kind {
        LookupErrorKind::NoName => Error::NoSuchName { host },
        LookupErrorKind::NoData => Error::NoAddress { host, family: words(family) },
        _ if problem.contains("Address family for hostname") => Error::NoAddress { host, family: words(family) },
        _ => Error::ResolverFailed { host, problem },
    }
}

fn words(family: Family) -> &'static str {
    match family {
        Family::Both => "IPv4 or IPv6",
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// Each address once, families taking turns.
fn alternate(found: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !unique.contains(address) {
            unique.push(*address);
        }
    }
    let first_is_v4 = unique.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = unique.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = VecDeque::new();
    loop {
        let round: Vec<_> = first.next().into_iter().chain(second.next()).collect();
        if round.is_empty() || turns.len() >= MOST_ADDRESSES {
            turns.truncate(MOST_ADDRESSES);
            return turns;
        }
        turns.extend(round);
    }
}

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
                match start(address).map_err(|source| Error::OutOf { stage: Stage::Connect, source })? {
                    Ok(socket) => waiting.push(Attempt { address, socket, deadline: share }),
                    Err(error) => {
                        failed.push((address, connect_error(address, &error)));
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
        // A connect that failed makes room for the next one at once.
        if failed.len() > failures {
            next_start = Deadline::now();
            continue;
        }
        let (late, on_time): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|attempt| attempt.deadline.passed());
        failed.extend(late.into_iter().map(|a| (a.address, Error::ConnectTimeout { port: a.address.port() })));
        waiting = on_time;
        let ends = waiting.iter().map(|attempt| attempt.deadline);
        let Some(wake) = ends.chain((!untried.is_empty()).then_some(next_start)).min() else { continue };
        if waiting.is_empty() {
            continue;
        }
        let mut fds: Vec<_> =
            waiting.iter().map(|attempt| PollFd::new(attempt.socket.as_fd(), PollFlags::POLLOUT)).collect();
        let woken = waiter.wait(&mut fds, wake).map_err(|source| Error::OutOf { stage: Stage::Connect, source })?;
        if woken == Woken::Terminated {
            return Err(Error::Terminated { stage: Stage::Connect });
        }
    }
}

/// Outer error: no descriptor. Inner error: this address fails at once.
fn start(address: SocketAddr) -> io::Result<io::Result<Socket>> {
    let socket = match non_blocking(Domain::for_address(address), Type::STREAM) {
        Ok(socket) => socket,
        Err(error) => {
            let errno = error.raw_os_error().map(Errno::from_raw);
            let out = matches!(errno, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM));
            // A family that this kernel has not, or that a policy denies us: the other one may work.
            return if out { Err(error) } else { Ok(Err(error)) };
        }
    };
    keep_alive(&socket);
    send_in_steps(&socket);
    Ok(match socket.connect(&address.into()) {
        Ok(()) => Ok(socket),
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => Ok(socket),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(socket),
        Err(error) => Err(error),
    })
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
        // No address of our own to come from: IPv6 switched off, in most containers.
        ErrorKind::AddrNotAvailable if address.is_ipv6() => Error::NoRoute { family: words(Family::V6) },
        _ => Error::Unreachable { problem: errno_text(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("address")).collect()
    }

    /// A bug that was: the interface that a lookup gives (mDNS, for one) was lost.
    #[test]
    fn an_address_of_a_lookup_keeps_its_interface() {
        let found = SocketAddrV6::new("fe80::7".parse().expect("address"), 0, 0, 3);
        assert_eq!(at_port(found.into(), 465), SocketAddrV6::new(*found.ip(), 465, 0, 3).into());
    }

    #[test]
    fn families_take_turns_and_an_address_stands_once() {
        let found = all(&["[::1]:465", "[::2]:465", "[::1]:465", "1.1.1.1:465", "2.2.2.2:465", "3.3.3.3:465"]);
        let turns = all(&["[::1]:465", "1.1.1.1:465", "[::2]:465", "2.2.2.2:465", "3.3.3.3:465"]);
        assert_eq!(Vec::from(alternate(&found)), turns);
    }

    #[test]
    fn a_thousand_addresses_do_not_make_the_shares_too_small() {
        let found: Vec<_> = (0..1000_u32).map(|n| SocketAddr::from((n.to_be_bytes(), 465))).collect();
        assert_eq!(alternate(&found).len(), MOST_ADDRESSES);
    }
}
