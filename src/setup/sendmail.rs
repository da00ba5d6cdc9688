//! sendmail: as a mailer, which starts the bridge itself, or through a superserver's port. m4 reads the lines first.

use crate::error::Error;

use super::fill::ONE_PROVIDER;
use super::quote::bare;
use super::Fill;

/// A comma ends a field of the M line, and m4's quotes are the only ones.
const SIGNS: &str = "_./:@+=-[]";

pub fn mailer(fill: &Fill) -> Result<String, Error> {
    let smarthost = &fill.smarthost.name;
    let program = bare(&[fill.program], "sendmail", SIGNS)?;
    let words = bare(&fill.words(), "sendmail", SIGNS)?;
    let rules = rules("server_name", "smtps");
    let password = password("smtps", "the mailer's name, not your provider's");
    let login = fill.require_auth("dnl ");
    let notes: String = fill.notes.iter().map(|note| format!("dnl {note}\n")).collect();
    Ok(format!(
        r#"dnl smtps-bridge for sendmail, which starts it itself: it needs no superserver and no port. Include this file in
dnl /etc/mail/sendmail.mc, or copy the lines without a mark, above MAILER_DEFINITIONS and all MAILER lines; then, as root:
dnl make -C /etc/mail (Debian: sendmailconfig) and restart sendmail.
dnl
{login}dnl
dnl Each message gets a session of its own, because sendmail keeps connections open with TCP hosts only. If that is too
dnl slow, as it may be for lists, let a superserver start the bridge: smtps-bridge --print-config sendmail-port.
dnl
define(`SMART_HOST', `smtps:{smarthost}')dnl
FEATURE(`authinfo', `hash /etc/mail/authinfo')dnl
dnl Debian's sendmail remembers a host that failed. For 30 minutes it defers all mail to that host without trying, even
dnl with "sendmail -q". Trying costs nothing here.
define(`confTO_HOSTSTATUS', `0s')dnl
dnl S: sendmail starts the bridge as root, and the bridge becomes nobody by itself. Without S it would run as the user who
dnl sends the mail, and that user could read the password in its memory.
dnl a: ESMTP, so that sendmail logs in.  8: 8BITMIME, if the smarthost has it.  k: the greeting's name is no loop.
LOCAL_CONFIG
Msmtps,	P=`{program}', F=mDFMuXa8kS, S=EnvFromSMTP/HdrFromSMTP, R=MasqSMTP, E=\r\n, L=990,
	T=DNS/RFC822/SMTP, A=smtps-bridge `{words}'
{rules}{password}{notes}"#
    ))
}

pub fn port(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    let rules = rules("server_addr", &ip.to_string());
    let password = password(&ip.to_string(), "where sendmail connects to");
    Ok(format!(
        r#"dnl smtps-bridge for sendmail through a port, on which inetd, xinetd or systemd listens. Include this file in
dnl /etc/mail/sendmail.mc, or copy the lines without a mark, above MAILER_DEFINITIONS and all MAILER lines; then, as root:
dnl make -C /etc/mail (Debian: sendmailconfig) and restart sendmail.
dnl
dnl "relay:" is needed because sendmail takes a bare [{ip}] for the local host, and delivers here.
define(`SMART_HOST', `relay:[{ip}]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl
FEATURE(`authinfo', `hash /etc/mail/authinfo')dnl
dnl Debian's sendmail remembers a host that failed. For 30 minutes it defers all mail to that host without trying, even
dnl with "sendmail -q". Here that host is always {ip}, and trying costs nothing.
define(`confTO_HOSTSTATUS', `0s')dnl
{rules}{password}"#
    ))
}

/// What sendmail must not do inside the tunnel. `server`: the macro that tells the bridge from other hosts.
fn rules(server: &str, bridge: &str) -> String {
    format!(
        r#"dnl If the smarthost offers STARTTLS inside the tunnel, do not start TLS in TLS. The gaps in these lines are tabs.
define(`_LOCAL_TRY_TLS_')dnl
LOCAL_RULESETS
SLocal_try_tls
R$*	$: $&{{{server}}}
R{bridge}	$#error $@ 5.7.1 $: "550 the bridge has TLS already"
"#
    )
}

fn password(key: &str, what_it_is: &str) -> String {
    format!(
        r#"dnl
dnl The password, as one line in /etc/mail/authinfo; the key is {what_it_is}:
dnl authinfo: AuthInfo:{key} "U:account" "I:account" "P:password" "M:PLAIN LOGIN"
dnl then, as root: cd /etc/mail && chmod 600 authinfo && makemap hash authinfo < authinfo
dnl
dnl Only root may be able to write to the map's directory and to every directory above it. Otherwise mailq says "unsafe map
dnl file" and the mail waits, as it does without a line with that key. To log in, sendmail needs Cyrus SASL's PLAIN (Debian:
dnl the package libsasl2-modules). Without it, mailq says "Temporary AUTH failure".
dnl
dnl Many providers accept only your own address as the sender, refuse others with 553 or 550, and so bounce the mail. If
dnl yours is one of them, add these below the lines without a mark, with what "hostname -f" prints on this machine:
dnl FEATURE(`masquerade_envelope')dnl
dnl FEATURE(`genericstable', `hash /etc/mail/genericstable')dnl
dnl GENERICS_DOMAIN(`nas.home.example')dnl
dnl and each user who sends mail to /etc/mail/genericstable:
dnl generics: root me@example.com
dnl then, as root: cd /etc/mail && makemap hash genericstable < genericstable
dnl
dnl {ONE_PROVIDER}
dnl
dnl The proof, as root: echo hello | sendmail -Am -v you@example.com
dnl The queue, with the reason (cut after 60 characters): mailq. Whole, in the log: journalctl -t smtps-bridge, or mail.log
dnl To try again now, as root: sendmail -q -v
"#
    )
}
