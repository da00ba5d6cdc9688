//! The server does not read for a while, and what may still happen meanwhile.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::hostile::{cases, Group};
use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::Bridge;
use crate::support::kernel::{until_blocked, MAIN};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::peer::Received;
use crate::support::talk::{Hear, Talk};

const UPLOAD: usize = 16 << 20;

const REPLY: [&str; 2] = ["452-4.3.1 slow\r\n", "452 4.3.1 down\r\n"];

/// Writes an upload that the server does not read, and tells the server as soon as the bridge's send is blocked.
fn upload(bridge: &Bridge, client: &TcpStream, seed: u64, blocked: &Sender<()>) -> JoinHandle<io::Result<()>> {
    let mut writer = client.try_clone().unwrap();
    let writing = thread::spawn(move || writer.write_all(&noise(UPLOAD, seed)));
    until_blocked(bridge, MAIN, client.local_addr().unwrap());
    blocked.send(()).unwrap();
    writing
}

/// Goal: a KeyUpdate that arrives while our send is blocked is taken, what follows it is delivered, and our answer to
/// it comes in its place among the records that were waiting.
#[test]
fn a_key_update_while_our_send_is_blocked_harms_no_byte() {
    within(USUAL, || {
        // Two words: our send is blocked; the client has read every reply.
        let (tell, told) = mpsc::channel();
        let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
            told.recv().unwrap();
            for _ in 0..20 {
                link.update_key();
                link.send(b"250 while blocked\r\n");
            }
            told.recv().unwrap();
            let up = link.take(UPLOAD);
            link.close_notify();
            (up, link.rest().1)
        });
        let writing = upload(&bridge, &client, 1, &tell);
        for _ in 0..20 {
            assert_eq!(client.line(), "250 while blocked\r\n");
        }
        tell.send(()).unwrap();
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
/// blocked. The second line of it is one that reception was not waiting for already when the send began.
#[test]
fn a_reply_arrives_while_our_send_is_blocked() {
    within(USUAL, || {
        // Three words: our send is blocked; the client has read the one line; and the other.
        let (tell, told) = mpsc::channel();
        let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
            for line in REPLY {
                told.recv().unwrap();
                link.send(line.as_bytes());
            }
            told.recv().unwrap();
            let up = link.take(UPLOAD);
            link.close_notify();
            up
        });
        let writing = upload(&bridge, &client, 2, &tell);
        for line in REPLY {
            assert_eq!(client.line(), line);
            tell.send(()).unwrap();
        }
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
        let (tell, blocked) = mpsc::channel();
        let (bridge, mut client, peer) = greeted(
            |start| start.speed(100),
            move |mut link| {
                blocked.recv().unwrap();
                // The scenario: 5 minutes and more.
                thread::sleep(Duration::from_millis(3500));
                let up = link.take(UPLOAD);
                link.send(b"250 queued\r\n");
                assert_eq!(link.line(), "QUIT\r\n");
                link.send(b"221 bye\r\n");
                link.close_notify();
                up
            },
        );
        let writing = upload(&bridge, &client, 3, &tell);
        assert_eq!(client.line(), "250 queued\r\n");
        writing.join().unwrap().unwrap();
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
        cases(Group::TlsServers, 1);
    });
}
