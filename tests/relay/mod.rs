//! A session on its way: bytes, ends, and everything that can stall in between. Design sections 4 and 5.

mod blocked;
mod bytes;
mod client_ends;
mod close;
mod greeting;
mod idle;
pub mod quiet;
mod renegotiation;
mod resets;
mod server_ends;
mod signals;

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::bridge::{Bridge, House, Start};
use crate::support::outcome::GREETING;
use crate::support::peer::{Link, Peer};
use crate::support::talk::Hear;

/// A session whose greeting the client has read: one TCP socket as 0 and 1, the log on a pipe, and `script` at the
/// other end, which sent the greeting already.
pub fn greeted<T: Send + 'static>(
    change: impl FnOnce(Start) -> Start,
    script: impl FnOnce(Link) -> T + Send + 'static,
) -> (Bridge, TcpStream, Peer<T>) {
    let house = House::new();
    let peer = Peer::start(&house.leaf, |mut link| {
        link.send(GREETING.as_bytes());
        script(link)
    });
    // The longest there is: scaled clocks scale this one too, and a busy machine is slow to shake hands.
    let start = house.bridge(peer.host()).args(["--setup-timeout", "3600"]);
    let (bridge, mut client) = change(start).socket();
    assert_eq!(client.line(), GREETING, "log: {}", bridge.log());
    (bridge, client, peer)
}

pub fn unchanged(start: Start) -> Start {
    start
}

/// `n` octets of no pattern, the same every time for the same seed (xorshift64).
pub fn noise(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut data = Vec::with_capacity(n + 8);
    while data.len() < n {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend(state.to_le_bytes());
    }
    data.truncate(n);
    data
}

/// Sends `data` slowly: most of it after whatever happens at the other end, so that it meets the drain and no buffer.
pub fn trickle(mut client: TcpStream, data: Vec<u8>) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        for piece in data.chunks(64 * 1024) {
            client.write_all(piece)?;
            // The scenario: the pace of the client.
            thread::sleep(Duration::from_millis(3));
        }
        Ok(())
    })
}
