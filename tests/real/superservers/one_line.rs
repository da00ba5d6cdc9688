//! socat and ncat: a listener on one line, for a test or a small system. They have no file of their own.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::smarthost::Smarthost;
use crate::support::tested::{tested, Role};

use crate::real::machine::Machine;
use crate::real::{bursts, fails, relays_for, Provider, BURST, LIMIT};

use super::SHOWN;

/// Goal: socat's EXEC gives the bridge a Unix socket and copies.
#[test]
fn socat_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = socat(|provider| &provider.good) else { return };
        relays_for(&machine, &provider, "unix ");
        bursts(&machine, BURST);
    });
}

#[test]
fn socat_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = socat(|provider| &provider.expired) else { return };
        fails(&machine, 300);
        let version = machine.sh("socat -V | sed -n 's/^socat version \\([^ ]*\\).*/\\1/p'");
        tested(Role::Superserver, "socat", "socat EXEC", version.trim(), SHOWN);
    });
}

/// Goal: ncat's --exec gives the bridge two pipes and copies.
#[test]
fn ncat_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = ncat(|provider| &provider.good) else { return };
        relays_for(&machine, &provider, "pipe ");
        bursts(&machine, BURST);
    });
}

#[test]
fn ncat_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = ncat(|provider| &provider.expired) else { return };
        fails(&machine, 300);
        let version = machine.sh("ncat --version 2>&1 | sed -n 's/.*Version \\([^ ]*\\).*/\\1/p'");
        tested(Role::Superserver, "ncat", "ncat --exec", version.trim(), SHOWN);
    });
}

fn socat(smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    start("socat", smarthost, |words| {
        format!("socat TCP-LISTEN:2525,bind=127.0.0.1,fork,reuseaddr \"EXEC:smtps-bridge --log syslog {words}\"")
            .replace("smtp.example.com:", "smtp.example.com\\\\:")
    })
}

fn ncat(smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    start("ncat", smarthost, |words| {
        format!("ncat --listen --keep-open 127.0.0.1 2525 --exec \"/usr/bin/smtps-bridge --log syslog {words}\"")
    })
}

fn start(
    tool: &str,
    smarthost: fn(&Provider) -> &Smarthost,
    command: fn(&str) -> String,
) -> Option<(Machine, Provider)> {
    if without_tool(tool) {
        return None;
    }
    let machine = Machine::boot(&[])?;
    let provider = Provider::new();
    let command = command(&provider.words(smarthost(&provider)));
    machine
        .sh(&format!("setpriv --reuid=nobody --regid=nogroup --clear-groups {command} < /dev/null > /dev/null 2>&1 &"));
    machine.until_listening();
    Some((machine, provider))
}
