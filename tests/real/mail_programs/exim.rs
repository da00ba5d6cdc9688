//! Exim with the lines of `--print-config exim` in Debian's split configuration, through openbsd-inetd.

use std::time::Duration;

use crate::support::limit::until;
use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT};

use super::{account, assert_arrived, listen, marked, offering_starttls, renewed, MESSAGE, QUEUE, REASON, SHOWN};

/// Goal: one message arrives, authenticated.
#[test]
fn exim_relays_a_message_with_auth() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = exim(&provider, false) else { return };
        send(&machine);
        assert_arrived(&machine, &provider);
        assert_eq!(machine.sh("exim4 -bpc").trim(), "0");
    });
}

/// Goal: with the certificate expired the message stays queued, its log has the bridge's whole sentence, and the next
/// run of the queue delivers it.
#[test]
fn exim_keeps_a_message_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = exim(&provider, true) else { return };
        send(&machine);
        assert_kept(&machine, &provider, REASON);
        renewed(&machine, &provider, "exim4 -qff");
        tested(Role::MailProgram, "exim", "Exim", &version("exim"), SHOWN);
    });
}

/// Goal: no TLS in TLS, though the smarthost offers it.
#[test]
fn exim_leaves_starttls_alone_behind_the_bridge() {
    inside_for(LIMIT, || {
        let provider = offering_starttls();
        let Some(machine) = exim(&provider, false) else { return };
        send(&machine);
        assert_arrived(&machine, &provider);
        assert_eq!(provider.good.sessions(), 1);
    });
}

/// Goal: if Debian's authenticators are missing, the one in the comment logs in.
#[test]
fn exim_logs_in_with_the_authenticator_of_the_comment() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = exim(&provider, false) else { return };
        let main = provider.printed(&machine, "exim.main", &provider.good);
        let lines: Vec<&str> = main.lines().filter_map(|line| line.strip_prefix("#elsewhere: ")).collect();
        machine.write("/etc/exim4/conf.d/auth/30_smtps-bridge", &account(&format!("{}\n", lines.join("\n"))));
        machine.sh("rm /etc/exim4/passwd.client /etc/exim4/conf.d/auth/30_exim4-config_examples
            sed -i /AUTH_CLIENT/d /etc/exim4/conf.d/main/00_smtps-bridge
            update-exim4.conf");
        send(&machine);
        assert_arrived(&machine, &provider);
    });
}

/// Goal: a queue, run at once by two runners, arrives whole through the limits of both lines, and nothing of it bounces.
#[test]
fn exim_flushes_a_queue_of_300() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = exim(&provider, false) else { return };
        // Submitted in one session: -bs, local SMTP.
        let one =
            "MAIL FROM:<alice@example.org>\\r\\nRCPT TO:<bob@example.net>\\r\\nDATA\\r\\n\\r\\nhello\\r\\n.\\r\\n";
        machine.sh(&format!(
            "{{ printf 'HELO mailer.example.test\\r\\n'; for n in $(seq {QUEUE}); do printf '{one}'; done
             printf 'QUIT\\r\\n'; }} | exim4 -odq -bs > /dev/null"
        ));
        assert_eq!((machine.sh("exim4 -bpc").trim(), provider.good.sessions()), (&*QUEUE.to_string(), 0));
        until(Duration::from_secs(90), "all have arrived", || {
            machine.sh("exim4 -qff & exim4 -qff; wait");
            provider.good.inbox().len() >= QUEUE
        });
        assert_eq!(provider.good.inbox().len(), QUEUE);
        assert!(!mainlog(&machine).contains(" ** "), "{}", mainlog(&machine));
    });
}

/// Debian's configuration for a machine on the internet, with the printed files in it, and openbsd-inetd, which listens.
pub(super) fn exim(provider: &Provider, expired: bool) -> Option<Machine> {
    let machine = Machine::boot(&["openbsd-inetd", "exim", "exim4-config"])?;
    listen(&machine, provider, expired);
    for (part, file) in [
        ("main", "main/00_smtps-bridge"),
        ("router", "router/170_smtps-bridge"),
        ("transport", "transport/30_smtps-bridge"),
    ] {
        let lines = provider.printed(&machine, &format!("exim.{part}"), &provider.good);
        assert!(lines.contains(&format!("/etc/exim4/conf.d/{file}")), "{lines}");
        machine.write(&format!("/etc/exim4/conf.d/{file}"), &lines);
    }
    let main = provider.printed(&machine, "exim.main", &provider.good);
    machine.write("/etc/exim4/passwd.client", &format!("{}\n", account(&marked(&main, "password"))));
    machine.write(
        "/etc/exim4/update-exim4.conf.conf",
        "dc_eximconfig_configtype='internet'\ndc_other_hostnames='mailer.example.test'\n\
         dc_local_interfaces='127.0.0.1'\ndc_use_split_config='true'\nCFILEMODE='640'\n",
    );
    // What Debian's packages do when they are configured.
    machine.sh("printf 'Debian-exim:x:990:990::/var/spool/exim4:/bin/false\n' >> /etc/passwd
        printf 'Debian-exim:x:990:\n' >> /etc/group
        install -d -o Debian-exim -g Debian-exim /var/spool/exim4 /var/log/exim4
        install -d /var/lib/exim4
        echo mailer.example.test > /etc/mailname
        cd /etc/exim4 && chown root:Debian-exim passwd.client && chmod 640 passwd.client
        update-exim4.conf");
    Some(machine)
}

/// Submits and tries once, before it returns.
fn send(machine: &Machine) {
    machine.sh(&format!("printf '{MESSAGE}' | exim4 -odf -f alice@example.org bob@example.net"));
}

/// The message is in the queue, and its log, as `exim4 -Mvl` shows it, has the reason.
#[track_caller]
fn assert_kept(machine: &Machine, provider: &Provider, reason: &str) {
    let log = machine.sh("exim4 -Mvl $(exim4 -bpr | sed -n 's/^ *[^ ]* *[^ ]* \\([^ ]*\\) <.*/\\1/p')");
    assert!(log.contains(reason) && log.contains("bob@example.net R=smtps_bridge T=smtps_bridge defer ("), "{log}");
    assert_eq!(machine.sh("exim4 -bpc").trim(), "1");
    assert_eq!(provider.good.inbox(), []);
}

fn mainlog(machine: &Machine) -> String {
    machine.sh("cat /var/log/exim4/mainlog")
}
