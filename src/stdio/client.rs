//! Who the client is, whether we serve it, and whether it is still there.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, recv, sockopt, MsgFlags, SockType};
use nix::sys::stat::{fstat, SFlag};
use socket2::SockRef;

use super::{kind_bits, Kind, Local, UNIX, UNKNOWN};
use crate::error::Error;
use crate::options::Network;
use crate::socket::keep_alive;

/// What there is of a client before it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Here,
    /// It ended before it said a word.
    Ended,
    Gone,
}

/// Who the client on descriptors 0 and 1 is, whether we serve it (this machine, and the networks of `allow_from`), and
/// whether it is still there.
///
/// # Errors
/// `Error::Descriptor` if it is not a client's stream, `Error::Stranger`.
pub fn admit(local: &mut Local, allow_from: &[Network]) -> Result<Presence, Error> {
    if let Some(problem) = no_client(local.input) {
        return Err(Error::Descriptor(problem));
    }
    let mut presence = Presence::Here;
    if local.input == Kind::Socket {
        presence = admit_socket(io::stdin().as_fd(), &mut local.client, allow_from)?;
    }
    // Replies go there, whatever is on descriptor 0.
    if local.output == Kind::Socket && presence == Presence::Here {
        let mut reader = UNKNOWN.to_owned();
        // An end there is none of what is read on descriptor 0.
        if admit_socket(io::stdout().as_fd(), &mut reader, allow_from)? == Presence::Gone {
            presence = Presence::Gone;
        }
        if local.input != Kind::Socket {
            local.client = reader;
        }
    }
    Ok(presence)
}

/// Why descriptor 0 cannot be a client, and what is wrong in the superserver's line.
fn no_client(input: Kind) -> Option<&'static str> {
    let is_directory = || fstat(io::stdin()).is_ok_and(|zero| kind_bits(&zero) == SFlag::S_IFDIR);
    let is_no_stream = || getsockopt(&io::stdin(), sockopt::SockType).is_ok_and(|kind| kind != SockType::Stream);
    match input {
        Kind::Listener => Some(
            "descriptor 0 is a listening socket: Accept=yes (systemd), nowait (inetd) or wait = no (xinetd) is missing",
        ),
        // read(2) would say so in the middle of a session.
        Kind::File if is_directory() => Some("descriptor 0 is a directory: give it a client, a pipe or a file"),
        Kind::Socket if is_no_stream() => {
            Some("descriptor 0 is not a stream socket: inetd's line needs `stream tcp nowait`")
        }
        Kind::Socket | Kind::Pipe | Kind::Terminal | Kind::File => None,
    }
}

/// `client`: who it is, as far as that is known, for the log.
fn admit_socket(fd: BorrowedFd, client: &mut String, allow_from: &[Network]) -> Result<Presence, Error> {
    let stranger = |client: &str| Err(Error::Stranger { client: client.to_owned() });
    let socket = SockRef::from(&fd);
    let peer = match socket.peer_addr() {
        Ok(peer) => peer,
        Err(error) if matches!(error.kind(), ErrorKind::NotConnected | ErrorKind::InvalidInput) => {
            return Ok(Presence::Gone)
        }
        Err(_) => return stranger(client),
    };
    if peer.is_unix() {
        *client = UNIX.to_owned();
        return Ok(presence(fd));
    }
    let Some(peer) = peer.as_socket() else { return stranger(client) };
    let ip = peer.ip().to_canonical();
    *client = SocketAddr::new(ip, peer.port()).to_string();
    let is_own = || own_address(fd).is_some_and(|own| own.ip() == ip);
    if !ip.is_loopback() && !is_own() && !allow_from.iter().any(|network| network.contains(ip)) {
        return stranger(client);
    }
    keep_alive(&socket);
    Ok(presence(fd))
}

/// Looks at a client's socket without taking an octet.
fn presence(fd: BorrowedFd) -> Presence {
    match recv(fd.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
        Ok(0) => Presence::Ended,
        Err(Errno::ECONNRESET | Errno::ENOTCONN) => Presence::Gone,
        Ok(_) | Err(_) => Presence::Here,
    }
}

fn own_address(fd: BorrowedFd) -> Option<SocketAddr> {
    let own = SockRef::from(&fd).local_addr().ok()?.as_socket()?;
    Some(SocketAddr::new(own.ip().to_canonical(), own.port()))
}

/// Whether `addr` is where the client reached us: dialling it would start another one of us, and that one the next.
pub fn is_own_port(addr: SocketAddr) -> bool {
    let ip = addr.ip().to_canonical();
    own_address(io::stdin().as_fd())
        .is_some_and(|own| own.port() == addr.port() && (own.ip() == ip || own.ip().is_loopback() && ip.is_loopback()))
}
