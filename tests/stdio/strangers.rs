//! Promise 7: the local side is plaintext and carries passwords; only this machine is served.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::support::bridge::{Bridge, House, Start};
use crate::support::limit::{skip, within, USUAL};
use crate::support::mail;
use crate::support::talk::Hear;

/// An address of this machine that is not loopback; nothing is sent to find it.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().unwrap().ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// The bridge for a client that comes from `from` and reached us at `to`.
fn connected(start: Start, from: IpAddr, to: IpAddr) -> (Bridge, TcpStream) {
    let listener = TcpListener::bind((to, 0)).unwrap();
    let target = match listener.local_addr().unwrap() {
        // A mapped address is reached from IPv4.
        SocketAddr::V6(v6) if from.is_ipv4() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), v6.port()),
        other => other,
    };
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&target.into()).unwrap();
    let client = TcpStream::from(socket);
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    let copy = theirs.try_clone().unwrap();
    (start.on(OwnedFd::from(copy), OwnedFd::from(theirs), Stdio::piped()), client)
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A session of one message for a client from `from`, reached at `to`.
fn served(from: IpAddr, to: IpAddr, arguments: &[&str], client: &str) {
    let house = House::new();
    let smarthost = mail::smarthost(&house.leaf);
    let start = house.bridge(smarthost.host()).args(arguments.iter().copied());
    let (bridge, mut socket) = connected(start, from, to);
    mail::submit(&mut socket.try_clone().unwrap(), &mut socket);
    assert!(socket.rest().is_empty());
    drop(socket);
    let ended = bridge.finish();
    ended.assert("close_notify", 0);
    assert!(ended.line().contains(&format!(" client={client}:")), "{}", ended.log);
    mail::assert_arrived(&smarthost, 1);
}

fn refused(from: IpAddr, arguments: &[&str]) {
    let house = House::new();
    let smarthost = mail::smarthost(&house.leaf);
    let start = house.bridge(smarthost.host()).args(arguments.iter().copied());
    let (bridge, mut client) = connected(start, from, LOOPBACK);
    let reply = String::from_utf8(client.rest()).unwrap();
    assert!(reply.starts_with("421 4.7.0 ") && reply.contains("--allow-from"), "{reply}");
    drop(client);
    let ended = bridge.finish();
    assert_eq!(ended.code, 77, "{}", ended.log);
    assert!(ended.line().contains(&from.to_string()), "{}", ended.log);
    assert_eq!(smarthost.sessions(), 0, "the smarthost was bothered for a stranger");
}

/// Goal: a client of another address is refused, before the smarthost hears of it.
#[test]
fn promise_7_a_client_from_elsewhere_is_refused() {
    within(USUAL, || match outer_address() {
        Some(outer) => refused(outer, &[]),
        None => skip("this machine has no address but loopback"),
    });
}

/// Goal: naming somebody else does not help.
#[test]
fn promise_7_allow_from_serves_whom_it_names_and_nobody_else() {
    within(USUAL, || {
        let Some(outer) = outer_address() else { return skip("this machine has no address but loopback") };
        refused(outer, &["--allow-from", "203.0.113.7", "--allow-from=2001:db8::/32"]);
        served(
            outer,
            LOOPBACK,
            &["--allow-from", "203.0.113.7", "--allow-from", &outer.to_string()],
            &outer.to_string(),
        );
    });
}

/// Goal: a client on this machine that uses the machine's outer address is local.
#[test]
fn the_sockets_own_address_is_local() {
    within(USUAL, || match outer_address() {
        Some(outer) => served(outer, outer, &[], &outer.to_string()),
        None => skip("this machine has no address but loopback"),
    });
}

/// Goal: all of 127/8 is loopback.
#[test]
fn every_address_of_127_is_local() {
    within(USUAL, || served("127.1.2.3".parse().unwrap(), LOOPBACK, &[], "127.1.2.3"));
}

#[test]
fn the_loopback_of_ipv6_is_local() {
    within(USUAL, || {
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            return skip("no IPv6 on this machine");
        }
        served(Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), &[], "[::1]");
    });
}

/// Goal: a superserver that listens on `::` hands over IPv4 clients as ::ffff:127.0.0.1.
#[test]
fn a_mapped_loopback_address_is_local_and_logged_as_ipv4() {
    within(USUAL, || {
        if TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_err() {
            return skip("no IPv6 on this machine");
        }
        served(LOOPBACK, Ipv6Addr::UNSPECIFIED.into(), &[], "127.0.0.1");
    });
}

/// A bug that was: only descriptor 0 was looked at, and replies went to any client on descriptor 1.
#[test]
fn promise_7_a_stranger_on_descriptor_1_alone_is_refused() {
    within(USUAL, || {
        let Some(outer) = outer_address() else { return skip("this machine has no address but loopback") };
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(outer, 0).into()).unwrap();
        socket.connect(&listener.local_addr().unwrap().into()).unwrap();
        let mut client = TcpStream::from(socket);
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let theirs = OwnedFd::from(listener.accept().unwrap().0);
        let (input, _talk) = std::io::pipe().unwrap();
        let bridge = house.bridge(smarthost.host()).on(OwnedFd::from(input), theirs, Stdio::piped());
        assert!(client.line().starts_with("421 4.7.0 "), "{}", bridge.log());
        drop(client);
        assert_eq!(bridge.finish().code, 77);
        assert_eq!(smarthost.sessions(), 0);
    });
}
