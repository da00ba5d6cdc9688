//! Files and devices as descriptors.

use std::fs::{self, File};
use std::process::Stdio;

use crate::relay::noise;
use crate::support::bridge::{House, Start};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{nobody_listens, Peer};
use crate::support::talk::Hear;

/// Goal: a session from a file into a file, to the last octet.
#[test]
fn files_as_0_and_1_hold_a_session() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            let up = link.take(1 << 20);
            link.send(&noise(1 << 20, 2));
            link.close_notify();
            up
        });
        let input = File::open(house.dir.write("in", noise(1 << 20, 1))).unwrap();
        let output = File::create(house.dir.path("out")).unwrap();
        let ended = house.bridge(peer.host()).on(input, output, Stdio::piped()).finish();
        ended.assert("close_notify", 0);
        assert!(ended.line().contains(" client=file "), "{}", ended.log);
        assert!(peer.done() == noise(1 << 20, 1));
        let heard = fs::read(house.dir.path("out")).unwrap();
        assert!(heard == [GREETING.as_bytes(), &noise(1 << 20, 2)].concat());
    });
}

/// Goal: `</dev/null` is an end at once, and the greeting still comes.
#[test]
fn dev_null_as_0_is_an_end_at_once() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            link.expect_end();
        });
        let mut bridge = house.bridge(peer.host()).on(Stdio::null(), Stdio::piped(), Stdio::piped());
        assert_eq!(bridge.child.stdout.take().unwrap().rest(), GREETING.as_bytes());
        peer.done();
        bridge.finish().assert("local_eof", 0);
    });
}

#[test]
fn dev_null_as_1_swallows_and_ends_in_order() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            link.send(&noise(1 << 20, 2));
            link.close_notify();
            link.until_closed();
        });
        let (input, stays) = std::io::pipe().unwrap();
        let bridge = house.bridge(peer.host()).on(input, Stdio::null(), Stdio::piped());
        peer.done();
        drop(stays);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: what cannot be written is a client that is gone, not a panic.
#[test]
fn dev_full_as_1_is_a_client_that_is_gone() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            link.rest().1
        });
        let full = File::options().write(true).open("/dev/full").unwrap();
        let bridge = house.bridge(peer.host()).on(Stdio::null(), full, Stdio::piped());
        bridge.finish().assert("client_gone", 74);
        peer.done();
    });
}

/// Goal: a reply or a log line that cannot be written changes no exit code.
#[test]
fn dev_full_as_1_and_2_leaves_the_exit_code_of_a_failure() {
    within(USUAL, || {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let bridge = Start::new().arg(nobody_listens().to_string()).on(Stdio::null(), full(), full());
        assert_eq!(bridge.finish().code, 75);
    });
}

/// Goal: `--help` and `--version` into a full disk are no panic either.
#[test]
fn help_into_dev_full_is_no_panic() {
    within(USUAL, || {
        for word in ["--help", "--version"] {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let ended = Start::new().arg(word).on(Stdio::null(), full, Stdio::piped()).finish();
            assert_eq!(ended.code, 74, "{word}: {}", ended.log);
        }
    });
}
