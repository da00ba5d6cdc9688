//! If a host gives no session, the cures that can be tried are tried: without ML-KEM, and the other port. Options of trust
//! never are. Providers ban clients that connect too often: there are few connections, one second apart, and none to a
//! server that said no.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::poll::PollFlags;

use super::other_port::{look, other_port};
use super::screen::Screen;
use crate::deadline::{seconds, Deadline};
use crate::dial::{Nobody, Search};
use crate::error::{Error, Heard, OnHello, Seen, Stage, Trouble};
use crate::net;
use crate::options::Mode;
use crate::tls::Packets;
use crate::trust::Trusted;
use crate::wait::{Waiter, Woken};

/// Extra connections of one run, how far they are apart, and how long each may take.
const MOST: usize = 4;
const APART_S: u64 = 1;
const TRY_S: u64 = 10;

/// A server that closes a connection by itself does so at once.
const UNASKED_S: u64 = 2;

pub struct Tries<'a> {
    /// Without ML-KEM; None if none is offered.
    classical: Option<&'a Trusted>,
    left: usize,
    waiter: &'a Waiter,
}

impl<'a> Tries<'a> {
    pub fn new(classical: Option<&'a Trusted>, waiter: &'a Waiter) -> Tries<'a> {
        Tries { classical, left: MOST, waiter }
    }

    /// What came of these tries, for the sentence.
    ///
    /// # Errors
    /// `Error::Terminated` and `Error::OutOf`, which end the whole check.
    pub fn cures(
        &mut self,
        search: &Search,
        addr: SocketAddr,
        error: &Error,
        screen: &mut Screen,
    ) -> Result<Seen, Error> {
        let mut seen = Seen::report();
        if let Some(classical) = self.classical.filter(|_| is_on_hello(error) && self.left > 0) {
            screen.begin_wrong("tried");
            let without = Search { trusted: classical, ..*search };
            let found = self.without_ml_kem(&without, search, addr, screen)?;
            // After STARTTLS it has said yes to a command of ours.
            let may_end_unasked = search.mode == Mode::ImplicitTls && !is_silent(error);
            seen.on_hello = match found {
                Some(OnHello::Never) if may_end_unasked && self.ends_unasked(addr, screen)? => {
                    Some(OnHello::EndsUnasked)
                }
                Some(OnHello::MlKemInTheWay)
                    if is_silent(error) && self.needs_small_packets(search, addr, screen)? =>
                {
                    Some(OnHello::LargePacketsLost)
                }
                found => found,
            };
            screen.end();
        }
        let other = match seen.on_hello {
            // The obstacle was found, and it is not the port.
            Some(OnHello::MlKemInTheWay | OnHello::LargePacketsLost | OnHello::ComesAndGoes) => None,
            Some(OnHello::Never | OnHello::EndsUnasked) | None => other_port(search.host.port, search.mode, error),
        };
        // --starttls excludes --no-reply.
        let other = other.filter(|(_, mode)| *mode == Mode::ImplicitTls || search.is_greeted());
        let Some((port, mode)) = other else { return Ok(seen) };
        if self.has_turn()? {
            seen.other_port = Some((port, look(search, addr, (port, mode), self.deadline(), screen)?));
        }
        Ok(seen)
    }

    /// Without, with, without: a failure that comes and goes by itself proves no cure.
    fn without_ml_kem(
        &mut self,
        without: &Search,
        with: &Search,
        addr: SocketAddr,
        screen: &mut Screen,
    ) -> Result<Option<OnHello>, Error> {
        match self.is_answered("without ML-KEM:", without, addr, screen)? {
            Some(true) => {}
            Some(false) => return Ok(Some(OnHello::Never)),
            None => return Ok(None),
        }
        match self.is_answered(", with it:", with, addr, screen)? {
            Some(false) => {}
            Some(true) => return Ok(Some(OnHello::ComesAndGoes)),
            None => return Ok(None),
        }
        if self.is_answered(", without it:", without, addr, screen)? != Some(true) {
            return Ok(None);
        }
        Ok(Some(OnHello::MlKemInTheWay))
    }

    /// Whether the hello fails because of its length, not its content: it fills two packets, and the first is full.
    fn needs_small_packets(&mut self, search: &Search, addr: SocketAddr, screen: &mut Screen) -> Result<bool, Error> {
        let small = Search { packets: Packets::Small, ..*search };
        Ok(self.is_answered(", with it in small packets:", &small, addr, screen)? == Some(true))
    }

    /// Whether the server ends a connection on which we say nothing: then it refuses us, and not our hello.
    fn ends_unasked(&mut self, addr: SocketAddr, screen: &mut Screen) -> Result<bool, Error> {
        if !self.has_turn()? {
            return Ok(false);
        }
        screen.more(", with no hello:");
        let stream = match net::connect_one(addr, self.deadline(), self.waiter) {
            Ok(stream) => stream,
            Err(error) if error.ends_all() => return Err(error),
            Err(_) => {
                screen.more("no connection");
                return Ok(false);
            }
        };
        let woken = self.waiter.wait_for(stream.as_fd(), PollFlags::POLLIN, Deadline::after(seconds(UNASKED_S)));
        let ended = match woken {
            Ok(Woken::Terminated) => return Err(Error::Terminated { stage: Stage::Connect }),
            Ok(Woken::Ready) => stream.peek(&mut [0]).map_or(true, |octets| octets == 0),
            Ok(Woken::Deadline) | Err(_) => false,
        };
        screen.more(if ended { "closed" } else { "left open" });
        Ok(ended)
    }

    /// Whether our hello is answered, whatever the answer is; None if it does not come so far.
    fn is_answered(
        &mut self,
        words: &str,
        search: &Search,
        addr: SocketAddr,
        screen: &mut Screen,
    ) -> Result<Option<bool>, Error> {
        if !self.has_turn()? {
            return Ok(None);
        }
        screen.more(words);
        let (what, answered) = match search.address(addr, self.deadline(), &mut Nobody) {
            Ok(tls) => {
                search.leave(tls);
                ("answered", Some(true))
            }
            Err(error) if error.ends_all() => return Err(error),
            Err(error) if error.says_no() => {
                self.left = 0;
                ("turned away", None)
            }
            Err(error) if is_silent(&error) => ("no answer", Some(false)),
            Err(error) if is_on_hello(&error) => ("closed", Some(false)),
            Err(error) if error.stage() <= Stage::Connect => ("no connection", None),
            Err(error) if error.stage() == Stage::StartTls => ("no STARTTLS", None),
            Err(Error::Reset { heard: Heard::Nothing, .. }) => ("closed", None),
            // The rest lies behind the server's hello.
            Err(_) => ("answered", Some(true)),
        };
        screen.more(what);
        Ok(answered)
    }

    /// Waits until the next connection may be made.
    fn has_turn(&mut self) -> Result<bool, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        self.left = left;
        pause(self.waiter)?;
        Ok(true)
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(seconds(TRY_S))
    }
}

/// Between two connections to one host.
///
/// # Errors
/// `Error::Terminated`.
pub fn pause(waiter: &Waiter) -> Result<(), Error> {
    match waiter.wait(&mut [], Deadline::after(seconds(APART_S))) {
        Ok(Woken::Terminated) => Err(Error::Terminated { stage: Stage::Connect }),
        _ => Ok(()),
    }
}

pub fn is_silent(error: &Error) -> bool {
    matches!(error, Error::Tls { trouble: Trouble::SilentOnHello { .. }, .. })
}

/// The only answer to our hello was an end, a reset or silence.
fn is_on_hello(error: &Error) -> bool {
    use Trouble::{ClosedOnHello, ResetOnHello, SilentOnHello};
    matches!(error, Error::Tls { trouble: ClosedOnHello | ResetOnHello | SilentOnHello { .. }, .. })
}
