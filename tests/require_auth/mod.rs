//! `--require-auth`: MAIL without a 235 never reaches the smarthost, and its client reads one 421 of ours or an end of file.
//! Design section 5a.

mod calls;
mod check;
mod client;
mod held;
mod login;
mod lost;
mod passes;
mod quiet;
mod races;

use crate::dialogue::{begin, millis, talk, Lines, Session, HELLO};
use crate::support::bridge::Start;
use crate::support::peer::Link;

const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";
const NO: &str = "535 5.7.8 Authentication credentials invalid\r\n";

/// Behind a login that was refused.
const REFUSED: Lines = &[HELLO, ("AUTH PLAIN AGEAYg==\r\n", NO)];
/// Behind one that was accepted.
const ACCEPTED: Lines = &[HELLO, ("AUTH PLAIN AGEAYw==\r\n", "235 2.7.0 Ok\r\n")];

const NO_PASSWORD: &str = "not logged in: no password given";
const LOGIN_REFUSED: &str = "login refused: 535 5.7.8 Authentication credentials invalid";

fn required(start: Start) -> Start {
    start.arg("--require-auth")
}

/// A session with the option, whose two sides have said all of `lines`.
fn session<T: Send + 'static>(lines: Lines, script: impl FnOnce(Link) -> T + Send + 'static) -> Session<T> {
    talk(begin(|start| required(start).socket(), lines, script), lines)
}

/// The line of ours.
fn ours(reason: &str) -> String {
    format!("421 4.7.0 127.0.0.1: {reason}\r\n")
}

/// Behind `lines` the client says `said` in one write, whose MAIL is held: of it the server hears and answers `answered`, and
/// then our end. The client reads the answers and our 421. The line in the log.
#[track_caller]
fn held(lines: Lines, said: &str, answered: Lines, reason: &str, code: i32) -> String {
    let mut session = session(lines, move |mut link| {
        for (command, reply) in answered {
            link.expect(command);
            // What stands behind it waits.
            link.expect_silence(millis(100));
            link.say(reply);
        }
        link.expect_end();
    });
    session.say(said);
    answered.iter().for_each(|(_, reply)| session.expect(reply));
    session.expect_last(&ours(reason));
    session.ends("unauthenticated", code).line
}

/// The same where all of it goes up.
#[track_caller]
fn passes(lines: Lines, said: &str, answered: Lines) {
    let mut session = session(lines, move |mut link| {
        for (command, reply) in answered {
            link.expect(command);
            link.say(reply);
        }
        link.close_notify();
        link.rest().0
    });
    session.say(said);
    answered.iter().for_each(|(_, reply)| session.expect(reply));
    session.expect_last("");
    let over = session.ends("close_notify", 0);
    assert_eq!(String::from_utf8_lossy(&over.peer), "", "{}", over.line);
}
