//! The clocks of the greeting, design section 5b: a server that has proved who it is is alive, and clients wait 5 minutes.

use std::thread;
use std::time::{Duration, Instant};

use crate::dialogue::test;
use crate::support::bridge::House;
use crate::support::outcome::{good, refusal, serve, session};
use crate::support::peer::Peer;

/// A server that greets after `seconds`, which pass `speed` times as fast, and serves.
fn greets_after(house: &House, seconds: u64, speed: u32) -> Peer {
    Peer::start(&house.leaf, move |link| {
        // The scenario: the pace of the server.
        thread::sleep(Duration::from_secs(seconds) / speed);
        serve(link);
    })
}

/// A server that shakes hands and says nothing.
fn silent(house: &House) -> Peer {
    Peer::start(&house.leaf, |mut link| link.until_closed())
}

/// Goal: greet_pause, postscreen, a slow lookup of who we are: the only server may take until 290 s.
#[test]
fn the_greeting_of_the_last_host_may_take_290_seconds() {
    test(|| {
        thread::scope(|scope| {
            for seconds in [70, 270] {
                scope.spawn(move || {
                    let house = House::new();
                    let peer = greets_after(&house, seconds, 30);
                    session(house.bridge(peer.host()).speed(30));
                    peer.done();
                });
            }
        });
    });
}

/// Goal: promise 4. And not for ever: our 421 must reach a client that waits 5 minutes; it names the option.
#[test]
fn promise_4_a_greeting_that_never_comes_is_a_421_after_290_seconds() {
    test(|| {
        let house = House::new();
        let peer = silent(&house);
        let start = Instant::now();
        let refusal = refusal(house.bridge(peer.host()).speed(30));
        let took = start.elapsed();
        refusal.assert("4.4.2", 75, &["failed stage=greeting ", "--setup-timeout"]);
        assert!(took > Duration::from_secs(280) / 30, "{took:?} for 290 s / 30");
        peer.done();
    });
}

/// Goal: a `--setup-timeout` that is given is kept.
#[test]
fn a_setup_timeout_that_was_given_is_the_clock_of_the_greeting_too() {
    test(|| {
        let house = House::new();
        let peer = silent(&house);
        let start = Instant::now();
        let refusal = refusal(house.bridge(peer.host()).speed(20).args(["--setup-timeout", "60"]));
        let took = start.elapsed();
        refusal.assert("4.4.2", 75, &["failed stage=greeting ", "--setup-timeout"]);
        assert!(took < Duration::from_secs(290) / 20, "{took:?} for 60 s / 20");
        peer.done();
    });
}

/// Goal: an earlier host keeps to its share, and to 30 s at least: with three hosts a third of 60 s would be too short.
#[test]
fn an_earlier_host_has_30_seconds_for_its_greeting() {
    test(|| {
        let house = House::new();
        let (first, second, third) = (greets_after(&house, 25, 10), good(&house.leaf), good(&house.leaf));
        let ended = session(house.bridge(first.host()).arg(second.host()).arg(third.host()).speed(10));
        assert!(!ended.log.contains("passed "), "{}", ended.log);
        first.done();
    });
}

/// Goal: what a silent host took is not taken from the last one.
#[test]
fn the_last_host_has_its_time_behind_a_silent_one() {
    test(|| {
        let house = House::new();
        let (first, second) = (silent(&house), greets_after(&house, 100, 20));
        let ended = session(house.bridge(first.host()).arg(second.host()).speed(20));
        assert!(ended.log.contains("passed stage=greeting "), "{}", ended.log);
        first.done();
        second.done();
    });
}
