//! dma with the lines of `--print-config dma`, through openbsd-inetd.

use crate::support::limit::until;
use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT};

use super::{account, assert_arrived, listen, marked, MESSAGE, PATIENCE, REASON};

/// Goal: one message arrives, authenticated.
#[test]
fn dma_relays_a_message_with_auth() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = dma(&provider, false) else { return };
        send(&machine);
        assert_arrived(&machine, &provider);
        until(PATIENCE, "the queue is empty", || machine.sh("dma -bp").contains("Mail queue is empty"));
        let result = "mail with AUTH, the reason in its log, mail stays queued";
        tested(Role::MailProgram, "dma", "dma", &version("dma"), result);
    });
}

/// Goal: with the certificate expired the message stays queued, and dma's log has the bridge's sentence.
#[test]
fn dma_keeps_a_message_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = dma(&provider, true) else { return };
        send(&machine);
        let line = machine.syslog.line(&format!(": {REASON}"));
        assert!(line.contains(" dma["), "{line}");
        assert!(machine.sh("dma -bp").contains("bob@example.net"), "{}", machine.sh("dma -bp"));
        let bounced = machine.syslog.lines().iter().any(|line| line.contains("bounc"));
        assert!(!bounced, "{:#?}", machine.syslog.lines());
    });
}

/// With openbsd-inetd, which listens.
pub(super) fn dma(provider: &Provider, expired: bool) -> Option<Machine> {
    let machine = Machine::boot(&["openbsd-inetd", "dma"])?;
    listen(&machine, provider, expired);
    let lines = provider.printed(&machine, "dma", &provider.good);
    machine.write("/etc/dma/dma.conf", &lines);
    machine.write("/etc/dma/auth.conf", &format!("{}\n", account(&marked(&lines, "password"))));
    // What Debian's package does when it is configured.
    machine.sh(
        "install -d -m 2775 -g mail /var/spool/dma && chgrp mail /etc/dma/auth.conf && chmod 640 /etc/dma/auth.conf",
    );
    Some(machine)
}

fn send(machine: &Machine) {
    machine.sh(&format!("printf '{MESSAGE}' | dma -f alice@example.org bob@example.net"));
}
