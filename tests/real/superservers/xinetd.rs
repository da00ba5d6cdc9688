//! xinetd with packaging/xinetd/smtps-bridge.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{refuses, refuses_a_queue, relays, Provider, LIMIT};

/// Goal: the shipped file carries mail with AUTH.
#[test]
fn xinetd_relays_a_message() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start(|provider| &provider.good) else { return };
        relays(&machine, &provider);
    });
}

/// Goal: the reason reaches the client through the socket that xinetd put on 0, 1 and 2.
#[test]
fn xinetd_hands_on_the_reason() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start(|provider| &provider.expired) else { return };
        refuses(&machine);
    });
}

/// Goal: the limits in the shipped file let a queue of 300 messages through.
#[test]
fn xinetd_takes_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start(|provider| &provider.expired) else { return };
        refuses_a_queue(&machine, 300);
        tested(Role::Superserver, "xinetd", "xinetd", &version("xinetd"), "mail, the reason, a queue of 300");
    });
}

fn start(smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&["xinetd"])?;
    let provider = Provider::new();
    machine.write("/etc/xinetd.d/smtps-bridge", &provider.shipped("xinetd/smtps-bridge", smarthost(&provider)));
    machine.sh("xinetd");
    machine.until_listening();
    Some((machine, provider))
}
