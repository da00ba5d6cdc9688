//! Sessions that follow the dialogue: what the greeting, the ends, the clocks and the log make of what both sides have said.

mod addresses;
mod auth;
mod client_ends;
mod clocks;
mod ends;
mod gone;
mod greeting;
mod log;
mod sigterm;
mod slow_greeting;
mod text;
mod unknown;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::ChildStdout;
use std::time::Duration;

use crate::support::bridge::{Bridge, House, Start};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{reset, Link, Peer};
use crate::support::syslog::Syslog;
use crate::support::talk::{Hear, Talk};

/// What the client says and what the server answers, in turns.
pub type Lines = &'static [(&'static str, &'static str)];

pub const NOTHING: Lines = &[];
pub const HELLO: (&str, &str) =
    ("EHLO me\r\n", "250-smarthost.test\r\n250 AUTH PLAIN LOGIN XOAUTH2 EXTERNAL GSSAPI\r\n");
pub const EHLO: Lines = &[HELLO];
/// The server waits for the text.
pub const DATA: Lines = &[
    ("EHLO me\r\n", "250 smarthost.test\r\n"),
    ("MAIL FROM:<alice@example.org>\r\n", "250 2.1.0 Ok\r\n"),
    ("RCPT TO:<bob@example.net>\r\n", "250 2.1.5 Ok\r\n"),
    ("DATA\r\n", "354 Go on\r\n"),
];
pub const MESSAGE: &str = "Subject: hello\r\n\r\n..dots\r\n.\r\n";
pub const QUEUED: &str = "250 2.0.0 Ok: queued\r\n";
pub const BYE: &str = "221 2.0.0 Bye\r\n";

/// Less than the shortest clock of an end, 5 s.
pub const AT_ONCE: Duration = Duration::from_secs(4);

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// One test, within the usual time; needs the hooks, for its clocks and its syslog.
pub fn test(body: impl FnOnce() + Send + 'static) {
    if !without_hooks() {
        within(USUAL, body);
    }
}

/// A session on its way, with the client's end in the test's hand. What it logs goes to a syslogd, because that shows the
/// level.
pub struct Session<T, C = TcpStream> {
    pub bridge: Bridge,
    pub client: C,
    pub peer: Peer<T>,
    pub syslog: Syslog,
    /// Its directory has the syslogd's socket.
    pub house: House,
}

/// How a session ended.
#[derive(Debug)]
pub struct Over<T> {
    pub line: String,
    /// What the server's script came to.
    pub peer: T,
}

/// A session whose two sides have said all of `lines`; the rest of the server's side is `script`. Its clocks run `speed` times
/// as fast.
pub fn session<T: Send + 'static>(
    speed: u32,
    lines: Lines,
    script: impl FnOnce(Link) -> T + Send + 'static,
) -> Session<T> {
    let session = begin(|start| start.speed(speed).socket(), lines, script);
    talk(session, lines)
}

/// The same before the client has heard a word, on descriptors of the test's choice.
pub fn begin<T: Send + 'static, C>(
    open: impl FnOnce(Start) -> (Bridge, C),
    lines: Lines,
    script: impl FnOnce(Link) -> T + Send + 'static,
) -> Session<T, C> {
    let house = House::new();
    let syslog = Syslog::datagram(&house.dir);
    let peer = Peer::start(&house.leaf, move |mut link| {
        link.say(GREETING);
        for (command, reply) in lines {
            link.expect(command);
            link.say(reply);
        }
        script(link)
    });
    // The longest setup there is: scaled clocks scale this one too, and a busy machine is slow to shake hands.
    let start = house.bridge(peer.host()).args(["--setup-timeout", "3600", "--log", "syslog"]).syslog(&syslog.path);
    let (bridge, client) = open(start);
    Session { bridge, client, peer, syslog, house }
}

/// The same on two pipes, whose client says `said` and ends at once; what it reads.
pub fn piped<T: Send + 'static>(
    change: impl FnOnce(Start) -> Start,
    said: &str,
    script: impl FnOnce(Link) -> T + Send + 'static,
) -> (Session<T, ()>, ChildStdout) {
    let mut output = None;
    let open = |start| {
        let (bridge, input, ours) = change(start).pipes();
        output = Some(ours);
        (bridge, input)
    };
    let (mut input, session) = begin(open, NOTHING, script).split();
    input.write_all(said.as_bytes()).expect("a pipe takes a script");
    (session, output.expect("a pipe"))
}

/// The client's side of it.
pub fn talk<T, C: Talk>(mut session: Session<T, C>, lines: Lines) -> Session<T, C> {
    session.client.expect(GREETING);
    for (command, reply) in lines {
        session.client.say(command);
        session.client.expect(reply);
    }
    session
}

/// The client ends behind `lines` and `said`, at usual speed: our end reaches the server at once. The line in the log.
#[track_caller]
pub fn leaves_at_once(lines: Lines, said: &'static str, code: i32) -> String {
    let mut session = session(1, lines, move |mut link| {
        link.expect(said);
        link.patience(AT_ONCE);
        part(link);
    });
    session.say(said);
    session.hang_up();
    session.expect_last("");
    session.ends("local_eof", code).line
}

/// The server's side of it: our end, then its own.
#[track_caller]
pub fn part(mut link: Link) {
    link.expect_end();
    link.close_notify();
}

impl<T> Session<T> {
    pub fn say(&mut self, text: &str) {
        self.client.say(text);
    }

    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        self.client.expect(text);
    }

    /// The client's end; it still listens.
    pub fn hang_up(&mut self) {
        self.client.shutdown(Shutdown::Write).expect("half of the client's socket closes");
    }

    pub fn resets(self) -> Session<T, ()> {
        let (client, session) = self.split();
        reset(client);
        session
    }

    /// The server's last words, and nothing of ours behind them.
    #[track_caller]
    pub fn expect_last(&mut self, text: &str) {
        assert_eq!(String::from_utf8_lossy(&self.client.rest()), text);
    }
}

impl<T, C> Session<T, C> {
    /// The client's end, and the rest of it.
    pub fn split(self) -> (C, Session<T, ()>) {
        let Session { bridge, client, peer, syslog, house } = self;
        (client, Session { bridge, client: (), peer, syslog, house })
    }
}

impl<T: Send + 'static, C> Session<T, C> {
    /// The client closes, and the session is over: its word in the log, its exit code, and the level that goes with it.
    #[track_caller]
    pub fn ends(self, end: &str, code: i32) -> Over<T> {
        self.ends_one_of(&[(end, code)])
    }

    /// The same if two ends meet and either may be first.
    #[track_caller]
    pub fn ends_one_of(self, ends: &[(&str, i32)]) -> Over<T> {
        drop(self.client);
        let peer = self.peer.done();
        let ended = self.bridge.finish();
        let line = self.syslog.line(": closed ");
        assert!(
            self.syslog.lines().len() == 1 && ended.log.is_empty(),
            "one line: {:?} {ended:?}",
            self.syslog.lines()
        );
        let word = line.split_whitespace().find_map(|field| field.strip_prefix("end=")).unwrap_or_default();
        assert!(ends.contains(&(word, ended.code)), "not {ends:?} but exit {}: {line}", ended.code);
        // Facility mail; info or warning.
        let level = if ended.code == 0 { "<22>" } else { "<20>" };
        assert!(line.starts_with(level), "not {level}, exit {}: {line}", ended.code);
        Over { line, peer }
    }
}
