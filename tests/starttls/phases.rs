//! The client, SIGTERM and the clocks in each phase of the way: the client has no part in it.

use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{serve, server, start, write, EHLO, GREETING, OFFERS, OURS, READY, STARTTLS};
use crate::support::bridge::House;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::namespace::{inside, replace, sh};
use crate::support::outcome::{refused, GREETING as TLS_GREETING};
use crate::support::peer::{accept, reset, Link, Peer};
use crate::support::talk::Hear;

/// What the server waits for the test in.
const PHASES: [&str; 4] = ["greeting", "EHLO", "STARTTLS", "handshake"];

/// A server that stands still in `phase`, says so, and goes on when it is told to.
fn stops_in(house: &House, phase: &'static str) -> (Peer, Receiver<()>, Sender<()>) {
    let (tell, told) = channel();
    let (go, word) = channel();
    let peer = server(house, move |mut link: Link| {
        let pause = |at: &str| {
            if at == phase {
                tell.send(()).unwrap();
                let _ = word.recv();
            }
        };
        pause("greeting");
        write(&mut link.tcp, GREETING);
        link.tcp.expect(EHLO);
        pause("EHLO");
        write(&mut link.tcp, OFFERS);
        link.tcp.expect(STARTTLS);
        pause("STARTTLS");
        write(&mut link.tcp, READY);
        assert_eq!(link.tcp.peek(&mut [0]).unwrap(), 1);
        pause("handshake");
        if link.try_handshake().is_ok() {
            // The client that has gone says nothing any more.
            let _ = link.rest();
        }
        link.until_closed();
    });
    (peer, told, go)
}

/// Goal: a client that leaves on the way costs one session, which ends cleanly, and nothing more is said.
#[test]
fn a_client_that_is_gone_in_any_phase_ends_the_session_behind_it() {
    within(USUAL, || {
        for phase in PHASES {
            for by_reset in [false, true] {
                let house = House::new();
                let (peer, told, go) = stops_in(&house, phase);
                let (bridge, client) = start(&house, peer.host()).socket();
                told.recv().unwrap();
                if by_reset {
                    reset(client);
                } else {
                    drop(client);
                }
                go.send(()).unwrap();
                peer.done();
                let ended = bridge.finish();
                let line = ended.line();
                assert!(line.contains("end=client_gone") || line.contains("end=local_eof"), "{phase}: {line}");
                assert!(line.contains(" up=0 down=0 "), "{phase}: {line}");
            }
        }
    });
}

/// Goal: SIGTERM on the way is a 421, and at once.
#[test]
fn sigterm_in_any_phase_is_a_421() {
    within(USUAL, || {
        for phase in PHASES {
            let house = House::new();
            let (peer, told, go) = stops_in(&house, phase);
            let (bridge, client) = start(&house, peer.host()).socket();
            told.recv().unwrap();
            bridge.signal(Signal::SIGTERM);
            let stage = if phase == "handshake" { "stage=handshake" } else { "stage=starttls" };
            refused(bridge, client).assert("4.3.2", 75, &["SIGTERM", stage]);
            // Its script may find that the bridge is gone.
            drop(go);
            drop(peer);
        }
    });
}

/// Goal: --setup-timeout is over all phases together.
#[test]
fn the_deadline_in_any_phase_is_a_421() {
    within(USUAL, || {
        for phase in PHASES {
            let house = House::new();
            let (peer, told, go) = stops_in(&house, phase);
            let (bridge, client) = start(&house, peer.host()).args(["--setup-timeout", "1"]).socket();
            told.recv().unwrap();
            let stage = if phase == "handshake" { "stage=handshake" } else { "stage=starttls" };
            refused(bridge, client).assert("4.4.2", 75, &["within 1 s", stage]);
            drop((go, peer));
        }
    });
}

/// Goal: a server that has proved who it is has all the time there is for its answer to our NOOP, as for a greeting.
#[test]
fn the_answer_to_our_noop_has_the_time_of_a_greeting() {
    within(USUAL, || {
        if without_hooks() {
            return;
        }
        let (house, clients) = (House::new(), crate::support::ca::Ca::named("CA of clients"));
        let client = clients.client("bridge.example");
        house.dir.write("both.pem", client.cert_pem.clone() + &client.key_pem);
        let tls = house.leaf.server_with(rustls::ALL_VERSIONS, Some(&clients));
        let peer = super::behind_tls(tls, |mut link| {
            link.expect("NOOP\r\n");
            // The scenario: 80 s, more than the clock of the way, at 40 times the speed.
            link.expect_silence(Duration::from_secs(2));
            link.say("250 2.0.0 Ok\r\n");
            serve(link);
        });
        let both = house.dir.path("both.pem");
        super::carries(start(&house, peer.host()).arg("--cert").arg(&both).arg("--key").arg(&both).speed(40));
        peer.done();
    });
}

/// Goal: SIGTERM and --setup-timeout while our NOOP is not answered: the client has read nothing yet.
#[test]
fn sigterm_and_the_deadline_while_our_noop_waits_are_421s() {
    within(USUAL, || {
        for by_signal in [true, false] {
            let (house, clients) = (House::new(), crate::support::ca::Ca::named("CA of clients"));
            let client = clients.client("bridge.example");
            house.dir.write("both.pem", client.cert_pem.clone() + &client.key_pem);
            let (tell, told) = channel();
            let tls = house.leaf.server_with(rustls::ALL_VERSIONS, Some(&clients));
            let peer = super::behind_tls(tls, move |mut link| {
                link.expect("NOOP\r\n");
                tell.send(()).unwrap();
                link.until_closed();
            });
            let both = house.dir.path("both.pem");
            let start = start(&house, peer.host()).arg("--cert").arg(&both).arg("--key").arg(&both);
            let start = if by_signal { start } else { start.args(["--setup-timeout", "1"]) };
            let (bridge, client) = start.socket();
            told.recv().unwrap();
            if by_signal {
                bridge.signal(Signal::SIGTERM);
                refused(bridge, client).assert("4.3.2", 75, &["SIGTERM", "stage=greeting"]);
            } else {
                refused(bridge, client).assert("4.4.2", 75, &["within 1 s", "stage=greeting"]);
            }
            peer.done();
        }
    });
}

/// Goal: at most two addresses of a host are asked for a greeting; providers ban clients that try every one.
#[test]
fn two_addresses_of_a_host_are_asked_and_no_more() {
    inside(|| {
        let house = House::new();
        sh("for n in 2 3 4; do ip addr add 127.0.1.$n/8 dev lo; done");
        let addresses = ["127.0.1.2", "127.0.1.3", "127.0.1.4"];
        let hosts: String = addresses.iter().map(|address| format!("{address} mail.test\n")).collect();
        replace("/etc/hosts", &house.dir.write("hosts", hosts));
        let listeners = addresses.map(|address| std::net::TcpListener::bind((address, 587)).unwrap());
        let asked: Vec<_> = listeners
            .iter()
            .take(2)
            .map(|listener| listener.try_clone().unwrap())
            .map(|listener| {
                std::thread::spawn(move || {
                    let mut tcp = accept(&listener);
                    write(&mut tcp, "554 no\r\n");
                    super::rest(&mut tcp)
                })
            })
            .collect();
        let refusal = crate::support::outcome::refusal(start(&house, "mail.test"));
        refusal.assert("4.3.2", 75, &[" tried=2 ", " addr=127.0.1.2:587 "]);
        for server in asked {
            assert_eq!(server.join().unwrap(), "QUIT\r\n");
        }
        listeners[2].set_nonblocking(true).unwrap();
        assert!(listeners[2].accept().is_err(), "a third address was asked");
    });
}

/// Goal: one that accepts and says nothing was not asked: it leaves the others their turn.
#[test]
fn silent_addresses_leave_a_third_one_its_turn() {
    inside(|| {
        let house = House::new();
        sh("for n in 2 3 4; do ip addr add 127.0.1.$n/8 dev lo; done");
        let addresses = ["127.0.1.2", "127.0.1.3", "127.0.1.4"];
        let hosts: String = addresses.iter().map(|address| format!("{address} localhost\n")).collect();
        replace("/etc/hosts", &house.dir.write("hosts", hosts));
        let [one, two, three] = addresses.map(|address| std::net::TcpListener::bind((address, 587)).unwrap());
        let tls = std::sync::Arc::new(house.leaf.server(rustls::ALL_VERSIONS));
        let server = std::thread::spawn(move || {
            let mut tcp = accept(&three);
            super::up_to_tls(&mut tcp);
            let mut link = Link::new(tcp, &tls);
            link.handshake();
            serve(link);
        });
        let line = super::carries(start(&house, "localhost").args(["-4", "--setup-timeout", "6"]));
        server.join().unwrap();
        assert!(line.contains(" addr=127.0.1.4:587 "), "{line}");
        drop((one, two));
    });
}

/// Goal: the default port is 587, for all hosts of the line, and Landlock lets us go there and nowhere else.
#[test]
fn the_port_is_587_for_every_host_of_the_line() {
    inside(|| {
        let house = House::new();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 587)).unwrap();
        let tls = std::sync::Arc::new(house.leaf.server(rustls::ALL_VERSIONS));
        let server = std::thread::spawn(move || {
            let mut tcp = accept(&listener);
            super::up_to_tls(&mut tcp);
            let mut link = Link::new(tcp, &tls);
            link.handshake();
            serve(link);
        });
        let line = super::carries(start(&house, "[::1]").arg("127.0.0.1"));
        server.join().unwrap();
        assert!(line.contains(" addr=127.0.0.1:587 "), "{line}");
    });
}

/// Goal: a panic on the way is a 421 as everywhere.
#[test]
fn a_panic_on_the_way_is_a_421() {
    within(USUAL, || {
        if without_hooks() {
            return;
        }
        let house = House::new();
        let peer = Peer::tcp(|mut tcp| super::rest(&mut tcp));
        let (bridge, mut client) = start(&house, peer.host()).panic("starttls").socket();
        let reply = String::from_utf8(client.rest()).unwrap();
        assert!(reply.starts_with("421 4.3.0 smtps-bridge: internal error"), "{reply}");
        drop(client);
        assert_eq!(peer.done(), "");
        assert_eq!(bridge.finish().code, 70);
        // Neither the client's nor the smarthost's first words.
        assert_ne!(OURS, TLS_GREETING);
    });
}
