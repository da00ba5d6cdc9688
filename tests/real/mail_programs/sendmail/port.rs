//! The story itself: sendmail 8.17 with the printed .mc lines, an authinfo map, openbsd-inetd with the bridge, and a
//! smarthost on implicit TLS that demands AUTH.

use std::time::Duration;

use crate::real::machine::{version, Machine};
use crate::real::superservers::inetd::start;
use crate::real::{Provider, LIMIT, NAME};
use crate::support::limit::until;
use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use super::{assert_delivered, keeps_while_others_may_write, mailq, queue_of_3, send, SENDMAIL};

const INETD: &str = "inetd-debian";

fn sendmail() -> Option<Machine> {
    super::sendmail(|machine| machine.sh(&format!("smtps-bridge --print-config sendmail-port {NAME}")))
}

/// Goal: one message arrives, authenticated.
#[test]
fn sendmail_relays_a_message_with_auth() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail() else { return };
        start(&machine, &provider.printed(&machine, INETD, &provider.good));
        let said = send(&machine);
        assert!(said.contains("235 2.7.0 Authentication successful") && said.contains("Sent ("), "{said}");
        assert_delivered(&machine, &provider);
        assert!(mailq(&machine).contains("is empty"), "{}", mailq(&machine));
        let line = machine.syslog.line("closed ");
        assert!(line.contains("end=close_notify"), "{line}");
    });
}

/// Goal: with the certificate expired the message stays queued, mailq and the log show the bridge's sentence, and the
/// next run of the queue delivers it.
#[test]
fn sendmail_keeps_a_message_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail() else { return };
        start(&machine, &provider.printed(&machine, INETD, &provider.expired));
        send(&machine);
        let queue = mailq(&machine);
        // mailq cuts the reason after 60 characters.
        assert!(queue.contains("(Deferred: 421 4.7.5 smtp.example.com: certificate expired on)"), "{queue}");
        machine.syslog.line("stat=Deferred: 421 4.7.5 smtp.example.com: certificate expired on 2026-01-15");
        assert_eq!(provider.expired.inbox(), []);

        // The provider has renewed it.
        machine.write("/etc/inetd.conf", &provider.printed(&machine, INETD, &provider.good));
        machine.sh("kill -HUP $(cat /run/inetd.pid)");
        // inetd reads its file when it gets around to it: the queue is run until the mail is through.
        until(Duration::from_secs(15), "the queue is empty", || {
            machine.sh(&format!("{SENDMAIL} -q"));
            mailq(&machine).contains("is empty")
        });
        assert_delivered(&machine, &provider);
    });
}

/// Goal: what the lines say of a map that others may write: sendmail keeps mail back by itself, and says so in the queue.
#[test]
fn sendmail_keeps_a_message_while_others_may_write_its_password() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail() else { return };
        start(&machine, &provider.printed(&machine, INETD, &provider.good));
        keeps_while_others_may_write(&machine, &provider);
    });
}

/// Goal: through a port a run of the queue sends several messages through one session, as with every TCP host.
#[test]
fn sendmail_sends_several_messages_in_a_session_through_a_port() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail() else { return };
        start(&machine, &provider.printed(&machine, INETD, &provider.good));
        queue_of_3(&machine);
        assert_eq!((provider.good.inbox().len(), provider.good.sessions()), (3, 1));
        let result = "mail with AUTH, the reason in mailq, several messages in a session";
        tested(Role::MailProgram, "sendmail-port", "sendmail, through a port", &version("sendmail"), result);
    });
}
