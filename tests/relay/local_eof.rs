//! The client has no more to say and still listens: design section 5, the rows of local EOF and idle.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::Ended;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::peer::Received;
use crate::support::talk::{Hear, Talk};

/// `--idle-timeout 900` is 3.75 s; the 7200 s of the default would be 30 s, longer than any wait of a test.
const SPEED: u32 = 240;

/// Goal: what loses mail in other bridges. `printf ... | bridge` ends its input at once; the reply comes later.
#[test]
fn a_reply_3_seconds_after_the_clients_half_close_arrives() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            assert_eq!(link.line(), "QUIT\r\n");
            // The three seconds of the goal; nothing of the end may reach the server in them.
            link.tcp.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
            assert!(link.feed().is_err(), "the client's end went out early");
            link.send(b"221 bye\r\n");
            link.close_notify();
        });
        client.say("QUIT\r\n");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.rest(), b"221 bye\r\n");
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: 30 s after the client's end the server gets ours, and its answer to the final dot still arrives minutes later.
#[test]
fn the_servers_answer_arrives_minutes_after_the_clients_end() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        // 30 s are 300 ms, 660 s are 6.6 s.
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(100),
            |mut link| {
                assert_eq!(link.rest(), (b".\r\n".to_vec(), Received::CloseNotify));
                let ours = Instant::now();
                link.until_closed();
                // The scenario: a server that thinks for 3 minutes.
                thread::sleep(Duration::from_millis(1800));
                link.send(b"250 queued\r\n221 bye\r\n");
                link.close_notify();
                ours
            },
        );
        client.say(".\r\n");
        let theirs = Instant::now();
        client.shutdown(Shutdown::Write).unwrap();
        // Our end came before the one of 660 s: after that there would be no answer to read.
        assert_eq!(client.rest(), b"250 queued\r\n221 bye\r\n");
        drop(client);
        let waited = peer.done() - theirs;
        assert!(waited >= Duration::from_millis(300), "{waited:?} for 30 s / 100");
        bridge.finish().assert("close_notify", 0);
    });
}

/// A session whose client ends without QUIT, and a server that says `last` after our goodbye, and then ends with FIN alone.
fn ended_after_our_goodbye(last: &'static [u8]) -> Ended {
    let (bridge, mut client, peer) = greeted(
        |start| start.speed(100),
        move |mut link| {
            assert_eq!(link.rest().1, Received::CloseNotify);
            link.send(last);
            link.fin();
        },
    );
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), last);
    drop(client);
    peer.done();
    bridge.finish()
}

/// Goal: a client that left without QUIT sent nobody to look at the smarthost: it was told to end, and did.
#[test]
fn a_bare_end_of_file_after_our_goodbye_is_the_clients_end() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        ended_after_our_goodbye(b"").assert("local_eof", 74);
        ended_after_our_goodbye(b"250 queued\r\n").assert("local_eof", 74);
    });
}

/// Goal: and half a reply is one that was cut, whoever ended first.
#[test]
fn half_a_reply_after_our_goodbye_is_truncated() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        ended_after_our_goodbye(b"250 que").assert("truncated", 76);
        ended_after_our_goodbye(b"250-queued\r\n").assert("truncated", 76);
    });
}

/// Goal: the 30 s count from the last byte either way, so a slow answer of many parts is not cut.
#[test]
fn the_clock_of_a_half_closed_session_starts_again_with_each_byte() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(10),
            |mut link| {
                for _ in 0..5 {
                    // The scenario: a part after 10 s each, of 30 s. The rest is for a busy machine.
                    link.tcp.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                    assert!(link.feed().is_err(), "our end came though the server was talking");
                    link.send(b"250-part\r\n");
                }
                link.send(b"250 done\r\n");
                link.close_notify();
            },
        );
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.rest().len(), 5 * 10 + 10);
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: promise 4. Nobody says anything any more: 660 s after the client's end it is over.
#[test]
fn promise_4_a_server_that_never_answers_a_half_closed_client_is_given_up_after_660_seconds() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            // 660 s are 2.2 s; the clock of an idle session would be 288 s, which no read of ours waits for.
            |start| start.speed(300).args(["--idle-timeout", "86400"]),
            |mut link| {
                assert_eq!(link.rest().1, Received::CloseNotify);
                link
            },
        );
        let start = Instant::now();
        client.shutdown(Shutdown::Write).unwrap();
        assert!(client.rest().is_empty());
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(2200), "{took:?} for 660 s / 300");
        drop(client);
        bridge.finish().assert("local_eof", 74);
        drop(peer.done());
    });
}

/// Goal: a bug that was: behind our close_notify a server's bad record was answered by an alert, which nobody may send then
/// (RFC 8446 section 6.1).
#[test]
fn a_bad_record_behind_our_close_notify_is_told_and_not_answered() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(100),
            |mut link| {
                let end = link.rest().1;
                link.tcp.write_all(b"\x17\x03\x03\x00\x14no record of anybody").unwrap();
                (end, link.tcp.rest())
            },
        );
        client.shutdown(Shutdown::Write).unwrap();
        assert!(client.rest().is_empty());
        assert_eq!(peer.done(), (Received::CloseNotify, Vec::new()));
        drop(client);
        bridge.finish().assert("bad_record", 76);
    });
}

/// Goal: promise 4. `--idle-timeout` ends a session in which nobody speaks, on both sides in order.
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

/// Goal: application bytes of either side keep a session alive; records without any (here: KeyUpdates) do not.
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
