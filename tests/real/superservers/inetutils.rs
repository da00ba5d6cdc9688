//! inetutils-inetd with the same line as openbsd-inetd.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{answered, fails, serves, Provider, LIMIT};

use super::SHOWN;

const PEER: &str = "inetutils-inetd";

/// Goal: the printed line means the same to this inetd.
#[test]
fn inetutils_inetd_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start(|provider| &provider.good, "6000") else { return };
        serves(&machine, &provider);
    });
}

/// Goal: the printed line lets a queue of 300 messages through.
#[test]
fn inetutils_inetd_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start(|provider| &provider.expired, "6000") else { return };
        fails(&machine, 300);
        tested(Role::Superserver, "inetd-inetutils", PEER, &version(PEER), SHOWN);
    });
}

/// Goal: the number in the line means starts a minute to this inetd too. (Its manual gives 40 as the default; version
/// 2.4 without a number stopped at none of 600.)
#[test]
fn inetutils_inetd_stops_at_the_number_in_the_line() {
    inside_for(LIMIT, || {
        let Some((_machine, _provider)) = start(|provider| &provider.expired, "40") else { return };
        let answered = answered();
        assert!((30..60).contains(&answered), "{answered}");
    });
}

fn start(smarthost: fn(&Provider) -> &Smarthost, starts: &str) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&[PEER])?;
    let provider = Provider::new();
    let lines = provider.printed(&machine, "inetd-debian", smarthost(&provider));
    machine.write("/etc/inetd.conf", &lines.replace(" nowait.6000 ", &format!(" nowait.{starts} ")));
    machine.sh("inetutils-inetd");
    machine.until_listening();
    Some((machine, provider))
}
