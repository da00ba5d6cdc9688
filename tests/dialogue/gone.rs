//! Clients that are gone before, in the middle or at the end; clients that are none.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc::channel;

use crate::dialogue::{begin, millis, session, test, AT_ONCE, DATA, EHLO, MESSAGE, NOTHING};
use crate::support::bridge::{tcp_pair, House};
use crate::support::kernel::{fill, until_read};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{nobody_listens, reset, Link, Peer, Received};
use crate::support::syslog::Syslog;
use crate::support::talk::{Hear, Talk};

/// Goal: our send is blocked because the server does not read, and the client resets: it is noticed at once, and not 30 s or
/// hours later.
#[test]
fn a_client_that_resets_while_our_send_is_blocked_is_gone_at_once() {
    test(|| {
        let (tell, told) = channel::<()>();
        // It reads nothing until the bridge has ended.
        let session = session(1, DATA, move |link| {
            told.recv().unwrap();
            drop(link);
        });
        fill(&session.bridge, &session.client);
        let session = session.resets();
        // 5 s for a server that does not answer our end.
        session.syslog.line(" end=client_gone");
        tell.send(()).unwrap();
        session.ends("client_gone", 74);
    });
}

/// Goal: monitors and load balancers connect and go; they must not use up the provider's limits, nor fill a log with
/// warnings.
#[test]
fn a_client_that_is_gone_before_we_dial_costs_no_connection() {
    test(|| {
        for unix in [true, false] {
            let house = House::new();
            let syslog = Syslog::datagram(&house.dir);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let start = house.bridge(listener.local_addr().unwrap().to_string());
            let start = start.args(["--log", "syslog"]).syslog(&syslog.path);
            let theirs = if unix {
                let (client, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
                drop(client);
                OwnedFd::from(theirs)
            } else {
                let (client, theirs) = tcp_pair();
                drop(client);
                OwnedFd::from(theirs)
            };
            let ended = start.on(theirs.try_clone().unwrap(), theirs, Stdio::piped()).finish();
            assert_eq!(ended.code, 0, "{:?}", syslog.lines());
            let line = syslog.line(" end=local_eof");
            assert!(line.starts_with("<22>") && syslog.lines().len() == 1, "{:?}", syslog.lines());
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_err(), "the smarthost was dialled");
        }
    });
}

/// Goal: the same of a monitor that had no time for the greeting: it resets while we wait for it.
#[test]
fn a_client_that_resets_before_the_greeting_is_gone_with_0() {
    test(|| {
        let house = House::new();
        let (go, gone) = channel::<()>();
        let (tell, told) = channel();
        let peer = Peer::start(&house.leaf, move |mut link| {
            tell.send(()).unwrap();
            gone.recv().unwrap();
            link.say(GREETING);
            link.until_closed();
        });
        let (bridge, client) = house.bridge(peer.host()).socket();
        told.recv().unwrap();
        reset(client);
        go.send(()).unwrap();
        peer.done();
        bridge.finish().assert("client_gone", 0);
    });
}

/// Goal: one that has said something before its end is a client (`printf ... | nc`).
#[test]
fn a_client_that_said_something_before_its_end_has_its_session() {
    test(|| {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.say(GREETING);
            link.expect("QUIT\r\n");
            link.say("221 bye\r\n");
            link.close_notify();
        });
        let (mut client, theirs) = tcp_pair();
        client.say("QUIT\r\n");
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let start = house.bridge(peer.host());
        let bridge = start.on(OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs), Stdio::piped());
        client.expect(GREETING);
        assert_eq!(client.rest(), b"221 bye\r\n");
        drop(client);
        peer.done();
        assert_eq!(bridge.finish().code, 0);
    });
}

/// The smarthost of a client that speaks TLS: it hears nothing but the end.
fn hears_nothing(mut link: Link) {
    let (heard, end) = link.rest();
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!((heard.is_empty() || heard == "QUIT\r\n") && end == Received::CloseNotify, "{heard:?} {end:?}");
    link.close_notify();
}

/// Goal: promise 2. A mail program that is set to TLS sends its hello to us: not an octet of it reaches the provider, and
/// the log says what to do.
#[test]
fn promise_2_not_an_octet_of_a_client_that_speaks_tls_is_passed_on() {
    test(|| {
        for pieces in [&[&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..]][..], &[b"\x16", b"\x03\x01\x02\x00"]] {
            for early in [true, false] {
                let mut session = begin(|start| start.speed(10).socket(), NOTHING, hears_nothing);
                if !early {
                    session.expect(GREETING);
                }
                for piece in pieces {
                    session.client.write_all(piece).unwrap();
                    // The scenario: in two segments.
                    std::thread::sleep(millis(100));
                }
                let heard = String::from_utf8(session.client.rest()).unwrap();
                // Early words may be looked at before the greeting is passed on.
                assert!(heard.is_empty() || early && heard == GREETING, "{heard:?}");
                let line = session.ends("client_tls", 78).line;
                assert!(line.contains("on this machine, turn TLS off towards smtps-bridge"), "{line}");
            }
        }
    });
}

/// Goal: one octet decides nothing: what begins like a record but is not one goes up, both octets of it.
#[test]
fn a_first_octet_of_16_that_no_03_follows_is_passed_on() {
    test(|| {
        let mut session = session(1, NOTHING, |mut link| {
            link.expect("\x16\x04\r\n");
            link.say("500 what\r\n");
            link.close_notify();
        });
        session.say("\x16");
        std::thread::sleep(millis(100));
        session.say("\x04\r\n");
        session.expect_last("500 what\r\n");
        session.ends("close_notify", 0);
    });
}

/// Goal: only the first octets of a client are looked at.
#[test]
fn a_tls_record_later_in_the_session_is_text_like_any_other() {
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            link.expect("\x16\x03\x01\r\n");
            link.say("500 what\r\n");
            link.close_notify();
        });
        session.say("\x16\x03\x01\r\n");
        session.expect_last("500 what\r\n");
        session.ends("close_notify", 0);
    });
}

/// Goal: under `--no-reply` it may be any protocol, TLS in TLS included.
#[test]
fn under_no_reply_a_tls_record_passes() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.expect("\x16\x03\x01 hello");
            link.say("\x16\x03\x03 hello");
            link.close_notify();
        });
        let (bridge, mut client) = house.bridge(peer.host()).arg("--no-reply").socket();
        client.say("\x16\x03\x01 hello");
        client.expect("\x16\x03\x03 hello");
        assert!(client.rest().is_empty());
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: the log does not claim that a reply was read if it reached no one.
#[test]
fn reply_is_none_where_the_client_did_not_take_it() {
    within(USUAL, || {
        // A pipe that no one reads from any more.
        let house = House::new();
        let (input, _stays) = std::io::pipe().unwrap();
        let (output, theirs) = std::io::pipe().unwrap();
        drop(output);
        let ended = house.bridge(nobody_listens().to_string()).on(input, theirs, Stdio::piped()).finish();
        assert!(ended.code == 75 && ended.line().contains(" reply=none "), "{ended:?}");
        // One that is full.
        let (input, stays) = std::io::pipe().unwrap();
        let (output, theirs) = std::io::pipe().unwrap();
        let full = nix::fcntl::fcntl(&theirs, nix::fcntl::FcntlArg::F_GETPIPE_SZ).unwrap();
        theirs.try_clone().unwrap().write_all(&vec![b'.'; usize::try_from(full).unwrap()]).unwrap();
        let bridge = house.bridge(nobody_listens().to_string()).on(input, theirs, Stdio::piped());
        bridge.until_log("failed ");
        drop(stays);
        let ended = bridge.finish();
        assert!(ended.code == 75 && ended.line().contains(" reply=none "), "{ended:?}");
        drop(output);
    });
}

/// Goal: the same for a client that reset the connection while we dialled.
#[test]
fn reply_is_none_where_the_client_has_reset() {
    within(USUAL, || {
        let house = House::new();
        let (go, gone) = channel::<()>();
        let (tell, told) = channel();
        let peer = Peer::tcp(move |tcp| {
            tell.send(()).unwrap();
            gone.recv().unwrap();
            reset(tcp);
        });
        let (bridge, client) = house.bridge(peer.host()).socket();
        told.recv().unwrap();
        reset(client);
        go.send(()).unwrap();
        peer.done();
        let ended = bridge.finish();
        assert!(ended.code == 75 && ended.line().contains(" reply=none "), "{ended:?}");
    });
}

/// Goal: a superserver that hands us the listener itself has no client, so it is not worth 5 s of tries.
#[test]
fn a_listening_socket_is_told_at_once() {
    within(USUAL, || {
        let house = House::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, two) = (listener.try_clone().unwrap(), listener);
        let bridge =
            house.bridge(nobody_listens().to_string()).on(OwnedFd::from(one), OwnedFd::from(two), Stdio::piped());
        let ended = bridge.finish_within(AT_ONCE);
        assert_eq!(ended.code, 78, "{}", ended.log);
        assert!(ended.line().contains(" reply=none ") && ended.line().contains("Accept=yes"), "{}", ended.log);
    });
}

/// Goal: a message that was sent whole is a loss if its answer never came, also when the client went by RST.
#[test]
fn a_client_that_resets_behind_its_message_is_worth_a_warning() {
    test(|| {
        let mut session = session(1, DATA, |mut link| {
            link.expect(MESSAGE);
            link.expect_end();
        });
        session.say(MESSAGE);
        // A reset may overtake what the bridge has not read yet.
        until_read(&session.client);
        session.resets().ends("client_gone", 74);
    });
}
