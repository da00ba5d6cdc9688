//! The two directions, their end, who closes what when, byte counts.
//!
//! ```text
//! stdin --> up --> Sender        main thread: poll(2) on the client, signals, clocks, the bell
//!                    ^ bell      supervisor: decides the end
//! stdout <-- down <-- Receiver   a thread that blocks in read(2) on the smarthost's socket
//! ```
//!
//! Two threads copy. The main thread never blocks, so that a signal, a clock and the client's end are heard while the
//! smarthost does not read; `down` may block on either side, tells what it sees, and is never joined: the process ends.

mod clock;
mod down;
mod end;
mod last_line;
mod supervisor;
mod up;

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
use down::{Bell, Down};
use last_line::LastLine;
use supervisor::Supervisor;
use up::Up;

pub use end::{End, Ended};

/// What one read and one write carry at most: four TLS records of plaintext (RFC 8446 section 5.1: 2^14 octets).
const PIECE: usize = 4 * 16_384;

pub struct Settings {
    pub idle_timeout: Option<Duration>,
    pub newlines: Newlines,
    pub replies: Replies,
}

/// A session whose thread exists, and waits for the word.
pub struct Relay<'a> {
    supervisor: Supervisor<'a>,
    go: mpsc::Sender<()>,
    replies: Replies,
}

/// Starts the thread. `greeting` is what the server has sent already.
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
    let (bell, wake) = UnixStream::pair().map_err(out_of)?;
    let (outbox, inbox) = mpsc::channel();
    let activity = Arc::new(Activity::new());
    let down = Down {
        receiver: tls.receiver,
        bell: Bell { outbox, wake },
        activity: activity.clone(),
        last: LastLine::default(),
        replies: settings.replies,
    };
    let (go, word) = mpsc::channel();
    let body = move || {
        // Without the word nothing was read or written: the sender was dropped.
        if word.recv().is_ok() {
            down.run(&greeting);
        }
    };
    thread::Builder::new().name("down".to_owned()).spawn(body).map_err(out_of)?;
    let supervisor = Supervisor {
        local,
        up: Up::new(tls.sender, local, settings.newlines),
        inbox,
        bell,
        activity,
        waiter,
        idle_timeout: settings.idle_timeout,
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
        let woken = supervisor.waiter.wait_for(supervisor.bell.as_fd(), PollFlags::POLLIN, now).map_err(out_of)?;
        if woken == Woken::Terminated && self.replies == Replies::Smtp {
            return Err(Error::Terminated { stage: Stage::Relay });
        }
        let _ = self.go.send(());
        let (end, reason) = supervisor.watch();
        let exit = supervisor.finish(end);
        let (up, down) = supervisor.activity.counts();
        Ok(Ended { end, exit, reason, up, down })
    }
}

fn out_of(source: io::Error) -> Error {
    Error::OutOf { stage: Stage::Relay, source }
}
