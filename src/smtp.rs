//! All that this program knows of SMTP (RFC 5321): how a reply is read, where a session stands in the dialogue, and the one
//! reply that is ours. Pure: no I/O, no clock, no allocation that grows with what either side says.

mod command;
mod dialogue;
mod reply;
mod text;

use std::fmt;
use std::net::IpAddr;

pub use dialogue::{Account, Dialogue, Expected, Hold, Pass, Rules, Standing, Unauthenticated};
pub use reply::{Code, Collector, Fault, Reply, OCTETS};

/// A reply of ours, with its CRLF (RFC 5321 section 4.5.3.1.5 allows 512; a queue's listing shows less).
pub const REPLY: usize = 200;

/// A server name in it.
const NAME: usize = 64;

/// What the client reads first.
pub enum Greeting {
    /// The smarthost's octets as they came; none with `--no-reply`.
    Theirs(Vec<u8>),
    /// After STARTTLS, because no greeting comes over TLS.
    Ours(String),
}

/// An address as SMTP writes it: `[192.0.2.1]`, `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3).
pub fn address_literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

/// `421 STATUS NAME: TEXT (+N more)` as one line. `text` is asked for at most as many octets as there is room for.
pub fn unavailable(status: &str, name: impl fmt::Display, more: usize, text: impl FnOnce(usize) -> String) -> String {
    let head = format!("421 {status} {name:.NAME$}: ");
    let tail = match more {
        0 => "\r\n".to_owned(),
        more => format!(" (+{more} more)\r\n"),
    };
    let room = REPLY.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", text(room))
}
