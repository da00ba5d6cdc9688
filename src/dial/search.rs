//! One host: lookup, staggered connects, handshake and greeting, one address after the other, as a session does it. The
//! report does the same.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use log::debug;

use super::{Done, Onlooker, Session, Step, Told};
use crate::deadline::{seconds, Deadline};
use crate::error::{Error, Failure, Stage};
use crate::hooks;
use crate::net::{self, Race};
use crate::options::{Dial, Host, Mode, Options, Replies};
use crate::smtp::{Code, Greeting};
use crate::starttls::{self, Clear, Steps};
use crate::stdio;
use crate::text::escape;
use crate::tls::{self, Attempt, Packets, Said, Tls};
use crate::trust::Trusted;
use crate::wait::Waiter;

/// The default of `--setup-timeout`.
const SETUP_S: u64 = 60;

/// How long after our start a greeting may come. Clients wait 5 minutes for it (RFC 5321 section 4.5.3.2.1), and our 421
/// must still reach them.
const GREETING_S: u64 = 290;

/// What a server that has proved who it is gets for its greeting at least, while others are untried.
const PATIENCE_S: u64 = 30;

/// How many addresses of a host are asked for a greeting (RFC 5321 section 5.1: at least two).
const MOST_GREETINGS: usize = 2;

const OWN_PORT: &str = "this is the port that the superserver listens on: give the smarthost's name and port as HOST";

/// The clocks before a session.
pub struct Clocks {
    /// For lookup, connect and handshake of all that is untried. Unless it was given, it stands still during a greeting.
    setup: Deadline,
    /// For the last greeting.
    greeting: Deadline,
    given: bool,
}

impl Clocks {
    pub fn new(given: Option<Duration>, started: Instant) -> Clocks {
        let setup = Deadline::since(started, seconds(given.map_or(SETUP_S, |given| given.as_secs())));
        let greeting = if given.is_some() { setup } else { Deadline::since(started, seconds(GREETING_S)) };
        Clocks { setup, greeting, given: given.is_some() }
    }
}

/// One host, all its addresses.
pub struct Search<'a, 'b> {
    pub host: &'a Host,
    /// The hosts that wait for their turn.
    pub behind: &'a [Host],
    pub options: &'b Options,
    pub mode: Mode,
    pub trusted: &'b Trusted,
    pub waiter: &'b Waiter,
    pub packets: Packets,
}

impl<'a, 'b> Search<'a, 'b> {
    /// For a host with no other behind it.
    pub fn alone(host: &'a Host, options: &'b Options, trusted: &'b Trusted, waiter: &'b Waiter) -> Search<'a, 'b> {
        Search { host, behind: &[], options, mode: options.mode, trusted, waiter, packets: Packets::Usual }
    }

    /// # Errors
    /// Why there is no session: the address that came furthest.
    pub fn run(&self, clocks: &mut Clocks, onlooker: &mut impl Onlooker) -> Result<Session<'a>, Box<Failure>> {
        hooks::enter("resolve");
        // Hosts that need the same resolver would wait for the same answer.
        let others = self.behind.iter().filter(|host| matches!(host.dial, Dial::Address(_))).count();
        onlooker.begins(Step::Resolve);
        let found = net::resolve(self.host, self.options.family, clocks.setup.share(others + 1), self.waiter);
        onlooker.ends(found.as_ref().map(|found| Done::Resolved(found.len())));
        let mut untried = found.map_err(|error| self.failure(error, None, 0))?;
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
        while greetings < MOST_GREETINGS && !untried.is_empty() {
            let race = self
                .connect(&mut untried, &mut failed, ours, onlooker)
                .map_err(|error| self.failure(error, None, failed.len()))?;
            let Race::Won(stream, addr) = race else { break };
            debug!("connected host={} addr={addr}", self.host.name);
            // Others were given up and wait in `untried`: they keep their turn should this one fail.
            let share = ours.share(untried.len() + 1);
            let mut told = Told::default();
            let opened = self.handshake(stream, share, &mut told, onlooker).and_then(|tls| {
                greetings += 1;
                let shaken = Instant::now();
                let last = untried.is_empty() || greetings == MOST_GREETINGS;
                let greeted = self.greeting(tls, self.patience(clocks, last, ours, share), &mut told, onlooker);
                if !clocks.given {
                    clocks.setup = clocks.setup.later(shaken.elapsed());
                    ours = ours.later(shaken.elapsed());
                }
                greeted
            });
            onlooker.told(addr, told);
            match opened {
                Ok((tls, greeting)) => {
                    failed.into_iter().for_each(|(addr, error)| onlooker.passed(addr, error));
                    return Ok(Session { tls, greeting, mode: self.mode, host: self.host, addr });
                }
                Err(error) if error.ends_all() => return Err(self.failure(error, Some(addr), failed.len() + 1)),
                Err(error) => {
                    // It was asked for a greeting in clear, and answered.
                    greetings += usize::from(matches!(&error, Error::InClear(cause) if cause.is_answer()));
                    failed.push((addr, error));
                }
            }
        }
        Err(self.worst(failed, onlooker))
    }

    /// One address, on a clock of its own.
    ///
    /// # Errors
    /// Why it gives no session.
    pub fn address(&self, addr: SocketAddr, deadline: Deadline, onlooker: &mut impl Onlooker) -> Result<Tls, Error> {
        hooks::enter("connect");
        onlooker.begins(Step::Connect(&[addr].into()));
        let connected = net::connect_one(addr, deadline, self.waiter);
        onlooker.ends(connected.as_ref().map(|_| Done::Connected(addr)));
        let stream = connected?;
        let mut told = Told::default();
        let opened = self.handshake(stream, deadline, &mut told, onlooker);
        let opened = opened.and_then(|tls| self.greeting(tls, deadline, &mut told, onlooker));
        onlooker.told(addr, told);
        opened.map(|(tls, _)| tls)
    }

    /// Whether a server greets us.
    pub fn is_greeted(&self) -> bool {
        self.options.replies() == Replies::Smtp
    }

    /// A server that greeted us gets a goodbye.
    pub fn leave(&self, tls: Tls) {
        if self.is_greeted() {
            tls.leave();
        } else {
            tls.abandon();
        }
    }

    fn connect(
        &self,
        untried: &mut VecDeque<SocketAddr>,
        failed: &mut Vec<(SocketAddr, Error)>,
        deadline: Deadline,
        onlooker: &mut impl Onlooker,
    ) -> Result<Race, Error> {
        hooks::enter("connect");
        onlooker.begins(Step::Connect(untried));
        let race = net::connect(untried, failed, deadline, self.waiter);
        match (&race, failed.last()) {
            (Ok(Race::Won(_, addr)), _) => onlooker.ends(Ok(Done::Connected(*addr))),
            (Ok(Race::Lost), Some((_, error))) | (Err(error), _) => onlooker.ends(Err(error)),
            (Ok(Race::Lost), None) => onlooker.ends(Ok(Done::Other)),
        }
        race
    }

    fn handshake(
        &self,
        stream: TcpStream,
        deadline: Deadline,
        told: &mut Told,
        onlooker: &mut impl Onlooker,
    ) -> Result<Tls, Error> {
        let attempt = self.attempt(deadline);
        let in_clear = self.mode == Mode::StartTls;
        if in_clear {
            let &Attempt { deadline, seconds, waiter, .. } = &attempt;
            let mut steps = Steps::default();
            onlooker.begins(Step::StartTls);
            let way = Clear { stream: &stream, deadline, seconds, waiter }.start(&mut steps);
            onlooker.ends(way.as_ref().map(|()| Done::Other));
            told.clear = steps.replies;
            way?;
            debug!("starttls host={}", self.host.name);
        }
        onlooker.begins(Step::Handshake);
        let shaken = tls::handshake(stream, &attempt, &mut told.agreed);
        let shaken = shaken.map_err(|error| if in_clear { starttls::behind(error) } else { error });
        onlooker.ends(shaken.as_ref().map(|_| Done::Other));
        told.chain = self.trusted.presented();
        let tls = shaken?;
        debug!("handshake host={} tls={} suite={}", self.host.name, tls.facts.version, tls.facts.suite);
        told.agreed = Some(tls.facts.clone());
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
    fn greeting(
        &self,
        mut tls: Tls,
        deadline: Deadline,
        told: &mut Told,
        onlooker: &mut impl Onlooker,
    ) -> Result<(Tls, Greeting), Error> {
        let stage = Stage::Greeting;
        match (self.options.replies(), self.mode) {
            (Replies::None, _) => return Ok((tls, Greeting::Theirs(Vec::new()))),
            // With TLS 1.3 a server refuses our certificate, or that we have none, only now.
            (Replies::Smtp, Mode::StartTls) if self.trusted.was_asked() => tls.write(b"NOOP\r\n", stage)?,
            (Replies::Smtp, Mode::StartTls) => return Ok((tls, self.our_greeting())),
            (Replies::Smtp, Mode::ImplicitTls) => {}
        }
        onlooker.begins(Step::Greeting);
        let said = tls.greeting(&self.attempt(deadline));
        onlooker.ends(said.as_ref().map(|_| Done::Other));
        let Said { reply, octets } = said?;
        let (code, line) = (reply.code, escape(&reply.words()));
        match self.mode {
            Mode::ImplicitTls => {
                told.greeting = Some(reply);
                if code == Code::READY {
                    return Ok((tls, Greeting::Theirs(octets)));
                }
            }
            Mode::StartTls if !code.is_goodbye() => return Ok((tls, self.our_greeting())),
            Mode::StartTls => {}
        }
        tls.leave();
        Err(Error::Turned { stage, line })
    }

    fn our_greeting(&self) -> Greeting {
        Greeting::Ours(format!("220 {} ESMTP\r\n", self.host.greeting_name()))
    }

    pub fn attempt(&self, deadline: Deadline) -> Attempt<'_> {
        Attempt {
            trusted: self.trusted,
            host: self.host,
            deadline,
            seconds: deadline.seconds_left(),
            waiter: self.waiter,
            packets: self.packets,
        }
    }

    fn worst(&self, mut failed: Vec<(SocketAddr, Error)>, onlooker: &mut impl Onlooker) -> Box<Failure> {
        let tried = failed.len();
        let furthest = (0..tried).rev().max_by_key(|at| failed.get(*at).map(|(_, error)| error.distance()));
        let worst = furthest.map(|at| failed.remove(at));
        failed.into_iter().for_each(|(addr, error)| onlooker.passed(addr, error));
        match worst {
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
