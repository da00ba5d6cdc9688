//! The supervisor: signals, clocks, whose end it is, and who closes what when.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver as Inbox;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::clock::Activity;
use super::end::End;
use super::last_line::LastLine;
use super::threads::Event;
use crate::deadline::{millis, seconds, Deadline};
use crate::exit::Exit;
use crate::hooks;
use crate::stdio::{self, Kind, Local};
use crate::text::escape;
use crate::tls::{Received, Sender};
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
    pub sender: Sender,
    pub inbox: Inbox<Event>,
    pub wake: UnixStream,
    pub activity: Arc<Activity>,
    pub waiter: &'a Waiter,
    pub idle_timeout: Option<Duration>,
    pub up_done: bool,
    pub greeted: bool,
    pub down_done: bool,
    pub last: LastLine,
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
                self.sender.shutdown(Shutdown::Write);
            }
            let clocks = match (local_eof.is_some(), half_closed) {
                (false, _) => idle,
                (true, false) => Some(half_close),
                (true, true) => Some(give_up),
            };
            // `up` may be blocked in a send to a server that does not read, and would never see it.
            let blind = self.local.input == Kind::Socket && local_eof.is_none();
            if self.sleep(clocks.unwrap_or(Deadline::after(Duration::MAX)), blind) == Woken::Terminated {
                return (End::Terminated, None);
            }
            if blind && stdio::hung_up() {
                local_eof = Some(Instant::now());
            }
            while let Ok(event) = self.inbox.try_recv() {
                match event {
                    Event::LocalEof => local_eof = local_eof.or_else(|| Some(Instant::now())),
                    Event::ClientGone(error) => {
                        return (End::ClientGone, Some(escape(error.to_string().as_bytes(), 100)))
                    }
                    Event::UpDone => self.up_done = true,
                    Event::Greeted => self.greeted = true,
                    Event::LastLine(last) => self.last = last,
                    Event::SendWaiting => {
                        let _ = self.sender.send_waiting(Some(Deadline::after(millis(CLOSE_NOTIFY_MS))));
                    }
                    Event::RemoteEnd(end) => {
                        self.down_done = true;
                        return self.remote_end(end, half_closed);
                    }
                }
            }
        }
    }

    /// `asked`: whether we have told the server that the client has ended.
    fn remote_end(&self, end: Received, asked: bool) -> (End, Option<String>) {
        match end {
            Received::CloseNotify | Received::Data(_) | Received::SendWaiting => (End::CloseNotify, None),
            Received::End if self.last.is_goodbye() => (End::Eof, None),
            Received::End => {
                self.say_goodbye();
                match self.sender.broken() {
                    Some(error) => (End::Reset, Some(escape(error.to_string().as_bytes(), 100))),
                    // It did what we asked for, only without a word.
                    None if asked && !self.last.is_cut() => (End::LocalEof, None),
                    None => (End::Truncated, None),
                }
            }
            Received::Reset(_) if self.last.is_goodbye() => (End::Eof, None),
            Received::Reset(error) => (End::Reset, Some(escape(error.to_string().as_bytes(), 100))),
            Received::Alert(name) => (End::Alert, Some(name)),
            Received::BadRecord(problem) => (End::BadRecord, Some(problem)),
        }
    }

    /// Closes both sides in order, so that nothing on its way is destroyed.
    pub fn finish(&mut self, end: End) -> Exit {
        hooks::enter("close");
        match end {
            // rustls has queued our alert; nothing else may follow it.
            End::Alert | End::BadRecord => {
                let _ = self.sender.send_waiting(Some(Deadline::after(millis(CLOSE_NOTIFY_MS))));
            }
            _ => self.say_goodbye(),
        }
        if end == End::ClientGone {
            self.sender.shutdown(Shutdown::Write);
            self.settle(Deadline::after(seconds(DRAIN_S)), |it| it.down_done);
        }
        self.sender.shutdown(Shutdown::Both);
        if end == End::Terminated {
            // Neither a 421 nor a greeting would be the worst answer: the thread that owns the first octet may be slow.
            self.settle(Deadline::after(seconds(DRAIN_S)), |it| it.greeted || it.down_done);
        }
        stdio::half_close(self.local);
        if self.local.waits_for_us() && end != End::ClientGone {
            self.settle(Deadline::after(seconds(DRAIN_S)), |it| it.up_done);
        }
        end.exit(self.last.is_goodbye())
    }

    fn say_goodbye(&self) {
        self.sender.close(Deadline::after(millis(CLOSE_NOTIFY_MS)));
    }

    /// Takes events until `done` or the deadline. A second SIGTERM is the same wish.
    fn settle(&mut self, deadline: Deadline, done: fn(&Self) -> bool) {
        loop {
            while let Ok(event) = self.inbox.try_recv() {
                match event {
                    Event::UpDone => self.up_done = true,
                    Event::Greeted => self.greeted = true,
                    Event::LastLine(last) => self.last = last,
                    Event::RemoteEnd(_) => self.down_done = true,
                    Event::LocalEof | Event::ClientGone(_) | Event::SendWaiting => {}
                }
            }
            if done(self) || deadline.passed() {
                return;
            }
            crate::wait::ready(self.wake.as_fd(), PollFlags::POLLIN, deadline);
            self.hush();
        }
    }

    /// `local`: wakes for a client that hangs up, too.
    fn sleep(&self, until: Deadline, local: bool) -> Woken {
        let stdin = io::stdin();
        let bell = PollFd::new(self.wake.as_fd(), PollFlags::POLLIN);
        let wanted = [bell, stdio::hang_up(stdin.as_fd())];
        // poll(2) on descriptors of ours fails only without memory: then the clocks still run.
        let wanted = wanted.get(..if local { 2 } else { 1 }).unwrap_or_default();
        let woken = self.waiter.wait(wanted, until).unwrap_or(Woken::Deadline);
        self.hush();
        woken
    }

    /// Empties the bell before the events are read: a ring in between is heard next time.
    fn hush(&self) {
        let mut rings = [0; 64];
        while io::Read::read(&mut &self.wake, &mut rings).is_ok_and(|n| n == rings.len()) {}
    }
}

/// `--idle-timeout` is a clock like the others.
fn scaled(timeout: Duration) -> Duration {
    seconds(timeout.as_secs())
}
