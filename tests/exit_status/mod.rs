//! The table of design section 6: each cause of "no session" has one reply, one exit code and one line, and the client
//! reads the reply whole, whatever it said before.

mod network;
mod rows;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::thread;

use nix::sys::signal::Signal;
use smtps_bridge::exit::Exit;

use crate::support::bridge::{Bridge, House, Start};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::assert_reply;

/// The table, as the manual has it: the status behind 421, and the exit code.
const TABLE: [(&str, i32); 12] = [
    ("4.3.0", 70),
    ("4.3.0", 71),
    ("4.3.2", 75),
    ("4.3.5", 64),
    ("4.3.5", 78),
    ("4.4.1", 75),
    ("4.4.2", 75),
    ("4.4.3", 75),
    ("4.4.4", 75),
    ("4.7.0", 77),
    ("4.7.5", 69),
    ("4.7.5", 76),
];

/// One cause.
struct Row {
    cause: &'static str,
    status: &'static str,
    exit: i32,
    /// What only this cause's line says.
    word: &'static str,
    start: fn(&House) -> Cause,
}

/// The bridge about to fail; if there is a channel, SIGTERM is the cause, and the channel says when.
struct Cause {
    start: Start,
    sigterm: Option<Receiver<()>>,
}

impl From<Start> for Cause {
    fn from(start: Start) -> Cause {
        Cause { start, sigterm: None }
    }
}

/// Goal: every row of the table that this machine can show without a network of the test's own.
#[test]
fn promise_1_never_bounces_every_row_of_the_table_is_a_421_with_its_exit_code_and_one_line() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        for row in rows::ROWS {
            row.check(Start::socket, "");
        }
    });
}

/// Goal: 4 MB that the client sent before (an MTA that pipelines, a port scanner) do not turn the end into an RST, which
/// would destroy the reply on its way.
#[test]
fn the_reply_survives_4_mb_that_nobody_reads_and_ends_with_fin() {
    if without_hooks() {
        return;
    }
    let flood = "x".repeat(4 << 20);
    within(USUAL, move || {
        // A panicked process touches nothing but the reply (design section 3): no drain there.
        for row in rows::ROWS.iter().filter(|row| row.exit != Exit::Software.code()) {
            row.check(Start::socket, &flood);
            row.check(Start::unix_socket, &flood);
        }
    });
}

/// Goal: no row of the design, and no exit code of the program, is without a test here.
#[test]
fn the_rows_are_those_of_the_design() {
    let tested: BTreeSet<_> = rows::ROWS.iter().chain(network::ROWS).map(|row| (row.status, row.exit)).collect();
    assert_eq!(tested, BTreeSet::from(TABLE));
    let codes: BTreeSet<i32> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
    // 0 and 74 are ends of a session.
    assert_eq!(codes, TABLE.iter().map(|(_, code)| *code).chain([0, 74]).collect());
}

impl Row {
    fn check<C: Client>(&self, begin: fn(Start) -> (Bridge, C), flood: &str) {
        let house = House::new();
        let cause = (self.start)(&house);
        let (bridge, client) = begin(cause.start);
        self.check_started(bridge, client, cause.sigterm, flood);
    }

    fn check_started<C: Client>(&self, bridge: Bridge, mut client: C, sigterm: Option<Receiver<()>>, flood: &str) {
        let mut writer = client.copy();
        let flood = flood.to_owned();
        let writing = thread::spawn(move || {
            writer.write_all(flood.as_bytes()).expect("the bridge takes what it drops");
        });
        if let Some(now) = sigterm {
            now.recv_timeout(USUAL / 2).unwrap_or_else(|_| panic!("not connected: {}", bridge.log()));
            bridge.signal(Signal::SIGTERM);
        }
        let mut reply = Vec::new();
        if let Err(error) = client.read_to_end(&mut reply) {
            panic!("{}: {error} behind {:?}; log: {}", self.cause, String::from_utf8_lossy(&reply), bridge.log());
        }
        assert!(!reply.is_empty(), "{}: no reply; log: {}", self.cause, bridge.log());
        assert_reply(&reply);
        writing.join().unwrap_or_else(|_| panic!("{}: RST", self.cause));
        // Not before: a client whose end is there before the bridge dials has no session and no refusal.
        drop(client);
        let ended = bridge.finish();
        let shown = format!("{}: {:?} {ended:#?}", self.cause, String::from_utf8_lossy(&reply));
        assert!(reply.starts_with(format!("421 {} ", self.status).as_bytes()), "not {}: {shown}", self.status);
        assert_eq!(ended.code, self.exit, "{shown}");
        assert!(ended.log.lines().count() == 1 && ended.log.contains(self.word), "not {:?}: {shown}", self.word);
    }
}

/// What a client's socket can do.
trait Client: Read + Write + Send + Sized + 'static {
    fn copy(&self) -> Self;
}

impl Client for TcpStream {
    fn copy(&self) -> TcpStream {
        self.try_clone().unwrap()
    }
}

impl Client for UnixStream {
    fn copy(&self) -> UnixStream {
        self.try_clone().unwrap()
    }
}
