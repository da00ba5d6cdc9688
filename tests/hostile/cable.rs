//! A network that goes away in mid-session: the link of the smarthost or of our machine, octets that are lost silently, and
//! a client whose machine is gone. Two machines at the ends of a cable: the test is 192.0.2.1.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::hostile::{cases, Group};
use crate::relay::noise;
use crate::support::bridge::House;
use crate::support::kernel::until_acknowledged;
use crate::support::limit::without_hooks;
use crate::support::namespace::{inside_for, sh, without_tool};
use crate::support::outcome::GREETING;
use crate::support::peer::{accept, Link, Peer, Received};
use crate::support::talk::Hear;

/// Of a test; each takes eight seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// 120 s until the first probe and 30 s between two are 1 s each, the least that there is: seven seconds until 6 probes
/// are unanswered. The idle timeout of 7200 s is 72 s, longer than the test.
const SPEED: u32 = 100;

/// The cable. Both kernels give up after 3 retransmissions; 15 take a quarter of an hour.
fn lay() {
    sh("mount -t tmpfs tmpfs /run
        ip netns add far
        ip link add near type veth peer name far netns far
        ip addr add 192.0.2.1/24 dev near
        ip link set near up
        ip -n far addr add 192.0.2.2/24 dev far
        ip -n far link set far up
        echo 3 > /proc/sys/net/ipv4/tcp_retries2
        nsenter --net=/run/netns/far sh -c 'echo 3 > /proc/sys/net/ipv4/tcp_retries2'");
}

/// Sessions of a bridge at the far end: nothing is on its way when the network goes away, or octets of the client are, or
/// half of a reply was. For each: a FIN for the client, and not an octet of ours.
fn cut(how: &str) {
    lay();
    let house = House::new();
    let tls = Arc::new(house.ca.leaf_for(&["192.0.2.1"]).server(rustls::ALL_VERSIONS));
    let listener = TcpListener::bind("192.0.2.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let start = || {
        let start = house.bridge(&host).args(["--setup-timeout", "3600"]).speed(SPEED);
        let (bridge, mut client) = start.under_shell("exec nsenter --net=/run/netns/far \"$0\" \"$@\";", "").socket();
        let mut link = Link::new(accept(&listener), &tls);
        link.handshake();
        link.send(GREETING.as_bytes());
        assert_eq!(client.line(), GREETING, "log: {}", bridge.log());
        // Otherwise the server says it again, and a bridge that hears it knows that the server is alive.
        until_acknowledged(&link.tcp);
        (bridge, client, link)
    };
    let (idle, mut in_flight, mut replying) = (start(), start(), start());
    let reply = b"250-half a re";
    replying.2.send(reply);
    assert_eq!(replying.1.exactly(reply.len()), reply);
    until_acknowledged(&replying.2.tcp);
    sh(how);
    // No one acknowledges this any more, and as long as it waits the kernel sends no probe.
    in_flight.1.write_all(&noise(10_000, 1)).unwrap();
    for (name, (bridge, mut client, link)) in [("idle", idle), ("in flight", in_flight), ("replying", replying)] {
        // A FIN, and not an octet of ours.
        assert_eq!(client.rest(), b"", "{name}");
        drop(client);
        let ended = bridge.finish();
        ended.assert("reset", 74);
        let line = ended.line();
        assert!(line.contains("timed out") || line.contains("unreachable"), "{name}: {line}");
        drop(link);
        cases(Group::FailingCalls, 1);
    }
}

/// Goal: promise 4. A smarthost whose machine is switched off: our link has no carrier any more.
#[test]
fn promise_4_a_session_ends_when_the_smarthosts_link_is_down() {
    if without_hooks() {
        return;
    }
    inside_for(LIMIT, || cut("ip link set near down"));
}

/// Goal: promise 4. Our own link goes down, and its routes go with it.
#[test]
fn promise_4_a_session_ends_when_our_own_link_is_down() {
    if without_hooks() {
        return;
    }
    inside_for(LIMIT, || cut("ip -n far link set far down"));
}

/// Goal: promise 4. Both links are up, and somebody in between drops what we send.
#[test]
fn promise_4_a_session_ends_when_all_is_lost_without_a_word() {
    if without_hooks() {
        return;
    }
    let elsewhere = "ip -n far neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev far nud permanent";
    inside_for(LIMIT, || cut(elsewhere));
}

/// Goal: promise 4, for a client on another machine: a printer is switched off, while nothing is on its way to it and
/// while half of a reply is. The smarthost hears close_notify.
#[test]
fn promise_4_a_session_ends_when_the_clients_link_is_down() {
    if without_hooks() || without_tool("ncat") {
        return;
    }
    inside_for(LIMIT, || {
        lay();
        let house = House::new();
        let listener = TcpListener::bind("192.0.2.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let start = |last: &'static [u8]| {
            let (cut, when) = std::sync::mpsc::channel();
            let peer = Peer::start(&house.leaf, move |mut link| {
                link.send(GREETING.as_bytes());
                when.recv().unwrap();
                link.send(last);
                assert_eq!(link.rest(), (Vec::new(), Received::CloseNotify));
            });
            let mut client = Command::new("nsenter")
                .args(["--net=/run/netns/far", "ncat", "192.0.2.1", &port])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let socket = OwnedFd::from(accept(&listener));
            let start = house.bridge(peer.host()).args(["--setup-timeout", "3600", "--allow-from", "192.0.2.2"]);
            let bridge = start.speed(SPEED).on(socket.try_clone().unwrap(), socket, Stdio::piped());
            assert_eq!(client.stdout.as_mut().unwrap().line(), GREETING, "log: {}", bridge.log());
            (bridge, client, peer, cut)
        };
        let sessions = [start(b""), start(b"250-half a re")];
        sh("ip -n far link set far down");
        sessions.iter().for_each(|(_, _, _, cut)| cut.send(()).unwrap());
        // Nothing was owed to the first one.
        for ((bridge, mut client, peer, _), code) in sessions.into_iter().zip([0, 74]) {
            bridge.finish().assert("client_gone", code);
            peer.done();
            client.kill().unwrap();
            client.wait().unwrap();
            cases(Group::FailingCalls, 1);
        }
    });
}
