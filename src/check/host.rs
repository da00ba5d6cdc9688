//! One host: the search of a session, the other addresses, what a failure's cure would do, and what will be wrong one day.

use std::net::SocketAddr;
use std::time::Instant;

use super::details::{show, show_offers};
use super::dialogue::Dialogue;
use super::screen::Screen;
use super::tries::{pause, Tries};
use super::watch::{took, Watch};
use crate::deadline::{seconds, Deadline};
use crate::dial::{Clocks, Search, Told};
use crate::error::{Error, Seen, Stage};
use crate::options::{Dial, Host};
use crate::smtp::{Reply, Rules};
use crate::text::{escape, Foreign};
use crate::tls::Tls;

/// An address that a session would not need.
const OTHER_S: u64 = 10;

/// As long as clients wait for it (RFC 5321 section 4.5.3.2).
const EHLO_S: u64 = 300;

/// A session waits for the lookup, and its client for the session.
const SLOW_LOOKUP_S: u64 = 3;

const HOLDS_ALL: &str = "it offers no AUTH, so that --require-auth would hold all mail: leave that option out if it \
                         knows this machine by its address or by --cert";

pub struct Check<'a, 'b> {
    pub search: Search<'a, 'a>,
    pub tries: &'b mut Tries<'a>,
    pub screen: &'b mut Screen<'a>,
}

/// What was said behind the greeting.
#[derive(Default)]
struct Said {
    offers: Option<Reply>,
    quit: Option<Foreign>,
    /// This EHLO is ours: a server that refuses it may accept a client's.
    refused: Option<Foreign>,
}

impl<'a> Check<'a, '_> {
    /// # Errors
    /// Why there would be no session, and what the report has seen of it.
    pub fn run(&mut self) -> Result<(), (Error, Seen)> {
        let search = &self.search;
        self.screen.heading(&heading(search.host));
        let mut watch = Watch::new(self.screen, matches!(search.host.dial, Dial::Name(_)));
        let found = search.run(&mut Clocks::new(search.options.setup_timeout, Instant::now()), &mut watch);
        let mut said = Said::default();
        let (addr, mut error) = match found {
            Ok(session) => (Some(session.addr), talk(search, session.tls, session.addr, &mut said, &mut watch).err()),
            Err(failure) => (failure.addr, Some(failure.error)),
        };
        watch.screen.end();
        let told = watch.told_by(addr);
        if error.as_ref().is_none_or(|error| !error.ends_all() && !error.says_no()) {
            error = others(search, addr, &mut watch).err().or(error);
        }
        let (passed, lookup) = (watch.passed, watch.lookup);
        if let Some(error) = error.take_if(|error| error.ends_all()) {
            return Err((error, Seen::report()));
        }
        self.tell_others(&passed, addr, error.as_ref());
        self.tell(&told, &said, error.as_ref());
        if lookup >= seconds(SLOW_LOOKUP_S) {
            let took = took(lookup);
            self.screen.wrong(
                "warning",
                &format!("the name lookup took {took}, and each session waits for it: check this machine's resolver"),
            );
        }
        match (error, addr) {
            (None, _) => {
                let result =
                    if self.screen.has_warned() { "a session would begin; see the warning above" } else { "fine" };
                self.screen.line("result", result);
                Ok(())
            }
            (Some(error), None) => Err((error, Seen::report())),
            (Some(error), Some(addr)) => match self.tries.cures(&self.search, addr, &error, self.screen) {
                Ok(seen) => Err((error, seen)),
                Err(terminated) => Err((terminated, Seen::report())),
            },
        }
    }

    /// What was learned about one address: the session's, or the one that came furthest.
    fn tell(&mut self, told: &Told, said: &Said, error: Option<&Error>) {
        let Search { host, options, trusted, .. } = &self.search;
        show(told, error, &host.server_name, trusted, self.screen);
        if let Some(reply) = &said.offers {
            show_offers(reply, self.screen);
        }
        match &said.refused {
            // A 421 is the server's own end, whatever we said.
            Some(line) if line.whole().starts_with("421") => {
                self.screen.wrong("warning", &format!("the smarthost ended the session at our EHLO ({line})"));
            }
            Some(line) => self.screen.line("note", &format!("our EHLO was refused ({line}); a client's may not be")),
            None => {}
        }
        if let Some(quit) = &said.quit {
            self.screen.line("QUIT", &quit.to_string());
        }
        let lacks_auth = said.offers.as_ref().is_some_and(|reply| !reply.offers("AUTH"));
        if options.rules == Rules::RequireAuth && lacks_auth {
            self.screen.wrong("warning", HOLDS_ALL);
        }
    }

    /// Why other addresses failed, each reason once, as far as the host's own sentence does not say it. No cure is given:
    /// one for them may break the address that came further.
    fn tell_others(&mut self, passed: &[(SocketAddr, Error)], best: Option<SocketAddr>, verdict: Option<&Error>) {
        let cause = |error: &Error| error.sentence(Seen::report()).without_cure();
        let mut said: Vec<String> = verdict.map(cause).into_iter().collect();
        for (addr, error) in passed {
            let reason = cause(error);
            if said.contains(&reason) {
                continue;
            }
            let option = if addr.is_ipv6() { "-4" } else { "-6" };
            let is_other_family = best.is_some_and(|best| best.is_ipv6() != addr.is_ipv6());
            let leave_out = if verdict.is_none() && error.stage() == Stage::Connect && is_other_family {
                format!("; {option} leaves it out")
            } else {
                String::new()
            };
            if let Error::NoRoute { family } = error {
                // Most machines without IPv6 are meant to have none, and the other addresses were reached.
                self.screen.line("note", &format!("{}: this machine has no {family} route{leave_out}", addr.ip()));
            } else {
                let label = if verdict.is_none() { "warning" } else { "failed" };
                self.screen.wrong(label, &format!("{}: {reason}{leave_out}", addr.ip()));
            }
            said.push(reason);
        }
    }
}

/// EHLO and QUIT: nothing that a session would not do.
fn talk(search: &Search, tls: Tls, addr: SocketAddr, said: &mut Said, watch: &mut Watch) -> Result<(), Error> {
    let local = tls.local_addr().unwrap_or(addr);
    let mut dialogue = Dialogue { tls, attempt: search.attempt(Deadline::after(seconds(EHLO_S))) };
    if !search.is_greeted() {
        // As in a session: in the protocol the client may speak first.
        dialogue.tls.abandon();
        return Ok(());
    }
    match watch.step(", EHLO", || dialogue.ehlo(local)) {
        Ok(reply) => said.offers = Some(reply),
        Err(Error::Turned { line, .. }) => said.refused = Some(line),
        Err(error) => {
            dialogue.tls.abandon();
            return Err(error);
        }
    }
    match watch.step(", QUIT", || dialogue.quit()) {
        Err(error @ Error::Terminated { .. }) => return Err(error),
        answer => said.quit = Some(answer.unwrap_or_else(|_| escape(b"no answer"))),
    }
    dialogue.tls.abandon();
    Ok(())
}

/// The addresses that a session did not try, each for a while; what is wrong with them goes to `passed`.
///
/// # Errors
/// `Error::Terminated` and `Error::OutOf`, which end the whole check.
fn others(search: &Search, verdict: Option<SocketAddr>, watch: &mut Watch) -> Result<(), Error> {
    let known = |watch: &Watch, addr| {
        Some(addr) == verdict
            || watch.passed.iter().any(|(passed, _)| *passed == addr)
            || watch.told.iter().any(|(told, _)| *told == addr)
    };
    let untried: Vec<SocketAddr> = watch.addresses.iter().copied().filter(|addr| !known(watch, *addr)).collect();
    for addr in untried {
        pause(search.waiter)?;
        let found = search.address(addr, Deadline::after(seconds(OTHER_S)), watch);
        watch.screen.end();
        match found {
            Ok(tls) => search.leave(tls),
            Err(error) if error.ends_all() => return Err(error),
            Err(error) => {
                let says_no = error.says_no();
                watch.passed.push((addr, error));
                if says_no {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn heading(host: &Host) -> String {
    let name = host.server_name_text();
    let other = if name == host.name { String::new() } else { format!(", verified as {name}") };
    format!("{}, port {}{other}", host.name, host.port)
}
