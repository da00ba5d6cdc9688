//! What a queue of twenty costs when it is flushed with a wrong password: each try is a failed login, and a provider may
//! lock the account after some.

use std::ops::RangeInclusive;

use crate::support::limit::until;

use super::super::PATIENCE;
use super::queued::{EXIM, POSTFIX, SENDMAIL, SENDMAIL_MAILER};
use super::*;

/// Goal: the mailer tries each message, with PLAIN and then with LOGIN.
#[test]
fn a_flush_of_twenty_messages_with_a_wrong_password_is_forty_logins_of_sendmail_that_starts_the_bridge() {
    inside_for(LIMIT, || costs(&SENDMAIL_MAILER, SENDMAIL_SUBMITS, 40..=40));
}

#[test]
fn a_flush_of_twenty_messages_with_a_wrong_password_is_forty_logins_of_sendmail_through_a_port() {
    inside_for(LIMIT, || costs(&SENDMAIL, SENDMAIL_SUBMITS, 40..=40));
}

/// Goal: Postfix leaves the rest of the queue alone when the smarthost has refused the first ones that it tried at once.
#[test]
fn a_flush_of_twenty_messages_with_a_wrong_password_is_a_few_logins_of_postfix() {
    const SUBMIT: &str = "postconf -e defer_transports=smtps-bridge && postfix reload 2> /dev/null
        for n in $(seq 20); do
            printf 'Subject: hello\n\nfrom a mail program\n' | sendmail -f alice@example.org bob@example.net
        done
        until [ \"$(postqueue -p | grep -c 'deferred transport')\" = 20 ]; do sleep 0.1; done
        postconf -e defer_transports= && postfix reload 2> /dev/null";
    inside_for(LIMIT, || costs(&POSTFIX, SUBMIT, 2..=6));
}

/// Goal: a forced run of Exim's queue tries each message, with PLAIN and then with LOGIN.
#[test]
fn a_flush_of_twenty_messages_with_a_wrong_password_is_forty_logins_of_exim() {
    const SUBMIT: &str = "for n in $(seq 20); do
            printf 'Subject: hello\n\nfrom a mail program\n' | exim4 -odq -f alice@example.org bob@example.net
        done";
    inside_for(LIMIT, || costs(&EXIM, SUBMIT, 40..=40));
}

const SENDMAIL_SUBMITS: &str = "for n in $(seq 20); do
        printf 'Subject: hello\n\nfrom a mail program\n' |
            /usr/libexec/sendmail/sendmail -Am -odq -f alice@example.org bob@example.net
    done";

#[track_caller]
fn costs(program: &'static Program, submit: &str, expected: RangeInclusive<usize>) {
    let provider = Provider::new();
    let Some(machine) = (program.boot)(&provider) else { return };
    let words = provider.words(&provider.good);
    (program.point)(&machine, &Lines { machine: &machine, words: &words, option: true });
    let queue = program.queue.as_ref().expect("a queue");
    machine.sh(&format!("password=wrong\n{}\n{submit}", program.password));
    assert_eq!(provider.good.sessions(), 0);

    let logged = machine.syslog.lines().len();
    machine.run(queue.retry);
    let log = || match queue.reasons {
        Reasons::File(file) => machine.sh(&format!("cat {file}")),
        _ => machine.syslog.lines().split_off(logged).join("\n"),
    };
    until(PATIENCE, &format!("each message was looked at: {}", log()), || log().matches(queue.deferred).count() >= 20);
    assert_eq!(machine.sh(queue.list).matches(queue.message).count(), 20);
    let logins = provider.good.logins();
    assert!(expected.contains(&logins), "{logins} logins in {} sessions", provider.good.sessions());
    let (least, most) = expected.into_inner();
    let cell = if least == most { most.to_string() } else { format!("{least} to {most}") };
    write(&format!("flush-{}", program.key), &format!("| {} | {cell} |\n", program.name));
}
