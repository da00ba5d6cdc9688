//! What the main thread does between the word to go and the exit: it copies up, hears signals and clocks, and decides the end.
//!
//! ```text
//!   the client      Speaks --hangs up, its last words unread--> HangsUp --they are read--> Ended
//!                      \------------------its end is read------------------------------------/
//!                   from anywhere --it takes nothing more--> Gone
//!   the smarthost   Untold --the client has ended and is owed nothing--> Told --> Ended
//! ```

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver as Inbox;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{recv, MsgFlags};

use super::clock::Activity;
use super::down::Event;
use super::end::{End, Ended, Outcome};
use super::up::{Heard, Up};
use super::Shared;
use crate::deadline::{seconds, Deadline};
use crate::exit::Exit;
use crate::hooks;
use crate::smtp::{unavailable, Hold, Standing};
use crate::stdio::{self, Local};
use crate::text::{escape, line};
use crate::tls::Received;
use crate::wait::{Waiter, Woken};

/// How long either side may take to end after the other: the last reply must not be destroyed by a RST. Also how long the
/// answer to QUIT is waited for that a client does not read.
const DRAIN_S: u64 = 5;

/// After the client's end, when nobody knows what is owed: so long without an octet until we pass the end on. Servers end
/// the session at once then, and a reply may be on its way.
const UNKNOWN_S: u64 = 30;

/// After the client's end, when a reply is owed: so long without an octet until we give up. The answer to a final dot may
/// take 10 minutes (RFC 5321 section 4.5.3.2.6).
const GIVE_UP_S: u64 = 660;

/// How long SIGTERM leaves a server to answer a message: it has it, and without the answer it would get it twice.
const MESSAGE_S: u64 = 10;

/// A smarthost's name and words in a reply of ours.
const NAME: usize = 64;

/// What the client has come to.
#[derive(Clone, Copy)]
pub enum Client {
    Speaks,
    /// It hung up (pipes and Unix sockets do so while their last words are unread), and is read as the smarthost takes it.
    HangsUp,
    /// Its end was read. `silent`: nothing more is to be heard from it, not even a reset.
    Ended {
        at: Instant,
        silent: bool,
    },
    Gone,
}

/// What the smarthost has come to.
#[derive(Clone, Copy)]
pub enum Smarthost {
    Untold,
    /// It knows that the client has ended: close_notify and FIN. `until`: how long its own end is waited for; None: as long as
    /// a reply may take. `exit`: what it means for the session, which its answer does not change.
    Told {
        until: Option<Deadline>,
        exit: Exit,
    },
    Ended,
}

pub struct Watch<'a> {
    pub up: Up<'a>,
    /// Rung by `down`.
    pub bell: UnixStream,
    pub waiter: &'a Waiter,
    pub local: &'a Local,
    pub server_name: &'a str,
    pub inbox: Inbox<Event>,
    pub activity: Arc<Activity>,
    pub dialogue: Shared,
    pub idle_timeout: Option<Duration>,
    pub client: Client,
    pub smarthost: Smarthost,
    /// SIGTERM came: until then an answer to a message is waited for.
    pub terminated: Option<Deadline>,
}

/// What the clocks say.
enum Clock {
    Over(Outcome),
    Sleep(Deadline),
}

/// What a sleep ended with.
struct Wakes {
    woken: Woken,
    /// The smarthost takes more.
    socket: bool,
    /// What poll(2) says of the client.
    client: PollFlags,
}

impl Watch<'_> {
    pub fn run(mut self) -> Ended {
        let outcome = loop {
            if let Some(outcome) = self.turn() {
                break outcome;
            }
        };
        let exit = self.finish(&outcome);
        let (up, down) = self.activity.counts();
        let account = self.dialogue.lock().account();
        Ended { end: outcome.end, exit, reason: outcome.reason, up, down, account }
    }

    /// One sleep, and what it brought; how it ended, if it did.
    fn turn(&mut self) -> Option<Outcome> {
        self.up.pump(self.has_ended());
        if let Some(outcome) = self.held() {
            return Some(outcome);
        }
        let until = match self.clock() {
            Clock::Over(outcome) => return Some(outcome),
            Clock::Sleep(until) => until,
        };
        let wakes = self.sleep(until);
        if wakes.woken == Woken::Terminated {
            self.terminated = Some(Deadline::after(seconds(MESSAGE_S)));
            self.waiter = &Waiter::DEAF;
        }
        while let Ok(event) = self.inbox.try_recv() {
            match event {
                Event::ClientGone(error) => return Some(self.client_gone(&error)),
                Event::RemoteEnd(end) => {
                    let outcome = self.remote_end(end);
                    self.smarthost = Smarthost::Ended;
                    return Some(outcome);
                }
                Event::Delivered => {}
                Event::SendWaiting => self.up.flush(),
            }
        }
        if wakes.socket {
            self.up.flush();
        }
        self.hear(wakes.client)
    }

    /// What the client does.
    fn hear(&mut self, said: PollFlags) -> Option<Outcome> {
        if said.contains(PollFlags::POLLERR) && self.local.is_tcp() {
            // A reset. On a Unix socket it may be that last words stand before it.
            return Some(self.reset(&stdio::error(self.local)));
        }
        let at_end = PollFlags::POLLHUP | PollFlags::POLLERR;
        match &mut self.client {
            Client::Ended { silent, .. } => *silent |= said.intersects(at_end),
            Client::Speaks | Client::HangsUp if said.is_empty() => {}
            Client::Speaks | Client::HangsUp if self.up.wants_words() && self.terminated.is_none() => {
                match self.up.read() {
                    Heard::Words => {}
                    Heard::Gone(error) => return Some(self.reset(&error)),
                    Heard::End => {
                        let silent = !self.local.is_socket() || matches!(self.client, Client::HangsUp);
                        self.client = Client::Ended { at: Instant::now(), silent };
                        self.up.pump(true);
                        if self.up.hold() == Hold::Unsure {
                            // The beginning of a line that never comes.
                            self.up.drop_held();
                        }
                    }
                }
            }
            Client::Speaks if said.intersects(at_end) => self.client = Client::HangsUp,
            Client::Speaks | Client::HangsUp | Client::Gone => {}
        }
        None
    }

    /// What is held for good ends the session.
    fn held(&mut self) -> Option<Outcome> {
        match self.up.hold() {
            Hold::Nothing | Hold::Unsure | Hold::Reply => self.dialogue.lock().is_lost().then(lost),
            Hold::Lost => Some(lost()),
            Hold::Tls => {
                let reason = "the client speaks TLS: on this machine, turn TLS off towards smtps-bridge";
                Some(Outcome::new(End::ClientTls, Exit::Config).because(reason))
            }
            Hold::Mail => {
                let refused = self.dialogue.lock().refuse()?;
                let exit = if refused.temporary { Exit::TempFail } else { Exit::Config };
                let name = escape(self.server_name.as_bytes(), NAME);
                let reason = escape(&refused.reason, 200);
                let reply = unavailable("4.7.0", &name, 0, |room| line(&reason, room));
                let outcome = Outcome::new(End::Unauthenticated, exit).because(format!("{reason}{CURE}"));
                Some(Outcome { reply: Some(reply), ..outcome })
            }
        }
    }

    /// Until when nothing needs to happen; or that it is over, because nothing happened.
    fn clock(&mut self) -> Clock {
        if let Some(until) = self.terminated {
            let waits = self.dialogue.lock().owes_for_a_message() && !until.passed();
            return if waits {
                Clock::Sleep(until)
            } else {
                Clock::Over(Outcome::new(End::Terminated, Exit::TempFail))
            };
        }
        let Client::Ended { at, .. } = self.client else {
            let idle = self.idle_timeout.map(|timeout| self.activity.quiet_for(timeout, None));
            return match idle {
                Some(idle) if idle.passed() => Clock::Over(Outcome::new(End::Idle, Exit::IoError)),
                idle => Clock::Sleep(idle.unwrap_or(Deadline::after(Duration::MAX))),
            };
        };
        let quiet = |time| self.activity.quiet_for(seconds(time), Some(at));
        let gives_up = Outcome::new(End::LocalEof, Exit::IoError);
        let standing = self.dialogue.lock().standing();
        let (until, then) = match (self.smarthost, standing) {
            (Smarthost::Untold, _) if self.up.is_stuck() => (quiet(GIVE_UP_S), Err(gives_up)),
            (Smarthost::Untold, Standing::Settled { inside }) => {
                (Deadline::after(Duration::ZERO), Ok(if inside { Exit::IoError } else { Exit::Ok }))
            }
            (Smarthost::Untold, Standing::Leaving) => (quiet(DRAIN_S), Ok(Exit::Ok)),
            (Smarthost::Untold, Standing::Unknown { lone_dot: false }) => (quiet(UNKNOWN_S), Ok(Exit::IoError)),
            (Smarthost::Told { until: Some(until), exit }, _) if !self.dialogue.lock().is_delivering() => {
                (until, Err(Outcome::new(End::LocalEof, exit)))
            }
            (_, _) => (quiet(GIVE_UP_S), Err(gives_up)),
        };
        match then {
            _ if !until.passed() => Clock::Sleep(until),
            Err(outcome) => Clock::Over(outcome),
            Ok(exit) => {
                self.tell(exit, standing);
                self.clock()
            }
        }
    }

    /// Passes the client's end on.
    fn tell(&mut self, exit: Exit, standing: Standing) {
        let known = !matches!(standing, Standing::Unknown { .. });
        let until = known.then(|| Deadline::after(seconds(DRAIN_S)));
        self.smarthost = Smarthost::Told { until, exit };
        self.dialogue.lock().client_ended();
        self.up.say_goodbye();
        self.up.sender.shutdown(Shutdown::Write);
    }

    /// The client's connection is broken, as seen from our side of it: `down` may be about to see it too.
    fn reset(&mut self, error: &io::Error) -> Outcome {
        self.until(|watch| matches!(watch.client, Client::Gone) || !watch.dialogue.lock().is_delivering());
        self.client_gone(error)
    }

    fn client_gone(&mut self, error: &io::Error) -> Outcome {
        self.client = Client::Gone;
        let mut dialogue = self.dialogue.lock();
        let lost_nothing = dialogue.is_complete() && dialogue.is_settled() || dialogue.is_goodbye();
        Outcome::new(End::ClientGone, if lost_nothing { Exit::Ok } else { Exit::IoError }).because(shown(error))
    }

    fn remote_end(&mut self, end: Received) -> Outcome {
        // A reset that a send would meet looks like an end of file here.
        if matches!(end, Received::End) {
            self.up.say_goodbye();
        }
        let broken = self.up.sender.broken();
        let dialogue = self.dialogue.lock();
        let complete = dialogue.is_complete() && !self.up.holds_something();
        let (end, reason) = match end {
            Received::Alert(name) => return Outcome::new(End::Alert, Exit::Protocol).because(name),
            Received::BadRecord(problem) => return Outcome::new(End::BadRecord, Exit::Protocol).because(problem),
            Received::CloseNotify | Received::Data(_) | Received::SendWaiting => (End::CloseNotify, None),
            Received::Reset(error) => (End::Reset, Some(error)),
            Received::End if broken.is_some() => (End::Reset, broken),
            Received::End => (End::Eof, None),
        };
        let outcome = match (end, self.smarthost) {
            // It did what we asked for.
            (_, Smarthost::Told { exit, .. }) if end != End::Reset || exit == Exit::Ok => {
                return Outcome::new(End::LocalEof, if dialogue.is_goodbye() { Exit::Ok } else { exit })
            }
            (End::CloseNotify, _) if dialogue.is_goodbye() => Outcome::new(End::CloseNotify, Exit::Ok),
            (_, _) if dialogue.is_goodbye() => Outcome::new(End::Eof, Exit::Ok),
            (End::Reset, _) => Outcome::new(End::Reset, Exit::IoError),
            // The same, a moment before we said it.
            (_, _) if complete && self.has_ended() => Outcome::new(End::LocalEof, Exit::Ok),
            (End::CloseNotify, _) if complete || !dialogue.is_known() => Outcome::new(End::CloseNotify, Exit::Ok),
            (_, _) if complete => Outcome::new(End::Eof, Exit::Ok),
            (_, _) => Outcome::new(End::Truncated, Exit::Protocol),
        };
        Outcome { reason: reason.filter(|_| outcome.end == End::Reset).map(|error| shown(&error)), ..outcome }
    }

    /// Closes both sides cleanly, so that nothing on its way is destroyed.
    fn finish(&mut self, outcome: &Outcome) -> Exit {
        hooks::enter("close");
        if let Some(reply) = &outcome.reply {
            stdio::write_last_words(reply.as_bytes(), Deadline::after(seconds(DRAIN_S)));
            stdio::half_close(self.local);
        }
        match outcome.end {
            End::Alert | End::BadRecord => self.up.send_alert(),
            _ => self.up.say_goodbye(),
        }
        let mut exit = outcome.exit;
        if outcome.end == End::ClientGone {
            self.up.sender.shutdown(Shutdown::Write);
            self.until(|watch| matches!(watch.smarthost, Smarthost::Ended));
            if self.dialogue.lock().is_goodbye() {
                exit = Exit::Ok;
            }
        }
        self.up.sender.shutdown(Shutdown::Both);
        if outcome.end == End::Terminated {
            // Neither a 421 nor a greeting would be the worst answer: the thread that owns the first octet may be slow.
            self.until(|watch| matches!(watch.client, Client::Gone) || !watch.dialogue.lock().is_delivering());
        }
        stdio::half_close(self.local);
        if matches!(self.client, Client::Speaks | Client::HangsUp) {
            stdio::drain(self.local, Deadline::after(seconds(DRAIN_S)));
        }
        exit
    }

    /// Takes events until `done`, a few seconds at most. A second SIGTERM is the same wish.
    fn until(&mut self, done: fn(&Self) -> bool) {
        let deadline = Deadline::after(seconds(DRAIN_S));
        while !done(self) && crate::wait::ready(self.bell.as_fd(), PollFlags::POLLIN, deadline) {
            self.hush();
            while let Ok(event) = self.inbox.try_recv() {
                match event {
                    Event::RemoteEnd(_) => self.smarthost = Smarthost::Ended,
                    Event::ClientGone(_) => self.client = Client::Gone,
                    Event::Delivered | Event::SendWaiting => {}
                }
            }
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.client, Client::Ended { .. })
    }

    /// What the client is polled for. poll(2) tells of errors and hanging up unasked, and again and again.
    fn client_events(&self) -> Option<PollFlags> {
        let words = self.up.wants_words() && self.terminated.is_none();
        match self.client {
            Client::Speaks | Client::HangsUp if words => Some(PollFlags::POLLIN),
            Client::Speaks | Client::Ended { silent: false, .. } => Some(PollFlags::empty()),
            Client::HangsUp | Client::Ended { silent: true, .. } | Client::Gone => None,
        }
    }

    fn sleep(&self, until: Deadline) -> Wakes {
        let stdin = io::stdin();
        let bell = PollFd::new(self.bell.as_fd(), PollFlags::POLLIN);
        let socket = self.up.is_stuck().then(|| PollFd::new(self.up.sender.as_fd(), PollFlags::POLLOUT));
        let client = self.client_events().map(|events| PollFd::new(stdin.as_fd(), events));
        let (stuck, heard) = (socket.is_some(), client.is_some());
        let mut wanted: Vec<PollFd> = [Some(bell), socket, client].into_iter().flatten().collect();
        // poll(2) on descriptors of ours fails only without memory: then the clocks still run.
        let woken = self.waiter.wait(&mut wanted, until).unwrap_or(Woken::Deadline);
        let mut told = wanted.iter().map(|polled| match woken {
            Woken::Ready => polled.revents().unwrap_or(PollFlags::empty()),
            Woken::Deadline | Woken::Terminated => PollFlags::empty(),
        });
        let mut next = |polled: bool| polled.then(|| told.next()).flatten().unwrap_or(PollFlags::empty());
        if !next(true).is_empty() {
            self.hush();
        }
        Wakes { woken, socket: !next(stuck).is_empty(), client: next(heard) }
    }

    /// Empties the bell before the events are read: a ring in between is heard next time.
    fn hush(&self) {
        let mut rings = [0; 64];
        while recv(self.bell.as_raw_fd(), &mut rings, MsgFlags::MSG_DONTWAIT).is_ok_and(|n| n == rings.len()) {}
    }
}

/// Behind the reason in the log: sendmail's mailq shows 60 characters of a reply, too few for it.
const CURE: &str =
    "; MAIL was not passed on, because the client must log in first (--require-auth): check its user name and \
                    password; each try with a wrong one is a failed login";

fn lost() -> Outcome {
    let reason = "before a login was accepted, the client or the smarthost said what has more than one meaning";
    Outcome::new(End::Unauthenticated, Exit::Config).because(reason)
}

fn shown(error: &io::Error) -> String {
    escape(error.to_string().as_bytes(), 100)
}
