//! SIGTERM, SIGPIPE, and signals that interrupt system calls.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::House;
use crate::support::kernel::{full_queue, until_asleep, until_blocked, until_stopped};
use crate::support::limit::{within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{Peer, Received};
use crate::support::talk::Hear;

/// Goal: a session that gets SIGTERM ends cleanly on both sides, and nothing is added to it.
#[test]
fn sigterm_in_a_session_closes_both_sides_in_order() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            link.send(b"250 o");
            let end = link.rest().1;
            link.until_closed();
            end
        });
        assert_eq!(client.exactly(5), b"250 o");
        bridge.signal(Signal::SIGTERM);
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(peer.done(), Received::CloseNotify);
        bridge.finish().assert("terminated", 75);
    });
}

/// Goal: before the first byte the client reads why.
#[test]
fn sigterm_before_the_greeting_is_a_421() {
    within(USUAL, || {
        let house = House::new();
        let (tell, connected) = std::sync::mpsc::channel();
        let peer = Peer::start(&house.leaf, move |mut link| {
            tell.send(()).unwrap();
            link.until_closed();
        });
        let (bridge, mut client) = house.bridge(peer.host()).socket();
        connected.recv().unwrap();
        bridge.signal(Signal::SIGTERM);
        let reply = String::from_utf8(client.rest()).unwrap();
        assert!(reply.starts_with("421 4.3.2 127.0.0.1: ") && reply.ends_with("\r\n"), "{reply}");
        drop(client);
        peer.done();
        let ended = bridge.finish();
        assert_eq!(ended.code, 75, "{}", ended.log);
        assert!(ended.line().contains("reply=\"421 4.3.2\""), "{}", ended.log);
    });
}

/// Goal: promise 2. SIGTERM and the greeting at the same moment: the client reads one or the other, never both,
/// because one of them claimed the first byte.
#[test]
fn promise_2_sigterm_and_the_greeting_never_mix() {
    within(2 * USUAL, || {
        let house = House::new();
        for round in 0..60 {
            let (go, gone) = std::sync::mpsc::channel::<()>();
            let (tell, ready) = std::sync::mpsc::channel();
            let peer = Peer::start(&house.leaf, move |mut link| {
                tell.send(()).unwrap();
                gone.recv().unwrap();
                let _ = link.try_send(GREETING.as_bytes());
                link.until_closed();
            });
            let (bridge, mut client) = house.bridge(peer.host()).socket();
            ready.recv().unwrap();
            // The scenario: now the one is first, now the other, from far apart to at once.
            let apart = Duration::from_micros(600 - round * 10);
            if round % 2 == 0 {
                bridge.signal(Signal::SIGTERM);
                thread::sleep(apart);
                go.send(()).unwrap();
            } else {
                go.send(()).unwrap();
                thread::sleep(apart);
                bridge.signal(Signal::SIGTERM);
            }
            let heard = String::from_utf8(client.rest()).unwrap();
            let reply = heard.starts_with("421 4.3.2 ") && heard.matches('\n').count() == 1;
            assert!(reply || heard == GREETING, "{heard:?}");
            drop(client);
            peer.done();
            let ended = bridge.finish();
            assert_eq!(ended.code, 75, "{}", ended.log);
            assert!(
                ended.line().contains(if reply { "reply=\"421 4.3.2\"" } else { "end=terminated" }),
                "{}",
                ended.log
            );
        }
    });
}

/// Goal: the relay has claimed the first byte and could not write it yet (the pipe is full). SIGTERM must not leave the client
/// with neither a greeting nor a 421.
#[test]
fn promise_2_sigterm_before_the_greeting_is_written_still_delivers_it() {
    within(USUAL, || {
        let house = House::new();
        let (tell, ended) = std::sync::mpsc::channel();
        let peer = Peer::start(&house.leaf, move |mut link| {
            link.send(GREETING.as_bytes());
            let end = link.rest().1;
            link.until_closed();
            tell.send(end).unwrap();
        });
        let (mut output, theirs) = std::io::pipe().unwrap();
        let (input, stays) = std::io::pipe().unwrap();
        let full = nix::fcntl::fcntl(&theirs, nix::fcntl::FcntlArg::F_GETPIPE_SZ).unwrap();
        let full = usize::try_from(full).unwrap();
        theirs.try_clone().unwrap().write_all(&vec![b'.'; full]).unwrap();
        let bridge = house.bridge(peer.host()).on(input, theirs, std::process::Stdio::piped());
        until_stopped(&bridge, "down", "pipe");
        bridge.signal(Signal::SIGTERM);
        // Closing the connection to the server is the first step of its end.
        assert_eq!(ended.recv().unwrap(), Received::CloseNotify);
        until_asleep(&bridge);
        output.exactly(full);
        assert_eq!(String::from_utf8(output.rest()).unwrap(), GREETING);
        drop(stays);
        peer.done();
        bridge.finish().assert("terminated", 75);
    });
}

/// Goal: SIGTERM in the middle of a connect that gets no answer.
#[test]
fn sigterm_while_connecting_is_a_421() {
    within(USUAL, || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let _queue = full_queue(&listener);
        let addr = listener.local_addr().unwrap();
        let house = House::new();
        let (bridge, mut client) = house.bridge(addr.to_string()).arg("-v").socket();
        bridge.until_log("resolved host=");
        bridge.signal(Signal::SIGTERM);
        let reply = String::from_utf8(client.rest()).unwrap();
        assert!(reply.starts_with("421 4.3.2 127.0.0.1: "), "{reply}");
        drop(client);
        let ended = bridge.finish();
        assert_eq!(ended.code, 75, "{}", ended.log);
    });
}

/// Goal: SIGTERM while the client does not read ends the process all the same, within seconds.
#[test]
fn sigterm_while_the_client_does_not_read_ends_the_process_within_seconds() {
    within(USUAL, || {
        let (bridge, client, peer) = greeted(unchanged, |mut link| while link.try_send(&noise(100_000, 1)).is_ok() {});
        until_blocked(&bridge, "down", peer.addr);
        bridge.signal(Signal::SIGTERM);
        // 5 s for the drain. `finish` waits less than the 30 s that are our next longer clock.
        bridge.finish().assert("terminated", 75);
        drop(client);
        peer.done();
    });
}

/// Goal: whether SIGPIPE is ignored or not when we start, a client that is gone is an exit code.
#[test]
fn the_state_of_sigpipe_that_we_inherit_does_not_matter() {
    within(USUAL, || {
        for before in ["", "trap '' PIPE;"] {
            let house = House::new();
            let peer = Peer::start(&house.leaf, |mut link| {
                link.send(GREETING.as_bytes());
                assert_eq!(link.line(), "NOOP\r\n");
                link.send(&noise(100_000, 1));
                link.rest().1
            });
            let (bridge, mut input, mut output) = house.bridge(peer.host()).under_shell(before, "").pipes();
            assert_eq!(output.line(), GREETING);
            drop(output);
            input.write_all(b"NOOP\r\n").unwrap();
            bridge.finish().assert("client_gone", 74);
            assert_eq!(peer.done(), Received::CloseNotify);
            drop(input);
        }
    });
}

/// Goal: stopped and continued all the time (a debugger, a job control shell), no system call gives up.
#[test]
fn a_storm_of_interruptions_costs_no_byte() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let up = link.take(8 << 20);
            link.send(&noise(8 << 20, 2));
            link.close_notify();
            up
        });
        let pid = nix::unistd::Pid::from_raw(bridge.pid().cast_signed());
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let storm = thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_micros(300)).is_err() {
                let _ = nix::sys::signal::kill(pid, Signal::SIGSTOP);
                let _ = nix::sys::signal::kill(pid, Signal::SIGCONT);
            }
        });
        let mut writer = client.try_clone().unwrap();
        let writing = thread::spawn(move || writer.write_all(&noise(8 << 20, 1)));
        let down = client.rest();
        writing.join().unwrap().unwrap();
        stop.send(()).unwrap();
        storm.join().unwrap();
        assert!(down == noise(8 << 20, 2), "{} octets", down.len());
        assert!(peer.done() == noise(8 << 20, 1));
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}
