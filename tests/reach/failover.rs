//! Several hosts in order: whatever is wrong with one, the next one gets its turn, and the log says which hosts were passed
//! over.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use nix::sys::signal::Signal;

use crate::support::bridge::{House, Start};
use crate::support::ca::Ca;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{good, refusal, refused, session, unsuccessful, GREETING};
use crate::support::peer::{nobody_listens, reset, Peer};
use crate::support::talk::Hear;

/// A host that gives no session, and the words about it.
struct Bad {
    host: String,
    stage: &'static str,
    word: &'static str,
    peer: Option<Peer>,
}

impl Bad {
    fn peer(stage: &'static str, word: &'static str, peer: Peer) -> Bad {
        Bad { host: peer.host(), stage, word, peer: Some(peer) }
    }
}

/// One of each kind.
fn bad(house: &House) -> Vec<Bad> {
    let tls = || house.leaf.server(rustls::ALL_VERSIONS);
    let refused = nobody_listens().to_string();
    let unknown = unsuccessful(Ca::named("Unknown CA").leaf().server(rustls::ALL_VERSIONS)).host();
    let expired = unsuccessful(house.ca.leaf_expired((2021, 11, 1)).server(rustls::ALL_VERSIONS)).host();
    vec![
        Bad { host: refused, stage: "connect", word: "refused", peer: None },
        Bad { host: unknown, stage: "handshake", word: "unknown CA", peer: None },
        Bad { host: expired, stage: "handshake", word: "expired", peer: None },
        Bad::peer("handshake", "plain SMTP", saying(b"220 plain.test ESMTP\r\n")),
        Bad::peer("handshake", "closed", saying(b"")),
        Bad::peer(
            "handshake",
            "reset",
            Peer::tcp(|mut tcp| {
                tcp.read_exact(&mut [0]).unwrap();
                reset(tcp);
            }),
        ),
        Bad::peer(
            "greeting",
            "554 5.3.2 not today",
            Peer::with(tls(), |mut link| {
                link.send(b"554 5.3.2 not today\r\n");
                link.until_closed();
            }),
        ),
        Bad::peer(
            "greeting",
            "(421 4.3.2 busy later)",
            Peer::with(tls(), |mut link| {
                link.send(b"421-4.3.2 busy\r\n421 later\r\n");
                link.until_closed();
            }),
        ),
        Bad::peer(
            "greeting",
            "closed",
            Peer::with(tls(), |mut link| {
                link.close_notify();
                link.fin();
                link.until_closed();
            }),
        ),
        Bad::peer("greeting", "reset", Peer::with(tls(), crate::support::peer::Link::reset)),
    ]
}

/// Says this without TLS and ends with FIN: unread octets would make an RST of it, which may overtake the words.
fn saying(words: &'static [u8]) -> Peer {
    Peer::tcp(move |mut tcp| {
        tcp.write_all(words).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        let _ = io::copy(&mut tcp, &mut io::sink());
    })
}

/// Goal: each kind of failure moves on; exactly one warning reports it; the client sees the good host's session only.
#[test]
fn every_kind_of_failure_moves_on_to_the_next_host_and_is_warned_about_once() {
    within(USUAL, || {
        let house = House::new();
        for bad in bad(&house) {
            let peer = good(&house.leaf);
            let ended = session(house.bridge(&bad.host).arg(peer.host()));
            let [passed, closed] = ended.log.lines().collect::<Vec<_>>()[..] else { panic!("{}", ended.log) };
            for word in [&format!("addr={}", bad.host), &format!("stage={}", bad.stage), bad.word] {
                assert!(passed.contains("passed ") && passed.contains(word), "no {word:?} in {}", ended.log);
            }
            assert!(closed.contains(&format!("addr={}", peer.addr)), "{}", ended.log);
            peer.done();
            let _ = bad.peer.map(Peer::done);
        }
    });
}

/// Goal: all of them in a row before a good one: the bridge does not give up early, and the order is kept.
#[test]
fn ten_bad_hosts_in_a_row_do_not_hide_the_good_one() {
    within(USUAL, || {
        let house = House::new();
        let (bad, peer) = (bad(&house), good(&house.leaf));
        let ended = session(house.bridge(&bad[0].host).args(bad[1..].iter().map(|bad| &bad.host)).arg(peer.host()));
        let passed: Vec<&str> = ended.log.lines().filter(|line| line.contains("passed ")).collect();
        assert_eq!(passed.len(), bad.len(), "{}", ended.log);
        for (line, bad) in passed.iter().zip(&bad) {
            assert!(line.contains(&format!("addr={}", bad.host)), "{line}");
        }
        assert!(ended.line().contains("end=close_notify"));
        peer.done();
    });
}

/// Goal: if no host gives a session, reply and line are the first host's, the others are counted and warned about,
/// and one temporary cause makes the end temporary.
#[test]
fn when_all_hosts_fail_the_first_ones_reason_is_told_and_the_others_are_counted() {
    within(USUAL, || {
        let house = House::new();
        let host = |name: &str| match name {
            "refused" => nobody_listens().to_string(),
            "expired" => unsuccessful(house.ca.leaf_expired((2021, 11, 1)).server(rustls::ALL_VERSIONS)).host(),
            "plain" => saying(b"220 plain.test ESMTP\r\n").host(),
            other => panic!("{other}"),
        };
        let table: [(&[&str], &str, i32); 6] = [
            (&["refused"], "4.4.1", 75),
            (&["refused", "expired"], "4.4.1", 75),
            (&["expired", "refused"], "4.7.5", 75),
            (&["expired", "plain"], "4.7.5", 69),
            (&["plain", "expired"], "4.7.5", 76),
            (&["plain", "expired", "refused"], "4.7.5", 75),
        ];
        for (names, status, code) in table {
            let hosts: Vec<String> = names.iter().map(|name| host(name)).collect();
            let refusal = refusal(house.bridge(&hosts[0]).args(&hosts[1..]));
            refusal.assert(status, code, &[&format!("addr={}", hosts[0])]);
            let warnings = refusal.log.lines().filter(|line| line.contains("passed ")).count();
            assert_eq!(warnings, hosts.len() - 1, "{refusal:#?}");
            let more = format!(" (+{} more)\r\n", hosts.len() - 1);
            assert_eq!(refusal.reply.ends_with(&more), hosts.len() > 1, "{refusal:#?}");
        }
    });
}

/// Goal: the count of the others, and the cure, survive a sentence that has to be cut.
#[test]
fn the_count_of_other_hosts_stands_behind_a_sentence_that_is_cut() {
    within(USUAL, || {
        let house = House::new();
        let label = "a".repeat(60);
        let names: Vec<String> = (0..9).map(|n| format!("{label}.{label}.{label}.n{n}.example")).collect();
        let leaf = house.ca.leaf_for(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let peer = unsuccessful(leaf.server(rustls::ALL_VERSIONS));
        let refusal = refusal(house.bridge(peer.host()).arg(nobody_listens().to_string()));
        refusal.assert("4.7.5", 75, &["certificate is for other names"]);
        let end = "...); give HOST by name, as an address has no SNI (+1 more)\r\n";
        assert!(refusal.reply.ends_with(end) && refusal.reply.len() == 200, "{refusal:#?}");
    });
}

/// Goal: what the client said before any greeting (it should not, some do) reaches the host that serves it, whole.
#[test]
fn promise_2_early_words_of_the_client_are_not_lost_in_a_fail_over() {
    within(USUAL, || {
        let house = House::new();
        let first = Peer::start(&house.leaf, |mut link| {
            link.say("554 no\r\n");
            link.rest().0
        });
        let second = Peer::start(&house.leaf, |mut link| {
            link.say(GREETING);
            link.expect("EHLO early\r\n");
            link.say("250 hello\r\n");
            link.close_notify();
        });
        let (bridge, mut stdin, mut stdout) = house.bridge(first.host()).arg(second.host()).pipes();
        stdin.write_all(b"EHLO early\r\n").unwrap();
        stdout.expect(GREETING);
        assert_eq!(stdout.rest(), b"250 hello\r\n");
        drop(stdin);
        assert_eq!(first.done(), b"QUIT\r\n", "promise 3: the first host heard the client");
        second.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: the same host twice is tried twice: a name may answer the second time.
#[test]
fn the_same_host_twice_is_tried_twice() {
    within(USUAL, || {
        let house = House::new();
        let tls = std::sync::Arc::new(house.leaf.server(rustls::ALL_VERSIONS));
        let peer = Peer::listener(move |listener| {
            drop(crate::support::peer::accept(listener));
            let mut link = crate::support::peer::Link::new(crate::support::peer::accept(listener), &tls);
            link.handshake();
            crate::support::outcome::serve(link);
        });
        session(house.bridge(peer.host()).arg(peer.host()));
        peer.done();
    });
}

/// Goal: a host that cannot be resolved is passed over like every other.
#[test]
fn a_host_that_has_no_address_of_the_family_is_passed_over() {
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let start: Start = house.bridge("[::1]:465").arg("-4").arg(peer.host());
        let ended = session(start);
        assert!(ended.log.contains("passed stage=resolve host=::1"), "{}", ended.log);
        peer.done();
    });
}

/// Goal: SIGTERM at the second host does not swallow what was wrong with the first.
#[test]
fn what_was_passed_over_is_told_also_when_sigterm_ends_the_search() {
    within(USUAL, || {
        let house = House::new();
        let (tell, connected) = std::sync::mpsc::channel();
        let peer = Peer::start(&house.leaf, move |mut link| {
            tell.send(()).unwrap();
            link.until_closed();
        });
        let nobody = nobody_listens().to_string();
        let (bridge, client) = house.bridge(&nobody).arg(peer.host()).socket();
        connected.recv().unwrap();
        bridge.signal(Signal::SIGTERM);
        let refusal = refused(bridge, client);
        refusal.assert("4.3.2", 75, &["failed stage=greeting"]);
        assert!(refusal.reply.ends_with(" (+1 more)\r\n"), "{refusal:?}");
        assert!(refusal.log.contains(&format!("passed stage=connect host=127.0.0.1 addr={nobody} ")), "{refusal:?}");
        peer.done();
    });
}
