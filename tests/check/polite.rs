//! What a look at a server may not do: send a credential or a MAIL command, speak first, write to the log.

use std::fs;

use super::{good, polite, report, smarthost, EHLO};
use crate::support::bridge::House;
use crate::support::limit::{within, without_hooks, without_root, USUAL};
use crate::support::peer::{Peer, TLS_1_3};
use crate::support::smarthost::{Settings, Smarthost};
use crate::support::syslog::Syslog;

/// Goal: a server that demands AUTH is looked at and left alone.
#[test]
fn never_a_credential_and_never_mail() {
    within(USUAL, || {
        let house = House::new();
        let server = Smarthost::start(Settings::new(house.leaf.server(TLS_1_3))).unwrap();
        report(house.bridge(server.host())).assert(0, &["AUTH PLAIN LOGIN", "QUIT 221 2.0.0 Bye"]);
        assert!(server.inbox().is_empty());
        assert_eq!(server.sessions(), 1);
        // To the letter, with every option that a session may have.
        let peer = good(&house);
        let start = house.bridge(peer.host()).args(["--crlf", "--idle-timeout", "0", "--log", "stderr", "-v"]);
        report(start).assert(0, &["result fine"]);
        assert_eq!(peer.done(), polite());
    });
}

/// Goal: servers punish early talkers: nothing is said before the whole greeting is there.
#[test]
fn the_greeting_is_awaited_to_its_last_line() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"220-one\r\n");
            link.send(b"220-two\r\n220 thr");
            link.tcp.set_nonblocking(true).unwrap();
            let early = link.tcp.peek(&mut [0]).is_ok();
            link.tcp.set_nonblocking(false).unwrap();
            link.send(b"ee\r\n");
            link.line();
            link.send(EHLO.as_bytes());
            link.line();
            link.send(b"221 bye\r\n");
            link.until_closed();
            early
        });
        report(house.bridge(peer.host())).assert(0, &["greeting 220-one", "QUIT 221 bye"]);
        assert!(!peer.done());
    });
}

/// Goal: --no-reply is for protocols where the client may have to speak first: nothing is awaited and nothing said.
#[test]
fn without_replies_a_check_ends_behind_the_handshake() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| link.rest().0);
        let report = report(house.bridge(peer.host()).arg("--no-reply"));
        assert_eq!(peer.done(), b"");
        report.assert(0, &["result fine"]);
        assert!(!report.screen.contains("EHLO") && !report.screen.contains("greeting"), "{}", report.screen);
    });
}

#[test]
fn nothing_goes_to_syslog() {
    within(USUAL, || {
        if without_hooks() {
            return;
        }
        let house = House::new();
        let syslog = Syslog::datagram(&house.dir);
        report(house.bridge("127.0.0.1:1").syslog(&syslog.path).args(["--log", "syslog"])).assert(75, &["refused"]);
        assert!(syslog.lines().is_empty(), "{:?}", syslog.lines());
    });
}

/// Goal: as in a session, root is dropped before the first octet from the network.
#[test]
fn root_looks_as_nobody() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let (send, receive) = std::sync::mpsc::channel::<u32>();
        let peer = Peer::start(&house.leaf, move |link| {
            let pid = receive.recv().unwrap();
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default().to_owned();
            smarthost(link);
            uids
        });
        let bridge = house.bridge(peer.host()).arg("--check").on(
            std::process::Stdio::null(),
            std::process::Stdio::null(),
            std::process::Stdio::piped(),
        );
        send.send(bridge.pid()).unwrap();
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.to_string();
        let uids = peer.done();
        assert!(uids.split_whitespace().all(|uid| uid == nobody), "{uids}");
        assert_eq!(bridge.finish().code, 0);
    });
}
