//! Programs with a queue.

use crate::real::mail_programs::{dma, exim, listen, nullmailer, opensmtpd, postfix, sendmail};

use super::*;

/// Goal: see `waits`.
#[test]
fn mail_of_sendmail_that_starts_the_bridge_waits_until_it_can_log_in() {
    inside_for(LIMIT, || waits(&SENDMAIL_MAILER, OURS, BOUNCED));
}

#[test]
fn mail_of_sendmail_through_a_port_waits_until_it_can_log_in() {
    inside_for(LIMIT, || waits(&SENDMAIL, OURS, BOUNCED));
}

#[test]
fn mail_of_postfix_waits_until_it_can_log_in() {
    inside_for(LIMIT, || waits(&POSTFIX, THEIRS, &[(Missing, Bounces(S530))]));
}

/// Goal: with the printed lines Exim asks for a login by itself (`hosts_require_auth`), in its own words.
#[test]
fn mail_of_exim_waits_until_it_can_log_in() {
    const WITH: Fates = &[(Wrong, Waits(S535)), (Missing, Waits(EXIMS_OWN)), (Later, Waits(S454))];
    const WITHOUT: Fates = &[(Wrong, Waits(S535)), (Missing, Waits(EXIMS_OWN))];
    inside_for(LIMIT, || waits(&EXIM, WITH, WITHOUT));
}

/// Goal: with lines that ask for no login, as many people have them, the option keeps the mail.
#[test]
fn mail_of_an_exim_that_asks_for_no_login_waits_until_it_can_log_in() {
    const PROGRAM: Program = Program {
        key: "05-exim-try",
        name: "Exim, with `hosts_try_auth`",
        boot: |provider| {
            let machine = exim::exim(provider, false)?;
            let transport = "/etc/exim4/conf.d/transport/30_smtps-bridge";
            machine.sh(&format!("sed -i s/hosts_require_auth/hosts_try_auth/ {transport} && update-exim4.conf"));
            Some(machine)
        },
        ..EXIM
    };
    const WITH: Fates = &[(Wrong, Waits(REFUSED)), (Missing, Waits(NO_PASSWORD)), (Later, Waits(S454))];
    inside_for(LIMIT, || waits(&PROGRAM, WITH, BOUNCED));
}

#[test]
fn mail_of_nullmailer_waits_until_it_can_log_in() {
    inside_for(LIMIT, || waits(&NULLMAILER, THEIRS, &[(Missing, Bounces(S530))]));
}

/// Goal: the same, but for a wrong password: dma gives up at the smarthost's own 535.
#[test]
fn mail_of_dma_waits_until_it_can_log_in_but_bounces_with_a_wrong_password() {
    const WITH: Fates = &[(Wrong, Bounces(S535)), (Missing, Waits(NO_PASSWORD)), (Later, Waits(LATER))];
    const WITHOUT: Fates = &[(Wrong, Bounces(S535)), (Missing, Bounces(S530)), (Later, Bounces(S530))];
    inside_for(LIMIT, || waits(&DMA, WITH, WITHOUT));
}

/// Goal: OpenSMTPD sends no password over a plain hop, so with the option its mail waits, and without it bounces.
#[test]
fn mail_of_opensmtpd_waits_because_it_never_logs_in() {
    const PROGRAM: Program = Program {
        key: "08-opensmtpd",
        name: "OpenSMTPD (`opensmtpd`)",
        place: "`smtpctl show queue`, log",
        boot: |provider| {
            let machine = opensmtpd::opensmtpd()?;
            // It needs the rights that the package gives it.
            machine.sh("cp /usr/sbin/smtpctl /var/smtpctl && chgrp opensmtpq /var/smtpctl && chmod 2755 /var/smtpctl");
            listen(&machine, provider, false);
            Some(machine)
        },
        point: through_inetd,
        password: "",
        send: "until swaks --server 127.0.0.1:25 --from alice@example.org --to bob@example.net > /dev/null; do sleep 0.1; done",
        queue: Some(Queue {
            retry: "/var/smtpctl schedule all",
            list: "/var/smtpctl show queue",
            message: "bob@example.net",
            reasons: Reasons::Queue,
            deferred: "result=\"TempFail\"",
bounced: "result=\"PermFail\"",
        }),
    };
    inside_for(LIMIT, || waits(&PROGRAM, &[(Missing, Waits(NO_PASSWORD))], &[(Missing, Bounces(S530))]));
}

pub const SENDMAIL: Program = Program {
    key: "02-sendmail-port",
    name: "sendmail, through the port (`sendmail-port`)",
    place: "`mailq`, log",
    boot: |provider| {
        let lines = |machine: &Machine| machine.sh(&format!("smtps-bridge --print-config sendmail-port {NAME}"));
        let machine = sendmail::sendmail(lines)?;
        listen(&machine, provider, false);
        Some(machine)
    },
    point: through_inetd,
    password:
        "cd /etc/mail && if [ \"$password\" ]; then sed \"s/secret/$password/\" authinfo; fi | makemap hash authinfo",
    send: "printf 'Subject: hello\n\nfrom a mail program\n' |
           /usr/libexec/sendmail/sendmail -Am -odi -f alice@example.org bob@example.net",
    queue: Some(Queue {
        retry: "/usr/libexec/sendmail/sendmail -qf",
        list: "/usr/libexec/sendmail/sendmail -Am -bp",
        message: "bob@example.net",
        reasons: Reasons::Queue,
        deferred: "stat=Deferred",
        bounced: "stat=Service unavailable",
    }),
};

pub const SENDMAIL_MAILER: Program = Program {
    key: "01-sendmail",
    name: "sendmail, as a mailer (`sendmail`)",
    boot: |provider| sendmail::sendmail(|machine| provider.printed(machine, "sendmail", &provider.good)),
    point: |machine, lines| sendmail::configure(machine, &lines.of("sendmail")),
    ..SENDMAIL
};

pub const POSTFIX: Program = Program {
    key: "03-postfix",
    name: "Postfix (`postfix`)",
    place: "`postqueue -p`, log",
    boot: |provider| postfix::postfix(provider, false),
    point: through_inetd,
    // A table that changes twice in a second is not read again by itself.
    password: "cd /etc/postfix && echo \"${password:+[127.0.0.1]:2525 alice:$password}\" > smtps-bridge-password &&
               postmap hash:/etc/postfix/smtps-bridge-password && postfix reload 2> /dev/null",
    send: "printf 'Subject: hello\n\nfrom a mail program\n' | sendmail -f alice@example.org bob@example.net",
    queue: Some(Queue {
        retry: "postqueue -f",
        list: "postqueue -p",
        message: "bob@example.net",
        reasons: Reasons::Queue,
        deferred: "status=deferred",
        bounced: "status=bounced",
    }),
};

pub const EXIM: Program = Program {
    key: "04-exim",
    name: "Exim (`exim`)",
    place: "`exim4 -Mvl`, log",
    boot: |provider| exim::exim(provider, false),
    point: through_inetd,
    password: "echo \"${password:+127.0.0.1:alice:$password}\" > /etc/exim4/passwd.client
               [ ! -e /var/log/exim4/mainlog ] || : > /var/log/exim4/mainlog",
    send: "printf 'Subject: hello\n\nfrom a mail program\n' | exim4 -odf -f alice@example.org bob@example.net",
    queue: Some(Queue {
        retry: "exim4 -qff",
        list: "exim4 -bp",
        message: "bob@example.net",
        reasons: Reasons::File("/var/log/exim4/mainlog"),
        deferred: "== bob@example.net",
        bounced: "** bob@example.net",
    }),
};

pub const NULLMAILER: Program = Program {
    key: "06-nullmailer",
    name: "nullmailer (`nullmailer`)",
    place: "log",
    boot: |provider| nullmailer::nullmailer(provider, false),
    point: through_inetd,
    password:
        "sed -i \"s/^\\(127.*port=2525\\).*/\\1${password:+ user=alice pass=$password}/\" /etc/nullmailer/remotes",
    send: "printf 'Subject: hello\n\nfrom a mail program\n' | nullmailer-inject -f alice@example.org bob@example.net
           setpriv --reuid mail --regid mail --clear-groups nullmailer-send 2>&1",
    queue: Some(Queue {
        retry: "setpriv --reuid mail --regid mail --clear-groups nullmailer-send 2>&1",
        list: "mailq",
        message: "from <alice@example.org>",
        reasons: Reasons::Log,
        deferred: "message(s) remain",
        bounced: "Generating bounce for",
    }),
};

pub const DMA: Program = Program {
    key: "07-dma",
    name: "dma (`dma`)",
    place: "log",
    boot: |provider| dma::dma(provider, false),
    point: through_inetd,
    password: "echo \"${password:+alice|127.0.0.1:$password}\" > /etc/dma/auth.conf",
    send: "printf 'Subject: hello\n\nfrom a mail program\n' | dma -f alice@example.org bob@example.net",
    queue: Some(Queue {
        // A dma that waits has read the password that there was.
        retry: "pkill -x dma; dma -q",
        list: "dma -bp",
        message: "bob@example.net",
        reasons: Reasons::Log,
        deferred: "remote delivery deferred: 127.0.0.1",
        // The last line about it: the bounce, with the same password, is not delivered either.
        bounced: "can not bounce a bounce message",
    }),
};

/// sendmail goes on to MAIL after a refusal, and hears of it there; not after a 454.
const OURS: Fates = &[(Wrong, Waits(REFUSED)), (Missing, Waits(NO_PASSWORD)), (Later, Waits(TEMPORARY))];
const BOUNCED: Fates = &[(Wrong, Bounces(S530)), (Missing, Bounces(S530))];
/// Others stop at AUTH by themselves.
const THEIRS: Fates = &[(Wrong, Waits(S535)), (Missing, Waits(NO_PASSWORD)), (Later, Waits(S454))];
