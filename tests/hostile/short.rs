//! Short reads and writes: every call moves 1 to 7 octets, and every second one is interrupted first. short.c, preloaded,
//! does what a kernel may do at any time and hardly ever does.

use std::io::Write;
use std::net::Shutdown;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::hostile::{cases, Group};
use crate::relay::noise;
use crate::support::bridge::{House, Start};
use crate::support::limit::within;
use crate::support::namespace::without_tool;
use crate::support::outcome::{refusal, GREETING};
use crate::support::peer::{nobody_listens, Peer, Received, TLS_1_2, TLS_1_3};
use crate::support::talk::Hear;

/// Ten thousands of calls instead of some dozens.
const LIMIT: Duration = Duration::from_secs(90);

/// The bridge with the library of short.c. None, with a skip: without a C compiler.
fn shortly(house: &House, start: Start) -> Option<Start> {
    if without_tool("cc") {
        return None;
    }
    let library = house.dir.path("short.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/short.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(start.env("LD_PRELOAD", library).args(["--setup-timeout", "3600"]))
}

/// Goal: promise 2. Not one octet is lost, doubled or moved, in either direction, however few octets a call takes.
#[test]
fn promise_2_short_and_interrupted_calls_cost_no_byte() {
    within(LIMIT, || {
        for versions in [TLS_1_2, TLS_1_3] {
            let house = House::new();
            let (up, down) = (noise(40_000, 3), noise(40_000, 5));
            let (n, said) = (up.len(), down.clone());
            let peer = Peer::with(house.leaf.server(versions), move |mut link| {
                link.send(GREETING.as_bytes());
                let heard = link.take(n);
                link.send(&said);
                link.close_notify();
                (heard, link.rest().1)
            });
            let Some(start) = shortly(&house, house.bridge(peer.host())) else { return };
            let (bridge, mut client) = start.socket();
            assert_eq!(client.line(), GREETING, "{}", bridge.log());
            let (mut sender, data) = (client.try_clone().unwrap(), up.clone());
            let sender = thread::spawn(move || sender.write_all(&data).unwrap());
            assert!(client.exactly(down.len()) == down, "down");
            assert!(client.rest().is_empty(), "more than the server said");
            sender.join().unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let (heard, end) = peer.done();
            assert!(heard == up, "up");
            assert_eq!(end, Received::CloseNotify);
            bridge.finish_within(LIMIT).assert("close_notify", 0);
            cases(Group::FailingCalls, 1);
        }
    });
}

/// Goal: a 421 and a line that leave in pieces are whole all the same.
#[test]
fn short_and_interrupted_calls_leave_a_421_and_its_line_whole() {
    within(LIMIT, || {
        let house = House::new();
        let Some(start) = shortly(&house, house.bridge(nobody_listens().to_string())) else { return };
        refusal(start).assert("4.4.1", 75, &["connection refused", "setup_ms="]);
        cases(Group::FailingCalls, 1);
    });
}
