//! inetutils-inetd with the same line as openbsd-inetd.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{fails, serves, Provider, LIMIT};

use super::SHOWN;

const PEER: &str = "inetutils-inetd";

/// Goal: the printed line means the same to this inetd.
#[test]
fn inetutils_inetd_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start(|provider| &provider.good) else { return };
        serves(&machine, &provider);
    });
}

/// Goal: the limit of starts in the line is understood: by itself this inetd stops a service after 40.
#[test]
fn inetutils_inetd_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start(|provider| &provider.expired) else { return };
        fails(&machine, 300);
        tested(Role::Superserver, "inetd-inetutils", PEER, &version(PEER), SHOWN);
    });
}

fn start(smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&[PEER])?;
    let provider = Provider::new();
    machine.write("/etc/inetd.conf", &provider.printed(&machine, "inetd-debian", smarthost(&provider)));
    machine.sh("inetutils-inetd");
    machine.until_listening();
    Some((machine, provider))
}
