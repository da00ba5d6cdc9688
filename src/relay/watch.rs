//! What the main thread does between the word to go and the exit: it copies up, hears signals and the client, sleeps until a
//! clock wants something (decide.rs), and closes both sides.
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

use super::decide::Clock;
use super::down::Event;
use super::end::{End, Ended, Outcome};
use super::up::{Heard, Up};
use super::Shared;
use crate::deadline::{seconds, Deadline};
use crate::exit::Exit;
use crate::hooks;
use crate::stdio::{self, Local};
use crate::wait::{ready, Waiter, Woken};

/// How long either side may take to end after the other: the last reply must not be destroyed by a RST.
pub const DRAIN_S: u64 = 5;

/// How long SIGTERM leaves a server to answer a message: it has it, and without the answer it would get it twice.
const MESSAGE_S: u64 = 10;

/// What the client has come to.
#[derive(Clone, Copy)]
pub enum Client {
    Speaks,
    /// It hung up (pipes and Unix sockets do so while their last words are unread), and is read as the smarthost takes it.
    HangsUp,
    /// Its end was read. `silent`: nothing more is to be heard from it, not even a reset. `dismissed`: the smarthost had said
    /// its 221 or 421 before, so that the end is the smarthost's, even if the client is faster to close.
    Ended {
        at: Instant,
        silent: bool,
        dismissed: bool,
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
    pub shared: Arc<Shared>,
    pub idle_timeout: Option<Duration>,
    pub client: Client,
    pub smarthost: Smarthost,
    /// SIGTERM came: until then an answer to a message is waited for.
    pub terminated: Option<Deadline>,
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
        let (up, down) = self.shared.activity.counts();
        let account = self.shared.dialogue().account();
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
                Event::RemoteEnd(ending) => {
                    let outcome = self.remote_end(ending);
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
            // A reset. On a Unix socket there may be last words before it.
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
                        let dismissed = self.shared.dialogue().is_goodbye();
                        self.client = Client::Ended { at: Instant::now(), silent, dismissed };
                    }
                }
            }
            Client::Speaks if said.intersects(at_end) => self.client = Client::HangsUp,
            Client::Speaks | Client::HangsUp | Client::Gone => {}
        }
        None
    }

    /// The client's connection is broken, as seen from our side of it: `down` may be about to see it too.
    fn reset(&mut self, error: &io::Error) -> Outcome {
        self.until(|watch| matches!(watch.client, Client::Gone) || !watch.shared.dialogue().is_delivering());
        self.client_gone(error)
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
            if self.shared.dialogue().is_goodbye() {
                exit = Exit::Ok;
            }
        }
        self.up.sender.shutdown(Shutdown::Both);
        if outcome.end == End::Terminated {
            // Neither a 421 nor a greeting would be the worst answer: the thread that owns the first octet may be slow.
            self.until(|watch| matches!(watch.client, Client::Gone) || !watch.shared.dialogue().is_delivering());
        }
        stdio::half_close(self.local);
        if matches!(self.client, Client::Speaks | Client::HangsUp) {
            stdio::drain(self.local, Deadline::after(seconds(DRAIN_S)));
        }
        exit
    }

    /// Takes events until `done`, a few seconds at most. A second SIGTERM asks for the same.
    fn until(&mut self, done: fn(&Self) -> bool) {
        let deadline = Deadline::after(seconds(DRAIN_S));
        loop {
            self.hush();
            while let Ok(event) = self.inbox.try_recv() {
                match event {
                    Event::RemoteEnd(_) => self.smarthost = Smarthost::Ended,
                    Event::ClientGone(_) => self.client = Client::Gone,
                    Event::Delivered | Event::SendWaiting => {}
                }
            }
            // A bell that rings for ever is ready behind the deadline, too.
            if done(self) || deadline.passed() || !ready(self.bell.as_fd(), PollFlags::POLLIN, deadline) {
                return;
            }
        }
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.client, Client::Ended { .. })
    }

    /// The client has ended before the smarthost said that it would.
    pub fn left_first(&self) -> bool {
        matches!(self.client, Client::Ended { dismissed: false, .. })
    }

    /// What the client is polled for. poll(2) reports errors and hang-ups unasked, again and again.
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
        let mut told = wanted.iter().map(|polled| polled.revents().unwrap_or(PollFlags::empty()));
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
