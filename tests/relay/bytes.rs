//! Promise 2: not a byte altered, added, dropped or reordered.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{mpsc, Mutex};
use std::thread;
use std::time::Duration;

use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::House;
use crate::support::ca::sha256;
use crate::support::kernel::{until_blocked, until_read, MAIN};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{Link, Peer, TLS_1_2};
use crate::support::talk::{Hear, Talk};

/// Goal: every value of an octet passes both ways, and so does whatever SMTP software trips over: bare CR, bare LF,
/// dots at every place, NUL, lines without an end.
#[test]
fn promise_2_all_octets_bare_line_ends_and_dots_pass_both_ways_unchanged() {
    within(USUAL, || {
        let mut data: Vec<u8> = (0..=255).collect();
        data.extend(b"\r\n.\r\n..\r\n\n.\n\r.\r\n\r\n.\0\r\r\n\n\nQUIT\r\nSTARTTLS\r\n.");
        let n = data.len();
        let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
            let up = link.take(n);
            link.send(&up);
            link.close_notify();
            up
        });
        client.write_all(&data).unwrap();
        assert_eq!(client.rest(), data);
        assert_eq!(peer.done(), data);
        drop(client);
        let ended = bridge.finish();
        ended.assert("close_notify", 0);
        assert!(ended.line().contains(&format!(" up={n} down={} ", n + GREETING.len())), "{}", ended.log);
    });
}

/// Goal: a dot, a CR and a LF in segments of their own stay where they are.
#[test]
fn a_final_dot_split_anywhere_arrives_as_it_was_sent() {
    within(USUAL, || {
        let data = b"line\r\n.\r\n";
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let up: Vec<Vec<u8>> = (1..b"line\r\n.\r\n".len())
                .map(|_| {
                    let message = link.take(9);
                    // No DATA was said: to the server these are two commands.
                    link.send(b"500 what\r\n250 next\r\n");
                    message
                })
                .collect();
            link.close_notify();
            up
        });
        for at in 1..data.len() {
            client.write_all(&data[..at]).unwrap();
            client.write_all(&data[at..]).unwrap();
            client.expect("500 what\r\n250 next\r\n");
        }
        assert!(peer.done().iter().all(|message| message == data));
        assert!(client.rest().is_empty());
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: many tiny writes on both sides neither stall nor change places.
#[test]
fn writes_of_one_byte_arrive_in_order_both_ways() {
    within(USUAL, || {
        let data = noise(3000, 7);
        let expected = data.clone();
        let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
            let up = link.take(3000);
            for octet in &up {
                link.send(&[*octet]);
            }
            link.close_notify();
            up
        });
        for octet in &data {
            client.write_all(&[*octet]).unwrap();
        }
        assert_eq!(client.rest(), expected);
        assert_eq!(peer.done(), expected);
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

const MUCH: usize = 24 << 20;

/// Goal: reception never waits for transmission. Both sides write all they have before they care to read quickly, so
/// every buffer in between is full both ways.
#[test]
fn promise_2_24_mib_both_ways_at_once_with_slow_readers_arrive_whole() {
    within(2 * USUAL, || {
        let (tell, full) = mpsc::channel();
        let (bridge, client, peer) = greeted(unchanged, move |link| full_duplex(link, &noise(MUCH, 1), &full));
        let up = noise(MUCH, 2);
        let hash = sha256(&up);
        let down = thread::scope(|scope| {
            let mut writer = &client;
            scope.spawn(move || {
                writer.write_all(&up).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            until_blocked(&bridge, MAIN, client.local_addr().unwrap());
            until_blocked(&bridge, "down", peer.addr);
            tell.send(()).unwrap();
            slowly(MUCH, |buffer| (&client).read(buffer).unwrap())
        });
        assert_eq!(sha256(&down), sha256(&noise(MUCH, 1)), "{} octets down", down.len());
        assert_eq!(peer.done(), hash, "up");
        assert!((&client).rest().is_empty());
        let ended = bridge.finish();
        ended.assert("close_notify", 0);
        let counts = format!(" up={MUCH} down={} ", MUCH + GREETING.len());
        assert!(ended.line().contains(&counts), "{}", ended.log);
    });
}

/// Sends `data` and receives as much at the same time, from when every buffer is `full`; the hash of what came. Ends
/// with close_notify.
fn full_duplex(link: Link, data: &[u8], full: &mpsc::Receiver<()>) -> Vec<u8> {
    let Link { tls, tcp } = link;
    let tls = Mutex::new(tls);
    let (mut input, mut output) = (&tcp, &tcp);
    let up = thread::scope(|scope| {
        scope.spawn(|| {
            for piece in data.chunks(16 * 1024) {
                let mut records = Vec::new();
                {
                    let mut tls = tls.lock().unwrap();
                    tls.writer().write_all(piece).unwrap();
                    while tls.wants_write() {
                        tls.write_tls(&mut records).unwrap();
                    }
                }
                output.write_all(&records).unwrap();
            }
        });
        full.recv().unwrap();
        let mut segment = vec![0; 16 * 1024];
        let mut waiting = 0..0;
        slowly(MUCH, |buffer| loop {
            let mut tls = tls.lock().unwrap();
            if let Ok(n) = tls.reader().read(buffer) {
                return n;
            }
            if waiting.is_empty() {
                drop(tls);
                waiting = 0..input.read(&mut segment).unwrap();
                continue;
            }
            waiting.start += tls.read_tls(&mut &segment[waiting.clone()]).unwrap();
            tls.process_new_packets().unwrap();
        })
    });
    let mut link = Link { tls: tls.into_inner().unwrap(), tcp };
    link.close_notify();
    sha256(&up)
}

/// Reads `n` octets with a rest now and then.
fn slowly(n: usize, mut read: impl FnMut(&mut [u8]) -> usize) -> Vec<u8> {
    let (mut data, mut buffer, mut rest_at) = (Vec::with_capacity(n), vec![0; 64 * 1024], 1 << 20);
    while data.len() < n {
        let some = read(&mut buffer);
        assert_ne!(some, 0, "the end after {} octets", data.len());
        data.extend(&buffer[..some]);
        if data.len() >= rest_at {
            rest_at += 1 << 20;
            // The scenario: the pace of the reader.
            thread::sleep(Duration::from_millis(5));
        }
    }
    data
}

/// Goal: the older protocol carries the same.
#[test]
fn a_tls_1_2_session_carries_a_megabyte_and_says_so_in_the_log() {
    within(USUAL, || {
        let house = House::new();
        let data = noise(1 << 20, 3);
        let answer = data.clone();
        let peer = Peer::with(house.leaf.server(TLS_1_2), move |mut link| {
            link.send(GREETING.as_bytes());
            link.send(&answer);
            let up = link.take(1 << 20);
            link.close_notify();
            up
        });
        let (bridge, mut client) = house.bridge(peer.host()).socket();
        assert_eq!(client.line(), GREETING);
        assert_eq!(client.exactly(1 << 20), data);
        client.write_all(&data).unwrap();
        assert!(client.rest().is_empty());
        assert_eq!(peer.done(), data);
        drop(client);
        let ended = bridge.finish();
        ended.assert("close_notify", 0);
        assert!(ended.line().contains(" tls=TLSv1.2 "), "{}", ended.log);
    });
}

/// Goal: `--crlf` turns a LF into CRLF, across segments too, leaves a CRLF alone and touches nothing on its way down.
#[test]
fn with_crlf_a_bare_lf_goes_out_as_crlf_and_nothing_else_changes() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(
            |start| start.arg("--crlf"),
            |mut link| {
                link.send(b"250 a\nb\r\n");
                let up = link.take(b"EHLO x\r\n\r\r\n\r\n.\r\nQUIT\r\n".len());
                link.send(b"221 bye\r\n");
                link.close_notify();
                up
            },
        );
        assert_eq!(client.exactly(9), b"250 a\nb\r\n");
        // The second CR and its LF come in two segments.
        client.say("EHLO x\n\r\r");
        until_read(&client);
        client.say("\n\n.\r\nQUIT\n");
        assert_eq!(String::from_utf8_lossy(&peer.done()), "EHLO x\r\n\r\r\n\r\n.\r\nQUIT\r\n");
        assert_eq!(client.rest(), b"221 bye\r\n");
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: with `--no-reply` there is no greeting stage; a protocol in which the client speaks first works.
#[test]
fn with_no_reply_the_client_may_speak_first() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            let hello = link.line();
            link.send(b"world");
            link.close_notify();
            hello
        });
        let (bridge, mut client) = house.bridge(peer.host()).arg("--no-reply").socket();
        client.say("hello\n");
        assert_eq!(client.rest(), b"world");
        assert_eq!(peer.done(), "hello\n");
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: a client that pipelines before the greeting loses nothing.
#[test]
fn what_the_client_says_before_the_greeting_arrives_after_it() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            // Not a byte of the client before the greeting: servers punish early talkers. So long is listened for one.
            link.tcp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let early = link.feed();
            link.tcp.set_read_timeout(Some(USUAL)).unwrap();
            link.send(GREETING.as_bytes());
            let line = link.line();
            link.send(b"250 hello\r\n");
            link.close_notify();
            (early.is_err(), line)
        });
        let (bridge, mut client) = house.bridge(peer.host()).socket();
        client.say("EHLO early\r\n");
        client.expect(GREETING);
        assert_eq!(client.rest(), b"250 hello\r\n");
        assert_eq!(peer.done(), (true, "EHLO early\r\n".to_owned()));
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: a client certificate goes to the server that asks for one.
#[test]
fn a_server_that_wants_our_certificate_gets_it() {
    within(USUAL, || {
        let house = House::new();
        let me = house.ca.client("laptop");
        let (cert, key) = (house.dir.write("cert.pem", &me.cert_pem), house.dir.write("key.pem", &me.key_pem));
        let peer = Peer::with(house.leaf.server_with(rustls::ALL_VERSIONS, Some(&house.ca)), |mut link| {
            let certificates = link.tls.peer_certificates().map(<[_]>::len);
            link.send(GREETING.as_bytes());
            link.close_notify();
            certificates
        });
        let start = house.bridge(peer.host()).arg("--cert").arg(cert).arg("--key").arg(key);
        let (bridge, mut client) = start.socket();
        assert_eq!(client.rest(), GREETING.as_bytes());
        assert_eq!(peer.done(), Some(1));
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}
