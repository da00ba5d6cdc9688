//! What the same host says on the other port of submission: 587 for 465, and the reverse. In a network of the test's own,
//! where both are free.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::report;
use crate::support::bridge::{House, Start};
use crate::support::kernel::full_queue;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::namespace::inside;
use crate::support::peer::{accept, nobody_listens, Link, TLS_1_3};

/// What a server on 587 heard, behind `answer` to EHLO.
fn on_587(answer: &'static str) -> thread::JoinHandle<Vec<String>> {
    let listener = TcpListener::bind("127.0.0.1:587").unwrap();
    thread::spawn(move || {
        let mut tcp = BufReader::new(accept(&listener));
        let say = |tcp: &mut BufReader<TcpStream>, words: &str| tcp.get_mut().write_all(words.as_bytes()).unwrap();
        say(&mut tcp, "220 mail.test ESMTP\r\n");
        let mut ehlo = String::new();
        tcp.read_line(&mut ehlo).unwrap();
        say(&mut tcp, answer);
        let mut rest = String::new();
        tcp.read_to_string(&mut rest).unwrap();
        vec![ehlo, rest]
    })
}

#[test]
fn a_server_with_starttls_alone_is_told() {
    inside(|| {
        let server = on_587("250-mail.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n");
        let report = report(Start::new().arg("127.0.0.1"));
        assert_eq!(server.join().unwrap(), ["EHLO [127.0.0.1]\r\n", "QUIT\r\n"]);
        let words =
            "failed connect: connection refused on port 465, but 587 offers STARTTLS; use that port, with --starttls";
        report.assert(75, &[words]);
        assert_eq!(report.line("port 587"), "220 mail.test ESMTP; it offers STARTTLS");
    });
}

/// Goal: -q has it too: it is the cure.
#[test]
fn a_server_without_starttls_is_told() {
    inside(|| {
        let server = on_587("250-mail.test\r\n250 X-STARTTLS\r\n");
        let report = report(Start::new().args(["127.0.0.1", "-q"]));
        assert_eq!(server.join().unwrap(), ["EHLO [127.0.0.1]\r\n", "QUIT\r\n"]);
        report.assert(75, &["port 587 220 mail.test ESMTP; it does not offer STARTTLS failed connect"]);
    });
}

#[test]
fn nobody_on_either_port_is_told() {
    inside(|| {
        let report = report(Start::new().arg("[::1]"));
        let words = "failed connect: connection refused on port 465, and refused on 587; is HOST right";
        report.assert(75, &["port 587 connection refused", words]);
        assert!(!report.flat().contains("only port 587"), "it has just seen that:\n{}", report.screen);
    });
}

/// Goal: a firewall that accepts and says nothing on 465 is as good as none; and one on 587 does not hold us.
#[test]
fn promise_4_a_silent_465_leaves_587_its_turn() {
    inside(|| {
        if without_hooks() {
            return;
        }
        let silent = |at: &'static str| {
            let listener = TcpListener::bind(at).unwrap();
            thread::spawn(move || drop(io::copy(&mut accept(&listener), &mut io::sink())))
        };
        let (tls, server) = (silent("127.0.0.1:465"), on_587("250 STARTTLS\r\n"));
        let told = report(Start::new().arg("127.0.0.1").speed(30));
        // A reply of one line has no keywords.
        told.assert(75, &["failed handshake: no answer to our TLS hello", "it does not offer STARTTLS"]);
        tls.join().unwrap();
        server.join().unwrap();
        let (tls, plain) = (silent("127.0.0.1:465"), silent("127.0.0.1:587"));
        let told = report(Start::new().arg("127.0.0.1").speed(30));
        told.assert(75, &["port 587 it is silent", "failed handshake: "]);
        tls.join().unwrap();
        plain.join().unwrap();
    });
}

/// Goal: a firewall that drops our connect to 465, as one does here whose queue of connections is full.
#[test]
fn promise_4_a_465_that_drops_our_connect_leaves_587_its_turn() {
    inside(|| {
        if without_hooks() {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:465").unwrap();
        let _queue = full_queue(&listener);
        let server = on_587("250-mail.test\r\n250 STARTTLS\r\n");
        let told = report(Start::new().arg("127.0.0.1").speed(30));
        told.assert(75, &["failed connect: no answer on port 465", "it offers STARTTLS"]);
        server.join().unwrap();
    });
}

/// Goal: plain SMTP on 465 says what that port is for, and not what the host has.
#[test]
fn plain_smtp_on_465_is_followed_by_587() {
    inside(|| {
        let plain = in_clear(465, "220 mail.test ESMTP\r\n");
        let server = on_587("250-mail.test\r\n250 STARTTLS\r\n");
        let told = report(Start::new().arg("127.0.0.1"));
        told.assert(76, &["so this port is for STARTTLS; use --starttls with port 587, which offers it"]);
        plain.join().unwrap();
        server.join().unwrap();
    });
}

/// Goal: many networks block port 25.
#[test]
fn starttls_on_25_is_followed_by_587() {
    inside(|| {
        let server = on_587("250-mail.test\r\n250 STARTTLS\r\n");
        let told = report(Start::new().args(["127.0.0.1:25", "--starttls"]));
        let words = "connection refused on port 25, but 587 offers STARTTLS; use that port, with --starttls";
        told.assert(75, &[words]);
        server.join().unwrap();
    });
}

/// Goal: a port that is not one of mail servers was named on purpose.
#[test]
fn another_port_is_not_followed_by_587() {
    within(USUAL, || {
        let house = House::new();
        let report = report(house.bridge(nobody_listens().to_string()));
        report.assert(75, &["failed connect: connection refused on port"]);
        assert!(!report.labels().contains(&"port 587".to_owned()), "{}", report.screen);
    });
}

/// A smarthost with implicit TLS on its usual port, for one look.
fn on_465(house: &House) -> thread::JoinHandle<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:465").unwrap();
    let tls = Arc::new(house.leaf.server(TLS_1_3));
    thread::spawn(move || {
        let mut link = Link::new(accept(&listener), &tls);
        link.handshake();
        link.send(b"220 smarthost.test\r\n");
        link.rest().0
    })
}

/// Goal: as 465 is followed by 587, so is 587 by 465.
#[test]
fn implicit_tls_is_found_where_starttls_was_meant() {
    inside(|| {
        let house = House::new();
        let server = on_465(&house);
        let told = report(house.bridge("127.0.0.1").arg("--starttls"));
        assert_eq!(server.join().unwrap(), b"QUIT\r\n");
        let words = "failed connect: connection refused on port 587, but 465 speaks implicit TLS; use that port, \
                     without --starttls";
        told.assert(75, &[words]);
        assert_eq!(told.line("port 465"), "it speaks implicit TLS");
        // Silent, as a server of implicit TLS is to a client that waits for it.
        let silent = TcpListener::bind("127.0.0.1:587").unwrap();
        let silent = thread::spawn(move || drop(io::copy(&mut accept(&silent), &mut io::sink())));
        let server = on_465(&house);
        let told = report(house.bridge("127.0.0.1").args(["--starttls", "--setup-timeout", "1"]));
        server.join().unwrap();
        silent.join().unwrap();
        told.assert(75, &["starttls: no greeting within 1 s, but 465 speaks implicit TLS; use that port, without"]);
    });
}

/// Says this and waits.
fn in_clear(port: u16, words: &'static str) -> thread::JoinHandle<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    thread::spawn(move || {
        let mut tcp = accept(&listener);
        tcp.write_all(words.as_bytes()).unwrap();
        let _ = io::copy(&mut tcp, &mut io::sink());
    })
}

/// Goal: somebody who wrote the port of STARTTLS, or one of another protocol.
#[test]
fn implicit_tls_is_found_where_something_else_is_spoken() {
    inside(|| {
        let house = House::new();
        for (port, says, words) in [
            (587, "220 mail.test ESMTP\r\n", "plain SMTP instead of TLS, so this port is for STARTTLS; leave out the"),
            (143, "* OK ready\r\n", "IMAP instead of TLS; leave out the port, because 465 speaks implicit TLS"),
        ] {
            let clear = in_clear(port, says);
            let server = on_465(&house);
            let told = report(house.bridge(format!("127.0.0.1:{port}")));
            assert_eq!(server.join().unwrap(), b"QUIT\r\n");
            clear.join().unwrap();
            told.assert(76, &[words, "because 465 speaks implicit TLS"]);
        }
    });
}

/// Goal: a provider whose 587 is without TLS may have it on 465.
#[test]
fn implicit_tls_is_found_where_starttls_is_not_offered() {
    inside(|| {
        let house = House::new();
        let plain = TcpListener::bind("127.0.0.1:587").unwrap();
        let plain = thread::spawn(move || {
            let mut tcp = accept(&plain);
            tcp.write_all(b"220 mail.test ESMTP\r\n").unwrap();
            let _ = tcp.read(&mut [0; 100]).unwrap();
            tcp.write_all(b"250-mail.test\r\n250 SIZE 1000\r\n").unwrap();
            let _ = io::copy(&mut tcp, &mut io::sink());
        });
        let server = on_465(&house);
        let told = report(house.bridge("127.0.0.1").arg("--starttls"));
        assert_eq!(server.join().unwrap(), b"QUIT\r\n");
        plain.join().unwrap();
        let words =
            "the server does not offer STARTTLS, but 465 speaks implicit TLS; use that port, without --starttls";
        told.assert(76, &[words]);
    });
}

/// Goal: what a stranger on the other port presents is shown, and is no reason to trust it.
#[test]
fn another_port_with_a_stranger_on_it_is_no_cure() {
    inside(|| {
        let house = House::new();
        let server = {
            let listener = TcpListener::bind("127.0.0.1:465").unwrap();
            let tls = Arc::new(house.leaf.server(TLS_1_3));
            thread::spawn(move || drop(Link::new(accept(&listener), &tls).try_handshake()))
        };
        let told = report(Start::new().args(["localhost", "--starttls", "-4"]));
        server.join().unwrap();
        told.assert(
            75,
            &["failed connect: connection refused on port 587; see what port 465 says, and ask the server's"],
        );
        assert!(told.line("port 465").starts_with("certificate from an unknown CA"), "{}", told.screen);
    });
}

/// Goal: the report advises no port that it has just seen refused.
#[test]
fn a_port_that_was_seen_refused_is_no_advice() {
    inside(|| {
        let clear = in_clear(143, "* OK ready\r\n");
        let told = report(Start::new().arg("127.0.0.1:143"));
        clear.join().unwrap();
        told.assert(76, &["port 465 connection refused", "IMAP instead of TLS; correct HOST"]);
        // And a refused 465 is not asked once more, as if it were another port.
        let told = report(Start::new().args(["127.0.0.1:465", "--starttls"]));
        told.assert(75, &["port 587 connection refused", "refused on port 465, and refused on 587"]);
    });
}
