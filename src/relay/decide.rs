//! How a session ends: what is held for good, which clock has run out, what the end of either side means. The rows of the
//! manual's table of ends.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::time::Duration;

use super::end::{End, Outcome};
use super::watch::{Client, Smarthost, Watch, DRAIN_S};
use crate::deadline::{seconds, Deadline};
use crate::exit::Exit;
use crate::smtp::{unavailable, Hold, Standing};
use crate::text::{errno_text, escape};
use crate::tls::Ending;

/// After the client's end, if it is unknown what is owed: this long without an octet, and we pass the end on. Servers then
/// end the session at once, and a reply may be on its way.
const UNKNOWN_S: u64 = 30;

/// After the client's end, if only the answer to QUIT is owed, for which Postfix does not wait.
const QUIT_S: u64 = 5;

/// After the client's end, if a reply is owed: this long without an octet, and we give up. The answer to a final dot may
/// take 10 minutes (RFC 5321 section 4.5.3.2.6).
const GIVE_UP_S: u64 = 660;

/// What the clocks say.
pub enum Clock {
    Over(Outcome),
    Sleep(Deadline),
}

impl Watch<'_> {
    /// What is held for good ends the session.
    pub fn held(&mut self) -> Option<Outcome> {
        match self.up.hold() {
            Hold::Nothing | Hold::Unsure | Hold::Reply if !self.shared.dialogue().is_lost() => None,
            Hold::Nothing | Hold::Unsure | Hold::Reply | Hold::Lost => self.lost(),
            Hold::Tls => {
                let reason = "the client speaks TLS: on this machine, turn TLS off towards smtps-bridge";
                Some(Outcome::new(End::ClientTls, Exit::Config).because(reason))
            }
            Hold::Mail => {
                let refused = self.shared.dialogue().refuse()?;
                self.up.drop_held();
                let exit = if refused.temporary { Exit::TempFail } else { Exit::Config };
                let reason = escape(&refused.reason);
                let name = escape(self.server_name.as_bytes());
                let reply = unavailable("4.7.0", name, 0, |room| format!("{reason:.room$}"));
                let reason = format!("{reason}; MAIL was not passed on (--require-auth): {}", refused.cure);
                let outcome = Outcome::new(End::Unauthenticated, exit).because(reason);
                Some(Outcome { reply: Some(reply), ..outcome })
            }
        }
    }

    /// What is held is dropped without a word of ours, behind the last one of the smarthost.
    fn lost(&mut self) -> Option<Outcome> {
        let mut dialogue = self.shared.dialogue();
        let more_comes = if dialogue.is_known() { !dialogue.is_settled() } else { dialogue.is_delivering() };
        if more_comes {
            return None;
        }
        self.up.drop_held();
        if dialogue.is_goodbye() {
            return Some(Outcome::new(End::Eof, Exit::Ok));
        }
        let exit = if dialogue.is_put_off() { Exit::TempFail } else { Exit::Config };
        let reason = "before a login was accepted, the client or the smarthost said what has more than one meaning";
        Some(Outcome::new(End::Unauthenticated, exit).because(reason))
    }

    /// Until when nothing needs to happen; or that it is over, because nothing happened.
    pub fn clock(&mut self) -> Clock {
        if let Some(until) = self.terminated {
            let waits = self.shared.dialogue().owes_for_a_message() && !until.passed();
            return if waits {
                Clock::Sleep(until)
            } else {
                Clock::Over(Outcome::new(End::Terminated, Exit::TempFail))
            };
        }
        let Client::Ended { at, .. } = self.client else {
            let idle = self.idle_timeout.map(|timeout| self.shared.activity.quiet_for(timeout, None));
            return match idle {
                Some(idle) if idle.passed() => Clock::Over(Outcome::new(End::Idle, Exit::IoError)),
                idle => Clock::Sleep(idle.unwrap_or(Deadline::after(Duration::MAX))),
            };
        };
        let quiet = |time| self.shared.activity.quiet_for(seconds(time), Some(at));
        let gives_up = Outcome::new(End::LocalEof, Exit::IoError);
        let standing = self.shared.dialogue().standing();
        let (until, then) = match (self.smarthost, standing) {
            // Its last words come first.
            (Smarthost::Untold, _) if self.up.is_stuck() || self.up.holds_something() => {
                (quiet(GIVE_UP_S), Err(gives_up))
            }
            (Smarthost::Untold, Standing::Settled { inside }) => {
                (Deadline::now(), Ok(if inside { Exit::IoError } else { Exit::Ok }))
            }
            (Smarthost::Untold, Standing::Leaving) => (quiet(QUIT_S), Ok(Exit::Ok)),
            (Smarthost::Untold, Standing::Unknown { lone_dot: false }) => (quiet(UNKNOWN_S), Ok(Exit::IoError)),
            (Smarthost::Told { until: Some(until), exit }, _) if !self.shared.dialogue().is_delivering() => {
                (until, Err(Outcome::new(End::LocalEof, exit)))
            }
            (_, _) => (quiet(GIVE_UP_S), Err(gives_up)),
        };
        match then {
            _ if !until.passed() => Clock::Sleep(until),
            Err(outcome) => Clock::Over(outcome),
            Ok(exit) => {
                self.tell(exit, standing);
                self.clock()
            }
        }
    }

    /// Passes the client's end on.
    fn tell(&mut self, exit: Exit, standing: Standing) {
        let known = !matches!(standing, Standing::Unknown { .. });
        let until = known.then(|| Deadline::after(seconds(DRAIN_S)));
        self.smarthost = Smarthost::Told { until, exit };
        self.shared.dialogue().client_ended();
        self.up.say_goodbye();
        self.up.sender.shutdown(Shutdown::Write);
    }

    pub fn client_gone(&mut self, error: &io::Error) -> Outcome {
        self.client = Client::Gone;
        let mut dialogue = self.shared.dialogue();
        // A client that goes before the first word has lost nothing; a greeting that cannot be written, as to a full disk,
        // is another matter.
        let went = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::TimedOut);
        let answered = went && dialogue.is_fresh() || dialogue.is_complete() && dialogue.is_settled();
        let lost_nothing = answered && !self.up.holds_something() || dialogue.is_goodbye();
        Outcome::new(End::ClientGone, if lost_nothing { Exit::Ok } else { Exit::IoError }).because(errno_text(error))
    }

    pub fn remote_end(&mut self, ending: Ending) -> Outcome {
        // A reset that a send would meet looks like an end of file here.
        if matches!(ending, Ending::Eof) {
            self.up.say_goodbye();
        }
        let broken = self.up.sender.broken();
        let dialogue = self.shared.dialogue();
        let complete = dialogue.is_complete() && !self.up.holds_something();
        let (end, reason) = match ending {
            Ending::Alert(name) => return Outcome::new(End::Alert, Exit::Protocol).because(name),
            Ending::BadRecord(problem) => return Outcome::new(End::BadRecord, Exit::Protocol).because(problem),
            Ending::CloseNotify => (End::CloseNotify, None),
            Ending::Reset(error) => (End::Reset, Some(error)),
            Ending::Eof if broken.is_some() => (End::Reset, broken),
            Ending::Eof => (End::Eof, None),
        };
        let outcome = match (end, self.smarthost) {
            // It did what we asked for.
            (_, Smarthost::Told { exit, .. }) if self.left_first() && (end != End::Reset || exit == Exit::Ok) => {
                return Outcome::new(End::LocalEof, if dialogue.is_goodbye() { Exit::Ok } else { exit })
            }
            (End::CloseNotify, _) if dialogue.is_goodbye() => Outcome::new(End::CloseNotify, Exit::Ok),
            (_, _) if dialogue.is_goodbye() => Outcome::new(End::Eof, Exit::Ok),
            (End::Reset, _) => Outcome::new(End::Reset, Exit::IoError),
            // The same, a moment before we said it.
            (_, _) if complete && self.has_ended() => Outcome::new(End::LocalEof, Exit::Ok),
            (End::CloseNotify, _) if complete || !dialogue.is_known() => Outcome::new(End::CloseNotify, Exit::Ok),
            (_, _) if complete => Outcome::new(End::Eof, Exit::Ok),
            (_, _) => Outcome::new(End::Truncated, Exit::Protocol),
        };
        Outcome { reason: reason.filter(|_| outcome.end == End::Reset).map(|error| errno_text(&error)), ..outcome }
    }
}
