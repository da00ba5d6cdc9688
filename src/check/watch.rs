//! The search of a session, on the screen: each step is written before it happens, so that a hang shows its place.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::screen::Screen;
use crate::dial::{Done, Onlooker, Step, Told};
use crate::error::Error;

/// How many addresses of a race are named.
const ADDRESSES: usize = 3;

pub struct Watch<'s, 'w> {
    pub screen: &'s mut Screen<'w>,
    began: Instant,
    /// In words on the screen; an address is not looked up.
    is_name: bool,
    racing: bool,
    pub lookup: Duration,
    /// Every address of the host, in the order of their turns.
    pub addresses: Vec<SocketAddr>,
    /// What was learned about each address that was connected to.
    pub told: Vec<(SocketAddr, Told)>,
    /// The addresses that gave no session, except the one that the verdict is about.
    pub passed: Vec<(SocketAddr, Error)>,
}

impl<'s, 'w> Watch<'s, 'w> {
    pub fn new(screen: &'s mut Screen<'w>, is_name: bool) -> Watch<'s, 'w> {
        Watch {
            screen,
            began: Instant::now(),
            is_name,
            racing: false,
            lookup: Duration::ZERO,
            addresses: Vec::new(),
            told: Vec::new(),
            passed: Vec::new(),
        }
    }

    /// A step of ours.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.screen.more(name);
        self.began = Instant::now();
        let done = work();
        self.write_time(done.is_ok());
        done
    }

    /// What was learned about an address; nothing if it was not connected to.
    pub fn told_by(&mut self, addr: Option<SocketAddr>) -> Told {
        let at = self.told.iter().position(|(told, _)| Some(*told) == addr);
        at.map(|at| self.told.remove(at).1).unwrap_or_default()
    }

    fn write_time(&mut self, ok: bool) {
        let time = took(self.began.elapsed());
        self.screen.more(&if ok { time } else { format!("failed after {time}") });
    }
}

impl Onlooker for Watch<'_, '_> {
    fn begins(&mut self, step: Step) {
        match step {
            Step::Resolve if self.is_name => self.screen.begin("resolve"),
            Step::Resolve => {}
            Step::Connect(untried) => {
                if self.addresses.is_empty() {
                    self.addresses = untried.iter().copied().collect();
                }
                self.racing = untried.len() > 1;
                self.screen.end();
                self.screen.begin("address");
                self.screen.more(&format!("{}: connect", names(untried)));
            }
            Step::StartTls => self.screen.more(", STARTTLS"),
            Step::Handshake => self.screen.more(", handshake"),
            Step::Greeting => self.screen.more(", greeting"),
        }
        self.began = Instant::now();
    }

    fn ends(&mut self, how: Result<Done, &Error>) {
        match how {
            Ok(Done::Resolved(count)) => {
                self.lookup = self.began.elapsed();
                let addresses = if count == 1 { "address" } else { "addresses" };
                self.screen.more(&format!("{count} {addresses} in {}", took(self.lookup)));
                self.screen.end();
            }
            Ok(Done::Connected(addr)) => {
                self.write_time(true);
                if self.racing {
                    self.screen.more(&format!("to {}", addr.ip()));
                }
            }
            Ok(Done::Other) => self.write_time(true),
            Err(_) => self.write_time(false),
        }
    }

    fn told(&mut self, addr: SocketAddr, told: Told) {
        self.told.push((addr, told));
    }

    fn passed(&mut self, addr: SocketAddr, error: Error) {
        self.passed.push((addr, error));
    }
}

fn names(untried: &VecDeque<SocketAddr>) -> String {
    let first: Vec<String> = untried.iter().take(ADDRESSES).map(|addr| addr.ip().to_string()).collect();
    match untried.len().saturating_sub(ADDRESSES) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

pub fn took(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..=999 => format!("{ms} ms"),
        ms => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}
