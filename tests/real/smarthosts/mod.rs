//! What the bridge speaks to over TLS: real servers on port 465, each on a machine of its own. All of them know alice,
//! and relay what she sends to a sink.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::bridge::House;
use crate::support::ca::sha256;
use crate::support::namespace::without_tool;

use crate::real::machine::Machine;

use mail::{mails, Mail};
use session::{bridged, straight};
use sink::{Message, Sink};

mod aiosmtpd;
mod dovecot;
mod exim;
mod exim_ends;
mod haproxy;
mod haraka;
mod mail;
mod opensmtpd;
pub mod postfix;
mod postscreen;
mod rustls_server;
mod script;
mod sendmail;
mod session;
mod sink;
mod smtp_server;
mod starttls;
mod stunnel;

const SINK: u16 = 10025;
/// Until a server listens; until it has relayed 25 MB, with several such tests on two cores.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Server {
    pub house: House,
    host: String,
    /// What it relayed, or took.
    pub inbox: Box<dyn Fn() -> Vec<Message>>,
    /// None for a server in the test's own process.
    machine: Option<Machine>,
}

impl Server {
    /// A machine with these peers, on which nothing runs yet; None, with a skip, if one is missing. The server's
    /// certificate and key are /etc/smarthost-cert.pem and /etc/smarthost-key.pem.
    fn boot(peers: &[&str]) -> Option<Server> {
        Server::boot_before(|| Sink::open(SINK), peers)
    }

    fn boot_before(sink: impl FnOnce() -> Sink, peers: &[&str]) -> Option<Server> {
        let machine = Machine::boot(peers)?;
        let house = House::new();
        // The usual kind of a provider; the other tests have ECDSA.
        let leaf = house.ca.leaf_rsa();
        machine.write("/etc/smarthost-cert.pem", &leaf.cert_pem);
        machine.write("/etc/smarthost-key.pem", &leaf.key_pem);
        machine.sh("chmod 600 /etc/smarthost-key.pem");
        let sink = sink();
        let inbox = Box::new(move || sink.inbox());
        Some(Server { house, host: "127.0.0.1:465".to_owned(), inbox, machine: Some(machine) })
    }

    /// Writes the server's configuration, runs what starts it, and waits until it listens.
    #[track_caller]
    fn start(self, file: &str, config: &str, script: &str) -> Server {
        let machine = self.machine.as_ref().expect("a machine");
        let (dir, _) = file.rsplit_once('/').expect("a path");
        machine.sh(&format!("mkdir -p {dir}"));
        machine.write(file, config);
        machine.sh(script);
        self.until("it listens", || listens(465));
        self
    }

    /// What stands in the machine's log.
    fn log(&self) -> Vec<String> {
        self.machine.as_ref().map(|machine| machine.syslog.lines()).unwrap_or_default()
    }

    /// As `limit::until`, with the machine's log.
    #[track_caller]
    pub fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            let log = || self.machine.as_ref().map(|machine| (machine.console(), machine.syslog.lines()));
            assert!(start.elapsed() < PATIENCE, "waited in vain until {what}: {:#?}", log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends every kind of mail that the server offers to take, these at least, in one session.
    #[track_caller]
    fn takes_every_kind_of_mail(&self, at_least: &[&str]) -> Taken {
        let (bridge, mut session) = bridged(&self.house, &self.host);
        let offers = session.greet();
        let keyword = |line: &str| line.get(4..)?.split_whitespace().next().map(str::to_ascii_uppercase);
        let offers: Vec<String> = offers.lines().skip(1).filter_map(keyword).collect();
        session.ask("MAIL FROM:<alice@example.org>");
        let refused = session.ask("RCPT TO:<bob@example.net>");
        assert!(refused.starts_with('5'), "without AUTH: {refused:?}");
        session.ask("RSET");
        let login = session.login("secret");
        assert!(login.starts_with("235"), "{login:?}");
        let pipelining = offers.iter().any(|offer| offer == "PIPELINING");
        let mails = mails(&offers);
        for mail in &mails {
            session.send(mail, pipelining);
        }
        let ended = session.quit(bridge);
        assert_eq!(ended.code, 0, "{}", ended.log);
        for mail in &mails {
            self.arrives(mail);
        }
        let mut kinds: Vec<&str> = mails.iter().map(|mail| mail.name).collect();
        kinds.extend(pipelining.then_some("PIPELINING"));
        for kind in at_least {
            assert!(kinds.contains(kind), "no {kind} in {offers:?}");
        }
        Taken { kinds: kinds.join(", "), line: ended.line().to_owned() }
    }

    /// Waits until all recipients have it, and compares.
    #[track_caller]
    fn arrives(&self, mail: &Mail) {
        let arrived =
            || -> Vec<Message> { (self.inbox)().into_iter().filter(|message| message.name == mail.name).collect() };
        self.until(&format!("{} has arrived", mail.name), || {
            arrived().iter().map(|message| message.to.len()).sum::<usize>() >= mail.to.len()
        });
        let arrived = arrived();
        let mut to: Vec<&str> = arrived.iter().flat_map(|message| &message.to).map(String::as_str).collect();
        let mut expected: Vec<&str> = mail.to.iter().map(String::as_str).collect();
        to.sort_unstable();
        expected.sort_unstable();
        assert_eq!(to, expected, "{}", mail.name);
        for message in &arrived {
            let (from, above) = (message.from.as_str(), &message.above);
            assert_eq!((from, message.data.len()), (mail.from, mail.data.len()), "{}, below {above}", mail.name);
            assert_eq!(sha256(&message.data), sha256(&mail.data), "{}, below {above}", mail.name);
        }
    }

    /// What the server says to EHLO and to a wrong password comes through as openssl(1) hears it.
    #[track_caller]
    fn refuses_a_wrong_password(&self) {
        if without_tool("openssl") {
            return;
        }
        let (_openssl, mut session) = straight(&self.house, &self.host);
        let expected = (session.greet(), session.login("guess"));
        let (bridge, mut session) = bridged(&self.house, &self.host);
        assert_eq!((session.greet(), session.login("guess")), expected);
        assert!(expected.1.starts_with("535 "), "{:?}", expected.1);
        assert_eq!(session.quit(bridge).code, 0);
    }
}

/// What one session carried.
struct Taken {
    kinds: String,
    line: String,
}

impl Taken {
    /// Each of the words stands in the log line.
    #[track_caller]
    fn logged(&self, words: &[&str]) {
        for word in words {
            assert!(self.line.split_whitespace().any(|field| field == *word), "no {word} in {}", self.line);
        }
    }
}

/// Whether a socket of this IPv4 port is in state LISTEN, as proc(5) writes it.
fn listens(port: u16) -> bool {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    table.contains(&format!(":{port:04X} 00000000:0000 0A "))
}
