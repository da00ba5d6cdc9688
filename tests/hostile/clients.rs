//! The local side before there is a session: a client that is early, gone or silent while the server takes its time.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::channel;

use crate::relay::{greeted, unchanged};
use crate::support::bridge::House;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{reset, Peer, Received};
use crate::support::talk::Hear;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Handshake,
    Greeting,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Resets,
    Closes,
    /// With a QUIT before it.
    HalfCloses,
    Waits,
}

/// Goal: whatever the client does before the greeting, the server sees a session that is ended in order, and the process
/// ends.
#[test]
fn a_client_that_ends_before_the_greeting_ends_the_session_in_order() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        for stage in [Stage::Handshake, Stage::Greeting] {
            for client in [Client::Resets, Client::Closes, Client::HalfCloses, Client::Waits] {
                ends(stage, client);
            }
        }
    });
}

fn ends(stage: Stage, how: Client) {
    let house = House::new();
    let ((came, coming), (go, told)) = (channel(), channel());
    let peer = Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), move |mut link| {
        let wait = || {
            came.send(()).unwrap();
            told.recv().unwrap();
        };
        if stage == Stage::Handshake {
            wait();
        }
        link.handshake();
        if stage == Stage::Greeting {
            wait();
        }
        link.send(GREETING.as_bytes());
        let heard = link.rest();
        link.send(b"221 bye\r\n");
        link.close_notify();
        link.until_closed();
        heard
    });
    let (bridge, mut client) = house.bridge(peer.host()).speed(100).args(["--setup-timeout", "3600"]).socket();
    coming.recv().unwrap();
    let client: Option<TcpStream> = match how {
        Client::Resets => {
            reset(client);
            None
        }
        Client::Closes => {
            drop(client);
            None
        }
        Client::HalfCloses => {
            client.write_all(b"QUIT\r\n").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            Some(client)
        }
        Client::Waits => Some(client),
    };
    go.send(()).unwrap();
    if let Some(mut client) = client {
        assert_eq!(client.line(), GREETING, "{stage:?} {how:?}");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.rest(), b"221 bye\r\n", "{stage:?} {how:?}");
    }
    let (heard, end) = peer.done();
    // The server has said goodbye, so nothing is lost where nobody hears it.
    let (said, word): (&[u8], _) = match how {
        Client::Resets | Client::Closes => (b"", "client_gone"),
        Client::HalfCloses => (b"QUIT\r\n", "close_notify"),
        Client::Waits => (b"", "close_notify"),
    };
    assert_eq!((heard.as_slice(), end), (said, Received::CloseNotify), "{stage:?} {how:?}");
    bridge.finish().assert(word, 0);
}

/// Goal: every octet in every place of a final dot, and between its octets, both ways.
#[test]
fn promise_2_every_octet_at_every_place_of_a_final_dot_passes_both_ways() {
    within(USUAL, || {
        let dot = b"\r\n.\r\n";
        let mut data = Vec::new();
        for octet in 0..=255 {
            for at in 0..dot.len() {
                data.extend([&dot[..at], &[octet], &dot[at..]].concat());
                data.extend([&dot[..at], &[octet], &dot[at + 1..]].concat());
            }
        }
        let n = data.len();
        let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
            let up = link.take(n);
            link.send(&up);
            link.close_notify();
            up
        });
        client.write_all(&data).unwrap();
        assert!(client.rest() == data, "down");
        assert!(peer.done() == data, "up");
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}
