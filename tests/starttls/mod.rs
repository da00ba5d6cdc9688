//! `--starttls`: the clear-text way to the handshake, what servers and attackers make of it, and the session behind it.

mod answers;
mod behind;
mod check;
mod forms;
mod phases;
mod relatives;
mod sessions;
mod trust;
mod wire;
mod words;

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::ServerConfig;

use crate::support::bridge::{House, Start};
use crate::support::outcome::{refusal, Refusal};
use crate::support::peer::{reset, Link, Peer, TLS_1_3};
use crate::support::talk::Hear;

const GREETING: &str = "220 smarthost.test ESMTP ready\r\n";
const EHLO: &str = "EHLO [127.0.0.1]\r\n";
const OFFERS: &str = "250-smarthost.test greets you\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
const STARTTLS: &str = "STARTTLS\r\n";
const READY: &str = "220 2.0.0 Ready to start TLS\r\n";
const BYE: &str = "221 2.0.0 Bye\r\n";
/// What the client reads first, of a server that is dialled by its address.
const OURS: &str = "220 [127.0.0.1] ESMTP\r\n";

/// The bridge to `host`, on its port of STARTTLS.
fn start(house: &House, host: impl Into<std::ffi::OsString>) -> Start {
    house.bridge(host).arg("--starttls")
}

/// A server that knows TLS, from the first octet of its clear-text part on.
fn server<T: Send + 'static>(house: &House, script: impl FnOnce(Link) -> T + Send + 'static) -> Peer<T> {
    Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), script)
}

/// One that does all as it should, up to the end of the handshake.
fn behind_tls<T: Send + 'static>(tls: ServerConfig, script: impl FnOnce(Link) -> T + Send + 'static) -> Peer<T> {
    Peer::before_handshake(tls, |mut link| {
        up_to_tls(&mut link.tcp);
        link.handshake();
        script(link)
    })
}

/// A session over TLS: EHLO, QUIT.
fn serve(mut link: Link) {
    link.expect("EHLO me\r\n");
    link.say("250-smarthost.test\r\n250 AUTH PLAIN\r\n");
    link.expect("QUIT\r\n");
    link.say(BYE);
    link.close_notify();
    link.until_closed();
}

/// The client's side of it.
#[track_caller]
fn carries(start: Start) -> String {
    let (bridge, mut client) = start.socket();
    let ours = client.line();
    assert!(ours.starts_with("220 ") && ours.ends_with(" ESMTP\r\n"), "{ours:?}, {}", bridge.log());
    write(&mut client, "EHLO me\r\n");
    client.expect("250-smarthost.test\r\n250 AUTH PLAIN\r\n");
    write(&mut client, "QUIT\r\n");
    assert_eq!(String::from_utf8_lossy(&client.rest()), BYE);
    drop(client);
    let ended = bridge.finish();
    ended.assert("close_notify", 0);
    ended.line().to_owned()
}

/// Whose reply a script is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Connect,
    Ehlo,
    Starttls,
}

const EACH: [To; 3] = [To::Connect, To::Ehlo, To::Starttls];

/// What a server does behind its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Waits,
    Closes,
    Resets,
}

/// A server that is good up to `to`, which it answers so; what it heard from there on.
fn answers(to: To, answer: impl Into<Vec<u8>>, then: Then) -> Peer<String> {
    let answer = answer.into();
    Peer::tcp(move |mut tcp| {
        if to != To::Connect {
            write(&mut tcp, GREETING);
            tcp.expect(EHLO);
        }
        if to == To::Starttls {
            write(&mut tcp, OFFERS);
            tcp.expect(STARTTLS);
        }
        // The bridge may have heard enough before the end of it.
        let _ = tcp.write_all(&answer);
        match then {
            Then::Waits => rest(&mut tcp),
            Then::Closes => String::new(),
            Then::Resets => {
                reset(tcp);
                String::new()
            }
        }
    })
}

/// A session with such a server fails: what the client reads, and what the server heard.
#[track_caller]
fn refused(to: To, answer: impl Into<Vec<u8>>) -> (Refusal, String) {
    let house = House::new();
    let peer = answers(to, answer, Then::Waits);
    let refusal = refusal(start(&house, peer.host()));
    assert!(refusal.line.contains("failed stage=starttls "), "{refusal:#?}");
    (refusal, peer.done())
}

/// What the log repeats of the clear-text part.
#[track_caller]
fn clear(refusal: &Refusal) -> &str {
    let (_, field) = refusal.line.split_once(" clear=").unwrap_or_else(|| panic!("no clear= in {refusal:#?}"));
    let (value, _) = field.rsplit_once(" reply=").unwrap_or_else(|| panic!("no reply= behind it: {refusal:#?}"));
    value.trim_matches('"')
}

/// Such a server, and behind it a good one, which has the session.
#[track_caller]
fn leaves_the_next_its_turn(to: To, answer: impl Into<Vec<u8>>, then: Then) {
    let house = House::new();
    let (first, second) = (answers(to, answer, then), behind_tls(house.leaf.server(TLS_1_3), serve));
    carries(start(&house, first.host()).arg(second.host()).args(["--setup-timeout", "3"]));
    first.done();
    second.done();
}

/// The clear-text part, as it should be.
fn up_to_tls(tcp: &mut TcpStream) {
    up_to_starttls(tcp);
    write(tcp, READY);
}

/// Up to our STARTTLS, which is not answered yet.
fn up_to_starttls(tcp: &mut TcpStream) {
    write(tcp, GREETING);
    tcp.expect(EHLO);
    write(tcp, OFFERS);
    tcp.expect(STARTTLS);
}

fn write(tcp: &mut TcpStream, text: impl AsRef<[u8]>) {
    tcp.write_all(text.as_ref()).expect("a segment");
}

/// What the bridge still says in clear, up to its end, be it FIN or RST.
fn rest(tcp: &mut TcpStream) -> String {
    let (mut rest, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = tcp.read(&mut buffer) {
        rest.extend(&buffer[..n]);
    }
    String::from_utf8_lossy(&rest).into_owned()
}
