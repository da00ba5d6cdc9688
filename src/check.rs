//! `--check`: what a session would do, step by step, on every host and every address; what is wrong, and the cure. Never
//! a credential, never a MAIL command, no line in the log.

mod details;
mod dialogue;
mod look;
mod screen;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use crate::confine;
use crate::crypto::SLOW_START;
use crate::deadline::{seconds, Deadline};
use crate::error::{self, Error, On587, Seen, Trouble};
use crate::exit::Exit;
use crate::hooks;
use crate::logging;
use crate::net::{self, Race};
use crate::options::{
    Dial, Host, LogTo, Logging, Login, Mode, Network, Options, Replies, Stderr, Verbosity, SUBMISSION, SUBMISSIONS,
};
use crate::starttls::{self, Clear};
use crate::stdio::{self, Local};
use crate::text::escape;
use crate::tls::{self, Attempt};
use crate::trust::Trusted;
use crate::wait::Waiter;

use details::{show, show_days, Learned, Offers};
use dialogue::Dialogue;
use screen::Screen;

const HOLDS_ALL: &str = "it offers no AUTH, so that --require-auth would hold all mail: leave that option out if it \
                         knows this machine by its address or by --cert";

/// The report; 0 when every host would give a session, else the code of a session that has none.
pub fn run(options: &Options, local: &mut Local, stderr: Stderr, waiter: &Waiter, started: Instant) -> Exit {
    // Nobody may write a 421 into the report, the panic hook included; what that says goes to a terminal or nowhere.
    stdio::claim_first_byte();
    if is_stranger(local, &options.allow_from) {
        return Exit::NoPermission;
    }
    let to = if stderr == Stderr::Ours { LogTo::Stderr } else { LogTo::None };
    logging::open(Logging { to: Some(to), ..options.logging }, stderr);
    hooks::enter("arguments");
    let ports = options.hosts.iter().map(|host| host.port).chain([SUBMISSION]);
    let trusted = Trusted::new(&options.trust)
        .and_then(|trusted| confine::confine(options.user.as_ref(), ports).map(|_| trusted));
    let mut screen = Screen::new(Verbosity::of(options.logging), waiter);
    let trusted = match trusted {
        Ok(trusted) => trusted,
        Err(error) => return failed(&error, Seen::default(), &mut screen),
    };
    if let Some(why) = SLOW_START {
        screen.heading("this program");
        screen.line("note", why);
    }
    if let Some(validity) = trusted.identity {
        screen.heading("our certificate (--cert)");
        show_days(validity, false, "renew it", &mut screen);
    }
    let deadline = Deadline::since(started, seconds(options.setup_timeout.map_or(60, |given| given.as_secs())));
    let mut errors = Vec::new();
    let mut hosts = options.hosts.iter();
    while let Some(host) = hosts.next() {
        let deadline = deadline.share(hosts.len() + 1);
        let seen = Seen { in_report: true, ..Seen::default() };
        let mut check = Check { host, deadline, options, trusted: &trusted, waiter, seen, screen: &mut screen };
        let Err(error) = check.run() else { continue };
        let seen = check.seen;
        let ends_all = matches!(error, Error::Terminated { .. } | Error::OutOf { .. });
        failed(&error, seen, &mut screen);
        errors.push(error);
        if ends_all {
            break;
        }
    }
    screen.exit(error::exit(errors.iter()))
}

/// A command line that the parser refuses.
pub fn refused(error: &Error, local: &mut Local, waiter: &Waiter) -> Exit {
    stdio::claim_first_byte();
    if is_stranger(local, &[]) {
        return Exit::NoPermission;
    }
    failed(error, Seen::default(), &mut Screen::new(Verbosity::All, waiter))
}

/// A superserver's line with `--check` in it would show our files and routes to whoever connects. Without a client on
/// descriptor 0, as usual, there is nobody to refuse.
fn is_stranger(local: &mut Local, allow_from: &[Network]) -> bool {
    matches!(stdio::admit(local, allow_from), Err(Error::Stranger { .. }))
}

/// The sentence stands last, where the eye is.
fn failed(error: &Error, seen: Seen, screen: &mut Screen) -> Exit {
    if let Some(line) = error.clear() {
        screen.wrong("in clear", line);
    }
    screen.wrong("failed", &format!("{}: {}", error.stage(), error.sentence(seen)));
    screen.exit(error.exit())
}

struct Check<'a, 'b> {
    host: &'a Host,
    deadline: Deadline,
    options: &'a Options,
    trusted: &'a Trusted,
    waiter: &'a Waiter,
    /// What the sentence of a failure must not contradict.
    seen: Seen,
    screen: &'b mut Screen<'a>,
}

/// One address.
struct Tried {
    addr: SocketAddr,
    learned: Learned,
    error: Option<Error>,
}

impl Check<'_, '_> {
    /// One host, all its addresses.
    ///
    /// # Errors
    /// Why a session would come to nothing: the address that came furthest.
    fn run(&mut self) -> Result<(), Error> {
        self.screen.heading(&heading(self.host));
        let addresses = self.resolve()?;
        let looks = (self.options.mode, self.host.port) == (Mode::ImplicitTls, SUBMISSIONS);
        let mut tried = Vec::new();
        for (number, addr) in addresses.iter().enumerate() {
            let share = self.deadline.share(addresses.len().saturating_sub(number) + usize::from(looks));
            let mut it = self.address(*addr, share);
            match it.error.take() {
                Some(error @ (Error::Terminated { .. } | Error::OutOf { .. })) => return Err(error),
                other => it.error = other,
            }
            tried.push(it);
        }
        let first_good = tried.iter().position(|tried| tried.error.is_none());
        let furthest = || (0..tried.len()).rev().max_by_key(|n| tried.get(*n)?.error.as_ref().map(Error::distance));
        let Some(best) = first_good.or_else(furthest) else { return Ok(()) };
        let best = tried.remove(best);
        self.others(&tried, &best);
        let (trust, name) = (&self.options.trust.server, &self.host.server_name);
        show(&best.learned, best.error.as_ref(), name, trust, self.trusted, self.screen);
        if self.options.login == Login::Required && best.learned.offers.is_some_and(|offers| offers.lacks("AUTH")) {
            self.screen.wrong("warning", HOLDS_ALL);
        }
        match best.error {
            None => {
                let result =
                    if self.screen.has_warned() { "a session would begin; see the warning above" } else { "fine" };
                self.screen.line("result", result);
                Ok(())
            }
            Some(error) => {
                let silent = matches!(
                    error,
                    Error::Refused { .. }
                        | Error::ConnectTimeout { .. }
                        | Error::Tls { trouble: Trouble::SilentOnHello { .. }, .. }
                );
                if silent && looks {
                    let refused = look::look(best.addr.ip(), self.deadline, self.waiter, self.screen)?;
                    self.seen.on_587 = Some(if refused { On587::Refused } else { On587::Other });
                }
                Err(error)
            }
        }
    }

    fn resolve(&mut self) -> Result<VecDeque<SocketAddr>, Error> {
        if let Dial::Address(_) = self.host.dial {
            // Nothing is looked up; an address that -4 or -6 excludes is refused all the same.
            return net::resolve(self.host, self.options.family, self.deadline, self.waiter);
        }
        self.screen.begin("resolve");
        let start = Instant::now();
        let found = net::resolve(self.host, self.options.family, self.deadline, self.waiter);
        match &found {
            Ok(addresses) if addresses.len() == 1 => self.screen.more(&format!("1 address in {}", took(start))),
            Ok(addresses) => self.screen.more(&format!("{} addresses in {}", addresses.len(), took(start))),
            Err(_) => self.screen.more(&format!("failed after {}", took(start))),
        }
        self.screen.end();
        found
    }

    /// All steps of a session on one line, each with its own time.
    fn address(&mut self, addr: SocketAddr, deadline: Deadline) -> Tried {
        self.screen.begin("address");
        self.screen.more(&format!("{}:", addr.ip()));
        let mut learned = Learned::default();
        let error = self.steps(addr, deadline, &mut learned).err();
        self.screen.end();
        Tried { addr, learned, error }
    }

    fn steps(&mut self, addr: SocketAddr, deadline: Deadline, learned: &mut Learned) -> Result<(), Error> {
        let (waiter, trusted) = (self.waiter, self.trusted);
        let stream = step(self.screen, "connect", || connect(addr, deadline, waiter))?;
        let local = stream.local_addr();
        let attempt = Attempt { trusted, host: self.host, deadline, seconds: deadline.seconds_left(), waiter };
        let in_clear = self.options.mode == Mode::StartTls;
        if in_clear {
            let clear = Clear { stream: &stream, deadline, seconds: attempt.seconds, waiter };
            step(self.screen, ", STARTTLS", || clear.start(&mut learned.clear))?;
        }
        let shaken = step(self.screen, ", handshake", || tls::observed(stream, &attempt, &mut learned.facts))
            .map_err(|error| if in_clear { starttls::behind(error) } else { error });
        learned.chain = trusted.presented();
        let tls = shaken?;
        learned.facts = Some(tls.facts.clone());
        if self.options.replies == Replies::None {
            // As in a session: the protocol may be one where the client speaks first.
            tls.abandon();
            return Ok(());
        }
        let mut dialogue = Dialogue { tls, attempt };
        let mut said = match self.options.mode {
            Mode::ImplicitTls => step(self.screen, ", greeting", || dialogue.greeting(&mut learned.greeting)),
            Mode::StartTls => Ok(()),
        };
        if said.is_ok() {
            let local = local.unwrap_or(addr);
            said = step(self.screen, ", EHLO", || dialogue.ehlo(local)).map(|reply| {
                learned.offers = Some(Offers::read(reply.keywords().map(|line| escape(line, 512)).collect()))
            });
        }
        // Whoever turned us away gets a goodbye too; whoever is gone or stands still does not.
        if matches!(said, Ok(()) | Err(Error::Turned { .. })) {
            match step(self.screen, ", QUIT", || dialogue.quit()) {
                Err(error @ Error::Terminated { .. }) => return Err(error),
                answer => learned.quit = Some(answer.unwrap_or_else(|_| "no answer".to_owned())),
            }
        }
        dialogue.tls.abandon();
        said
    }

    /// Why the other addresses failed, each reason once, as far as the host's own sentence does not say it.
    fn others(&mut self, tried: &[Tried], best: &Tried) {
        let sentence = |error: &Error| error.sentence(self.seen).to_string();
        let mut said: Vec<String> = best.error.iter().map(sentence).collect();
        for other in tried {
            let Some(error) = &other.error else { continue };
            let sentence = sentence(error);
            if said.contains(&sentence) {
                continue;
            }
            let ip = other.addr.ip();
            if let Error::NoRoute { family } = error {
                // Most machines without IPv6 are meant to be so, and the other addresses were reached.
                let option = if other.addr.is_ipv6() { "-4" } else { "-6" };
                let mixed = best.error.is_none() && best.addr.is_ipv6() != other.addr.is_ipv6();
                let cure = if mixed { format!("; {option} leaves it out") } else { String::new() };
                self.screen.line("note", &format!("{ip}: this machine has no {family} route{cure}"));
            } else {
                self.screen.wrong("failed", &format!("{ip}: {sentence}"));
            }
            said.push(sentence);
        }
    }
}

fn connect(addr: SocketAddr, deadline: Deadline, waiter: &Waiter) -> Result<TcpStream, Error> {
    let mut failed = Vec::new();
    match net::connect(&mut [addr].into(), &mut failed, deadline, waiter)? {
        Race::Won(stream, _) => Ok(stream),
        Race::Lost => Err(failed.pop().map_or(Error::ConnectTimeout { port: addr.port() }, |(_, error)| error)),
    }
}

/// The name first, so that a hang shows its place; then the time.
fn step<T>(screen: &mut Screen, name: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    screen.more(name);
    let start = Instant::now();
    let done = work();
    let time = took(start);
    screen.more(&if done.is_ok() { time } else { format!("failed after {time}") });
    done
}

fn took(start: Instant) -> String {
    match start.elapsed().as_millis() {
        ms @ 0..=999 => format!("{ms} ms"),
        ms => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

fn heading(host: &Host) -> String {
    let name = host.server_name_text();
    let other = if name == host.name { String::new() } else { format!(", verified as {name}") };
    format!("{}, port {}{other}", host.name, host.port)
}
