//! Postfix with the lines of `--print-config postfix`, through openbsd-inetd.

use std::time::Duration;

use crate::support::limit::until;
use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT};

use super::{
    account, assert_arrived, listen, marked, offering_starttls, renewed, MESSAGE, PATIENCE, QUEUE, REASON, SHOWN,
};

/// Goal: one message arrives, authenticated.
#[test]
fn postfix_relays_a_message_with_auth() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = postfix(&provider, false) else { return };
        send(&machine);
        assert_arrived(&machine, &provider);
        assert!(machine.syslog.line("status=").contains("status=sent (250 "), "{:#?}", machine.syslog.lines());
    });
}

/// Goal: with the certificate expired the message stays queued, the queue shows the bridge's whole sentence, and the
/// next flush delivers it.
#[test]
fn postfix_keeps_a_message_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = postfix(&provider, true) else { return };
        send(&machine);
        assert!(reason(&machine).contains(REASON), "{}", reason(&machine));
        renewed(&machine, &provider, "postqueue -f");
        tested(Role::MailProgram, "postfix", "Postfix", &version("postfix"), SHOWN);
    });
}

/// Goal: no TLS in TLS if the smarthost offers it, though Debian's main.cf takes it from others.
#[test]
fn postfix_leaves_starttls_alone_behind_the_bridge() {
    inside_for(LIMIT, || {
        let provider = offering_starttls();
        let Some(machine) = postfix(&provider, false) else { return };
        machine.sh("postconf -e smtp_tls_security_level=may && postfix reload 2> /dev/null");
        send(&machine);
        until(PATIENCE, "its fate is in the log", || {
            machine.syslog.lines().iter().any(|line| line.contains(" status="))
        });
        assert_arrived(&machine, &provider);
        assert_eq!(provider.good.sessions(), 1);
    });
}

/// Goal: a queue, flushed at once, arrives whole through the limits of both lines, and nothing of it bounces.
#[test]
fn postfix_flushes_a_queue_of_300() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = postfix(&provider, false) else { return };
        machine.sh("postconf -e defer_transports=smtps-bridge && postfix reload 2> /dev/null");
        machine.sh(&format!("smtp-source -s 4 -m {QUEUE} -f alice@example.org -t bob@example.net 127.0.0.1:25"));
        assert_eq!(provider.good.sessions(), 0);
        machine.sh("postconf -e defer_transports= && postfix reload 2> /dev/null");
        // What is still being read into the queue is flushed with the next look.
        until(Duration::from_secs(90), "all have arrived", || {
            machine.sh("postqueue -f");
            provider.good.inbox().len() >= QUEUE
        });
        until(PATIENCE, "the queue is empty", || machine.sh("postqueue -p").contains("Mail queue is empty"));
        assert_eq!(provider.good.inbox().len(), QUEUE);
        let bounced: Vec<_> = machine.syslog.lines().into_iter().filter(|line| line.contains("=bounced")).collect();
        assert!(bounced.is_empty(), "{bounced:?}");
    });
}

/// Debian's master.cf and the printed lines at the ends of both files, with openbsd-inetd, which listens.
pub(super) fn postfix(provider: &Provider, expired: bool) -> Option<Machine> {
    let machine = Machine::boot(&["openbsd-inetd", "postfix"])?;
    listen(&machine, provider, expired);
    let main = provider.printed(&machine, "postfix.main", &provider.good);
    machine.write("/etc/main.part", &main);
    machine.write("/etc/master.part", &provider.printed(&machine, "postfix.master", &provider.good));
    // What Debian's package does when it is configured.
    machine.sh("printf 'postfix:x:990:990::/var/spool/postfix:/bin/false\n' >> /etc/passwd
        printf 'postfix:x:990:\npostdrop:x:991:\n' >> /etc/group
        mkdir -p /var/lib/postfix /var/spool/postfix
        chown postfix: /var/lib/postfix
        cat /usr/share/postfix/master.cf.dist /etc/master.part > /etc/postfix/master.cf
        printf 'compatibility_level = 3.6\nmyhostname = mailer.example.test\nalias_maps =\n' | \
            cat - /etc/main.part > /etc/postfix/main.cf");
    credentials(&machine, &account(&marked(&main, "password")));
    // It says that unpacking has set no group.
    machine.sh("postfix check 2> /dev/null && postfix start 2> /dev/null");
    Some(machine)
}

fn credentials(machine: &Machine, line: &str) {
    machine.write("/etc/postfix/smtps-bridge-password", &format!("{line}\n"));
    machine.sh("cd /etc/postfix && chmod 600 smtps-bridge-password && postmap hash:/etc/postfix/smtps-bridge-password");
}

fn send(machine: &Machine) {
    machine.sh(&format!("printf '{MESSAGE}' | sendmail -f alice@example.org bob@example.net"));
}

/// The queue, as soon as it has a reason in it.
fn reason(machine: &Machine) -> String {
    until(PATIENCE, "the queue has a reason", || machine.sh("postqueue -p").contains('('));
    machine.sh("postqueue -p")
}
