//! Real superservers and mail programs, with the lines that the program prints, or the files under packaging/ as they
//! are shipped: only the host's name is replaced. Each test has a network and a machine of its own.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rcgen::date_time_ymd;

use crate::support::bridge::House;
use crate::support::ca::Leaf;
use crate::support::mail;
use crate::support::namespace::without_tool;
use crate::support::smarthost::Smarthost;
use crate::support::talk::{Hear, Talk};

use machine::Machine;

pub mod machine;
mod mail_programs;
mod printed;
pub mod readme;
mod smarthosts;
mod story;
mod superservers;

/// A machine is up within a second, and 500 sessions take ten; several such tests at once share two cores.
const LIMIT: Duration = Duration::from_secs(120);

const NAME: &str = "smtp.example.com";

/// Where the mail goes: a smarthost with a good certificate, and one whose certificate has expired.
struct Provider {
    house: House,
    good: Smarthost,
    /// Of the good one, as --pin takes it.
    pin: String,
    expired: Smarthost,
}

impl Provider {
    fn new() -> Provider {
        let house = House::new();
        let leaf = house.ca.leaf_for(&[NAME]);
        let good = mail::smarthost(&leaf);
        let expired = mail::smarthost(&expired(&house));
        Provider { house, good, pin: leaf.pin, expired }
    }

    /// What the bridge prints on the machine: `kind` may have options of `--print-config` behind it.
    #[track_caller]
    fn printed(&self, machine: &Machine, kind: &str, host: &Smarthost) -> String {
        machine.sh(&format!("smtps-bridge --print-config {kind} {}", self.words(host)))
    }

    /// Options for a client certificate whose key only root can read.
    fn identity(&self) -> String {
        let client = self.house.ca.client("mailer.example.test");
        let cert = self.house.dir.write("client.pem", &client.cert_pem);
        let key = self.house.dir.write("client.key", &client.key_pem);
        self.house.dir.mode("client.key", 0o600);
        format!("--cert {} --key {}", cert.display(), key.display())
    }

    /// The options and the host behind `smtps-bridge`.
    fn words(&self, host: &Smarthost) -> String {
        format!("--ca-file {} {NAME}:{}", self.house.dir.path("ca.pem").display(), host.addr.port())
    }
}

fn expired(house: &House) -> Leaf {
    house.ca.leaf_with(&[NAME], |params| params.not_after = date_time_ymd(2026, 1, 15))
}

/// Sends a message with AUTH by swaks to 127.0.0.1:2525.
fn swaks(machine: &Machine) -> String {
    machine
        .sh("swaks --server 127.0.0.1:2525 --ehlo laptop.test --auth PLAIN --auth-user alice --auth-password secret \
         --from alice@example.org --to bob@example.net --body 'through a superserver'")
}

/// A message of swaks arrives with AUTH, and the log has one line about it, of the client that it was.
#[track_caller]
fn relays(machine: &Machine, provider: &Provider) {
    relays_for(machine, provider, "127.0.0.1:");
}

/// As `relays`, but the log names the client in another way.
#[track_caller]
fn relays_for(machine: &Machine, provider: &Provider, client: &str) {
    if without_tool("swaks") {
        return;
    }
    swaks(machine);
    let inbox = provider.good.inbox();
    let [message] = inbox.as_slice() else { panic!("one message, not {inbox:?}") };
    assert_eq!((message.user.as_str(), message.to.as_slice()), ("alice", ["bob@example.net".to_owned()].as_slice()));
    assert!(String::from_utf8_lossy(&message.data).contains("through a superserver"));
    let line = machine.syslog.line("closed ");
    // <22>: facility mail, severity info.
    assert!(line.starts_with("<22>") && line.contains(&format!(" client={client}")), "{line}");
    assert!(line.contains("end=close_notify"), "{line}");
}

/// That many sessions at once: all are connected before the first one hears its greeting, and all have it before the
/// first one ends.
#[track_caller]
fn bursts(machine: &Machine, sessions: usize) {
    let mut clients: Vec<TcpStream> = (0..sessions).map(|_| machine.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let greeting = client.line();
        assert!(greeting.starts_with("220 "), "session {n}: {greeting:?}");
    }
    for (n, client) in clients.iter_mut().enumerate() {
        client.say("QUIT\r\n");
        let bye = client.line();
        assert!(bye.starts_with("221 "), "session {n}: {bye:?}");
        // As a mail program does: ncat keeps the connection until the client ends it.
        client.shutdown(Shutdown::Write).expect("a half-close");
        assert_eq!(String::from_utf8_lossy(&client.rest()), "", "session {n}");
    }
}

/// More than any limit that a superserver has by itself, and than a mail program opens at once.
const BURST: usize = 20;

/// What the test of every superserver shows: mail with AUTH, and a burst.
#[track_caller]
fn serves(machine: &Machine, provider: &Provider) {
    relays(machine, provider);
    bursts(machine, BURST);
}

/// The same with a smarthost whose certificate has expired: the 421, to each of a queue.
#[track_caller]
fn fails(machine: &Machine, sessions: usize) {
    refuses(machine);
    refuses_a_queue(machine, sessions);
}

/// The client reads the 421, whole and nothing else, says QUIT all the same, and the log has the same sentence.
#[track_caller]
fn refuses(machine: &Machine) {
    let mut client = machine.client();
    let reply = client.line();
    client.say("QUIT\r\n");
    assert_eq!(String::from_utf8_lossy(&client.rest()), "", "behind {reply:?}");
    assert!(reply.starts_with(&format!("421 4.7.5 {NAME}: ")) && reply.ends_with("\r\n"), "{reply:?}");
    assert!(reply.contains("expired on 2026-01-15"), "{reply:?}");
    let line = machine.syslog.line("failed ");
    // <19>: facility mail, severity err.
    assert!(line.starts_with("<19>") && line.contains("expired on 2026-01-15"), "{line}");
    assert!(line.contains("reply=\"421 4.7.5\""), "{line}");
}

/// How many sessions, one after the other, get their 421 before one gets none; at most 300.
fn answered() -> usize {
    let answer = || {
        let mut client = TcpStream::connect("127.0.0.1:2525").ok()?;
        // A client that is not served now is not served for minutes.
        client.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        let mut reply = [0; 4];
        client.read_exact(&mut reply).ok()?;
        (reply == *b"421 ").then_some(())
    };
    (0..300).take_while(|_| answer().is_some()).count()
}

/// As many sessions, one after the other, each with its 421.
#[track_caller]
fn refuses_a_queue(machine: &Machine, sessions: usize) {
    for n in 0..sessions {
        let reply = machine.client().line();
        assert!(reply.starts_with("421 4.7.5 "), "session {n}: {reply:?}");
    }
}
