//! tcpserver, that of ucspi-tcp and that of ucspi-tcp-ipv6, with the script of `--print-config tcpserver`.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::talk::{Hear, Talk};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{fails, serves, Provider, LIMIT};

use super::SHOWN;

const PLAIN: &str = "ucspi-tcp";
const SIX: &str = "ucspi-tcp-ipv6";

/// Goal: the printed script carries mail with AUTH, and 20 sessions at once, and all of it as `nobody`.
#[test]
fn tcpserver_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start(PLAIN, "tcpserver", |provider| &provider.good) else { return };
        machine.until_listening();
        assert_eq!(machine.sh("ps -o user= -C tcpserver").trim(), "nobody");
        serves(&machine, &provider);
    });
}

#[test]
fn tcpserver_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start(PLAIN, "tcpserver", |provider| &provider.expired) else { return };
        machine.until_listening();
        fails(&machine, 300);
        tested(Role::Superserver, "tcpserver", "tcpserver (ucspi-tcp)", &version(PLAIN), SHOWN);
    });
}

#[test]
fn tcpserver_with_ipv6_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start(SIX, "tcpserver", |provider| &provider.good) else { return };
        machine.until_listening();
        serves(&machine, &provider);
    });
}

/// Goal: the other loopback, which only this tcpserver knows.
#[test]
fn tcpserver_with_ipv6_listens_on_ipv6_loopback() {
    inside_for(LIMIT, || {
        let words = "tcpserver --listen [::1]:2525";
        let Some((machine, _provider)) = start(SIX, words, |provider| &provider.good) else { return };
        let mut client = machine.client_of("[::1]:2525");
        assert!(client.line().starts_with("220 "));
        client.say("QUIT\r\n");
        client.rest();
    });
}

#[test]
fn tcpserver_with_ipv6_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start(SIX, "tcpserver", |provider| &provider.expired) else { return };
        machine.until_listening();
        fails(&machine, 300);
        tested(Role::Superserver, "tcpserver-ipv6", "tcpserver (ucspi-tcp-ipv6)", &version(SIX), SHOWN);
    });
}

fn start(peer: &str, kind: &str, smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&[peer])?;
    let provider = Provider::new();
    machine.sh("mkdir /etc/smtps-bridge");
    machine.write("/etc/smtps-bridge/run", &provider.printed(&machine, kind, smarthost(&provider)));
    machine.sh("chmod 755 /etc/smtps-bridge/run\n/etc/smtps-bridge/run < /dev/null > /dev/null 2>&1 &");
    Some((machine, provider))
}
