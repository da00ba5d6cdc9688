//! Many sessions, with sizes, pieces, delays and cuts that differ from session to session.

mod direct;
mod xinetd;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::ServerConfig;

use crate::relay::noise;
use crate::support::bridge::House;
use crate::support::outcome::GREETING;
use crate::support::peer::{accept, reset, Link, Peer, Received};
use crate::support::talk::{Hear, Talk};

/// A minute on two idle cores.
const LIMIT: Duration = Duration::from_secs(300);

/// How many sessions a test asks for, and the time that they may take.
fn asked() -> Option<(u64, Duration)> {
    let sessions = std::env::var("SMTPS_BRIDGE_SOAK").ok()?.parse().ok()?;
    Some((sessions, Duration::from_secs(3600)))
}

fn in_ci() -> bool {
    std::env::var("CI").as_deref() == Ok("true")
}

/// Who ends the session, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    CloseNotify,
    /// After a 221.
    Fin,
    /// In the middle of what the server says.
    Cut,
    Reset,
    /// The client's, in the middle of what it says.
    ClientReset,
}

impl End {
    /// Its word in the log, and the exit code.
    fn told(self) -> (&'static str, i32) {
        match self {
            End::CloseNotify => ("close_notify", 0),
            End::Fin => ("eof", 0),
            End::Cut => ("truncated", 76),
            End::Reset => ("reset", 74),
            End::ClientReset => ("client_gone", 74),
        }
    }
}

/// What a session does, the same every time for the same number.
struct Plan {
    up: Vec<u8>,
    down: Vec<u8>,
    piece: usize,
    /// In the middle of what each side says.
    client_pause: Duration,
    server_pause: Duration,
    /// The client ends its direction behind its last octet, whatever it still has to hear.
    half_closes: bool,
    end: End,
}

impl Plan {
    fn new(seed: u64) -> Plan {
        let dice = noise(16, seed * 2 + 1);
        let number = |at: usize| usize::from(dice[at]) * 256 + usize::from(dice[at + 1]);
        let pause = |at: usize| Duration::from_millis(u64::from(dice[at] % 10));
        let end = [End::CloseNotify, End::Fin, End::Cut, End::Reset, End::ClientReset][number(0) % 5];
        let mut down = noise(number(2) * 3, seed + 1);
        match end {
            // Else the noise may end with a line that is a goodbye.
            End::Cut | End::Reset | End::ClientReset => down.push(b'x'),
            End::Fin => down.extend(b"\r\n221 bye\r\n"),
            End::CloseNotify => {}
        }
        Plan {
            up: noise(number(4) * 3, seed + 2),
            down,
            piece: 500 + number(6) % 20_000,
            client_pause: pause(8),
            server_pause: pause(9),
            // No one hears it before a RST of either side.
            half_closes: dice[10] < 128 && !matches!(end, End::Reset | End::ClientReset),
            end,
        }
    }
}

/// A server for this many sessions.
fn smarthost(house: &House, sessions: u64) -> Peer {
    let tls: Arc<ServerConfig> = Arc::new(house.leaf.server(rustls::ALL_VERSIONS));
    Peer::listener(move |listener| {
        // The threads belong to a scope and are not joined one by one: a thread that waits to be joined keeps its stack.
        thread::scope(|scope| {
            for _ in 0..sessions {
                let link = Link::new(accept(listener), &tls);
                scope.spawn(|| serve(link));
            }
        });
    })
}

fn serve(mut link: Link) {
    // Some wait for all the others.
    link.tcp.set_read_timeout(Some(LIMIT)).unwrap();
    link.handshake();
    link.send(GREETING.as_bytes());
    let line = link.line();
    let seed = line.trim().strip_prefix("SEED ").and_then(|number| number.parse().ok());
    let seed = seed.unwrap_or_else(|| panic!("the first line is {line:?}"));
    let plan = Plan::new(seed);
    if plan.end == End::ClientReset {
        link.send(&plan.down);
        let (heard, end) = link.rest();
        // A RST overtakes what the bridge has not read: the beginning is what there may be.
        assert!(plan.up.starts_with(&heard), "session {seed}: up");
        assert_eq!(end, Received::CloseNotify, "session {seed}");
        return;
    }
    let mut said = plan.down.chunks(plan.piece);
    for (n, heard) in plan.up.chunks(plan.piece).enumerate() {
        assert!(link.take(heard.len()) == heard, "session {seed}: up");
        if n == 1 {
            // The scenario.
            thread::sleep(plan.server_pause);
        }
        link.send(said.next().unwrap_or_default());
    }
    said.for_each(|piece| link.send(piece));
    match plan.end {
        End::CloseNotify => link.close_notify(),
        End::Fin | End::Cut => link.fin(),
        // Only when the client has it all: a RST may overtake what the bridge has not read.
        End::Reset | End::ClientReset => {
            assert_eq!(link.line(), "heard\r\n");
            return link.reset();
        }
    }
    assert_ne!(link.rest().1, Received::Reset, "session {seed}");
}

/// The client of a session whose greeting it has read, to the end of both.
fn talk(client: TcpStream, seed: u64) -> End {
    let plan = Plan::new(seed);
    let (mut up, mut down) = (client.try_clone().unwrap(), client);
    let (piece, mut data) = (1 + plan.piece / 2, plan.up);
    if plan.end == End::ClientReset {
        data.truncate(data.len() / 2);
    }
    let sender = thread::spawn(move || {
        up.say(&format!("SEED {seed}\r\n"));
        for (n, piece) in data.chunks(piece).enumerate() {
            if n == 1 {
                // The scenario.
                thread::sleep(plan.client_pause);
            }
            up.write_all(piece).unwrap();
        }
        if plan.half_closes {
            up.shutdown(Shutdown::Write).unwrap();
        }
        up
    });
    if plan.end == End::ClientReset {
        let half = plan.down.len() / 2;
        assert!(down.exactly(half) == plan.down[..half], "session {seed}: down");
        drop(sender.join().unwrap());
        reset(down);
        return plan.end;
    }
    let heard = down.exactly(plan.down.len());
    assert!(heard == plan.down, "session {seed}: down");
    let mut up = sender.join().unwrap();
    if plan.end == End::Reset {
        up.say("heard\r\n");
    }
    assert_eq!(down.rest(), b"", "session {seed}: more than the server said");
    plan.end
}
