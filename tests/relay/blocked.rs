//! The server does not read for a while, and what may still happen meanwhile.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::relay::{greeted, noise, unchanged};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::peer::{Link, Received};
use crate::support::talk::{Hear, Talk};

const UPLOAD: usize = 16 << 20;

/// Waits until the bridge's sends are blocked: a peek finds no more than before.
fn until_stalled(link: &Link) {
    let (mut last, mut peeked) = (0, vec![0; 8 << 20]);
    loop {
        thread::sleep(Duration::from_millis(150));
        let now = link.tcp.peek(&mut peeked).unwrap();
        if now > 0 && now == last {
            return;
        }
        last = now;
    }
}

/// Goal: a KeyUpdate that arrives while our send is blocked is taken, what follows it is delivered, and our answer to
/// it comes in its place among the records that were waiting.
#[test]
fn a_key_update_while_our_send_is_blocked_harms_no_byte() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            until_stalled(&link);
            for _ in 0..20 {
                link.update_key();
                link.send(b"250 while blocked\r\n");
            }
            // The client has read all of it (below) before a byte more is read here.
            let up = link.take(UPLOAD);
            link.close_notify();
            (up, link.rest().1)
        });
        let mut writer = client.try_clone().unwrap();
        let writing = thread::spawn(move || writer.write_all(&noise(UPLOAD, 1)));
        for _ in 0..20 {
            assert_eq!(client.line(), "250 while blocked\r\n");
        }
        writing.join().unwrap().unwrap();
        let (up, end) = peer.done();
        assert!(up == noise(UPLOAD, 1));
        assert_eq!(end, Received::CloseNotify);
        assert!(client.rest().is_empty());
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: promise 2 and design 4.3. Reception does not wait for transmission: the reply is there though our send stays
/// blocked.
#[test]
fn a_reply_arrives_while_our_send_is_blocked() {
    within(USUAL, || {
        let (tell, heard) = std::sync::mpsc::channel::<()>();
        let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
            until_stalled(&link);
            link.send(b"452 4.3.1 slow down\r\n");
            heard.recv().unwrap();
            let up = link.take(UPLOAD);
            link.close_notify();
            up
        });
        let mut writer = client.try_clone().unwrap();
        let writing = thread::spawn(move || writer.write_all(&noise(UPLOAD, 2)));
        assert_eq!(client.line(), "452 4.3.1 slow down\r\n");
        tell.send(()).unwrap();
        writing.join().unwrap().unwrap();
        assert!(peer.done() == noise(UPLOAD, 2));
        assert!(client.rest().is_empty());
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: a smarthost that thinks for 5 minutes (a virus scanner, a full disk) keeps its session.
#[test]
fn a_server_that_stops_reading_for_5_minutes_keeps_its_session() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(100),
            |mut link| {
                until_stalled(&link);
                // 5 minutes and more.
                thread::sleep(Duration::from_millis(3500));
                let up = link.take(UPLOAD);
                link.send(b"250 queued\r\n");
                assert_eq!(link.line(), "QUIT\r\n");
                link.send(b"221 bye\r\n");
                link.close_notify();
                up
            },
        );
        client.write_all(&noise(UPLOAD, 3)).unwrap();
        assert_eq!(client.line(), "250 queued\r\n");
        client.say("QUIT\r\n");
        assert_eq!(client.rest(), b"221 bye\r\n");
        assert!(peer.done() == noise(UPLOAD, 3));
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: many KeyUpdates pass, as long as there is data among them; an endless row without any (rustls and BoringSSL
/// allow 32) is an attack and ends like one, without a spin.
#[test]
fn key_updates_pass_among_data_and_a_flood_of_them_is_an_end() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            for _ in 0..20 {
                for _ in 0..25 {
                    link.update_key();
                }
                link.send(b"250 still here\r\n");
            }
            assert_eq!(link.line(), "NOOP\r\n");
            for _ in 0..100 {
                link.tls.refresh_traffic_keys().unwrap();
                let record = link.pending();
                if link.tcp.write_all(&record).is_err() {
                    break;
                }
            }
            link.until_closed();
        });
        for _ in 0..20 {
            assert_eq!(client.line(), "250 still here\r\n");
        }
        client.say("NOOP\r\n");
        assert!(client.rest().is_empty());
        drop(client);
        peer.done();
        bridge.finish().assert("bad_record", 76);
    });
}
