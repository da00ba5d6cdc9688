//! Port 465 is refused or silent: what the same host says on 587. In a network of the test's own, where both are free.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::report;
use crate::support::bridge::{House, Start};
use crate::support::kernel::full_queue;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::namespace::inside;
use crate::support::peer::{accept, nobody_listens};

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
            "failed connect: connection refused on port 465, but 587 offers STARTTLS; use --starttls with that port";
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
        assert!(!report.flat().contains("has only 587"), "it has just seen that:\n{}", report.screen);
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

/// Goal: 587 is looked at for 465 alone: on any other port somebody meant that port.
#[test]
fn another_port_is_not_followed_by_587() {
    within(USUAL, || {
        let house = House::new();
        let report = report(house.bridge(nobody_listens().to_string()));
        report.assert(75, &["failed connect: connection refused on port"]);
        assert!(!report.screen.contains("587"), "{}", report.screen);
    });
}
