//! Causes that every machine can show.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::mpsc::channel;

use rustls::ServerConfig;

use crate::exit_status::{Cause, Row};
use crate::support::bridge::{House, Start};
use crate::support::ca::{pin, self_signed_ca_leaf, Ca};
use crate::support::outcome::unsuccessful;
use crate::support::peer::{nobody_listens, reset, Link, Peer, TLS_1_2};

/// A fatal alert of the server (RFC 8446 section 6): handshake_failure.
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

const fn row(
    cause: &'static str,
    status: &'static str,
    exit: i32,
    word: &'static str,
    start: fn(&House) -> Cause,
) -> Row {
    Row { cause, status, exit, word, start }
}

pub const ROWS: &[Row] = &[
    row("usage", "4.3.5", 64, "--bogus", |_| Start::new().arg("--bogus").into()),
    row("trust anchors", "4.3.5", 78, "no such file", |_| {
        Start::new().args(["--ca-file", "/absent/ca.pem"]).arg(nobody_listens().to_string()).into()
    }),
    row("key", "4.3.5", 78, "no such file", |house| {
        house.dir.write("cert.pem", &house.leaf.cert_pem);
        let start = house.bridge(nobody_listens().to_string());
        start.arg("--cert").arg(house.dir.path("cert.pem")).args(["--key", "/absent/key.pem"]).into()
    }),
    row("user", "4.3.5", 78, "no-such-user", |house| {
        house.bridge(nobody_listens().to_string()).args(["--user", "no-such-user"]).into()
    }),
    row("out of descriptors", "4.3.0", 71, "out of descriptors", |house| {
        // One is enough to load the program and to read the CA file, and none is left for the socket.
        house.bridge(nobody_listens().to_string()).under_shell("ulimit -n 4;", "").into()
    }),
    row("no address", "4.4.4", 75, "no IPv4 address", |house| house.bridge("[::1]").arg("-4").into()),
    row("refused", "4.4.1", 75, "refused", |house| house.bridge(nobody_listens().to_string()).into()),
    row("closed in the handshake", "4.4.2", 75, "closed at our TLS hello", |house| {
        let peer = Peer::tcp(|mut tcp| {
            tcp.shutdown(Shutdown::Write).unwrap();
            let _ = io::copy(&mut tcp, &mut io::sink());
        });
        house.bridge(peer.host()).into()
    }),
    row("reset in the handshake", "4.4.2", 75, "reset at our TLS hello", |house| {
        let peer = Peer::tcp(|mut tcp| {
            tcp.read_exact(&mut [0; 100]).unwrap();
            reset(tcp);
        });
        house.bridge(peer.host()).into()
    }),
    row("silent in the handshake", "4.4.2", 75, "stage=handshake", |house| {
        let peer = Peer::tcp(|mut tcp| drop(io::copy(&mut tcp, &mut io::sink())));
        house.bridge(peer.host()).args(["--setup-timeout", "1"]).into()
    }),
    row("closed before the greeting", "4.4.2", 75, "stage=greeting", |house| {
        greeted(house, |mut link| {
            link.close_notify();
            link.fin();
            link.until_closed();
        })
    }),
    row("reset before the greeting", "4.4.2", 75, "stage=greeting", |house| greeted(house, Link::reset)),
    row("silent before the greeting", "4.4.2", 75, "stage=greeting", |house| {
        let peer = Peer::start(&house.leaf, |mut link| link.until_closed());
        house.bridge(peer.host()).args(["--setup-timeout", "1"]).into()
    }),
    row("expired", "4.7.5", 69, "expired on 2021-11-01", |house| {
        presented(house, house.ca.leaf_expired((2021, 11, 1)).server(rustls::ALL_VERSIONS))
    }),
    row("not yet valid", "4.7.5", 69, "not valid before 3021-12-31", |house| {
        presented(house, house.ca.leaf_not_yet_valid((3021, 12, 31)).server(rustls::ALL_VERSIONS))
    }),
    row("wrong name", "4.7.5", 69, "other.example", |house| {
        presented(house, house.ca.leaf_for(&["other.example"]).server(rustls::ALL_VERSIONS))
    }),
    row("2000 names", "4.7.5", 69, "1997 more", |house| {
        presented(house, house.ca.leaf_with_many_names(2000).server(rustls::ALL_VERSIONS))
    }),
    row("unknown issuer", "4.7.5", 69, "unknown CA", |house| {
        presented(house, Ca::named("Unknown CA").leaf().server(rustls::ALL_VERSIONS))
    }),
    row("a CA certificate as a server's", "4.7.5", 69, "CA certificate, not a server's", |house| {
        presented(house, self_signed_ca_leaf().server(rustls::ALL_VERSIONS))
    }),
    row("pin mismatch", "4.7.5", 69, "not the pinned one", |house| {
        let Cause { start, sigterm } = presented(house, house.leaf.server(rustls::ALL_VERSIONS));
        Cause { start: start.arg("--pin").arg(pin(b"another key")), sigterm }
    }),
    row("alert", "4.7.5", 76, "handshake_failure", |house| said(house, &ALERT)),
    row("no common version", "4.7.5", 76, "stage=handshake", |house| {
        let Cause { start, sigterm } = presented(house, house.leaf.server(TLS_1_2));
        Cause { start: start.args(["--min-tls", "1.3"]), sigterm }
    }),
    row("client certificate demanded", "4.7.5", 76, "--cert and --key", |house| {
        presented(house, house.leaf.server_with(rustls::ALL_VERSIONS, Some(&house.ca)))
    }),
    row("plain SMTP", "4.7.5", 76, "plain SMTP", |house| said(house, b"220 plain.test ESMTP\r\n")),
    row("plain SMTP that refuses", "4.3.2", 75, "turned us away before TLS (code 554)", |house| {
        said(house, b"554-5.7.1 go\r\n554 away\r\n")
    }),
    row("busy before TLS", "4.3.2", 75, "turned us away before TLS (code 421)", |house| {
        said(house, b"421 Too many\r\n")
    }),
    row("HTTP", "4.7.5", 76, "HTTP", |house| said(house, b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    row("garbage", "4.7.5", 76, "instead of TLS", |house| said(house, &[0xff; 2000])),
    row("SIGTERM", "4.3.2", 75, "SIGTERM", |house| {
        let (tell, now) = channel();
        let peer = Peer::start(&house.leaf, move |mut link| {
            tell.send(()).unwrap();
            link.until_closed();
        });
        Cause { start: house.bridge(peer.host()), sigterm: Some(now) }
    }),
    row("panic", "4.3.0", 70, "panic", |house| house.bridge(nobody_listens().to_string()).panic("connect").into()),
];

/// Behind the handshake, before the greeting.
fn greeted(house: &House, script: impl FnOnce(Link) + Send + 'static) -> Cause {
    house.bridge(Peer::start(&house.leaf, script).host()).into()
}

/// A server whose handshake cannot end well.
fn presented(house: &House, tls: ServerConfig) -> Cause {
    house.bridge(unsuccessful(tls).host()).into()
}

/// A server that answers our hello with this.
fn said(house: &House, words: &'static [u8]) -> Cause {
    let peer = Peer::tcp(move |mut tcp| {
        tcp.write_all(words).unwrap();
        let _ = io::copy(&mut tcp, &mut io::sink());
    });
    house.bridge(peer.host()).into()
}
