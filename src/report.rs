//! Outcome or error to one log line, one 421, one exit code.

use std::fmt::Write;
use std::time::Instant;

use log::{error, info, warn};

use crate::deadline::{seconds, Deadline};
use crate::dial::Session;
use crate::error::{self, Error, Failure};
use crate::exit::Exit;
use crate::options::{Host, Mode, Replies};
use crate::relay::{End, Ended};
use crate::smtp::{unavailable, Account};
use crate::stdio::{self, Local, Presence};
use crate::text::{escape, line, value};
use crate::tls::Agreed;
use crate::x509::{self, Validity};

/// How long a failing client is waited for: to take the reply, and to end.
const LAST_WORDS_S: u64 = 5;

/// What a panic says; no sentence is longer.
const PANIC: usize = 480;

/// The smarthost's last refusal in the line of a session.
const REFUSED: usize = 120;

/// What a session is about, kept while the connection itself moves on.
pub struct About<'a> {
    pub host: &'a Host,
    pub addr: std::net::SocketAddr,
    pub facts: Agreed,
    pub mode: Mode,
    pub setup_ms: u128,
}

impl<'a> About<'a> {
    pub fn new(session: &Session<'a>, started: Instant) -> About<'a> {
        let setup_ms = started.elapsed().as_millis();
        let &Session { host, addr, mode, .. } = session;
        About { host, addr, facts: session.tls.facts.clone(), mode, setup_ms }
    }

    /// A session that failed on our side.
    pub fn failure(&self, error: Error) -> Failure {
        Failure {
            error,
            host: Some(self.host.name.clone()),
            server_name: Some(self.host.server_name_text()),
            addr: Some(self.addr),
            tried: 1,
        }
    }
}

/// One line for a session, at a level that says whether somebody should look.
pub fn closed(about: &About, local: &Local, ended: &Ended, started: Instant) -> Exit {
    let facts = &about.facts;
    let not_after = facts.validity.map_or("?".to_owned(), |validity| x509::date(validity.not_after));
    let connection = format!(
        "addr={} client={} tls={} suite={} group={} not_after={not_after}",
        about.addr, local.client, facts.version, facts.suite, facts.group
    );
    let octets = format!("up={} down={} setup_ms={}", ended.up, ended.down, about.setup_ms);
    let mode = about.mode.word().map(|word| format!(" mode={word}")).unwrap_or_default();
    let secs = started.elapsed().as_secs_f64();
    write_closed(&format!("host={} {connection} {octets} secs={secs:.1}{mode}", value(&about.host.name)), ended)
}

/// One line for a client that is gone already, as the probes of monitors and load balancers are: the smarthost is not dialled
/// for it. None for one that is here.
pub fn left(presence: Presence, hosts: &[Host], local: &Local, started: Instant) -> Option<Exit> {
    let end = match presence {
        Presence::Here => return None,
        Presence::Ended => End::LocalEof,
        Presence::Gone => End::ClientGone,
    };
    let ended = Ended { end, exit: Exit::Ok, reason: None, up: 0, down: 0, account: Some(Account::default()) };
    let (host, client, secs) = (value(&hosts.first()?.name), &local.client, started.elapsed().as_secs_f64());
    let session = format!("host={host} client={client} up=0 down=0 setup_ms=0 secs={secs:.1}");
    Some(write_closed(&session, &ended))
}

/// `session`: the fields up to its end.
fn write_closed(session: &str, ended: &Ended) -> Exit {
    let mut record = format!("closed {session} end={}", ended.end.word());
    // What comes from outside stands last, in quotes: it cannot pass for another field.
    if let Some(account) = &ended.account {
        let _ = write!(record, " mails={}", account.mails);
    }
    if let Some(reason) = &ended.reason {
        let _ = write!(record, " reason={}", value(reason));
    }
    if let Some(line) = ended.account.as_ref().and_then(|account| account.refused.as_ref()) {
        let _ = write!(record, " refused={}", value(&format!("{:.REFUSED$}", escape(line))));
    }
    if ended.exit == Exit::Ok {
        info!("{record}");
    } else {
        warn!("{record}");
    }
    ended.exit
}

/// A host that gave no session while another one may.
pub fn passed(failure: &Failure, local: &Local) {
    warn!("passed {} client={} reason={}", place(failure), local.client, reason(&failure.error));
}

/// No session: the reply first, because the client waits; then the line; then what the client still sends. `failure`
/// is the first host's, `more` are the others'.
pub fn failed(failure: &Failure, more: &[Failure], local: &Local, replies: Replies, started: Instant) -> Exit {
    more.iter().for_each(|other| passed(other, local));
    let exit = error::exit([failure].into_iter().chain(more).map(|failure| &failure.error));
    let setup_ms = started.elapsed().as_millis();
    let said = match replies {
        Replies::Smtp => say(&reply(failure, more.len()), local),
        Replies::None => false,
    };
    let code = if said { format!("421 {}", failure.error.status()) } else { "none".to_owned() };
    if local.input == stdio::Kind::Terminal && matches!(failure.error, Error::Usage(_)) {
        // A person who mistyped: no record.
        let sentence = failure.error.to_string();
        let help = if sentence.contains("--help") { "" } else { "; try --help" };
        error!("{sentence}{help}");
    } else {
        error!(
            "failed {} client={} tried={} reason={} reply={} setup_ms={setup_ms}",
            place(failure),
            local.client,
            failure.tried,
            reason(&failure.error),
            value(&code),
        );
    }
    stdio::half_close(local);
    stdio::drain(local, Deadline::after(seconds(LAST_WORDS_S)));
    exit
}

/// The panic hook's last words. The log's lock is only tried, the reply is written only if it is taken at once.
pub fn panicked(what: &str) {
    let reply = unavailable("4.3.0", "smtps-bridge", 0, |_| "internal error, its log has the details".to_owned());
    if stdio::claim_first_byte() {
        let local = stdio::look();
        stdio::write_last_words(reply.as_bytes(), Deadline::now());
        stdio::half_close(&local);
        stdio::drain(&local, Deadline::after(seconds(1)));
    }
    error!("panic reason={}", value(&format!("{:.PANIC$}", escape(what.as_bytes()))));
}

/// A certificate that expires soon, the smarthost's or our own: there is still time to renew it.
pub fn expiring(about: &About, identity: Option<Validity>) {
    let now = x509::now();
    for (whose, validity) in [("smarthost", about.facts.validity), ("client", identity)] {
        let Some(validity) = validity else { continue };
        let what = match (validity.valid_at(now), validity.ends_soon(now)) {
            // A certificate that is not valid today comes this far under --pin-only, or if it is our own.
            (false, _) => "invalid",
            (true, true) => "expiring",
            (true, false) => continue,
        };
        warn!(
            "{what} host={} certificate={whose} not_before={} not_after={} days={}",
            value(&about.host.name),
            x509::date(validity.not_before),
            x509::date(validity.not_after),
            validity.days_left(now),
        );
    }
}

/// `421 4.x.y NAME: REASON`. It names the smarthost: MTAs compare a greeting's name with their own to find loops.
pub fn reply(failure: &Failure, more: usize) -> String {
    let name = escape(failure.server_name.as_deref().unwrap_or("smtps-bridge").as_bytes());
    unavailable(failure.error.status(), name, more, |room| line(&failure.reply(room), room))
}

/// Says it if nothing has been said yet; true if the client took it.
fn say(reply: &str, local: &Local) -> bool {
    if local.output == stdio::Kind::Terminal || !stdio::claim_first_byte() {
        return false;
    }
    let taken = stdio::write_last_words(reply.as_bytes(), Deadline::after(seconds(LAST_WORDS_S)));
    // The end right behind it: a client that reads to the end must not wait for our log.
    stdio::half_close(local);
    taken
}

fn place(failure: &Failure) -> String {
    let host = failure.host.as_ref().map(|host| format!(" host={}", value(host))).unwrap_or_default();
    let addr = failure.addr.map(|addr| format!(" addr={addr}")).unwrap_or_default();
    format!("stage={}{host}{addr}", failure.error.stage())
}

fn reason(error: &Error) -> String {
    let clear = error.clear().map(|line| format!(" clear={}", value(&line.to_string()))).unwrap_or_default();
    format!("{}{clear}", value(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_line_of_at_most_200_octets_whatever_it_says() {
        let mut failure = Failure::from(Error::Usage("x".repeat(1000)));
        failure.server_name = Some("n".repeat(250));
        let text = reply(&failure, 3);
        assert!(text.len() <= 200, "{}", text.len());
        assert!(text.ends_with("... (+3 more)\r\n"), "{text}");
        assert_eq!(text.matches('\n').count(), 1);
    }

    #[test]
    fn a_reply_without_a_server_name_has_ours_and_no_path() {
        let failure = Failure::from(Error::Unusable {
            role: "--ca-file",
            object: "/etc/secret".to_owned(),
            problem: "no such file".to_owned(),
        });
        assert_eq!(reply(&failure, 0), "421 4.3.5 smtps-bridge: --ca-file: no such file\r\n");
    }
}
