//! Both ends of the bridge in the hand of one thread: it takes the steps in order, ends the session, and sees it end.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{poll, PollFd, PollFlags};
use nix::sys::pthread::{pthread_kill, Pthread};
use nix::sys::signal::Signal;

use super::client::Client;
use super::plan::{Hello, Last, Plan, Step, MOST};
use super::server::Server;
use super::twin::{Side, Twin};

/// What takes longer hangs, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// If the bridge may hold what the client says, no more comes after this long without an octet.
const QUIET: Duration = Duration::from_millis(60);

pub struct Drive {
    pub plan: Plan,
    pub client: Client,
    pub server: Server,
    pub twin: Twin,
    /// The thread of the relay, for SIGTERM.
    pub bridge: Pthread,
    /// Readable when the bridge comes to the relay, at its end when the bridge is done.
    pub bell: UnixStream,
    pub done: Arc<AtomicBool>,
    pub begun: Instant,
    pub terminated: bool,
    /// Everything that was written had arrived, when the client had sent so much.
    pub settled: bool,
    pub settled_at: usize,
    /// The client read the end while the bridge was still there.
    pub ended_in_time: bool,
}

impl Drive {
    pub fn run(mut self) -> Drive {
        self.shake_hands();
        if let Some(greeting) = self.plan.greeting {
            self.server.say(greeting.octets);
            self.twin.server_says(&greeting.octets[greeting.whole.unwrap_or_default()..]);
            self.server.flush(0);
        }
        if !self.plan.eager {
            self.rung(LIMIT);
        }
        for step in std::mem::take(&mut self.plan.steps) {
            if !self.is_done() {
                self.step(step);
            }
        }
        // A bridge that ends by itself does not wait for either side.
        if !(self.twin.is_exact() && self.twin.end().is_some() && self.is_open()) {
            self.last();
        }
        while !self.is_done() {
            self.close_what_has_ended();
            self.pump("the relay has ended");
        }
        self.clear_up();
        self
    }

    fn shake_hands(&mut self) {
        if let Hello::Raw(octets) = &self.plan.hello {
            self.server.raw(octets);
            self.server.flush(0);
            return self.server.finish();
        }
        while self.server.is_shaking_hands() && !self.is_done() {
            self.server.flush(usize::MAX);
            if let Hello::Bent { at, bits } = self.plan.hello {
                self.server.bend(at, bits);
            }
            self.server.flush(0);
            self.wait_for_the_server("the handshake");
            self.server.read();
        }
        self.server.flush(0);
        if self.server.fault.is_some() {
            self.server.finish();
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::ClientWrites(n) => self.client_writes(&pattern(self.client.sent.len(), n, 0x9e37)),
            Step::ClientSays(words) => self.client_writes(words),
            Step::ClientReads(n) => self.client_reads(n),
            Step::ClientHalfCloses => self.client_half_closes(),
            Step::ClientStopsReading => self.client.stop_reading(),
            Step::ClientCloses => self.client.close(),
            Step::ServerWrites(n) => self.server_says(&pattern(self.server.said.len(), n, 0x6a09)),
            Step::ServerDrips(n) => {
                for octet in pattern(self.server.said.len(), n, 0x6a09) {
                    self.server_says(&[octet]);
                }
            }
            Step::ServerSays(words) => self.server_says(words),
            Step::ServerReads => self.server.read(),
            Step::ServerUpdatesKeys => self.server.update_keys(),
            Step::ServerNotifies => self.server_ends(Server::notify),
            Step::ServerFinishes => self.server_ends(Server::finish),
            Step::ServerCloses => self.server_ends(Server::close),
            Step::ServerSaysNoTls(octets) => self.server_ends(|server| server.no_tls(octets)),
            Step::ServerAlerts => self.server_ends(Server::alert),
            Step::ServerHesitates(n) => {
                self.server_says(&pattern(self.server.said.len(), n + 1, 0x6a09));
                return self.server.flush(n / 2 + 1);
            }
            Step::Pause(ms) => self.rung(Duration::from_millis(ms.into())),
            Step::Settle => self.settle(),
            Step::Sigterm => self.sigterm(),
        }
        self.server.flush(0);
    }

    fn client_writes(&mut self, data: &[u8]) {
        if self.client.sent.len() < MOST {
            let before = self.client.sent.len();
            self.client.write(data);
            self.twin.client_says(&self.client.sent[before..]);
        }
    }

    fn client_half_closes(&mut self) {
        if !self.client.half_closed {
            self.client.half_close();
            self.twin.client_ends();
        }
    }

    fn client_reads(&mut self, most: usize) {
        self.client.read(most);
        self.ended_in_time |= self.client.read_the_end && !self.is_done();
    }

    fn server_says(&mut self, data: &[u8]) {
        if self.server.said.len() < MOST {
            let before = self.server.said.len();
            self.server.say(data);
            self.twin.server_says(&self.server.said[before..]);
        }
    }

    fn server_ends(&mut self, end: impl FnOnce(&mut Server)) {
        self.twin.speaks(Side::Server);
        end(&mut self.server);
    }

    fn sigterm(&mut self) {
        self.terminated = true;
        pthread_kill(self.bridge, Signal::SIGTERM).expect("a signal to the relay");
    }

    fn last(&mut self) {
        match self.plan.last {
            Last::Notify => {
                self.settle();
                self.server_ends(Server::notify);
            }
            Last::Finish => {
                self.settle();
                self.server_ends(Server::finish);
            }
            Last::Goodbye => {
                self.server_says(b"\r\n221 bye\r\n");
                self.settle();
                self.server_ends(Server::finish);
            }
            Last::Close => {
                self.settle();
                self.server_ends(Server::close);
            }
            Last::HalfClose => {
                self.client_half_closes();
                self.settle();
                // Either the bridge passes that end on, and is left, or it waits for a word of the server.
                if !self.plan.fast && self.twin.client_end().is_none() {
                    self.server_says(b"221 bye\r\n");
                    self.server_ends(Server::notify);
                }
            }
            Last::ClientCloses => {
                self.client.close();
                self.server_says(b"250 too late\r\n");
            }
            Last::Sigterm => self.sigterm(),
            // Without --idle-timeout there is no clock but the client's end.
            Last::Clocks if !self.plan.idle => self.client_half_closes(),
            Last::Clocks => {}
        }
        self.server.flush(0);
    }

    /// Until what both sides have sent has arrived, if nothing is in its way.
    fn settle(&mut self) {
        let may_hold = self.twin.up().is_none() && !self.twin.is_exact();
        let (mut moved, mut last) = (Instant::now(), (0, 0));
        while self.is_open() {
            let done = self.is_done();
            if done {
                self.client_reads(usize::MAX);
                self.server.read();
            }
            let all = super::verdict::expected_up(&self.client.sent, self.plan.crlf).len();
            let arrived = (self.server.got.len(), self.client.got.len());
            self.settled =
                arrived.0 >= self.twin.awaits(all) && arrived.1 >= self.server.said.len() && self.server.pending() == 0;
            if self.settled {
                self.settled_at = self.client.sent.len();
                return self.twin.settles();
            }
            if arrived != last {
                (moved, last) = (Instant::now(), arrived);
            }
            if done || may_hold && moved.elapsed() > QUIET {
                return;
            }
            self.pump("all has arrived");
        }
    }

    /// Neither side has done anything yet that ends the session.
    fn is_open(&self) -> bool {
        let server = &self.server;
        !self.client.left
            && !self.terminated
            && server.stream.is_some()
            && !server.finished
            && !server.has_ended()
            && server.fault.is_none()
    }

    fn close_what_has_ended(&mut self) {
        // A client that reads nothing waits for nothing.
        if self.client.readable().is_none() {
            self.client.close();
        }
        if self.server.read_the_end {
            self.server.close();
        }
    }

    /// What remains when the bridge is gone, as after its exit.
    fn clear_up(&mut self) {
        while self.client.readable().is_some() || (self.server.stream.is_some() && !self.server.read_the_end) {
            self.pump("both sides have read the end");
        }
        self.client.close();
        self.server.close();
    }

    /// Waits until something moves, and takes it.
    fn pump(&mut self, what: &str) {
        self.in_time(what);
        let mut wanted = Vec::new();
        wanted.extend(self.client.readable().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        if let (Some(stream), false) = (&self.server.stream, self.server.read_the_end) {
            let more = if self.server.wants_to_write() { PollFlags::POLLOUT } else { PollFlags::empty() };
            wanted.push(PollFd::new(stream.as_fd(), PollFlags::POLLIN | more));
        }
        if !self.is_done() {
            wanted.push(PollFd::new(self.bell.as_fd(), PollFlags::POLLIN));
        }
        let _ = poll(&mut wanted, 20_u16);
        self.client_reads(usize::MAX);
        self.server.read();
        self.server.flush(0);
        self.hush();
    }

    fn wait_for_the_server(&self, what: &str) {
        self.in_time(what);
        if let Some(stream) = &self.server.stream {
            let bell = PollFd::new(self.bell.as_fd(), PollFlags::POLLIN);
            let _ = poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLIN), bell], 20_u16);
        }
    }

    /// Waits for the bell.
    fn rung(&mut self, limit: Duration) {
        let limit = u16::try_from(limit.as_millis()).expect("under a minute");
        let _ = poll(&mut [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)], limit);
        self.hush();
    }

    fn hush(&mut self) {
        let _ = (&self.bell).read(&mut [0; 8]);
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    fn in_time(&self, what: &str) {
        assert!(
            self.begun.elapsed() < LIMIT,
            "in vain until {what}: client sent {} got {}, server said {} ({} pending) got {}, end read {} {}",
            self.client.sent.len(),
            self.client.got.len(),
            self.server.said.len(),
            self.server.pending(),
            self.server.got.len(),
            self.client.read_the_end,
            self.server.read_the_end,
        );
    }
}

/// Octets that tell their place.
fn pattern(from: usize, n: usize, salt: u32) -> Vec<u8> {
    (from..from + n).map(|at| ((at as u32 ^ salt).wrapping_mul(0x9e37_79b1) >> 19) as u8).collect()
}
