//! nullmailer with the line of `--print-config nullmailer`, through openbsd-inetd.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT};

use super::{account, listen, renewed, MESSAGE, REASON, SHOWN};

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

/// Once through the queue, as its service runs it: pausetime is 0.
pub(super) const RUN: &str = "setpriv --reuid mail --regid mail --clear-groups nullmailer-send 2>&1";

/// With openbsd-inetd, which listens.
pub(super) fn nullmailer(provider: &Provider, expired: bool) -> Option<Machine> {
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
