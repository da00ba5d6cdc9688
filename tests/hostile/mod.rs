//! The hostile world: bad certificates, bad servers, bad clients, failing calls. Its subject decides where a case lives;
//! many of them are in the folder of the stage that they belong to.
//!
//! | case | here | elsewhere |
//! |---|---|---|
//! | chains that must be taken or refused, fixed times, denial of service | limbo | trust/anchors |
//! | no TLS at all, floods, drips | plain | reach/deadline, check/failures, exit_status |
//! | silence, an octet a second, floods without an end, at each stage | endless | reach/deadline |
//! | alerts in the place of a hello | alerts | |
//! | hellos, retries, groups, records before there are keys | plain, handshake | relay/greeting |
//! | certificate messages, extensions, Finished, change_cipher_spec in the handshake | handshake | trust/signature |
//! | old versions, suites | plain | trust/versions |
//! | client certificates, wanted and required | handshake | trust/identity |
//! | end or reset inside the handshake or the greeting | | relay/resets |
//! | records in mid-session, tickets, warnings, renegotiation, KeyUpdates | session | relay/renegotiation, relay/blocked |
//! | alerts in mid-session | session | relay/server_ends |
//! | bad MAC, reset, close_notify in mid-session | | relay/server_ends |
//! | records replayed, left out, moved, touched | order | relay/server_ends |
//! | truncation at any octet, of the handshake too | truncation | relay/server_ends, relay/resets |
//! | names and issuers of strange octets, chains in disorder | shapes | check/certificates, logging/lines |
//! | the first and the last second of a certificate, the machine's clock | clocks | trust/anchors |
//! | weak keys, old hashes, namesakes of a CA | weak | trust/key_only |
//! | large keys, slow exponents | large_keys | limbo |
//! | clients that are early, gone, silent | clients | relay/client_ends, relay/close, stdio/ |
//! | failing system calls, and those that an old kernel lacks | calls, old_kernel | logging/syslog, stdio/devices (full disk), require_auth/calls |
//! | descriptors, threads, memory, SIGSTOP | limits | relay/signals (SIGTERM, storms), logging/panics |
//! | links that go down in mid-session | cable | |
//! | many at once, and in a row under xinetd | soak | real/superservers |
//! | no CPU while idle, half-closed or stalled | | relay/quiet |

mod alerts;
mod by_hand;
mod cable;
pub mod calls;
mod clients;
mod clocks;
mod count;
mod endless;
mod handshake;
mod large_keys;
mod limbo;
mod limits;
mod old_kernel;
mod order;
mod plain;
mod session;
mod shapes;
mod short;
mod soak;
mod truncation;
mod weak;

use crate::check::report;
use crate::support::bridge::{House, Start};
use crate::support::limit::skip;
use crate::support::outcome::{refusal, Refusal};
use crate::support::peer::Peer;

pub use alerts::ALERTS;
pub use count::{cases, Group};

// Content types (RFC 8446 section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// A handshake message, and one with a lifetime, an age, an empty nonce, a ticket of one octet and no extensions (RFC 8446
/// section 4.6.1).
const TICKET: u8 = 4;
const GOOD_TICKET: [u8; 14] = [0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 1, 7, 0, 0];

/// Under bounds that no server may make us reach, in the debug build: seconds of CPU, KiB of address space.
fn costs_little(start: Start) -> Start {
    start.under_shell("ulimit -t 5 && ulimit -v 600000 &&", "")
}

/// What comes of a server that is good for no session, and what the server heard. The report on another one of its kind ends
/// with the session's code.
#[track_caller]
fn no_session<T: Send + 'static>(server: impl Fn() -> Peer<T>, start: impl Fn(String) -> Start) -> (Refusal, T) {
    let peer = server();
    let refusal = refusal(costs_little(start(peer.host())));
    let heard = peer.done();
    let peer = server();
    let report = report(costs_little(start(peer.host())));
    peer.done();
    assert_eq!(report.code, refusal.code, "{refusal:#?}\n{}", report.screen);
    (refusal, heard)
}

/// Goal of every handshake that breaks the rules: 421 4.7.5, its exit code, and what was wrong in the log line.
#[track_caller]
fn breaks_rules<T: Send + 'static>(
    what: &str,
    house: &House,
    server: impl Fn() -> Peer<T>,
    code: i32,
    word: &str,
) -> T {
    let (refusal, heard) = no_session(server, |host| house.bridge(host));
    let right = refusal.reply.starts_with("421 4.7.5 ") && refusal.line.contains("stage=handshake");
    assert!(right && refusal.code == code && refusal.line.contains(word), "{what}: not {code}, {word}: {refusal:#?}");
    cases(Group::TlsServers, 1);
    heard
}

/// A handshake message (RFC 8446 section 4).
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind], &length[1..], content].concat()
}

/// The bridge at another time, in UTC. None, with a skip: without libfaketime.
pub fn at(start: Start, time: &str) -> Option<Start> {
    let libraries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let library = libraries.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file());
    let Some(library) = library else {
        skip("needs libfaketime");
        return None;
    };
    let start = start.env("LD_PRELOAD", library).env("FAKETIME", time).env("TZ", "UTC");
    Some(start.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
}
