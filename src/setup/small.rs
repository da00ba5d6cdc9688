//! Mail programs of a few lines each, through a superserver's port.

use crate::error::Error;

use super::fill::ONE_PROVIDER;
use super::Fill;

pub fn nullmailer(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for nullmailer. Put this line into /etc/nullmailer/remotes, in place of the one for your provider; then,
# as root: cd /etc/nullmailer && chown mail:mail remotes && chmod 600 remotes && systemctl restart nullmailer
{ip} smtp port={port} user=account pass=password
#
# Many providers accept only your own address as the sender, refuse others with 553 or 550, and so bounce the mail. If yours
# is one of them, as root: echo me@example.com > /etc/nullmailer/allmailfrom
#
# {ONE_PROVIDER}
#
# The proof: echo hello | sendmail you@example.com, and the log
# The queue: mailq. The reason is in the log only: journalctl | grep nullmailer, or /var/log/mail.log
# To try again now, as root: systemctl restart nullmailer
"#
    ))
}

pub fn dma(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for dma. Append these lines to /etc/dma/dma.conf, and delete the old lines of the same names, SECURETRANSFER
# and STARTTLS. Nothing needs a restart.
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
# WARNING: a wrong password bounces the mail, because dma bounces when the login itself is refused. Prove that it works
# before you let mail in. Without any password the mail waits, if the bridge has --require-auth, as the printed lines do.
#
# Many providers accept only your own address as the sender, refuse others with 553 or 550, and so bounce the mail. If yours
# is one of them, as root: echo MASQUERADE me@example.com >> /etc/dma/dma.conf
#
# {ONE_PROVIDER}
#
# The proof: echo hello | dma you@example.com, and "delivery successful" in the log
# The queue: dma -bp. The reason is in the log only: journalctl | grep dma, or /var/log/mail.log
# To try again now, as root: pkill -x dma; dma -q (dma -q alone leaves out what a dma process still waits to send)
"#
    ))
}

pub fn msmtp(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for msmtp. Save these lines as /etc/msmtprc, or as ~/.msmtprc of a user; then: chmod 600 /etc/msmtprc
# (Then only root can send with /etc/msmtprc, and each user who sends mail needs a ~/.msmtprc.)
#
# auth plain: with "auth on" msmtp refuses to send a password without TLS of its own.
# tls off: the password does not leave this machine. If the smarthost offers STARTTLS inside the tunnel, it is not used.
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
# Many providers accept only your own address as the sender, and refuse others with 553 or 550. If yours is one of them:
# sed -i '/^account default/a from me@example.com\nset_from_header on' /etc/msmtprc
#
# The proof: printf 'Subject: test\n\nhello\n' | msmtp -d -f me@example.com you@example.com
# There is no queue: what cannot be sent stays with the program that called msmtp, with the reason on its stderr and an
# exit code, 77 for a wrong password.
"#
    ))
}

pub fn ssmtp(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r"# smtps-bridge for ssmtp. Put these lines into /etc/ssmtp/ssmtp.conf, and delete the old lines of the same names; then, as
# root: chown root:mail /etc/ssmtp/ssmtp.conf && chmod 640 /etc/ssmtp/ssmtp.conf
# (Debian's ssmtp runs as group mail. Elsewhere whoever sends mail must be able to read the file, and the password in it.)
#
# UseTLS, UseSTARTTLS  off: the password does not leave this machine. If the smarthost offers STARTTLS inside the tunnel,
#                      it is not used
# FromLineOverride     the sender is the one in the message's From line, if there is one
mailhub={ip}:{port}
UseTLS=NO
UseSTARTTLS=NO
FromLineOverride=YES
AuthUser=account
AuthPass=password
#
# Many providers accept only your own address as the sender, and refuse others with 553 or 550. If yours is one of them, as
# root, for each user who sends mail: echo root:me@example.com >> /etc/ssmtp/revaliases
#
# {ONE_PROVIDER}
#
# The proof: echo hello | ssmtp -v you@example.com
# There is no queue: what cannot be sent ends in ~/dead.letter, with exit code 1. Only the bridge's log line says why a
# session failed; ssmtp says no more than 'Invalid response SMTP server'.
"
    ))
}

/// Stock qmail cannot log in.
pub fn qmail(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r"# smtps-bridge for qmail. Put this line into /var/qmail/control/smtproutes, in place of another one that begins with a
# colon. Nothing needs a restart.
#
# WARNING: qmail-remote cannot log in. This works only if the smarthost takes mail without a password, because it knows this
# machine's address or your --cert; then take --require-auth out of the line that starts the bridge. Mail for any other
# smarthost waits. If your qmail-remote has a patch that lets it log in, the patch says where its account goes.
:{ip}:{port}
#
# The proof: echo hello | /var/qmail/bin/sendmail you@example.com, and 'success' in qmail's log
# The queue: qmail-qread. The reason is in qmail's log only. To try again now, as root: kill -ALRM $(pidof qmail-send)
"
    ))
}
