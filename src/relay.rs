//! The two directions, their end, who closes what when, octet counts.
//!
//! ```text
//! stdin --> up --> Sender        main thread: poll(2) on the client, signals, clocks, the bell
//!            \  ^ bell           watch: decides the end
//!             Dialogue           what is said both ways: what is owed, what is held, who may write
//!            /                   .
//! stdout <-- down <-- Receiver   a thread that blocks in read(2) on the smarthost's socket
//! ```
//!
//! Two threads copy. The main thread never blocks, so that a signal, a clock and the client's end are heard while the
//! smarthost does not read; `down` may block on either side, tells what it sees, and is never joined: the process ends.
//! Lock order: the dialogue before the connection, never both; the dialogue's lock is not held during I/O.

mod clock;
mod crlf;
mod decide;
mod down;
mod end;
mod up;
mod watch;

use std::cell::Cell;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::deadline::seconds;
use crate::error::{Error, Stage};
use crate::options::{Newlines, Replies};
use crate::smtp::{Dialogue, Greeting, Rules};
use crate::stdio::Local;
use crate::tls::Tls;
use crate::wait::Waiter;

use clock::Activity;
use down::{Bell, Down};
use up::Up;
use watch::Watch;

pub use end::{End, Ended};

/// What one read and one write carry at most: four TLS records of plaintext (RFC 8446 section 5.1: 2^14 octets).
const PIECE: usize = 4 * 16_384;

pub struct Settings<'a> {
    pub idle_timeout: Option<Duration>,
    pub newlines: Newlines,
    pub rules: Rules,
    /// Whether the right to the first octet must be claimed.
    pub replies: Replies,
    /// The name in a reply of ours.
    pub server_name: &'a str,
}

/// What both threads know.
struct Shared {
    dialogue: Mutex<Dialogue>,
    activity: Activity,
}

impl Shared {
    /// Never while something is read, written or waited for.
    fn dialogue(&self) -> MutexGuard<'_, Dialogue> {
        self.dialogue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session whose thread exists, and waits for the word.
pub struct Relay<'a> {
    watch: Watch<'a>,
    go: mpsc::Sender<()>,
    replies: Replies,
}

/// Starts the thread. What the server has sent already, behind its greeting, stands in `tls.behind`.
///
/// # Errors
/// `Error::OutOf` when there is no thread or descriptor: the client has read nothing yet.
pub fn start<'a>(
    local: &'a Local,
    tls: Tls,
    greeting: Greeting,
    settings: &Settings<'a>,
    waiter: &'a Waiter,
) -> Result<Relay<'a>, Error> {
    let &Settings { idle_timeout, newlines, rules, replies, server_name } = settings;
    let Tls { sender, receiver, behind, .. } = tls;
    let (bell, wake) = UnixStream::pair().map_err(out_of)?;
    let (outbox, inbox) = mpsc::channel();
    let shared = Arc::new(Shared { dialogue: Mutex::new(Dialogue::new(rules)), activity: Activity::new() });
    let down = Down {
        receiver,
        bell: Bell { outbox, wake },
        shared: shared.clone(),
        replies,
        due: Cell::new(false),
        client: down::Reader::Takes,
    };
    let (go, word) = mpsc::channel();
    let body = move || {
        // Without the word nothing was read or written: the sender was dropped.
        if word.recv().is_ok() {
            down.run(&greeting, &behind);
        }
    };
    let mut up = Up::new(sender, local, newlines, shared.clone());
    if let Err(source) = thread::Builder::new().name("down".to_owned()).spawn(body) {
        up.leave(replies);
        return Err(out_of(source));
    }
    let watch = Watch {
        up,
        bell,
        waiter,
        local,
        server_name,
        inbox,
        shared,
        // A clock like the others.
        idle_timeout: idle_timeout.map(|timeout| seconds(timeout.as_secs())),
        client: watch::Client::Speaks,
        smarthost: watch::Smarthost::Untold,
        terminated: None,
    };
    Ok(Relay { watch, go, replies })
}

impl Relay<'_> {
    /// Relays until both sides are done.
    ///
    /// # Errors
    /// `Error::Terminated`: the client has read nothing yet.
    pub fn run(mut self) -> Result<Ended, Error> {
        // A SIGTERM that came before is still answered by a 421: nothing has been written.
        if self.replies == Replies::Smtp && self.watch.waiter.is_terminated() {
            self.watch.up.leave(self.replies);
            return Err(Error::Terminated { stage: Stage::Relay });
        }
        let _ = self.go.send(());
        Ok(self.watch.run())
    }
}

fn out_of(source: io::Error) -> Error {
    Error::OutOf { stage: Stage::Relay, source }
}
