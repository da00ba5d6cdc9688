//! From hosts to a complete greeting: hosts in order, their addresses staggered, fail-over after connect, handshake,
//! certificate and greeting failures alike, under clocks that are shared out so that nobody eats another's turn.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use log::debug;

use crate::deadline::{seconds, Deadline};
use crate::error::{Error, Failure, Stage};
use crate::hooks;
use crate::net::{self, Race};
use crate::options::{Dial, Host, Mode, Options, Replies};
use crate::smtp::{Code, Greeting};
use crate::starttls::{self, Clear, Steps};
use crate::stdio;
use crate::text::escape;
use crate::tls::{self, Attempt, Tls};
use crate::trust::Trusted;
use crate::wait::Waiter;

/// `--setup-timeout` where it is not given.
const SETUP_S: u64 = 60;

/// So long after our start a greeting may come: clients wait 5 minutes for it (RFC 5321 section 4.5.3.2.1), and our 421 must
/// still reach them.
const GREETING_S: u64 = 290;

/// What a server that has proved who it is gets for its greeting at least, while others are untried.
const PATIENCE_S: u64 = 30;

/// So many addresses of a host are asked for a greeting (RFC 5321 section 5.1: at least two).
const MOST_GREETINGS: usize = 2;

const OWN_PORT: &str = "this is the port that the superserver listens on: give the smarthost's name and port as HOST";

/// A smarthost that answered.
pub struct Session<'a> {
    pub tls: Tls,
    pub greeting: Greeting,
    pub mode: Mode,
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
    started: Instant,
    waiter: &Waiter,
) -> Result<Dialled<'a>, Vec<Failure>> {
    let mut passed = Vec::new();
    let mut clocks = Clocks::new(options.setup_timeout, started);
    let mut hosts = options.hosts.iter();
    while let Some(host) = hosts.next() {
        let search = Search { host, behind: hosts.as_slice(), options, trusted, waiter };
        match search.run(&mut clocks) {
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

/// The clocks before a session.
struct Clocks {
    /// For lookup, connect and handshake of all that is untried. Unless it was given, it stands still during a greeting.
    setup: Deadline,
    /// For the last greeting.
    greeting: Deadline,
    given: bool,
}

impl Clocks {
    fn new(given: Option<Duration>, started: Instant) -> Clocks {
        let setup = Deadline::since(started, seconds(given.map_or(SETUP_S, |given| given.as_secs())));
        let greeting = if given.is_some() { setup } else { Deadline::since(started, seconds(GREETING_S)) };
        Clocks { setup, greeting, given: given.is_some() }
    }
}

struct Search<'a, 'b> {
    host: &'a Host,
    /// The hosts that wait for their turn.
    behind: &'a [Host],
    options: &'b Options,
    trusted: &'b Trusted,
    waiter: &'b Waiter,
}

impl<'a> Search<'a, '_> {
    fn run(&self, clocks: &mut Clocks) -> Result<Session<'a>, Box<Failure>> {
        hooks::enter("resolve");
        // Hosts that need the same resolver would wait for the same answer.
        let others = self.behind.iter().filter(|host| matches!(host.dial, Dial::Address(_))).count();
        let mut untried = net::resolve(self.host, self.options.family, clocks.setup.share(others + 1), self.waiter)
            .map_err(|error| self.failure(error, None, 0))?;
        debug!("resolved host={} addresses={}", self.host.name, words(&untried));
        let mut ours = clocks.setup.share(self.behind.len() + 1);
        let mut failed: Vec<(SocketAddr, Error)> = Vec::new();
        untried.retain(|addr| {
            let own = stdio::is_own_port(*addr);
            if own {
                failed.push((*addr, Error::Descriptor(OWN_PORT)));
            }
            !own
        });
        let mut greetings = 0;
        while greetings < MOST_GREETINGS {
            hooks::enter("connect");
            let race = net::connect(&mut untried, &mut failed, ours, self.waiter)
                .map_err(|error| self.failure(error, None, failed.len()))?;
            let (stream, addr) = match race {
                Race::Won(stream, addr) => (stream, addr),
                Race::Lost => break,
            };
            debug!("connected host={} addr={addr}", self.host.name);
            // Others were given up and wait in `untried`: they keep their turn should this one fail.
            let share = ours.share(untried.len() + 1);
            let opened = self.handshake(stream, share).and_then(|tls| {
                greetings += 1;
                let shaken = Instant::now();
                let last = untried.is_empty() || greetings == MOST_GREETINGS;
                let greeted = self.greeting(tls, self.patience(clocks, last, ours, share));
                if !clocks.given {
                    clocks.setup = clocks.setup.later(shaken.elapsed());
                    ours = ours.later(shaken.elapsed());
                }
                greeted
            });
            match opened {
                Ok((tls, greeting)) => {
                    return Ok(Session { tls, greeting, mode: self.options.mode, host: self.host, addr })
                }
                Err(error @ (Error::Terminated { .. } | Error::OutOf { .. })) => {
                    return Err(self.failure(error, Some(addr), failed.len() + 1))
                }
                Err(error) => {
                    // It was asked in clear, and answered.
                    greetings += usize::from(matches!(&error, Error::InClear(cause) if cause.is_answer()));
                    failed.push((addr, error));
                }
            }
        }
        Err(self.worst(failed))
    }

    fn handshake(&self, stream: TcpStream, deadline: Deadline) -> Result<Tls, Error> {
        let attempt = self.attempt(deadline);
        let tls = match self.options.mode {
            Mode::ImplicitTls => tls::handshake(stream, &attempt)?,
            Mode::StartTls => {
                let &Attempt { deadline, seconds, waiter, .. } = &attempt;
                Clear { stream: &stream, deadline, seconds, waiter }.start(&mut Steps::new())?;
                debug!("starttls host={}", self.host.name);
                tls::handshake(stream, &attempt).map_err(starttls::behind)?
            }
        };
        debug!("handshake host={} tls={} suite={}", self.host.name, tls.facts.version, tls.facts.suite);
        Ok(tls)
    }

    /// Until when a greeting may come. A server that has proved who it is is alive: the last one gets all the time there is,
    /// others enough for a slow one, as long as the hosts behind keep their turn.
    fn patience(&self, clocks: &Clocks, last: bool, ours: Deadline, share: Deadline) -> Deadline {
        let enough = Deadline::after(seconds(PATIENCE_S));
        match (last && self.behind.is_empty(), clocks.given) {
            (true, _) => clocks.greeting,
            (false, true) => share.max(enough.min(ours)),
            (false, false) => share.max(enough).min(clocks.greeting),
        }
    }

    /// The greeting, whole; with `--no-reply` there is none to wait for, since the client may have to speak first. Behind
    /// STARTTLS it is ours.
    fn greeting(&self, mut tls: Tls, deadline: Deadline) -> Result<(Tls, Greeting), Error> {
        let stage = Stage::Greeting;
        let attempt = self.attempt(deadline);
        match (self.options.replies, self.options.mode) {
            (Replies::None, _) => return Ok((tls, Greeting::Theirs(Vec::new()))),
            // TLS 1.3 tells the refusal of our certificate, or of having none, only now.
            (Replies::Smtp, Mode::StartTls) if self.trusted.was_asked() => tls.write(b"NOOP\r\n", stage)?,
            (Replies::Smtp, Mode::StartTls) => return Ok((tls, self.our_greeting())),
            (Replies::Smtp, Mode::ImplicitTls) => {}
        }
        let said = tls.greeting(&attempt)?;
        match self.options.mode {
            Mode::ImplicitTls if said.reply.code == Code::READY => return Ok((tls, Greeting::Theirs(said.octets))),
            Mode::StartTls if !said.reply.code.is_goodbye() => return Ok((tls, self.our_greeting())),
            Mode::ImplicitTls | Mode::StartTls => {}
        }
        tls.leave();
        Err(Error::Turned { stage, line: escape(&said.reply.words(), 160) })
    }

    fn our_greeting(&self) -> Greeting {
        Greeting::Ours(format!("220 {} ESMTP\r\n", self.host.greeting_name()))
    }

    fn attempt(&self, deadline: Deadline) -> Attempt<'_> {
        Attempt {
            trusted: self.trusted,
            host: self.host,
            deadline,
            seconds: deadline.seconds_left(),
            waiter: self.waiter,
        }
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
