//! The local side: a client that is early, slow, silent or gone, at each stage of a session.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;

use crate::hostile::{cases, Group};
use crate::relay::{greeted, unchanged};
use crate::support::bridge::{tcp_pair, House};
use crate::support::kernel::full_queue;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::{assert_reply, GREETING};
use crate::support::peer::{accept, nobody_listens, reset, Link, Peer, Received};
use crate::support::talk::Hear;

const BYE: &[u8] = b"221 bye\r\n";

/// Where the session stands when the client does it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// The bridge has not been started.
    Arguments,
    Connect,
    Handshake,
    Greeting,
    /// The client has read the greeting.
    Relay,
    /// The server has said goodbye.
    Close,
}

const STAGES: [Stage; 6] =
    [Stage::Arguments, Stage::Connect, Stage::Handshake, Stage::Greeting, Stage::Relay, Stage::Close];

/// What the client does there. Later it reads, says QUIT if it has not, and closes, as far as it still can.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    WritesFirst,
    ReadsFirst,
    /// QUIT, and the end of what it says.
    Quits,
    /// The end without a word.
    HalfCloses,
    NeverCloses,
    Closes,
    Resets,
}

const CLIENTS: [Client; 7] = [
    Client::WritesFirst,
    Client::ReadsFirst,
    Client::Quits,
    Client::HalfCloses,
    Client::NeverCloses,
    Client::Closes,
    Client::Resets,
];

/// Goal: whatever the client does, and whenever: the server sees a session that ends cleanly, the client reads what it
/// still can and nothing else, and the process ends.
#[test]
fn whatever_a_client_does_at_whichever_stage_the_session_ends_in_order() {
    if without_hooks() {
        return;
    }
    within(2 * USUAL, || {
        let house = House::new();
        thread::scope(|scope| {
            for stage in STAGES {
                let house = &house;
                scope.spawn(move || CLIENTS.into_iter().for_each(|how| ends(house, stage, how)));
            }
        });
    });
}

/// The server's side of a rendezvous at the stage.
struct Server {
    stage: Stage,
    came: Sender<()>,
    go: Receiver<()>,
}

impl Server {
    fn at(&self, stage: Stage) {
        if self.stage == stage {
            self.came.send(()).unwrap();
            self.go.recv().unwrap();
        }
    }

    fn serve(self, listener: &TcpListener, tls: rustls::ServerConfig) -> (Vec<u8>, Received) {
        let others = if self.stage == Stage::Connect { full_queue(listener) } else { Vec::new() };
        let others: Vec<_> = others.into_iter().map(|stream| (stream.local_addr().unwrap(), stream)).collect();
        self.at(Stage::Connect);
        let mut connections = std::iter::repeat_with(|| accept(listener));
        let ours =
            connections.find(|stream| others.iter().all(|(addr, _)| *addr != stream.peer_addr().unwrap())).unwrap();
        let mut link = Link::new(ours, &tls.into());
        self.at(Stage::Handshake);
        link.handshake();
        self.at(Stage::Greeting);
        link.send(GREETING.as_bytes());
        self.at(Stage::Relay);
        let mut heard = Vec::new();
        let mut buffer = [0; 64];
        let end = loop {
            match link.receive(&mut buffer) {
                Received::Data(n) => heard.extend(&buffer[..n]),
                end => break Some(end),
            }
            if heard.ends_with(b"QUIT\r\n") {
                break None;
            }
        };
        link.send(BYE);
        link.close_notify();
        self.at(Stage::Close);
        let end = end.unwrap_or_else(|| link.rest().1);
        link.until_closed();
        (heard, end)
    }
}

fn ends(house: &House, stage: Stage, how: Client) {
    let ((came, coming), (going, go)) = (channel(), channel());
    let server = Server { stage, came, go };
    let tls = house.leaf.server(rustls::ALL_VERSIONS);
    let peer = Peer::listener(move |listener| server.serve(listener, tls));
    let (client, theirs) = tcp_pair();
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    let mut client = Some(client);
    let act = |client: &mut Option<TcpStream>, said: &mut Vec<u8>| {
        let mut say = |client: &mut TcpStream| {
            if said.is_empty() {
                client.write_all(b"QUIT\r\n").unwrap();
                said.extend(b"QUIT\r\n");
            }
        };
        match (how, client.as_mut()) {
            (Client::WritesFirst, Some(it)) => say(it),
            (Client::Quits, Some(it)) => {
                say(it);
                it.shutdown(Shutdown::Write).unwrap();
            }
            (Client::HalfCloses, Some(it)) => it.shutdown(Shutdown::Write).unwrap(),
            (Client::Closes, _) => drop(client.take()),
            (Client::Resets, _) => client.take().into_iter().for_each(reset),
            (Client::ReadsFirst | Client::NeverCloses, _) | (_, None) => {}
        }
    };
    if stage == Stage::Arguments {
        act(&mut client, &mut said);
    }
    let start = house.bridge(peer.host()).speed(10).args(["--setup-timeout", "3600"]).arg("-v");
    let bridge = start.on(OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs), Stdio::piped());
    if stage == Stage::Arguments && matches!(how, Client::Resets | Client::HalfCloses | Client::Closes) {
        // No one is there: the smarthost is not bothered (stdio/kinds and dialogue/gone have the details).
        bridge.finish();
        drop(TcpStream::connect(peer.addr));
        return;
    }
    if stage == Stage::Connect {
        bridge.until_log("resolved host=");
    }
    if stage != Stage::Arguments {
        let before = |client: &mut TcpStream, heard: &mut Vec<u8>| heard.extend(client.line().bytes());
        if let Some(client) = client.as_mut().filter(|_| matches!(stage, Stage::Relay | Stage::Close)) {
            before(client, &mut heard);
        }
        if let Some(client) = client.as_mut().filter(|_| stage == Stage::Close) {
            client.write_all(b"QUIT\r\n").unwrap();
            said.extend(b"QUIT\r\n");
        }
        coming.recv().unwrap();
        act(&mut client, &mut said);
        going.send(()).unwrap();
    }
    if let Some(it) = client.as_mut() {
        while !heard.ends_with(b"\n") {
            heard.extend(it.line().bytes());
        }
        if matches!(how, Client::ReadsFirst | Client::NeverCloses) && said.is_empty() {
            it.write_all(b"QUIT\r\n").unwrap();
            said.extend(b"QUIT\r\n");
        }
        heard.extend(it.rest());
        assert_eq!(heard, [GREETING.as_bytes(), BYE].concat(), "{stage:?} {how:?}: {}", bridge.log());
    }
    if how != Client::NeverCloses {
        drop(client.take());
    }
    let (up, end) = peer.done();
    assert_eq!((&up, end), (&said, Received::CloseNotify), "{stage:?} {how:?}");
    let ended = bridge.finish();
    // The server has said goodbye, or owes nothing: nothing is lost, whichever end was noticed first.
    let line = ended.line();
    let word = line.split(' ').find_map(|field| field.strip_prefix("end="));
    let possible: &[_] = match how {
        Client::WritesFirst | Client::ReadsFirst | Client::NeverCloses => &["close_notify"],
        Client::Quits | Client::HalfCloses => &["close_notify", "local_eof"],
        Client::Closes | Client::Resets => &["close_notify", "local_eof", "client_gone"],
    };
    assert!(ended.code == 0 && word.is_some_and(|word| possible.contains(&word)), "{stage:?} {how:?}: {}", ended.log);
    cases(Group::LocalSide, 1);
    drop(client);
}

/// Goal: promise 1. If there is no session, whatever the client does: one 421 for a client that can read it, and an end in
/// time.
#[test]
fn promise_1_whatever_a_client_does_a_refusal_is_one_421_and_an_end() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        for how in CLIENTS {
            let (bridge, mut client) = house.bridge(nobody_listens().to_string()).speed(20).socket();
            match how {
                Client::WritesFirst => client.write_all(b"EHLO me\r\n").unwrap(),
                Client::Quits => client.write_all(b"QUIT\r\n").unwrap(),
                Client::ReadsFirst | Client::HalfCloses | Client::NeverCloses | Client::Closes | Client::Resets => {}
            }
            if matches!(how, Client::Quits | Client::HalfCloses) {
                client.shutdown(Shutdown::Write).unwrap();
            }
            let client = match how {
                Client::Closes => None,
                Client::Resets => {
                    reset(client);
                    None
                }
                _ => {
                    let reply = client.rest();
                    // An end that is there before we dial: no refusal.
                    if how != Client::HalfCloses || !reply.is_empty() {
                        assert_reply(&reply);
                    }
                    Some(client).filter(|_| how == Client::NeverCloses)
                }
            };
            let ended = bridge.finish();
            // A reset or an end may be there before we dial: then no one is left to be refused.
            let left = matches!(how, Client::HalfCloses | Client::Closes | Client::Resets)
                && ended.code == 0
                && (ended.line().contains("end=local_eof") || ended.line().contains("end=client_gone"));
            let refused = ended.code == 75 && ended.line().contains("refused on port");
            assert!(left || refused, "{how:?}: {ended:?}");
            cases(Group::LocalSide, 1);
            drop(client);
        }
    });
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
        cases(Group::LocalSide, 256 * 2 * dot.len());
    });
}
