//! What speaks plain SMTP to the bridge, with the lines that it prints: mail with AUTH, the reason in its own queue or
//! log, and what becomes of mail without credentials and with wrong ones.

use std::time::Duration;

use crate::support::limit::until;
use crate::support::smarthost::{Settings, Smarthost};

use super::machine::Machine;
use super::superservers::inetd;
use super::{Provider, NAME};

mod commands;
mod dma;
mod exim;
mod login;
mod nodemailer;
mod nullmailer;
mod opensmtpd;
mod pipe;
mod postfix;
mod probes;
mod readme;
pub mod sendmail;

/// What the tests of each program with a queue show.
const SHOWN: &str = "mail with AUTH, the reason in its queue or log, delivery once the cause is gone";
/// The bridge's sentence, as far as no program cuts it.
const REASON: &str = "421 4.7.5 smtp.example.com: certificate expired on 2026-01-15";
/// alice's message to bob, for printf(1).
const MESSAGE: &str = "Subject: hello\\n\\nfrom a mail program\\n";
/// More than the 256 starts in a minute that openbsd-inetd has as its own limit.
const QUEUE: usize = 300;
/// Until a program has done what it does by itself, with several such tests on two cores.
const PATIENCE: Duration = Duration::from_secs(30);

/// A provider whose smarthost offers STARTTLS inside of TLS, as a plain one behind a TLS proxy does, and ends the session
/// of a client that takes it.
fn offering_starttls() -> Provider {
    let mut provider = Provider::new();
    let tls = provider.house.ca.leaf_for(&[NAME]).server(rustls::ALL_VERSIONS);
    let settings = Settings { extension: Some("STARTTLS"), ..Settings::new(tls) };
    provider.good = Smarthost::start(settings).expect("a port");
    provider
}

/// Lines of a kind, with the account of the tests; `expired` for the smarthost whose certificate has.
fn lines(machine: &Machine, provider: &Provider, kind: &str, expired: bool) -> String {
    let host = if expired { &provider.expired } else { &provider.good };
    provider.printed(machine, kind, host)
}

/// openbsd-inetd listens, with the bridge to one of the two smarthosts.
#[track_caller]
fn listen(machine: &Machine, provider: &Provider, expired: bool) {
    inetd::start(machine, &lines(machine, provider, "inetd-debian", expired));
}

/// The provider has renewed its certificate. inetd reads its file when it gets around to it, so `retry` is repeated
/// until the mail is through.
#[track_caller]
fn renewed(machine: &Machine, provider: &Provider, retry: &str) {
    machine.write("/etc/inetd.conf", &lines(machine, provider, "inetd-debian", false));
    machine.sh("kill -HUP $(cat /run/inetd.pid)");
    until(PATIENCE, "the message arrives", || {
        machine.run(retry);
        !provider.good.inbox().is_empty()
    });
    assert_arrived(machine, provider);
}

/// alice's message to bob, and nothing else.
#[track_caller]
fn assert_arrived(machine: &Machine, provider: &Provider) {
    until(PATIENCE, &format!("a message arrives: {:#?}", machine.syslog.lines()), || !provider.good.inbox().is_empty());
    let inbox = provider.good.inbox();
    let [message] = inbox.as_slice() else { panic!("one message, not {inbox:?}: {:#?}", machine.syslog.lines()) };
    assert_eq!(message.user, "alice");
    assert_eq!(
        (message.from.as_str(), message.to.as_slice()),
        ("alice@example.org", ["bob@example.net".to_owned()].as_slice())
    );
    let text = String::from_utf8_lossy(&message.data);
    // swaks adds an empty line.
    assert!(text.trim_end().ends_with("\r\nfrom a mail program"), "{text:?}");
}

/// Fills in the account of the tests.
fn account(lines: &str) -> String {
    lines.replace("account", "alice").replace("password", "secret")
}

/// What stands in the lines as a comment, behind a mark.
#[track_caller]
fn marked(lines: &str, mark: &str) -> String {
    let mark = format!("#{mark}: ");
    lines.lines().find_map(|line| line.strip_prefix(&mark)).expect("a marked line").to_owned()
}
