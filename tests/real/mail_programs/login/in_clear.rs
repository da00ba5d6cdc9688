//! Mail through `--starttls`: whatever is said in clear, the mail waits and never bounces; it leaves once the smarthost is
//! honest.

use crate::real::mail_programs::sendmail;
use crate::support::ca::Leaf;
use crate::support::smarthost::{InClear, Settings, Smarthost};

use super::queued::{DMA, EXIM, NULLMAILER, POSTFIX, SENDMAIL, SENDMAIL_MAILER};
use super::unqueued::{BUSYBOX, MSMTP, SWAKS};
use super::*;

const GREETING: &str = "220 smtp.example.com ESMTP\r\n";
const OFFERS: &str = "250-smtp.example.com\r\n250 STARTTLS\r\n";
const READY: &str = "220 2.0.0 Ready to start TLS\r\n";
const HONEST: InClear = [GREETING, OFFERS, READY];

/// Each would bounce the mail of some program, or take its ESMTP away, if the program heard it.
const LIES: [InClear; 6] = [
    ["554 5.7.1 go away\r\n", "", ""],
    ["220 ****\r\n", "502 5.5.1 what\r\n", ""],
    [GREETING, "250 smtp.example.com\r\n", "502 5.5.1 what\r\n"],
    [GREETING, OFFERS, "554 5.7.1 no\r\n"],
    [GREETING, OFFERS, "454 4.7.0 not now\r\n"],
    [GREETING, OFFERS, "220 Ready\r\n554 5.7.1 go away\r\n"],
];

#[test]
fn mail_of_sendmail_that_starts_the_bridge_never_bounces_before_tls() {
    inside_for(LIMIT, || never_bounces(&SENDMAIL_MAILER));
}

/// Goal: without the flag `a` sendmail says EHLO, and so AUTH, only to a greeting with the word ESMTP in it: ours has it.
#[test]
fn mail_of_a_sendmail_that_looks_for_the_word_esmtp_never_bounces_before_tls() {
    const PROGRAM: Program = Program {
        point: |machine, lines| {
            let mailer = lines.of("sendmail");
            assert!(mailer.contains(" F=mDFMuXa8kS,"), "{mailer}");
            sendmail::configure(machine, &mailer.replace(" F=mDFMuXa8kS,", " F=mDFMuX8kS,"));
        },
        ..SENDMAIL_MAILER
    };
    inside_for(LIMIT, || never_bounces(&PROGRAM));
}

#[test]
fn mail_of_sendmail_through_a_port_never_bounces_before_tls() {
    inside_for(LIMIT, || never_bounces(&SENDMAIL));
}

#[test]
fn mail_of_postfix_never_bounces_before_tls() {
    inside_for(LIMIT, || never_bounces(&POSTFIX));
}

#[test]
fn mail_of_exim_never_bounces_before_tls() {
    inside_for(LIMIT, || never_bounces(&EXIM));
}

#[test]
fn mail_of_nullmailer_never_bounces_before_tls() {
    inside_for(LIMIT, || never_bounces(&NULLMAILER));
}

#[test]
fn mail_of_dma_never_bounces_before_tls() {
    inside_for(LIMIT, || never_bounces(&DMA));
}

#[test]
fn msmtp_says_why_there_is_no_session_before_tls() {
    inside_for(LIMIT, || never_bounces(&MSMTP));
}

#[test]
fn busybox_says_why_there_is_no_session_before_tls() {
    inside_for(LIMIT, || never_bounces(&BUSYBOX));
}

#[test]
fn swaks_says_why_there_is_no_session_before_tls() {
    inside_for(LIMIT, || never_bounces(&SWAKS));
}

/// Goal of each such test: mail waits (or its sender hears that it has not gone) while the smarthost, or somebody in between,
/// lies in clear, and while its certificate has expired; then it arrives, with AUTH.
#[track_caller]
fn never_bounces(program: &'static Program) {
    let mut provider = Provider::new();
    let serve = |leaf: &Leaf, clear: InClear| {
        let tls = leaf.server(rustls::ALL_VERSIONS);
        Smarthost::start(Settings { clear: Some(clear), ..Settings::new(tls) }).expect("a port")
    };
    provider.good = serve(&provider.house.ca.leaf_for(&[NAME]), LIES[0]);
    let expired = serve(&crate::real::expired(&provider.house), HONEST);
    let Some(machine) = (program.boot)(&provider) else { return };
    let inbox = || provider.good.inbox().iter().filter(|message| message.to == [BOB]).count();
    let trial = Trial { program, machine: &machine, inbox: &inbox };
    let point = |host: &Smarthost| {
        let words = format!("--starttls {}", provider.words(host));
        (program.point)(&machine, &Lines { machine: &machine, words: &words, option: true });
    };
    let kept = |fate| matches!(fate, Waits(NO_SESSION) | Fails(NO_SESSION));

    point(&expired);
    let mut fate = trial.attempt(RIGHT, program.send);
    assert!(kept(fate), "an expired certificate: {fate:?}");
    point(&provider.good);
    for lie in LIES {
        provider.good.in_clear(lie);
        fate = trial.next(fate, RIGHT);
        assert!(kept(fate), "{lie:?}: {fate:?}");
    }
    assert_eq!(provider.good.logins(), 0);
    provider.good.in_clear(HONEST);
    assert_eq!(trial.next(fate, RIGHT), Sent, "from an honest smarthost");
    assert_eq!(provider.good.inbox()[0].user, "alice");
}
