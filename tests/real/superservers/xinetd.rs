//! xinetd with the file of `--print-config xinetd`.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::talk::{Hear, Talk};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{fails, serves, Provider, LIMIT};

use super::SHOWN;

/// Goal: the printed file carries mail with AUTH, and 20 sessions at once.
#[test]
fn xinetd_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = start("xinetd", |provider| &provider.good) else { return };
        machine.until_listening();
        serves(&machine, &provider);
    });
}

/// Goal: the reason reaches the client through the socket that xinetd put on 0, 1 and 2, and the limits in the file let
/// a queue of 300 messages through.
#[test]
fn xinetd_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start("xinetd", |provider| &provider.expired) else { return };
        machine.until_listening();
        fails(&machine, 300);
        tested(Role::Superserver, "xinetd", "xinetd", &version("xinetd"), SHOWN);
    });
}

/// Goal: xinetd understands the printed form of an IPv6 address, and an equals sign in an argument.
#[test]
fn xinetd_listens_on_ipv6_loopback() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = start("xinetd --listen [::1]:2525", |provider| &provider.good) else { return };
        let mut client = machine.client_of("[::1]:2525");
        assert!(client.line().starts_with("220 "));
        client.say("QUIT\r\n");
        client.rest();
        assert!(machine.syslog.line("closed ").contains(" client=[::1]:"));
    });
}

/// Goal: a key that only root can read, and a pin with an equals sign: the bridge starts as root and drops to `nobody`.
#[test]
fn xinetd_starts_a_bridge_with_a_key_and_a_pin() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["xinetd"]) else { return };
        let provider = Provider::new();
        let words = format!("xinetd {} --pin {}", provider.identity(), provider.pin);
        machine.write("/etc/xinetd.d/smtps-bridge", &provider.printed(&machine, &words, &provider.good));
        machine.sh("xinetd");
        machine.until_listening();
        let mut client = machine.client();
        assert!(client.line().starts_with("220 "), "{:?}", machine.syslog.lines());
        assert_eq!(machine.sh("ps -o user= -C smtps-bridge").trim(), "nobody");
        client.say("QUIT\r\n");
        client.rest();
    });
}

/// Goal: if the package's user exists, the printed file names it, with and without a key, and it serves.
#[test]
fn xinetd_starts_the_bridge_as_the_user_of_the_package() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        for kind in ["xinetd".to_owned(), format!("xinetd {}", provider.identity())] {
            let Some(machine) = Machine::boot(&["xinetd"]) else { return };
            machine
                .sh("echo smtps-bridge:x:992:992::/:/bin/false >> /etc/passwd; echo smtps-bridge:x:992: >> /etc/group");
            machine.write("/etc/xinetd.d/smtps-bridge", &provider.printed(&machine, &kind, &provider.good));
            machine.sh("xinetd");
            machine.until_listening();
            let mut client = machine.client();
            assert!(client.line().starts_with("220 "), "{:?}", machine.syslog.lines());
            assert_eq!(machine.sh("ps -o user:20= -C smtps-bridge").trim(), "smtps-bridge");
            client.say("QUIT\r\n");
            client.rest();
        }
    });
}

fn start(kind: &str, smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&["xinetd"])?;
    let provider = Provider::new();
    machine.write("/etc/xinetd.d/smtps-bridge", &provider.printed(&machine, kind, smarthost(&provider)));
    machine.sh("xinetd");
    Some((machine, provider))
}
