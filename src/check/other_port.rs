//! The other port of submission: which one it is, and what the host says there.

use std::net::SocketAddr;

use super::screen::Screen;
use super::tries::is_silent;
use crate::deadline::Deadline;
use crate::dial::{Nobody, Search};
use crate::error::{Clear, Elsewhere, Error, InClear, Seen, Trouble};
use crate::net;
use crate::options::{Host, Mode, SMTP, SUBMISSION, SUBMISSIONS};
use crate::starttls::{self, Steps};
use crate::text::escape;

/// The port on which the server may be instead of this one. A port that is not one of mail servers was named on purpose,
/// unless something else speaks there.
pub fn other_port(port: u16, mode: Mode, error: &Error) -> Option<(u16, Mode)> {
    let unreached = matches!(error, Error::Refused { .. } | Error::ConnectTimeout { .. });
    let is_silent = unreached || is_silent(error) || matches!(error, Error::InClear(InClear::NoGreeting { .. }));
    let clear = match error {
        Error::Tls { trouble: Trouble::Clear { what, .. }, .. } if !error.says_no() => Some(*what),
        _ => None,
    };
    let lacks_starttls = matches!(error, Error::InClear(InClear::NotOffered { .. }));
    let (starttls, implicit) = ((SUBMISSION, Mode::StartTls), (SUBMISSIONS, Mode::ImplicitTls));
    match (mode, port) {
        (Mode::ImplicitTls, SUBMISSIONS) if is_silent || clear == Some(Clear::Smtp) => Some(starttls),
        (Mode::ImplicitTls, SUBMISSIONS) => None,
        (Mode::ImplicitTls, SMTP | SUBMISSION) if is_silent => Some(implicit),
        (Mode::ImplicitTls, _) if clear.is_some() => Some(implicit),
        (Mode::StartTls, SMTP) if is_silent => Some(starttls),
        (Mode::StartTls, SUBMISSIONS) if unreached => Some(starttls),
        // On its own port, too: a server of implicit TLS is silent.
        (Mode::StartTls, SUBMISSIONS | SUBMISSION) if is_silent => Some(implicit),
        (Mode::StartTls, SUBMISSION) if lacks_starttls => Some(implicit),
        (Mode::ImplicitTls | Mode::StartTls, _) => None,
    }
}

/// At the address of `search`'s host, which keeps its zone.
///
/// # Errors
/// What ends the whole check: anything else that is wrong there is reported and is not a failure.
pub fn look(
    search: &Search,
    mut addr: SocketAddr,
    (port, mode): (u16, Mode),
    deadline: Deadline,
    screen: &mut Screen,
) -> Result<Elsewhere, Error> {
    addr.set_port(port);
    screen.begin_wrong(&format!("port {port}"));
    let found = match mode {
        Mode::StartTls => starttls(search, addr, deadline, screen),
        Mode::ImplicitTls => implicit_tls(search, addr, deadline),
    };
    let what = match found {
        Ok(what) => what,
        Err(error) if error.ends_all() => return Err(error),
        Err(Error::Refused { .. }) => Elsewhere::Refused,
        Err(Error::ConnectTimeout { .. } | Error::InClear(InClear::NoGreeting { .. })) => Elsewhere::Silent,
        Err(error) if is_silent(&error) => Elsewhere::Silent,
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

fn starttls(search: &Search, addr: SocketAddr, deadline: Deadline, screen: &mut Screen) -> Result<Elsewhere, Error> {
    let waiter = search.waiter;
    let stream = net::connect_one(addr, deadline, waiter)?;
    let mut steps = Steps::default();
    let offered =
        starttls::Clear { stream: &stream, deadline, seconds: deadline.seconds_left(), waiter }.look(&mut steps);
    if let Some(greeting) = steps.replies.first() {
        screen.more(&format!("{};", escape(greeting.first())));
    }
    offered.map(|()| Elsewhere::StartTls)
}

fn implicit_tls(search: &Search, addr: SocketAddr, deadline: Deadline) -> Result<Elsewhere, Error> {
    let host = Host { port: addr.port(), ..search.host.clone() };
    let search = Search { host: &host, mode: Mode::ImplicitTls, ..*search };
    search.leave(search.address(addr, deadline, &mut Nobody)?);
    Ok(Elsewhere::ImplicitTls)
}
