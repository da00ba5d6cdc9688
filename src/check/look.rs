//! Port 465 is refused or silent: what does the same host say on 587, in clear?

use std::net::{IpAddr, SocketAddr};

use super::screen::Screen;
use crate::deadline::{seconds, Deadline};
use crate::error::{Error, InClear};
use crate::options::SUBMISSION;
use crate::starttls::{Clear, Steps};
use crate::text::escape;
use crate::wait::Waiter;

/// It is an extra.
const LOOK_S: u64 = 10;

/// A server's greeting beside what we say of it.
const GREETING: usize = 100;

/// Whether nobody listens there.
///
/// # Errors
/// `Error::Terminated`: what is wrong with 587 is told and fails nobody.
pub fn look(address: IpAddr, deadline: Deadline, waiter: &Waiter, screen: &mut Screen) -> Result<bool, Error> {
    screen.begin_wrong("port 587");
    let deadline = deadline.min(Deadline::after(seconds(LOOK_S)));
    let mut steps = Steps::new();
    let offered = super::connect(SocketAddr::new(address, SUBMISSION), deadline, waiter).and_then(|stream| {
        Clear { stream: &stream, deadline, seconds: deadline.seconds_left(), waiter }.look(&mut steps)
    });
    if let Some(greeting) = steps.replies.first() {
        screen.more(&format!("{};", escape(greeting.first(), GREETING)));
    }
    match &offered {
        Ok(()) => screen.more("it offers STARTTLS: use --starttls"),
        Err(Error::InClear(InClear::NotOffered { .. })) => screen.more("it does not offer STARTTLS"),
        Err(Error::InClear(InClear::NoGreeting { .. })) => screen.more("it is silent"),
        Err(error) => screen.more(&error.to_string()),
    }
    screen.end();
    match offered {
        Err(error @ Error::Terminated { .. }) => Err(error),
        other => Ok(matches!(other, Err(Error::Refused { .. }))),
    }
}
