//! What `--check` tries if a host gives no session: the hello without ML-KEM. There are never more than four connections
//! besides those of a session, and none to a server that said no.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::ServerConfig;

use super::{report, smarthost, Report};
use crate::support::bridge::House;
use crate::support::build::without_ml_kem;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::refusal;
use crate::support::peer::{accept, reset, Link, Peer, TLS_1_3};

/// How a middlebox spoils a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoils {
    Closes,
    Resets,
    Swallows,
}

/// No hello without the 1184 octets of an ML-KEM-768 key is as long.
const LARGE: usize = 1024;

/// Behind a middlebox that spoils the hellos that `spoiled` finds, by their number and whether they are large. What it saw:
/// `true` for a hello with ML-KEM.
fn behind(house: &House, spoils: Spoils, connections: usize, spoiled: fn(usize, bool) -> bool) -> Peer<Vec<bool>> {
    let tls = Arc::new(house.leaf.server(TLS_1_3));
    Peer::listener(move |listener| {
        let hellos = (0..connections).filter_map(|number| {
            let tcp = accept(listener);
            let large = is_large(&tcp)?;
            if spoiled(number, large) {
                spoil(tcp, spoils);
            } else {
                greets(tcp, &tls);
            }
            Some(large)
        });
        let hellos = hellos.collect();
        ends_here(listener);
        hellos
    })
}

/// A server that says its greeting, and no more.
fn greets(tcp: TcpStream, tls: &Arc<ServerConfig>) {
    let mut link = Link::new(tcp, tls);
    link.handshake();
    link.send(b"220 smarthost.test\r\n");
    link.until_closed();
}

/// The next connection is that of `done`.
fn ends_here(listener: &TcpListener) {
    assert_eq!(accept(listener).peek(&mut [0]).unwrap(), 0, "one connection more");
}

/// Behind the report: what the peer saw, and nothing more.
fn done<T: Send + 'static>(peer: Peer<T>) -> T {
    drop(TcpStream::connect(peer.addr).unwrap());
    peer.done()
}

/// By the length of its record, once all of it is there; None if no hello comes.
fn is_large(tcp: &TcpStream) -> Option<bool> {
    let mut start = [0; 4096];
    loop {
        match tcp.peek(&mut start).unwrap() {
            0 => return None,
            come => {
                let record = usize::from(u16::from_be_bytes([start[3], start[4]]));
                if come >= 5 + record {
                    return Some(record > LARGE);
                }
            }
        }
    }
}

fn spoil(mut tcp: TcpStream, how: Spoils) {
    match how {
        Spoils::Closes => tcp.shutdown(Shutdown::Write).unwrap(),
        Spoils::Resets => return reset(tcp),
        Spoils::Swallows => {}
    }
    let _ = io::copy(&mut tcp, &mut io::sink());
}

fn look(house: &House, peer: &Peer<Vec<bool>>) -> Report {
    report(house.bridge(peer.name()).args(["-4", "-q", "--setup-timeout", "4"]).speed(4))
}

/// Goal: the cure that a session cannot know: without, with, without, and all three agree.
#[test]
fn ml_kem_in_the_way_is_found_and_the_cure_is_one_that_worked() {
    if without_ml_kem() {
        return;
    }
    within(USUAL, || {
        for (spoils, cause) in [
            (Spoils::Closes, "the connection was closed at our TLS hello"),
            (Spoils::Resets, "the connection was reset at our TLS hello"),
            (Spoils::Swallows, "no answer to our TLS hello within 1 s"),
        ] {
            let house = House::new();
            // Silence may be the network's, for which small packets are tried.
            let (more, with, small): (&[bool], _, _) = match spoils {
                Spoils::Swallows => (&[true], "no answer", ", with it in small packets: no answer"),
                Spoils::Closes | Spoils::Resets => (&[], "closed", ""),
            };
            let peer = behind(&house, spoils, 4 + more.len(), |_, large| large);
            let report = look(&house, &peer);
            let words = format!(
                "failed handshake: {cause} (one without ML-KEM is answered); use --no-pq until the middlebox in between \
                 is repaired"
            );
            report.assert(75, &[&words]);
            let tried = format!("without ML-KEM: answered, with it: {with}, without it: answered{small}");
            assert_eq!(report.line("tried"), tried);
            assert_eq!(done(peer), [&[true, false, true, false], more].concat(), "{spoils:?}");
            // What it advises gives a session.
            let peer = behind(&house, spoils, 1, |_, large| large);
            let cured = report_with(&house, &peer, "--no-pq");
            assert_eq!(cured.code, 74, "it never answers EHLO:\n{}", cured.screen);
            assert_eq!(done(peer), [false]);
        }
    });
}

fn report_with(house: &House, peer: &Peer<Vec<bool>>, option: &str) -> Report {
    report(house.bridge(peer.name()).args(["-4", option]).speed(100))
}

/// Goal: a bug that was: a server that turned a try away was asked twice more.
#[test]
fn a_server_that_turns_a_try_away_is_not_asked_again() {
    if without_ml_kem() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let tls = Arc::new(house.leaf.server(TLS_1_3));
        let peer = Peer::listener(move |listener| {
            spoil(accept(listener), Spoils::Closes);
            let mut link = Link::new(accept(listener), &tls);
            link.handshake();
            link.send(b"421 4.7.0 too many connections\r\n");
            link.until_closed();
            ends_here(listener);
        });
        let report = report(house.bridge(peer.name()).args(["-4", "-q"]).speed(4));
        report.assert(75, &["the connection was closed at our TLS hello; ask the server's administrator"]);
        assert_eq!(report.line("tried"), "without ML-KEM: turned away");
        done(peer);
    });
}

/// Goal: a bug that was: a server that greets late behind a middlebox was reported as "no connection", and its cure was
/// lost.
#[test]
fn a_slow_greeting_is_an_answer_to_the_hello() {
    if without_ml_kem() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let tls = Arc::new(house.leaf.server(TLS_1_3));
        let peer = Peer::listener(move |listener| {
            for _ in 0..4 {
                let tcp = accept(listener);
                if is_large(&tcp) == Some(true) {
                    spoil(tcp, Spoils::Closes);
                } else {
                    let mut link = Link::new(tcp, &tls);
                    link.handshake();
                    link.until_closed();
                }
            }
            ends_here(listener);
        });
        let report = report(house.bridge(peer.name()).args(["-4", "-q"]).speed(20));
        report.assert(75, &["use --no-pq until the middlebox in between is repaired"]);
        assert_eq!(report.line("tried"), "without ML-KEM: answered, with it: closed, without it: answered");
        done(peer);
    });
}

/// How many packets of data have come, as the kernel counts them.
fn packets(tcp: &TcpStream) -> usize {
    let (here, there) = (tcp.local_addr().unwrap().port(), tcp.peer_addr().unwrap().port());
    let filter = format!("sport = :{here} and dport = :{there}");
    let told = Command::new("ss").args(["-tinH", &filter]).output().expect("ss");
    let told = String::from_utf8(told.stdout).unwrap();
    let count = told.split_whitespace().find_map(|word| word.strip_prefix("data_segs_in:"));
    count.unwrap_or_else(|| panic!("no count of packets in {told:?}")).parse().unwrap()
}

/// Goal: a hello with ML-KEM needs two packets, and a link that loses full ones is not the fault of ML-KEM: without ML-KEM
/// mails would be lost.
#[test]
fn a_link_that_loses_large_packets_is_told_as_that() {
    if without_ml_kem() || without_tool("ss") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let tls = Arc::new(house.leaf.server(TLS_1_3));
        let peer = Peer::listener(move |listener| {
            let seen: Vec<bool> = (0..5)
                .map(|_| {
                    let tcp = accept(listener);
                    let is_lost = is_large(&tcp).expect("a hello") && packets(&tcp) < 3;
                    if is_lost {
                        spoil(tcp, Spoils::Swallows);
                    } else {
                        greets(tcp, &tls);
                    }
                    is_lost
                })
                .collect();
            ends_here(listener);
            seen
        });
        let report = look(&house, &peer);
        report
            .assert(75, &["(in small packets it is answered); ask your network's administrator why large packets are"]);
        let tried =
            "without ML-KEM: answered, with it: no answer, without it: answered, with it in small packets: answered";
        assert_eq!(report.line("tried"), tried);
        assert_eq!(done(peer), [true, false, true, false, false]);
    });
}

/// Goal: a server that comes and goes is no reason to turn ML-KEM off.
#[test]
fn what_comes_and_goes_by_itself_is_no_cure() {
    if without_ml_kem() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        for (spoiled, connections, tried, cure) in [
            (
                (|number, _| number == 0) as fn(usize, bool) -> bool,
                3,
                "without ML-KEM: answered, with it: answered",
                "(the next one was answered); trying again later may help",
            ),
            (
                |number, _| number != 1,
                4,
                "without ML-KEM: answered, with it: closed, without it: closed",
                "; ask the server's administrator, or that of a firewall in between",
            ),
        ] {
            let peer = behind(&house, Spoils::Closes, connections, spoiled);
            let report = look(&house, &peer);
            report.assert(75, &["the connection was closed at our TLS hello", cure]);
            assert_eq!(report.line("tried"), tried);
            assert!(!report.screen.contains("--no-pq"), "{}", report.screen);
            done(peer);
        }
    });
}

#[test]
fn a_server_that_closes_on_any_hello_is_told_as_that() {
    if without_ml_kem() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peer = behind(&house, Spoils::Closes, 3, |_, _| true);
        let report = look(&house, &peer);
        report.assert(
            75,
            &["the connection was closed at our TLS hello (without ML-KEM too); ask the server's administrator"],
        );
        assert_eq!(report.line("tried"), "without ML-KEM: closed, with no hello: left open");
        assert_eq!(done(peer), [true, false]);
    });
}

/// Goal: a server that refuses this machine, and not our hello.
#[test]
fn a_server_that_closes_before_any_hello_is_told_as_that() {
    if without_ml_kem() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::listener(|listener| {
            (0..3).for_each(|_| accept(listener).shutdown(Shutdown::Write).unwrap());
            ends_here(listener);
        });
        let report = report(house.bridge(peer.name()).args(["-4", "-q"]).speed(4));
        let words =
            "the server ends the connection before our TLS hello; ask its administrator whether it refuses this";
        report.assert(75, &[words]);
        assert_eq!(report.line("tried"), "without ML-KEM: closed, with no hello: closed");
        done(peer);
    });
}

/// Goal: with --no-pq there is nothing left to try without.
#[test]
fn what_is_given_is_not_tried() {
    within(USUAL, || {
        let house = House::new();
        let peer = behind(&house, Spoils::Closes, 1, |_, _| true);
        let report = report_with(&house, &peer, "--no-pq");
        report.assert(
            75,
            &["the connection was closed at our TLS hello; ask the server's administrator, or that of a firewall"],
        );
        assert!(!report.labels().contains(&"tried".to_owned()), "{}", report.screen);
        assert_eq!(done(peer), [false]);
    });
}

/// Goal: providers ban clients that connect too often. There are three hosts, and each would be worth three tries.
#[test]
fn no_run_makes_more_than_four_connections_beside_its_own() {
    if without_ml_kem() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let count = Arc::new(AtomicUsize::new(0));
        let tls = Arc::new(house.leaf.server(TLS_1_3));
        let hosts: Vec<String> = (0..3)
            .map(|_| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let host = format!("localhost:{}", listener.local_addr().unwrap().port());
                let (count, tls) = (Arc::clone(&count), Arc::clone(&tls));
                thread::spawn(move || loop {
                    let tcp = accept(&listener);
                    count.fetch_add(1, Ordering::Relaxed);
                    if is_large(&tcp) == Some(true) {
                        spoil(tcp, Spoils::Closes);
                    } else {
                        greets(tcp, &tls);
                    }
                });
                host
            })
            .collect();
        let report = report(house.bridge(&*hosts[0]).args(&hosts[1..]).arg("-4").speed(4));
        report.assert(75, &[]);
        assert_eq!(count.load(Ordering::Relaxed), 3 + 4, "{}", report.screen);
        assert_eq!(
            report.flat().matches("use --no-pq").count(),
            1,
            "what was not tried is not advised: {}",
            report.screen
        );
    });
}

/// Goal: nor does a server that answered get one more connection.
#[test]
fn a_server_that_said_no_is_not_asked_again() {
    within(USUAL, || {
        let house = House::new();
        for (greeting, code) in
            [("421 4.7.0 too many\r\n", 75), ("554 5.7.1 we know you\r\n", 75), ("* OK IMAP\r\n", 76)]
        {
            let tls = Arc::new(house.leaf.server(TLS_1_3));
            let peer = Peer::listener(move |listener| {
                let mut link = Link::new(accept(listener), &tls);
                link.handshake();
                link.send(greeting.as_bytes());
                link.until_closed();
                ends_here(listener);
            });
            report(house.bridge(peer.name()).arg("-4")).assert(code, &["failed greeting: "]);
            done(peer);
        }
    });
}

/// Goal: a session tries nothing: it dials once, and its sentence advises what it can know.
#[test]
fn a_session_tries_nothing() {
    within(USUAL, || {
        let house = House::new();
        let peer = behind(&house, Spoils::Closes, 1, |_, _| true);
        let refused = refusal(house.bridge(peer.name()).arg("-4"));
        refused.assert(
            "4.4.2",
            75,
            &["the connection was closed at our TLS hello; on this machine, run smtps-bridge --check"],
        );
        done(peer);
    });
}

/// Goal: a report waits for a slow greeter as long as a session does.
#[test]
fn a_slow_greeter_is_as_good_as_in_a_session() {
    within(USUAL, || {
        let house = House::new();
        if without_hooks() {
            return;
        }
        let peer = Peer::start(&house.leaf, |link: Link| {
            // 35 s on the bridge's clock.
            thread::sleep(Duration::from_millis(1750));
            smarthost(link)
        });
        let told = report(house.bridge(peer.host()).speed(20));
        told.assert(0, &["result fine"]);
        peer.done();
    });
}
