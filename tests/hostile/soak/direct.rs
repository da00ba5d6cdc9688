//! The bridge started by the test itself, which sees how each one ends.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::hostile::{cases, Group};
use crate::support::bridge::House;
use crate::support::limit::within;
use crate::support::outcome::GREETING;
use crate::support::talk::Hear;

use super::{asked, in_ci, smarthost, talk, LIMIT};

fn session(house: &House, host: &str, seed: u64) {
    let (bridge, mut client) = house.bridge(host).args(["--setup-timeout", "3600"]).socket();
    assert_eq!(client.line(), GREETING, "session {seed}: {}", bridge.log());
    let (word, code) = talk(client, seed).told();
    let ended = bridge.finish_within(LIMIT);
    // With the 221 both sides are done: it is chance whose end comes first.
    let word = if word == "eof" && ended.line().contains(" end=local_eof") { "local_eof" } else { word };
    ended.assert(word, code);
}

/// Goal: 300 at once in CI, 30 elsewhere; each octet arrives both ways, each end is reported correctly, and nothing of a
/// session is left: no process, no file.
#[test]
fn many_sessions_at_once_lose_no_byte_and_leave_nothing_behind() {
    let (sessions, at_once) = if in_ci() { (600, 300) } else { (60, 30) };
    let (sessions, limit) = asked().unwrap_or((sessions, LIMIT));
    within(limit, move || {
        let house = House::new();
        let files = || std::fs::read_dir(house.dir.path("")).unwrap().count();
        let before = files();
        let peer = smarthost(&house, sessions);
        let (host, next, start) = (peer.host(), AtomicU64::new(0), Instant::now());
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= sessions {
                        return;
                    }
                    session(&house, &host, seed);
                });
            }
        });
        peer.done();
        assert_eq!(files(), before);
        cases(Group::Soak, usize::try_from(sessions).unwrap());
        if asked().is_some() {
            let _ = writeln!(std::io::stderr(), "{sessions} sessions, {at_once} at once, in {:?}", start.elapsed());
        }
    });
}
