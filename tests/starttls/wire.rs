//! What the wire shows: a tap between the bridge and the smarthost, which keeps every octet of both directions.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use super::{answers, behind_tls, start, Then, EACH, EHLO, GREETING, OFFERS, READY, STARTTLS};
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::assert_reply;
use crate::support::peer::{accept, TLS_1_2, TLS_1_3};
use crate::support::talk::Hear;

/// A listener on the wire.
struct Tap {
    addr: SocketAddr,
    thread: JoinHandle<(Vec<u8>, Vec<u8>)>,
}

impl Tap {
    fn before(server: SocketAddr) -> Tap {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (bridge, server) = (accept(&listener), TcpStream::connect(server).unwrap());
            let (from, to) = (bridge.try_clone().unwrap(), server.try_clone().unwrap());
            let up = thread::spawn(move || copy(from, to));
            let down = copy(server, bridge);
            (up.join().unwrap(), down)
        });
        Tap { addr, thread }
    }

    /// All that went up, and all that came down.
    fn heard(self) -> (Vec<u8>, Vec<u8>) {
        self.thread.join().unwrap()
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        all.extend(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    all
}

/// The types of the records that `octets` are, all of them and nothing else.
#[track_caller]
fn records(mut octets: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind @ 20..=24, 3, 1..=4, high, low, rest @ ..] = octets {
        types.push(*kind);
        octets = rest.get(usize::from(u16::from_be_bytes([*high, *low]))..).expect("a whole record");
    }
    assert!(octets.is_empty(), "no record: {:?}", String::from_utf8_lossy(octets));
    types
}

#[track_caller]
fn has_none_of_it(octets: &[u8], secrets: &[&str]) {
    for secret in secrets {
        let there = octets.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret.as_bytes()));
        assert!(!there, "{secret:?} is on the wire");
    }
}

const HANDSHAKE: u8 = 22;
const CHANGE_CIPHER_SPEC: u8 = 20;
const APPLICATION_DATA: u8 = 23;
/// alice, secret
const SESSION: &str = "EHLO me\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n";
const SECRETS: [&str; 5] = ["AGFsaWNl", "NlY3JldA", "secret", "EHLO me", "AUTH PLAIN"];

/// Goal: a client that says its password before it was greeted says it to the smarthost alone, after the handshake. Only
/// EHLO, STARTTLS and the smarthost's answers are in clear.
#[test]
fn the_wire_shows_nothing_of_an_early_talker() {
    within(USUAL, || {
        for versions in [TLS_1_2, TLS_1_3] {
            let house = House::new();
            let peer = behind_tls(house.leaf.server(versions), |mut link| {
                link.expect(SESSION);
                link.say("250 smarthost.test\r\n235 2.7.0 welcome\r\n");
                link.expect("QUIT\r\n");
                link.say(super::BYE);
                link.close_notify();
                link.until_closed();
            });
            let tap = Tap::before(peer.addr);
            // The words are in the pipe before the bridge is there to read them.
            let (input, mut words) = std::io::pipe().unwrap();
            words.write_all(SESSION.as_bytes()).unwrap();
            let mut bridge = start(&house, tap.addr.to_string()).on(
                input,
                std::process::Stdio::piped(),
                std::process::Stdio::piped(),
            );
            let mut output = bridge.child.stdout.take().unwrap();
            output.expect(super::OURS);
            output.expect("250 smarthost.test\r\n235 2.7.0 welcome\r\n");
            words.write_all(b"QUIT\r\n").unwrap();
            output.expect(super::BYE);
            assert!(output.rest().is_empty());
            drop(words);
            peer.done();
            bridge.finish().assert("close_notify", 0);
            let (up, down) = tap.heard();
            let encrypted = up.strip_prefix(format!("{EHLO}{STARTTLS}").as_bytes()).expect("EHLO and STARTTLS first");
            // Hello, Finished, the client's words: data comes behind the change of keys and the Finished.
            let types = records(encrypted);
            assert_eq!(types[0], HANDSHAKE);
            let keys = types.iter().position(|kind| *kind == CHANGE_CIPHER_SPEC).expect("a change of keys");
            let data = types.iter().position(|kind| *kind == APPLICATION_DATA).expect("data");
            assert!(keys < data, "{types:?}");
            let clear = format!("{GREETING}{OFFERS}{READY}");
            records(down.strip_prefix(clear.as_bytes()).expect("three replies first"));
            has_none_of_it(&up, &SECRETS);
            has_none_of_it(&down, &SECRETS);
        }
    });
}

/// Goal: nor if the way ends early: EHLO, STARTTLS and QUIT are all that is ever said in clear.
#[test]
fn nothing_but_ehlo_starttls_and_quit_is_ever_said_in_clear() {
    within(USUAL, || {
        let said = |parts: &[&str]| parts.concat();
        for (to, before) in EACH.into_iter().zip([said(&[]), said(&[EHLO]), said(&[EHLO, STARTTLS])]) {
            for (answer, quit) in [
                ("554 no\r\n", "QUIT\r\n"),
                ("421 later\r\n", "QUIT\r\n"),
                ("334 your password please\r\n", "QUIT\r\n"),
                ("220 a\r\n250 b\r\n", ""),
                ("HTTP/1.1 200 OK\r\n", ""),
                ("", ""),
            ] {
                let house = House::new();
                let then = if answer.is_empty() { Then::Closes } else { Then::Waits };
                let peer = answers(to, answer, then);
                let tap = Tap::before(peer.addr);
                let (input, mut words) = std::io::pipe().unwrap();
                words.write_all(SESSION.as_bytes()).unwrap();
                let mut bridge = start(&house, tap.addr.to_string()).on(
                    input,
                    std::process::Stdio::piped(),
                    std::process::Stdio::piped(),
                );
                let mut reply = Vec::new();
                bridge.child.stdout.take().unwrap().read_to_end(&mut reply).unwrap();
                assert_reply(&reply);
                drop(words);
                peer.done();
                bridge.finish();
                let up = String::from_utf8(tap.heard().0).unwrap();
                assert_eq!(up, format!("{before}{quit}"), "{to:?} {answer:?}");
            }
        }
    });
}
