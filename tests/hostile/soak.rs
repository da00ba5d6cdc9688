//! Many sessions at once, with sizes, pieces, delays and cuts that differ from session to session.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::relay::noise;
use crate::support::bridge::House;
use crate::support::limit::within;
use crate::support::outcome::GREETING;
use crate::support::peer::{accept, Link, Peer, Received};
use crate::support::talk::{Hear, Talk};

/// Ten seconds on two idle cores.
const LIMIT: Duration = Duration::from_secs(240);

/// How the server ends its session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    CloseNotify,
    /// After a 221.
    Fin,
    /// In the middle of what it says.
    Cut,
    Reset,
}

/// What a session does, the same every time for the same number.
struct Plan {
    up: Vec<u8>,
    down: Vec<u8>,
    piece: usize,
    end: End,
}

impl Plan {
    fn new(seed: u64) -> Plan {
        let dice = noise(12, seed * 2 + 1);
        let number = |at: usize| usize::from(dice[at]) * 256 + usize::from(dice[at + 1]);
        let end = [End::CloseNotify, End::Fin, End::Cut, End::Reset][number(0) % 4];
        let mut down = noise(number(2) * 3, seed + 1);
        match end {
            // Else the noise may end with a line that is a goodbye.
            End::Cut | End::Reset => down.push(b'x'),
            End::Fin => down.extend(b"\r\n221 bye\r\n"),
            End::CloseNotify => {}
        }
        Plan { up: noise(number(4) * 3, seed + 2), down, piece: 500 + number(6) % 20_000, end }
    }
}

fn serve(mut link: Link) {
    link.handshake();
    link.send(GREETING.as_bytes());
    let Some(seed) = link.line().trim().strip_prefix("SEED ").and_then(|it| it.parse().ok()) else { return };
    let plan = Plan::new(seed);
    let mut said = plan.down.chunks(plan.piece);
    for heard in plan.up.chunks(plan.piece) {
        assert!(link.take(heard.len()) == heard, "session {seed}: up");
        link.send(said.next().unwrap_or_default());
    }
    said.for_each(|piece| link.send(piece));
    match plan.end {
        End::CloseNotify => link.close_notify(),
        End::Fin | End::Cut => link.fin(),
        // Only when the client has it all: a RST may overtake what the bridge has not read.
        End::Reset => {
            assert_eq!(link.line(), "heard\r\n");
            return link.reset();
        }
    }
    assert_ne!(link.rest().1, Received::Reset, "session {seed}");
}

fn session(house: &House, host: &str, seed: u64) {
    let plan = Plan::new(seed);
    let (bridge, client) = house.bridge(host).args(["--setup-timeout", "3600"]).socket();
    let (mut up, mut down) = (client.try_clone().unwrap(), client);
    assert_eq!(down.line(), GREETING, "session {seed}: {}", bridge.log());
    let (piece, data) = (1 + plan.piece / 2, plan.up);
    let sender = thread::spawn(move || {
        up.say(&format!("SEED {seed}\r\n"));
        for piece in data.chunks(piece) {
            up.write_all(piece).unwrap();
        }
        up
    });
    let heard = down.exactly(plan.down.len());
    assert!(heard == plan.down, "session {seed}: down");
    let mut up = sender.join().unwrap();
    if plan.end == End::Reset {
        up.say("heard\r\n");
    }
    assert_eq!(down.rest(), b"", "session {seed}: more than the server said");
    let _ = up.shutdown(Shutdown::Write);
    drop((up, down));
    let (word, code) = match plan.end {
        End::CloseNotify => ("close_notify", 0),
        End::Fin => ("eof", 0),
        End::Cut => ("truncated", 76),
        End::Reset => ("reset", 74),
    };
    bridge.finish_within(LIMIT).assert(word, code);
}

/// Goal: 300 at once in CI, 30 elsewhere; each octet arrives both ways, each end is told as what it was, and nothing of a
/// session is left: no process, no file.
#[test]
fn many_sessions_at_once_lose_no_byte_and_leave_nothing_behind() {
    let ci = std::env::var("CI").as_deref() == Ok("true");
    let asked = std::env::var("SMTPS_BRIDGE_SOAK").ok().and_then(|it| it.parse().ok());
    let (sessions, at_once) = if ci { (600, 300) } else { (60, 30) };
    let (sessions, limit) = asked.map_or((sessions, LIMIT), |it: u64| (it, Duration::from_secs(3600)));
    within(limit, move || {
        let house = Arc::new(House::new());
        let files = || std::fs::read_dir(house.dir.path("")).unwrap().count();
        let before = files();
        let tls = Arc::new(house.leaf.server(rustls::ALL_VERSIONS));
        let peer = Peer::listener(move |listener| {
            let serving: Vec<_> = (0..sessions)
                .map(|_| {
                    let link = Link::new(accept(listener), &tls);
                    thread::spawn(move || serve(link))
                })
                .collect();
            for it in serving {
                it.join().expect("a session of the server");
            }
        });
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
        if asked.is_some() {
            let _ = writeln!(std::io::stderr(), "{sessions} sessions, {at_once} at once, in {:?}", start.elapsed());
        }
    });
}
