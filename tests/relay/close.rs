//! After the server's end: its last words reach the client, and no client holds the process.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::relay::{greeted, noise, trickle, unchanged};
use crate::support::kernel::{until_blocked, MAIN};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::peer::Link;
use crate::support::talk::{Hear, Talk};

/// The server's end; the moment before it.
fn close_now(mut link: Link) -> Instant {
    let now = Instant::now();
    link.close_notify();
    now
}

/// Goal: promise 4. A client that never closes does not hold the process.
#[test]
fn promise_4_a_client_that_never_closes_is_waited_for_5_seconds() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, close_now);
        assert!(client.rest().is_empty());
        let closed = peer.done();
        // At usual speed: `finish` waits less than the 30 s that are our next longer clock.
        bridge.finish().assert("close_notify", 0);
        assert!(closed.elapsed() >= Duration::from_secs(5), "{:?} for 5 s", closed.elapsed());
        drop(client);
    });
}

/// Goal: promise 4. Neither does a client that goes on talking for ever.
#[test]
fn promise_4_a_client_that_never_stops_talking_is_heard_out_for_5_seconds() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(10),
            |mut link| {
                link.say("421 4.3.2 down\r\n");
                link.close_notify();
            },
        );
        let mut writer = client.try_clone().unwrap();
        let writing = thread::spawn(move || while writer.write_all(b"NOOP\r\n").is_ok() {});
        assert_eq!(client.rest(), b"421 4.3.2 down\r\n");
        peer.done();
        // A clock that starts again with each line would never end.
        bridge.finish().assert("close_notify", 0);
        writing.join().unwrap();
    });
}

/// Goal: and one that closes is not waited for: its session is over before that of a client that does not close, whose
/// server ended earlier.
#[test]
fn a_client_that_closes_ends_the_process_at_once() {
    within(USUAL, || {
        let (go, gone) = mpsc::channel();
        let (bridge, mut client, peer) = greeted(unchanged, move |link| {
            gone.recv().unwrap();
            close_now(link)
        });
        let (mut waiting, mut stays, other) = greeted(unchanged, close_now);
        assert!(stays.rest().is_empty());
        other.done();
        go.send(()).unwrap();
        assert!(client.rest().is_empty());
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
        assert!(
            waiting.child.try_wait().unwrap().is_none(),
            "the client that closed was waited for: {}",
            waiting.log()
        );
        drop(stays);
        waiting.finish().assert("close_notify", 0);
    });
}

/// Goal: a server that refuses a client in the middle of its message (421 or 552) and closes is heard, though 4 MB of the
/// client's, which no one will read, are on their way: a RST to the client would destroy the reply.
#[test]
fn the_last_reply_survives_4_mb_of_unread_client_input() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            assert_eq!(link.take(10), noise(10, 5));
            link.send(b"421 4.3.0 no more\r\n");
            link.close_notify();
            link.fin();
            // Unread input: the kernel answers what comes now with RST, as for every server that closes early.
        });
        let writing = trickle(client.try_clone().unwrap(), noise(4 << 20, 5));
        peer.done();
        // No write of it fails: a failed one is what makes a client forget what it could still read.
        writing.join().unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&client.rest()), "421 4.3.0 no more\r\n");
        drop(client);
        let ended = bridge.finish();
        assert!(ended.code == 0 && ended.line().contains("end=close_notify"), "{}", ended.log);
    });
}

/// Goal: the server's end wakes a send that was blocked because the server did not read.
#[test]
fn the_server_ends_while_our_send_is_blocked() {
    within(USUAL, || {
        let (tell, full) = mpsc::channel();
        let (bridge, client, peer) = greeted(unchanged, move |mut link| {
            assert_eq!(link.line(), "MAIL\r\n");
            full.recv().unwrap();
            link.send(b"421 4.3.0 no more\r\n");
            link.close_notify();
            // And still it does not read: the socket stays open until the bridge is gone.
            link
        });
        let mut writer = client.try_clone().unwrap();
        let writing = thread::spawn(move || {
            writer.say("MAIL\r\n");
            writer.write_all(&noise(16 << 20, 6))
        });
        until_blocked(&bridge, MAIN, client.local_addr().unwrap());
        tell.send(()).unwrap();
        let heard = read_to_fin(&client);
        assert_eq!(String::from_utf8_lossy(&heard), "421 4.3.0 no more\r\n");
        // Awake again, it takes what no one wants any more: a send that slept on would let the client's writes fail.
        writing.join().unwrap().unwrap();
        drop(client);
        bridge.finish().assert("close_notify", 0);
        drop(peer.done());
    });
}

fn read_to_fin(mut client: &TcpStream) -> Vec<u8> {
    client.rest()
}
