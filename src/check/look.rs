//! What a host says on the port of STARTTLS, in clear.

use std::net::{SocketAddr, TcpStream};

use super::screen::Screen;
use crate::deadline::Deadline;
use crate::error::{Elsewhere, Error, InClear, Seen};
use crate::net::{self, Race};
use crate::starttls::{Clear, Steps};
use crate::text::escape;
use crate::wait::Waiter;

/// # Errors
/// `Error::Terminated`: anything else that is wrong there is reported and is not a failure.
pub fn look(addr: SocketAddr, deadline: Deadline, waiter: &Waiter, screen: &mut Screen) -> Result<Elsewhere, Error> {
    screen.begin_wrong(&format!("port {}", addr.port()));
    let mut steps = Steps::default();
    let offered = connect(addr, deadline, waiter).and_then(|stream| {
        Clear { stream: &stream, deadline, seconds: deadline.seconds_left(), waiter }.look(&mut steps)
    });
    if let Some(greeting) = steps.replies.first() {
        screen.more(&format!("{};", escape(greeting.first())));
    }
    let what = match offered {
        Ok(()) => Elsewhere::StartTls,
        Err(error @ Error::Terminated { .. }) => return Err(error),
        Err(Error::Refused { .. }) => Elsewhere::Refused,
        Err(Error::ConnectTimeout { .. } | Error::InClear(InClear::NoGreeting { .. })) => Elsewhere::Silent,
        Err(Error::InClear(InClear::NotOffered { .. })) => Elsewhere::Plain,
        Err(error) => {
            screen.more(&error.sentence(Seen::report()).cause);
            Elsewhere::Other
        }
    };
    screen.more(what.words());
    screen.end();
    Ok(what)
}

pub fn connect(addr: SocketAddr, deadline: Deadline, waiter: &Waiter) -> Result<TcpStream, Error> {
    let mut failed = Vec::new();
    match net::connect(&mut [addr].into(), &mut failed, deadline, waiter)? {
        Race::Won(stream, _) => Ok(stream),
        Race::Lost => Err(failed.pop().map_or(Error::ConnectTimeout { port: addr.port() }, |(_, error)| error)),
    }
}
