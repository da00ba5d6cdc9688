//! From hosts to a complete greeting: hosts in order, their addresses staggered, fail-over after connect, handshake,
//! certificate and greeting failures alike, under clocks that are shared out so that none uses up another's turn.

mod onlooker;
mod search;

use std::net::SocketAddr;
use std::time::Instant;

use crate::error::Failure;
use crate::options::{Host, Mode, Options};
use crate::smtp::Greeting;
use crate::tls::Tls;
use crate::trust::Trusted;
use crate::wait::Waiter;

pub use onlooker::{Done, Nobody, Onlooker, Step, Told};
pub use search::{Clocks, Search};

/// A smarthost that answered.
pub struct Session<'a> {
    pub tls: Tls,
    pub greeting: Greeting,
    pub mode: Mode,
    pub host: &'a Host,
    pub addr: SocketAddr,
}

/// `session` is None when all hosts failed; `passed` has one entry for each host that gave none, in order.
pub struct Dialled<'a> {
    pub session: Option<Session<'a>>,
    pub passed: Vec<Failure>,
}

/// # Errors
/// An error that ends the search at once: SIGTERM, no descriptors, no threads. It comes first, then the hosts passed over
/// so far.
pub fn dial<'a>(
    options: &'a Options,
    trusted: &Trusted,
    started: Instant,
    waiter: &Waiter,
) -> Result<Dialled<'a>, Vec<Failure>> {
    let mut passed = Vec::new();
    let mut clocks = Clocks::new(options.setup_timeout, started);
    let mut hosts = options.hosts.iter();
    while let Some(host) = hosts.next() {
        let search = Search { behind: hosts.as_slice(), ..Search::alone(host, options, trusted, waiter) };
        match search.run(&mut clocks, &mut Nobody) {
            Ok(session) => return Ok(Dialled { session: Some(session), passed }),
            Err(failure) if failure.error.ends_all() => {
                passed.insert(0, *failure);
                return Err(passed);
            }
            Err(failure) => passed.push(*failure),
        }
    }
    Ok(Dialled { session: None, passed })
}
