//! Socket options on both sides: dead peers are found, small replies do not wait, living peers are not killed.

use std::process::Stdio;
use std::time::Duration;

use socket2::SockRef;

use crate::support::bridge::{tcp_pair, House};
use crate::support::limit::{within, without_root, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{carried, good};

/// Goal: idle 120 s, interval 30 s, 6 probes, and no delay, on the socket that the superserver gave us.
#[test]
fn promise_4_the_local_socket_has_keepalive_and_no_delay() {
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let (client, theirs) = tcp_pair();
        let kept = theirs.try_clone().unwrap();
        let stdin = Stdio::from(std::os::fd::OwnedFd::from(theirs.try_clone().unwrap()));
        let bridge = house.bridge(peer.host()).on(stdin, std::os::fd::OwnedFd::from(theirs), Stdio::piped());
        carried(bridge, client);
        let socket = SockRef::from(&kept);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(120));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 6);
        // It would kill a client that is alive and does not read for a while.
        let timeout = socket.tcp_user_timeout().unwrap().unwrap_or_default();
        assert!(timeout.is_zero() || timeout >= Duration::from_secs(660), "{timeout:?}");
        peer.done();
    });
}

/// Goal: the same on the socket that we made, seen from outside.
#[test]
fn promise_4_the_remote_socket_has_keepalive_and_no_delay() {
    // For other users strace cannot read what a process that is not dumpable passes to the kernel.
    if without_root() || without_tool("strace") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let trace = house.dir.path("trace");
        let strace = format!("exec strace -f -e trace=setsockopt,connect -o {} \"$0\" \"$@\";", trace.display());
        let (bridge, client) = house.bridge(peer.host()).under_shell(&strace, "").socket();
        carried(bridge, client);
        peer.done();
        let trace = std::fs::read_to_string(trace).unwrap();
        let dialled = format!("sin_port=htons({})", peer_port(&trace));
        let (before, _) = trace.split_once(&dialled).unwrap_or_else(|| panic!("no connect in:\n{trace}"));
        let descriptor = before.rsplit("connect(").next().and_then(|call| call.split(',').next()).unwrap_or_default();
        for (option, value) in [
            ("SO_KEEPALIVE", "[1]"),
            ("TCP_KEEPIDLE", "[120]"),
            ("TCP_KEEPINTVL", "[30]"),
            ("TCP_KEEPCNT", "[6]"),
            ("TCP_NODELAY", "[1]"),
        ] {
            let set = trace.lines().any(|line| {
                line.contains(&format!("setsockopt({descriptor}, ")) && line.contains(option) && line.contains(value)
            });
            assert!(set, "{option} is not {value} on {descriptor}:\n{trace}");
        }
        assert!(!trace.contains("TCP_USER_TIMEOUT"), "{trace}");
    });
}

/// The port of the one connect to another than a Unix socket.
fn peer_port(trace: &str) -> &str {
    let port = trace.split("sin_port=htons(").nth(1).and_then(|rest| rest.split(')').next());
    port.unwrap_or_else(|| panic!("no connect in:\n{trace}"))
}
