//! One deadline for everything up to the greeting, shared out: nothing waits for ever, and no host uses up another's turn.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::hostile::{cases, Group};
use crate::support::bridge::House;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::{good, refusal, session};
use crate::support::peer::Peer;

/// 60 s of the default become 3.
const SPEED: u32 = 20;

/// Accepts, and says nothing until the bridge goes.
fn silent() -> Peer {
    Peer::tcp(|mut tcp| drop(io::copy(&mut tcp, &mut io::sink())))
}

/// Octets of a TLS record whose end never comes, until the bridge is gone.
fn drip(mut tcp: TcpStream) {
    let record = [22, 3, 3, 0x40, 0].into_iter().chain(std::iter::repeat(0));
    for octet in record {
        if tcp.write_all(&[octet]).is_err() {
            return;
        }
        // The pace of the server, not a wait for anything.
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn promise_4_a_silent_first_host_leaves_the_next_one_its_turn() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let (first, second) = (silent(), good(&house.leaf));
        let ended = session(house.bridge(first.host()).arg(second.host()).speed(SPEED));
        assert!(ended.log.contains("passed stage=handshake"), "{}", ended.log);
        first.done();
        second.done();
    });
}

/// Goal: silence behind the handshake is silence too: the share is one for connect, handshake and greeting.
#[test]
fn promise_4_a_host_that_never_greets_leaves_the_next_one_its_turn() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let first = Peer::start(&house.leaf, |mut link| link.until_closed());
        let second = good(&house.leaf);
        let ended = session(house.bridge(first.host()).arg(second.host()).speed(SPEED));
        assert!(ended.log.contains("passed stage=greeting"), "{}", ended.log);
        first.done();
        second.done();
    });
}

#[test]
fn promise_4_a_server_that_drips_through_the_handshake_loses_against_the_deadline() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::tcp(drip);
        let refusal = refusal(house.bridge(peer.host()).speed(SPEED).args(["--setup-timeout", "10"]));
        refusal.assert("4.4.2", 75, &["stage=handshake", "TLS handshake not done within "]);
        peer.done();
        cases(Group::TlsServers, 1);
    });
}

/// Goal: a greeting whose first octets come and the rest does not holds nothing up either.
#[test]
fn promise_4_a_greeting_that_stops_in_the_middle_leaves_the_next_one_its_turn() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let first = Peer::start(&house.leaf, |mut link| {
            link.send(b"22");
            link.until_closed();
        });
        let second = good(&house.leaf);
        let ended = session(house.bridge(first.host()).arg(second.host()).speed(SPEED));
        assert!(ended.log.contains("passed stage=greeting"), "{}", ended.log);
        first.done();
        second.done();
    });
}

/// Goal: --setup-timeout is the time of all hosts together, and the reply says what was waited for.
#[test]
fn promise_4_hosts_that_are_all_silent_end_with_the_deadline() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peers = [silent(), silent(), silent()];
        let start = house.bridge(peers[0].host()).args(peers[1..].iter().map(Peer::host));
        let refusal = refusal(start.speed(SPEED).args(["--setup-timeout", "9"]));
        refusal.assert("4.4.2", 75, &["stage=handshake", "no answer to our TLS hello within "]);
        assert!(refusal.reply.ends_with("(+2 more)\r\n"), "{refusal:#?}");
        peers.into_iter().for_each(Peer::done);
    });
}

/// Goal: a server that floods us with what is no handshake ends it at once, without eating memory or time.
#[test]
fn a_flood_instead_of_a_handshake_is_refused_at_once() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::tcp(|mut tcp: TcpStream| {
            tcp.read_exact(&mut [0]).unwrap();
            while tcp.write_all(&[b'*'; 65536]).is_ok() {}
        });
        refusal(house.bridge(peer.host())).assert("4.7.5", 76, &["instead of TLS", "clear=\"***", "...\""]);
        peer.done();
        cases(Group::TlsServers, 1);
    });
}
