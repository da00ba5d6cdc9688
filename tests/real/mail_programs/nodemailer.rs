//! nodemailer, which closes its connection behind each mail without QUIT, at a smarthost with a limit of connections.

use std::collections::BTreeSet;

use crate::support::limit::until;
use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::smarthosts::postfix::postfix;
use crate::real::smarthosts::Server;
use crate::real::superservers::inetd;
use crate::real::{LIMIT, NAME};

use super::PATIENCE;

const MAILS: usize = 60;

/// Ten connections at once from one address, loopback included, as a provider's Postfix may have it.
const TEN: &str = "smtpd_client_connection_count_limit = 10\nsmtpd_client_event_limit_exceptions =\n";

/// Goal: each of 60 mails is delivered once, one after the other: no connection is held at the smarthost for a client
/// that has gone, or the eleventh would find no place.
#[test]
fn nodemailer_has_60_mails_delivered_one_after_the_other_at_a_limit_of_ten_connections() {
    inside_for(LIMIT, || {
        delivers(1);
        let result = "mail with AUTH, 60 mails in 60 sessions without QUIT at a smarthost that takes 10 connections";
        tested(Role::MailProgram, "nodemailer", "nodemailer", &version("nodemailer"), result);
    });
}

/// Goal: the same, four at a time: each may find its own last connection and those of three others still there.
#[test]
fn nodemailer_has_60_mails_delivered_four_at_a_time_at_a_limit_of_ten_connections() {
    inside_for(LIMIT, || delivers(4));
}

fn delivers(workers: usize) {
    if without_tool("node") {
        return;
    }
    let Some(provider) = postfix(TEN) else { return };
    let Some(machine) = Machine::boot(&["openbsd-inetd", "nodemailer"]) else { return };
    let ca = provider.house.dir.path("ca.pem");
    let words = format!("inetd-debian --ca-file {} {NAME}", ca.display());
    inetd::start(&machine, &machine.sh(&format!("smtps-bridge --print-config {words}")));
    machine.write("/etc/send.js", include_str!("nodemailer.js"));
    let send = |port: &str, ca: &str| {
        let words = format!("{port} {ca} {MAILS} {workers}");
        machine.sh(&format!("NODE_PATH=/usr/lib/node_modules node /etc/send.js {words} 2>&1"))
    };

    // Without the bridge: the limit alone refuses none of them.
    assert_eq!(send("465", &ca.display().to_string()), format!("{MAILS} taken\n"));
    arrive(&provider, MAILS);

    assert_eq!(send("2525", "-"), format!("{MAILS} taken\n"));
    arrive(&provider, 2 * MAILS);
    let closed = || -> Vec<String> {
        let lines = machine.syslog.lines().into_iter();
        lines.filter(|line| line.contains("smtps-bridge") && line.contains(": closed ")).collect()
    };
    until(PATIENCE, "each session has its line", || closed().len() == MAILS);
    for line in closed() {
        // <22>: facility mail, severity info.
        let in_order = line.starts_with("<22>") && line.contains(" end=local_eof mails=1");
        assert!(in_order, "{line}");
    }
}

/// This many mails are there, none of them more often than once without the bridge and once through it.
#[track_caller]
fn arrive(provider: &Server, mails: usize) {
    provider.until("every mail has arrived", || (provider.inbox)().len() >= mails);
    let inbox = (provider.inbox)();
    let names: BTreeSet<&str> = inbox.iter().map(|message| message.name.as_str()).collect();
    assert_eq!((inbox.len(), names.len()), (mails, MAILS));
}
