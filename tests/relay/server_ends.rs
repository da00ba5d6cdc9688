//! The server ends the session, as TLS and TCP see it; what its replies make of an end is in dialogue/ends.

use std::io::Write;
use std::net::Shutdown;

use crate::hostile::{cases, Group};
use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::{Ended, House};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{Link, Peer, Received};
use crate::support::talk::{Hear, Talk};

/// A session in which the server says `last` and then ends by `end`; the client must read all of it and a FIN.
fn ends(last: &'static str, end: impl FnOnce(Link) + Send + 'static) -> Ended {
    let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
        assert_eq!(link.line(), "NOOP\r\n");
        link.send(last.as_bytes());
        end(link);
    });
    client.say("NOOP\r\n");
    assert_eq!(String::from_utf8_lossy(&client.rest()), last);
    drop(client);
    peer.done();
    let ended = bridge.finish();
    // A clean end does not count as a hostile case.
    cases(Group::TlsServers, usize::from(ended.code != 0));
    ended
}

/// Goal: the orderly end.
#[test]
fn close_notify_is_a_clean_end() {
    within(USUAL, || {
        let ended = ends("221 bye\r\n", |mut link| {
            link.close_notify();
            // Our side answers with close_notify and FIN, in this order.
            assert_eq!(link.rest().1, Received::CloseNotify);
            link.until_closed();
        });
        ended.assert("close_notify", 0);
    });
}

/// Goal: what stands behind close_notify, in the same segment even, is dropped and does no harm (it would spin a loop
/// that waits for read_tls to take it).
#[test]
fn garbage_behind_close_notify_in_the_same_segment_is_dropped() {
    within(USUAL, || {
        let ended = ends("221 bye\r\n", |mut link| {
            let mut segment = link.records(b"");
            segment.extend(link.close_notify_record());
            segment.extend(noise(5000, 9));
            link.raw(&segment);
            link.until_closed();
        });
        ended.assert("close_notify", 0);
        cases(Group::TlsServers, 1);
    });
}

/// Goal: a bug that was: behind our close_notify a server's bad record was answered by an alert, which must not be sent
/// then (RFC 8446 section 6.1).
#[test]
fn a_bad_record_behind_our_close_notify_is_told_and_not_answered() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let end = link.rest().1;
            link.tcp.write_all(b"\x17\x03\x03\x00\x14no record of anybody").unwrap();
            (end, link.tcp.rest())
        });
        client.shutdown(Shutdown::Write).unwrap();
        assert!(client.rest().is_empty());
        assert_eq!(peer.done(), (Received::CloseNotify, Vec::new()));
        drop(client);
        // Both ended: the client first, with nothing owed.
        let ended = bridge.finish();
        assert!(["end=local_eof", "end=bad_record"].iter().any(|end| ended.line().contains(end)), "{}", ended.log);
    });
}

/// Goal: data, close_notify and FIN in one segment: all data is delivered.
#[test]
fn data_and_close_notify_and_fin_in_one_segment_deliver_the_data() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let mut segment = link.records(&noise(10_000, 4));
            segment.extend(link.close_notify_record());
            link.raw(&segment);
            link.fin();
            link.until_closed();
        });
        assert_eq!(client.rest(), noise(10_000, 4));
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: a fatal alert ends the session after what came before it, by FIN.
#[test]
fn a_fatal_alert_is_told_apart_and_what_came_before_it_is_delivered() {
    within(USUAL, || {
        let ended = ends("250 ok\r\n", |mut link| {
            // The server is fed nonsense, and answers with the alert that this deserves.
            link.tls.read_tls(&mut &b"\x17\x03\x03\x00\x20................................"[..]).unwrap();
            link.tls.process_new_packets().unwrap_err();
            let alert = link.pending();
            assert!(!alert.is_empty());
            link.raw(&alert);
            link.until_closed();
        });
        ended.assert("alert", 76);
        assert!(ended.line().contains("reason="), "{}", ended.log);
    });
}

/// Goal: a record that is not authentic ends the session after what was authenticated, by FIN, also while the
/// client sends.
#[test]
fn a_bad_record_is_told_apart_and_what_came_before_it_is_delivered() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let mut segment = link.records(b"250 ok\r\n");
            segment.extend(b"\x17\x03\x03\x00\x20................................");
            link.raw(&segment);
            // The alert about it reaches the server, which then knows why.
            let mut waste = vec![0; 4096];
            while !matches!(link.feed(), Ok(false) | Err(_)) {
                let _ = std::io::Read::read(&mut link.tls.reader(), &mut waste);
            }
        });
        client.say("NOOP\r\nNOOP\r\n");
        assert_eq!(client.rest(), b"250 ok\r\n");
        drop(client);
        peer.done();
        bridge.finish().assert("bad_record", 76);
        cases(Group::TlsServers, 1);
    });
}

#[test]
fn a_reset_by_the_server_is_told_apart_and_ends_in_fin_for_the_client() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            link.send(b"250 ok\r\n");
            assert_eq!(link.line(), "seen\r\n");
            link.reset();
        });
        assert_eq!(client.line(), "250 ok\r\n");
        client.say("seen\r\n");
        assert!(client.rest().is_empty());
        drop(client);
        peer.done();
        bridge.finish().assert("reset", 74);
        cases(Group::TlsServers, 1);
    });
}

/// Goal: the same ends through two pipes, where there is no FIN but the end of a pipe.
#[test]
fn a_clean_end_through_two_pipes_ends_the_pipe() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            assert_eq!(link.line(), "QUIT\r\n");
            link.send(b"221 bye\r\n");
            link.close_notify();
            link.rest().1
        });
        let (bridge, mut input, mut output) = house.bridge(peer.host()).pipes();
        assert_eq!(output.line(), GREETING);
        input.write_all(b"QUIT\r\n").unwrap();
        assert_eq!(output.rest(), b"221 bye\r\n");
        drop(input);
        assert_eq!(peer.done(), Received::CloseNotify);
        bridge.finish().assert("close_notify", 0);
    });
}
