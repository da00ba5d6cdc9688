//! Several smarthosts: each gets its turn, and the client sees one session or one 421.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::relay::greeting::refused;
use crate::relay::GREETING;
use crate::support::bridge::{Ended, House, Start};
use crate::support::ca::Ca;
use crate::support::limit::{within, USUAL};
use crate::support::peer::{nobody_listens, Link, Peer};
use crate::support::talk::{Hear, Talk};

/// A smarthost that takes one session of a QUIT.
fn good(house: &House) -> Peer {
    Peer::start(&house.leaf, |mut link| {
        link.send(GREETING.as_bytes());
        assert_eq!(link.line(), "QUIT\r\n");
        link.send(b"221 bye\r\n");
        link.close_notify();
    })
}

/// The session of a QUIT through `start`.
fn quit(start: Start) -> Ended {
    let (bridge, mut client) = start.socket();
    assert_eq!(client.line(), GREETING, "log: {}", bridge.log());
    client.say("QUIT\r\n");
    assert_eq!(client.rest(), b"221 bye\r\n");
    drop(client);
    let ended = bridge.finish();
    ended.assert("close_notify", 0);
    ended
}

/// A warning about the host that was passed over, with its reason, and a session with the other one.
fn passes_over(first: &str, house: &House, args: &[&str], reason: &str) {
    let second = good(house);
    let ended = quit(house.bridge(first).arg(second.host()).args(args.iter().copied()));
    let passed: Vec<&str> = ended.log.lines().filter(|line| line.contains("passed ")).collect();
    let [line] = passed.as_slice() else { panic!("one warning about {first}: {}", ended.log) };
    assert!(line.contains(reason) && line.contains(first.rsplit(':').next().unwrap()), "{line}");
    assert!(ended.line().contains(&format!("addr={}", second.addr)), "{}", ended.log);
    second.done();
}

#[test]
fn a_host_where_nobody_listens_is_passed_over() {
    within(USUAL, || passes_over(&nobody_listens().to_string(), &House::new(), &[], "refused"));
}

#[test]
fn a_host_whose_handshake_fails_is_passed_over() {
    within(USUAL, || {
        let first = Peer::before_handshake(Ca::new().leaf().server(rustls::ALL_VERSIONS), |link| link.reset());
        passes_over(&first.host(), &House::new(), &[], "handshake");
        first.done();
    });
}

#[test]
fn a_host_with_an_expired_certificate_is_passed_over() {
    within(USUAL, || {
        let house = House::new();
        let first = Peer::before_handshake(house.ca.leaf_expired((2024, 3, 31)).server(rustls::ALL_VERSIONS), fails);
        passes_over(&first.host(), &house, &[], "expired on 2024-03-31");
        first.done();
    });
}

#[test]
fn a_host_that_ends_before_its_greeting_is_passed_over() {
    within(USUAL, || {
        let house = House::new();
        let first = Peer::start(&house.leaf, |mut link| link.close_notify());
        passes_over(&first.host(), &house, &[], "stage=greeting");
        first.done();
    });
}

/// Goal: with another host in hand, a host that turns us away is not the last word.
#[test]
fn a_host_whose_greeting_is_not_220_is_passed_over() {
    within(USUAL, || {
        let house = House::new();
        let first = Peer::start(&house.leaf, |mut link| {
            link.send(b"421 4.3.2 too busy\r\n");
            link.until_closed();
        });
        passes_over(&first.host(), &house, &[], "too busy");
        first.done();
    });
}

/// Goal: promise 4. A silent first host does not eat the turn of the second one.
#[test]
fn promise_4_a_silent_host_leaves_the_next_one_its_turn() {
    within(USUAL, || {
        let house = House::new();
        let first = Peer::start(&house.leaf, |mut link| link.until_closed());
        let start = Instant::now();
        passes_over(&first.host(), &house, &["--setup-timeout", "4"], "stage=greeting");
        assert!(start.elapsed() < Duration::from_millis(3500), "{:?}: more than half of 4 s", start.elapsed());
        first.done();
    });
}

/// Goal: promise 4, one address deeper. Two addresses of one host: the first accepts and stalls, the second is good.
/// (localhost is ::1 and 127.0.0.1; the stalled one is ::1, which is tried first.)
#[test]
fn promise_4_a_stalled_ipv6_does_not_eat_the_turn_of_its_ipv4() {
    within(USUAL, || {
        let house = House::new();
        let second = good(&house);
        let Ok(_stalled) = TcpListener::bind(("::1", second.addr.port())) else {
            return crate::support::limit::skip("no IPv6 on this machine, or the port is taken there");
        };
        let ended = quit(house.bridge(format!("localhost:{}", second.addr.port())).args(["--setup-timeout", "4"]));
        assert!(ended.line().contains(&format!("addr={}", second.addr)), "{}", ended.log);
        second.done();
    });
}

/// Goal: the last host's greeting is the smarthosts' answer, whatever it is.
#[test]
fn the_last_hosts_greeting_passes_unchanged() {
    within(USUAL, || {
        let house = House::new();
        let last = Peer::start(&house.leaf, |mut link| {
            link.send(b"554 5.7.1 never\r\n");
            link.close_notify();
        });
        let (bridge, mut client) = house.bridge(nobody_listens().to_string()).arg(last.host()).socket();
        assert_eq!(client.rest(), b"554 5.7.1 never\r\n");
        drop(client);
        bridge.finish().assert("close_notify", 0);
        last.done();
    });
}

/// Goal: when all fail, reply and code are the first host's, and the number of the others is said.
#[test]
fn when_all_hosts_fail_the_reply_is_the_first_ones_and_counts_the_others() {
    within(USUAL, || {
        let house = House::new();
        let plain = Peer::before_handshake(house.ca.leaf_expired((2024, 3, 31)).server(rustls::ALL_VERSIONS), fails);
        let hosts = [plain.host(), nobody_listens().to_string(), nobody_listens().to_string()];
        let (reply, ended) = refused(house.bridge(&hosts[0]).args(&hosts[1..]));
        assert!(reply.starts_with("421 4.7.5 127.0.0.1: certificate expired"), "{reply}");
        assert!(reply.ends_with(" (+2 more)\r\n"), "{reply}");
        // 69 alone, but a refused connection is temporary.
        assert_eq!(ended.code, 75, "{}", ended.log);
        assert_eq!(ended.log.lines().filter(|line| line.contains("passed ")).count(), 2, "{}", ended.log);
        ended.line();
        plain.done();
    });
}

/// Goal: without a temporary cause among them the code stays the first host's.
#[test]
fn when_all_hosts_fail_for_good_the_code_is_the_first_ones() {
    within(USUAL, || {
        let house = House::new();
        let expired =
            || Peer::before_handshake(house.ca.leaf_expired((2024, 3, 31)).server(rustls::ALL_VERSIONS), fails);
        let (first, second) = (expired(), expired());
        let (reply, ended) = refused(house.bridge(first.host()).arg(second.host()));
        assert!(reply.ends_with(" (+1 more)\r\n"), "{reply}");
        assert_eq!(ended.code, 69, "{}", ended.log);
        first.done();
        second.done();
    });
}

/// A handshake that the bridge breaks off.
fn fails(mut link: Link) {
    let _ = link.try_handshake();
    link.until_closed();
}
