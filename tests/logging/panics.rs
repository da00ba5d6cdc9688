//! A bug of ours, forced at every stage, with the client's socket on 0, 1 and 2.

use nix::sys::signal::Signal;

use crate::support::bridge::House;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::mail;
use crate::support::outcome::GREETING;
use crate::support::peer::Peer;
use crate::support::syslog::Syslog;
use crate::support::talk::Hear;

/// A panic when `stage` is entered: what the client reads (at the close: what it reads after the session), one line in syslog and exit 70.
fn panics(stage: &'static str) -> String {
    let house = House::new();
    let syslog = Syslog::datagram(&house.dir);
    // Its end is not waited for: some panics come before there is a connection.
    let peer = Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), |mut link| {
        if link.try_handshake().is_ok() {
            let _ = link.try_send(GREETING.as_bytes());
            let _ = link.try_send(b"250 after the panic\r\n");
            link.until_closed();
        }
    });
    let (bridge, mut client) = house.bridge(peer.host()).panic(stage).syslog(&syslog.path).inetd();
    if stage == "close" {
        // Both lines first: SIGTERM would be free to come before the second one.
        assert_eq!([client.line(), client.line()], [GREETING, "250 after the panic\r\n"]);
        bridge.signal(Signal::SIGTERM);
    }
    let heard = String::from_utf8(client.rest()).unwrap();
    drop(client);
    assert_eq!(bridge.finish().code, 70);
    let line = syslog.line("forced by a test");
    // Facility mail (2), severity err (3); the message had a line feed in it.
    assert!(line.starts_with("<19>smtps-bridge[") && !line.contains('\n'), "{line:?}");
    assert!(line.contains(&format!("forced by a test at {stage}")), "{line}");
    assert_eq!(syslog.lines().len(), 1, "{:?}", syslog.lines());
    heard
}

/// Before the first byte the client reads one 421, and not a word of the panic.
fn panics_before_the_session(stage: &'static str) {
    let heard = panics(stage);
    assert!(heard.starts_with("421 4.3.0 ") && heard.ends_with("\r\n") && heard.matches('\n').count() == 1, "{heard}");
    assert!(!heard.contains("forced") && !heard.contains("panic") && !heard.contains("src/"), "{heard}");
}

#[test]
fn promise_6_a_panic_at_arguments_is_a_421_and_a_line() {
    if !without_hooks() {
        within(USUAL, || panics_before_the_session("arguments"));
    }
}

#[test]
fn promise_6_a_panic_at_resolve_is_a_421_and_a_line() {
    if !without_hooks() {
        within(USUAL, || panics_before_the_session("resolve"));
    }
}

#[test]
fn promise_6_a_panic_at_connect_is_a_421_and_a_line() {
    if !without_hooks() {
        within(USUAL, || panics_before_the_session("connect"));
    }
}

#[test]
fn promise_6_a_panic_at_handshake_is_a_421_and_a_line() {
    if !without_hooks() {
        within(USUAL, || panics_before_the_session("handshake"));
    }
}

#[test]
fn promise_6_a_panic_at_greeting_is_a_421_and_a_line() {
    if !without_hooks() {
        within(USUAL, || panics_before_the_session("greeting"));
    }
}

/// Goal: after the first byte nothing of ours follows, whatever happens.
#[test]
fn promise_6_a_panic_in_a_relay_thread_adds_nothing_to_the_stream() {
    if !without_hooks() {
        within(USUAL, || {
            let heard = panics("relay");
            assert!(heard == GREETING || heard == format!("{GREETING}250 after the panic\r\n"), "{heard}");
        });
    }
}

#[test]
fn promise_6_a_panic_at_the_close_adds_nothing_to_the_stream() {
    if !without_hooks() {
        within(USUAL, || assert_eq!(panics("close"), ""));
    }
}

/// Goal: a panic without a syslogd, with a client that does not read and no stderr: exit 70 all the same, at once.
#[test]
fn a_panic_without_syslogd_is_still_exit_70() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let absent = house.dir.path("log");
        let (bridge, mut client) = house.bridge("127.0.0.1:1").panic("connect").syslog(&absent).inetd();
        assert!(String::from_utf8(client.rest()).unwrap().starts_with("421 4.3.0 "));
        assert_eq!(bridge.finish().code, 70);
    });
}

/// Goal: with `--no-reply` a panic says nothing to the client either.
#[test]
fn a_panic_under_no_reply_leaves_the_stream_empty() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let syslog = Syslog::datagram(&house.dir);
        let start = house.bridge("127.0.0.1:1").arg("--no-reply").panic("connect").syslog(&syslog.path);
        let (bridge, mut client) = start.inetd();
        assert!(client.rest().is_empty());
        assert_eq!(bridge.finish().code, 70);
        syslog.line("forced by a test");
    });
}

/// Goal: what cannot be caught ends in SIGABRT, with nothing in the stream.
fn aborts(what: &'static str) {
    let house = House::new();
    let peer = Peer::start(&house.leaf, |mut link| link.until_closed());
    let absent = house.dir.path("log");
    let start = house.bridge(peer.host()).env("SMTPS_BRIDGE_TEST_ABORT", what).syslog(&absent);
    let (bridge, mut client) = start.inetd();
    let mut heard = Vec::new();
    let _ = std::io::Read::read_to_end(&mut client, &mut heard);
    assert!(heard.is_empty(), "{:?}", String::from_utf8_lossy(&heard));
    assert_eq!(bridge.finish_by_signal().0, Some(Signal::SIGABRT as i32));
    peer.done();
}

#[test]
fn a_failure_to_allocate_is_sigabrt_with_a_clean_stream() {
    if !without_hooks() {
        within(USUAL, || aborts("alloc"));
    }
}

#[test]
fn a_stack_overflow_is_sigabrt_with_a_clean_stream() {
    if !without_hooks() {
        within(USUAL, || aborts("stack"));
    }
}

/// Goal: promise 6. `-v`, a warning about the certificate and an explicit `--log stderr`: with the client's socket on 2
/// nothing of it reaches the client.
#[test]
fn promise_6_the_most_talkative_session_leaves_the_stream_clean() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_with(&crate::support::ca::LOCAL_NAMES, super::lines::nearly_expired);
        let smarthost = mail::smarthost(&leaf);
        let (bridge, mut client) = house.bridge(smarthost.host()).args(["-v", "--log", "stderr"]).inetd();
        mail::submit(&mut client.try_clone().unwrap(), &mut client);
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(bridge.finish().code, 0);
        mail::assert_arrived(&smarthost, 1);
    });
}

/// Goal: and neither does anything when RUST_BACKTRACE or a library's switch asks for more.
#[test]
fn promise_6_no_environment_variable_makes_a_library_talk() {
    within(USUAL, || {
        let house = House::new();
        let keys = house.dir.path("keys");
        let smarthost = mail::smarthost(&house.leaf);
        let start = house.bridge(smarthost.host());
        let start = start.env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace").env("SSLKEYLOGFILE", &keys);
        let (bridge, mut client) = start.inetd();
        mail::submit(&mut client.try_clone().unwrap(), &mut client);
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(bridge.finish().code, 0);
        assert!(!keys.exists(), "the session's keys were written down");
    });
}
