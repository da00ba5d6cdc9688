//! The two outcomes of a start, a session and a refusal, each with all that must hold whenever there is one.

use std::net::TcpStream;

use rustls::ServerConfig;

use super::bridge::{Bridge, Ended, Start};
use super::ca::Leaf;
use super::peer::{Link, Peer};
use super::talk::{Hear, Talk};

pub const GREETING: &str = "220 smarthost.test ESMTP\r\n";
const BYE: &str = "221 2.0.0 Bye\r\n";

/// The bridge gave its client no session.
#[derive(Debug)]
pub struct Refusal {
    /// All that the client read.
    pub reply: String,
    pub code: i32,
    /// The one line `failed ...`.
    pub line: String,
    /// All of stderr.
    pub log: String,
}

impl Refusal {
    /// The code behind 421, the exit code, and words of the log line.
    #[track_caller]
    pub fn assert(&self, status: &str, code: i32, words: &[&str]) {
        assert!(self.reply.starts_with(&format!("421 {status} ")), "not 421 {status}: {self:#?}");
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.line.contains(word), "the line does not say {word:?}: {self:#?}");
        }
    }
}

/// Starts on one TCP socket; its client says nothing, reads to the end, and closes then.
#[track_caller]
pub fn refusal(start: Start) -> Refusal {
    let (bridge, client) = start.socket();
    refused(bridge, client)
}

#[track_caller]
pub fn refused(bridge: Bridge, client: TcpStream) -> Refusal {
    refused_behind(Vec::new(), bridge, client)
}

/// As `refused`, if the client has read `reply` already, or a part of it.
#[track_caller]
fn refused_behind(mut reply: Vec<u8>, bridge: Bridge, mut client: TcpStream) -> Refusal {
    reply.extend(client.rest());
    // Not before: a client whose end is there before the bridge dials has no session and no refusal.
    drop(client);
    assert_reply(&reply);
    let ended = bridge.finish();
    Refusal {
        reply: String::from_utf8_lossy(&reply).into_owned(),
        code: ended.code,
        line: ended.line().to_owned(),
        log: ended.log,
    }
}

/// Design section 6: one line, at most 200 octets, printable ASCII, temporary, no path of this machine.
#[track_caller]
pub fn assert_reply(reply: &[u8]) {
    let shown = String::from_utf8_lossy(reply);
    let line = reply.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("no line: {shown:?}"));
    assert!(line.iter().all(|octet| (0x20..=0x7e).contains(octet)), "not one line of printable ASCII: {shown:?}");
    assert!(reply.len() <= 200, "{} octets: {shown:?}", reply.len());
    assert!(line.starts_with(b"421 4."), "promise 1 is that we never bounce: {shown:?}");
    // Everybody has an /etc/services; a path of ours would say how this machine is set up.
    let paths = shown.replace("in /etc/services", "");
    assert!(!["/tmp/", "/etc/", "/proc/", "/root/"].iter().any(|path| paths.contains(path)), "a local path: {shown:?}");
}

/// Starts on one TCP socket and goes through a session with `serve` at the other end.
#[track_caller]
pub fn session(start: Start) -> Ended {
    let (bridge, client) = start.socket();
    carried(bridge, client)
}

#[track_caller]
pub fn carried(bridge: Bridge, mut client: TcpStream) -> Ended {
    let greeting = client.line();
    assert_eq!(greeting, GREETING, "log: {}", bridge.log());
    carried_behind_greeting(bridge, client)
}

#[track_caller]
fn carried_behind_greeting(bridge: Bridge, mut client: TcpStream) -> Ended {
    client.say("QUIT\r\n");
    assert_eq!(String::from_utf8_lossy(&client.rest()), BYE, "log: {}", bridge.log());
    drop(client);
    let ended = bridge.finish();
    ended.assert("close_notify", 0);
    ended
}

/// Starts on one TCP socket and gives the outcome that this server leads to.
#[track_caller]
pub fn either(start: Start) -> Result<Ended, Refusal> {
    let (bridge, mut client) = start.socket();
    let line = client.line();
    match line == GREETING {
        true => Ok(carried_behind_greeting(bridge, client)),
        false => Err(refused_behind(line.into_bytes(), bridge, client)),
    }
}

/// A smarthost for one `session`, behind its handshake.
pub fn serve(mut link: Link) {
    link.send(GREETING.as_bytes());
    assert_eq!(link.line(), "QUIT\r\n");
    link.send(BYE.as_bytes());
    link.close_notify();
    link.until_closed();
}

/// A smarthost that is good in every way.
pub fn good(leaf: &Leaf) -> Peer {
    Peer::start(leaf, serve)
}

/// A server that serves every client that its handshake allows, and does not mind if none comes that far: what it heard
/// behind the handshake.
pub fn unsuccessful(tls: ServerConfig) -> Peer<Vec<u8>> {
    Peer::before_handshake(tls, |mut link| {
        let mut heard = Vec::new();
        if link.try_handshake().is_ok() {
            let _ = link.try_send(GREETING.as_bytes());
            while link.feed().unwrap_or(false) {
                let _ = std::io::Read::read_to_end(&mut link.tls.reader(), &mut heard);
            }
        }
        // The server tells the bridge why, and stays until it is gone: an RST would hide the reason.
        let alert = link.pending();
        let _ = std::io::Write::write_all(&mut link.tcp, &alert);
        link.until_closed();
        heard
    })
}
