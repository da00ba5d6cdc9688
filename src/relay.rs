//! The two copying threads, their end, who closes what when, byte counts.
//!
//! ```text
//! stdin --> up --> Sender     Receiver --> down --> stdout
//!       \______ events _____ ______ events ______/
//!                supervisor (main thread): signals, clocks, last words
//! ```
//!
//! `up` blocks in read(2) on the client, `down` in read(2) on the socket, and neither can be woken from the client's
//! side: they are never joined, the process ends. What they see they tell the supervisor, which alone decides the end.

mod clock;
mod end;
mod last_line;
mod supervisor;
mod threads;

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::poll::PollFlags;

use crate::deadline::Deadline;
use crate::error::{Error, Stage};
use crate::options::{Newlines, Replies};
use crate::stdio::Local;
use crate::tls::Tls;
use crate::wait::{Waiter, Woken};

use clock::Activity;
use last_line::LastLine;
use supervisor::Supervisor;
use threads::{Bell, Down, Up};

pub use end::{End, Ended};

pub struct Settings {
    pub idle_timeout: Option<Duration>,
    pub newlines: Newlines,
    pub replies: Replies,
}

/// A session whose threads exist, and wait for the word.
pub struct Relay<'a> {
    supervisor: Supervisor<'a>,
    go: [mpsc::Sender<()>; 2],
    replies: Replies,
}

/// Starts the copying threads. `greeting` is what the server has sent already.
///
/// # Errors
/// `Error::OutOf` when there is no thread or descriptor: the client has read nothing yet.
pub fn start<'a>(
    local: &'a Local,
    tls: Tls,
    greeting: Vec<u8>,
    settings: &Settings,
    waiter: &'a Waiter,
) -> Result<Relay<'a>, Error> {
    let (ours, theirs) = UnixStream::pair().map_err(out_of)?;
    ours.set_nonblocking(true).map_err(out_of)?;
    theirs.set_nonblocking(true).map_err(out_of)?;
    let (outbox, inbox) = mpsc::channel();
    let bell = Bell { outbox, wake: Arc::new(theirs) };
    let activity = Arc::new(Activity::new());
    let down = Down {
        receiver: tls.receiver,
        bell: bell.clone(),
        activity: activity.clone(),
        last: LastLine::default(),
        replies: settings.replies,
    };
    let up = Up { sender: tls.sender.clone(), bell, activity: activity.clone(), newlines: settings.newlines };
    let go = [waiting("down", move || down.run(&greeting))?, waiting("up", move || up.run())?];
    let supervisor = Supervisor {
        local,
        sender: tls.sender,
        inbox,
        wake: ours,
        activity,
        waiter,
        idle_timeout: settings.idle_timeout,
        up_done: false,
        greeted: false,
        down_done: false,
        last: LastLine::default(),
    };
    Ok(Relay { supervisor, go, replies: settings.replies })
}

impl Relay<'_> {
    /// Relays until both sides are done.
    ///
    /// # Errors
    /// `Error::Terminated`, `Error::OutOf`: the client has read nothing yet.
    pub fn run(mut self) -> Result<Ended, Error> {
        let supervisor = &mut self.supervisor;
        // A SIGTERM until here is still answered by a 421: nobody has written.
        let now = Deadline::after(Duration::ZERO);
        let woken = supervisor.waiter.wait_for(supervisor.wake.as_fd(), PollFlags::POLLIN, now).map_err(out_of)?;
        if woken == Woken::Terminated && self.replies == Replies::Smtp {
            return Err(Error::Terminated { stage: Stage::Relay });
        }
        for go in self.go {
            let _ = go.send(());
        }
        let (end, reason) = supervisor.watch();
        let exit = supervisor.finish(end);
        let (up, down) = supervisor.activity.counts();
        Ok(Ended { end, exit, reason, up, down })
    }
}

/// A thread that waits for the word, or for its sender to be dropped: then nothing was read or written.
fn waiting(name: &str, body: impl FnOnce() + Send + 'static) -> Result<mpsc::Sender<()>, Error> {
    let (go, word) = mpsc::channel();
    let body = move || {
        if word.recv().is_ok() {
            body();
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(out_of)?;
    Ok(go)
}

fn out_of(source: io::Error) -> Error {
    Error::OutOf { stage: Stage::Relay, source }
}
