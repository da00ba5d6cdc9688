//! Name lookup under a deadline.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

use dns_lookup::{getaddrinfo, AddrFamily, AddrInfoHints, LookupError, LookupErrorKind, SockType};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::PollFlags;

use super::words;
use crate::deadline::Deadline;
use crate::error::{Error, Stage};
use crate::options::{Dial, Family, Host};
use crate::text::escape;
use crate::wait::{Waiter, Woken};

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
    let name = match &host.dial {
        dial if !family.fits(dial) => return Err(Error::NoAddress { family: words(family) }),
        Dial::Address(ip) => return scoped(*ip, host).map(|address| [address].into()),
        Dial::Name(name) => name.clone(),
    };
    // getaddrinfo(3) has no deadline: it gets a thread, which is given up with the process. The pair wakes us.
    let out_of = |source| Error::OutOf { stage: Stage::Resolve, source };
    let given = deadline.seconds_left();
    let (done, theirs) = UnixStream::pair().map_err(out_of)?;
    let (sender, answers) = mpsc::channel();
    let resolver = move || {
        let _ = sender.send(answer(&name, family));
        drop(theirs);
    };
    thread::Builder::new().name("resolve".to_owned()).spawn(resolver).map_err(out_of)?;
    let found = match waiter.wait_for(done.as_fd(), PollFlags::POLLIN, deadline).map_err(out_of)? {
        Woken::Terminated => return Err(Error::Terminated { stage: Stage::Resolve }),
        Woken::Deadline => return Err(Error::ResolverSilent { seconds: given }),
        Woken::Ready => {
            answers.recv().unwrap_or(Err(Error::ResolverFailed { problem: "it ended without an answer".to_owned() }))?
        }
    };
    let addresses: Vec<_> = found.into_iter().map(|address| at_port(address, host.port)).collect();
    match alternate(&addresses) {
        none if none.is_empty() => Err(Error::NoAddress { family: words(family) }),
        all if all.iter().all(|address| address.ip().is_unspecified()) => Err(Error::Blocked),
        some => Ok(some),
    }
}

/// The interface of a link-local address stays.
fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// With the number of its interface, if it has a zone.
fn scoped(ip: IpAddr, host: &Host) -> Result<SocketAddr, Error> {
    let (IpAddr::V6(v6), Some(zone)) = (ip, &host.zone) else { return Ok(SocketAddr::new(ip, host.port)) };
    let scope = zone.parse().or_else(|_| if_nametoindex(zone.as_str()));
    let no_interface = |_| Error::NoInterface { name: escape(zone.as_bytes()) };
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

/// What the resolver's thread finds.
fn answer(name: &str, family: Family) -> Result<Vec<SocketAddr>, Error> {
    let error = match look_up(name, family) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    if let Some(source) = no_descriptor_left() {
        return Err(Error::OutOf { stage: Stage::Resolve, source });
    }
    let kind = error.kind();
    let problem = io::Error::from(error).to_string();
    let problem = escape(problem.trim_start_matches("failed to lookup address information: ").as_bytes()).to_string();
    let is_other_family = || family != Family::Both && look_up(name, Family::Both).is_ok();
    Err(match kind {
        // glibc also says "no such name" if /etc/hosts has it in the other family only.
        LookupErrorKind::NoName if !is_other_family() => Error::NoSuchName,
        LookupErrorKind::NoName | LookupErrorKind::NoData => Error::NoAddress { family: words(family) },
        _ if problem.contains("Address family for hostname") => Error::NoAddress { family: words(family) },
        _ => Error::ResolverFailed { problem },
    })
}

/// Without a descriptor for /etc/hosts glibc says "no such name".
fn no_descriptor_left() -> Option<io::Error> {
    let full = [Some(Errno::EMFILE as i32), Some(Errno::ENFILE as i32)];
    File::open("/dev/null").err().filter(|error| full.contains(&error.raw_os_error()))
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
