//! Sockets: non-blocking from their first moment; options, the same on both sides: dead peers are found, small replies do
//! not wait.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::socket::MsgFlags;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use socket2::{Domain, Socket, TcpKeepalive, Type};

use crate::deadline::seconds;

/// Keepalive (idle 120 s, interval 30 s, 6 probes: a dead peer is found after 5 minutes) and TCP_NODELAY: SMTP is
/// question and answer, Nagle's algorithm would hold every second small write. While sent octets wait for their
/// acknowledgement the kernel sends no probe, and ends the connection by its limit of retransmissions (about 15
/// minutes on Linux). No TCP_USER_TIMEOUT: it also kills a peer that is alive and does not read. Errors mean "not a TCP
/// socket" and are no reason to stop mail.
pub fn keep_alive(socket: &Socket) {
    let [idle, interval] = [seconds(120), seconds(30)].map(whole);
    let keepalive = TcpKeepalive::new();
    // OpenBSD has these for the whole system only (sysctl net.inet.tcp).
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_time(idle).with_interval(interval).with_retries(6);
    #[cfg(target_os = "openbsd")]
    let _ = (idle, interval);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_nodelay(true);
}

/// For send(2): do not wait, and no SIGPIPE. macOS has no such flag; Rust's runtime ignores the signal anyway.
pub fn at_once() -> MsgFlags {
    #[cfg(not(target_vendor = "apple"))]
    return MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    #[cfg(target_vendor = "apple")]
    MsgFlags::MSG_DONTWAIT
}

/// Keeps the kernel from taking more than 64 KiB that the peer has not asked for: so a slow send is seen to make progress.
pub fn send_in_steps(socket: &Socket) {
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(65_536);
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Acknowledges at once what was read, once: a peer that waits for the acknowledgement of a small segment before it sends the
/// next (Nagle's algorithm) waits 40 ms for a delayed one (tcp(7), TCP_QUICKACK). Only Linux has it; an error means "not a
/// TCP socket".
pub fn acknowledge(socket: impl AsFd) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&socket.as_fd()).set_tcp_quickack(true);
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// The kernel counts these two in seconds, and refuses 0: what a test scales them to.
fn whole(time: Duration) -> Duration {
    time.max(Duration::from_secs(1))
}

/// A new socket, which never blocks.
///
/// # Errors
/// What socket(2) says.
pub fn non_blocking(domain: Domain, kind: Type) -> io::Result<Socket> {
    #[cfg(not(target_vendor = "apple"))]
    return Socket::new(domain, kind.nonblocking(), None);
    #[cfg(target_vendor = "apple")]
    {
        let socket = Socket::new(domain, kind, None)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}
