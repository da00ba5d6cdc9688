//! Sessions in which no one speaks: `--idle-timeout`, design section 5.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::relay::{greeted, noise};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::peer::Received;
use crate::support::talk::{Hear, Talk};

/// `--idle-timeout 900` is 3.75 s; the 7200 s of the default would be 30 s, longer than any wait of a test.
const SPEED: u32 = 240;

/// Goal: promise 4. `--idle-timeout` ends a session in which no one speaks, cleanly on both sides.
#[test]
fn promise_4_an_idle_session_ends_after_the_idle_timeout() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let start = Instant::now();
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(SPEED).args(["--idle-timeout", "900"]),
            |mut link| {
                let end = link.rest().1;
                link.until_closed();
                end
            },
        );
        assert!(client.rest().is_empty());
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(3750), "{took:?} for 900 s / {SPEED}");
        drop(client);
        assert_eq!(peer.done(), Received::CloseNotify);
        bridge.finish().assert("idle", 74);
    });
}

/// Goal: application bytes of either side keep a session alive; records without any (here KeyUpdates) do not.
#[test]
fn key_updates_are_no_activity_and_bytes_are() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(400).args(["--idle-timeout", "900"]),
            |mut link| {
                let mut last = Instant::now();
                for _ in 0..5 {
                    // The scenario: 4 of 15 minutes.
                    thread::sleep(Duration::from_millis(600));
                    last = Instant::now();
                    link.send(b"250-alive\r\n");
                }
                // Every 100 ms one, of the 2.25 s that are left. Were they activity, the session would go on, until
                // there are too many in a row: another end.
                link.tcp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                while !matches!(link.feed(), Ok(false)) {
                    if link.tls.refresh_traffic_keys().is_err() {
                        break;
                    }
                    let update = link.pending();
                    if link.tcp.write_all(&update).is_err() {
                        break;
                    }
                }
                last.elapsed()
            },
        );
        assert_eq!(client.rest().len(), 5 * 11);
        drop(client);
        let quiet = peer.done();
        assert!(quiet >= Duration::from_millis(2250), "{quiet:?} for 900 s / 400");
        bridge.finish().assert("idle", 74);
    });
}

/// Goal: promise 4. Both copying threads are stuck, one in each direction, and the clock still ends the session.
#[test]
fn promise_4_a_session_that_is_stalled_both_ways_ends_after_the_idle_timeout() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(SPEED).args(["--idle-timeout", "900"]),
            |mut link| {
                // The scenario: a second in which the bridge takes nothing more. Nothing is waited for longer: the clock
                // runs, and a busy machine is slow to look.
                link.tcp.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
                while link.try_send(&noise(1 << 20, 1)).is_ok() {}
                link
            },
        );
        client.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        while client.write_all(&noise(1 << 20, 1)).is_ok() {}
        let link = peer.done();
        bridge.finish().assert("idle", 74);
        drop((link, client));
    });
}

/// Goal: `--idle-timeout 0` is off.
#[test]
fn an_idle_timeout_of_0_never_ends_a_session() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(1200).args(["--idle-timeout", "0"]),
            |mut link| {
                assert_eq!(link.line(), "QUIT\r\n");
                link.send(b"221 bye\r\n");
                link.close_notify();
            },
        );
        // The scenario: two hours (the default) and some.
        thread::sleep(Duration::from_millis(6300));
        client.say("QUIT\r\n");
        assert_eq!(client.rest(), b"221 bye\r\n");
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}
