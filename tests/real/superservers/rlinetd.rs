//! rlinetd with the line of `--print-config inetd-debian`, turned into its own form by its own inetd2rlinetd, with the
//! address put right.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{fails, serves, Provider, LIMIT};

use super::SHOWN;

/// Goal: the printed line carries mail with AUTH, and 20 sessions at once.
#[test]
fn rlinetd_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start(|provider| &provider.good) else { return };
        serves(&machine, &provider);
    });
}

#[test]
fn rlinetd_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start(|provider| &provider.expired) else { return };
        fails(&machine, 300);
        let result =
            format!("{SHOWN}; its inetd2rlinetd does not know the address in the line: write interface by hand");
        tested(Role::Superserver, "rlinetd", "rlinetd", &version("rlinetd"), &result);
    });
}

fn start(smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&["rlinetd"])?;
    let provider = Provider::new();
    machine.write("/etc/inetd.conf", &provider.printed(&machine, "inetd-debian", smarthost(&provider)));
    // Its converter takes the address for a part of the port's name.
    machine.sh("inetd2rlinetd -f /etc/inetd.conf /etc/rlinetd.d\n\
         sed -i 's/port \"127.0.0.1:2525\";/port 2525; interface 127.0.0.1;/' /etc/rlinetd.d/*\n\
         rlinetd");
    machine.until_listening();
    Some((machine, provider))
}
