//! The supervisor: signals, clocks, whose end it is, and who closes what when.

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
use super::end::End;
use super::last_line::LastLine;
use super::up::{Heard, Up};
use crate::deadline::{millis, seconds, Deadline};
use crate::exit::Exit;
use crate::hooks;
use crate::stdio::{self, Local};
use crate::text::escape;
use crate::tls::Received;
use crate::wait::{Waiter, Woken};

/// After the client's end, so long without an octet until we pass the end on: close_notify and FIN. Servers end the
/// session at once then, and a reply may be on its way.
const HALF_CLOSE_S: u64 = 30;

/// After the client's end, so long without an octet until we give up. The answer to a final dot may take 10 minutes
/// (RFC 5321 section 4.5.3.2.6).
const GIVE_UP_S: u64 = 660;

/// How long either side may take to end after the other: the last reply must not be destroyed by a RST.
const DRAIN_S: u64 = 5;

/// How long close_notify may wait for a server that does not read.
const CLOSE_NOTIFY_MS: u64 = 200;

pub struct Supervisor<'a> {
    pub local: &'a Local,
    pub up: Up<'a>,
    pub inbox: Inbox<Event>,
    /// Rung by `down`.
    pub bell: UnixStream,
    pub activity: Arc<Activity>,
    pub waiter: &'a Waiter,
    pub idle_timeout: Option<Duration>,
    pub greeted: bool,
    pub down_done: bool,
    pub last: LastLine,
}

/// What a sleep ended with.
struct Wakes {
    woken: Woken,
    /// The smarthost takes more.
    socket: bool,
    /// The client says something, or its end.
    client: bool,
    /// The client is gone, and its last words wait for a smarthost that does not read.
    hung_up: bool,
}

impl Supervisor<'_> {
    /// Until somebody ends the session: who, and with which words.
    pub fn watch(&mut self) -> (End, Option<String>) {
        let mut local_eof: Option<Instant> = None;
        let mut half_closed = false;
        loop {
            let quiet = |timeout| self.activity.quiet_for(timeout, local_eof);
            let idle = self.idle_timeout.map(|timeout| quiet(scaled(timeout)));
            if idle.is_some_and(Deadline::passed) && local_eof.is_none() {
                return (End::Idle, None);
            }
            let (half_close, give_up) = (quiet(seconds(HALF_CLOSE_S)), quiet(seconds(GIVE_UP_S)));
            if local_eof.is_some() && give_up.passed() {
                return (End::LocalEof, None);
            }
            if local_eof.is_some() && !half_closed && half_close.passed() {
                half_closed = true;
                self.say_goodbye();
                self.up.sender.shutdown(Shutdown::Write);
            }
            let clocks = match (local_eof.is_some(), half_closed) {
                (false, _) => idle,
                (true, false) => Some(half_close),
                (true, true) => Some(give_up),
            };
            let wakes = self.sleep(clocks.unwrap_or(Deadline::after(Duration::MAX)), local_eof.is_some());
            if wakes.woken == Woken::Terminated {
                return (End::Terminated, None);
            }
            while let Ok(event) = self.inbox.try_recv() {
                match event {
                    Event::ClientGone(error) => return (End::ClientGone, Some(shown(&error))),
                    Event::RemoteEnd(end, last) => {
                        (self.down_done, self.last) = (true, last);
                        return self.remote_end(end, half_closed);
                    }
                    Event::Greeted => self.greeted = true,
                    Event::LastLine(last) => self.last = last,
                    Event::SendWaiting => self.up.flush(),
                }
            }
            if wakes.socket {
                self.up.flush();
            }
            if wakes.hung_up {
                local_eof = Some(Instant::now());
            }
            if wakes.client {
                match self.up.read(&self.activity) {
                    Heard::Words => {}
                    Heard::End => local_eof = local_eof.or_else(|| Some(Instant::now())),
                    Heard::Gone(error) => return (End::ClientGone, Some(shown(&error))),
                }
            }
        }
    }

    /// `asked`: whether we have told the server that the client has ended.
    fn remote_end(&mut self, end: Received, asked: bool) -> (End, Option<String>) {
        match end {
            Received::CloseNotify | Received::Data(_) | Received::SendWaiting => (End::CloseNotify, None),
            Received::End if self.last.is_goodbye() => (End::Eof, None),
            Received::End => {
                self.say_goodbye();
                match self.up.sender.broken() {
                    Some(error) => (End::Reset, Some(shown(&error))),
                    // It did what we asked for, only without a word.
                    None if asked && !self.last.is_cut() => (End::LocalEof, None),
                    None => (End::Truncated, None),
                }
            }
            Received::Reset(_) if self.last.is_goodbye() => (End::Eof, None),
            Received::Reset(error) => (End::Reset, Some(shown(&error))),
            Received::Alert(name) => (End::Alert, Some(name)),
            Received::BadRecord(problem) => (End::BadRecord, Some(problem)),
        }
    }

    /// Closes both sides in order, so that nothing on its way is destroyed.
    pub fn finish(&mut self, end: End) -> Exit {
        hooks::enter("close");
        match end {
            // rustls has queued our alert; nothing else may follow it.
            End::Alert | End::BadRecord => self.up.sender.flush_before(Deadline::after(millis(CLOSE_NOTIFY_MS))),
            _ => self.say_goodbye(),
        }
        if end == End::ClientGone {
            self.up.sender.shutdown(Shutdown::Write);
            self.settle(Deadline::after(seconds(DRAIN_S)), |it| it.down_done);
        }
        self.up.sender.shutdown(Shutdown::Both);
        if end == End::Terminated {
            // Neither a 421 nor a greeting would be the worst answer: the thread that owns the first octet may be slow.
            self.settle(Deadline::after(seconds(DRAIN_S)), |it| it.greeted || it.down_done);
        }
        stdio::half_close(self.local);
        if end != End::ClientGone && !self.up.is_done() {
            stdio::drain(self.local, Deadline::after(seconds(DRAIN_S)));
        }
        end.exit(self.last.is_goodbye())
    }

    fn say_goodbye(&mut self) {
        self.up.sender.close(Deadline::after(millis(CLOSE_NOTIFY_MS)));
    }

    /// Takes events until `done` or the deadline. A second SIGTERM is the same wish.
    fn settle(&mut self, deadline: Deadline, done: fn(&Self) -> bool) {
        loop {
            while let Ok(event) = self.inbox.try_recv() {
                match event {
                    Event::Greeted => self.greeted = true,
                    Event::LastLine(last) => self.last = last,
                    Event::RemoteEnd(_, last) => (self.down_done, self.last) = (true, last),
                    Event::ClientGone(_) | Event::SendWaiting => {}
                }
            }
            if done(self) || deadline.passed() {
                return;
            }
            crate::wait::ready(self.bell.as_fd(), PollFlags::POLLIN, deadline);
            self.hush();
        }
    }

    fn sleep(&self, until: Deadline, local_eof: bool) -> Wakes {
        let stdin = io::stdin();
        let (socket, client) = (self.up.socket(), self.up.client(stdin.as_fd(), local_eof));
        let (stuck, heard) = (socket.is_some(), client.is_some());
        let bell = PollFd::new(self.bell.as_fd(), PollFlags::POLLIN);
        let mut wanted: Vec<PollFd> = [Some(bell), socket, client].into_iter().flatten().collect();
        // poll(2) on descriptors of ours fails only without memory: then the clocks still run.
        let woken = self.waiter.wait(&mut wanted, until).unwrap_or(Woken::Deadline);
        let mut ready = wanted.iter().map(|it| woken == Woken::Ready && it.any() == Some(true));
        if ready.next() == Some(true) {
            self.hush();
        }
        let socket = stuck && ready.next() == Some(true);
        let client = heard && ready.next() == Some(true);
        Wakes { woken, socket, client: client && !stuck, hung_up: client && stuck }
    }

    /// Empties the bell before the events are read: a ring in between is heard next time.
    fn hush(&self) {
        let mut rings = [0; 64];
        while recv(self.bell.as_raw_fd(), &mut rings, MsgFlags::MSG_DONTWAIT).is_ok_and(|n| n == rings.len()) {}
    }
}

/// `--idle-timeout` is a clock like the others.
fn scaled(timeout: Duration) -> Duration {
    seconds(timeout.as_secs())
}

fn shown(error: &io::Error) -> String {
    escape(error.to_string().as_bytes(), 100)
}
