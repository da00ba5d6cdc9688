//! From hosts to a greeting in hand: hosts in order, their addresses staggered, fail-over after connect, handshake,
//! certificate and greeting failures alike, all under one deadline that is shared out so that nobody eats another's
//! turn.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};

use log::debug;

use crate::deadline::Deadline;
use crate::error::{Error, Failure, Stage};
use crate::hooks;
use crate::net::{self, Race};
use crate::options::{Host, Options, Replies};
use crate::text::escape;
use crate::tls::{self, Attempt, Tls};
use crate::trust::Trusted;
use crate::wait::Waiter;

/// A smarthost that answered.
pub struct Session<'a> {
    pub tls: Tls,
    pub greeting: Vec<u8>,
    pub host: &'a Host,
    pub addr: SocketAddr,
}

/// `session` is None when all hosts failed; `passed` has one entry for each host that gave none, in order.
pub struct Dialled<'a> {
    pub session: Option<Session<'a>>,
    pub passed: Vec<Failure>,
}

/// # Errors
/// What ends the search at once: SIGTERM, no descriptors, no threads. It comes first, then the hosts passed over so far.
pub fn dial<'a>(
    options: &'a Options,
    trusted: &Trusted,
    deadline: Deadline,
    waiter: &Waiter,
) -> Result<Dialled<'a>, Vec<Failure>> {
    let mut passed = Vec::new();
    let mut hosts = options.hosts.iter();
    while let Some(host) = hosts.next() {
        let search = Search {
            host,
            deadline: deadline.share(hosts.len() + 1),
            // Only the last host's greeting is passed on whatever it says; of others it must be a 220.
            greeting: match (options.replies, hosts.len()) {
                (Replies::None, _) => Wanted::Nothing,
                (Replies::Smtp, 0) => Wanted::Any,
                (Replies::Smtp, _) => Wanted::Ready,
            },
            trusted,
            waiter,
        };
        match search.run(options) {
            Ok(session) => return Ok(Dialled { session: Some(session), passed }),
            Err(failure) if matches!(failure.error, Error::Terminated { .. } | Error::OutOf { .. }) => {
                passed.insert(0, *failure);
                return Err(passed);
            }
            Err(failure) => passed.push(*failure),
        }
    }
    Ok(Dialled { session: None, passed })
}

/// What the greeting must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// `--no-reply`: the client may have to speak first.
    Nothing,
    Any,
    /// 220 (RFC 5321 section 4.2.2).
    Ready,
}

impl Wanted {
    fn octets(self) -> usize {
        match self {
            Wanted::Nothing => 0,
            Wanted::Any => 1,
            Wanted::Ready => 3,
        }
    }
}

struct Search<'a, 'b> {
    host: &'a Host,
    deadline: Deadline,
    greeting: Wanted,
    trusted: &'b Trusted,
    waiter: &'b Waiter,
}

impl<'a> Search<'a, '_> {
    fn run(&self, options: &Options) -> Result<Session<'a>, Box<Failure>> {
        hooks::enter("resolve");
        let mut untried = net::resolve(self.host, options.family, self.deadline, self.waiter)
            .map_err(|error| self.failure(error, None, 0))?;
        debug!("resolved host={} addresses={}", self.host.name, words(&untried));
        let mut failed: Vec<(SocketAddr, Error)> = Vec::new();
        loop {
            hooks::enter("connect");
            let race = net::connect(&mut untried, &mut failed, self.deadline, self.waiter)
                .map_err(|error| self.failure(error, None, failed.len()))?;
            let (stream, addr) = match race {
                Race::Won(stream, addr) => (stream, addr),
                Race::Lost => return Err(self.worst(failed)),
            };
            debug!("connected host={} addr={addr}", self.host.name);
            // Others were given up and wait in `untried`: they keep their turn should this one fail.
            match self.open(stream, self.deadline.share(untried.len() + 1)) {
                Ok((tls, greeting)) => return Ok(Session { tls, greeting, host: self.host, addr }),
                Err(
                    error @ (Error::Terminated { .. }
                    | Error::OutOf { .. }
                    | Error::Turned { stage: Stage::Greeting, .. }
                    | Error::NotSmtp { .. }),
                ) => return Err(self.failure(error, Some(addr), failed.len() + 1)),
                Err(error) => failed.push((addr, error)),
            }
        }
    }

    /// Handshake and greeting on one connection.
    fn open(&self, stream: TcpStream, deadline: Deadline) -> Result<(Tls, Vec<u8>), Error> {
        let attempt = Attempt {
            trusted: self.trusted,
            server_name: &self.host.server_name,
            deadline,
            seconds: deadline.left().as_secs_f64().round() as u64,
            waiter: self.waiter,
        };
        let mut tls = tls::handshake(stream, &attempt)?;
        debug!("handshake host={} tls={} suite={}", self.host.name, tls.facts.version, tls.facts.suite);
        if self.greeting == Wanted::Nothing {
            return Ok((tls, Vec::new()));
        }
        let greeting = tls.greeting(self.greeting.octets(), &attempt)?;
        if self.greeting == Wanted::Ready && !greeting.starts_with(b"220") {
            tls.abandon();
            let line = greeting.split(|octet| *octet == b'\r' || *octet == b'\n').next().unwrap_or_default();
            return Err(Error::turned(Stage::Greeting, escape(line, 100)));
        }
        Ok((tls, greeting))
    }

    fn worst(&self, failed: Vec<(SocketAddr, Error)>) -> Box<Failure> {
        let tried = failed.len();
        let furthest = failed.into_iter().rev().max_by_key(|(_, error)| error.distance());
        match furthest {
            Some((addr, error)) => self.failure(error, Some(addr), tried),
            None => self.failure(Error::ConnectTimeout { port: self.host.port }, None, 0),
        }
    }

    fn failure(&self, error: Error, addr: Option<SocketAddr>, tried: usize) -> Box<Failure> {
        Box::new(Failure {
            error,
            host: Some(self.host.name.clone()),
            server_name: Some(self.host.server_name_text()),
            addr,
            tried,
        })
    }
}

fn words(addresses: &VecDeque<SocketAddr>) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
