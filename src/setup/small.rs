//! Mail programs of a few lines each, through a superserver's port.

use crate::error::Error;

use super::fill::ONE_PROVIDER;
use super::Fill;

pub fn nullmailer(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for nullmailer. This line goes into /etc/nullmailer/remotes, in place of the one for your provider; then,
# as root: cd /etc/nullmailer && chown mail:mail remotes && chmod 600 remotes && systemctl restart nullmailer
{ip} smtp port={port} user=account pass=password
#
# {ONE_PROVIDER}
#
# The proof: echo hello | sendmail you@example.com, and the log
# The queue: mailq. The reason is in the log only: grep nullmailer /var/log/mail.log
# Try again now, as root: systemctl restart nullmailer
"#
    ))
}

pub fn dma(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for dma. These lines go to the end of /etc/dma/dma.conf, in place of what stands there under the same
# names; SECURETRANSFER and STARTTLS must not stand there. Nothing is to be restarted.
#
# INSECURE: the password may cross a plain hop, which does not leave this machine.
SMARTHOST {ip}
PORT {port}
AUTHPATH /etc/dma/auth.conf
INSECURE
#
# The password, as one line in /etc/dma/auth.conf, which only root and the group mail may read:
#password: account|{ip}:password
#
# WARNING: a wrong password bounces the mail, because dma bounces when the login itself is refused. Look at the proof before
# you let mail in. With a missing one the mail waits, if the bridge has --require-auth, as the printed lines have.
#
# {ONE_PROVIDER}
#
# The proof: echo hello | dma you@example.com, and "delivery successful" in the log
# The queue: dma -bp. The reason is in the log only: grep dma /var/log/mail.log
# Try again now: dma -q
"#
    ))
}

pub fn msmtp(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for msmtp: /etc/msmtprc, or ~/.msmtprc of a user, mode 0600.
#
# auth plain: with "auth on" msmtp refuses to send a password without TLS of its own.
# tls off: it does not leave this machine, and a smarthost that offers STARTTLS inside the tunnel is left alone.
defaults
syslog LOG_MAIL
account default
host {ip}
port {port}
tls off
auth plain
user account
password password
#
# {ONE_PROVIDER}
#
# The proof: echo hello | msmtp -d -f you@example.com you@example.com
# There is no queue: what cannot be sent stays with the program that called msmtp, with the reason on its stderr and an
# exit code, 77 for a wrong password.
"#
    ))
}

pub fn ssmtp(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r"# smtps-bridge for ssmtp. These lines go into /etc/ssmtp/ssmtp.conf, in place of what stands there under the same names;
# then, as root: chown root:mail /etc/ssmtp/ssmtp.conf && chmod 640 /etc/ssmtp/ssmtp.conf
# (Debian's ssmtp runs as group mail. Elsewhere whoever sends mail must be able to read the file, and the password in it.)
#
# UseTLS, UseSTARTTLS  off: the password does not leave this machine, and a smarthost that offers STARTTLS inside the
#                      tunnel is left alone
# FromLineOverride     the sender is that of the message's From line, not the user's name on this machine
mailhub={ip}:{port}
UseTLS=NO
UseSTARTTLS=NO
FromLineOverride=YES
AuthUser=account
AuthPass=password
#
# {ONE_PROVIDER}
#
# The proof: echo hello | ssmtp -v you@example.com
# There is no queue: what cannot be sent ends in ~/dead.letter, with exit code 1. Why a session failed stands in the
# bridge's log line only; ssmtp says no more than 'Invalid response SMTP server'.
"
    ))
}

/// Stock qmail cannot log in.
pub fn qmail(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r"# smtps-bridge for qmail. This line goes into /var/qmail/control/smtproutes, in place of another one that begins with a
# colon. Nothing is to be restarted.
#
# WARNING: qmail-remote cannot log in. The line serves only if the smarthost takes mail without a password, because it knows
# this machine's address or the certificate that --cert shows; then take --require-auth out of the bridge's line. With it, mail
# for any other smarthost waits. A qmail-remote that was patched to log in has its account behind the port, or in a file of
# its own: its patch says where.
:{ip}:{port}
#
# The proof: echo hello | /var/qmail/bin/sendmail you@example.com, and 'success' in qmail's log
# The queue: qmail-qread. The reason is in qmail's log only. Try again now, as root: kill -ALRM $(pidof qmail-send)
"
    ))
}
