//! busybox's inetd with the line of `--print-config inetd-busybox`.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::talk::{Hear, Talk};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{fails, serves, Provider, LIMIT};

use super::SHOWN;

const PEER: &str = "busybox";

/// Goal: the printed line carries mail with AUTH, and 20 sessions at once.
#[test]
fn busybox_s_inetd_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start("inetd-busybox", |provider| &provider.good) else { return };
        machine.until_listening();
        serves(&machine, &provider);
    });
}

#[test]
fn busybox_s_inetd_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start("inetd-busybox", |provider| &provider.expired) else { return };
        machine.until_listening();
        fails(&machine, 300);
        tested(Role::Superserver, "inetd-busybox", "busybox inetd", &version(PEER), SHOWN);
    });
}

/// Goal: it takes an IPv6 address without brackets, and with tcp6 only.
#[test]
fn busybox_s_inetd_listens_on_ipv6_loopback() {
    inside_for(LIMIT, || {
        let kind = "inetd-busybox --listen [::1]:2525";
        let Some((machine, _provider)) = start(kind, |provider| &provider.good) else { return };
        let mut client = machine.client_of("[::1]:2525");
        assert!(client.line().starts_with("220 "));
        client.say("QUIT\r\n");
        client.rest();
    });
}

/// Goal: why it has a kind of its own.
#[test]
fn busybox_s_inetd_does_not_know_the_line_for_debian_s() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start("inetd-debian", |provider| &provider.good) else { return };
        let line = machine.syslog.line("inetd");
        assert!(line.contains("parse error on line"), "{line}");
    });
}

fn start(kind: &str, smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&[PEER])?;
    let provider = Provider::new();
    machine.write("/etc/inetd.conf", &provider.printed(&machine, kind, smarthost(&provider)));
    machine.sh("inetd");
    Some((machine, provider))
}
