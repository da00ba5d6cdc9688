//! Promise 5: no CPU while a session is idle, half-closed or stalled.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::Bridge;
use crate::support::kernel::{until_asleep, until_blocked, MAIN};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::peer::Received;
use crate::support::talk::Hear;

/// A wait that is the measurement itself: one tick of 10 ms is what the kernel's clock is good for.
fn assert_quiet(bridge: &Bridge) {
    until_asleep(bridge);
    let before = bridge.cpu();
    thread::sleep(Duration::from_secs(1));
    let used = bridge.cpu() - before;
    assert!(used <= Duration::from_millis(10), "{used:?} of CPU in a second without a byte");
}

/// Goal: promise 5. Between two lines of a session no CPU is used.
#[test]
fn promise_5_an_idle_session_uses_no_cpu() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| link.rest().1);
        assert_quiet(&bridge);
        client.shutdown(Shutdown::Write).unwrap();
        bridge.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(peer.done(), Received::CloseNotify);
        assert!(client.rest().is_empty());
        bridge.finish().assert("terminated", 75);
    });
}

/// Goal: promise 5, for a session that is half-closed and whose server is silent.
#[test]
fn promise_5_a_half_closed_session_uses_no_cpu() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        // 30 s are 300 ms: the second that is measured lies behind our close_notify.
        let (bridge, client, peer) = greeted(
            |start| start.speed(100),
            |mut link| {
                assert_eq!(link.rest().1, Received::CloseNotify);
                link
            },
        );
        client.shutdown(Shutdown::Write).unwrap();
        let link = peer.done();
        assert_quiet(&bridge);
        drop(client);
        bridge.finish().assert("local_eof", 74);
        drop(link);
    });
}

/// Goal: promise 5, with both directions full: neither the server nor the client reads.
#[test]
fn promise_5_a_session_that_is_stalled_both_ways_uses_no_cpu() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            link.tcp.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            while link.try_send(&noise(1 << 20, 1)).is_ok() {}
            link
        });
        client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let full = loop {
            if let Err(error) = client.write_all(&noise(1 << 20, 1)) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let (up, down) = (client.local_addr().unwrap(), peer.addr);
        let link = peer.done();
        until_blocked(&bridge, MAIN, up);
        until_blocked(&bridge, "down", down);
        assert_quiet(&bridge);
        drop((link, client));
        bridge.finish();
    });
}
