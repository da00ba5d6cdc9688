//! Name lookup, against a name server of the test's own: what it says, and what it does not.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

use crate::support::bridge::House;
use crate::support::dir::Dir;
use crate::support::limit::without_hooks;
use crate::support::namespace::{inside, replace};
use crate::support::outcome::{good, refusal, session};

// Response codes (RFC 1035 section 4.1.1).
pub const NO_ERROR: u8 = 0;
pub const SERVER_FAILURE: u8 = 2;
pub const NAME_ERROR: u8 = 3;
const REFUSED: u8 = 5;

/// A type of question (RFC 1035 section 3.2.2).
pub const A: u8 = 1;

/// This machine's resolver asks a name server on 127.0.0.1 and nothing else.
pub fn resolver() -> Dir {
    let dir = Dir::new();
    replace("/etc/resolv.conf", &dir.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"));
    replace("/etc/hosts", &dir.write("hosts", "127.0.0.1 localhost\n"));
    replace("/etc/nsswitch.conf", &dir.write("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"));
    dir
}

/// Answers every question with this code and, if there is one, this address.
pub fn name_server(code: u8, address: Option<Ipv4Addr>) {
    name_server_for(|_| true, code, address);
}

/// The same for questions of some types, which get no answer at all otherwise.
pub fn name_server_for(answers: fn(u8) -> bool, code: u8, address: Option<Ipv4Addr>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).expect("port 53 in a namespace of our own");
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut packet) {
            if answers(kind(&packet[..length])) {
                let _ = socket.send_to(&answer(&packet[..length], code, address), asker);
            }
        }
    });
}

/// Where a question ends. The name is labels up to an empty one; type and class stand behind it.
fn end(question: &[u8]) -> usize {
    let mut end = 12;
    while question[end] != 0 {
        end += 1 + usize::from(question[end]);
    }
    end + 5
}

/// The type that is asked for: `A` or AAAA.
fn kind(question: &[u8]) -> u8 {
    question[end(question) - 3]
}

fn answer(question: &[u8], code: u8, address: Option<Ipv4Addr>) -> Vec<u8> {
    let end = end(question);
    let address = address.filter(|_| kind(question) == A);
    // The question's number; a response, recursion desired and available; one question, the answers, nothing else.
    let header = [question[0], question[1], 0x81, 0x80 | code, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0];
    let mut answer = [&header, &question[12..end]].concat();
    if let Some(address) = address {
        // The name of the question, type A, class IN, 60 seconds, 4 octets.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}

/// Goal of each: the status that an MTA's administrator can tell apart, exit 75, nothing but the lookup to blame.
#[track_caller]
fn fails(status: &str, words: &[&str]) {
    let refusal = refusal(House::new().bridge("smarthost.example"));
    refusal.assert(status, 75, &[&["stage=resolve", "host=smarthost.example"], words].concat());
    assert!(refusal.reply.starts_with(&format!("421 {status} smarthost.example: ")), "{refusal:#?}");
}

#[test]
fn a_name_that_the_name_server_knows_is_found() {
    inside(|| {
        let _dir = resolver();
        name_server(NO_ERROR, Some(Ipv4Addr::LOCALHOST));
        let mut house = House::new();
        house.leaf = house.ca.leaf_for(&["smarthost.example"]);
        for name in ["smarthost.example", "smarthost.example."] {
            let peer = good(&house.leaf);
            session(house.bridge(format!("{name}:{}", peer.addr.port())));
            peer.done();
        }
    });
}

#[test]
fn a_name_that_does_not_exist_is_4_4_4() {
    inside(|| {
        let _dir = resolver();
        name_server(NAME_ERROR, None);
        fails("4.4.4", &["no such name", "host=smarthost.example"]);
    });
}

/// Goal: a name with a mail exchanger alone, or with the other family alone, has no address.
#[test]
fn a_name_without_an_address_is_4_4_4() {
    inside(|| {
        let _dir = resolver();
        name_server(NO_ERROR, None);
        fails("4.4.4", &["no"]);
        let refusal = refusal(House::new().bridge("localhost").arg("-6"));
        refusal.assert("4.4.4", 75, &["stage=resolve", "no IPv6 address; leave out -6"]);
    });
}

#[test]
fn a_name_server_that_fails_is_4_4_3() {
    inside(|| {
        let _dir = resolver();
        name_server(SERVER_FAILURE, None);
        fails("4.4.3", &["lookup", "resolver"]);
    });
}

#[test]
fn a_name_server_that_refuses_us_is_4_4_3() {
    inside(|| {
        let _dir = resolver();
        name_server(REFUSED, None);
        fails("4.4.3", &["lookup", "resolver"]);
    });
}

#[test]
fn a_name_server_that_is_not_there_is_4_4_3() {
    inside(|| {
        let _dir = resolver();
        fails("4.4.3", &["lookup", "resolver"]);
    });
}

/// Goal: a resolver that waits longer than we may is given up.
#[test]
fn promise_4_a_name_server_that_never_answers_is_4_4_3_and_holds_nobody() {
    inside(|| {
        if without_hooks() {
            return;
        }
        let dir = resolver();
        // In place, so that the mount still shows it: 30 seconds, five times.
        dir.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n");
        let _deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
        let refusal = refusal(House::new().bridge("smarthost.example").speed(30));
        refusal.assert("4.4.3", 75, &["stage=resolve", "no answer within"]);
        let house = House::new();
        let peer = good(&house.leaf);
        let ended = session(house.bridge("smarthost.example").arg(peer.host()).speed(20));
        assert!(ended.log.contains("passed stage=resolve host=smarthost.example"), "{}", ended.log);
        peer.done();
    });
}

/// Goal: a resolver that never answers AAAA costs its time once: the shares of hosts that need the same resolver do not cut it.
#[test]
fn a_name_server_that_never_answers_aaaa_is_waited_for_however_many_hosts_there_are() {
    inside(|| {
        if without_hooks() {
            return;
        }
        // It tries three times, a second each.
        let _dir = resolver();
        name_server_for(|kind| kind == A, NO_ERROR, Some(Ipv4Addr::LOCALHOST));
        let mut house = House::new();
        house.leaf = house.ca.leaf_for(&["smarthost.example"]);
        let peer = good(&house.leaf);
        let others = (2..6).map(|n| format!("smarthost{n}.example"));
        // 60 s are 6 s, a fifth of them is less than the lookup takes.
        let ended = session(house.bridge(format!("smarthost.example:{}", peer.addr.port())).args(others).speed(10));
        assert!(!ended.log.contains("passed "), "{}", ended.log);
        peer.done();
    });
}
