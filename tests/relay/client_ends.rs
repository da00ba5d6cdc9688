//! The client goes away in the middle: by RST, by a closed pipe, without reading.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::House;
use crate::support::kernel::until_blocked;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{reset, Peer, Received};
use crate::support::talk::{Hear, Talk};

/// Goal: a client that is killed in its message: the server learns of it by an orderly end (and delivers no half message,
/// because there was no final dot), and the log says which side went.
#[test]
fn a_client_that_resets_is_gone_and_the_server_gets_close_notify_and_fin() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            assert_eq!(link.line(), "DATA\r\n");
            link.send(b"354 go on\r\n");
            let end = link.rest().1;
            link.until_closed();
            end
        });
        client.say("DATA\r\n");
        assert_eq!(client.line(), "354 go on\r\n");
        reset(client);
        assert_eq!(peer.done(), Received::CloseNotify);
        bridge.finish().assert("client_gone", 74);
    });
}

/// Goal: after the server's 221 nothing is lost when the client just goes.
#[test]
fn a_client_that_resets_after_221_is_a_clean_end() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            link.send(b"221 bye\r\n");
            link.rest().1
        });
        assert_eq!(client.line(), "221 bye\r\n");
        reset(client);
        assert_eq!(peer.done(), Received::CloseNotify);
        bridge.finish().assert("client_gone", 0);
    });
}

/// Goal: EPIPE is an end and no signal.
#[test]
fn a_client_that_closes_the_pipe_it_reads_from_is_gone() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            assert_eq!(link.line(), "NOOP\r\n");
            link.send(&noise(100_000, 1));
            link.rest().1
        });
        let (bridge, mut input, mut output) = house.bridge(peer.host()).pipes();
        assert_eq!(output.line(), GREETING);
        drop(output);
        input.write_all(b"NOOP\r\n").unwrap();
        bridge.finish().assert("client_gone", 74);
        assert_eq!(peer.done(), Received::CloseNotify);
        drop(input);
    });
}

/// Goal: promise 4. A client that closes with replies unread (a RST), and a server that goes on sending all the same.
#[test]
fn promise_4_a_server_that_talks_on_to_a_gone_client_is_heard_out_for_5_seconds() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, client, peer) =
            greeted(|start| start.speed(10), |mut link| while link.try_send(&noise(100_000, 1)).is_ok() {});
        drop(client);
        // A clock that starts again with each octet would never end.
        bridge.finish().assert("client_gone", 74);
        peer.done();
    });
}

/// Goal: a client that never reads costs no memory; what it does not take waits in the server.
#[test]
fn a_client_that_never_reads_is_held_in_bounded_memory_and_without_cpu() {
    within(USUAL, || {
        let (bridge, client, peer) = greeted(unchanged, |mut link| {
            link.tcp.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
            let mut sent = 0;
            // 256 MiB would be more than every buffer on the way.
            while sent < 256 << 20 && link.try_send(&noise(1 << 20, 1)).is_ok() {
                sent += 1 << 20;
            }
            sent
        });
        let sent = peer.done();
        assert!(sent < 256 << 20, "the bridge took {sent} octets from the server");
        let resident = bridge.memory("VmHWM");
        assert!(resident < 24 * 1024, "{resident} KiB resident");
        drop(client);
        bridge.finish().assert("client_gone", 74);
    });
}

/// Goal: the same when the client comes back and reads: not an octet is missing.
#[test]
fn a_client_that_reads_late_gets_everything() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            link.send(&noise(12 << 20, 1));
            link.close_notify();
            link.rest().1
        });
        until_blocked(&bridge, "down", peer.addr);
        assert_eq!(client.exactly(12 << 20), noise(12 << 20, 1));
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(peer.done(), Received::CloseNotify);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: after the client is gone a server that neither answers nor closes holds the process for 5 s at most.
#[test]
fn promise_4_a_server_that_ignores_the_end_of_a_gone_client_is_waited_for_5_seconds() {
    within(USUAL, || {
        let (bridge, client, peer) = greeted(unchanged, |mut link| {
            assert_eq!(link.rest().1, Received::CloseNotify);
            link
        });
        let gone = Instant::now();
        reset(client);
        // At usual speed: `finish` waits less than the 30 s that are our next longer clock.
        bridge.finish().assert("client_gone", 0);
        assert!(gone.elapsed() >= Duration::from_secs(5), "{:?} for 5 s", gone.elapsed());
        drop(peer.done());
    });
}

/// Goal: a client that writes, shuts down and goes at once, as a script does, still delivers what it said.
#[test]
fn what_the_client_said_before_it_closed_arrives() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let said = link.take(300_000);
            link.send(b"221 bye\r\n");
            link.close_notify();
            said
        });
        client.write_all(&noise(300_000, 8)).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.rest(), b"221 bye\r\n");
        drop(client);
        assert_eq!(peer.done(), noise(300_000, 8));
        // With the 221 both sides are done: it is chance whose end comes first.
        assert_eq!(bridge.finish().code, 0);
    });
}
