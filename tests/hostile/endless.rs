//! Servers that never come to an end: silence, drips and floods at every stage. The deadline ends what has not greeted,
//! the idle clock ends a session: nothing but the octets of a reply feeds that one.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::hostile::{
    cases, costs_little, message, no_session, Group, APPLICATION_DATA, GOOD_TICKET, HANDSHAKE, TICKET,
};
use crate::support::bridge::House;
use crate::support::forge::{forging, record, unchanged};
use crate::support::limit::{within, without_hooks};
use crate::support::outcome::GREETING;
use crate::support::peer::{reset, Link, Peer, TLS_1_3};
use crate::support::talk::Hear;

/// Seconds of the bridge's clocks that are one here, before the greeting and behind it.
const SETUP_SPEED: u32 = 20;
const SESSION_SPEED: u32 = 500;

/// A dozen waits for the end of a clock, one behind the other: 20 s, and other tests run at the same time.
const LIMIT: Duration = Duration::from_secs(120);

/// 16 KiB of a record, whose content never comes.
const HEADER: &[u8] = &[APPLICATION_DATA, 3, 3, 0x40, 0];

type Script = fn(&mut Link);

/// The server's answer to our hello.
fn answer(link: &mut Link) -> Vec<u8> {
    while !link.tls.wants_write() {
        link.feed().unwrap();
    }
    link.pending()
}

/// Octet by octet, until the bridge is gone.
fn drip(link: &mut Link, octets: impl IntoIterator<Item = u8>) {
    for octet in octets {
        if link.tcp.write_all(&[octet]).is_err() {
            return;
        }
        // The pace of the server, not a wait for anything.
        thread::sleep(Duration::from_millis(5));
    }
}

fn drip_a_record(link: &mut Link) {
    drip(link, HEADER.iter().copied().chain(std::iter::repeat(0)));
}

fn drip_behind_close_notify(link: &mut Link) {
    link.close_notify();
    drip_a_record(link);
}

/// Over and over, until the bridge is gone.
fn flood(link: &mut Link, records: impl Fn(&mut Link) -> Vec<u8>) {
    loop {
        let much: Vec<u8> = (0..200).flat_map(|_| records(link)).collect();
        if link.tcp.write_all(&much).is_err() {
            return;
        }
    }
}

fn tickets(link: &mut Link) {
    flood(link, |link| record(link, HANDSHAKE, &message(TICKET, &GOOD_TICKET)));
}

/// Each of the two is limited in a row, and ends the row of the other.
fn key_updates_and_empty_records(link: &mut Link) {
    flood(link, |link| {
        link.tls.refresh_traffic_keys().unwrap();
        [link.pending(), record(link, APPLICATION_DATA, &[])].concat()
    });
}

fn tickets_and_empty_records(link: &mut Link) {
    flood(link, |link| {
        let empty: Vec<u8> = (0..30).flat_map(|_| record(link, APPLICATION_DATA, &[])).collect();
        [empty, record(link, HANDSHAKE, &message(TICKET, &GOOD_TICKET))].concat()
    });
}

fn silence(_: &mut Link) {}

/// Goal: promise 4. Whatever a server does instead of a greeting, and however long it does it, the deadline ends it.
#[test]
fn promise_4_before_the_greeting_the_deadline_ends_what_never_ends() {
    if without_hooks() {
        return;
    }
    let table: [(&str, &str, Script); 13] = [
        ("half a header and silence", "handshake", |link| link.raw(&[HANDSHAKE, 3])),
        ("half a ServerHello and silence", "handshake", |link| {
            let flight = answer(link);
            link.raw(&flight[..60]);
        }),
        ("a ServerHello and silence", "handshake", |link| {
            let flight = answer(link);
            let hello = 5 + usize::from(u16::from_be_bytes([flight[3], flight[4]]));
            link.raw(&flight[..hello]);
        }),
        ("all but the last octet and silence", "handshake", |link| {
            let flight = answer(link);
            link.raw(&flight[..flight.len() - 1]);
        }),
        ("a good flight, an octet a time", "handshake", |link| {
            let flight = answer(link);
            drip(link, flight);
        }),
        ("a Certificate, an octet a time", "handshake", |link| {
            let flight = answer(link);
            let (hello, rest) = flight.split_at(130);
            link.raw(hello);
            drip(link, rest.to_vec());
        }),
        ("records of one octet", "handshake", |link| {
            // The first of a message of 60 KiB.
            let mut octets = [2, 0, 0xf0, 0].into_iter().chain(std::iter::repeat(0));
            drip(link, std::iter::from_fn(move || Some([HANDSHAKE, 3, 3, 0, 1, octets.next()?])).flatten());
        }),
        ("silence", "greeting", |link| link.handshake()),
        ("half a record and silence", "greeting", |link| {
            link.handshake();
            let greeting = link.records(GREETING.as_bytes());
            link.raw(&greeting[..greeting.len() - 1]);
        }),
        ("a record, an octet a time", "greeting", |link| {
            link.handshake();
            drip_a_record(link);
        }),
        ("tickets", "greeting", |link| {
            link.handshake();
            tickets(link);
        }),
        ("KeyUpdates and empty records", "greeting", |link| {
            link.handshake();
            key_updates_and_empty_records(link);
        }),
        ("tickets and empty records", "greeting", |link| {
            link.handshake();
            tickets_and_empty_records(link);
        }),
    ];
    within(LIMIT, move || {
        let house = House::new();
        for (what, stage, script) in table {
            let server = || {
                Peer::before_handshake(forging(&house.leaf, TLS_1_3, unchanged), move |mut link| {
                    script(&mut link);
                    link.until_closed();
                })
            };
            let start = |host| house.bridge(host).speed(SETUP_SPEED).args(["--setup-timeout", "30"]);
            let (refusal, ()) = no_session(server, start);
            assert!(refusal.line.contains(&format!("stage={stage} ")), "{what}: {refusal:#?}");
            refusal.assert("4.4.2", 75, &[" within "]);
            assert_eq!(refusal.log.lines().count(), 1, "{what}: {refusal:#?}");
            cases(Group::TlsServers, 1);
        }
    });
}

/// Who ends the session that the server does not end.
#[derive(Clone, Copy, Debug)]
enum Who {
    Nobody,
    /// Half-closes, and reads.
    Client,
    Sigterm,
}

/// Goal: promises 4 and 5. In mid-session it is the idle clock that ends it; behind the client's end its own clock;
/// and a SIGTERM is heard in the middle of a flood.
#[test]
fn promise_4_in_mid_session_no_flood_without_data_feeds_a_clock() {
    if without_hooks() {
        return;
    }
    let table: [(&str, Script, Who, &str, i32); 12] = [
        ("a record, an octet a time", drip_a_record, Who::Nobody, "idle", 74),
        ("tickets", tickets, Who::Nobody, "idle", 74),
        ("KeyUpdates and empty records", key_updates_and_empty_records, Who::Nobody, "idle", 74),
        ("tickets and empty records", tickets_and_empty_records, Who::Nobody, "idle", 74),
        ("an octet a time, behind close_notify", drip_behind_close_notify, Who::Nobody, "close_notify", 0),
        ("silence", silence, Who::Client, "local_eof", 0),
        ("a record, an octet a time", drip_a_record, Who::Client, "local_eof", 0),
        ("tickets", tickets, Who::Client, "local_eof", 0),
        ("tickets and empty records", tickets_and_empty_records, Who::Client, "local_eof", 0),
        ("a record, an octet a time", drip_a_record, Who::Sigterm, "terminated", 75),
        ("tickets", tickets, Who::Sigterm, "terminated", 75),
        ("KeyUpdates and empty records", key_updates_and_empty_records, Who::Sigterm, "terminated", 75),
    ];
    within(LIMIT, move || {
        let house = House::new();
        for (what, script, who, end, code) in table {
            let peer = Peer::with(forging(&house.leaf, TLS_1_3, unchanged), move |mut link| {
                link.send(GREETING.as_bytes());
                script(&mut link);
                link.until_closed();
            });
            let start = house.bridge(peer.host()).args(["--setup-timeout", "3600"]);
            let start = match who {
                Who::Nobody => start.args(["--idle-timeout", "660"]).speed(SESSION_SPEED),
                Who::Client => start.args(["--idle-timeout", "0"]).speed(SESSION_SPEED),
                Who::Sigterm => start,
            };
            let (bridge, mut client) = costs_little(start).socket();
            assert_eq!(client.line(), GREETING, "{what}, {who:?}: {}", bridge.log());
            match who {
                Who::Nobody => {}
                Who::Client => client.shutdown(Shutdown::Write).unwrap(),
                Who::Sigterm => bridge.signal(Signal::SIGTERM),
            }
            assert_eq!(client.rest(), b"", "{what}, {who:?}");
            drop(client);
            let ended = bridge.finish();
            ended.assert(end, code);
            assert_eq!(ended.log.lines().count(), 1, "{what}, {who:?}: {}", ended.log);
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}

/// What the bridge's client does while the server sends lines without an end.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// Reads nothing.
    Asleep,
    /// Has said that it is done, and reads nothing.
    HalfClosed,
    Gone,
}

/// Goal: promises 2 and 4. A flood of data that no one reads ends by the same clocks, and what the client finds later in
/// its socket is the server's and nothing else.
#[test]
fn promise_4_a_flood_of_data_that_nobody_reads_ends_with_the_clocks() {
    if without_hooks() {
        return;
    }
    const LINE: &[u8] = b"250-more\r\n";
    within(LIMIT, || {
        let house = House::new();
        for (reader, end) in
            [(Reader::Asleep, "idle"), (Reader::HalfClosed, "local_eof"), (Reader::Gone, "client_gone")]
        {
            let peer = Peer::with(house.leaf.server(TLS_1_3), |mut link| {
                link.send(GREETING.as_bytes());
                // The kernel may keep what the bridge left behind for a minute, full, and answer nothing better.
                link.tcp.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
                flood(&mut link, |link| link.records(LINE));
                link.until_closed();
            });
            let start = house.bridge(peer.host()).args(["--setup-timeout", "3600", "--idle-timeout", "660"]);
            let (bridge, mut client) = costs_little(start).speed(SESSION_SPEED).socket();
            assert_eq!(client.line(), GREETING, "{reader:?}: {}", bridge.log());
            let client = match reader {
                Reader::Asleep => Some(client),
                Reader::HalfClosed => {
                    client.shutdown(Shutdown::Write).unwrap();
                    Some(client)
                }
                Reader::Gone => {
                    reset(client);
                    None
                }
            };
            let ended = bridge.finish();
            // No one asked for these lines, so it is unknown whether something was owed.
            let line = ended.line();
            assert!(line.contains(&format!(" end={end}")) && [0, 74].contains(&ended.code), "{reader:?}: {ended:?}");
            assert_eq!(ended.log.lines().count(), 1, "{reader:?}: {}", ended.log);
            if let Some(mut client) = client {
                let heard = client.rest();
                let lines = LINE.repeat(heard.len() / LINE.len() + 1);
                assert!(!heard.is_empty() && lines.starts_with(&heard), "{reader:?}: {} octets", heard.len());
            }
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}
