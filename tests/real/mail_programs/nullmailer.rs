//! nullmailer with the line of `--print-config nullmailer`, through openbsd-inetd.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT};

use super::{account, assert_arrived, listen, renewed, MESSAGE, REASON, SHOWN};

/// Goal: with the certificate expired the message stays queued, nullmailer says the bridge's whole sentence, and the
/// next run delivers it, authenticated.
#[test]
fn nullmailer_keeps_a_message_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = nullmailer(&provider, true) else { return };
        send(&machine);
        let said = machine.sh(RUN);
        assert!(said.contains(&format!("smtp: Failed: {REASON}")), "{said}");
        assert!(machine.sh("mailq").contains("bytes from <alice@example.org>"));
        renewed(&machine, &provider, RUN);
        assert_eq!(machine.sh("mailq"), "");
        tested(Role::MailProgram, "nullmailer", "nullmailer", &version("nullmailer"), SHOWN);
    });
}

/// Goal: the warning in the lines is true: without credentials the 530 bounces the message; the copy is where it says.
#[test]
fn nullmailer_bounces_a_message_without_credentials() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = nullmailer(&provider, false) else { return };
        machine.sh("sed -i 's/ user=.*//' /etc/nullmailer/remotes");
        send(&machine);
        let said = machine.sh(RUN);
        assert!(said.contains("smtp: Failed: 530 5.7.0") && said.contains("Generating bounce for"), "{said}");
        assert_eq!(machine.sh("ls /var/spool/nullmailer/failed | wc -l").trim(), "1");
        assert_eq!(provider.good.inbox(), []);
    });
}

/// Goal: with wrong ones it stays.
#[test]
fn nullmailer_keeps_a_message_with_wrong_credentials() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = nullmailer(&provider, false) else { return };
        machine.sh("sed -i 's/secret/wrong/' /etc/nullmailer/remotes");
        send(&machine);
        let said = machine.sh(RUN);
        assert!(said.contains("smtp: Failed: 535 5.7.8") && said.contains("1 message(s) remain"), "{said}");
        machine.sh("sed -i 's/wrong/secret/' /etc/nullmailer/remotes");
        machine.sh(RUN);
        assert_arrived(&machine, &provider);
    });
}

/// Once through the queue, as its service runs it: pausetime is 0.
const RUN: &str = "setpriv --reuid mail --regid mail --clear-groups nullmailer-send 2>&1";

/// With openbsd-inetd, which listens.
fn nullmailer(provider: &Provider, expired: bool) -> Option<Machine> {
    if without_tool("setpriv") {
        return None;
    }
    let machine = Machine::boot(&["openbsd-inetd", "nullmailer"])?;
    listen(&machine, provider, expired);
    let lines = provider.printed(&machine, "nullmailer", &provider.good);
    machine.sh("mkdir -p /etc/nullmailer");
    machine.write("/etc/nullmailer/remotes", &account(&lines));
    // What Debian's package does when it is configured.
    machine.sh("echo mailer.example.test > /etc/mailname
        echo 0 > /etc/nullmailer/pausetime
        cd /etc/nullmailer && chown mail:mail remotes && chmod 600 remotes
        mkdir -p /var/spool/nullmailer && cd /var/spool/nullmailer
        mkdir queue tmp failed && mkfifo trigger && chown -R mail:mail .");
    Some(machine)
}

fn send(machine: &Machine) {
    machine.sh(&format!("printf '{MESSAGE}' | nullmailer-inject -f alice@example.org bob@example.net"));
}
