//! The screen itself: what is on it, in which order, when, and how it ends.

use std::io::{self, Read, Write};
use std::process::Stdio;

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::signal::Signal;

use smtps_bridge::crypto::POST_QUANTUM;

use super::{flat, good, polite, report, smarthost};
use crate::support::bridge::{House, Start};
use crate::support::build::GROUP;
use crate::support::ca::self_signed_ca_leaf;
use crate::support::limit::{until, within, without_hooks, USUAL};
use crate::support::peer::{nobody_listens, Peer, TLS_1_2};

/// Goal: everything about a good smarthost, on one screen of a terminal.
#[test]
fn a_good_smarthost_is_one_screen() {
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house);
        let report = report(house.bridge(peer.host()));
        assert_eq!(peer.done(), polite());
        assert_eq!(report.code, 0, "{}", report.screen);
        assert!(report.screen.lines().count() <= 24, "{}", report.screen);
        let labels = [
            "address",
            "TLS",
            "chain 1",
            "anchor",
            "names",
            "match",
            "days left",
            "pin",
            "greeting",
            "EHLO",
            "QUIT",
            "result",
        ];
        assert_eq!(report.labels(), labels, "{}", report.screen);
        let line = |label: &str| report.line(label);
        let address = line("address");
        for step in ["127.0.0.1: connect ", " ms, handshake ", " ms, greeting ", " ms, EHLO ", " ms, QUIT "] {
            assert!(address.contains(step), "{address}");
        }
        let kind = if POST_QUANTUM { " (post-quantum)" } else { "" };
        assert_eq!(line("TLS"), format!("TLSv1.3, AES_256_GCM_SHA384, {GROUP}{kind}, no ALPN"));
        let chain = line("chain 1");
        assert!(chain.starts_with("CN=127.0.0.1 issued by CN=Throw-away CA 2020-01-01 to 2100-01-01, ECDSA P-256"));
        assert_eq!(line("anchor"), "CN=Throw-away CA in our CA file");
        assert_eq!((line("names"), line("match")), ("127.0.0.1, localhost".to_owned(), "127.0.0.1".to_owned()));
        assert!(line("days left").ends_with(", until 2100-01-01"), "{}", report.screen);
        assert_eq!(line("pin"), house.leaf.pin);
        assert_eq!(line("greeting"), super::GREETING);
        assert_eq!(line("EHLO"), "AUTH PLAIN LOGIN, SIZE 35882577, PIPELINING, 8BITMIME, SMTPUTF8, CHUNKING");
        assert_eq!(line("QUIT"), "221 2.0.0 Bye");
        assert_eq!(line("result"), "fine");
    });
}

#[test]
fn what_ehlo_lacks_is_told() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"220 bare.test\r\n");
            link.line();
            link.send(b"250-bare.test\r\n250-auth xoauth2\r\n250 STARTTLS\r\n");
            link.line();
            link.fin();
            link.until_closed();
        });
        let report = report(house.bridge(peer.host()));
        peer.done();
        assert_eq!(report.code, 0, "{}", report.screen);
        assert_eq!(report.line("EHLO"), "auth xoauth2");
        assert_eq!(report.line("lacks"), "SIZE, PIPELINING, 8BITMIME, SMTPUTF8, CHUNKING");
        assert_eq!(report.line("QUIT"), "no answer");
    });
}

/// Goal: the report says whether the connection is post-quantum.
#[test]
fn tls_is_told_as_agreed() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::with(house.leaf.server(TLS_1_2), smarthost);
        let report = report(house.bridge(peer.host()).arg("--no-pq"));
        peer.done();
        let line = report.line("TLS");
        assert!(line.starts_with("TLSv1.2, ECDHE_") && line.ends_with(", X25519, no ALPN"), "{line}");
    });
}

/// Goal: all hosts, not only the first that works; and the exit code of the first failure, or 75 if waiting helps.
#[test]
fn all_hosts_are_checked_and_one_code_tells() {
    within(USUAL, || {
        let house = House::new();
        let bad = || {
            let tls = house.ca.leaf_expired((2021, 11, 1)).server(rustls::ALL_VERSIONS);
            crate::support::outcome::unsuccessful(tls)
        };
        let nobody = nobody_listens().to_string();
        // A good one, an expired one, a good one: 69.
        let (first, second, third) = (good(&house), bad(), good(&house));
        let all = report(house.bridge(first.host()).arg(second.host()).arg(third.host()));
        all.assert(69, &["certificate expired on 2021-11-01"]);
        assert_eq!((first.done(), third.done()), (polite(), polite()));
        second.done();
        assert_eq!(all.labels().iter().filter(|label| *label == "result").count(), 2, "{}", all.screen);
        assert_eq!(all.screen.matches("\n\n").count(), 2, "an empty line between hosts:\n{}", all.screen);
        // Expired, then no one there: the first failure is 69, but waiting may help.
        let peer = bad();
        let both = report(house.bridge(peer.host()).arg(&nobody));
        both.assert(75, &["expired", "connection refused"]);
        assert_eq!(both.screen.matches("chain 1").count(), 1, "nobody has the certificate of another host");
        peer.done();
    });
}

#[test]
fn q_prints_what_is_wrong_and_nothing_else() {
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house);
        let quiet = report(house.bridge(peer.host()).arg("-q"));
        assert_eq!((quiet.code, quiet.screen.as_str()), (0, ""));
        assert_eq!(peer.done(), polite());
        let (peer, nobody) = (good(&house), nobody_listens());
        let quiet = report(house.bridge(peer.host()).arg(nobody.to_string()).arg("-q"));
        peer.done();
        let port = nobody.port();
        let all = format!("127.0.0.1, port {port} failed connect: connection refused on port {port}; are HOST and the port right, and is its mail server running?");
        assert_eq!((quiet.code, quiet.flat()), (75, all));
    });
}

/// Goal: a certificate that expires soon is reported while there is time, also under -q.
#[test]
fn a_certificate_near_its_end_is_a_warning_and_no_failure() {
    within(USUAL, || {
        let house = House::new();
        let soon = house.ca.leaf_with(&["127.0.0.1"], |params| {
            params.not_after = std::time::SystemTime::now().into();
            params.not_after += time::Duration::hours(5 * 24 + 12);
        });
        for quiet in [false, true] {
            let peer = Peer::start(&soon, smarthost);
            let start = house.bridge(peer.host());
            let report = report(if quiet { start.arg("-q") } else { start });
            assert_eq!(peer.done(), polite());
            report
                .assert(0, &["warning the certificate expires on 20", "; ask the server's administrator to renew it"]);
            assert_eq!(report.labels().len(), if quiet { 1 } else { 13 }, "{}", report.screen);
            assert!(
                quiet || report.line("result") == "a session would begin; see the warning above",
                "{}",
                report.screen
            );
        }
        // Our own too.
        house.dir.write("cert.pem", &soon.cert_pem);
        house.dir.write("key.pem", &soon.key_pem);
        let peer = good(&house);
        let files = |name: &str| house.dir.path(name);
        let start = house.bridge(peer.host()).arg("--cert").arg(files("cert.pem")).arg("--key").arg(files("key.pem"));
        let report = report(start.arg("-q"));
        peer.done();
        report.assert(
            0,
            &["our certificate (--cert) warning the certificate expires on 20", "; ask its issuer for a new one"],
        );
    });
}

/// Goal: with --pin-only nothing else looks at the dates.
#[test]
fn an_expired_certificate_under_pin_only_is_a_warning() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_expired((2021, 11, 1));
        let peer = Peer::start(&leaf, smarthost);
        let report = report(Start::new().args(["--pin-only", &leaf.pin]).arg(peer.host()));
        assert_eq!(peer.done(), polite());
        report.assert(
            0,
            &[
                "none: the key is the whole trust",
                "warning the certificate is valid from 2020-01-01 to 2021-11-01 only, today is",
            ],
        );
    });
}

/// Goal: the pin on the screen is ready to paste.
#[test]
fn the_pin_of_a_refused_certificate_makes_it_work() {
    within(USUAL, || {
        let leaf = self_signed_ca_leaf();
        let peer = crate::support::outcome::unsuccessful(leaf.server(rustls::ALL_VERSIONS));
        let refused = report(Start::new().arg(peer.host()));
        peer.done();
        refused.assert(69, &["CA certificate, not a server's", "--pin-only once its administrator confirms it"]);
        let pin = refused.line("pin");
        let peer = Peer::start(&leaf, smarthost);
        report(Start::new().arg("--pin-only").arg(pin).arg(peer.host())).assert(0, &["result fine"]);
        peer.done();
    });
}

/// Goal: a hang shows where it hangs; and SIGTERM ends it cleanly.
#[test]
fn each_step_is_written_before_it_happens_and_sigterm_ends_it() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::tcp(|mut tcp| drop(io::copy(&mut tcp, &mut io::sink())));
        let start = house.bridge(peer.host()).arg("127.0.0.1:1").arg("--check");
        let mut bridge = start.on(Stdio::null(), Stdio::piped(), Stdio::piped());
        let mut stdout = bridge.child.stdout.take().unwrap();
        let (mut screen, mut octet) = (String::new(), [0]);
        while !screen.ends_with("handshake") {
            assert_eq!(stdout.read(&mut octet).unwrap(), 1, "{screen}");
            screen.push(char::from(octet[0]));
        }
        assert!(bridge.child.try_wait().unwrap().is_none());
        bridge.signal(Signal::SIGTERM);
        stdout.read_to_string(&mut screen).unwrap();
        let ended = bridge.finish();
        assert_eq!((ended.code, ended.log.as_str()), (75, ""), "{screen}");
        assert!(flat(&screen).contains("failed handshake: told to end (SIGTERM)"), "{screen}");
        assert!(!screen.contains("port 1\n"), "no other host after that: {screen}");
        peer.done();
    });
}

#[test]
fn a_report_that_nobody_reads_is_an_exit_code() {
    within(USUAL, || {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let bridge = Start::new().args(["--check", "127.0.0.1:1"]).on(Stdio::null(), writer, Stdio::piped());
        assert_eq!(bridge.finish().code, 74);
    });
}

/// Goal: SIGTERM is blocked while we wait; a reader that has stopped reading must not make us immortal.
#[test]
fn sigterm_ends_a_report_whose_reader_stands_still() {
    within(USUAL, || {
        let (_reader, mut writer) = io::pipe().unwrap();
        let flags = OFlag::from_bits_truncate(fcntl(&writer, FcntlArg::F_GETFL).unwrap());
        fcntl(&writer, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
        while writer.write(&[b'.'; 4096]).is_ok() {}
        fcntl(&writer, FcntlArg::F_SETFL(flags)).unwrap();
        let bridge = Start::new().args(["--check", "127.0.0.1:1"]).on(Stdio::null(), writer, Stdio::piped());
        // It blocks SIGTERM first, then it stands still in poll(2): `SigBlk` has bit 14.
        let status = format!("/proc/{}/status", bridge.pid());
        until(USUAL, "SIGTERM is blocked", || {
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap_or_default();
            u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & (1 << 14) != 0)
        });
        bridge.signal(Signal::SIGTERM);
        assert_eq!(bridge.finish().code, 75);
    });
}

/// Goal: promise 6. Neither a panic nor a refused argument writes a 421 into a report.
#[test]
fn promise_6_no_reply_of_smtp_is_in_a_report() {
    within(USUAL, || {
        if without_hooks() {
            return;
        }
        let mut bridge = Start::new().args(["--check", "127.0.0.1:1"]).panic("arguments").on(
            Stdio::null(),
            Stdio::piped(),
            Stdio::piped(),
        );
        let mut screen = String::new();
        bridge.child.stdout.take().unwrap().read_to_string(&mut screen).unwrap();
        let ended = bridge.finish();
        assert_eq!((screen.as_str(), ended.code), ("", 70), "{}", ended.log);
        assert!(ended.log.contains("panic reason="), "{}", ended.log);
        report(Start::new()).assert(64, &["failed arguments: no HOST"]);
        report(Start::new().args(["--ca-file", "/absent", "a.example"])).assert(78, &["/absent: no such file"]);
        report(Start::new().args(["--bogus", "a.example"])).assert(64, &["unknown option --bogus"]);
    });
}

/// A bug that was: a word that ended where the text behind a label begins lost the blank behind it.
#[test]
fn the_heading_of_any_host_has_a_blank_behind_its_comma() {
    within(USUAL, || {
        for host in ["::1", "2001:db8::1", "2001:db8::12"] {
            let report = report(Start::new().args([&format!("[{host}]:1"), "-4"]));
            // Above it may stand what is noted about the program.
            let heading = format!("{host}, port 1");
            assert!(report.screen.lines().any(|line| line == heading), "{}", report.screen);
        }
    });
}
