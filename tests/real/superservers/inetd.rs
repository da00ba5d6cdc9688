//! openbsd-inetd with packaging/inetd/debian.conf, plain and behind tcpd.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::talk::Hear;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{refuses, refuses_a_queue, relays, Provider, LIMIT};

const FILE: &str = "inetd/debian.conf";

/// Goal: the shipped line carries mail with AUTH.
#[test]
fn openbsd_inetd_relays_a_message() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        start(&machine, &provider.shipped(FILE, &provider.good));
        relays(&machine, &provider);
    });
}

/// Goal: the reason reaches the client through the socket that inetd accepted.
#[test]
fn openbsd_inetd_hands_on_the_reason() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        start(&machine, &provider.shipped(FILE, &provider.expired));
        refuses(&machine);
    });
}

/// Goal: the limit of starts in the shipped line lets a queue of 300 messages through, above inetd's own 256.
#[test]
fn openbsd_inetd_takes_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        start(&machine, &provider.shipped(FILE, &provider.expired));
        refuses_a_queue(&machine, 300);
        let version = version("openbsd-inetd");
        tested(Role::Superserver, "inetd-openbsd", "openbsd-inetd", &version, "mail, the reason, a queue of 300");
    });
}

/// Goal: the two commented lines for users of tcpd let this machine through under "ALL: ALL" denied.
#[test]
fn tcpd_relays_a_message() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = behind_tcpd(|provider| &provider.good) else { return };
        relays(&machine, &provider);
    });
}

#[test]
fn tcpd_hands_on_the_reason() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = behind_tcpd(|provider| &provider.expired) else { return };
        refuses(&machine);
    });
}

/// Goal: what the comment says of those who leave the line for hosts.allow out is so: no greeting at all.
#[test]
fn tcpd_without_its_line_gives_no_greeting() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd", "tcpd"]) else { return };
        let provider = Provider::new();
        machine.write("/etc/hosts.deny", "ALL: ALL\n");
        machine.write("/etc/hosts.allow", "");
        start(&machine, &commented(&provider.shipped(FILE, &provider.good), "inetd.conf"));
        assert_eq!(machine.client().line(), "");
        assert_eq!(provider.good.sessions(), 0);
    });
}

fn behind_tcpd(smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&["openbsd-inetd", "tcpd"])?;
    let provider = Provider::new();
    let lines = provider.shipped(FILE, smarthost(&provider));
    machine.write("/etc/hosts.deny", "ALL: ALL\n");
    machine.write("/etc/hosts.allow", &commented(&lines, "hosts.allow"));
    start(&machine, &commented(&lines, "inetd.conf"));
    Some((machine, provider))
}

/// The line that stands as a comment, marked with the file into which it goes.
fn commented(lines: &str, file: &str) -> String {
    let mark = format!("#{file}: ");
    let found: Vec<&str> = lines.lines().filter_map(|line| line.strip_prefix(&mark)).collect();
    let [line] = found.as_slice() else { panic!("one line for {file}, not {found:?}") };
    format!("{line}\n")
}

pub fn start(machine: &Machine, lines: &str) {
    machine.write("/etc/inetd.conf", lines);
    machine.sh("inetd");
    machine.until_listening();
}
