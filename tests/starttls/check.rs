//! `--check --starttls`: what is said in clear is marked as such; then TLS, then EHLO again.

use std::sync::Arc;

use super::{answers, behind_tls, serve, start, up_to_tls, write, Then, To, EHLO, READY, STARTTLS};
use crate::check::failures::fails;
use crate::check::{report, EHLO as OFFERS};
use crate::support::bridge::{House, Start};
use crate::support::limit::{within, USUAL};
use crate::support::peer::{accept, Link, Peer, TLS_1_3};
use crate::support::talk::Hear;

const CLEAR: &str = "250-smarthost.test in clear\r\n250-SIZE 1000\r\n250 STARTTLS\r\n";

/// A smarthost for one look; what it heard in clear and over TLS.
fn looked_at(house: &House, clear: &'static str) -> Peer<Vec<String>> {
    Peer::before_handshake(house.leaf.server(TLS_1_3), move |mut link| {
        write(&mut link.tcp, super::GREETING);
        let mut heard = vec![link.tcp.line()];
        write(&mut link.tcp, clear);
        heard.push(link.tcp.line());
        write(&mut link.tcp, READY);
        link.handshake();
        heard.push(link.line());
        link.send(OFFERS.as_bytes());
        heard.push(link.line());
        link.send(b"221 2.0.0 Bye\r\n");
        let (rest, _) = link.rest();
        heard.push(String::from_utf8_lossy(&rest).into_owned());
        heard
    })
}

#[test]
fn a_good_smarthost_is_shown_in_clear_and_again_over_tls() {
    within(USUAL, || {
        let house = House::new();
        let peer = looked_at(&house, CLEAR);
        let report = report(start(&house, peer.host()));
        assert_eq!(peer.done(), [EHLO, STARTTLS, EHLO, "QUIT\r\n", ""]);
        report.assert(0, &["STARTTLS ", ", handshake ", ", EHLO ", ", QUIT "]);
        assert!(!report.flat().contains("greeting "), "none comes over TLS:\n{}", report.screen);
        assert_eq!(
            report.screen.lines().filter(|line| line.starts_with("  in clear")).collect::<Vec<_>>(),
            [
                "  in clear  greeting: 220 smarthost.test ESMTP ready",
                "  in clear  EHLO: 250 smarthost.test in clear SIZE 1000 STARTTLS",
                "  in clear  STARTTLS: 220 2.0.0 Ready to start TLS",
            ]
        );
        // After them, what TLS authenticates.
        assert_eq!(report.line("EHLO"), "AUTH PLAIN LOGIN, SIZE 35882577, PIPELINING, 8BITMIME, SMTPUTF8, CHUNKING");
        let labels = report.labels();
        let place = |label: &str| labels.iter().position(|known| known == label).unwrap();
        assert!(place("in clear") < place("TLS") && place("TLS") < place("EHLO"), "{labels:?}");
        assert!(!labels.contains(&"warning".to_owned()) && report.line("result") == "fine", "{}", report.screen);
    });
}

/// Goal: a smarthost that would take a password in clear is reported, also under -q, and the exit code stays 0.
#[test]
fn auth_offered_in_clear_is_warned_of() {
    within(USUAL, || {
        for quiet in [false, true] {
            let house = House::new();
            let peer = looked_at(&house, "250-smarthost.test\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n");
            let start = start(&house, peer.host());
            let report = report(if quiet { start.arg("-q") } else { start });
            peer.done();
            report.assert(0, &["AUTH is offered in clear"]);
        }
    });
}

/// Goal: a look and a session fail at the same stage in the same words; words that are not authenticated are marked as
/// such.
#[test]
fn a_look_fails_as_a_session_does() {
    within(USUAL, || {
        for (to, answer, code, words) in [
            (To::Connect, "554 5.7.1 we know you\r\n", 75, "in clear 554 5.7.1 we know you"),
            (To::Ehlo, "250 smarthost.test\r\n", 76, "in clear 250 smarthost.test"),
            (To::Ehlo, "502 5.5.1 what\r\n", 75, "in clear 502 5.5.1 what"),
            (To::Starttls, "454 4.7.0 not now\r\n", 75, "in clear 454 4.7.0 not now"),
            (To::Starttls, "220 go\r\n250 injected\r\n", 76, "in clear 250 injected"),
            (To::Connect, "SSH-2.0-OpenSSH_9.2p1\r\n", 76, "in clear SSH-2.0-OpenSSH_9.2p1"),
        ] {
            let starts = || Start::new().arg("--starttls");
            let report = fails(starts, || answers(to, answer, Then::Waits), code, "starttls", &[words]);
            assert!(!report.line("failed").contains("injected"), "{}", report.screen);
        }
        // Behind the 220, the stages of implicit TLS.
        let house = House::new();
        let expired = house.ca.leaf_expired((2026, 1, 1));
        let server = || {
            Peer::before_handshake(expired.server(TLS_1_3), |mut link| {
                up_to_tls(&mut link.tcp);
                assert!(link.try_handshake().is_err());
                link.until_closed();
            })
        };
        let starts = || Start::new().arg("--starttls").arg("--ca-file").arg(house.dir.path("ca.pem"));
        let report = fails(starts, server, 69, "handshake", &["in clear STARTTLS: 220", "certificate expired"]);
        assert_eq!(report.line("pin"), expired.pin);
    });
}

/// Goal: every address of every host is shown, as without the option, and one connection each is enough for it.
#[test]
fn every_host_is_looked_at() {
    within(USUAL, || {
        let house = House::new();
        let bad = answers(To::Connect, "421 busy\r\n", Then::Waits);
        let good = looked_at(&house, CLEAR);
        let report = report(start(&house, bad.host()).arg(good.host()));
        assert_eq!(bad.done(), "QUIT\r\n");
        assert_eq!(good.done().len(), 5);
        report.assert(75, &["failed starttls: the server turned us away before TLS (code 421)", "result fine"]);
    });
}

/// Goal: a session behind a look is the same way: a server that serves the one serves the other.
#[test]
fn what_a_look_calls_fine_is_fine() {
    within(USUAL, || {
        let house = House::new();
        let tls = Arc::new(house.leaf.server(TLS_1_3));
        let look = Peer::listener(move |listener| {
            let mut link = Link::new(accept(listener), &tls);
            up_to_tls(&mut link.tcp);
            link.handshake();
            link.expect(EHLO);
            link.send(OFFERS.as_bytes());
            link.expect("QUIT\r\n");
            link.send(b"221 bye\r\n");
            link.until_closed();
        });
        report(start(&house, look.host())).assert(0, &["result fine"]);
        look.done();
        let session = behind_tls(house.leaf.server(TLS_1_3), serve);
        super::carries(start(&house, session.host()));
        session.done();
    });
}
